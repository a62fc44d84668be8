//! Writes what each control plane must be installed with, so that all of them are one mesh.
//!
//! What bounds it: its start. Of the 890,000 instructions of a call for two clusters 210,000 load
//! the program and 220,000 describe and read its flags. Each further cluster takes 190,000, to be
//! read and written.

mod agreement;
mod control_plane;
mod facts;
mod installer;
mod line;
mod member;
mod mesh;
mod names;
mod namespace;
mod plane;
mod request;
mod site;
mod values;

pub use control_plane::{Choices, ControlPlane, Role};
pub use facts::Facts;
pub use installer::{Installer, Script};
pub use member::{Member, Seat};
pub use mesh::{Mesh, Said};
pub use names::{ClusterId, MeshId, PilotAddress, TrustDomain};
pub use namespace::namespace;
pub use plane::{Authority, CaPool, Channel, GoogleAuthority, Plane};
pub use site::Site;
pub use values::Chart;

use clap::{Parser, ValueEnum};
use meshcore::cluster::{self, Names, Provider};
use meshcore::input::Input;
use meshcore::{
    Console, DnsLabel, Error, IstioVersion, Message, Network, Outcome, Result, kubeconfigs, yaml,
};
use request::Form;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const EXAMPLES: &str = "\
Examples:
  mesh-clusters --contexts cluster1,cluster2 | mesh-id --network network1 | mesh-install-gen --mesh-id mesh1
  mesh-clusters --contexts cluster1,cluster2 | mesh-id --network network1 | mesh-install-gen --mesh-id mesh1 -o namespace --cluster cluster1 | mesh-apply --dry-run=server --context cluster1";

/// Write what each control plane must be installed with to be one mesh
///
/// Reads the records of all clusters of the mesh, with `id`, `network` and `meshId` as mesh-id
/// fills them in. They are checked against each other, also where --cluster chooses one: IDs that
/// collide, meshes that differ, one network for clusters whose pods cannot reach each other, and
/// roots without one in common are refused. Trust domains that differ become aliases everywhere.
///
/// Optional fields of a record tell what is installed: `trustDomain`, `revisions`,
/// `rootFingerprints`, `gateways`. Clusters have a control plane each, but for those that
/// --remote gives to another's. With several clusters the annotation `meshutils/cluster` says
/// whose object it is. Remote secrets are mesh-remote-secret's.
#[derive(Debug, Parser)]
#[command(name = "mesh-install-gen", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// What to write
    #[arg(short, long, value_enum, default_value = "iop")]
    output: Format,
    /// Cluster to write for, by name, PROJECT/LOCATION/NAME or ID; may be repeated; its peers
    /// remain all of the input [default: all]
    #[arg(long, value_name = "NAME")]
    cluster: Vec<String>,
    /// ID of the mesh, for records that have none
    #[arg(long, value_name = "ID")]
    mesh_id: Option<MeshId>,
    /// Cluster without a control plane, and the one whose control plane serves it; may be repeated
    #[arg(long, value_name = "REMOTE=PRIMARY", value_parser = remote)]
    remote: Vec<(String, String)>,
    /// IP address of a primary's east-west gateway, where its remotes find istiod; may be repeated
    /// [default: the address in its record]
    #[arg(long, value_name = "PRIMARY=ADDRESS", value_parser = pilot_address)]
    remote_pilot_address: Vec<(String, PilotAddress)>,
    /// Network whose pods reach each other (peering, VPN); may be repeated
    #[arg(long, value_name = "NETWORK")]
    routed: Vec<Network>,
    /// Trust domain of clusters whose record has none [default: cluster.local]
    #[arg(long, value_name = "DOMAIN")]
    trust_domain: Option<TrustDomain>,
    /// Revision of all control planes [default: the one in the record]
    #[arg(long, value_parser = DnsLabel::parse)]
    revision: Option<DnsLabel>,
    /// Namespace of Istio
    #[arg(short, long, default_value = "istio-system", value_parser = DnsLabel::parse)]
    namespace: DnsLabel,
    /// Istio or ASM version to install, as 1.19.10-asm.9 [default: the newest]
    #[arg(long, value_name = "VERSION")]
    istio_version: Option<IstioVersion>,
    /// Chart whose values to write (-o helm)
    #[arg(long, value_enum)]
    chart: Option<Chart>,
    /// Let Google run the control planes (-o asmcli)
    #[arg(long)]
    managed: bool,
    /// Channel of the managed control planes [default: GKE's]
    #[arg(long, value_enum)]
    channel: Option<Channel>,
    /// Who signs the certificates of workloads: Google's `mesh_ca` or `gcp_cas`, or istiod: citadel
    /// (-o asmcli) [default: Mesh CA]
    #[arg(long, value_enum, hide_possible_values = true)]
    ca: Option<SigningCa>,
    /// Pool of Certificate Authority Service, `projects/P/locations/L/caPools/N` (`--ca gcp_cas`)
    #[arg(long, value_name = "POOL")]
    ca_pool: Option<CaPool>,
    /// Directory with ca-cert.pem, ca-key.pem, root-cert.pem and cert-chain.pem in a folder for
    /// each CLUSTER_ID (--ca citadel)
    #[arg(long, value_name = "DIR", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    custom_ca_dir: Option<String>,
    /// Host project of the fleet (-o asmcli) [default: the project of all clusters]
    #[arg(long, value_name = "PROJECT", value_parser = DnsLabel::parse)]
    fleet_id: Option<DnsLabel>,
    /// Let asmcli enable APIs, roles, labels and whatever else it needs
    #[arg(long)]
    enable_all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// An IstioOperator for each cluster, for `istioctl install -f`
    Iop,
    /// Values of a chart for one cluster
    Helm,
    /// Command lines of asmcli, or of `install_asm` before 1.11; pipe them into sh
    Asmcli,
    /// Istio's namespaces, labelled with their networks
    Namespace,
}

