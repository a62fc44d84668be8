//! Labels namespaces so that one control plane injects their pods, and says beforehand who
//! will.
//!
//! What bounds it: its API servers; the rest is waiting. A cluster is asked for its webhooks, where
//! sidecars are wanted, and for each namespace three times, one after the other: before anything is
//! written in any cluster (not with `--create`), for the labels that are there, and to change them,
//! where anything changes. Clusters are asked side by side.

mod change;
mod filter;
#[cfg(test)]
mod fixtures;
mod flags;
mod krm;
mod live;
mod pod;
mod served;
mod simulate;
#[cfg(test)]
mod truth_table;
mod view;
mod webhook;

pub use flags::Args;

use filter::Labelled;
use flags::Format;
use futures::future::{join_all, try_join_all};
use live::{Done, DryRun};
use meshcore::{Console, DnsLabel, Error, Message, Outcome, Result, json_lines, json_pretty, yaml};
use meshkube::Connection;
use serde_json::{Value, json};
use simulate::{Cluster, Namespace};

/// Where istiod is, unless somebody moved it.
const SYSTEM_NAMESPACE: &str = "istio-system";

/// Labels, as a filter or in clusters; or shows what would come of it.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    let checked = args.check();
    // A function's configuration may say what the command line does not.
    let listens = args.reads_stdin() && (checked.is_ok() || meshkrm::is_bare());
    if let Some(call) = krm::FUNCTION.call(&args.krm, listens)? {
        return krm::answer(call, console);
    }
    checked?;
    if args.create && args.context.is_empty() {
        return Err(Error::usage("--create needs --context: a filter makes nothing")
            .hint("as a KRM function (--krm) it creates namespaces, too"));
    }
    if args.context.is_empty() { run_filter(&args, console) } else { run_live(&args, console) }
}

fn run_filter(args: &Args, console: &Console) -> Result<Outcome> {
    let wanted = args.wanted();
    let stream = filter::read(&args.input.read()?, &args.namespaces, &wanted)?;
    if let Some(injectors) = &stream.injectors
        && !args.allow_missing_revision
    {
        served::require(injectors, wanted.data_plane.as_ref(), Error::data)?;
    }
    if let Some(view) = args.view() {
        if stream.pods.is_empty() {
            console.warn(&Message::new("there are no pods in the input"));
        }
        let namespaces = stream.namespaces.iter().map(Labelled::before_and_after).collect();
        let (pods, injectors) = (stream.pods, filter::require_injectors(stream.injectors)?);
        let cluster = Cluster { context: None, namespaces, pods, injectors };
        return Ok(view::show(view, &[cluster], console));
    }
    if stream.is_capture && !args.patch {
        return Err(Error::data("namespaces of a capture are not whole, and cannot be replaced")
            .hint("--patch writes what changes; --simulate and --restart-list show what follows"));
    }
    for one in &stream.namespaces {
        tell_of_network(args, &one.name, one.change.moves(), console);
    }
    if args.patch {
        let patches = stream.namespaces.iter().map(|one| one.change.merge_patch(&one.name));
        return Ok(Outcome::done(json_lines(patches)));
    }
    for one in &stream.namespaces {
        for key in one.change.removed() {
            let text = format!("namespace {}: the label {key} has to go", one.name);
            console.warn(
                &Message::new(text)
                    .hint("kubectl replace removes it; kubectl apply does not, unless it set it"),
            );
        }
    }
    let mut manifests: Vec<Value> =
        stream.namespaces.into_iter().map(Labelled::into_manifest).collect();
    Ok(Outcome::done(match args.output {
        Some(Format::Json) => {
            let output = match manifests.len() {
                1 => manifests.remove(0),
                _ => json!({"apiVersion": "v1", "kind": "List", "items": manifests}),
            };
            json_pretty(&output)
        }
        _ => yaml::stream(&manifests),
    }))
}

