//! Writes the east-west gateway of clusters: as `samples/multicluster/gen-eastwest-gateway.sh` of
//! the cluster's Istio version does, with values that keep their type in YAML, or for helm, for
//! the Gateway API, or as plain objects.
//!
//! What bounds it: its start. Of the 720,000 instructions of a call 210,000 load the program and
//! 240,000 describe and read its flags. Manifests of 511 clusters take 720,000 each, 170 a byte
//! that is written.

mod gateway;
mod gateway_api;
mod helm;
mod iop;
mod krm;
mod load_balancer;
mod manifests;
mod names;
mod platform;
mod ranges;
mod records;
mod replicas;
mod request;

pub use gateway::{Injected, Site};
pub use gateway_api::{Ambient, GatewayApi};
pub use iop::{Form, Member, Operator};
pub use load_balancer::{Exposure, LoadBalancer, Service};
pub use names::{Annotation, Identifier};
pub use platform::{Authority, CertProvider, Platform};
pub use replicas::Replicas;

use clap::{Parser, ValueEnum};
use meshcore::{
    Console, DnsLabel, IstioVersion, Message, Network, Outcome, PullPolicy, Result, json_pretty,
    yaml,
};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  mesh-gateway-gen --network network1 --revision asm-11910-9 --istio-version 1.19.10-asm.9
  gcloud container clusters list --format=json | mesh-id | mesh-gateway-gen -f - -o manifests --load-balancer internal";

/// Write the east-west gateway of clusters, for istioctl, helm or kubectl
///
/// Traffic from other networks enters a cluster through its east-west gateway. The IstioOperator
/// is the one that gen-eastwest-gateway.sh of the Istio version prints: pipe it into
/// `istioctl install -y -f -`. With -f each cluster gets a gateway, whose objects name it in the
/// annotation `meshutils/cluster`; clusters that share a network and cannot reach each other's
/// pods are refused.
#[derive(Debug, Parser)]
#[command(name = "mesh-gateway-gen", version, before_help = EXAMPLES)]
pub struct Args {
    /// Clusters that need gateways, as mesh-id writes them ("-": stdin); may be repeated
    #[arg(short = 'f', long = "filename", value_name = "FILE", conflicts_with_all = ["network", "single_cluster"])]
    files: Vec<PathBuf>,
    /// Form of the gateway: iop for istioctl or the same as json, helm (values for the chart
    /// istio/gateway), gateway-api (for ambient meshes) or manifests (all objects, for kubectl)
    /// [default: iop; of a KRM function manifests, or gateway-api with --ambient]
    #[arg(short, long, value_enum, hide_possible_values = true)]
    output: Option<Format>,
    /// Network of the cluster's pods; networks that cannot route to each other differ in name
    #[arg(long, value_name = "NAME")]
    network: Option<Network>,
    /// Revision of the control plane that runs the gateway, as asm-11910-9
    #[arg(long, value_parser = DnsLabel::parse)]
    revision: Option<DnsLabel>,
    /// Name by which istiod knows the cluster (used before Istio 1.12); with -f the one cluster to
    /// write for
    #[arg(long, value_name = "NAME")]
    cluster: Option<Identifier>,
    /// ID of the mesh, as proj-NUMBER (used before Istio 1.12)
    #[arg(long, value_name = "ID")]
    mesh: Option<Identifier>,
    /// Gateway of a mesh of one cluster: for machines outside it, not for other networks
    #[arg(long)]
    single_cluster: bool,
    /// Gateway of an ambient mesh (Istio 1.27); istiod needs `AMBIENT_ENABLE_MULTI_NETWORK=true`
    #[arg(long)]
    ambient: bool,
    /// Network of -f whose pods reach each other (peering, VPN); may be repeated
    #[arg(long, value_name = "NETWORK")]
    routed: Vec<Network>,
    /// Istio version of the cluster, 1.8 or newer [default: the newest]; --asm-version is the same,
    /// as 1.19.10-asm.9
    #[arg(long, alias = "asm-version", value_name = "VERSION", value_parser = with_script)]
    istio_version: Option<IstioVersion>,
    /// Namespace of the gateway [default: istio-system]
    #[arg(short, long, value_parser = DnsLabel::parse)]
    namespace: Option<DnsLabel>,
    /// Number of pods: 2, or between 2 and 5 by their load: 2-5 [default: 1-5]
    #[arg(long, value_name = "N")]
    replicas: Option<Replicas>,
    /// When nodes ask a registry for the gateway's image: Always, IfNotPresent or Never [default:
    /// Always; of an ambient mesh what istiod is installed with]
    #[arg(long, value_enum, value_name = "POLICY", hide_possible_values = true)]
    image_pull_policy: Option<PullPolicy>,
    /// What the cluster runs on, where its record does not tell: gke, onprem, eks, aks, attached
    #[arg(long, value_enum, hide_possible_values = true)]
    platform: Option<Platform>,
    /// Who signs the workloads' certificates: mesh-ca, cas or istio-ca; chooses --cert-provider as
    /// Google's guide for clusters off Google Cloud does
    #[arg(long, value_enum, hide_possible_values = true, conflicts_with = "cert_provider")]
    ca: Option<Authority>,
    /// Who signs istiod's certificate: istiod, or kubernetes before Istio 1.23
    #[arg(long, value_enum, value_name = "PROVIDER", hide_possible_values = true)]
    cert_provider: Option<CertProvider>,
    /// Who can reach the gateway: external for the internet, internal for the VPC network (EKS:
    /// by an NLB of the AWS Load Balancer Controller)
    #[arg(long, value_enum, value_name = "KIND", hide_possible_values = true)]
    load_balancer: Option<Exposure>,
    /// Let other regions reach an internal load balancer of GKE
    #[arg(long)]
    global_access: bool,
    /// Fixed address of the load balancer
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    /// Let in only these ranges, as mesh-cidrs writes them ("-": stdin)
    #[arg(long, value_name = "FILE")]
    source_ranges: Option<PathBuf>,
    /// Let in every address, where the ranges say so
    #[arg(long, requires = "source_ranges")]
    allow_any_source: bool,
    #[command(flatten)]
    public: meshcore::cidr::AllowPublic,
    /// Further annotation of the gateway's Service; may be repeated
    #[arg(long = "annotation", value_name = "KEY=VALUE")]
    annotations: Vec<Annotation>,
    #[command(flatten)]
    krm: meshkrm::Flag,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// IstioOperator for istioctl
    #[value(alias = "yaml")]
    Iop,
    /// The same as JSON
    Json,
    /// Values for the chart istio/gateway
    Helm,
    /// Gateway of an ambient mesh
    GatewayApi,
    /// Deployment, Service and all else, for kubectl
    Manifests,
}

