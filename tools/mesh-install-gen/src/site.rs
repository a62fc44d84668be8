//! Where asmcli finds a cluster, and whether what it installs there is what the record says.
//!
//! It installs `CLUSTER_ID` as `cn-PROJECT-LOCATION-NAME`, off Google as
//! `cn-FLEET-global-MEMBERSHIP`, and the network of a GKE cluster as `PROJECT-VPC`, whatever
//! `--network_id` says (asmcli/lib/config.sh; `populate_cluster_values` of lib/util.sh).

use crate::Member;
use crate::line::Line;
use meshcore::cluster::Provider;
use meshcore::{DnsLabel, Error, Result};

/// How the script finds a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site<'a> {
    /// By its name on Google Cloud.
    Gke {
        /// Project of the cluster.
        project: &'a str,
        /// Zone or region.
        location: &'a str,
        /// Name of the cluster.
        name: &'a str,
    },
    /// By a kubeconfig, and by the membership under which its fleet knows it.
    Elsewhere {
        /// Name of the membership.
        membership: &'a str,
        /// File.
        kubeconfig: &'a str,
        /// Context in it.
        context: &'a str,
    },
}

impl<'a> Site<'a> {
    /// The site of a member of `fleet`; an error where the script would install another ID or
    /// network than the other clusters are told.
    pub fn of(member: &'a Member<'_>, fleet: &str) -> Result<Self> {
        if member.cluster.provider == Some(Provider::Gke) {
            Self::on_gke(member)
        } else {
            Self::elsewhere(member, fleet)
        }
    }

    fn on_gke(member: &'a Member<'_>) -> Result<Self> {
        let cluster = member.cluster;
        let from = "feed gcloud container clusters list --format=json into mesh-id";
        let project = field(member, "project", cluster.project.as_ref(), from)?;
        let location = field(member, "location", cluster.location.as_ref(), from)?;
        let name = &cluster.name;
        let id = format!("cn-{project}-{location}-{name}");
        if member.id.as_str() != id {
            return Err(differs(member, "ID", member.id.as_str(), &id));
        }
        if let Some(vpc) = cluster.vpc.as_ref().and_then(|vpc| vpc.rsplit('/').next()) {
            let network = format!("{project}-{vpc}");
            if member.network.as_str() != network {
                return Err(differs(member, "network", member.network.as_str(), &network));
            }
        }
        Ok(Self::Gke { project, location, name })
    }

    fn elsewhere(member: &'a Member<'_>, fleet: &str) -> Result<Self> {
        let prefix = format!("cn-{fleet}-global-");
        let membership = member.id.as_str().strip_prefix(&prefix);
        let membership =
            membership.filter(|name| DnsLabel::parse(name).is_ok()).ok_or_else(|| {
                differs(member, "ID", member.id.as_str(), &format!("{prefix}MEMBERSHIP"))
            })?;
        let from = "mesh-clusters --kubeconfig /DIRECTORY/FILE tells it";
        let cluster = member.cluster;
        let context = field(member, "context", cluster.context.as_ref(), from)?;
        let kubeconfig = field(member, "kubeconfig", cluster.kubeconfig.as_ref(), from)?;
        // asmcli changes into its --output_dir before it reads it, and makes an empty one there.
        if !kubeconfig.starts_with('/') {
            return Err(Error::data(format!(
                "its kubeconfig {kubeconfig} is no absolute path, and asmcli reads it elsewhere"
            ))
            .at(member.place())
            .hint(from));
        }
        Ok(Self::Elsewhere { membership, kubeconfig, context })
    }

    /// The command that registers a cluster off Google. The membership's name is a part of
    /// `CLUSTER_ID`, and asmcli would make one of the time of day, or call two clusters alike.
    pub(crate) fn registration(&self, fleet: &str) -> Option<Line> {
        let Self::Elsewhere { membership, kubeconfig, context } = self else { return None };
        let mut line = Line::new(&["gcloud", "container", "fleet", "memberships", "register"]);
        line.flag(membership);
        line.flag(&format!("--project={fleet}"));
        line.flag(&format!("--kubeconfig={kubeconfig}"));
        line.flag(&format!("--context={context}"));
        line.flag("--enable-workload-identity");
        line.flag("--has-private-issuer");
        Some(line)
    }
}

fn field<'a>(
    member: &Member<'_>,
    what: &str,
    value: Option<&'a String>,
    hint: &str,
) -> Result<&'a str> {
    value.map(String::as_str).ok_or_else(|| {
        Error::data(format!("has no {what}, by which asmcli finds it"))
            .at(member.place())
            .hint(hint)
    })
}

/// istio/istio issue 42144, asmcli pull request 1184: a name that differs breaks the mesh.
fn differs(member: &Member<'_>, what: &str, own: &str, installed: &str) -> Error {
    Error::data(format!("its {what} is {own}, and asmcli installs {installed}"))
        .at(member.place())
        .hint("mesh-id names clusters as asmcli does; -o iop installs any name")
}
