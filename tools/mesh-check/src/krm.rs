//! As a KRM function: the items are what there is in a cluster, findings become results.

use crate::read::{self, Feed};
use crate::{Args, captures, findings, report};
use meshcore::finding::Finding;
use meshcore::{Console, Error, Message, Outcome, Result, Verdict, json_lines};
use meshkrm::{Call, Function, Note};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;

const RESULTS: &str = "it answers with results";
const CHECKS: &str = "it checks";

/// What a cluster is called that nobody named.
const UNNAMED: &str = "items";

pub const FUNCTION: Function = Function {
    kind: "Check",
    refused: &[
        ("list", CHECKS),
        ("explain", CHECKS),
        ("why", CHECKS),
        ("client", CHECKS),
        ("output", RESULTS),
    ],
};

pub fn answer(call: Call<Args>, console: &Console) -> Result<Outcome> {
    let Call { args, list } = call;
    let named = args.cluster_of_items()?;
    let cluster = named.unwrap_or(UNNAMED);
    if list.items().next().is_none() {
        return Err(Error::data("there are no items to check").at("stdin"));
    }
    let text = json_lines(list.items());
    let namespace = args.istio_namespace.as_ref().map(meshcore::DnsLabel::as_str);
    let (mesh, warnings) = read::read(Feed::Text(cluster, &text), &args.clusters, namespace, None)?;
    let existing = read::firewall_rules(&args.firewall_rules)?;
    let found = findings(&mesh, existing.as_deref(), args.judging()?)?;
    let found = report::in_order(found, &args.choice());
    let notes = warnings.into_iter().map(Note::warning);
    let notes = notes.chain(captures::note(&mesh).map(Note::info));
    let mut items: HashMap<String, &Value> = HashMap::new();
    for item in list.items() {
        items.entry(object(item)).or_insert(item);
    }
    let of_findings = found.iter().map(|finding| note(finding, named.is_some(), &items));
    let notes: Vec<Note> = notes.chain(of_findings).collect();
    let fails = found.iter().any(|finding| finding.severity >= args.fail_on);
    let verdict = if fails { Verdict::No } else { Verdict::Yes };
    Ok(meshkrm::answer(&list, &notes, verdict, console))
}

impl Args {
    /// What the user calls the cluster of the items.
    fn cluster_of_items(&self) -> Result<Option<&str>> {
        match &self.input.files[..] {
            [] => Ok(None),
            [one] if one.file == Path::new("-") => Ok(one.cluster.as_deref()),
            _ => {
                Err(Error::usage("--filename: as a KRM function it checks the items, and no file")
                    .hint("NAME=- names the items' cluster"))
            }
        }
    }
}

/// Commands are for a cluster that has a name; an item is healed where it is written.
fn note(finding: &Finding, with_fix: bool, items: &HashMap<String, &Value>) -> Note {
    let Finding { code, severity, message, fix, .. } = finding;
    let mut message = Message::new(format!("{message} ({code})"));
    if with_fix && !fix.is_empty() {
        message = message.hint(format!("fix: {fix}"));
    }
    let note = Note {
        severity: Some(*severity),
        tags: vec![("code", (*code).to_owned())],
        ..Note::info(message)
    };
    // CLUSTER: KIND [NAMESPACE/]NAME
    let about = finding.object.split_once(": ").and_then(|(_, about)| items.get(about));
    about.map_or(note.clone(), |item| note.about(item))
}

/// What findings call an item: `KIND [NAMESPACE/]NAME`.
fn object(item: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &item["metadata"];
    let object = match &*text(&metadata["namespace"]) {
        "" => text(&metadata["name"]),
        namespace => format!("{namespace}/{}", text(&metadata["name"])),
    };
    format!("{} {object}", text(&item["kind"]))
}
