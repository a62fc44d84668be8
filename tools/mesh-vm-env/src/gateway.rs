//! The gateway through which machines reach istiod.

use crate::istiod;
use meshkube::k8s_openapi::api::core::v1::Service;
use std::collections::BTreeSet;
use std::net::{IpAddr, ToSocketAddrs as _};

/// Where a gateway is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// At an address.
    Ip(IpAddr),
    /// At whatever address this name has, as load balancers on AWS.
    Name(String),
}

/// The address of a gateway's Service: of its load balancer, or else of its `externalIPs`, or
/// else the load balancer's name. A reason completes "service NAME …".
pub fn address(service: &Service) -> Result<Address, String> {
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let ingress = status.and_then(|status| status.ingress.as_deref()).unwrap_or_default();
    let spec = service.spec.as_ref();
    let by_hand = spec.and_then(|spec| spec.external_ips.as_deref()).unwrap_or_default();
    let mut ips = ingress.iter().filter_map(|ingress| ingress.ip.as_ref()).chain(by_hand);
    if let Some(ip) = ips.find_map(|ip| ip.parse().ok()) {
        return Ok(Address::Ip(ip));
    }
    let mut names = ingress.iter().filter_map(|ingress| ingress.hostname.as_ref());
    if let Some(name) = names.find(|name| !name.is_empty()) {
        return Ok(Address::Name(name.clone()));
    }
    let kind = spec.and_then(|spec| spec.type_.as_deref()).unwrap_or("ClusterIP");
    Err(match kind {
        "LoadBalancer" => "has no address yet: no load balancer has been made for it".to_owned(),
        "NodePort" => format!(
            "is of type NodePort: nodes do not have istiod at port {}, and machines look there",
            istiod::PORT
        ),
        _ => format!("has no address outside of its cluster: it is of type {kind}"),
    })
}

/// Whether the gateway has the port at which machines look for istiod.
#[must_use]
pub fn has_istiod(service: &Service) -> bool {
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_deref());
    ports.unwrap_or_default().iter().any(|port| port.port == i32::from(istiod::PORT))
}

/// The addresses that this machine's resolver has for a name, in the order of their numbers.
pub fn resolve(name: &str) -> Result<BTreeSet<IpAddr>, String> {
    let found = (name, istiod::PORT).to_socket_addrs().map_err(|error| error.to_string())?;
    let ips: BTreeSet<IpAddr> = found.map(|socket| socket.ip()).collect();
    if ips.is_empty() { Err("it has no address".to_owned()) } else { Ok(ips) }
}

/// The first of the addresses that is of the machine's own family, or else the first of all.
#[must_use]
pub fn choose(ips: &BTreeSet<IpAddr>, machine: Option<IpAddr>) -> Option<IpAddr> {
    let is_alike = |ip: &&IpAddr| machine.is_some_and(|own| own.is_ipv4() == ip.is_ipv4());
    ips.iter().find(is_alike).or(ips.first()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn service(spec: &Value, ingress: &Value) -> Service {
        serde_json::from_value(
            json!({"spec": spec, "status": {"loadBalancer": {"ingress": ingress}}}),
        )
        .unwrap()
    }

    #[test]
    fn addresses_come_before_names() {
        let none = json!([]);
        let by_hand = json!({"externalIPs": ["198.51.100.1"]});
        for (spec, ingress, expected) in [
            (&json!({}), &json!([{"ip": "203.0.113.1"}]), "203.0.113.1"),
            (&by_hand, &json!([{"ip": "203.0.113.1"}]), "203.0.113.1"),
            (&by_hand, &json!([{"hostname": "a.example"}]), "198.51.100.1"),
            (&json!({}), &json!([{"hostname": ""}, {"hostname": "a.example"}]), "a.example"),
            (&json!({}), &json!([{"hostname": "a.example"}, {"ip": "2001:db8::1"}]), "2001:db8::1"),
        ] {
            let found = match address(&service(spec, ingress)).unwrap() {
                Address::Ip(ip) => ip.to_string(),
                Address::Name(name) => name,
            };
            assert_eq!(found, expected);
        }
        for (kind, reason) in [
            (json!("LoadBalancer"), "has no address yet"),
            (json!("NodePort"), "port 15012"),
            (json!("ClusterIP"), "of type ClusterIP"),
            (json!(null), "of type ClusterIP"),
        ] {
            let error = address(&service(&json!({"type": kind}), &none)).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        assert!(address(&Service::default()).is_err());
    }

    #[test]
    fn istiod_has_a_port_of_its_own() {
        let with =
            |port: u16| service(&json!({"ports": [{"port": 15021}, {"port": port}]}), &json!([]));
        assert!(has_istiod(&with(15012)));
        assert!(!has_istiod(&with(15443)) && !has_istiod(&Service::default()));
    }

    #[test]
    fn names_are_resolved_to_the_machines_family() {
        assert!(resolve("localhost").unwrap().iter().all(IpAddr::is_loopback));
        // Reserved so that nobody ever has it (RFC 2606).
        assert!(resolve("ew.invalid").is_err());
        let [v4, v6]: [IpAddr; 2] = ["192.0.2.1", "2001:db8::1"].map(|ip| ip.parse().unwrap());
        let both = BTreeSet::from([v6, v4]);
        for (machine, expected) in [(None, v4), (Some(v4), v4), (Some(v6), v6)] {
            assert_eq!(choose(&both, machine), Some(expected));
        }
        assert_eq!(choose(&BTreeSet::from([v4]), Some(v6)), Some(v4));
    }
}
