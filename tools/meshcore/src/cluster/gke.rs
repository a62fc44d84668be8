//! GKE's own description of a cluster: `gcloud container clusters list|describe --format=json`,
//! the `Cluster` message of the Kubernetes Engine API, v1.

use super::subnet::{Subnet, Subnets};
use super::{AuthorizedBlock, AuthorizedNetworks, Endpoint, EndpointKind, Provider, RangeKind};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};

/// The fields that matter to a mesh. The service leaves out what is not set.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cluster {
    name: String,
    location: Option<String>,
    zone: Option<String>,
    self_link: Option<String>,
    network: Option<String>,
    #[serde(default)]
    network_config: NetworkConfig,
    cluster_ipv4_cidr: Option<String>,
    services_ipv4_cidr: Option<String>,
    #[serde(default)]
    ip_allocation_policy: IpAllocationPolicy,
    #[serde(default)]
    node_pools: Vec<NodePool>,
    #[serde(default)]
    node_pool_auto_config: NodePoolAutoConfig,
    #[serde(default)]
    resource_labels: BTreeMap<String, String>,
    endpoint: Option<String>,
    #[serde(default)]
    master_auth: MasterAuth,
    #[serde(default)]
    private_cluster_config: PrivateClusterConfig,
    #[serde(default)]
    control_plane_endpoints_config: ControlPlaneEndpointsConfig,
    master_authorized_networks_config: Option<AuthorizedNetworksConfig>,
    /// It has none.
    kind: Option<IgnoredAny>,
}

/// A cluster that shows by itself that it is nothing else.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Cluster")]
pub(super) struct CertainCluster(pub Box<Cluster>);

impl TryFrom<Cluster> for CertainCluster {
    type Error = &'static str;

    fn try_from(cluster: Cluster) -> Result<Self, Self::Error> {
        if cluster.kind.is_none() && cluster.cluster_ipv4_cidr.is_some() {
            Ok(Self(Box::new(cluster)))
        } else {
            Err("may be something else")
        }
    }
}

