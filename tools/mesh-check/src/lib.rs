//! Captures, dumps and records of the clusters of a mesh in; what keeps them apart out.
//!
//! What bounds it: to read. 64 clusters (32 MB of captures) take 107 instructions a byte, 8 times
//! what `serde_json` takes only to pass over the text: 20 find where objects begin and end, 58 make
//! typed facts of them, 7 reduce a cluster to what other clusters must know, 14 are the checks,
//! half of that signatures of CAs. It is linear: 111 a byte for 8 clusters. Memory is one capture
//! and what is kept of each cluster, 16 MB for 64 and 174 MB for 511 (609 MB), where each holds
//! Secrets of all others.

mod bulk;
mod captures;
mod command;
mod config_map;
mod firewalls;
mod gateways;
mod given;
mod identity;
mod injection;
mod krm;
mod machines;
mod member;
mod networks;
mod page;
mod planes;
mod ranges;
mod read;
mod report;
mod roots;
mod sarif;
mod secrets;
mod services;
mod table;
mod traffic;
mod version;
mod whose;
mod why;

pub use page::page;

use clap::Parser;
use jiff::{SignedDuration, Timestamp};
use member::Mesh;
use mesh_firewall::Existing;
use meshcore::finding::{Finding, Severity};
use meshcore::{Console, DnsLabel, Error, Outcome, Result};
use read::Feed;
use report::{Choice, Form};
use std::path::PathBuf;
use std::time::SystemTime;
use table::Check;
use why::{Name, Question};

const EXAMPLES: &str = "\
Examples:
  mesh-capture --context cluster1 --context cluster2 | mesh-check --only MESH0101,MESH0901 -o junit
  kubectl get namespaces,services -A --context cluster1 -o json | mesh-check -f cluster1=- -o table";

/// Find what keeps the clusters of a mesh from working together
///
/// Reads what mesh-capture writes of all clusters of the mesh, what `kubectl get … -A -o json|yaml`
/// prints of each (`-f NAME=FILE`), and cluster records. Writes what is wrong, causes before what
/// they cause, each with the command that heals it. Nothing is asked of any cluster, and what the
/// input does not tell is not held against it. mesh-checks(7) and --explain describe the checks.
/// Commands have the kubeconfig that a record names only where KUBECONFIG has it, too. Exit status
/// 1 if any finding is an error.
#[derive(Debug, Parser)]
#[command(name = "mesh-check", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: meshstate::Input,
    /// What gcloud, aws or az print of the clusters and their subnets, as mesh-clusters reads it;
    /// standard input is then read with "-f -" only;
    /// may be repeated
    #[arg(long, value_name = "FILE")]
    clusters: Vec<PathBuf>,
    /// Firewall rules of the clusters' VPC networks (gcloud compute firewall-rules list
    /// --format=json); may be repeated
    #[arg(long, value_name = "FILE")]
    firewall_rules: Vec<PathBuf>,
    /// Namespace of Istio, where the input does not tell it [default: istio-system]
    #[arg(long, value_name = "NAMESPACE", value_parser = DnsLabel::parse)]
    istio_namespace: Option<DnsLabel>,
    /// Check these alone
    #[arg(long, value_name = "CODE,...", value_delimiter = ',', value_parser = table::by_code)]
    only: Vec<&'static Check>,
    /// Leave these checks out
    #[arg(long, value_name = "CODE,...", value_delimiter = ',', value_parser = table::by_code)]
    skip: Vec<&'static Check>,
    /// Exit with status 1 at errors only, or at warnings too
    #[arg(long, value_enum, value_name = "SEVERITY", default_value = "error")]
    fail_on: Severity,
    /// Warn of tokens and certificates that end within this time
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = within)]
    within: SignedDuration,
    /// Judge tokens and certificates as of this time (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
    /// Write the checks instead: code, severity, title
    #[arg(long, group = "instead")]
    list: bool,
    /// Write instead what a finding means and what to do about it
    #[arg(long, value_name = "CODE", value_parser = table::by_code, group = "instead")]
    explain: Option<&'static Check>,
    /// Write instead why cluster A does not reach SERVICE (NAMESPACE/NAME or NAME.NAMESPACE) in
    /// cluster B: each link on the way, up to the first that is broken
    #[arg(long, num_args = 3, value_names = ["A", "B", "SERVICE"], group = "instead")]
    why: Option<Vec<String>>,
    /// With --why, the callers' namespace [default: the service's]
    #[arg(long, value_name = "NAMESPACE", requires = "why")]
    client: Option<String>,
    /// Form
    #[arg(short, long, value_enum, default_value = "lines")]
    output: Form,
    #[command(flatten)]
    krm: meshkrm::Flag,
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "is no time, such as 2026-01-31T12:00:00Z".to_owned())
}

