//! Applies manifests to many clusters at once, and remote Secrets to all but their own.
//!
//! What bounds it: its API servers; the rest is waiting. A cluster is asked once for each API
//! version in the input, and then twice an object: for its version, and to apply it; from 8 objects
//! of one kind and namespace on a list, of 500 at a time, stands in for the first. 16 objects are
//! under way at a time, in each of 32 clusters; `--wait` looks again every half second.

mod diff;
mod holds;
mod kubeconfigs;
mod leave;
mod lint;
mod manifest;
mod placement;
mod plan;
mod prune;
mod report;
mod resource;
mod shard;
mod wait;
mod work;

use crate::kubeconfigs::Kubeconfigs;
use crate::manifest::Manifest;
use crate::placement::Target;
use crate::plan::Plan;
use crate::prune::Scope;
use crate::report::{Action, Done, Format};
use crate::work::{Task, Worker, each};
use clap::{Parser, ValueEnum};
use meshcore::cluster;
use meshcore::input::Input;
use meshcore::{Console, DnsLabel, Error, Message, Outcome, Result, Verdict};
use meshkube::{Access, Progress};
use shard::Shard;
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  mesh-clusters --contexts cluster1,cluster2 | mesh-remote-secret | mesh-apply --to-peers
  mesh-gateway-gen --network network1 -o manifests | mesh-apply --context cluster1 --dry-run=server -o lines";

/// Where istiod reads remote Secrets, unless the user names another namespace.
const ISTIO_NAMESPACE: &str = "istio-system";

/// How many clusters are worked on at once.
const CLUSTERS_AT_ONCE: usize = 32;

/// Apply manifests to many clusters, and remote Secrets to all but their own
///
/// Reads manifests and applies each to every --context, or to the cluster of every record of
/// --to, by server-side apply. A remote Secret never goes to the cluster that it gives access to;
/// an object with the annotation `meshutils/cluster` goes to that cluster alone. With --to-peers
/// and no clusters named, these are the clusters of the remote Secrets themselves. With --to-peers,
/// other objects are refused: a remote Secret is called `istio-remote-secret-` and its cluster's ID,
/// has that one key, and lies in istio-system or the namespace of --namespace. With --to-peers, what mesh-secret-lint calls an error in a remote Secret
/// refuses it before anything is written; Secrets that would have istiod run a program or read a
/// file are always refused. A cluster that fails does not stop the others: the result says of each
/// object and cluster what became of it, and the next run does what is missing.
#[derive(Debug, Parser)]
#[command(name = "mesh-apply", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Context of a cluster to apply to; may be repeated
    #[arg(long, value_name = "CONTEXT", conflicts_with = "to")]
    context: Vec<String>,
    /// File of cluster records whose clusters to apply to, by their `context`; the `kubeconfig` of
    /// a record is read only where KUBECONFIG has it, too
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Apply each remote Secret to every other cluster: a full mesh
    #[arg(long)]
    to_peers: bool,
    /// With --to-peers, apply what is not a remote Secret, too, to every cluster
    #[arg(long, requires = "to_peers")]
    with_others: bool,
    /// Findings of mesh-secret-lint about the remote Secrets to pass over, by code. MESH0422, a
    /// loopback address, is a warning where all clusters are on loopback themselves
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = meshsecrets::check::by_code)]
    ignore: Vec<meshsecrets::Check>,
    /// Take a cluster out of the mesh: its ID, name or context. Reads no manifests
    #[arg(long, value_name = "CLUSTER", value_parser = clap::builder::NonEmptyStringValueParser::new(), conflicts_with_all = ["files", "to_peers", "delete", "prune", "shard"])]
    leave: Option<String>,
    /// Namespace of objects that name none; of the remote Secrets with --leave
    #[arg(short, long, value_name = "NAMESPACE", value_parser = DnsLabel::parse)]
    namespace: Option<DnsLabel>,
    /// Delete the objects instead
    #[arg(long, conflicts_with = "prune")]
    delete: bool,
    /// Delete, too, what bears the labels that the input's objects of a kind have in common, ours
    /// among them, is not in the input, and was applied by meshutils alone as its managedFields say
    #[arg(long, conflicts_with = "shard")]
    prune: bool,
    /// Write nothing: only say what goes where (client), or let the API servers check it (server)
    #[arg(long, value_enum, default_value = "none", value_name = "WHO")]
    dry_run: DryRun,
    /// Wait until workloads are rolled out, definitions established, deleted objects gone
    #[arg(long)]
    wait: bool,
    /// Longest time to keep trying a cluster that fails, to wait for an object, and for a list of
    /// many pages together (as long as one request at least)
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = meshkube::parse_duration)]
    timeout: Duration,
    /// Requests to one cluster at once
    #[arg(long, value_name = "N", default_value = "16", value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// Do part I of N of the work, I from 0: for N workers with the same input
    #[arg(long, value_name = "I/N", value_parser = Shard::parse)]
    shard: Option<Shard>,
    /// Take over fields that another manager owns
    #[arg(long)]
    force_conflicts: bool,
    /// Form of the result
    #[arg(short, long, value_enum, default_value = "json")]
    output: Format,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DryRun {
    None,
    Client,
    Server,
}

