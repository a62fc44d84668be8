//! The mesh that is wanted: what the file says, and where it says nothing, records and the
//! clusters themselves.

mod member;

pub use member::Member;

use crate::command::kubectl;
use crate::file::{Exposure, FileCluster, FileNetwork, Firewall, MeshFile};
use meshcore::cluster::Cluster;
use meshcore::{Error, IstioVersion, Message, Result};
use meshstate::{ClusterState, Mesh};
use std::collections::{BTreeMap, BTreeSet};

/// The folder of the root where the file names none.
const ROOT_DIR: &str = "root";
const SYSTEM_NAMESPACE: &str = "istio-system";

/// The mesh that is wanted.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Its ID, unless nobody knows it.
    pub mesh_id: Option<String>,
    /// Its trust domain, if the file has one.
    pub trust_domain: Option<String>,
    /// Where istiod is in every cluster.
    pub namespace: String,
    /// Istio's version where it is installed anew, if the file has one.
    pub version: Option<IstioVersion>,
    /// Namespaces that are to be injected.
    pub namespaces: Vec<String>,
    /// What gateways give access to.
    pub expose: BTreeSet<Exposure>,
    /// Of networks that the file speaks of.
    pub networks: BTreeMap<String, FileNetwork>,
    /// The folder of the root.
    pub root_dir: String,
    /// The firewall, if the file has one.
    pub firewall: Option<Firewall>,
    /// Its clusters, in the file's order, or else that of the input.
    pub members: Vec<Member<'a>>,
}

impl<'a> Wanted<'a> {
    /// Puts the file and the input together. The messages are warnings.
    pub fn new(file: Option<&MeshFile>, mesh: &'a Mesh) -> Result<(Self, Vec<Message>)> {
        let nothing = MeshFile::default();
        let file = file.unwrap_or(&nothing);
        let mut warnings = mesh.warnings.clone();
        let records = mesh.clusters.iter().filter_map(|state| state.record.as_ref());
        warnings.extend(records.filter_map(Cluster::foreign_kubeconfig));
        let members = if file.clusters.is_empty() {
            mesh.clusters.iter().map(Member::of_state).collect::<Result<Vec<_>>>()?
        } else {
            let members = file.clusters.iter().map(|cluster| {
                Member::of_file(cluster, find(mesh, cluster), file.revision.as_ref())
            });
            let members = members.collect::<Result<Vec<_>>>()?;
            let is_member =
                |state: &&ClusterState| members.iter().any(|m: &Member<'_>| m.is_of(state));
            let strangers = mesh.clusters.iter().filter(|state| !is_member(state));
            warnings.extend(strangers.map(|state| {
                Message::new(format!("cluster {} is not in the mesh that is wanted", state.name))
                    .hint("add it to the file's clusters, or take it out of the mesh: --leave")
            }));
            members
        };
        let namespace = match &file.namespace {
            Some(namespace) => namespace.to_string(),
            None => namespace(&members)?,
        };
        let wanted = Self {
            mesh_id: file.mesh_id.clone().map_or_else(|| mesh_id(&members), |id| Ok(Some(id)))?,
            trust_domain: file.trust_domain.clone(),
            namespace,
            version: file.istio_version,
            namespaces: file.namespaces.iter().map(ToString::to_string).collect(),
            expose: match &file.expose {
                Some(list) => list.iter().copied().collect(),
                None => BTreeSet::from([Exposure::Services]),
            },
            networks: file.networks.iter().map(|(k, v)| (k.to_string(), v.clone())).collect(),
            root_dir: file
                .root_dir
                .as_ref()
                .map_or_else(|| ROOT_DIR.to_owned(), |dir| dir.display().to_string()),
            firewall: file.firewall.clone(),
            members,
        };
        wanted.check()?;
        Ok((wanted, warnings))
    }

    /// What no single cluster is wrong in.
    fn check(&self) -> Result<()> {
        let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
        let mut contexts: BTreeMap<&str, &str> = BTreeMap::new();
        for member in &self.members {
            let of = |text: String, other: &str| {
                Error::data(format!("clusters {other} and {} have one {text}", member.name))
            };
            if let Some(other) = ids.insert(&member.id, &member.name) {
                return Err(of(format!("ID, {}", member.id), other)
                    .hint("give each an `id` of its own, by which istiod is to know it"));
            }
            if let Some(other) = contexts.insert(&member.context, &member.name) {
                return Err(of(format!("context, {}", member.context), other)
                    .hint("say in the file which context is which cluster's"));
            }
        }
        let (with, without): (Vec<&Member<'_>>, Vec<&Member<'_>>) =
            self.members.iter().partition(|member| member.network.is_some());
        if let (Some(with), Some(without)) = (with.first(), without.first()) {
            let network = with.network.as_deref().unwrap_or_default();
            return Err(Error::data("its network is not known")
                .at(format!("cluster {}", without.name))
                .hint(format!("cluster {} has one, {network}: name this one's, too", with.name)));
        }
        Ok(())
    }

    /// Whether there is more than one network, so that gateways are needed.
    #[must_use]
    pub fn crosses_networks(&self) -> bool {
        let networks: BTreeSet<&str> =
            self.members.iter().filter_map(|member| member.network.as_deref()).collect();
        networks.len() > 1
    }

    /// What the file says of a cluster's network.
    #[must_use]
    pub fn network(&self, member: &Member<'_>) -> Option<&FileNetwork> {
        self.networks.get(member.network.as_deref()?)
    }

    /// The clusters that are to have a gateway.
    pub fn gateways(&self) -> impl Iterator<Item = &Member<'a>> {
        let is_gateway = |member: &&Member<'a>| {
            self.network(member).is_none_or(|network| {
                network.gateways.is_empty() || network.gateways.contains(&member.name)
            })
        };
        self.members.iter().filter(|_| self.crosses_networks()).filter(is_gateway)
    }

    /// All clusters but one.
    #[must_use]
    pub fn peers<'m>(&'m self, member: &Member<'_>) -> Vec<&'m Member<'a>> {
        self.members.iter().filter(|peer| peer.id != member.id).collect()
    }

    /// The command that fails while a cluster does not answer.
    #[must_use]
    pub fn asks(&self, name: &str) -> String {
        let member = self.members.iter().find(|member| member.name == name);
        let ask = |member: &Member<'_>| kubectl(member, ["get", "--raw=/readyz"]);
        member.map_or_else(|| ask(&Member::named(name)), ask)
    }

    /// Istio's version in a cluster.
    #[must_use]
    pub fn version_of(&self, member: &Member<'_>) -> Option<IstioVersion> {
        self.version.or_else(|| member.version())
    }
}

