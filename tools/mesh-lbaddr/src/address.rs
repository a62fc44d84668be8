//! Where a Service can be reached from outside its cluster, as istiod sees it
//! (pilot/pkg/serviceregistry/kube, Istio 1.30).

use crate::nodes::{Selector, external_ip};
use crate::reason::Reason;
use meshkube::k8s_openapi::api::core::v1::{Node, Service, ServicePort, ServiceSpec};
use serde::Serialize;

/// One address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Address {
    /// An IP address, or the name of a host.
    pub address: String,
    /// The port there, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Whose address it is.
    pub source: Source,
    /// The name that led to the IP address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
}

/// Whose address it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// `.status.loadBalancer.ingress`.
    LoadBalancer,
    /// `.spec.externalIPs`.
    #[serde(rename = "externalIPs")]
    ExternalIps,
    /// A node's.
    Node,
}

/// A port of the Service, by name or number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Port {
    /// `tls`.
    Name(String),
    /// `15443`.
    Number(u16),
}

impl Port {
    /// Reads a number where there are only digits, as Kubernetes tells them apart.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Self::Name(text.to_owned()));
        }
        let number = text.parse().ok().filter(|&number| number > 0);
        number.map(Self::Number).ok_or_else(|| "is no port from 1 to 65535".to_owned())
    }

    fn is(&self, port: &ServicePort) -> bool {
        match self {
            Self::Name(name) => port.name.as_deref() == Some(name),
            Self::Number(number) => port.port == i32::from(*number),
        }
    }
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// The external addresses of a Service, in the order in which istiod has them, each once.
pub fn addresses(
    service: &Service,
    nodes: &[Node],
    port: Option<&Port>,
) -> Result<Vec<Address>, Reason> {
    let empty = ServiceSpec::default();
    let spec = service.spec.as_ref().unwrap_or(&empty);
    let selector = Selector::of(service);
    let port = port.map(|port| outer_port(spec, port, selector.is_some())).transpose()?;
    let mut found: Vec<Address> = Vec::new();
    for (address, source) in sources(service, spec, selector.as_ref(), nodes)? {
        if !found.iter().any(|known| known.address == address) {
            found.push(Address { address: address.to_owned(), port, source, hostname: None });
        }
    }
    Ok(found)
}

/// Where the addresses are; never none.
fn sources<'a>(
    service: &'a Service,
    spec: &'a ServiceSpec,
    selector: Option<&Selector>,
    nodes: &'a [Node],
) -> Result<Vec<(&'a str, Source)>, Reason> {
    let kind = spec.type_.as_deref().unwrap_or("ClusterIP");
    let balanced = (kind == "LoadBalancer").then(|| load_balancer(service));
    let balanced = balanced.into_iter().flatten().map(|address| (address, Source::LoadBalancer));
    let by_hand = spec.external_ips.iter().flatten();
    let by_hand = by_hand.map(|address| (address.as_str(), Source::ExternalIps));
    let found: Vec<_> = balanced.chain(by_hand).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    match (kind, selector) {
        ("LoadBalancer", _) => Err(Reason::pending(service)),
        ("NodePort", None) => Err(Reason::NoSelector),
        (_, Some(selector)) => {
            let selected = selector.choose(nodes);
            let found: Vec<_> = selected
                .iter()
                .filter_map(|node| external_ip(node).map(|address| (address, Source::Node)))
                .collect();
            let none = Reason::NoNodeAddress { known: nodes.len(), selected: selected.len() };
            if found.is_empty() { Err(none) } else { Ok(found) }
        }
        ("ExternalName", _) => Err(Reason::Alias(spec.external_name.clone().unwrap_or_default())),
        _ => Err(Reason::ClusterOnly),
    }
}

/// Of each load balancer its IP address, or else its name.
fn load_balancer(service: &Service) -> impl Iterator<Item = &str> {
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let ingress = status.and_then(|status| status.ingress.as_ref()).into_iter().flatten();
    ingress.filter_map(|ingress| {
        let filled = |text: &&String| !text.is_empty();
        let ip = ingress.ip.as_ref().filter(filled);
        ip.or(ingress.hostname.as_ref().filter(filled)).map(String::as_str)
    })
}

/// The port as it is outside: the node port where istiod takes nodes.
fn outer_port(spec: &ServiceSpec, wanted: &Port, on_nodes: bool) -> Result<u16, Reason> {
    let ports = spec.ports.as_deref().unwrap_or_default();
    let port = ports.iter().find(|port| wanted.is(port));
    let number = port.and_then(|port| if on_nodes { port.node_port } else { Some(port.port) });
    number.and_then(|number| u16::try_from(number).ok()).ok_or_else(|| Reason::NoPort {
        wanted: wanted.to_string(),
        known: ports.iter().map(spell).collect(),
    })
}