fn run_live(args: &Args, console: &Console) -> Result<Outcome> {
    if let Some(view) = args.view() {
        let clusters = meshkube::block_on(async {
            let connections = connect(args).await?;
            try_join_all(connections.iter().map(|cluster| look_at(args, cluster))).await
        })?;
        return Ok(view::show(view, &clusters, console));
    }
    let done = meshkube::block_on(async {
        let clusters = connect(args).await?;
        // Everything is looked up before the first write: a typing error in one name leaves no
        // cluster half labelled.
        let checks = clusters.iter().map(|cluster| require_served(args, cluster, console));
        // Of several errors always the first cluster's.
        join_all(checks).await.into_iter().collect::<Result<()>>()?;
        if !args.create {
            each(args, &clusters, DryRun::Client).await?;
        }
        each(args, &clusters, args.dry_run).await
    })?;
    for one in &done {
        tell_of_network(args, &one.namespace, one.moved, console);
    }
    Ok(Outcome::done(match args.output {
        Some(Format::Json) => json_lines(&done),
        _ => done.iter().fold(String::new(), |out, done| out + &done.to_string() + "\n"),
    }))
}

async fn connect(args: &Args) -> Result<Vec<Connection>> {
    let kubeconfig = args.access.read_kubeconfig(None)?;
    let contexts = args.context.iter().map(|context| args.access.connect(&kubeconfig, context));
    try_join_all(contexts).await
}

/// Refuses what no webhook of the cluster serves.
async fn require_served(args: &Args, cluster: &Connection, console: &Console) -> Result<()> {
    let wanted = args.wanted();
    let asks_for_sidecars = wanted.data_plane.as_ref().is_some_and(|p| p.sidecar_label().is_some());
    if args.allow_missing_revision || !asks_for_sidecars {
        return Ok(());
    }
    let place = format!("context {}", cluster.context);
    let Some(injectors) = live::injectors(cluster).await? else {
        let text = "you may not list webhooks: whether any serves these labels is not known";
        console.warn(&Message::new(text).at(&place));
        return Ok(());
    };
    let error = |text| Error::cluster(text).at(&place);
    served::require(&injectors, wanted.data_plane.as_ref(), error)
}

/// All that a simulation needs of a cluster.
async fn look_at(args: &Args, connection: &Connection) -> Result<Cluster> {
    let place = || format!("context {}", connection.context);
    let wanted = args.wanted();
    let Some(injectors) = live::injectors(connection).await? else {
        let text = "you may not list mutatingwebhookconfigurations: who injects is not known";
        return Err(Error::cluster(text).at(place()));
    };
    if !args.allow_missing_revision {
        let error = |text| Error::cluster(text).at(place());
        served::require(&injectors, wanted.data_plane.as_ref(), error)?;
    }
    let (mut namespaces, mut pods) = (Vec::new(), Vec::new());
    for name in &args.namespaces {
        let labels = live::labels(connection, name.as_str()).await?;
        let now = labels.ok_or_else(|| missing(connection, name))?;
        let after = wanted.change(&now).applied_to(&now);
        namespaces.push(Namespace { name: name.to_string(), now, after });
        pods.extend(live::pods(connection, name.as_str()).await?);
    }
    Ok(Cluster { context: Some(connection.context.clone()), namespaces, pods, injectors })
}

/// Every namespace of every cluster, the clusters side by side.
async fn each(args: &Args, clusters: &[Connection], dry_run: DryRun) -> Result<Vec<Done>> {
    let wanted = &args.wanted();
    let one = |cluster| async move {
        let mut done = Vec::new();
        for name in &args.namespaces {
            let labelled = live::label(cluster, name.as_str(), wanted, args.create, dry_run);
            let or_made = || missing(cluster, name).hint("--create makes it");
            done.push(labelled.await?.ok_or_else(or_made)?);
        }
        Ok::<_, Error>(done)
    };
    Ok(try_join_all(clusters.iter().map(one)).await?.into_iter().flatten().collect())
}

fn missing(cluster: &Connection, name: &DnsLabel) -> Error {
    Error::cluster(format!("there is no namespace {name}"))
        .at(format!("context {}", cluster.context))
}

/// Says what the label of a network does not do by itself.
fn tell_of_network(args: &Args, namespace: &str, moves: bool, console: &Console) {
    if args.network.is_none() {
        return;
    }
    if namespace != SYSTEM_NAMESPACE {
        console.warn(&network_elsewhere(namespace));
    }
    if moves {
        let text = format!("namespace {namespace}: what runs keeps the network it started with");
        console.note(&Message::new(text).hint(
            "where Istio is installed, restart istiod, gateways and workloads; global.network of \
             the installation has to agree",
        ));
    }
}

fn network_elsewhere(namespace: &str) -> Message {
    let text = format!("namespace {namespace}: istiod reads the network off its own namespace");
    Message::new(text).hint("that is istio-system, unless you moved it")
}
