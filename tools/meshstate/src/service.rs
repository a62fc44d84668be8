//! Services and the gateways among them.

use crate::object::{NETWORK, Object, Pool};
use crate::{Meta, Selector};
use meshcore::input::null_as_default;
use meshcore::selector::{Labels, selects};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// A Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name, labels and annotations.
    pub meta: Meta,
    /// `spec.type`.
    pub service_type: ServiceType,
    /// In its order.
    pub ports: Arc<[ServicePort]>,
    /// None for a Service whose endpoints somebody else writes.
    pub selector: Option<Selector>,
    /// Without an address of its own: `clusterIP: None`.
    pub is_headless: bool,
    /// `spec.clusterIPs`.
    pub cluster_ips: Vec<String>,
    /// `spec.externalIPs`.
    pub external_ips: Vec<String>,
    /// `status.loadBalancer.ingress`.
    pub ingress: Vec<Ingress>,
    /// `spec.externalTrafficPolicy`.
    pub external_traffic_policy: Option<String>,
    /// `spec.loadBalancerClass`.
    pub load_balancer_class: Option<String>,
    /// `spec.loadBalancerSourceRanges`.
    pub source_ranges: Vec<String>,
    /// `spec.trafficDistribution`.
    pub traffic_distribution: Option<String>,
    /// `spec.externalName`.
    pub external_name: Option<String>,
    /// `spec.internalTrafficPolicy` is `Local`: clients get endpoints of their own node alone.
    pub is_node_local: bool,
    /// `spec.publishNotReadyAddresses`.
    pub publishes_not_ready: bool,
}

/// The type of a Service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum ServiceType {
    /// Within the cluster.
    #[default]
    #[serde(rename = "ClusterIP")]
    ClusterIp,
    /// Also at a port of every node.
    NodePort,
    /// Also at a load balancer.
    LoadBalancer,
    /// Another name for a host.
    ExternalName,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServicePort {
    /// Its name; may be empty where there is only one.
    pub name: Arc<str>,
    /// Its number.
    pub port: u16,
    /// `TCP` unless it says otherwise.
    pub protocol: Arc<str>,
    /// `targetPort` as written: a number or a name; none for the same number.
    pub target: Option<Arc<str>>,
    /// `nodePort`.
    pub node_port: Option<u16>,
    /// `appProtocol`.
    pub app_protocol: Option<Arc<str>>,
}

/// An address of a load balancer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ingress {
    /// An IP address.
    Ip(String),
    /// A name, as AWS gives; istiod before 1.13 does not resolve it.
    Hostname(String),
}

impl Service {
    /// The network that it is a gateway into: its label `topology.istio.io/network`.
    #[must_use]
    pub fn network(&self) -> Option<&str> {
        self.meta.label(NETWORK)
    }

    /// The port that other networks reach it at as a gateway: 15443, or the one that the label
    /// `networking.istio.io/gatewayPort` names.
    #[must_use]
    pub fn gateway_port(&self) -> Option<&ServicePort> {
        let named = self.meta.label("networking.istio.io/gatewayPort");
        let wanted = named.and_then(|port| port.parse().ok()).unwrap_or(15443);
        self.ports.iter().find(|port| port.port == wanted)
    }

    /// Whether it selects pods with these labels.
    #[must_use]
    pub fn selects(&self, pod: &Labels) -> bool {
        self.selector.as_ref().is_some_and(|selector| selects(selector, pod))
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Spec {
    #[serde(deserialize_with = "null_as_default")]
    r#type: ServiceType,
    #[serde(deserialize_with = "null_as_default")]
    ports: Vec<RawPort>,
    #[serde(deserialize_with = "null_as_default")]
    selector: Labels,
    #[serde(rename = "clusterIP")]
    cluster_ip: Option<String>,
    #[serde(rename = "clusterIPs", deserialize_with = "null_as_default")]
    cluster_ips: Vec<String>,
    #[serde(rename = "externalIPs", deserialize_with = "null_as_default")]
    external_ips: Vec<String>,
    external_traffic_policy: Option<String>,
    load_balancer_class: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    load_balancer_source_ranges: Vec<String>,
    traffic_distribution: Option<String>,
    external_name: Option<String>,
    internal_traffic_policy: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    publish_not_ready_addresses: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPort {
    #[serde(default)]
    name: Option<String>,
    port: u16,
    #[serde(default)]
    protocol: Option<String>,
    #[serde(default)]
    target_port: Value,
    #[serde(default)]
    node_port: Option<u16>,
    #[serde(default)]
    app_protocol: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Status {
    #[serde(deserialize_with = "null_as_default")]
    load_balancer: LoadBalancer,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LoadBalancer {
    #[serde(deserialize_with = "null_as_default")]
    ingress: Vec<RawIngress>,
}

#[derive(Deserialize)]
struct RawIngress {
    #[serde(default)]
    ip: Option<String>,
    #[serde(default)]
    hostname: Option<String>,
}

pub(crate) fn read(raw: Object<Spec, Status>, pool: &mut Pool) -> Service {
    let Object { metadata, spec, status } = raw;
    let is_address = |ip: &String| !ip.is_empty() && ip != "None";
    let mut cluster_ips = spec.cluster_ips;
    // Until Kubernetes 1.20 there is the one address alone.
    if cluster_ips.is_empty() {
        cluster_ips.extend(spec.cluster_ip);
    }
    let is_headless = cluster_ips.iter().any(|ip| ip == "None");
    cluster_ips.retain(is_address);
    let ingress = status.load_balancer.ingress.into_iter().filter_map(|one| {
        let hostname = one.hostname.filter(|name| !name.is_empty()).map(Ingress::Hostname);
        one.ip.filter(|ip| !ip.is_empty()).map(Ingress::Ip).or(hostname)
    });
    let ports = spec.ports.into_iter().map(|raw| port(raw, pool)).collect();
    let selector = (!spec.selector.is_empty()).then(|| pool.labels(spec.selector));
    Service {
        service_type: spec.r#type,
        ports: pool.ports(ports),
        selector,
        is_headless,
        cluster_ips,
        external_ips: spec.external_ips,
        ingress: ingress.collect(),
        external_traffic_policy: spec.external_traffic_policy,
        load_balancer_class: spec.load_balancer_class,
        source_ranges: spec.load_balancer_source_ranges,
        traffic_distribution: spec.traffic_distribution,
        external_name: spec.external_name,
        is_node_local: spec.internal_traffic_policy.as_deref() == Some("Local"),
        publishes_not_ready: spec.publish_not_ready_addresses,
        meta: pool.meta(metadata),
    }
}

fn port(raw: RawPort, pool: &mut Pool) -> ServicePort {
    let target = match raw.target_port {
        Value::String(name) => Some(pool.text(&name)),
        Value::Number(number) if number.as_u64() != Some(raw.port.into()) => {
            Some(pool.text(&number.to_string()))
        }
        _ => None,
    };
    ServicePort {
        name: pool.text(raw.name.as_deref().unwrap_or_default()),
        port: raw.port,
        protocol: pool.text(raw.protocol.as_deref().unwrap_or("TCP")),
        target,
        node_port: raw.node_port.filter(|&port| port != 0),
        app_protocol: raw.app_protocol.map(|protocol| pool.text(&protocol)),
    }
}
