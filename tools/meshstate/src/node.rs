//! Nodes, and where the API servers are.

use crate::Meta;
use crate::object::{Object, Pool, RawMeta};
use meshcore::input::null_as_default;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name and labels.
    pub meta: Meta,
    /// `InternalIP`s, in its order.
    pub internal_ips: Vec<String>,
    /// `ExternalIP`s and `ExternalDNS` names, in its order: where a `NodePort` gateway is reached.
    pub external_addresses: Vec<String>,
    /// Ranges of its pods; empty with many network plugins.
    pub pod_cidrs: Vec<String>,
    /// Whether it can run pods.
    pub is_ready: bool,
    /// The kubelet's version: `v1.33.1`.
    pub kubelet: Option<String>,
}

impl Node {
    /// The label `topology.kubernetes.io/region`.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.meta.label("topology.kubernetes.io/region")
    }

    /// The label `topology.kubernetes.io/zone`.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.meta.label("topology.kubernetes.io/zone")
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Spec {
    #[serde(rename = "podCIDR")]
    pod_cidr: Option<String>,
    #[serde(rename = "podCIDRs", deserialize_with = "null_as_default")]
    pod_cidrs: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Status {
    #[serde(deserialize_with = "null_as_default")]
    addresses: Vec<Address>,
    #[serde(deserialize_with = "null_as_default")]
    conditions: Vec<Condition>,
    #[serde(deserialize_with = "null_as_default")]
    node_info: NodeInfo,
}

#[derive(Deserialize)]
struct Address {
    r#type: String,
    address: String,
}

/// One of `status.conditions`.
#[derive(Deserialize)]
pub(crate) struct Condition {
    pub r#type: String,
    pub status: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NodeInfo {
    kubelet_version: Option<String>,
}

/// `v1 Endpoints`.
#[derive(Deserialize)]
pub(crate) struct Endpoints {
    metadata: RawMeta,
    #[serde(default, deserialize_with = "null_as_default")]
    subsets: Vec<Subset>,
}

#[derive(Deserialize)]
struct Subset {
    #[serde(default, deserialize_with = "null_as_default")]
    addresses: Vec<Ip>,
    #[serde(default, deserialize_with = "null_as_default")]
    ports: Vec<Port>,
}

#[derive(Deserialize)]
struct Ip {
    ip: IpAddr,
}

#[derive(Deserialize)]
struct Port {
    port: u16,
}

pub(crate) fn read(raw: Object<Spec, Status>, pool: &mut Pool) -> Node {
    let Object { mut metadata, spec, status } = raw;
    // What kubelets and network plugins note differs from node to node.
    metadata.annotations.clear();
    let mut pod_cidrs = spec.pod_cidrs;
    if pod_cidrs.is_empty() {
        pod_cidrs.extend(spec.pod_cidr.filter(|cidr| !cidr.is_empty()));
    }
    let of_type = |types: [&str; 2]| -> Vec<String> {
        let of_type = status.addresses.iter().filter(|one| types.contains(&one.r#type.as_str()));
        of_type.map(|one| one.address.clone()).collect()
    };
    Node {
        internal_ips: of_type(["InternalIP", "InternalIP"]),
        external_addresses: of_type(["ExternalIP", "ExternalDNS"]),
        pod_cidrs,
        is_ready: is_true(&status.conditions, "Ready") == Some(true),
        kubelet: status.node_info.kubelet_version,
        meta: pool.cluster_meta(metadata),
    }
}

/// Where API servers are, by the Endpoints `default/kubernetes`; other Endpoints tell nothing.
pub(crate) fn api_servers(endpoints: Endpoints) -> Vec<String> {
    let Endpoints { metadata, subsets } = endpoints;
    if (metadata.namespace(), metadata.name.as_str()) != ("default", "kubernetes") {
        return Vec::new();
    }
    let mut servers = Vec::new();
    for subset in subsets {
        for port in &subset.ports {
            let at = |Ip { ip }: &Ip| SocketAddr::new(*ip, port.port).to_string();
            servers.extend(subset.addresses.iter().map(at));
        }
    }
    servers
}

/// Whether a condition is `True` or `False`; neither if it is `Unknown` or absent.
pub(crate) fn is_true(conditions: &[Condition], wanted: &str) -> Option<bool> {
    match conditions.iter().find(|one| one.r#type == wanted)?.status.as_str() {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    }
}