/// Applies, deletes, or takes a cluster out of the mesh.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    args.check()?;
    let done = match &args.leave {
        Some(cluster) => args.leave(cluster, console)?,
        None => args.apply(console)?,
    };
    let output = report::write(&done, args.output);
    if let Some(error) = report::failure(&done) {
        return Err(error.report(output));
    }
    let differs = args.output == Format::Diff && !output.is_empty();
    Ok(Outcome { output, verdict: if differs { Verdict::No } else { Verdict::Yes } })
}

impl Args {
    fn check(&self) -> Result<()> {
        let is_named = !self.context.is_empty() || self.to.is_some();
        let refused = if self.leave.is_some() && !is_named {
            (
                "--leave needs the clusters of the mesh: --context or --to",
                "the leaving one included",
            )
        } else if !is_named && !self.to_peers {
            ("no cluster to apply to", "name them with --context or --to, or give --to-peers")
        } else if self.output == Format::Diff && (self.delete || self.leave.is_some()) {
            ("-o diff is for applying", "--dry-run=server tries a deletion")
        } else if self.output == Format::Diff && self.dry_run == DryRun::Client {
            ("-o diff asks the API servers", "leave --dry-run=client out")
        } else if self.leave.is_some() && self.dry_run == DryRun::Client {
            ("--leave has to look into the clusters", "use --dry-run=server")
        } else {
            return Ok(());
        };
        Err(Error::usage(refused.0).hint(refused.1))
    }

    fn task(&self) -> Task {
        Task {
            delete: self.delete,
            dry_run: self.dry_run == DryRun::Server || self.output == Format::Diff,
            force_conflicts: self.force_conflicts,
            wait: self.wait,
            timeout: self.timeout,
            concurrency: self.concurrency.into(),
        }
    }

    fn apply(&self, console: &Console) -> Result<Vec<Done>> {
        let mut manifests =
            manifest::read(&self.input.read()?, self.namespace.as_ref().map(DnsLabel::as_str))?;
        if self.to_peers && manifests.iter().all(|m| m.gives_access.is_empty()) {
            return Err(Error::data("there is no remote Secret in the input")
                .hint("--to-peers is for the output of mesh-remote-secret"));
        }
        self.refuse_others(&manifests)?;
        let mut kubeconfigs = Kubeconfigs::new(&self.access);
        let targets = self.targets(&manifests, &mut kubeconfigs, console)?;
        if !self.delete {
            let (is_spread, ignored) = (self.to_peers, &*self.ignore);
            let rules = lint::Rules { is_spread, ignored, targets: &targets };
            lint::check(&mut manifests, &rules, console)?;
        }
        let plan = Plan::new(&manifests, &targets, self.shard)?;
        for stranger in plan.strangers() {
            console.warn(&stranger);
        }
        if self.dry_run == DryRun::Client {
            let planned = |target: &Target, all: &[&Manifest]| {
                all.iter().map(|m| Done::planned(&target.name, &m.id)).collect::<Vec<_>>()
            };
            return Ok(plan.shares().flat_map(|(target, all)| planned(target, &all)).collect());
        }
        let scopes = if self.prune { prune_scopes(&manifests, console) } else { Vec::new() };
        let progress = Progress::new("mesh-apply", plan.total(), !console.is_quiet());
        meshkube::block_on(async {
            let (kubeconfigs, scopes, progress) = (&kubeconfigs, &scopes, &progress);
            let work = plan.shares().map(|(target, objects)| async move {
                let cluster = match kubeconfigs.connect(target).await {
                    Ok(cluster) => cluster,
                    Err(error) => {
                        let failed = |m: &&Manifest| Done::failed(&target.name, &m.id, &error);
                        return objects.iter().map(failed).collect::<Vec<_>>();
                    }
                };
                let worker = Worker::new(&target.name, cluster, self.task(), progress);
                let mut done = worker.run(&objects).await;
                // What failed may be what an earlier run called otherwise: nothing is pruned.
                if done.iter().all(|one| one.action != Action::Failed) {
                    done.extend(worker.prune(scopes, &objects).await);
                }
                done
            });
            Ok(each(work, CLUSTERS_AT_ONCE).await.into_iter().flatten().collect())
        })
    }

