//! Services for other networks, as Istio's samples/multicluster/expose-services.yaml exposes
//! them: chosen by SNI, never decrypted.

use crate::{Host, Site};
use serde_json::{Value, json};
use std::collections::BTreeSet;

impl Site {
    /// The Gateway that lets mutual TLS to these hosts pass; without any, to all Services.
    #[must_use]
    pub fn expose_services(&self, hosts: &BTreeSet<Host>) -> Value {
        let mut hosts: Vec<&str> = hosts.iter().map(Host::as_str).collect();
        let all = self.domain.all_services();
        if hosts.is_empty() {
            hosts.push(all.as_str());
        }
        let servers = json!([{
            "port": {"number": 15443, "name": "tls", "protocol": "TLS"},
            "tls": {"mode": "AUTO_PASSTHROUGH"},
            "hosts": hosts,
        }]);
        self.gateway("cross-network-gateway", servers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::tests::{elsewhere, site};
    use meshcore::DnsLabel;

    #[test]
    fn all_services_as_istio_exposes_them() {
        let expected = json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": {
                "name": "cross-network-gateway",
                "namespace": "istio-system",
                "labels": {"app.kubernetes.io/managed-by": "meshutils"},
            },
            "spec": {
                "selector": {"istio": "eastwestgateway"},
                "servers": [{
                    "port": {"number": 15443, "name": "tls", "protocol": "TLS"},
                    "tls": {"mode": "AUTO_PASSTHROUGH"},
                    "hosts": ["*.local"],
                }],
            },
        });
        assert_eq!(site().expose_services(&BTreeSet::new()), expected);
    }

    #[test]
    fn chosen_services_elsewhere() {
        let site = elsewhere();
        let host = "a.b.svc.k8s.example".parse().unwrap();
        let namespace = site.domain.services_of(&DnsLabel::parse("sample").unwrap());
        let expected = json!({
            "apiVersion": "networking.istio.io/v1alpha3",
            "kind": "Gateway",
            "metadata": {
                "name": "cross-network-gateway",
                "namespace": "mesh",
                "labels": {"app.kubernetes.io/managed-by": "meshutils"},
            },
            "spec": {
                "selector": {"app": "ew"},
                "servers": [{
                    "port": {"number": 15443, "name": "tls", "protocol": "TLS"},
                    "tls": {"mode": "AUTO_PASSTHROUGH"},
                    "hosts": ["*.sample.svc.k8s.example", "a.b.svc.k8s.example"],
                }],
            },
        });
        assert_eq!(site.expose_services(&BTreeSet::from([host, namespace])), expected);
    }

    #[test]
    fn another_domain_is_exposed_whole() {
        let gateway = elsewhere().expose_services(&BTreeSet::new());
        assert_eq!(gateway["spec"]["servers"][0]["hosts"], json!(["*.k8s.example"]));
    }
}
