//! A cluster without a cloud's description: what its own API server tells of it, as
//! `kubectl get nodes,servicecidrs -o json` and
//! `kubectl get configmap kubeadm-config -n kube-system -o json` print it.
//!
//! Nodes and kubeadm know the ranges that Kubernetes hands out, and network plugins may have their
//! own: Calico's are `IPPool`s, Cilium's are in `cilium-config`, OpenShift's in its `Network`.

use super::{Provider, RangeKind};
use crate::cidr;
use crate::input::{from_yaml, verbatim};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The objects of one source, all of the same cluster.
#[derive(Debug, Default)]
pub(super) struct Objects {
    nodes: Vec<Node>,
    service_cidrs: Vec<ServiceCidr>,
    kubeadm: Option<Kubeadm>,
    /// Pod ranges of the network plugin, and where they stand.
    plugin: Vec<(String, &'static str)>,
    /// Service ranges of OpenShift.
    services: Vec<String>,
    uid: Option<String>,
}

/// `v1 Node`.
#[derive(Debug, Deserialize)]
pub(super) struct Node {
    #[serde(default)]
    metadata: Annotated,
    #[serde(default)]
    spec: NodeSpec,
}

#[derive(Debug, Default, Deserialize)]
struct Annotated {
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// `crd.projectcalico.org/v1 IPPool`, or `projectcalico.org/v3`.
#[derive(Debug, Deserialize)]
pub(super) struct IpPool {
    spec: IpPoolSpec,
}

#[derive(Debug, Deserialize)]
struct IpPoolSpec {
    cidr: String,
    #[serde(default)]
    disabled: bool,
}

/// `config.openshift.io/v1 Network`.
#[derive(Debug, Deserialize)]
pub(super) struct OpenShiftNetwork {
    spec: OpenShiftNetworkSpec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OpenShiftNetworkSpec {
    #[serde(default)]
    cluster_network: Vec<ClusterNetwork>,
    #[serde(default)]
    service_network: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct ClusterNetwork {
    cidr: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeSpec {
    #[serde(rename = "podCIDR")]
    pod_cidr: Option<String>,
    #[serde(rename = "podCIDRs", default)]
    pod_cidrs: Vec<String>,
}

/// `networking.k8s.io ServiceCIDR`, v1 since Kubernetes 1.33.
#[derive(Debug, Deserialize)]
pub(super) struct ServiceCidr {
    spec: ServiceCidrSpec,
}

#[derive(Debug, Deserialize)]
struct ServiceCidrSpec {
    #[serde(default)]
    cidrs: Vec<String>,
}

/// `v1 ConfigMap` kubeadm-config.
#[derive(Debug, Deserialize)]
pub(super) struct ConfigMap {
    metadata: Metadata,
    #[serde(default, deserialize_with = "verbatim")]
    data: BTreeMap<String, String>,
}

/// `v1 Namespace`.
#[derive(Debug, Deserialize)]
pub(super) struct Namespace {
    metadata: Metadata,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: String,
    uid: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kubeadm {
    cluster_name: Option<String>,
    control_plane_endpoint: Option<String>,
    #[serde(default)]
    networking: Networking,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Networking {
    pod_subnet: Option<String>,
    service_subnet: Option<String>,
}

impl Objects {
    pub(super) fn add_node(&mut self, node: Node) {
        self.nodes.push(node);
    }

    pub(super) fn add_service_cidr(&mut self, service_cidr: ServiceCidr) {
        self.service_cidrs.push(service_cidr);
    }

    pub(super) fn add_namespace(&mut self, namespace: Namespace) {
        if namespace.metadata.name == "kube-system" {
            self.uid = namespace.metadata.uid;
        }
    }

    /// Of a disabled pool no pod gets a new address; those of old pods are still its.
    pub(super) fn add_ip_pool(&mut self, pool: IpPool) {
        let at =
            if pool.spec.disabled { "IPPool.spec.cidr (disabled)" } else { "IPPool.spec.cidr" };
        self.plugin.push((pool.spec.cidr, at));
    }

    pub(super) fn add_openshift(&mut self, network: OpenShiftNetwork) {
        let pods = network.spec.cluster_network.into_iter();
        self.plugin.extend(pods.map(|one| (one.cidr, "Network.spec.clusterNetwork")));
        self.services.extend(network.spec.service_network);
    }

    /// Cilium's, and kubeadm's; others say nothing of the cluster. Fails where kubeadm's is not
    /// readable.
    pub(super) fn add_config_map(&mut self, map: ConfigMap) -> Result<(), String> {
        // The default since Cilium 1.8. With kubernetes, nodes have the ranges.
        if map.metadata.name == "cilium-config"
            && map.data.get("ipam").is_none_or(|ipam| ipam == "cluster-pool")
        {
            for key in ["cluster-pool-ipv4-cidr", "cluster-pool-ipv6-cidr"] {
                let list = map.data.get(key).map_or("", String::as_str);
                let ranges = list.split([' ', ',']).filter(|range| !range.is_empty());
                self.plugin.extend(ranges.map(|range| (range.to_owned(), "cilium-config")));
            }
        }
        let configuration = map.data.get("ClusterConfiguration");
        if let Some(text) = configuration.filter(|_| map.metadata.name == "kubeadm-config") {
            let parsed = from_yaml(text);
            self.kubeadm = Some(parsed.map_err(|e| format!(".data.ClusterConfiguration: {e}"))?);
        }
        Ok(())
    }

    /// The record, if there were any objects, and what they leave open. The cluster's name is
    /// kubeadm's unless that is the one that kubeadm gives to every cluster; then it is the file's,
    /// or the UID.
    pub(super) fn into_record(self, source: &str) -> Option<(super::Cluster, Option<String>)> {
        if self.nodes.is_empty()
            && self.service_cidrs.is_empty()
            && self.kubeadm.is_none()
            && self.plugin.is_empty()
            && self.uid.is_none()
        {
            return None;
        }
        let file = std::path::Path::new(source).file_stem().and_then(|stem| stem.to_str());
        let file = file.filter(|_| source != "stdin" || self.uid.is_none());
        let named = self.kubeadm.as_ref().and_then(|kubeadm| kubeadm.cluster_name.clone());
        let mut record = super::Cluster {
            name: named
                .filter(|name| name != "kubernetes")
                .or_else(|| file.map(str::to_owned))
                .or_else(|| self.uid.clone())
                .unwrap_or_else(|| source.to_owned()),
            provider: Some(Provider::Kubernetes),
            uid: self.uid,
            ..super::Cluster::default()
        };
        for (cidr, at) in &self.plugin {
            record.add_range(Some(cidr), RangeKind::Pod, at);
        }
        for cidr in &self.services {
            record.add_range(Some(cidr), RangeKind::Service, "Network.spec.serviceNetwork");
        }
        if let Some(kubeadm) = &self.kubeadm {
            let lists = [
                (&kubeadm.networking.pod_subnet, RangeKind::Pod, "networking.podSubnet"),
                (
                    &kubeadm.networking.service_subnet,
                    RangeKind::Service,
                    "networking.serviceSubnet",
                ),
            ];
            let knows_pods = !record.ranges.is_empty() && !self.plugin.is_empty();
            for (list, kind, field) in lists {
                if kind == RangeKind::Pod && knows_pods {
                    continue;
                }
                for cidr in list.iter().flat_map(|list| list.split(',')) {
                    record.add_range(Some(cidr), kind, field);
                }
            }
            record.endpoints.extend(kubeadm.control_plane_endpoint.as_ref().map(|host| {
                let url = format!("https://{host}");
                super::Endpoint::new(&url, super::kubeconfig::endpoint_kind(&url), None)
            }));
        }
        for cidr in self.service_cidrs.iter().flat_map(|service| &service.spec.cidrs) {
            record.add_range(Some(cidr), RangeKind::Service, "ServiceCIDR.spec.cidrs");
        }
        // A node's range is a part of kubeadm's: only without that do they count.
        let mut warning = None;
        if !record.ranges.iter().any(|range| range.kind == RangeKind::Pod) {
            if let Some(node) = self.nodes.iter().find(|node| node.has_calico_elsewhere()) {
                warning = Some(format!(
                    "cluster {} has pods of Calico outside of its nodes' podCIDR ({}): ask for all \
                     together, kubectl get nodes,servicecidrs,ippools.crd.projectcalico.org -o json",
                    record.name,
                    node.spec.pod_cidr.as_deref().unwrap_or_default()
                ));
            } else {
                for node in &self.nodes {
                    node.add_ranges(&mut record);
                }
            }
        }
        super::keep_first(&mut record.ranges);
        Some((record, warning))
    }
}

impl Node {
    fn add_ranges(&self, record: &mut super::Cluster) {
        let cilium =
            CILIUM.iter().filter_map(|key| Some((*key, self.metadata.annotations.get(*key)?)));
        let cilium: Vec<_> = cilium.collect();
        for &(key, cidr) in &cilium {
            record.add_range(Some(cidr), RangeKind::Pod, key);
        }
        if cilium.is_empty() {
            for cidr in self.spec.pod_cidrs.iter().chain(&self.spec.pod_cidr) {
                record.add_range(Some(cidr), RangeKind::Pod, "Node.spec.podCIDRs");
            }
        }
    }

    /// Whether Calico has given the node's tunnel an address, which is one of its pods', that is not
    /// of the range that Kubernetes has for the node.
    fn has_calico_elsewhere(&self) -> bool {
        let ranges = self.spec.pod_cidrs.iter().chain(&self.spec.pod_cidr);
        let ranges: Vec<_> = ranges.filter_map(|text| cidr::parse(text).ok()).collect();
        let tunnels = CALICO.iter().filter_map(|key| self.metadata.annotations.get(*key));
        let mut tunnels = tunnels.filter_map(|text| text.parse::<IpAddr>().ok());
        tunnels.any(|tunnel| !ranges.iter().any(|range| range.contains(&tunnel)))
    }
}

/// The annotations in which Cilium notes a node's ranges.
const CILIUM: [&str; 4] = [
    "network.cilium.io/ipv4-pod-cidr",
    "network.cilium.io/ipv6-pod-cidr",
    "io.cilium.network.ipv4-pod-cidr",
    "io.cilium.network.ipv6-pod-cidr",
];

/// Those in which Calico notes the addresses of a node's tunnels.
const CALICO: [&str; 3] = [
    "projectcalico.org/IPv4IPIPTunnelAddr",
    "projectcalico.org/IPv4VXLANTunnelAddr",
    "projectcalico.org/IPv6VXLANTunnelAddr",
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(cidrs: &[&str]) -> Node {
        serde_json::from_value(json!({"spec": {"podCIDR": cidrs[0], "podCIDRs": cidrs}})).unwrap()
    }

    #[test]
    fn nodes_tell_pod_ranges_where_kubeadm_does_not() {
        let mut objects = Objects::default();
        objects.add_node(node(&["10.244.0.0/24", "fd00::/64"]));
        objects.add_node(node(&["10.244.1.0/24"]));
        let (record, _) = objects.into_record("prod-eu.json").unwrap();
        assert_eq!(record.name, "prod-eu");
        let cidrs: Vec<&str> = record.ranges.iter().map(|range| range.cidr.as_str()).collect();
        assert_eq!(cidrs, ["10.244.0.0/24", "fd00::/64", "10.244.1.0/24"]);

        let mut objects = Objects::default();
        objects.add_node(node(&["10.244.0.0/24"]));
        let map = json!({"metadata": {"name": "kubeadm-config"}, "data": {"ClusterConfiguration":
            "clusterName: lab\ncontrolPlaneEndpoint: 192.168.1.2:6443\nnetworking:\n  podSubnet: 10.244.0.0/16,fd00::/48\n  serviceSubnet: 10.96.0.0/12\n"}});
        objects.add_config_map(serde_json::from_value(map).unwrap()).unwrap();
        let (record, _) = objects.into_record("stdin").unwrap();
        assert_eq!(record.name, "lab");
        let ranges: Vec<_> = record.ranges.iter().map(|r| (r.cidr.as_str(), r.kind)).collect();
        assert_eq!(
            ranges,
            [
                ("10.244.0.0/16", RangeKind::Pod),
                ("fd00::/48", RangeKind::Pod),
                ("10.96.0.0/12", RangeKind::Service)
            ]
        );
        assert_eq!(record.endpoints[0].url, "https://192.168.1.2:6443");
    }

    #[test]
    fn network_plugins_have_their_own_pod_ranges() {
        let calico = json!({"projectcalico.org/IPv4VXLANTunnelAddr": "172.31.7.1"});
        let within = json!({"projectcalico.org/IPv4VXLANTunnelAddr": "192.168.0.1"});
        let cilium = json!({"network.cilium.io/ipv4-pod-cidr": "10.0.1.0/24"});
        let pool = json!({"spec": {"cidr": "172.31.0.0/16", "ipipMode": "Always"}});
        let of_pool = json!({"ipam": "cluster-pool", "cluster-pool-ipv4-cidr": "10.0.0.0/8"});
        let of_nodes = json!({"ipam": "kubernetes", "cluster-pool-ipv4-cidr": "10.0.0.0/8"});
        let own = &["192.168.0.0/24"][..];
        for (annotations, pool, config, expected, is_open) in [
            (json!({}), None, None, own, false),
            (calico.clone(), None, None, &[], true),
            (within, None, None, own, false),
            (calico, Some(pool), None, &["172.31.0.0/16"], false),
            (cilium.clone(), None, None, &["10.0.1.0/24"], false),
            (cilium, None, Some(of_pool), &["10.0.0.0/8"], false),
            (json!({}), None, Some(of_nodes), own, false),
        ] {
            let mut objects = Objects::default();
            let node = json!({"metadata": {"annotations": annotations},
                "spec": {"podCIDR": "192.168.0.0/24"}});
            objects.add_node(serde_json::from_value(node.clone()).unwrap());
            if let Some(pool) = pool {
                objects.add_ip_pool(serde_json::from_value(pool).unwrap());
            }
            if let Some(data) = config {
                let map = json!({"metadata": {"name": "cilium-config"}, "data": data});
                objects.add_config_map(serde_json::from_value(map).unwrap()).unwrap();
            }
            let (record, warning) = objects.into_record("lab.json").unwrap();
            let cidrs: Vec<&str> = record.ranges.iter().map(|range| range.cidr.as_str()).collect();
            assert_eq!((cidrs.as_slice(), warning.is_some()), (expected, is_open), "{node}");
        }
        let network = json!({"spec": {"clusterNetwork": [{"cidr": "10.128.0.0/14", "hostPrefix": 23}],
            "serviceNetwork": ["172.30.0.0/16"]}});
        let mut objects = Objects::default();
        objects.add_openshift(serde_json::from_value(network).unwrap());
        let (record, _) = objects.into_record("lab.json").unwrap();
        let ranges: Vec<_> = record.ranges.iter().map(|r| (r.cidr.as_str(), r.kind)).collect();
        assert_eq!(
            ranges,
            [("10.128.0.0/14", RangeKind::Pod), ("172.30.0.0/16", RangeKind::Service)]
        );
    }

    #[test]
    fn nothing_makes_no_cluster() {
        assert_eq!(Objects::default().into_record("stdin"), None);
    }
}
