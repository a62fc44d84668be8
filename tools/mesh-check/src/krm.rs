//! As a KRM function: the items are what there is in a cluster, findings become results.

use crate::read::{self, Feed};
use crate::{Args, captures, findings, report};
use meshcore::finding::Finding;
use meshcore::{Console, Error, Message, Outcome, Result, Verdict, json_lines};
use meshkrm::{Call, Function, List, Note};
use serde_json::Value;
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
    let notes: Vec<Note> =
        notes.chain(found.iter().map(|finding| note(finding, named.is_some(), &list))).collect();
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
fn note(finding: &Finding, with_fix: bool, list: &List) -> Note {
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
    let about = list.items().find(|item| is_about(finding, item));
    about.map_or(note.clone(), |item| note.about(item))
}

/// Whether a finding is about this item: `CLUSTER: KIND [NAMESPACE/]NAME`.
fn is_about(finding: &Finding, item: &Value) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &item["metadata"];
    let object = match &*text(&metadata["namespace"]) {
        "" => text(&metadata["name"]),
        namespace => format!("{namespace}/{}", text(&metadata["name"])),
    };
    let object = format!("{} {object}", text(&item["kind"]));
    finding.object.split_once(": ").is_some_and(|(_, about)| about == object)
}
