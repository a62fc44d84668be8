//! Labels namespaces so that one control plane injects their pods.

mod change;
mod filter;
mod live;

pub use change::{Change, INJECTION, Injector, REVISION};
pub use filter::Labelled;

use clap::{Args as Flags, Parser, ValueEnum};
use futures::future::try_join_all;
use live::{Done, DryRun};
use meshcore::input::Input;
use meshcore::{Console, DnsLabel, Error, Message, Outcome, Result, json_lines, yaml};
use meshkube::Access;
use serde_json::{Value, json};

const EXAMPLES: &str = "\
Examples:
  kubectl get namespace sample -o json | mesh-label-ns --rev asm-managed | kubectl replace -f -
  mesh-label-ns --context cluster1 --context cluster2 --rev asm-managed --create sample";

/// Label namespaces for injection by one control plane, conflicts removed
///
/// As a filter, reads namespaces (`kubectl get namespace NAME... -o json`) and writes them
/// labelled, for `kubectl replace -f -`; with --patch, their merge patches. With --context,
/// labels the named namespaces of those clusters itself. `istio.io/rev` and `istio-injection`
/// exclude each other: to set the one removes the other. Pods have to be restarted before they
/// have the sidecar of their new control plane.
#[derive(Debug, Parser)]
#[command(name = "mesh-label-ns", version, before_help = EXAMPLES)]
pub struct Args {
    /// Namespaces to label, with --context
    #[arg(value_name = "NAMESPACE", requires = "context", value_parser = DnsLabel::parse)]
    namespaces: Vec<DnsLabel>,
    #[command(flatten)]
    injector: Injection,
    #[command(flatten)]
    input: Input,
    /// Write merge patches instead of namespaces, one JSON object per line
    #[arg(long, conflicts_with_all = ["context", "output"])]
    patch: bool,
    /// Cluster whose namespaces to label; may be repeated
    #[arg(long, value_name = "CONTEXT", requires = "namespaces", conflicts_with = "files")]
    context: Vec<String>,
    /// Create namespaces that are missing
    #[arg(long, requires = "context")]
    create: bool,
    /// Say what would be done: "client" only reads, "server" lets the API server check it
    #[arg(long, value_enum, default_value = "none", requires = "context")]
    dry_run: DryRun,
    /// Form of the result: YAML stream or v1 List of namespaces; with --context a line of text
    /// or of JSON for each
    #[arg(short, long, value_enum)]
    output: Option<Format>,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, Clone, Flags)]
#[group(required = true, multiple = false)]
struct Injection {
    /// Revision, tag or managed channel that is to inject
    #[arg(long, value_name = "REVISION", value_parser = DnsLabel::parse)]
    rev: Option<DnsLabel>,
    /// Let the default control plane inject, or nobody
    #[arg(long, value_enum, value_name = "STATE")]
    injection: Option<State>,
    /// Remove both labels
    #[arg(long)]
    remove: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Enabled,
    Disabled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

impl Injection {
    fn injector(&self) -> Injector {
        match (&self.rev, self.injection) {
            (Some(revision), _) => Injector::Revision(revision.clone()),
            (None, Some(State::Enabled)) => Injector::Default,
            (None, Some(State::Disabled)) => Injector::Disabled,
            (None, None) => Injector::Unlabelled,
        }
    }
}

/// Labels, as a filter or in clusters.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    let injector = args.injector.injector();
    if args.context.is_empty() {
        run_filter(&args, &injector, console)
    } else {
        run_live(&args, &injector)
    }
}

fn run_filter(args: &Args, injector: &Injector, console: &Console) -> Result<Outcome> {
    let labelled = filter::read(&args.input.read()?, injector)?;
    if args.patch {
        let patches = labelled.iter().map(|one| one.change.merge_patch(&one.name));
        return Ok(Outcome::done(json_lines(patches)));
    }
    for one in &labelled {
        for key in one.change.removed() {
            let text = format!("namespace {}: the label {key} has to go", one.name);
            console.warn(
                &Message::new(text)
                    .hint("kubectl replace removes it; kubectl apply does not, unless it set it"),
            );
        }
    }
    let mut manifests: Vec<Value> = labelled.into_iter().map(Labelled::into_manifest).collect();
    Ok(Outcome::done(match args.output {
        Some(Format::Json) => {
            let output = match manifests.len() {
                1 => manifests.remove(0),
                _ => json!({"apiVersion": "v1", "kind": "List", "items": manifests}),
            };
            format!("{output:#}\n")
        }
        _ => yaml::stream(&manifests),
    }))
}

fn run_live(args: &Args, injector: &Injector) -> Result<Outcome> {
    let done = meshkube::block_on(async {
        let kubeconfig = args.access.read_kubeconfig(None)?;
        let contexts = args.context.iter().map(|context| args.access.connect(&kubeconfig, context));
        let clusters = try_join_all(contexts).await?;
        // All namespaces are looked up before the first is written: a typing error in one name
        // leaves no cluster half labelled.
        if !args.create {
            each(args, &clusters, injector, DryRun::Client).await?;
        }
        each(args, &clusters, injector, args.dry_run).await
    })?;
    Ok(Outcome::done(match args.output {
        Some(Format::Json) => json_lines(&done),
        _ => done.iter().fold(String::new(), |out, done| out + &done.to_string() + "\n"),
    }))
}

/// Every namespace of every cluster, the clusters side by side.
async fn each(
    args: &Args,
    clusters: &[meshkube::Connection],
    injector: &Injector,
    dry_run: DryRun,
) -> Result<Vec<Done>> {
    let one = |cluster| async move {
        let mut done = Vec::new();
        for name in &args.namespaces {
            let labelled = live::label(cluster, name.as_str(), injector, args.create, dry_run);
            done.push(labelled.await?.ok_or_else(|| missing(cluster, name))?);
        }
        Ok::<_, Error>(done)
    };
    Ok(try_join_all(clusters.iter().map(one)).await?.into_iter().flatten().collect())
}

fn missing(cluster: &meshkube::Connection, name: &DnsLabel) -> Error {
    Error::cluster(format!("there is no namespace {name}"))
        .at(format!("context {}", cluster.context))
        .hint("--create makes it")
}
