//! Writes what a mesh looks like in each of its clusters, without its secrets.
//!
//! What bounds it: its API servers; the rest is waiting. A cluster is asked 25 times where it
//! serves all API groups: for its version, the groups, and 23 lists or objects; once more for each
//! further 500 objects of a kind, and for each Secret of Istio. 6 kinds are read at a time, in each
//! of 16 clusters.

mod api;
mod read;
mod redact;
mod target;

pub use redact::redact;

use api::{Api, Greeting};
use clap::{Parser, ValueEnum};
use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use meshcore::input::Input;
use meshcore::{Console, DnsLabel, Error, Exit, Message, Outcome, Result, json_lines, yaml};
use meshkube::kube::config::Kubeconfig;
use meshkube::{Access, Patience, Progress};
use meshstate::{Header, HeaderMeta, NotRead};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use target::Target;

const EXAMPLES: &str = "\
Examples:
  mesh-capture --context cluster1 | mesh-revision
  mesh-clusters --contexts cluster1,cluster2 | mesh-capture -o yaml";

/// Clusters that are read at once.
const AT_ONCE: usize = 16;

/// Write what a mesh looks like in each of its clusters, without its secrets
///
/// For each --context, or each cluster record on standard input, writes a v1 List of what decides
/// about the mesh, as kubectl would print it: istiod and its configuration, namespaces, services,
/// workloads, nodes, webhooks, remote Secrets, CA certificates, Istio's objects. Its first item
/// says what it is of, when it was read, and what the user may not read. Only reads; get and list
/// are all the rights that it needs. No token, key, password, environment or annotation that no
/// check reads is in it: tokens keep their claims and a fingerprint, CAs their certificates,
/// addresses neither user nor query. The kubeconfig that a record names is read only where
/// KUBECONFIG has it, too.
#[derive(Debug, Parser)]
#[command(name = "mesh-capture", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Context of a cluster to capture; may be repeated
    #[arg(long, value_name = "CONTEXT", conflicts_with = "files")]
    context: Vec<String>,
    /// Istio's namespace
    #[arg(short, long, value_name = "NAMESPACE", default_value = "istio-system", value_parser = DnsLabel::parse)]
    namespace: DnsLabel,
    /// Write the clusters that can be read, and of the others only why they cannot
    #[arg(long)]
    partial: bool,
    /// Longest time to keep trying a cluster that fails, and for a list of many pages together (as
    /// long as one request at least)
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = meshkube::parse_duration)]
    timeout: Duration,
    /// Form: a line of JSON for each cluster, or a YAML stream
    #[arg(short, long, value_enum, default_value = "jsonl")]
    output: Format,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Jsonl,
    Yaml,
}

/// A cluster, read and redacted.
struct Capture {
    text: String,
    not_read: Vec<NotRead>,
}

/// Reads many clusters at once and writes them in order.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    let targets = if args.context.is_empty() {
        target::of_records(&args.input.read()?, console)?
    } else {
        target::of_contexts(&args.context)?
    };
    let mut kubeconfigs: BTreeMap<Option<String>, _> = BTreeMap::new();
    for target in &targets {
        if !kubeconfigs.contains_key(&target.kubeconfig) {
            let kubeconfig = args.access.read_kubeconfig(target.kubeconfig.as_deref())?;
            kubeconfigs.insert(target.kubeconfig.clone(), kubeconfig);
        }
        meshkube::require_context(&kubeconfigs[&target.kubeconfig], &target.context)?;
    }
    let progress = Progress::new("mesh-capture", targets.len(), !console.is_quiet());
    let one = async |target: &Target| {
        let kubeconfig = &kubeconfigs[&target.kubeconfig];
        let captured = capture(target, kubeconfig, &args).await;
        progress.step(captured.is_ok());
        captured
    };
    let work = stream::iter(targets.iter().map(one)).buffered(AT_ONCE).collect::<Vec<_>>();
    let captured = meshkube::block_on(async { Ok(work.await) })?;
    drop(progress);
    join(&targets, captured, &args, console).map(Outcome::done)
}

