//! A cluster of the mesh that is wanted, and what is known of it.

use crate::file::FileCluster;
use meshcore::cluster::{Cluster, Range, RangeKind};
use meshcore::{DnsLabel, Error, IstioVersion, Result, kubeconfigs};
use meshstate::{ClusterState, DEFAULT_CLUSTER_ID, Resource};

/// A cluster of the mesh that is wanted.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    /// What the file or the input calls it.
    pub name: String,
    /// Its context in the kubeconfig.
    pub context: String,
    /// The file with that context; none for the usual one.
    pub kubeconfig: Option<String>,
    /// What istiod is to call it.
    pub id: String,
    /// The network that it is to be in.
    pub network: Option<String>,
    /// The revision of the control plane that it is to have; none for the default one.
    pub revision: Option<String>,
    /// Where the others' istiod find its API server, if the file says so.
    pub server: Option<String>,
    /// What is known of it, if it is in the input.
    pub state: Option<&'a ClusterState>,
}

/// The context that a capture was made through, or else that of the record.
pub fn context(state: &ClusterState) -> Option<&str> {
    let captured = state.header.as_ref().and_then(|header| header.context.as_deref());
    captured.or_else(|| state.record.as_ref()?.context.as_deref())
}

impl<'a> Member<'a> {
    /// A cluster that nothing is known of but its name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            context: name.to_owned(),
            kubeconfig: None,
            id: name.to_owned(),
            network: None,
            revision: None,
            server: None,
            state: None,
        }
    }

    /// A cluster as it is.
    pub fn of_state(state: &'a ClusterState) -> Result<Self> {
        Self::new(&state.name, None, Some(state))
    }

    /// A cluster as the file says, and as it is where that says nothing.
    pub fn of_file(
        file: &FileCluster,
        state: Option<&'a ClusterState>,
        revision: Option<&DnsLabel>,
    ) -> Result<Self> {
        let member = Self::new(&file.name, Some(file), state)?;
        let revision = file.revision.as_ref().or(revision).map(ToString::to_string);
        Ok(Self { revision, server: file.server.clone(), ..member })
    }

    /// The file decides, then the record, and only then what the cluster itself says.
    fn new(
        name: &str,
        file: Option<&FileCluster>,
        state: Option<&'a ClusterState>,
    ) -> Result<Self> {
        let record = state.and_then(|state| state.record.as_ref());
        let decided = |of_file: fn(&FileCluster) -> Option<String>,
                       of_record: fn(&Cluster) -> &Option<String>| {
            file.and_then(of_file).or_else(|| of_record(record?).clone())
        };
        let mut member = Self { state, ..Self::named(name) };
        member.kubeconfig = match file.and_then(|file| file.kubeconfig.as_deref()) {
            Some(path) if kubeconfigs::are_with(path) => Some(path.to_owned()),
            Some(path) => {
                return Err(kubeconfigs::not_given(path).at(format!("cluster {name}")));
            }
            None => record.and_then(Cluster::own_kubeconfig).map(str::to_owned),
        };
        if let Some(context) = file.and_then(|file| file.context.as_deref()) {
            member.context = context.to_owned();
        } else if let Some(context) = state.and_then(context) {
            member.context = context.to_owned();
        }
        if let Some(id) = decided(|file| file.id.clone(), |record| &record.id) {
            member.id = id;
        } else if let Some(id) = state.map(id).transpose()?.flatten() {
            member.id = id;
        }
        let of_file = |file: &FileCluster| file.network.as_ref().map(ToString::to_string);
        member.network = match decided(of_file, |record| &record.network) {
            Some(network) => Some(network),
            None => state.map(network).transpose()?.flatten(),
        };
        Ok(member)
    }

    /// Whether this is what the input knows of it.
    #[must_use]
    pub fn is_of(&self, state: &ClusterState) -> bool {
        self.state.is_some_and(|own| std::ptr::eq(own, state))
    }

    /// Whether another cluster's istiod serves it: it has none of its own, and needs neither a CA, nor
    /// credentials for others, nor Gateways, which that istiod has.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.state.is_some_and(|state| state.external_istiod.is_some())
    }

    /// Whether its API server did not answer when the capture was made: its steps have to wait.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.header_reason().is_some()
    }

    fn header_reason(&self) -> Option<&'a str> {
        self.state?.header.as_ref()?.unreachable.as_deref()
    }

    /// The cluster's name, if its steps have to wait for it.
    #[must_use]
    pub fn waits(&self) -> Option<String> {
        self.is_silent().then(|| self.name.clone())
    }

    /// What is known of it, if all objects of these kinds are. Otherwise why they are not, as a
    /// sentence without a full stop.
    pub fn knows(&self, resource: Resource) -> Result<&'a ClusterState, String> {
        self.known(resource, |state| state.knows(resource))
    }

    /// The same for one namespace.
    pub fn knows_in(
        &self,
        resource: Resource,
        namespace: &str,
    ) -> Result<&'a ClusterState, String> {
        self.known(resource, |state| state.knows_in(resource, namespace))
    }

    fn known(
        &self,
        resource: Resource,
        is_known: impl Fn(&ClusterState) -> bool,
    ) -> Result<&'a ClusterState, String> {
        if let Some(reason) = self.header_reason() {
            return Err(format!("it did not answer: {reason}"));
        }
        let Some(state) = self.state.filter(|state| state.is_described()) else {
            return Err("there is no capture of it".to_owned());
        };
        if is_known(state) {
            return Ok(state);
        }
        let gaps = state.header.iter().flat_map(|header| &header.not_read);
        let gap = gaps.into_iter().find(|gap| gap.resource == resource.name());
        Err(match gap {
            Some(gap) => format!("its {} were not read: {}", resource.name(), gap.reason),
            None => format!("the input has no {} of it", resource.name()),
        })
    }

    /// The mesh's IDs that it has.
    pub fn mesh_ids(&self) -> impl Iterator<Item = &'a str> {
        let state = self.state;
        let recorded = state.and_then(|state| state.record.as_ref()?.mesh_id.as_deref());
        let values = state.into_iter().flat_map(|state| state.injector_values.values());
        let configs = state.into_iter().flat_map(|state| state.mesh_configs.values());
        let found = values
            .filter_map(|values| values.mesh_id.as_deref())
            .chain(configs.filter_map(|config| config.mesh_id.as_deref()));
        // A record says what is to be.
        let found = found.filter(move |_| recorded.is_none()).filter(|id| !id.is_empty());
        recorded.into_iter().chain(found)
    }

    /// The newest Istio that runs there, of its revision if it has one.
    #[must_use]
    pub fn version(&self) -> Option<IstioVersion> {
        let planes = self.state.into_iter().flat_map(|state| &state.control_planes);
        let of_revision =
            |revision: &str| self.revision.as_deref().is_none_or(|wanted| wanted == revision);
        let versions =
            planes.filter_map(|plane| Some((of_revision(&plane.revision), plane.version?)));
        let newest = versions.max_by_key(|(is_its, one)| (*is_its, one.minor(), one.patch()));
        newest.map(|(_, version)| version)
    }

    /// Its pods' ranges, in the order of the record and then the cluster.
    pub fn pod_ranges(&self) -> impl Iterator<Item = &'a Range> {
        let recorded = self.state.and_then(|state| state.record.as_ref());
        let recorded = recorded.into_iter().flat_map(|record| &record.ranges);
        let found = self.state.into_iter().flat_map(|state| &state.ranges);
        recorded.chain(found).filter(|range| range.kind == RangeKind::Pod)
    }
}

/// What a cluster calls itself, where anybody chose an ID.
fn id(state: &ClusterState) -> Result<Option<String>> {
    let mut chosen = state.ids().into_iter().filter(|id| *id != DEFAULT_CLUSTER_ID);
    match (chosen.next(), chosen.next()) {
        (id, None) => Ok(id.map(str::to_owned)),
        (a, Some(b)) => {
            let text = format!("its control planes call it {} and {b}", a.unwrap_or_default());
            Err(Error::data(text)
                .at(format!("cluster {}", state.name))
                .hint("say in the file which `id` it is to have"))
        }
    }
}

fn network(state: &ClusterState) -> Result<Option<String>> {
    let networks = state.networks();
    let mut networks = networks.into_iter().filter(|network| !network.is_empty());
    match (networks.next(), networks.next()) {
        (network, None) => Ok(network.map(str::to_owned)),
        (a, Some(b)) => {
            let text = format!("it is in the networks {} and {b}", a.unwrap_or_default());
            Err(Error::data(text)
                .at(format!("cluster {}", state.name))
                .hint("say in the file which `network` it is to be in"))
        }
    }
}
