//! The external address of a Service, as other clusters and machines need it.
//!
//! What bounds it: its API servers; the rest is waiting. A cluster is asked once, for the Service,
//! and once more for nodes where the gateway is at their ports; every second again with `--wait`.
//! Clusters are asked side by side.

mod address;
mod live;
mod nodes;
mod offline;
mod reason;
mod resolve;

pub use address::{Address, Port, Source, addresses};
pub use nodes::{SELECTOR, Selector};
pub use reason::Reason;

use clap::{Parser, ValueEnum};
use futures::future::try_join_all;
use meshcore::input::Input;
use meshcore::{Console, DnsLabel, Error, Message, Outcome, Result, json_lines};
use meshkube::{Access, Connection};
use serde::Serialize;
use std::net::Ipv6Addr;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  mesh-lbaddr --context cluster1 --wait --port tls
  kubectl get service istio-eastwestgateway -n istio-system -o json --context cluster2 | mesh-lbaddr";

/// Print the external address of a gateway or Service, waiting for it
///
/// Reads a Service (`kubectl get service NAME -o json`; of type `NodePort`, together with the
/// nodes: `kubectl get services,nodes -n NAMESPACE -o json`) or, with --context, asks the
/// clusters. Prints all addresses under which istiod makes the Service known to other networks:
/// those of its load balancers, its externalIPs, or the external addresses of the nodes that
/// annotation traffic.istio.io/nodeSelector chooses. Without any it fails and says why.
#[derive(Debug, Parser)]
#[command(name = "mesh-lbaddr", version, before_help = EXAMPLES)]
pub struct Args {
    /// Name of the Service [default: the only one of the input, or else istio-eastwestgateway]
    #[arg(value_name = "NAME", value_parser = DnsLabel::parse)]
    name: Option<DnsLabel>,
    #[command(flatten)]
    input: Input,
    /// Cluster to ask; may be repeated
    #[arg(long, value_name = "CONTEXT", conflicts_with = "files")]
    context: Vec<String>,
    /// Namespace of the Service [default: istio-system]
    #[arg(short, long, value_name = "NAMESPACE", value_parser = DnsLabel::parse)]
    namespace: Option<DnsLabel>,
    /// Port of the Service, by name or number: print ADDRESS:PORT, with the node port where the
    /// addresses are nodes'
    #[arg(long, value_name = "PORT", value_parser = Port::parse)]
    port: Option<Port>,
    /// Print the IP addresses of host names, as this machine resolves them
    #[arg(long)]
    resolve: bool,
    /// Wait until there is an address
    #[arg(long, requires = "context")]
    wait: bool,
    /// Longest time to wait
    #[arg(long, value_name = "DURATION", default_value = "5m", requires = "wait",
        value_parser = meshkube::parse_duration)]
    timeout: Duration,
    /// Form of the result: addresses alone, or a JSON object for each Service
    #[arg(short, long, value_enum, default_value = "lines")]
    output: Format,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Lines,
    Json,
}

/// A Service by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Default for Target {
    fn default() -> Self {
        Self { namespace: "istio-system".to_owned(), name: "istio-eastwestgateway".to_owned() }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What is asked of a cluster.
#[derive(Debug)]
struct Question {
    target: Target,
    port: Option<Port>,
    resolve: bool,
}

/// A Service and its addresses, as JSON.
#[derive(Debug, Serialize)]
struct Found {
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    namespace: String,
    name: String,
    addresses: Vec<Address>,
}

/// Finds the addresses in the input or the clusters.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    let found = if args.context.is_empty() {
        vec![read(&args)?]
    } else {
        meshkube::block_on(ask(&args, console))?
    };
    Ok(Outcome::done(match args.output {
        Format::Lines => found.iter().flat_map(|found| &found.addresses).map(line).collect(),
        Format::Json => json_lines(&found),
    }))
}

impl Args {
    /// The Service that the flags name, if they do.
    fn named(&self) -> Option<Target> {
        if self.name.is_none() && self.namespace.is_none() {
            return None;
        }
        let Target { namespace, name } = Target::default();
        Some(Target {
            namespace: self.namespace.as_ref().map_or(namespace, ToString::to_string),
            name: self.name.as_ref().map_or(name, ToString::to_string),
        })
    }
}

fn read(args: &Args) -> Result<Found> {
    let objects = offline::read(&args.input.read()?)?;
    let named = args.named();
    let service = objects.choose(named.as_ref())?;
    let target = service.map_or_else(|| named.unwrap_or_default(), Target::of);
    let addresses = match service {
        None => Err(Reason::Missing),
        Some(service) => {
            let found = addresses(service, &objects.nodes, args.port.as_ref());
            if args.resolve { found.and_then(resolve::resolve) } else { found }
        }
    };
    let addresses = addresses.map_err(|reason| told(Error::data, reason.message(&target)))?;
    Ok(Found { context: None, namespace: target.namespace, name: target.name, addresses })
}

async fn ask(args: &Args, console: &Console) -> Result<Vec<Found>> {
    let question = Question {
        target: args.named().unwrap_or_default(),
        port: args.port.clone(),
        resolve: args.resolve,
    };
    let kubeconfig = args.access.read_kubeconfig(None)?;
    let contexts = args.context.iter().map(|context| args.access.connect(&kubeconfig, context));
    let clusters = try_join_all(contexts).await?;
    let question = &question;
    let one = |cluster: Connection| async move {
        let addresses = if args.wait {
            live::wait(&cluster, question, args.timeout, |message| console.note(message)).await?
        } else {
            live::ask(&cluster, question).await?
        };
        let Target { namespace, name } = question.target.clone();
        Ok::<_, Error>(Found { context: Some(cluster.context), namespace, name, addresses })
    };
    try_join_all(clusters.into_iter().map(one)).await
}

/// `ADDRESS` or `ADDRESS:PORT`, as in a URL.
fn line(address: &Address) -> String {
    let host = &meshcore::visible(&address.address);
    match address.port {
        None => format!("{host}\n"),
        Some(port) if host.parse::<Ipv6Addr>().is_ok() => format!("[{host}]:{port}\n"),
        Some(port) => format!("{host}:{port}\n"),
    }
}

/// A reason as an error of this kind.
fn told(error: impl Fn(String) -> Error, message: Message) -> Error {
    message.hints().iter().fold(error(message.text().to_owned()), Error::hint)
}
