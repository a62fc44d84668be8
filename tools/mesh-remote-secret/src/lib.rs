//! Gives a cluster's credentials the form in which other clusters' istiod read them.
//!
//! What bounds it: its API servers; the rest is waiting. A cluster is asked three times, one after
//! the other: for istiod, the service account and its token Secrets; once more for the ID that
//! nobody tells, and twice where a token Secret has to be made and filled. With `--ttl` it is four
//! times: a token is requested, and the CA read. 32 clusters are asked at a time.

mod authority;
mod bound;
mod check;
mod choice;
mod endpoint;
mod expiry;
mod fetch;
mod flags;
mod identity;
mod istiod;
mod manifest;
mod name;
mod offline;
mod plugin;
mod proxy;
mod reader;
mod rights;
mod target;
mod token;
mod way;

pub use authority::Authority;
pub use expiry::Expiry;
pub use manifest::{DataField, Kind, RemoteSecret, User};
pub use name::ClusterId;
pub use plugin::Plugin;

use clap::{Parser, ValueEnum};
use futures::{StreamExt as _, stream};
use meshcore::folder::{self, Mode, Stage};
use meshcore::input::Input;
use meshcore::{Console, Error, Exit, Message, Outcome, Result, json_pretty, yaml};
use meshkube::Access;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::PathBuf;
use target::Target;

const EXAMPLES: &str = "\
Examples:
  mesh-remote-secret --context cluster1 --name cluster1 | mesh-apply --context cluster2
  mesh-clusters --contexts cluster1,cluster2 | mesh-remote-secret --ttl 720h -o json";

/// How many clusters are asked at once.
const AT_ONCE: usize = 32;

/// Write the credentials of a cluster as the Secret that the other clusters read
///
/// For each --context, or each cluster record on standard input, writes the Secret by which
/// another cluster's istiod discovers the endpoints of this one. It is named by the record's
/// `id`, or else by the CLUSTER_ID of the istiod there. The token is that of the reader service
/// account; where it has no token Secret, as on Kubernetes 1.24 and later, one is made. A token
/// Secret on standard input (`kubectl get secret NAME -o json`), alone with --name and --server
/// or together with the cluster's record, is used without asking any server. Apply the result to
/// the other clusters with mesh-apply: a client-side `kubectl apply` copies the token into an
/// annotation. The kubeconfig that a record names is read only where KUBECONFIG has it,
/// too.
#[derive(Debug, Parser)]
#[command(name = "mesh-remote-secret", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Context of the cluster to give access to; may be repeated
    #[arg(long, value_name = "CONTEXT", conflicts_with = "files")]
    context: Vec<String>,
    /// Name of the cluster: its istiod's CLUSTER_ID [default: that, or else the record's name, or
    /// the UID of namespace kube-system]
    #[arg(long, value_name = "ID", value_parser = ClusterId::parse)]
    name: Option<ClusterId>,
    /// Take the name although istiod has another CLUSTER_ID
    #[arg(long)]
    allow_other_id: bool,
    /// What the Secret is for
    #[arg(long = "type", value_enum, value_name = "TYPE", default_value = "remote")]
    kind: Kind,
    /// Istio's namespace, whatever the context says
    #[arg(short, long, value_name = "NAMESPACE", default_value = "istio-system")]
    namespace: String,
    /// Write `stringData` as istioctl does, instead of `data`
    #[arg(long)]
    string_data: bool,
    /// Form of the Secrets: a YAML stream, or a v1 List in JSON
    #[arg(short, long, value_enum, default_value = "yaml")]
    output: Format,
    /// File to write, with mode 0600, instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    address: flags::Address,
    #[command(flatten)]
    credentials: flags::Credentials,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