#[derive(Debug, Default, Deserialize)]
struct NetworkConfig {
    network: Option<String>,
    subnetwork: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IpAllocationPolicy {
    cluster_ipv4_cidr_block: Option<String>,
    services_ipv4_cidr_block: Option<String>,
    node_ipv4_cidr_block: Option<String>,
    services_ipv6_cidr_block: Option<String>,
    subnet_ipv6_cidr_block: Option<String>,
    #[serde(default)]
    additional_pod_ranges_config: AdditionalPodRanges,
    #[serde(default)]
    additional_ip_ranges_configs: Vec<AdditionalIpRanges>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AdditionalPodRanges {
    #[serde(default)]
    pod_range_names: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AdditionalIpRanges {
    subnetwork: Option<String>,
    #[serde(default)]
    pod_ipv4_range_names: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodePool {
    #[serde(default)]
    config: NodeConfig,
    #[serde(default)]
    network_config: NodeNetworkConfig,
}

#[derive(Debug, Default, Deserialize)]
struct NodeConfig {
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeNetworkConfig {
    subnetwork: Option<String>,
    pod_range: Option<String>,
    pod_ipv4_cidr_block: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodePoolAutoConfig {
    #[serde(default)]
    network_tags: NodeConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MasterAuth {
    cluster_ca_certificate: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PrivateClusterConfig {
    private_endpoint: Option<String>,
    public_endpoint: Option<String>,
    master_ipv4_cidr_block: Option<String>,
    master_global_access_config: Option<GlobalAccess>,
    #[serde(default)]
    enable_private_endpoint: bool,
}

#[derive(Debug, Deserialize)]
struct GlobalAccess {
    #[serde(default)]
    enabled: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ControlPlaneEndpointsConfig {
    #[serde(default)]
    ip_endpoints_config: IpEndpointsConfig,
    #[serde(default)]
    dns_endpoint_config: DnsEndpointConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IpEndpointsConfig {
    enabled: Option<bool>,
    public_endpoint: Option<String>,
    private_endpoint: Option<String>,
    enable_public_endpoint: Option<bool>,
    global_access: Option<bool>,
    authorized_networks_config: Option<AuthorizedNetworksConfig>,
}

#[derive(Debug, Default, Deserialize)]
struct DnsEndpointConfig {
    endpoint: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizedNetworksConfig {
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    cidr_blocks: Vec<CidrBlock>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CidrBlock {
    cidr_block: String,
    display_name: Option<String>,
}

impl Cluster {
    /// The record, and a warning where ranges are named whose addresses only a subnet knows that
    /// is not among `subnets`.
    pub(super) fn into_record(self, subnets: &Subnets) -> (super::Cluster, Option<String>) {
        let endpoints = self.endpoints();
        let mut record = super::Cluster {
            name: self.name.clone(),
            project: self.self_link.as_deref().and_then(project).map(str::to_owned),
            mesh_id: self.resource_labels.get("mesh_id").cloned(),
            provider: Some(Provider::Gke),
            location: self.location.clone().or_else(|| self.zone.clone()),
            vpc: self.network_config.network.clone().or_else(|| self.network.clone()),
            endpoints,
            ..super::Cluster::default()
        };
        self.add_ranges(&mut record);
        let unresolved = self.add_subnet_ranges(subnets, &mut record);
        super::keep_first(&mut record.ranges);
        let endpoints_config = self.control_plane_endpoints_config.ip_endpoints_config;
        record.authorized_networks = endpoints_config
            .authorized_networks_config
            .or(self.master_authorized_networks_config)
            .map(AuthorizedNetworksConfig::into_record);
        record.global_access = endpoints_config
            .global_access
            .or(self.private_cluster_config.master_global_access_config.map(|g| g.enabled));
        let tags = self.node_pools.into_iter().flat_map(|pool| pool.config.tags);
        let tags = tags.chain(self.node_pool_auto_config.network_tags.tags);
        record.node_tags = tags.collect::<BTreeSet<String>>().into_iter().collect();
        record.labels = self.resource_labels;
        let warning = (!unresolved.is_empty()).then(|| {
            let names: Vec<&str> = unresolved.iter().map(String::as_str).collect();
            format!(
                "cluster {} has further pod ranges whose addresses only its subnet knows ({}): \
                 add gcloud compute networks subnets list --format=json",
                record.name,
                names.join(", ")
            )
        });
        (record, warning)
    }

    fn add_ranges(&self, record: &mut super::Cluster) {
        let policy = &self.ip_allocation_policy;
        let mut add = |cidr: &Option<String>, kind, source: &str| {
            record.add_range(cidr.as_deref(), kind, source);
        };
        let pods = "ipAllocationPolicy.clusterIpv4CidrBlock";
        let services = "ipAllocationPolicy.servicesIpv4CidrBlock";
        add(&self.cluster_ipv4_cidr, RangeKind::Pod, "clusterIpv4Cidr");
        add(&policy.cluster_ipv4_cidr_block, RangeKind::Pod, pods);
        for (i, pool) in self.node_pools.iter().enumerate() {
            let source = format!("nodePools[{i}].networkConfig.podIpv4CidrBlock");
            add(&pool.network_config.pod_ipv4_cidr_block, RangeKind::Pod, &source);
        }
        // In a dual-stack cluster pods and nodes share the subnet's IPv6 range.
        let ipv6 = "ipAllocationPolicy.subnetIpv6CidrBlock";
        add(&policy.subnet_ipv6_cidr_block, RangeKind::Pod, ipv6);
        add(&policy.subnet_ipv6_cidr_block, RangeKind::Node, ipv6);
        add(&self.services_ipv4_cidr, RangeKind::Service, "servicesIpv4Cidr");
        add(&policy.services_ipv4_cidr_block, RangeKind::Service, services);
        let services = "ipAllocationPolicy.servicesIpv6CidrBlock";
        add(&policy.services_ipv6_cidr_block, RangeKind::Service, services);
        let nodes = "ipAllocationPolicy.nodeIpv4CidrBlock";
        add(&policy.node_ipv4_cidr_block, RangeKind::Node, nodes);
        let control_plane = "privateClusterConfig.masterIpv4CidrBlock";
        let block = &self.private_cluster_config.master_ipv4_cidr_block;
        add(block, RangeKind::ControlPlane, control_plane);
    }

    /// Adds what the subnets know: nodes' ranges, and pod ranges that are only named here.
    /// Gives back the names that no subnet has.
    fn add_subnet_ranges(
        &self,
        subnets: &Subnets,
        record: &mut super::Cluster,
    ) -> BTreeSet<String> {
        let policy = &self.ip_allocation_policy;
        let own = self.network_config.subnetwork.as_deref();
        let pools = || self.node_pools.iter().map(|pool| &pool.network_config);
        let names = |names: &[String]| names.to_vec();
        let mut named = vec![(own, names(&policy.additional_pod_ranges_config.pod_range_names))];
        for config in &policy.additional_ip_ranges_configs {
            named.push((config.subnetwork.as_deref(), names(&config.pod_ipv4_range_names)));
        }
        for pool in pools().filter(|pool| pool.pod_ipv4_cidr_block.is_none()) {
            named.push((
                pool.subnetwork.as_deref().or(own),
                pool.pod_range.iter().cloned().collect(),
            ));
        }
        let find = |subnet: Option<&str>| subnet.and_then(|subnet| subnets.get(subnet));
        let mut unresolved = BTreeSet::new();
        for (subnet, names) in named {
            for name in names {
                match find(subnet).and_then(|Subnet { secondary, .. }| secondary.get(&name)) {
                    Some(cidr) => record.add_range(Some(cidr), RangeKind::Pod, &name),
                    None => drop(unresolved.insert(name)),
                }
            }
        }
        for subnet in own.into_iter().chain(pools().filter_map(|pool| pool.subnetwork.as_deref())) {
            for cidr in find(Some(subnet)).into_iter().flat_map(|subnet| &subnet.primary) {
                record.add_range(Some(cidr), RangeKind::Node, subnet);
            }
        }
        unresolved
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let ip = &self.control_plane_endpoints_config.ip_endpoints_config;
        let private = &self.private_cluster_config;
        // `privateEndpoint` is filled in for public clusters too: only these two flags tell.
        let is_private =
            private.enable_private_endpoint || ip.enable_public_endpoint == Some(false);
        let main = if is_private { EndpointKind::Private } else { EndpointKind::Public };
        let dns = &self.control_plane_endpoints_config.dns_endpoint_config.endpoint;
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for (host, kind) in [
            (&ip.private_endpoint, EndpointKind::Private),
            (&private.private_endpoint, EndpointKind::Private),
            (&ip.public_endpoint, EndpointKind::Public),
            (&private.public_endpoint, EndpointKind::Public),
            (&self.endpoint, main),
            (dns, EndpointKind::Dns),
        ] {
            let Some(host) = host.as_deref().filter(|host| !host.is_empty()) else { continue };
            if ip.enabled == Some(false) && kind != EndpointKind::Dns {
                continue;
            }
            // Private clusters have the address of a public endpoint that is switched off.
            if is_private && kind == EndpointKind::Public {
                continue;
            }
            let url = match host.parse::<std::net::IpAddr>() {
                Ok(std::net::IpAddr::V6(address)) => format!("https://[{address}]"),
                _ => format!("https://{host}"),
            };
            // The DNS endpoint has a certificate of a public CA.
            let ca = self.master_auth.cluster_ca_certificate.clone();
            let endpoint = Endpoint::new(&url, kind, ca.filter(|_| kind != EndpointKind::Dns));
            if !endpoints.iter().any(|known| known.url == endpoint.url) {
                endpoints.push(endpoint);
            }
        }
        endpoints
    }
}

impl AuthorizedNetworksConfig {
    fn into_record(self) -> AuthorizedNetworks {
        let block =
            |b: CidrBlock| AuthorizedBlock { cidr: b.cidr_block, display_name: b.display_name };
        AuthorizedNetworks {
            enabled: self.enabled,
            blocks: self.cidr_blocks.into_iter().map(block).collect(),
        }
    }
}

/// The project in `https://…/v1/projects/P/locations/L/clusters/C`.
fn project(self_link: &str) -> Option<&str> {
    self_link.split_once("/projects/")?.1.split('/').next().filter(|project| !project.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(value: serde_json::Value) -> (super::super::Cluster, Option<String>) {
        serde_json::from_value::<Cluster>(value).unwrap().into_record(&Subnets::default())
    }

    #[test]
    fn pod_ranges_come_from_all_places_once() {
        let (cluster, warning) = record(json!({
            "name": "a",
            "clusterIpv4Cidr": "10.4.0.0/14",
            "ipAllocationPolicy": {
                "clusterIpv4CidrBlock": "10.4.0.0/14",
                "servicesIpv4CidrBlock": "10.8.0.0/20",
                "subnetIpv6CidrBlock": "2600:1900::/64",
            },
            "nodePools": [
                {"networkConfig": {"podIpv4CidrBlock": "10.4.0.0/14", "podRange": "pods"}},
                {"networkConfig": {"podIpv4CidrBlock": "10.64.0.0/16"}},
            ],
        }));
        let pods: Vec<(&str, &str)> = cluster
            .ranges
            .iter()
            .filter(|range| range.kind == RangeKind::Pod)
            .map(|range| (range.cidr.as_str(), range.source.as_str()))
            .collect();
        assert_eq!(
            pods,
            [
                ("10.4.0.0/14", "clusterIpv4Cidr"),
                ("10.64.0.0/16", "nodePools[1].networkConfig.podIpv4CidrBlock"),
                ("2600:1900::/64", "ipAllocationPolicy.subnetIpv6CidrBlock"),
            ]
        );
        assert_eq!(warning, None);
    }

    #[test]
    fn ranges_that_only_the_subnet_knows_are_told() {
        let (_, warning) = record(json!({
            "name": "a",
            "ipAllocationPolicy": {
                "additionalPodRangesConfig": {"podRangeNames": ["more"]},
                "additionalIpRangesConfigs": [{"podIpv4RangeNames": ["extra"]}],
            },
        }));
        let warning = warning.unwrap();
        assert!(warning.contains("only its subnet knows (extra, more)"), "{warning}");
    }

    #[test]
    fn a_private_endpoint_alone_does_not_make_a_cluster_private() {
        let public = json!({
            "name": "a",
            "endpoint": "34.1.1.1",
            "privateClusterConfig": {"privateEndpoint": "10.0.0.2", "publicEndpoint": "34.1.1.1"},
        });
        let private = json!({
            "name": "a",
            "endpoint": "10.0.0.2",
            "privateClusterConfig": {"publicEndpoint": "34.1.1.1"},
            "controlPlaneEndpointsConfig": {
                "ipEndpointsConfig": {"enablePublicEndpoint": false, "privateEndpoint": "10.0.0.2"},
                "dnsEndpointConfig": {"endpoint": "gke-1.us.gke.goog"},
            },
            "masterAuth": {"clusterCaCertificate": "Q0E="},
        });
        let endpoints = |value| {
            let (cluster, _) = record(value);
            cluster.endpoints.into_iter().map(|e| (e.url, e.kind, e.ca_data)).collect::<Vec<_>>()
        };
        assert_eq!(
            endpoints(public),
            [
                ("https://10.0.0.2".to_owned(), EndpointKind::Private, None),
                ("https://34.1.1.1".to_owned(), EndpointKind::Public, None),
            ]
        );
        assert_eq!(
            endpoints(private),
            [
                ("https://10.0.0.2".to_owned(), EndpointKind::Private, Some("Q0E=".to_owned())),
                ("https://gke-1.us.gke.goog".to_owned(), EndpointKind::Dns, None),
            ]
        );
    }

    #[test]
    fn identity_and_access_are_read() {
        let (cluster, _) = record(json!({
            "name": "asm-a",
            "zone": "us-west2-a",
            "selfLink": "https://container.example/v1/projects/my-proj/zones/us-west2-a/clusters/asm-a",
            "resourceLabels": {"mesh_id": "proj-7"},
            "masterAuthorizedNetworksConfig": {
                "enabled": true,
                "cidrBlocks": [{"cidrBlock": "192.0.2.0/24", "displayName": "office"}],
            },
            "privateClusterConfig": {"masterGlobalAccessConfig": {"enabled": true}},
            "nodePools": [{"config": {"tags": ["b", "a"]}}, {"config": {"tags": ["a"]}}],
        }));
        assert_eq!(cluster.label(), "my-proj/us-west2-a/asm-a");
        assert_eq!(cluster.mesh_id.as_deref(), Some("proj-7"));
        assert_eq!(cluster.global_access, Some(true));
        assert_eq!(cluster.node_tags, ["a", "b"]);
        let blocks = cluster.authorized_networks.unwrap().blocks;
        assert_eq!(blocks[0].display_name.as_deref(), Some("office"));
    }
}
