//! Gives a cluster's credentials the form in which other clusters' istiod read them.

mod manifest;
mod reader;
mod server;
mod token;

pub use manifest::{DataField, RemoteSecret};
pub use server::Server;

use clap::{Parser, ValueEnum};
use futures::future::try_join_all;
use meshcore::cluster::{self, Cluster, Merged};
use meshcore::input::Input;
use meshcore::{Console, DnsLabel, Error, Message, Outcome, Result, yaml};
use meshkube::k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use meshkube::kube::api::Api;
use meshkube::{Access, Connection};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  mesh-remote-secret --context cluster1 --name cluster1 | kubectl apply --server-side -f - --context cluster2
  mesh-clusters --contexts cluster1,cluster2 | mesh-remote-secret -o json";

/// Write the credentials of a cluster as the Secret that the other clusters read
///
/// For each --context, or each cluster record on standard input (its `context`, named by its
/// `id` or else its `name`), writes the Secret by which another cluster's istiod discovers the
/// endpoints of this one. The token is that of the reader service account; where it has no token
/// Secret, as on Kubernetes 1.24 and later, one is made. Apply the result to the other clusters
/// with `kubectl apply --server-side`: a client-side apply copies the token into an annotation.
#[derive(Debug, Parser)]
#[command(name = "mesh-remote-secret", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Context of the cluster to give access to; may be repeated
    #[arg(long, value_name = "CONTEXT", conflicts_with = "files")]
    context: Vec<String>,
    /// Name of the cluster: its istiod's CLUSTER_ID [default: UID of namespace kube-system]
    #[arg(long, value_name = "ID", requires = "context", value_parser = DnsLabel::parse)]
    name: Option<DnsLabel>,
    /// Address of its API server for the others [default: the kubeconfig's]
    #[arg(long, value_name = "URL", requires = "context", value_parser = Server::parse)]
    server: Option<Server>,
    /// Name to expect in the API server's certificate
    #[arg(long, value_name = "NAME", requires = "context")]
    tls_server_name: Option<String>,
    /// Istio's namespace, whatever the context says
    #[arg(short, long, value_name = "NAMESPACE", default_value = "istio-system")]
    namespace: String,
    /// Service account whose token is given away
    #[arg(long, value_name = "NAME", default_value = reader::DEFAULT)]
    service_account: String,
    /// Make the service account, and a role that reads what istiod reads, if there is none
    #[arg(long)]
    create_service_account: bool,
    /// Token Secret to take, where the service account has several
    #[arg(long, value_name = "NAME")]
    secret_name: Option<String>,
    /// Write nothing to the cluster; fail where a token Secret would have to be made
    #[arg(long, conflicts_with = "create_service_account")]
    read_only: bool,
    /// Longest time to wait for a new token Secret to be filled
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = meshkube::parse_duration)]
    timeout: Duration,
    /// Write `stringData` as istioctl does, instead of `data`
    #[arg(long)]
    string_data: bool,
    /// Form of the Secrets: a YAML stream, or a v1 List in JSON
    #[arg(short, long, value_enum, default_value = "yaml")]
    output: Format,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

/// A cluster to make a Secret for.
struct Target {
    context: String,
    kubeconfig: Option<PathBuf>,
    name: Option<DnsLabel>,
}

/// Fetches the credentials of all clusters at once and writes their Secrets in order.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    let targets = targets(&args, console)?;
    if targets.len() > 1 && (args.name.is_some() || args.server.is_some()) {
        return Err(Error::usage("--name and --server are for one --context"));
    }
    let field = if args.string_data { DataField::StringData } else { DataField::Data };
    let fetch = |target| fetch(target, &args, console);
    let secrets = meshkube::block_on(try_join_all(targets.iter().map(fetch)))?;
    refuse_one_name_twice(&secrets)?;
    let manifests: Vec<_> =
        secrets.iter().map(|secret| secret.manifest(&args.namespace, field)).collect();
    Ok(Outcome::done(match args.output {
        Format::Yaml => yaml::stream(&manifests),
        Format::Json => {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests});
            format!("{list:#}\n")
        }
    }))
}

fn targets(args: &Args, console: &Console) -> Result<Vec<Target>> {
    if !args.context.is_empty() {
        let target = |context: &String| Target {
            context: context.clone(),
            kubeconfig: None,
            name: args.name.clone(),
        };
        return Ok(args.context.iter().map(target).collect());
    }
    let Merged { clusters, contradictions } =
        cluster::merge(cluster::read(&args.input.read()?)?.clusters);
    for contradiction in &contradictions {
        console.warn(contradiction);
    }
    clusters.iter().map(target_of).collect()
}

