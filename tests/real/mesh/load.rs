//! Steady requests in a mesh while something happens to it, and what became of them.

use super::harness::{HELLO, Mesh, flags};
use crate::clusters::wait_for;
use mesh_tests::run;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// As many good replies in a row, of each source, are steady.
const STEADY: usize = 25;

/// Requests a second from each source, and how many may be under way: a node's runtime does not
/// take any number of commands at once.
const RATE: &str = "--rate 3 --concurrency 4";

/// Errors of those who ask: a client that is restarted sends nothing.
const UNSENT: [&str; 3] = ["pod", "exec", "api"];

/// Requests that go on until this ends: from clients with a sidecar, or through an ingress gateway.
struct Probe {
    child: Child,
    file: PathBuf,
}

/// What became of requests.
#[derive(Debug, Default)]
pub struct Counts {
    sent: usize,
    failed: usize,
    unsent: usize,
    /// Why mesh-lbcheck's verdict is no.
    reasons: Vec<String>,
}

impl Probe {
    fn start(mesh: &Mesh, name: &str, who: &str) -> Self {
        let file = mesh.path(&format!("{name}.jsonl"));
        let script = format!("exec mesh-probe -q {who} --for 2h {RATE}");
        let mut command = mesh.command(&script);
        let replies = File::create(&file).expect("it can be written");
        let child = command.stdin(Stdio::null()).stdout(replies).spawn().expect("it starts");
        Self { child, file }
    }

    fn records(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.file).expect("it is there");
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).expect("a record is JSON")).collect()
    }

    /// Waits until these versions alone answer each source, and without an error.
    fn settle(&self, versions: &[&str]) {
        let before = self.records().len();
        let wanted: BTreeSet<&str> = versions.iter().copied().collect();
        wait_for(&format!("steady replies of {versions:?} in {}", self.file.display()), || {
            let records = self.records();
            let mut sources: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
            for record in &records[before..] {
                sources.entry(record["source"].as_str()?).or_default().push(record);
            }
            let is_steady = |replies: &Vec<&Value>| {
                let last = replies.iter().rev().take(STEADY);
                let seen: Option<BTreeSet<&str>> = last.map(|reply| version(reply)).collect();
                replies.len() >= STEADY && seen.is_some_and(|seen| seen == wanted)
            };
            (!sources.is_empty() && sources.values().all(is_steady)).then_some(())
        });
    }

    /// Asks it to end, so that it writes what it knows.
    fn stop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }

    /// Ends it, and lets mesh-lbcheck judge; requests that were not sent are left out.
    fn end(mut self, mesh: &Mesh, versions: &[&str]) -> Counts {
        self.stop();
        let (unsent, sent): (Vec<Value>, Vec<Value>) =
            self.records().into_iter().partition(|record| {
                record["error"].as_str().is_some_and(|error| UNSENT.contains(&error))
            });
        let text: String =
            sent.iter().flat_map(|record| [record.to_string(), "\n".into()]).collect();
        mesh.judge(&text, versions, unsent.len())
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

/// The version of a good reply.
fn version(reply: &Value) -> Option<&str> {
    if !reply["error"].is_null() {
        return None;
    }
    let (_, rest) = reply["body"].as_str()?.split_once("version: ")?;
    Some(rest.split_once(',')?.0)
}

impl Mesh {
    /// mesh-lbcheck's verdict about requests that were sent.
    pub fn judge(&self, replies: &str, versions: &[&str], unsent: usize) -> Counts {
        let check = format!("mesh-lbcheck -o json --expect {}", versions.join(","));
        let judged = run(&mut self.command(&check), replies);
        assert!(matches!(judged.code, Some(0 | 1)), "{judged:?}");
        let report: Value = serde_json::from_str(&judged.stdout).expect("it is JSON");
        let number =
            |key: &str| usize::try_from(report[key].as_u64().expect("a number")).expect("few");
        let texts = |key: &str| report[key].as_array().cloned().unwrap_or_default();
        let mut reasons: Vec<String> = texts("reasons")
            .iter()
            .map(|text| text.as_str().unwrap_or_default().to_owned())
            .collect();
        reasons.extend(texts("errorSamples").iter().map(ToString::to_string));
        let (failed, good) = (number("errors"), number("replies"));
        Counts { sent: good + failed, failed, unsent, reasons }
    }

    /// So many requests from each cluster are answered by these versions.
    pub fn answers(&self, topology: &str, contexts: &[&str], versions: &[&str]) -> Counts {
        let ask = |count| format!("mesh-probe -q {}--url {HELLO} --count {count}", flags(contexts));
        let names = versions.join(",");
        wait_for("replies of all", || {
            let script = format!("{} | mesh-lbcheck --expect {names}", ask(20));
            (self.shell(&script).code == Some(0)).then_some(())
        });
        let replies = self.sh(&format!("{} --concurrency 3", ask(100)));
        self.judge(&replies, versions, 0).report(topology)
    }

    /// Something happens under steady requests from these clusters and, if there is one, through
    /// an ingress gateway: before it `before` answer, and after it `after`.
    pub fn during(
        &self,
        event: &str,
        load: &Load<'_>,
        [before, after]: [&[&str]; 2],
        act: impl FnOnce(),
    ) -> Counts {
        let mut probes = Vec::new();
        let within = format!("{}--url {HELLO}", flags(load.contexts));
        probes.push(Probe::start(self, "within", &within));
        if let Some((context, url)) = load.ingress {
            let through = format!("--context {context} -n outside --url {url}");
            probes.push(Probe::start(self, "ingress", &through));
        }
        let settle = |versions| probes.iter().for_each(|probe| probe.settle(versions));
        settle(before);
        act();
        settle(after);
        let all: BTreeSet<&str> = before.iter().chain(after).copied().collect();
        let all: Vec<&str> = all.into_iter().collect();
        let mut counts = Counts::default();
        for probe in probes {
            counts.add(probe.end(self, &all));
        }
        counts.report(event)
    }
}

/// Where requests come from.
pub struct Load<'a> {
    pub contexts: &'a [&'a str],
    /// A cluster, and the URL of its ingress gateway.
    pub ingress: Option<(&'a str, &'a str)>,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.failed += other.failed;
        self.unsent += other.unsent;
        self.reasons.extend(other.reasons);
    }

    /// A line of the table.
    pub fn report(self, what: &str) -> Self {
        let Self { sent, failed, unsent, reasons } = &self;
        let verdict = if reasons.is_empty() { "yes" } else { "no" };
        #[allow(clippy::print_stderr)] // this is a test's own report
        {
            eprintln!(
                "mesh: {what:<48} {sent:>6} sent {failed:>4} failed {unsent:>4} unsent  {verdict}"
            );
            for reason in reasons {
                eprintln!("mesh:   {reason}");
            }
        }
        self
    }

    /// No more failed than if what `alone` counts had happened so many times.
    pub fn lost_no_more_than(&self, alone: &Self, times: usize) {
        assert!(self.sent > 0 && self.failed <= times * alone.failed, "{self:?}, of {alone:?}");
    }

    /// Nothing failed, and who was to answer did.
    pub fn all_well(self) {
        assert!(self.sent > 0 && self.failed == 0 && self.reasons.is_empty(), "{self:?}");
    }
}
