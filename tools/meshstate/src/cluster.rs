//! One cluster.

use crate::object::{CONTROL_PLANE_CLUSTERS, NETWORK};
use crate::{
    AuthorizationPolicy, ControlPlane, DestinationRule, EgressScope, GatewayApiGateway, Header,
    InjectorValues, Injectors, IstioGateway, ManagedControlPlane, MeshConfig, Namespace, Node,
    NotRead, PeerAuthentication, Pod, RemoteSecret, Resource, Roots, Service, ServiceAccount,
    ServiceEntry, TokenSecret, VirtualService, Workload, WorkloadEntry, WorkloadGroup,
};
use meshcore::cluster::{Cluster, Range};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of one cluster. Lists are in the order of namespace and name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClusterState {
    /// The capture's word, the `NAME` of `-f NAME=FILE`, the file's name, or the record's.
    pub name: String,
    /// Its record, if the input has one.
    pub record: Option<Cluster>,
    /// What its capture says of itself; none for plain dumps.
    pub header: Option<Header>,
    /// Kinds of which the input has any object, by the API's plural name.
    pub seen: BTreeSet<Resource>,
    /// Where Istio is: `istio-system`, unless the capture or the Deployments of istiod say
    /// otherwise.
    pub istio_namespace: String,
    /// Control planes that run here.
    pub control_planes: Vec<ControlPlane>,
    /// Control planes that Google runs.
    pub managed: Vec<ManagedControlPlane>,
    /// Where its istiod is, when that is in another cluster: an address, a URL, or the Service that
    /// leads there. A remote cluster has no Deployment of istiod, no mesh config and no injector's
    /// values (Istio 1.31, profile remote).
    pub external_istiod: Option<String>,
    /// Mesh configs by revision.
    pub mesh_configs: BTreeMap<String, MeshConfig>,
    /// Injectors' values by revision.
    pub injector_values: BTreeMap<String, InjectorValues>,
    /// Injection webhooks.
    pub injectors: Injectors,
    /// The mesh's CA.
    pub roots: Roots,
    /// Secrets by which istiod here reads other clusters.
    pub remote_secrets: Vec<RemoteSecret>,
    /// Tokens by which others read this one.
    pub token_secrets: Vec<TokenSecret>,
    /// Service accounts of Istio's namespace.
    pub service_accounts: Vec<ServiceAccount>,
    /// Namespaces.
    pub namespaces: Vec<Namespace>,
    /// Services.
    pub services: Vec<Service>,
    /// Deployments, `StatefulSet`s and `DaemonSet`s.
    pub workloads: Vec<Workload>,
    /// Pods.
    pub pods: Vec<Pod>,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Istio's gateways.
    pub istio_gateways: Vec<IstioGateway>,
    /// The Gateway API's gateways.
    pub gateways: Vec<GatewayApiGateway>,
    /// `VirtualService`s.
    pub virtual_services: Vec<VirtualService>,
    /// `DestinationRule`s.
    pub destination_rules: Vec<DestinationRule>,
    /// `ServiceEntry`s.
    pub service_entries: Vec<ServiceEntry>,
    /// `WorkloadEntry`s.
    pub workload_entries: Vec<WorkloadEntry>,
    /// `WorkloadGroup`s.
    pub workload_groups: Vec<WorkloadGroup>,
    /// `PeerAuthentication`s.
    pub peer_authentications: Vec<PeerAuthentication>,
    /// `AuthorizationPolicy`s.
    pub authorization_policies: Vec<AuthorizationPolicy>,
    /// What `Sidecar`s let clients see.
    pub egress_scopes: Vec<EgressScope>,
    /// Addresses of the API servers within the cluster's network: `IP:PORT`, of the Endpoints
    /// `kubernetes` in `default`.
    pub api_servers: Vec<String>,
    /// Address ranges that its objects tell: kubeadm's, `ServiceCIDR`s, nodes' pod ranges.
    pub ranges: Vec<Range>,
}

impl ClusterState {
    /// Whether it may be concluded from the lack of an object that the cluster has none. True
    /// for all that a capture could read everywhere; of plain dumps, for kinds of which there is
    /// at least one object.
    #[must_use]
    pub fn knows(&self, resource: Resource) -> bool {
        self.gap(resource).is_none() && self.has_read(resource)
    }

    /// The same for objects of one namespace alone.
    #[must_use]
    pub fn knows_in(&self, resource: Resource, namespace: &str) -> bool {
        let is_read = |gap: &NotRead| gap.read_in.as_deref() == Some(namespace);
        self.gap(resource).is_none_or(is_read) && self.has_read(resource)
    }

    fn gap(&self, resource: Resource) -> Option<&NotRead> {
        let gaps = self.header.iter().flat_map(|header| &header.not_read);
        gaps.into_iter().find(|gap| gap.resource == resource.name())
    }

    fn has_read(&self, resource: Resource) -> bool {
        self.is_captured() || self.seen.contains(&resource)
    }

