//! A cluster without a cloud's description: what its own API server tells of it, as
//! `kubectl get nodes,servicecidrs -o json` and
//! `kubectl get configmap kubeadm-config -n kube-system -o json` print it.

use super::{Provider, RangeKind};
use crate::input::{from_yaml, verbatim};
use serde::Deserialize;

/// The objects of one source, all of the same cluster.
#[derive(Debug, Default)]
pub(super) struct Objects {
    nodes: Vec<Node>,
    service_cidrs: Vec<ServiceCidr>,
    kubeadm: Option<Kubeadm>,
    uid: Option<String>,
}

/// `v1 Node`.
#[derive(Debug, Deserialize)]
pub(super) struct Node {
    #[serde(default)]
    spec: NodeSpec,
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
    data: std::collections::BTreeMap<String, String>,
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

    /// Other config maps say nothing of the cluster. Fails where kubeadm's is not readable.
    pub(super) fn add_config_map(&mut self, map: ConfigMap) -> Result<(), String> {
        let configuration = map.data.get("ClusterConfiguration");
        if let Some(text) = configuration.filter(|_| map.metadata.name == "kubeadm-config") {
            let parsed = from_yaml(text);
            self.kubeadm = Some(parsed.map_err(|e| format!(".data.ClusterConfiguration: {e}"))?);
        }
        Ok(())
    }

    /// The record, if there were any objects. The cluster's name is kubeadm's unless that is
    /// the one that kubeadm gives to every cluster; then it is the file's, or the UID.
    pub(super) fn into_record(self, source: &str) -> Option<super::Cluster> {
        if self.nodes.is_empty()
            && self.service_cidrs.is_empty()
            && self.kubeadm.is_none()
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
        if let Some(kubeadm) = &self.kubeadm {
            let lists = [
                (&kubeadm.networking.pod_subnet, RangeKind::Pod, "networking.podSubnet"),
                (
                    &kubeadm.networking.service_subnet,
                    RangeKind::Service,
                    "networking.serviceSubnet",
                ),
            ];
            for (list, kind, field) in lists {
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
        if !record.ranges.iter().any(|range| range.kind == RangeKind::Pod) {
            for node in &self.nodes {
                for cidr in node.spec.pod_cidrs.iter().chain(&node.spec.pod_cidr) {
                    record.add_range(Some(cidr), RangeKind::Pod, "Node.spec.podCIDRs");
                }
            }
        }
        super::keep_first(&mut record.ranges);
        Some(record)
    }
}

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
        let record = objects.into_record("prod-eu.json").unwrap();
        assert_eq!(record.name, "prod-eu");
        let cidrs: Vec<&str> = record.ranges.iter().map(|range| range.cidr.as_str()).collect();
        assert_eq!(cidrs, ["10.244.0.0/24", "fd00::/64", "10.244.1.0/24"]);

        let mut objects = Objects::default();
        objects.add_node(node(&["10.244.0.0/24"]));
        let map = json!({"metadata": {"name": "kubeadm-config"}, "data": {"ClusterConfiguration":
            "clusterName: lab\ncontrolPlaneEndpoint: 192.168.1.2:6443\nnetworking:\n  podSubnet: 10.244.0.0/16,fd00::/48\n  serviceSubnet: 10.96.0.0/12\n"}});
        objects.add_config_map(serde_json::from_value(map).unwrap()).unwrap();
        let record = objects.into_record("stdin").unwrap();
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
    fn nothing_makes_no_cluster() {
        assert_eq!(Objects::default().into_record("stdin"), None);
    }
}