/// Fetches the credentials of many clusters at once and writes their Secrets in order.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    // What cannot be done is refused before anything is read or sent.
    let plugin = args.credentials.plugin(args.kind)?;
    if let Some(warning) = plugin.as_ref().and_then(Plugin::refusal) {
        console.warn(&warning);
    }
    let targets: Vec<Target> = if args.context.is_empty() {
        target::read(&args.input.read()?, console)?
    } else {
        args.context.iter().map(|context| Target::of_context(context)).collect()
    };
    if targets.len() > 1
        && let Some(flag) = args.flag_for_one()
    {
        return Err(Error::usage(format!("{flag} is for one cluster, and here are several"))
            .hint("records give each cluster its own: id, endpoints"));
    }
    let place = args.out.as_deref().map(folder::out).transpose()?;
    let kubeconfigs = fetch::read_kubeconfigs(&targets, &args.access)?;
    let build = |target| fetch::build(target, &args, plugin.as_ref(), &kubeconfigs, console);
    let work = stream::iter(targets.iter().map(build)).buffered(AT_ONCE).collect::<Vec<_>>();
    let secrets = all(meshkube::block_on(async { Ok(work.await) })?)?;
    refuse_one_name_twice(&secrets)?;
    let field = if args.string_data { DataField::StringData } else { DataField::Data };
    let manifests: Vec<_> =
        secrets.iter().map(|secret| secret.manifest(&args.namespace, field)).collect();
    let text = match args.output {
        Format::Yaml => yaml::stream(&manifests),
        Format::Json => {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests});
            json_pretty(&list)
        }
    };
    let Some(place) = place else { return Ok(Outcome::done(text)) };
    let mut stage = Stage::default();
    stage.replacement(&place, &text, Mode::Secret)?;
    stage.commit()?;
    console.note(&Message::new("written").at(place.display()));
    Ok(Outcome::done(String::new()))
}

impl Args {
    /// The first flag that makes no sense for several clusters.
    fn flag_for_one(&self) -> Option<&'static str> {
        let address = &self.address;
        let flags = [
            (self.name.is_some(), "--name"),
            (self.kind == Kind::Config, "--type config"),
            (address.server.is_some(), "--server"),
            (address.tls_server_name.is_some(), "--tls-server-name"),
            (address.proxy_url.is_some(), "--proxy-url"),
            (address.certificate_authority.is_some(), "--certificate-authority"),
        ];
        flags.into_iter().find_map(|(given, flag)| given.then_some(flag))
    }
}

/// All Secrets, or one error that tells of every cluster that failed.
fn all(results: Vec<Result<RemoteSecret>>) -> Result<Vec<RemoteSecret>> {
    let total = results.len();
    let mut secrets = Vec::new();
    let mut errors = Vec::new();
    for result in results {
        match result {
            Ok(secret) => secrets.push(secret),
            Err(error) => errors.push(error),
        }
    }
    match errors.as_slice() {
        [] => Ok(secrets),
        [error] => Err(error.clone()),
        [first, ..] => {
            let texts: Vec<&str> = errors.iter().map(|error| error.message().text()).collect();
            let text = format!("{} of {total} clusters failed: {}", errors.len(), texts.join("; "));
            let error = match first.exit() {
                Exit::Usage => Error::usage(text),
                Exit::Data => Error::data(text),
                Exit::Cluster => Error::cluster(text),
                Exit::Timeout => Error::timeout(text),
            };
            let hints: BTreeSet<&String> =
                errors.iter().flat_map(|error| error.message().hints()).collect();
            Err(hints.into_iter().fold(error, Error::hint))
        }
    }
}

/// istiod takes the first of two Secrets for one name and ignores the other.
fn refuse_one_name_twice(secrets: &[RemoteSecret]) -> Result<()> {
    let mut known = BTreeSet::new();
    for secret in secrets {
        if !known.insert(secret.id.as_str()) {
            return Err(Error::data(format!("two clusters are named {}", secret.id))
                .hint("each needs a CLUSTER_ID of its own"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cluster_that_failed_is_told() {
        let error = |context: &str, hint: &str| {
            Err(Error::cluster("is down").at(format!("context {context}")).hint(hint))
        };
        let told = all(vec![error("a", "look"), error("b", "look"), error("c", "wait")]);
        let told = told.err().unwrap();
        assert_eq!(
            told.message().text(),
            "3 of 3 clusters failed: context a: is down; context b: is down; context c: is down"
        );
        assert_eq!(told.message().hints(), ["look", "wait"]);
        assert_eq!(told.exit(), Exit::Cluster);
        let one = all(vec![error("a", "look")]).err().unwrap();
        assert_eq!(one.message().text(), "context a: is down");
    }
}