fn target_of(cluster: &Cluster) -> Result<Target> {
    let at = format!("cluster {}", cluster.label());
    let context = cluster.context.clone().ok_or_else(|| {
        Error::data("the record has no context, so there is no way to reach the cluster")
            .at(&at)
            .hint("mesh-clusters adds it with --contexts or --kubeconfig")
    })?;
    let name = DnsLabel::parse(cluster.id.as_deref().unwrap_or(&cluster.name)).map_err(|text| {
        Error::data(format!("its name {text}"))
            .at(&at)
            .hint("set the record's id to istiod's CLUSTER_ID")
    })?;
    Ok(Target {
        context,
        kubeconfig: cluster.kubeconfig.clone().map(PathBuf::from),
        name: Some(name),
    })
}

async fn fetch(target: &Target, args: &Args, console: &Console) -> Result<RemoteSecret> {
    let kubeconfig = args.access.read_kubeconfig(target.kubeconfig.as_ref())?;
    let cluster = args.access.connect(&kubeconfig, &target.context).await?;
    let server = server(args, &cluster)?;
    if let Some(why) = server.unreachable_because() {
        let message = format!("{} {why}: another cluster cannot reach it", server.url());
        console.warn(
            &Message::new(message)
                .at(format!("context {}", cluster.context))
                .hint("give the address that the others can reach with --server"),
        );
    }
    let name = match &target.name {
        Some(name) => name.clone(),
        None => uid_name(&cluster).await?,
    };
    let account = service_account(args, &cluster).await?;
    let means = token::Means {
        secret_name: args.secret_name.as_deref(),
        read_only: args.read_only,
        timeout: args.timeout,
    };
    let made = |secret: &str| {
        let text = format!("made secret {}/{secret}, which holds the token", args.namespace);
        console.note(&Message::new(text).at(format!("context {}", cluster.context)));
    };
    let token::Token { token, ca } = token::get(&cluster, &account, means, made).await?;
    // The kubeconfig's name is for the kubeconfig's address.
    let own = args.server.is_none().then(|| cluster.tls_server_name.clone()).flatten();
    let tls_server_name = args.tls_server_name.clone().or(own);
    Ok(RemoteSecret { name, server, tls_server_name, ca, token })
}

fn server(args: &Args, cluster: &Connection) -> Result<Server> {
    match &args.server {
        Some(server) => Ok(server.clone()),
        None => Server::parse(&cluster.server).map_err(|text| {
            Error::data(format!("the server address {:?} {text}", cluster.server))
                .at(format!("context {}", cluster.context))
                .hint("give the address that the others can reach with --server")
        }),
    }
}

/// istioctl's default: every cluster has another UID, and nothing else need be known.
async fn uid_name(cluster: &Connection) -> Result<DnsLabel> {
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    let namespace =
        cluster.call("read namespace kube-system", namespaces.get("kube-system")).await?;
    DnsLabel::parse(&namespace.metadata.uid.unwrap_or_default()).map_err(|text| {
        Error::cluster(format!("the UID of kube-system {text}"))
            .at(format!("context {}", cluster.context))
    })
}

async fn service_account(args: &Args, cluster: &Connection) -> Result<ServiceAccount> {
    let (namespace, name) = (&args.namespace, &args.service_account);
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client.clone(), namespace);
    let what = format!("read service account {namespace}/{name}");
    match cluster.call(&what, accounts.get_opt(name)).await? {
        Some(account) => Ok(account),
        None if args.create_service_account => reader::create(cluster, namespace, name).await,
        None => Err(Error::cluster(format!("there is no service account {namespace}/{name}"))
            .at(format!("context {}", cluster.context))
            .hint("is Istio installed there? --create-service-account makes it")),
    }
}

/// istiod takes the first of two Secrets for one name and ignores the other.
fn refuse_one_name_twice(secrets: &[RemoteSecret]) -> Result<()> {
    for (i, secret) in secrets.iter().enumerate() {
        if secrets[..i].iter().any(|other| other.name == secret.name) {
            return Err(Error::data(format!("two clusters are named {}", secret.name))
                .hint("each needs a CLUSTER_ID of its own"));
        }
    }
    Ok(())
}
