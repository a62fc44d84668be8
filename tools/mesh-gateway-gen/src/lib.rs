//! Writes the east-west gateway of a cluster as `samples/multicluster/gen-eastwest-gateway.sh`
//! of the cluster's Istio version does, with values that keep their type in YAML.

mod gateway;
mod names;

pub use gateway::{CertProvider, Form, Gateway, Member};
pub use names::{Identifier, Network};

use clap::{Parser, ValueEnum};
use meshcore::{Console, DnsLabel, Error, IstioVersion, Message, Outcome, Result, yaml};

const EXAMPLES: &str = "\
Examples:
  mesh-gateway-gen --network network1
  mesh-gateway-gen --network network1 --revision asm-11910-9 --istio-version 1.19.10-asm.9";

/// Write the east-west gateway of a cluster as an IstioOperator
///
/// Traffic from other networks enters a cluster through its east-west gateway. The object is
/// the one that gen-eastwest-gateway.sh of the Istio version prints; pipe it into
/// `istioctl install -y -f -`. Nothing is read.
#[derive(Debug, Parser)]
#[command(name = "mesh-gateway-gen", version, before_help = EXAMPLES)]
pub struct Args {
    /// Network of the cluster's pods; networks that cannot route to each other differ in name
    #[arg(long, value_name = "NAME")]
    network: Option<Network>,
    /// Revision of the control plane that runs the gateway, as asm-11910-9
    #[arg(long, value_parser = DnsLabel::parse)]
    revision: Option<DnsLabel>,
    /// Name by which istiod knows the cluster (needed before Istio 1.12, then not used)
    #[arg(long, value_name = "NAME")]
    cluster: Option<Identifier>,
    /// ID of the mesh, as proj-NUMBER (needed before Istio 1.12, then not used)
    #[arg(long, value_name = "ID")]
    mesh: Option<Identifier>,
    /// Gateway of a mesh of one cluster: for machines outside it, not for other networks
    #[arg(long)]
    single_cluster: bool,
    /// Who signs istiod's certificate; kubernetes only before Istio 1.23
    #[arg(long, value_enum, value_name = "PROVIDER")]
    cert_provider: Option<CertProvider>,
    /// Istio or ASM version of the cluster, as 1.19.10-asm.9, 1.8 or newer [default: the newest]
    #[arg(long, value_name = "VERSION", value_parser = with_script)]
    istio_version: Option<IstioVersion>,
    /// Form of the object
    #[arg(short, long, value_enum, default_value = "yaml")]
    output: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Yaml,
    Json,
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

/// Writes the gateway that the flags describe.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    let gateway = Gateway { form: args.form()?, cert_provider: args.cert_provider()? };
    let manifest = gateway.manifest();
    for warning in args.warnings() {
        console.warn(&warning);
    }
    Ok(Outcome::done(match args.output {
        Format::Yaml => yaml::document_text(&manifest),
        Format::Json => format!("{manifest:#}\n"),
    }))
}

impl Args {
    fn form(&self) -> Result<Form> {
        let revision = self.revision.clone();
        Ok(match self.istio_version {
            Some(version) if version.minor() == 8 && version.patch() == Some(0) => match revision {
                None => Form::V1_8_0(self.member(version)?),
                Some(_) => {
                    return Err(Error::usage("--revision: the gateway of Istio 1.8.0 has none")
                        .hint("Istio 1.8.1 and newer have it: is --istio-version right?"));
                }
            },
            Some(version) if version.minor() < 11 => Form::V1_8_1(self.member(version)?, revision),
            Some(version) if version.minor() < 12 => Form::V1_11(self.member(version)?, revision),
            _ => Form::V1_12(self.network()?, revision),
        })
    }

    /// The network, or none for a single cluster.
    fn network(&self) -> Result<Option<Network>> {
        match &self.network {
            _ if self.single_cluster => Ok(None),
            Some(network) => Ok(Some(network.clone())),
            None => Err(Error::usage("--network is missing").hint(
                "name the network of the cluster's pods (network1), or give --single-cluster",
            )),
        }
    }

    /// What gateways before 1.12 say of their cluster, or nothing for a single cluster.
    fn member(&self, version: IstioVersion) -> Result<Option<Member>> {
        let Some(network) = self.network()? else { return Ok(None) };
        let missing = |flag| {
            Error::usage(format!("{flag} is missing: the gateway of Istio {version} names it"))
                .hint("before Istio 1.12 it needs --cluster and --mesh, or --single-cluster")
        };
        Ok(Some(Member {
            network,
            cluster: self.cluster.clone().ok_or_else(|| missing("--cluster"))?,
            mesh: self.mesh.clone().ok_or_else(|| missing("--mesh"))?,
        }))
    }

    fn cert_provider(&self) -> Result<Option<CertProvider>> {
        if self.cert_provider != Some(CertProvider::Kubernetes) {
            return Ok(self.cert_provider);
        }
        let refused = "--cert-provider kubernetes: istiod refuses it from Istio 1.23 on";
        match self.istio_version {
            Some(version) if version.minor() < 23 => Ok(self.cert_provider),
            Some(_) => Err(Error::usage(refused).hint("use istiod, or leave the flag out")),
            None => Err(Error::usage(refused)
                .hint("for an older Istio name it, as --istio-version 1.19; else use istiod")),
        }
    }

    fn warnings(&self) -> Vec<Message> {
        let spans_networks = !self.single_cluster;
        let names_cluster =
            spans_networks && self.istio_version.is_some_and(|version| version.minor() < 12);
        let why = if spans_networks {
            "from Istio 1.12 on the gateway does not name it"
        } else {
            "the gateway of a single cluster does not name it"
        };
        let unused = [
            ("--network", self.network.is_some() && !spans_networks),
            ("--cluster", self.cluster.is_some() && !names_cluster),
            ("--mesh", self.mesh.is_some() && !names_cluster),
        ];
        let mut warnings: Vec<Message> = unused
            .iter()
            .filter(|(_, is_unused)| *is_unused)
            .map(|(flag, _)| Message::new(format!("{flag} is given and not used: {why}")))
            .collect();
        if spans_networks && self.network.as_ref().is_some_and(Network::is_default) {
            warnings.push(
                Message::new(
                    "network \"default\": clusters on networks of one name are taken for directly \
                     routable, and traffic between them goes past this gateway",
                )
                .hint("give each network its own name, as network1 and network2"),
            );
        }
        warnings
    }
}