/// Reads one cluster.
async fn capture(target: &Target, kubeconfig: &Kubeconfig, args: &Args) -> Result<Capture> {
    let cluster = args.access.connect(kubeconfig, &target.context).await?;
    let api = &Api::new(cluster, Patience::new(args.timeout));
    let asked = Timestamp::now();
    let Greeting { version, date } = api.greet().await?;
    let waited = Timestamp::now().duration_since(asked) / 2;
    let mut header = Header {
        server: Some(api.server().to_owned()),
        kubernetes: version,
        time: date.and_then(|date| DateTimeParser::new().parse_timestamp(date).ok()),
        captured_at: Some(in_seconds(asked.saturating_add(waited).unwrap_or(asked))),
        ..header(target, args)
    };
    let mut objects = Vec::new();
    for part in read::read(api, args.namespace.as_str()).await? {
        objects.extend(part.objects);
        header.not_read.extend(part.gap);
    }
    header.not_read.sort();
    header.not_read.dedup();
    read::sort(&mut objects);
    // A text takes less room than what it is made of.
    Ok(Capture { text: write(&header, objects, args.output), not_read: header.not_read })
}

/// All captures as one stream; with --partial, of a cluster that failed a header that says why.
fn join(
    targets: &[Target],
    captured: Vec<Result<Capture>>,
    args: &Args,
    console: &Console,
) -> Result<String> {
    let failed: Vec<&Error> = captured.iter().filter_map(|one| one.as_ref().err()).collect();
    if failed.len() == targets.len() || (!failed.is_empty() && !args.partial) {
        return Err(all_failures(&failed, targets.len()));
    }
    let mut texts = Vec::new();
    for (target, captured) in targets.iter().zip(captured) {
        let text = match captured {
            Ok(Capture { text, not_read }) => {
                tell_of_gaps(target, &not_read, console);
                text
            }
            Err(error) => {
                let reason = error.message().text().to_owned();
                console.warn(&Message::new(format!("is not captured: {reason}")).at(&target.name));
                let header = Header { unreachable: Some(reason), ..header(target, args) };
                write(&header, Vec::new(), args.output)
            }
        };
        texts.push(text);
    }
    let between = if matches!(args.output, Format::Yaml) { "---\n" } else { "" };
    Ok(texts.join(between))
}

fn tell_of_gaps(target: &Target, not_read: &[NotRead], console: &Console) {
    if not_read.is_empty() {
        return;
    }
    let gaps: Vec<String> = not_read
        .iter()
        .map(|gap| match &gap.read_in {
            Some(namespace) => format!("{} (but for those in {namespace})", gap.resource),
            None => gap.resource.clone(),
        })
        .collect();
    let text = format!("you may not read {}", gaps.join(", "));
    let message = Message::new(text).at(format!("context {}", target.context));
    console.warn(&message.hint("the capture says so; no check takes them for missing"));
}

/// One error that tells of every cluster that failed.
fn all_failures(failed: &[&Error], total: usize) -> Error {
    let texts: Vec<&str> = failed.iter().map(|error| error.message().text()).collect();
    let text = match texts.as_slice() {
        [one] => (*one).to_owned(),
        _ => format!("{} of {total} clusters failed: {}", texts.len(), texts.join("; ")),
    };
    let hints: BTreeSet<&String> =
        failed.iter().flat_map(|error| error.message().hints()).collect();
    // The kubeconfig is what is wrong.
    let is_data = failed.iter().all(|error| error.exit() == Exit::Data);
    let error = if is_data { Error::data(text) } else { Error::cluster(text) };
    let error = hints.into_iter().fold(error, Error::hint);
    if failed.len() == total { error } else { error.hint("--partial captures the others") }
}

fn write(header: &Header, objects: Vec<Value>, format: Format) -> String {
    let header = serde_json::to_value(header).expect("a header is JSON");
    let list = read::list(header, objects);
    match format {
        Format::Jsonl => json_lines([list]),
        Format::Yaml => yaml::document_text(&list),
    }
}

/// What is known of a cluster before it is asked.
fn header(target: &Target, args: &Args) -> Header {
    Header {
        metadata: HeaderMeta { name: target.name.clone() },
        context: Some(target.context.clone()),
        istio_namespace: Some(args.namespace.to_string()),
        record: target.record.clone().map(Box::new),
        ..Header::default()
    }
}

/// To the second, as API servers have it.
fn in_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
