//! The clusters of a mesh, small enough to have hundreds of them at hand.

use crate::bulk::Bulk;
use crate::command::Way;
use crate::given::{self, Given};
use crate::table::Check;
use jiff::Timestamp;
use meshcore::finding::Finding;
use meshstate::ClusterState;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A cluster, without what there is much of in each.
#[derive(Debug)]
pub struct Member {
    /// Its state; of services, workloads, pods and nodes only what [`Member::bulk`] keeps.
    pub state: ClusterState,
    /// What is left of these.
    pub bulk: Bulk,
    /// How commands reach it.
    pub way: Way,
    /// What it is called: one ID, unless it is installed inconsistently or nothing tells.
    pub ids: Vec<String>,
    /// The IDs of the clusters that its istiod has credentials for.
    pub reads: HashSet<Arc<str>>,
    /// The keys of all its remote Secrets, read or not.
    pub holds: HashSet<Arc<str>>,
    /// What others were given of it, once it is in a mesh.
    pub given: Option<Given>,
}

/// All clusters.
#[derive(Debug)]
pub struct Mesh {
    /// In the input's order.
    pub members: Vec<Member>,
    by_id: HashMap<String, Vec<usize>>,
    /// The first of each name, and of each context.
    by_name: HashMap<String, usize>,
    by_context: HashMap<String, usize>,
}

/// For so many seconds Kubernetes takes a Deployment for one that makes progress
/// (`progressDeadlineSeconds`).
const PROGRESS: i64 = 600;

/// A kind and a name: what a finding of a cluster is about.
pub type Object<'a> = (&'a str, &'a str);

impl Member {
    /// Puts together what was kept.
    #[must_use]
    pub fn new(state: ClusterState, bulk: Bulk) -> Self {
        let way = Way::to(&state);
        let read = bulk.secrets.iter();
        let read = read.filter(|secret| secret.is_read_in(&state.istio_namespace));
        let reads = read.flat_map(|secret| &secret.entries).map(|(id, _)| id.clone()).collect();
        let holds = bulk.secrets.iter().flat_map(|secret| &secret.entries);
        let holds = holds.map(|(id, _)| id.clone()).collect();
        let ids = state.ids().into_iter().map(str::to_owned).collect();
        Self { state, bulk, way, ids, reads, holds, given: None }
    }

    /// What to call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Istio's namespace.
    #[must_use]
    pub fn istio_namespace(&self) -> &str {
        &self.state.istio_namespace
    }

    /// A finding about it, or about an object in it. `text` goes on after "cluster NAME: ".
    #[must_use]
    pub fn finding(
        &self,
        check: &Check,
        object: Option<Object<'_>>,
        text: &str,
        mut evidence: Value,
        fix: String,
    ) -> Finding {
        let name = self.name();
        evidence["cluster"] = json!(name);
        let object = match object {
            Some((kind, object)) => format!("{name}: {kind} {object}"),
            None => name.to_owned(),
        };
        let message = format!("cluster {name}: {text}");
        let Check { code, severity, .. } = *check;
        Finding { code, severity, object, message, evidence, fix }
    }

    /// How many seconds old something was when the cluster was captured (or at this time, if that
    /// is not known), if a controller may still be at it.
    #[must_use]
    pub fn young(&self, made: Timestamp, at: Timestamp) -> Option<i64> {
        let header = self.state.header.as_ref();
        let seen = header.and_then(|header| header.time.or(header.captured_at)).unwrap_or(at);
        let age = seen.duration_since(made).as_secs().max(0);
        (age < PROGRESS).then_some(age)
    }

    /// Whether it is known what is in it.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.state.is_described()
    }

    /// Whether its API server did not answer.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.state.header.as_ref().is_some_and(|header| header.unreachable.is_some())
    }

    /// Whether it has a control plane, its own or one that Google runs.
    #[must_use]
    pub fn has_control_plane(&self) -> bool {
        !self.state.control_planes.is_empty() || !self.state.managed.is_empty()
    }

    /// Whether another cluster's istiod serves it.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.state.external_istiod.is_some()
    }

    /// Whether any replica of its control plane is ready, as far as that is to be seen.
    #[must_use]
    pub fn runs_control_plane(&self) -> bool {
        !self.state.managed.is_empty() || self.state.control_planes.iter().any(|one| one.ready > 0)
    }

    /// Whether its istiod reads remote Secrets. Google's control planes are given credentials in
    /// other ways, too.
    #[must_use]
    pub fn reads_others(&self) -> bool {
        !self.state.control_planes.is_empty()
    }

    /// The mesh that it says it is in.
    #[must_use]
    pub fn mesh_id(&self) -> Option<&str> {
        let given = |id: &&str| !id.is_empty();
        let values = self.state.injector_values.values();
        let configs = self.state.mesh_configs.values();
        let of_record = || self.state.record.as_ref()?.mesh_id.as_deref();
        values
            .filter_map(|values| values.mesh_id.as_deref())
            .chain(configs.filter_map(|config| config.mesh_id.as_deref()))
            .find(given)
            .or_else(of_record)
    }

    /// The network that its proxies are told, or else that of istiod's namespace, or of its
    /// record. None for a cluster in no named network.
    #[must_use]
    pub fn network(&self) -> Option<&str> {
        let given = |network: &&str| !network.is_empty();
        let told = self.state.injector_values.values().filter_map(|v| v.network.as_deref());
        let label = || self.state.namespace_network();
        let of_record = || self.state.record.as_ref()?.network.as_deref();
        told.into_iter().find(given).or_else(label).or_else(of_record).filter(given)
    }

    /// The mesh config of a revision, or else the only one.
    #[must_use]
    pub fn mesh_config(&self) -> Option<&meshstate::MeshConfig> {
        let configs = &self.state.mesh_configs;
        configs.get("default").or_else(|| configs.values().next())
    }
}

