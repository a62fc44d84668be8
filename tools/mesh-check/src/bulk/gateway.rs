//! Gateways into a cluster's network, as istiod of the others sees them
//! (pilot/pkg/serviceregistry/kube/controller/network.go, Istio 1.30).

use jiff::Timestamp;
use meshcore::selector::{Labels, selects};
use meshstate::{ClusterState, Ingress, Node, Pod, Service, ServiceType, Workload};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The annotation that makes a Service of type `NodePort` a gateway: labels of nodes, as JSON.
pub const NODE_SELECTOR: &str = "traffic.istio.io/nodeSelector";

/// Gateways of one cluster that are looked at: for each, all pods, workloads and nodes are.
pub const MOST_GATEWAYS: usize = 100;
/// Addresses of one gateway that are kept, and labels of its pods: they differ in nothing that
/// matters here.
const MOST_KEPT: usize = 100;

/// A Service with the label `topology.istio.io/network`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The network that it says it leads into.
    pub network: String,
    /// Its type.
    pub service_type: ServiceType,
    /// Where the others find it.
    pub addresses: Vec<Address>,
    /// Why there is no address; completes "its gateway …".
    pub no_address: Option<String>,
    /// Whether nodes have addresses of which a `NodePort` could make use.
    pub has_node_addresses: bool,
    /// The port for other networks: 15443 or the one that a label names; or 15008, of ambient.
    pub port: Option<u16>,
    /// The port of its pods behind that one; none where it is named.
    pub target: Option<u16>,
    /// What says that something speaks HTTP in front of it.
    pub http_balancer: Option<String>,
    /// Its pods; none where pods were not read.
    pub pods: Option<Pods>,
    /// The selector of its pods.
    pub selector: Labels,
    /// What makes its pods.
    pub workload: Option<Maker>,
}

/// A workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maker {
    /// `deployment/NAME`.
    pub name: String,
    /// Pods that are wanted.
    pub replicas: u32,
    /// When it was made.
    pub created: Option<Timestamp>,
}

/// An address that other networks could use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// An IP address.
    Ip(String),
    /// A name that istiod has to resolve.
    Name(String),
}

/// The pods of a gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pods {
    /// How many are not being deleted.
    pub count: usize,
    /// The labels of these, each once.
    pub labels: BTreeSet<Arc<Labels>>,
    /// How many are ready.
    pub ready: usize,
    /// When the newest of them was made.
    pub newest: Option<Timestamp>,
    /// One whose proxy nobody injected, and what made it.
    pub not_injected: Option<String>,
}

/// The gateways of a cluster.
#[must_use]
pub fn gateways(state: &ClusterState) -> Vec<Gateway> {
    let services = state.gateway_services().take(MOST_GATEWAYS);
    services.map(|service| Gateway::of(state, service)).collect()
}

impl Gateway {
    fn of(state: &ClusterState, service: &Service) -> Self {
        let found = addresses(service, &state.nodes);
        let hbone = || service.ports.iter().find(|port| port.port == 15008);
        let port = service.gateway_port().or_else(hbone);
        let knows_pods = state.knows(meshstate::Resource::Pods);
        Self {
            namespace: service.meta.namespace.to_string(),
            name: service.meta.name.clone(),
            network: service.network().unwrap_or_default().to_owned(),
            service_type: service.service_type,
            no_address: found.as_ref().err().cloned(),
            addresses: found.unwrap_or_default(),
            has_node_addresses: state.nodes.iter().any(|node| !node.external_addresses.is_empty()),
            port: port.map(|port| port.port),
            target: port.and_then(|port| match &port.target {
                Some(target) => target.parse().ok(),
                None => Some(port.port),
            }),
            http_balancer: http_balancer(service),
            pods: knows_pods.then(|| Pods::of(state.pods_of(service))),
            selector: service.selector.as_deref().cloned().unwrap_or_default(),
            workload: maker(state, service),
        }
    }

