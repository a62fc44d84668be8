//! What there is much of in a cluster, reduced to what the checks across clusters need.

mod gateway;
mod secret;

pub use gateway::{Address, Gateway, MOST_GATEWAYS, NODE_SELECTOR, gateways};
pub use secret::{Destination, Entry, Secret};

use crate::why::{Asked, Question};
use meshcore::finding::Finding;
use meshcore::selector::Labels;
use meshstate::{ClusterState, NETWORK, Owner, Selector, Service, ServicePort, ServiceType};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// What is kept of services, workloads, pods and nodes.
#[derive(Debug, Default)]
pub struct Bulk {
    /// By namespace and name.
    pub services: BTreeMap<(Arc<str>, Arc<str>), Arc<Definition>>,
    /// Namespaces where pods have sidecars.
    pub meshed: BTreeSet<Arc<str>>,
    /// Secrets by which istiod here reads other clusters.
    pub secrets: Vec<Secret>,
    /// Services that are gateways into the cluster's network, as many as are looked at.
    pub gateways: Vec<Gateway>,
    /// How many more there are.
    pub gateways_left_out: usize,
    /// The namespace and name of an east-west gateway without the label of a network.
    pub unlabelled_gateway: Option<(String, String)>,
    /// Regions of its nodes.
    pub regions: BTreeSet<String>,
    /// Whether any Service of type `LoadBalancer` has an address: something gives them out.
    pub has_load_balancers: bool,
    /// Whether a Service of istiod itself is reached from outside of the cluster.
    pub is_istiod_outside: bool,
    /// What --why needs to know.
    pub asked: Asked,
    /// Findings about the cluster alone, for which all of it is needed.
    pub findings: Vec<Finding>,
}

/// A service as other clusters have to define it, too.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Definition {
    /// Without an address of its own.
    pub is_headless: bool,
    /// By name.
    pub ports: Vec<ServicePort>,
    /// Which pods it is for.
    pub selector: Option<Selector>,
    /// Its pods are those of a `StatefulSet`.
    pub is_stateful: bool,
    /// It is another name for a host.
    pub is_alias: bool,
}

/// Text and definitions that many clusters have.
#[derive(Debug, Default)]
pub struct Pool {
    text: HashSet<Arc<str>>,
    definitions: HashSet<Arc<Definition>>,
    ways: secret::Ways,
}

impl Pool {
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.text.get(text) {
            return known.clone();
        }
        let new: Arc<str> = text.into();
        self.text.insert(new.clone());
        new
    }

    fn definition(&mut self, definition: Definition) -> Arc<Definition> {
        if let Some(known) = self.definitions.get(&definition) {
            return known.clone();
        }
        let new = Arc::new(definition);
        self.definitions.insert(new.clone());
        new
    }
}

impl Bulk {
    /// Takes these lists out of a cluster.
    #[must_use]
    pub fn take(state: &mut ClusterState, pool: &mut Pool, asked: Option<&Question>) -> Self {
        let stateful = Stateful::of(state);
        let services = state.services.iter().map(|service| {
            let key = (pool.text(&service.meta.namespace), pool.text(&service.meta.name));
            let definition = Definition::of(service, stateful.has(service));
            (key, pool.definition(definition))
        });
        let services = services.collect();
        let meshed = state.pods.iter().filter(|pod| pod.sidecar.is_some());
        let bulk = Self {
            services,
            meshed: meshed.map(|pod| pod.meta.namespace.clone()).collect(),
            secrets: std::mem::take(&mut state.remote_secrets)
                .into_iter()
                .map(|secret| Secret::new(secret, pool))
                .collect(),
            gateways: gateways(state),
            unlabelled_gateway: unlabelled_gateway(state),
            gateways_left_out: state.gateway_services().skip(MOST_GATEWAYS).count(),
            regions: state
                .nodes
                .iter()
                .filter_map(|node| node.region().map(str::to_owned))
                .collect(),
            has_load_balancers: state.services.iter().any(|service| !service.ingress.is_empty()),
            is_istiod_outside: state.services.iter().any(is_istiod_outside),
            asked: asked.map(|question| Asked::of(state, question)).unwrap_or_default(),
            findings: crate::injection::findings(state),
        };
        state.services = Vec::new();
        state.workloads = Vec::new();
        state.pods = Vec::new();
        state.nodes = Vec::new();
        state.virtual_services.retain(|rule| !rule.istiods().is_empty());
        state.service_entries = Vec::new();
        bulk
    }