impl Mesh {
    /// The mesh of these.
    #[must_use]
    pub fn new(mut members: Vec<Member>) -> Self {
        // Of a part of a mesh it is still what was given in all of it.
        for (member, given) in given::of(&members).into_iter().enumerate() {
            members[member].given.get_or_insert(given);
        }
        let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, member) in members.iter().enumerate() {
            for id in &member.ids {
                by_id.entry(id.clone()).or_default().push(index);
            }
        }
        let (mut by_name, mut by_context) = (HashMap::new(), HashMap::new());
        for (index, Member { state, .. }) in members.iter().enumerate() {
            by_name.entry(state.name.clone()).or_insert(index);
            let captured = state.header.as_ref().and_then(|header| header.context.as_ref());
            let recorded = state.record.as_ref().and_then(|record| record.context.as_ref());
            for context in captured.into_iter().chain(recorded) {
                by_context.entry(context.clone()).or_insert(index);
            }
        }
        Self { members, by_id, by_name, by_context }
    }

    /// Those that are known to have this ID.
    pub fn with_id(&self, id: &str) -> impl Iterator<Item = &Member> {
        self.by_id.get(id).into_iter().flatten().map(|&index| &self.members[index])
    }

    /// The cluster of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Member> {
        self.by_name.get(name).map(|&index| &self.members[index])
    }

    /// The cluster of this name, ID or context.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Member> {
        let by_context = || self.by_context.get(name).map(|&index| &self.members[index]);
        self.named(name).or_else(|| self.with_id(name).next()).or_else(by_context)
    }

    /// The members of which it is known what is in them.
    pub fn known(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.is_known())
    }

    /// Pairs of clusters that are, or are to be, of one mesh.
    pub fn pairs(&self) -> impl Iterator<Item = (&Member, &Member)> {
        let after = |i: usize| self.members[i + 1..].iter();
        let with = move |(i, a)| after(i).map(move |b| (a, b));
        self.members.iter().enumerate().flat_map(with).filter(|(a, b)| are_of_one_mesh(a, b))
    }

    /// The cluster whose istiod serves this one: itself, or a primary cluster that the input has. By
    /// the word of the cluster, or else by who has credentials for it.
    #[must_use]
    pub fn primary<'a>(&'a self, of: &'a Member) -> Option<&'a Member> {
        if !of.is_remote() {
            return Some(of);
        }
        let named: Vec<&str> = of.state.served_by().collect();
        let has_istiod = |one: &&Member| !one.state.control_planes.is_empty();
        let is_named = |one: &&Member| one.ids.iter().any(|id| named.contains(&id.as_str()));
        let mut all = self.peers(of).filter(has_istiod);
        all.find(is_named).or_else(|| self.peers(of).filter(has_istiod).find(|one| reads(one, of)))
    }

    /// The others of its mesh.
    pub fn peers<'a>(&'a self, of: &'a Member) -> impl Iterator<Item = &'a Member> {
        self.members.iter().filter(move |peer| are_peers(of, peer))
    }
}

/// Whether they are two clusters of one mesh.
#[must_use]
pub fn are_peers(one: &Member, other: &Member) -> bool {
    one.name() != other.name() && are_of_one_mesh(one, other)
}

/// Clusters with two mesh IDs are of two meshes, unless one reads the other.
fn are_of_one_mesh(a: &Member, b: &Member) -> bool {
    match (a.mesh_id(), b.mesh_id()) {
        (Some(one), Some(other)) if one != other => reads(a, b) || reads(b, a),
        _ => true,
    }
}

/// Whether a remote Secret of `reader` has the other's ID.
#[must_use]
pub fn reads(reader: &Member, other: &Member) -> bool {
    other.ids.iter().any(|id| reader.reads.contains(id.as_str()))
}