fn spell(port: &ServicePort) -> String {
    match &port.name {
        Some(name) => format!("{name} {}", port.port),
        None => port.port.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::SELECTOR;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn service(spec: &Value, ingress: &Value) -> Service {
        let service = json!({
            "metadata": {"name": "ew", "annotations": {}},
            "spec": spec, "status": {"loadBalancer": {"ingress": ingress}},
        });
        serde_json::from_value(service).unwrap()
    }

    fn on_nodes(mut spec: Value) -> Service {
        spec["type"] = json!("NodePort");
        let annotations = json!({SELECTOR: "{\"gw\": \"yes\"}"});
        serde_json::from_value(json!({"metadata": {"annotations": annotations}, "spec": spec}))
            .unwrap()
    }

    fn node(gateway: &str, external: Option<&str>) -> Node {
        let mut addresses = vec![json!({"type": "InternalIP", "address": "10.0.0.1"})];
        addresses.extend(external.map(|ip| json!({"type": "ExternalIP", "address": ip})));
        let node =
            json!({"metadata": {"labels": {"gw": gateway}}, "status": {"addresses": addresses}});
        serde_json::from_value(node).unwrap()
    }

    fn texts(found: Result<Vec<Address>, Reason>) -> Vec<(String, Source)> {
        found.unwrap().into_iter().map(|found| (found.address, found.source)).collect()
    }

    #[test]
    fn load_balancers_come_before_external_ips() {
        let spec = json!({"type": "LoadBalancer", "externalIPs": ["198.51.100.1", "203.0.113.1"]});
        let ingress = json!([
            {"ip": "203.0.113.1", "hostname": "not-taken"}, {"ip": "", "hostname": "a.elb.example"}, {},
        ]);
        assert_eq!(
            texts(addresses(&service(&spec, &ingress), &[], None)),
            [
                ("203.0.113.1".to_owned(), Source::LoadBalancer),
                ("a.elb.example".to_owned(), Source::LoadBalancer),
                ("198.51.100.1".to_owned(), Source::ExternalIps),
            ]
        );
    }

    #[test]
    fn external_ips_are_enough_for_any_type() {
        for kind in [json!("ClusterIP"), json!(null), json!("NodePort"), json!("LoadBalancer")] {
            let spec = json!({"type": kind, "externalIPs": ["198.51.100.1"]});
            let found = addresses(&service(&spec, &json!([])), &[], None);
            assert_eq!(texts(found), [("198.51.100.1".to_owned(), Source::ExternalIps)]);
        }
    }

    #[test]
    fn nodes_are_taken_by_annotation_with_their_ports() {
        let ports = json!([{"name": "tls", "port": 15443, "nodePort": 31443}]);
        let ew = on_nodes(json!({"ports": ports}));
        let nodes = [node("yes", Some("203.0.113.1")), node("no", Some("203.0.113.2"))];
        let tls = Port::Name("tls".to_owned());
        let found = addresses(&ew, &nodes, Some(&tls)).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].address.as_str(), found[0].port, found[0].source),
            ("203.0.113.1", Some(31443), Source::Node)
        );
        // A Service that istiod takes no nodes for has its own port everywhere.
        let spec = json!({"type": "NodePort", "externalIPs": ["198.51.100.1"], "ports": ports});
        let found = addresses(&service(&spec, &json!([])), &nodes, Some(&Port::Number(15443)));
        assert_eq!(found.unwrap()[0].port, Some(15443));
    }

    #[test]
    fn without_an_address_there_is_a_reason() {
        let of = |spec: Value| addresses(&service(&spec, &json!([])), &[], None).unwrap_err();
        assert_eq!(of(json!({"type": "LoadBalancer"})), Reason::Pending { left_to: None });
        let classed =
            of(json!({"type": "LoadBalancer", "loadBalancerClass": "eks.amazonaws.com/nlb"}));
        let left_to = Some("loadBalancerClass eks.amazonaws.com/nlb".to_owned());
        assert_eq!(classed, Reason::Pending { left_to });
        assert_eq!(of(json!({"type": "ClusterIP"})), Reason::ClusterOnly);
        assert_eq!(of(json!({})), Reason::ClusterOnly);
        assert_eq!(of(json!({"type": "NodePort"})), Reason::NoSelector);
        let alias = json!({"type": "ExternalName", "externalName": "h.example"});
        assert_eq!(of(alias), Reason::Alias("h.example".to_owned()));
        let ew = on_nodes(json!({}));
        for (nodes, known, selected) in [
            (vec![], 0, 0),
            (vec![node("no", Some("203.0.113.2"))], 1, 0),
            (vec![node("yes", None), node("no", None)], 2, 1),
        ] {
            let reason = addresses(&ew, &nodes, None).unwrap_err();
            assert_eq!(reason, Reason::NoNodeAddress { known, selected });
        }
    }

    #[test]
    fn a_port_that_is_not_there_is_told_with_those_that_are() {
        let ports = json!([{"name": "tls", "port": 15443}, {"port": 80}]);
        let spec = json!({"type": "LoadBalancer", "ports": ports});
        let ew = service(&spec, &json!([{"ip": "203.0.113.1"}]));
        let port = |text| Port::parse(text).unwrap();
        assert_eq!(addresses(&ew, &[], Some(&port("80"))).unwrap()[0].port, Some(80));
        assert_eq!(addresses(&ew, &[], Some(&port("tls"))).unwrap()[0].port, Some(15443));
        let known = vec!["tls 15443".to_owned(), "80".to_owned()];
        for wanted in ["http", "443"] {
            let reason = addresses(&ew, &[], Some(&port(wanted))).unwrap_err();
            assert_eq!(reason, Reason::NoPort { wanted: wanted.to_owned(), known: known.clone() });
        }
    }

    proptest! {
        #[test]
        fn ports_are_numbers_or_names(text in "[a-z0-9-]{0,7}|[0-9]{1,6}") {
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            match Port::parse(&text) {
                Ok(Port::Number(number)) => prop_assert_eq!(Ok(number), text.parse()),
                Ok(Port::Name(name)) => prop_assert!(name == text && !digits),
                Err(_) => prop_assert!(
                    text.is_empty() || (digits && !(1..=65535).contains(&text.parse::<u32>().unwrap()))
                ),
            }
        }
    }
}