/// A cluster of the input, as the file calls it: by name, context, or ID.
fn find<'a>(mesh: &'a Mesh, cluster: &FileCluster) -> Option<&'a ClusterState> {
    let context = cluster.context.as_ref().unwrap_or(&cluster.name);
    let id = cluster.id.as_ref().unwrap_or(&cluster.name);
    let by_context = |state: &&ClusterState| member::context(state) == Some(context);
    let by_id = |state: &&ClusterState| state.ids().contains(id.as_str());
    let all = || mesh.clusters.iter();
    mesh.cluster(&cluster.name).or_else(|| all().find(by_context)).or_else(|| all().find(by_id))
}

/// Where istiod is in all clusters.
fn namespace(members: &[Member<'_>]) -> Result<String> {
    let all: BTreeSet<&str> = members
        .iter()
        .filter_map(|member| member.state)
        .filter(|state| state.is_described())
        .map(|state| state.istio_namespace.as_str())
        .collect();
    match all.len() {
        0 => Ok(SYSTEM_NAMESPACE.to_owned()),
        1 => Ok(all.into_iter().collect()),
        _ => {
            let all: Vec<&str> = all.into_iter().collect();
            Err(Error::data(format!("the clusters' istiods are in {}", all.join(" and ")))
                .hint("name the one of the mesh that is wanted in the file: namespace"))
        }
    }
}

/// The ID that the clusters have, if they agree.
fn mesh_id(members: &[Member<'_>]) -> Result<Option<String>> {
    let all: BTreeSet<&str> = members.iter().flat_map(Member::mesh_ids).collect();
    let all: Vec<&str> = all.into_iter().collect();
    match all[..] {
        [] => Ok(None),
        [one] => Ok(Some(one.to_owned())),
        _ => Err(Error::data(format!("the clusters are of the meshes {}", all.join(" and ")))
            .hint("name the one that is wanted in the file: meshId")),
    }
}
