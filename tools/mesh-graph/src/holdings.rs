//! What clusters hold of each other's credentials. Of a thousand clusters that is a million
//! Secrets: of each is kept, as soon as it was read, what it is worth.

use crate::Link;
use jiff::Timestamp;
use meshstate::{ClusterState, ControlPlane, Credential, RemoteCluster};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// What istiod needs to be told before it takes kubeconfigs that run programs or read files.
pub const ALLOWED: &str = "PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS";

/// By the name of the cluster that holds them.
pub struct Holdings {
    at: Option<Timestamp>,
    now: Timestamp,
    ids: HashSet<Arc<str>>,
    all: BTreeMap<String, Vec<(Arc<str>, Link)>>,
}

impl Holdings {
    /// None yet. A token has expired if it has at `at`; without that, when the cluster was
    /// captured, or else `now`.
    #[must_use]
    pub fn new(at: Option<Timestamp>, now: Timestamp) -> Self {
        Self { at, now, ids: HashSet::new(), all: BTreeMap::new() }
    }

    /// Takes the credentials out of a cluster, and what no picture shows.
    pub fn take(&mut self, state: &mut ClusterState) {
        let header = state.header.as_ref();
        let captured = header.and_then(|header| header.time.or(header.captured_at));
        let at = self.at.or(captured).unwrap_or(self.now);
        let options = state.control_planes.iter();
        let options = options.filter_map(|one: &ControlPlane| one.env.get(ALLOWED));
        let allowed: BTreeSet<&str> =
            options.flat_map(|options| options.split(',')).map(str::trim).collect();
        let read = state.remote_secrets.iter().filter(|one| one.is_read_in(&state.istio_namespace));
        for secret in read {
            let links = self.all.entry(state.name.clone()).or_default();
            for (id, entry) in &secret.entries {
                let link = match entry {
                    Ok(remote) => link(remote, &allowed, at),
                    Err(reason) => Link::Unusable(format!("its kubeconfig {reason}")),
                };
                links.push((pooled(&mut self.ids, id), link));
            }
        }
        state.remote_secrets = Vec::new();
        let gateways: Vec<_> = state.gateway_services().cloned().collect();
        state.services = gateways;
        state.workloads = Vec::new();
        state.pods = Vec::new();
    }

    /// Whether the cluster's istiod has a remote Secret to read.
    #[must_use]
    pub fn has_any(&self, state: &ClusterState) -> bool {
        self.all.contains_key(&state.name)
    }

    /// What the cluster holds, by the IDs that its Secrets have for keys.
    pub fn of(&self, state: &ClusterState) -> impl Iterator<Item = (&str, &Link)> {
        self.all.get(&state.name).into_iter().flatten().map(|(id, link)| (&**id, link))
    }
}

/// The same text for all clusters that hold credentials of one.
fn pooled(ids: &mut HashSet<Arc<str>>, id: &str) -> Arc<str> {
    if let Some(known) = ids.get(id) {
        return known.clone();
    }
    let new: Arc<str> = id.into();
    ids.insert(new.clone());
    new
}

fn link(remote: &RemoteCluster, allowed: &BTreeSet<&str>, at: Timestamp) -> Link {
    let unusable = |why: &str| Link::Unusable(why.to_owned());
    let is_refused = |option: &str| !allowed.contains(option);
    if remote.server.is_empty() {
        return unusable("no server");
    }
    match &remote.credential {
        Credential::Token { claims, .. } => {
            let ended = claims.as_ref().and_then(|claims| claims.expires).filter(|&end| end <= at);
            // The date alone: a picture is no log.
            ended.map_or(Link::Valid, |end| Link::Expired(end.to_string()[..10].to_owned()))
        }
        Credential::Password => unusable("a password"),
        Credential::Exec { .. } if is_refused("exec") => unusable("exec is not allowed"),
        Credential::AuthProvider { name } if name != "oidc" && is_refused(name) => {
            unusable("auth-provider is not allowed")
        }
        Credential::ClientCertificate(_)
        | Credential::Exec { .. }
        | Credential::AuthProvider { .. } => Link::Valid,
        Credential::Files => unusable("files that istiod does not have"),
        Credential::None => unusable("no credentials"),
    }
}