    /// Whether a capture was made of it, and its API server answered.
    #[must_use]
    pub fn is_captured(&self) -> bool {
        self.header.as_ref().is_some_and(|header| header.unreachable.is_none())
    }

    /// Whether there is anything but a record.
    #[must_use]
    pub fn is_described(&self) -> bool {
        self.is_captured() || !self.seen.is_empty()
    }

    /// What its own istiods call it; the injectors' word, or that of its webhooks' paths, or else the
    /// record's, where no istiod runs here. Several only where the installation is inconsistent.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<&str> {
        let of_istiod = self.control_planes.iter().filter_map(|one| one.cluster_id.as_deref());
        let ids: BTreeSet<&str> = of_istiod.collect();
        if !ids.is_empty() {
            return ids;
        }
        let values = self.injector_values.values();
        let ids: BTreeSet<&str> =
            values.filter_map(|values| values.cluster_name.as_deref()).collect();
        if !ids.is_empty() {
            return ids;
        }
        let webhooks = self.injectors.0.iter().filter(|_| self.external_istiod.is_some());
        let ids: BTreeSet<&str> = webhooks.filter_map(|one| one.cluster_id.as_deref()).collect();
        if !ids.is_empty() {
            return ids;
        }
        self.record.iter().filter_map(|record| record.id.as_deref()).collect()
    }

    /// Its ID, where there is exactly one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        let ids = self.ids();
        ids.iter().next().copied().filter(|_| ids.len() == 1)
    }

    /// A namespace by its name.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.iter().find(|namespace| namespace.meta.name == name)
    }

    /// The network label of istiod's namespace.
    #[must_use]
    pub fn namespace_network(&self) -> Option<&str> {
        self.namespace(&self.istio_namespace)?.network()
    }

    /// The networks that its objects and its record say it is in: the label of istiod's
    /// namespace and `global.network` of each revision; the record's where neither tells.
    #[must_use]
    pub fn networks(&self) -> BTreeSet<&str> {
        let values = self.injector_values.values().filter_map(|values| values.network.as_deref());
        let networks: BTreeSet<&str> = values.chain(self.namespace_network()).collect();
        if !networks.is_empty() {
            return networks;
        }
        self.record.iter().filter_map(|record| record.network.as_deref()).collect()
    }

    /// A Service by namespace and name.
    #[must_use]
    pub fn service(&self, namespace: &str, name: &str) -> Option<&Service> {
        let key = |service: &Service| {
            (&*service.meta.namespace, &*service.meta.name) == (namespace, name)
        };
        self.services.iter().find(|service| key(service))
    }

    /// Services with the label `topology.istio.io/network`: gateways into this cluster's network.
    pub fn gateway_services(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(|service| service.meta.label(NETWORK).is_some())
    }

    /// The pods that a Service selects.
    pub fn pods_of<'a>(&'a self, service: &'a Service) -> impl Iterator<Item = &'a Pod> {
        self.pods.iter().filter(|pod| {
            pod.meta.namespace == service.meta.namespace && service.selects(&pod.meta.labels)
        })
    }
}

impl ClusterState {
    /// The IDs of the clusters whose istiods may serve it, by the annotation of istiod's namespace
    /// without which no istiod of another cluster does; `*` is any (Istio 1.31, multicluster.go).
    pub fn served_by(&self) -> impl Iterator<Item = &str> {
        let namespace = self.namespace(&self.istio_namespace);
        let list = namespace.and_then(|found| found.meta.annotation(CONTROL_PLANE_CLUSTERS));
        list.into_iter().flat_map(|list| list.split(',')).map(str::trim)
    }

    /// Where its istiod is, if another cluster's serves it. Google's control planes, which have
    /// URLs, too, read the cluster's own configuration.
    pub(crate) fn find_external_istiod(&self) -> Option<String> {
        if !self.control_planes.is_empty() || !self.managed.is_empty() {
            return None;
        }
        let told = self.injector_values.values().find_map(|values| values.remote_pilot.clone());
        let of_webhook = |target: &str| {
            if target.contains("://") {
                return (!target.contains(".googleapis.com")).then(|| target.to_owned());
            }
            let (namespace, name) = target.split_once('/')?;
            // Somebody else writes the endpoints of a Service without a selector.
            let service = self.service(namespace, name).filter(|one| one.selector.is_none())?;
            Some(service.external_name.clone().unwrap_or_else(|| format!("Service {target}")))
        };
        let mut targets = self.injectors.0.iter().filter_map(|one| one.target.as_deref());
        told.or_else(|| targets.find_map(of_webhook))
    }

    /// A cluster of which there is nothing but a record.
    pub(crate) fn of_record(record: Cluster) -> Self {
        Self {
            name: record.name.clone(),
            istio_namespace: "istio-system".to_owned(),
            record: Some(record),
            ..Self::default()
        }
    }
}
