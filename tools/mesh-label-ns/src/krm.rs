//! As a KRM function: the items' namespaces are labelled, everything else stays as it is.

use crate::{Args, SYSTEM_NAMESPACE, network_elsewhere};
use meshcore::selector::Labels;
use meshcore::{Console, DnsLabel, Error, Message, Outcome, Result, Verdict};
use meshkrm::{Call, Function, List, Note};
use serde::Deserialize as _;
use serde_json::{Value, json};

const NO_CLUSTER: &str = "items are no cluster, and none is asked";
const ITEMS: &str = "it labels the namespaces among the items";

pub const FUNCTION: Function = Function {
    kind: "LabelNs",
    refused: &[
        ("filename", ITEMS),
        ("patch", ITEMS),
        ("output", ITEMS),
        ("simulate", NO_CLUSTER),
        ("restart-list", NO_CLUSTER),
        ("context", NO_CLUSTER),
        ("dry-run", NO_CLUSTER),
        ("allow-missing-revision", NO_CLUSTER),
    ],
};

pub fn answer(call: Call<Args>, console: &Console) -> Result<Outcome> {
    let Call { args, mut list } = call;
    args.check()?;
    create(&args, &mut list)?;
    let is_named = |name: &str| {
        args.namespaces.is_empty() || args.namespaces.iter().any(|wanted| wanted.as_str() == name)
    };
    let wanted = args.wanted();
    let mut notes = Vec::new();
    list.change(|item| {
        let Some(name) = namespace(item).filter(|name| is_named(name)) else { return Ok(None) };
        let labels = Option::<Labels>::deserialize(&item["metadata"]["labels"]).map_err(|_| {
            let text = format!("item Namespace {name}: .metadata.labels: has what is no text");
            Error::data(text).hint("numbers, true, false and null need quotes")
        })?;
        let mut labelled = item.clone();
        if let Some(manifest) = labelled.as_object_mut() {
            wanted.change(&labels.unwrap_or_default()).apply(manifest);
        }
        if args.network.is_some() && name != SYSTEM_NAMESPACE {
            let note = Note::warning(network_elsewhere(name));
            notes.push(note.about(item).field("metadata.labels"));
        }
        Ok(Some(labelled))
    })?;
    if list.items().all(|item| namespace(item).is_none()) {
        notes.push(Note::warning(Message::new("there is no Namespace among the items")));
    }
    Ok(meshkrm::answer(&list, &notes, Verdict::Yes, console))
}

/// Puts the named namespaces that are missing among the items, where that is asked for.
fn create(args: &Args, list: &mut List) -> Result<()> {
    let is_there =
        |name: &&DnsLabel| list.items().any(|item| namespace(item) == Some(name.as_str()));
    let missing: Vec<&DnsLabel> = args.namespaces.iter().filter(|name| !is_there(name)).collect();
    if let Some(name) = missing.first().filter(|_| !args.create) {
        return Err(Error::data(format!("there is no Namespace {name} among the items"))
            .hint("with the key create: \"true\", or --create, it is made"));
    }
    let made: Vec<Value> = missing
        .into_iter()
        .map(|name| {
            let metadata = json!({"name": name.as_str()});
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        })
        .collect();
    list.put(made);
    Ok(())
}

/// The name of a namespace; none of what is no namespace.
fn namespace(item: &Value) -> Option<&str> {
    let is_namespace = item["apiVersion"] == "v1" && item["kind"] == "Namespace";
    item["metadata"]["name"].as_str().filter(|_| is_namespace)
}
