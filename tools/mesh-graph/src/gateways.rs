//! Gateways for other networks: where istiod of the other clusters finds them
//! (pilot/pkg/serviceregistry/kube/controller/network.go, Istio 1.30).

use crate::Gateway;
use meshcore::Result;
use meshcore::cluster::Cluster as Record;
use meshcore::selector::{Labels, selects};
use meshstate::{ClusterState, Ingress, Mesh, Service, ServiceType};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The annotation of a `NodePort` gateway that says of which nodes.
const NODE_SELECTOR: &str = "traffic.istio.io/nodeSelector";
/// Where ambient's gateways listen.
const HBONE: u16 = 15008;

/// Gateway Services of one cluster that are drawn: each may be on all of its nodes.
pub const MOST: usize = 100;

/// The gateways of a cluster on this network: its Services', or the record's where there are no
/// Services to look at.
pub fn of(state: &ClusterState, network: Option<&str>) -> Result<Vec<Gateway>> {
    let services = state.gateway_services().take(MOST);
    let services = services.filter_map(|service| of_service(state, service));
    let mut gateways: Vec<Gateway> = services
        .map(|gateway| Gateway {
            network: gateway.network.filter(|name| Some(name.as_str()) != network),
            ..gateway
        })
        .collect();
    if gateways.is_empty()
        && let Some(record) = &state.record
    {
        gateways = of_record(record)?;
    }
    gateways.sort();
    Ok(gateways)
}

/// None for a Service that exposes no port for other networks: istiod passes it over.
fn of_service(state: &ClusterState, service: &Service) -> Option<Gateway> {
    let hbone = || service.ports.iter().find(|port| port.port == HBONE);
    let port = service.gateway_port().or_else(hbone)?;
    let balanced =
        service.ingress.iter().filter(|_| service.service_type == ServiceType::LoadBalancer);
    let balanced = balanced.map(|ingress| match ingress {
        Ingress::Ip(address) | Ingress::Hostname(address) => address.as_str(),
    });
    let by_hand = service.external_ips.iter().map(String::as_str);
    let mut addresses: Vec<String> =
        balanced.chain(by_hand).map(|host| address(host, port.port)).collect();
    if let (ServiceType::NodePort, Some(selector), Some(port)) =
        (service.service_type, service.meta.annotation(NODE_SELECTOR), port.node_port)
    {
        // istiod takes what it cannot read for all nodes.
        let selector: Labels = serde_json::from_str(selector).unwrap_or_default();
        let nodes = state.nodes.iter().filter(|node| selects(&selector, &node.meta.labels));
        addresses.extend(
            nodes
                .filter_map(|node| node.external_addresses.first())
                .map(|host| address(host, port)),
        );
    }
    addresses.sort();
    addresses.dedup();
    let network = service.network().map(str::to_owned);
    Some(Gateway { name: service.meta.object(), network, addresses })
}

/// A gateway of a record: its address, or an object that has it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Recorded {
    Address(String),
    Object {
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        network: Option<String>,
        #[serde(default)]
        address: Option<String>,
        #[serde(default)]
        addresses: Vec<String>,
    },
}

fn of_record(record: &Record) -> Result<Vec<Gateway>> {
    let Some(field) = record.other.get("gateways").filter(|field| !field.is_null()) else {
        return Ok(Vec::new());
    };
    let recorded = Vec::<Recorded>::deserialize(field).map_err(|error| {
        meshcore::Error::data(error.to_string())
            .at(format!("cluster {}: .gateways", record.label()))
    })?;
    let own = record.network.as_deref();
    let gateway = |recorded| match recorded {
        Recorded::Address(address) => {
            Gateway { name: String::new(), network: None, addresses: vec![address] }
        }
        Recorded::Object { name, network, address, addresses } => Gateway {
            name: name.unwrap_or_default(),
            network: network.filter(|network| Some(network.as_str()) != own),
            addresses: address.into_iter().chain(addresses).collect(),
        },
    };
    Ok(recorded.into_iter().map(gateway).collect())
}

/// The gateways that meshNetworks of any cluster names by address, by network.
#[must_use]
pub fn of_networks(mesh: &Mesh) -> BTreeMap<String, Vec<Gateway>> {
    let mut all: BTreeMap<String, BTreeSet<Gateway>> = BTreeMap::new();
    let configs = mesh.clusters.iter().flat_map(|state| state.mesh_configs.values());
    for (network, described) in configs.flat_map(|config| &config.networks) {
        for gateway in &described.gateways {
            let Some(host) = &gateway.address else { continue };
            let addresses = vec![address(host, gateway.port)];
            let name = "in meshNetworks".to_owned();
            all.entry(network.clone()).or_default().insert(Gateway {
                name,
                network: None,
                addresses,
            });
        }
    }
    all.into_iter().map(|(network, gateways)| (network, gateways.into_iter().collect())).collect()
}

fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn service(network: &str, spec: Value, status: Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": "gw", "namespace": "istio-system",
                "labels": {"topology.istio.io/network": network},
                "annotations": {NODE_SELECTOR: "{\"pool\": \"edge\"}"},
            },
            "spec": spec, "status": status,
        })
    }

    fn node(name: &str, pool: &str, address: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"pool": pool}},
            "status": {"addresses": [{"type": "ExternalIP", "address": address}]},
        })
    }

    fn gateways(objects: &[Value]) -> Vec<Gateway> {
        let mesh = Mesh::of_text("a", &json!(objects).to_string()).unwrap();
        of(&mesh.clusters[0], Some("n1")).unwrap()
    }

    fn gateway(network: Option<&str>, addresses: &[&str]) -> Gateway {
        Gateway {
            name: "istio-system/gw".to_owned(),
            network: network.map(str::to_owned),
            addresses: addresses.iter().map(|&address| address.to_owned()).collect(),
        }
    }

    #[test]
    fn addresses_are_where_istiod_finds_them() {
        let balancer = |ingress: Value| json!({"loadBalancer": {"ingress": ingress}});
        let ports = json!([{"name": "status", "port": 15021}, {"name": "tls", "port": 15443}]);
        let spec = |kind: &str| json!({"type": kind, "ports": ports});
        for (object, expected) in [
            (
                service("n1", spec("LoadBalancer"), balancer(json!([{"ip": "192.0.2.1"}]))),
                gateway(None, &["192.0.2.1:15443"]),
            ),
            (
                service("n2", spec("LoadBalancer"), balancer(json!([{"hostname": "elb.example"}]))),
                gateway(Some("n2"), &["elb.example:15443"]),
            ),
            (service("n1", spec("LoadBalancer"), json!({})), gateway(None, &[])),
            (
                service("n1", spec("ClusterIP"), balancer(json!([{"ip": "192.0.2.1"}]))),
                gateway(None, &[]),
            ),
            (
                service(
                    "n1",
                    json!({
                        "type": "ClusterIP", "externalIPs": ["2001:db8::1"],
                        "ports": [{"name": "hbone", "port": 15008}],
                    }),
                    json!({}),
                ),
                gateway(None, &["[2001:db8::1]:15008"]),
            ),
        ] {
            assert_eq!(gateways(std::slice::from_ref(&object)), [expected], "{object}");
        }
        // istiod passes over what has no port for other networks.
        let no_port = service("n1", json!({"ports": [{"port": 443}]}), json!({}));
        assert_eq!(gateways(&[no_port]), []);
    }

    #[test]
    fn a_node_port_is_at_the_nodes_that_are_chosen() {
        let ports = json!([{"name": "tls", "port": 15443, "nodePort": 31443}]);
        let all = [
            service("n1", json!({"type": "NodePort", "ports": ports}), json!({})),
            node("a", "edge", "192.0.2.2"),
            node("b", "edge", "192.0.2.1"),
            node("c", "inner", "192.0.2.3"),
        ];
        assert_eq!(gateways(&all), [gateway(None, &["192.0.2.1:31443", "192.0.2.2:31443"])]);
    }

    #[test]
    fn a_record_may_name_gateways() {
        let of_text = |gateways: Value| {
            let record = json!({
                "apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": "a",
                "network": "n1", "gateways": gateways,
            });
            of(&Mesh::of_text("stdin", &record.to_string()).unwrap().clusters[0], Some("n1"))
        };
        let found = of_text(json!([
            "192.0.2.1",
            {"name": "gw", "network": "n1", "address": "192.0.2.2"},
            {"network": "n2", "addresses": ["192.0.2.3"]},
        ]));
        let told: Vec<(String, Option<String>, String)> = found
            .unwrap()
            .into_iter()
            .map(|one| (one.name, one.network, one.addresses.join(",")))
            .collect();
        let own = |name: &str, address: &str| (name.to_owned(), None, address.to_owned());
        let other = (String::new(), Some("n2".to_owned()), "192.0.2.3".to_owned());
        assert_eq!(told, [own("", "192.0.2.1"), other, own("gw", "192.0.2.2")]);
        let error = of_text(json!([1])).unwrap_err();
        assert!(error.message().text().starts_with("cluster a: .gateways: "), "{error:?}");
    }

    #[test]
    fn mesh_networks_name_gateways_of_networks() {
        let networks = "networks:\n  n1:\n    gateways:\n    - {address: 192.0.2.9, port: 443}\n    \
                        - {registryServiceName: gw.istio-system.svc.cluster.local, port: 15443}\n";
        let config = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "istio", "namespace": "istio-system"},
            "data": {"mesh": "{}", "meshNetworks": networks},
        });
        let mesh = Mesh::of_text("a", &config.to_string()).unwrap();
        let gateway = Gateway {
            name: "in meshNetworks".to_owned(),
            network: None,
            addresses: vec!["192.0.2.9:443".to_owned()],
        };
        assert_eq!(of_networks(&mesh), BTreeMap::from([("n1".to_owned(), vec![gateway])]));
    }
}