    /// `NAMESPACE/NAME`.
    #[must_use]
    pub fn object(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Whether it is one of ambient, for which istiod makes what sidecars' gateways need.
    #[must_use]
    pub fn is_ambient(&self) -> bool {
        self.port == Some(15008)
    }
}

impl Pods {
    fn of<'a>(pods: impl Iterator<Item = &'a Pod>) -> Self {
        let mut all = Self::default();
        for pod in pods.filter(|pod| pod.is_live()) {
            all.count += 1;
            if all.labels.len() < MOST_KEPT {
                all.labels.insert(pod.meta.labels.clone());
            }
            all.ready += usize::from(pod.is_ready);
            all.newest = all.newest.max(pod.meta.created.or(pod.started));
            if pod.sidecar.as_ref().is_some_and(|proxy| &*proxy.image == "auto") {
                let owner = pod.owner.as_ref();
                let owner = owner.map(|one| format!("{}/{}", one.kind.to_lowercase(), one.name));
                all.not_injected = Some(owner.unwrap_or_else(|| format!("pod/{}", pod.meta.name)));
            }
        }
        all
    }
}

fn maker(state: &ClusterState, service: &Service) -> Option<Maker> {
    let is_its = |workload: &&Workload| {
        workload.meta.namespace == service.meta.namespace
            && service.selects(&workload.template_labels)
    };
    let workload = state.workloads.iter().find(is_its)?;
    let name = format!("{}/{}", workload.kind.to_lowercase(), workload.meta.name);
    Some(Maker { name, replicas: workload.replicas, created: workload.meta.created })
}

/// The addresses, as istiod finds them; or why there are none.
fn addresses(service: &Service, nodes: &[Node]) -> Result<Vec<Address>, String> {
    let balanced =
        service.ingress.iter().filter(|_| service.service_type == ServiceType::LoadBalancer);
    let balanced = balanced.map(|ingress| match ingress {
        Ingress::Ip(ip) => Address::Ip(ip.clone()),
        Ingress::Hostname(name) => Address::Name(name.clone()),
    });
    let by_hand = service.external_ips.iter().map(|ip| Address::Ip(ip.clone()));
    let found: Vec<Address> = balanced.chain(by_hand).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    match (service.service_type, service.meta.annotation(NODE_SELECTOR)) {
        (ServiceType::LoadBalancer, _) => {
            Err("waits for the address of its load balancer".to_owned())
        }
        (ServiceType::NodePort, None) => Err(format!(
            "is at the ports of nodes, and no annotation {NODE_SELECTOR} says of which"
        )),
        (ServiceType::NodePort, Some(selector)) => of_nodes(selector, nodes),
        (ServiceType::ClusterIp | ServiceType::ExternalName, _) => {
            Err("has an address within the cluster only".to_owned())
        }
    }
}

fn of_nodes(selector: &str, nodes: &[Node]) -> Result<Vec<Address>, String> {
    // istiod takes what it cannot read for all nodes.
    let selector: Labels = serde_json::from_str(selector).unwrap_or_default();
    let has = |node: &&Node| selects(&selector, &node.meta.labels);
    let chosen: Vec<&Node> = nodes.iter().filter(has).collect();
    let found: Vec<Address> = chosen
        .iter()
        .filter_map(|node| node.external_addresses.first())
        .map(|address| Address::Ip(address.clone()))
        .take(MOST_KEPT)
        .collect();
    if found.is_empty() {
        return Err(format!(
            "is at the ports of {} of {} nodes, of which none has an external address",
            chosen.len(),
            nodes.len()
        ));
    }
    Ok(found)
}

/// What marks a load balancer that ends TLS or speaks HTTP, of the clouds' controllers.
fn http_balancer(service: &Service) -> Option<String> {
    let of_aws = "service.beta.kubernetes.io/aws-load-balancer-";
    let marks = [
        (format!("{of_aws}ssl-cert"), None),
        (format!("{of_aws}backend-protocol"), Some(["http", "https"].as_slice())),
        ("cloud.google.com/neg".to_owned(), Some(&["\"ingress\":true", "\"ingress\": true"])),
        ("cloud.google.com/app-protocols".to_owned(), None),
    ];
    for (key, values) in &marks {
        let Some(value) = service.meta.annotation(key) else { continue };
        let is_it = values.is_none_or(|values| values.iter().any(|one| value.contains(one)));
        if is_it {
            return Some(format!("annotation {key}"));
        }
    }
    let speaks_http = |app: &str| {
        let app = app.rsplit('/').next().unwrap_or_default();
        ["http", "https", "http2", "h2c", "grpc"].contains(&app.to_lowercase().as_str())
    };
    let port = service.gateway_port()?;
    let app = port.app_protocol.as_deref().filter(|app| speaks_http(app))?;
    Some(format!("appProtocol {app} of port {}", port.port))
}