    /// Whoever wrote one Secret of the stream must not write into all clusters.
    fn refuse_others(&self, manifests: &[Manifest]) -> Result<()> {
        if !self.to_peers || self.with_others {
            return Ok(());
        }
        let namespace = self.namespace.as_ref().map_or(ISTIO_NAMESPACE, DnsLabel::as_str);
        let other = manifests.iter().find_map(|m| Some((m, m.why_no_remote_secret(namespace)?)));
        let Some((other, why)) = other else { return Ok(()) };
        let text = format!("--to-peers spreads remote Secrets, and {} is not one: {why}", other.id);
        Err(Error::data(text)
            .hint("--namespace names Istio's namespace where it is not istio-system")
            .hint("--with-others takes what is not a remote Secret, too: do you trust all of it?"))
    }

    fn leave(&self, cluster: &str, console: &Console) -> Result<Vec<Done>> {
        let mut kubeconfigs = Kubeconfigs::new(&self.access);
        let targets = self.targets(&[], &mut kubeconfigs, console)?;
        let progress = Progress::new("mesh-apply", 0, false);
        let namespace = self.namespace.as_ref().map_or(ISTIO_NAMESPACE, DnsLabel::as_str);
        meshkube::block_on(async {
            let mut workers = Vec::new();
            for target in &targets {
                let connected = kubeconfigs.connect(target).await;
                workers
                    .push(connected.map(|c| Worker::new(&target.name, c, self.task(), &progress)));
            }
            let kubeconfig = self.access.kubeconfig.as_ref().map(|file| file.display().to_string());
            let kubeconfig = kubeconfig.as_deref();
            let at_once = CLUSTERS_AT_ONCE;
            let leave = leave::Leave { cluster, namespace, at_once, kubeconfig };
            leave::run(&leave, &targets, &workers, console).await
        })
    }

    /// The clusters that the flags name, or the peers that the remote Secrets do.
    fn targets(
        &self,
        manifests: &[Manifest],
        kubeconfigs: &mut Kubeconfigs<'_>,
        console: &Console,
    ) -> Result<Vec<Target>> {
        let targets: Vec<Target> = if let Some(file) = &self.to {
            let input = Input { files: vec![file.clone()] };
            let merged = cluster::merge(cluster::read(&input.read()?)?.clusters);
            for contradiction in &merged.contradictions {
                console.warn(contradiction);
            }
            let of = |cluster: &cluster::Cluster| kubeconfigs.target_of(cluster);
            merged.clusters.iter().map(of).collect::<Result<_>>()?
        } else if self.context.is_empty() {
            placement::peers(&kubeconfigs.contexts()?, manifests)?
        } else {
            let of = |context: &String| kubeconfigs.target(context, None, context.clone(), None);
            self.context.iter().map(of).collect::<Result<_>>()?
        };
        let mut seen = HashSet::new();
        for target in &targets {
            if !seen.insert((&target.context, &target.kubeconfig)) {
                return Err(Error::usage(format!("context {} is there twice", target.context)));
            }
        }
        Ok(targets)
    }
}

/// What may be pruned; kinds that may not are named.
fn prune_scopes(manifests: &[Manifest], console: &Console) -> Vec<Scope> {
    let (scopes, unmarked) = prune::scopes(manifests);
    for id in &unmarked {
        let kind = id.kind.to_ascii_lowercase();
        console.warn(
            &Message::new(format!("no {kind} is pruned: those in the input are not marked"))
                .hint("the mark is the label app.kubernetes.io/managed-by=meshutils"),
        );
    }
    scopes
}