/// As asmcli names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum SigningCa {
    /// Google's Mesh CA
    MeshCa,
    /// Google's Certificate Authority Service
    GcpCas,
    /// istiod
    Citadel,
}

fn remote(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((remote, primary)) if !remote.is_empty() && !primary.is_empty() => {
            Ok((remote.to_owned(), primary.to_owned()))
        }
        _ => Err("it has the form REMOTE=PRIMARY"),
    }
}

fn pilot_address(text: &str) -> Result<(String, PilotAddress), String> {
    let (primary, address) = text.split_once('=').ok_or("it has the form PRIMARY=ADDRESS")?;
    Ok((primary.to_owned(), address.parse()?))
}

/// Checks the records and writes what is asked for.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    // What is wrong with the flags is said before anything is read.
    let form = args.form()?;
    let read = cluster::read(&args.input.read()?)?;
    let merged = cluster::merge(read.clusters);
    for warning in read.warnings.iter().chain(&merged.contradictions) {
        console.warn(warning);
    }
    let mesh = Mesh::of(&merged.clusters, &args.said())?;
    let chosen = args.chosen(&mesh)?;
    let marks = marks(&mesh, &chosen);
    let mut warnings = mesh.doubts.clone();
    let output = match form {
        Form::Operator(choices) => {
            let planes = choices.control_planes(&mesh, &chosen)?;
            warnings.extend(unknown_roots(&mesh));
            let objects = planes.iter().map(ControlPlane::operator).zip(marks).map(marked);
            yaml::stream(&objects.collect::<Vec<_>>())
        }
        Form::Helm(choices, chart) => {
            let [one] = chosen[..] else {
                return Err(Error::usage("-o helm: values are of one cluster")
                    .hint("choose it with --cluster; all of the input is checked"));
            };
            let planes = choices.control_planes(&mesh, &[one])?;
            if chart == Chart::Istiod {
                warnings.extend(unknown_roots(&mesh));
            }
            planes.iter().map(|plane| yaml::document_text(&plane.helm(chart))).collect()
        }
        Form::Asm(installer) => {
            for member in &chosen {
                own_kubeconfig(member)?;
            }
            let lines = installer.commands(&mesh, &chosen)?;
            warnings.extend(args.managed.then(deprecated));
            lines.into_iter().map(|line| line + "\n").collect()
        }
        Form::Namespace => {
            let objects = chosen.iter().map(|member| namespace(member, &args.namespace));
            yaml::stream(&objects.zip(marks).map(marked).collect::<Vec<_>>())
        }
    };
    for warning in &warnings {
        console.warn(warning);
    }
    Ok(Outcome::done(output))
}

impl Args {
    /// The members to write for, in the order of the records.
    fn chosen<'a>(&self, mesh: &'a Mesh<'_>) -> Result<Vec<&'a Member<'a>>> {
        if self.cluster.is_empty() {
            return Ok(mesh.members.iter().collect());
        }
        let named = self.cluster.iter().map(|name| mesh.find(name).map(|member| &member.id));
        let named = named.collect::<Result<BTreeSet<&ClusterId>>>()?;
        Ok(mesh.members.iter().filter(|member| named.contains(&member.id)).collect())
    }
}

/// The script opens the file by which it finds a cluster off Google.
fn own_kubeconfig(member: &Member<'_>) -> Result<()> {
    let is_elsewhere = member.cluster.provider != Some(Provider::Gke);
    match member.cluster.kubeconfig.as_deref() {
        Some(path) if is_elsewhere && !kubeconfigs::are_with(path) => {
            Err(kubeconfigs::not_given(path).at(member.place()))
        }
        _ => Ok(()),
    }
}

/// What tells the objects of several clusters apart.
fn marks(mesh: &Mesh<'_>, chosen: &[&Member<'_>]) -> Vec<Option<String>> {
    let names = Names::of(mesh.members.iter().map(|member| member.cluster));
    let mark = |member: &&Member<'_>| {
        let name = names.unique(member.cluster).filter(|_| chosen.len() > 1);
        name.map(str::to_owned)
    };
    chosen.iter().map(mark).collect()
}

fn marked((mut object, mark): (Value, Option<String>)) -> Value {
    if let Some(mark) = mark {
        object["metadata"]["annotations"]["meshutils/cluster"] = json!(mark);
    }
    object
}

/// Nothing in the values gives the clusters a common root.
fn unknown_roots(mesh: &Mesh<'_>) -> Option<Message> {
    let primaries: Vec<&Member<'_>> =
        mesh.members.iter().filter(|member| matches!(member.seat, Seat::Primary { .. })).collect();
    let unknown: Vec<&str> = primaries
        .iter()
        .filter(|member| member.facts.roots.is_empty())
        .map(|member| member.id.as_str())
        .collect();
    if primaries.len() < 2 || unknown.is_empty() {
        return None;
    }
    let text = format!(
        "the roots of {} are not known: without a Secret cacerts each istiod makes a root that \
         no other cluster trusts",
        unknown.join(", ")
    );
    Some(Message::new(text).hint("mesh-cacerts makes the Secrets; apply them before the install"))
}

/// asmcli says so itself since 2024-08-22.
fn deprecated() -> Message {
    Message::new("asmcli's --managed is deprecated")
        .hint("gcloud container fleet mesh update --management automatic takes its place")
}