/// Reads a version whose release has the script.
fn with_script(text: &str) -> Result<IstioVersion, &'static str> {
    match text.parse()? {
        version if IstioVersion::minor(version) < 8 => {
            Err("gen-eastwest-gateway.sh came with Istio 1.8")
        }
        version => Ok(version),
    }
}

/// Writes the gateways that the flags and records describe.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    let is_bare = meshkrm::is_bare() && args.names_nothing();
    if let Some(call) = krm::FUNCTION.call(&args.krm, is_bare)? {
        return krm::answer(call, console);
    }
    let (text, warnings) = if args.form() == Format::Json {
        let (objects, warnings) = args.gateways(|object| object)?;
        (json_text(&objects), warnings)
    } else {
        let (documents, warnings) = args.gateways(|object| yaml::document_text(&object))?;
        (documents.join("---\n"), warnings)
    };
    for warning in &warnings {
        console.warn(warning);
    }
    Ok(Outcome::done(text))
}

impl Args {
    /// The form of the output.
    fn form(&self) -> Format {
        self.output.unwrap_or(Format::Iop)
    }

    /// Whether neither flags nor the environment say what the gateway is for.
    fn names_nothing(&self) -> bool {
        self.files.is_empty() && self.network.is_none() && !self.single_cluster
    }

    /// What is made of each object of all gateways, and what may not be meant. Objects take many
    /// times the memory of their text, and one at a time is enough for it.
    fn gateways<T>(&self, make: impl Fn(Value) -> T) -> Result<(Vec<T>, Vec<Message>)> {
        // What is wrong with the flags is said before anything is read.
        let back_end = self.back_end()?;
        let (places, mut warnings) = self.places(back_end)?;
        let load_balancer = self.load_balancer()?;
        let mut objects = Vec::new();
        for place in &places {
            objects.extend(self.objects(place, back_end, &load_balancer)?.into_iter().map(&make));
            warnings.extend(load_balancer.warning(place.platform));
        }
        warnings.extend(self.warnings(&places, back_end));
        warnings.dedup();
        Ok((objects, warnings))
    }
}

fn json_text(objects: &[Value]) -> String {
    match objects {
        [object] => json_pretty(object),
        _ => json_pretty(&json!({"apiVersion": "v1", "kind": "List", "items": objects})),
    }
}