    /// The definition of a service here.
    #[must_use]
    pub fn service(&self, namespace: &str, name: &str) -> Option<&Arc<Definition>> {
        self.services.get(&(Arc::from(namespace), Arc::from(name)))
    }
}

/// Whether machines find istiod there without a gateway.
fn is_istiod_outside(service: &Service) -> bool {
    let selects_istiod =
        |selector: &Selector| selector.get("app").is_some_and(|app| app == "istiod");
    let is_outside =
        matches!(service.service_type, ServiceType::LoadBalancer | ServiceType::NodePort)
            || !service.external_ips.is_empty();
    is_outside && service.selector.as_ref().is_some_and(selects_istiod)
}

/// Labels of pods of `StatefulSet`s, by namespace and each of the labels.
struct Stateful<'a>(HashMap<(&'a str, &'a str, &'a str), Vec<&'a Labels>>);

impl<'a> Stateful<'a> {
    fn of(state: &'a ClusterState) -> Self {
        let of_pods = state.pods.iter().filter(|pod| {
            pod.owner.as_ref().is_some_and(|Owner { kind, .. }| &**kind == "StatefulSet")
        });
        let of_pods = of_pods.map(|pod| (&pod.meta, &*pod.meta.labels));
        let sets = state.workloads.iter().filter(|workload| workload.kind == "StatefulSet");
        let of_sets = sets.map(|set| (&set.meta, &*set.template_labels));
        let known: BTreeSet<(&str, &Labels)> =
            of_pods.chain(of_sets).map(|(meta, labels)| (&*meta.namespace, labels)).collect();
        let mut by_label: HashMap<(&str, &str, &str), Vec<&Labels>> = HashMap::new();
        for (namespace, labels) in known {
            for (key, value) in labels {
                let place = (namespace, key.as_str(), value.as_str());
                by_label.entry(place).or_default().push(labels);
            }
        }
        Self(by_label)
    }

    /// Whether the service selects any of them.
    fn has(&self, service: &Service) -> bool {
        let namespace = &*service.meta.namespace;
        let selector = service.selector.iter().flat_map(|selector| selector.iter());
        let having = selector.map(|(key, value)| {
            self.0.get(&(namespace, key.as_str(), value.as_str())).map_or(&[][..], Vec::as_slice)
        });
        // All of its labels have to be there: the rarest of them leaves few to look at.
        let fewest = having.min_by_key(|labels| labels.len()).unwrap_or_default();
        fewest.iter().any(|labels| service.selects(labels))
    }
}

impl Definition {
    fn of(service: &Service, is_stateful: bool) -> Self {
        let mut ports = service.ports.to_vec();
        ports.sort();
        // Each cluster gives out its own.
        for port in &mut ports {
            port.node_port = None;
        }
        Self {
            is_headless: service.is_headless,
            ports,
            selector: service.selector.clone(),
            is_stateful,
            is_alias: service.service_type == ServiceType::ExternalName,
        }
    }
}

/// As `gen-eastwest-gateway.sh --single-cluster` of Istio leaves one.
fn unlabelled_gateway(state: &ClusterState) -> Option<(String, String)> {
    let of_pods = [("app", "istio-eastwestgateway"), ("istio", "eastwestgateway")];
    let of_pods: Labels = of_pods.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let service = state.services.iter().find(|service| {
        service.meta.label(NETWORK).is_none()
            && service.gateway_port().is_some()
            && service.selects(&of_pods)
    })?;
    Some((service.meta.namespace.to_string(), service.meta.name.clone()))
}