/// A span of days, hours or weeks.
fn within(text: &str) -> Result<SignedDuration, &'static str> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let hours = match &text[digits.len()..] {
        "h" => 1,
        "d" => 24,
        "w" => 7 * 24,
        _ => return Err("a time has the form 30d, 4w or 720h"),
    };
    let number = digits.parse::<u32>().map_err(|_| "a time has the form 30d, 4w or 720h")?;
    Ok(SignedDuration::from_hours(i64::from(number) * hours))
}

/// Checks the mesh, or tells of the checks.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    if let Some(call) = krm::FUNCTION.call(&args.krm, args.reads_stdin())? {
        return krm::answer(call, console);
    }
    if args.list {
        return Ok(Outcome::done(page::list(args.output)?));
    }
    if let Some(check) = args.explain {
        return Ok(Outcome::done(page::explain(check)));
    }
    let judging = args.judging()?;
    let question = args.question()?;
    let namespace = args.istio_namespace.as_ref().map(DnsLabel::as_str);
    let feed = Feed::Input(&args.input);
    let (mesh, warnings) = read::read(feed, &args.clusters, namespace, question.as_ref())?;
    for warning in &warnings {
        console.warn(warning);
    }
    if let Some(note) = captures::note(&mesh) {
        console.note(&note);
    }
    let existing = read::firewall_rules(&args.firewall_rules)?;
    if let Some(question) = question {
        let with = |mesh: &Mesh| findings(mesh, existing.as_deref(), judging);
        return why::answer(mesh, &question, with, args.output);
    }
    let choice = args.choice();
    let findings = report::in_order(findings(&mesh, existing.as_deref(), judging)?, &choice);
    Ok(report::outcome(&findings, &choice, args.output, args.fail_on))
}

impl Args {
    fn judging(&self) -> Result<Judging> {
        Ok(Judging { at: self.at.map_or_else(now, Ok)?, within: self.within })
    }

    fn choice(&self) -> Choice {
        Choice { only: self.only.clone(), skip: self.skip.clone() }
    }

    /// Whether the clusters are read from standard input.
    fn reads_stdin(&self) -> bool {
        let tells = self.list || self.explain.is_some();
        !tells && !self.input.is_given() && self.clusters.is_empty()
    }

    fn question(&self) -> Result<Option<Question>> {
        let Some([from, to, service]) = self.why.as_deref() else { return Ok(None) };
        let service = Name::parse(service)
            .map_err(|reason| Error::usage(format!("--why: {service:?}: {reason}")))?;
        let client = self.client.clone();
        Ok(Some(Question { from: from.clone(), to: to.clone(), service, client }))
    }
}

/// When tokens and certificates are judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judging {
    /// As of this time.
    pub at: Timestamp,
    /// With a warning this long before the end.
    pub within: SignedDuration,
}

/// All findings, in no order.
fn findings(mesh: &Mesh, rules: Option<&[Existing]>, judging: Judging) -> Result<Vec<Finding>> {
    let mut found: Vec<Finding> =
        mesh.members.iter().flat_map(|m| m.bulk.findings.clone()).collect();
    found.extend(captures::findings(mesh));
    found.extend(identity::findings(mesh));
    found.extend(planes::findings(mesh, judging.at));
    found.extend(secrets::findings(mesh, judging));
    found.extend(roots::findings(mesh, judging));
    found.extend(networks::findings(mesh)?);
    found.extend(ranges::findings(mesh)?);
    found.extend(gateways::findings(mesh, judging.at));
    found.extend(firewalls::findings(mesh, rules)?);
    found.extend(services::findings(mesh));
    found.extend(traffic::findings(mesh));
    found.extend(machines::findings(mesh));
    Ok(found)
}

fn now() -> Result<Timestamp> {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_err(|_| {
        Error::data("the clock of this machine shows no usable time").hint("give one with --at")
    })
}
