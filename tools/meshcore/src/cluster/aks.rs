//! AKS's own description of a cluster: `az aks show|list`, a `ManagedCluster`.

use super::subnet::Subnets;
use super::{AuthorizedBlock, AuthorizedNetworks, Endpoint, EndpointKind, Provider, RangeKind};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The fields that matter to a mesh. The service writes null for what is not set.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ManagedCluster {
    name: String,
    location: Option<String>,
    resource_group: Option<String>,
    network_profile: Option<NetworkProfile>,
    agent_pool_profiles: Option<Vec<AgentPool>>,
    api_server_access_profile: Option<ApiServerAccess>,
    fqdn: Option<String>,
    private_fqdn: Option<String>,
    tags: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NetworkProfile {
    pod_cidr: Option<String>,
    pod_cidrs: Option<Vec<String>>,
    service_cidr: Option<String>,
    service_cidrs: Option<Vec<String>>,
    network_plugin: Option<String>,
    network_plugin_mode: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AgentPool {
    #[serde(alias = "vnetSubnetID")]
    vnet_subnet_id: Option<String>,
    #[serde(alias = "podSubnetID")]
    pod_subnet_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApiServerAccess {
    authorized_ip_ranges: Option<Vec<String>>,
    enable_private_cluster: Option<bool>,
}

impl ManagedCluster {
    /// The record, and what the input leaves open.
    pub(super) fn into_record(self, subnets: &Subnets) -> (super::Cluster, Option<String>) {
        let network = self.network_profile.unwrap_or_default();
        let mut record = super::Cluster {
            name: self.name,
            provider: Some(Provider::Aks),
            location: self.location,
            project: self.resource_group,
            labels: self.tags.unwrap_or_default(),
            ..super::Cluster::default()
        };
        record.add_range(network.pod_cidr.as_deref(), RangeKind::Pod, "networkProfile.podCidr");
        for cidr in network.pod_cidrs.iter().flatten() {
            record.add_range(Some(cidr), RangeKind::Pod, "networkProfile.podCidrs");
        }
        let service = network.service_cidr.as_deref();
        record.add_range(service, RangeKind::Service, "networkProfile.serviceCidr");
        for cidr in network.service_cidrs.iter().flatten() {
            record.add_range(Some(cidr), RangeKind::Service, "networkProfile.serviceCidrs");
        }
        // Azure CNI without overlay gives pods addresses of a subnet: their own, or the nodes'.
        let is_overlay = network.network_plugin_mode.as_deref() == Some("overlay");
        let pods_in_subnet = network.network_plugin.as_deref() == Some("azure") && !is_overlay;
        let mut unknown = BTreeSet::new();
        for pool in self.agent_pool_profiles.iter().flatten() {
            let nodes = pool.vnet_subnet_id.as_ref();
            let pods = pool.pod_subnet_id.as_ref().or(nodes).filter(|_| pods_in_subnet);
            for (id, kind) in [(nodes, RangeKind::Node), (pods, RangeKind::Pod)] {
                let Some(id) = id else { continue };
                match subnets.get(id) {
                    None if kind == RangeKind::Pod => drop(unknown.insert(id.as_str())),
                    found => {
                        for cidr in found.into_iter().flat_map(|subnet| &subnet.primary) {
                            record.add_range(Some(cidr), kind, id);
                        }
                    }
                }
            }
        }
        super::keep_first(&mut record.ranges);
        // Its pods leave it under the addresses of their nodes, as those of kubenet do.
        let own = match network.network_plugin.as_deref() {
            Some("kubenet") => Some("kubenet"),
            Some("azure") if is_overlay => Some("an overlay network"),
            _ => None,
        };
        let warning = if let Some(own) = own {
            Some(format!(
                "uses {own}: no other cluster can reach its pods directly, and firewalls between \
                 them see its nodes alone"
            ))
        } else if unknown.is_empty() {
            None
        } else {
            let ids: Vec<&str> = unknown.into_iter().collect();
            Some(format!(
                "has pods in subnets that are not in the input (add az network vnet subnet show): {}",
                ids.join(", ")
            ))
        };
        let warning = warning.map(|text| format!("cluster {} {text}", record.name));
        let access = self.api_server_access_profile.unwrap_or_default();
        // The public name of a private cluster leads to its private address, too.
        let is_private = access.enable_private_cluster == Some(true);
        let main = if is_private { EndpointKind::Private } else { EndpointKind::Public };
        for (host, kind) in [(self.private_fqdn, EndpointKind::Private), (self.fqdn, main)] {
            let endpoint = |host| Endpoint::new(&format!("https://{host}"), kind, None);
            record.endpoints.extend(host.map(endpoint));
        }
        record.authorized_networks = access.authorized_ip_ranges.map(|ranges| {
            let block = |cidr| AuthorizedBlock { cidr, display_name: None };
            AuthorizedNetworks {
                enabled: !ranges.is_empty(),
                blocks: ranges.into_iter().map(block).collect(),
            }
        });
        (record, warning)
    }
}

#[cfg(test)]
mod tests {
    use super::super::subnet::AzureSubnet;
    use super::*;
    use serde_json::json;

    const SUBNET: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/pods";

    fn cluster(plugin: &str, mode: Option<&str>) -> ManagedCluster {
        serde_json::from_value(json!({
            "name": "a", "location": "westeurope", "resourceGroup": "g",
            "type": "Microsoft.ContainerService/ManagedClusters",
            "networkProfile": {"networkPlugin": plugin, "networkPluginMode": mode,
                "podCidr": (plugin == "kubenet" || mode.is_some()).then_some("10.244.0.0/16"),
                "serviceCidr": "10.0.0.0/16", "serviceCidrs": ["10.0.0.0/16"]},
            "agentPoolProfiles": [{"vnetSubnetId": SUBNET, "podSubnetId": null}],
            "fqdn": "a.hcp.westeurope.azmk8s.io", "privateFqdn": null,
            "apiServerAccessProfile": null, "tags": null,
        }))
        .unwrap()
    }

    #[test]
    fn pods_have_addresses_of_the_subnet_without_overlay() {
        let (record, warning) = cluster("azure", None).into_record(&Subnets::default());
        assert!(warning.unwrap().contains("add az network vnet subnet show"));
        assert!(record.ranges.iter().all(|range| range.kind == RangeKind::Service));
        let mut subnets = Subnets::default();
        let subnet = json!({"id": SUBNET.to_uppercase(), "addressPrefix": "10.1.0.0/16"});
        serde_json::from_value::<AzureSubnet>(subnet).unwrap().add_to(&mut subnets);
        let (record, warning) = cluster("azure", None).into_record(&subnets);
        assert_eq!(warning, None);
        let kinds: Vec<RangeKind> = record
            .ranges
            .iter()
            .filter(|range| range.cidr == "10.1.0.0/16")
            .map(|range| range.kind)
            .collect();
        assert_eq!(kinds, [RangeKind::Node, RangeKind::Pod]);
    }

    #[test]
    fn overlays_and_kubenet_have_their_own_range_and_are_warned_of() {
        let (record, warning) = cluster("azure", Some("overlay")).into_record(&Subnets::default());
        assert_eq!(record.ranges[0].cidr, "10.244.0.0/16");
        assert!(warning.unwrap().contains("overlay"));
        let (_, warning) = cluster("kubenet", None).into_record(&Subnets::default());
        assert!(warning.unwrap().contains("kubenet"));
    }
}
