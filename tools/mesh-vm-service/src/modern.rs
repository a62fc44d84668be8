//! Machines as workloads of their own: a `WorkloadEntry` each, found by labels as pods are.

use crate::{Address, Machines, Pairs, Service};
use serde_json::{Value, json};

impl Service {
    /// A machine each. With the service account proxies use mutual TLS, and know whom they expect.
    pub fn machines(
        &self,
        machines: &Machines,
        addresses: &[Address],
    ) -> impl Iterator<Item = Value> {
        addresses.iter().map(|address| {
            let entry = machines.placed(json!({
                "address": address.to_string(),
                "labels": machines.labels,
                "serviceAccount": machines.service_account.to_string(),
            }));
            // As istiod calls the machines that register themselves.
            let name = format!("{}-{}", self.name, address.in_name());
            self.of_istio("WorkloadEntry", &name, &Pairs::new(), entry)
        })
    }

    /// A Service for machines and pods with these labels alike (Istio 1.7).
    #[must_use]
    pub fn selecting(&self, selector: &Pairs) -> Value {
        let mut service = self.kubernetes(Pairs::new(), &self.annotations);
        service["spec"]["selector"] = json!(selector);
        service
    }

    /// A `ServiceEntry` for machines and pods with these labels, without any Service: for host
    /// names, since a Service knows addresses alone and one of the same name would take the
    /// place of the `ServiceEntry`.
    #[must_use]
    pub fn entry_selecting(&self, selector: &Pairs, addresses: &[Address]) -> Value {
        let is_host = |address: &Address| matches!(address, Address::Host(_));
        let resolution = if addresses.iter().any(is_host) { "DNS" } else { "STATIC" };
        let mut entry = self.entry(&self.name.to_string(), &self.annotations, resolution);
        entry["spec"]["workloadSelector"] = json!({"labels": selector});
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::tests::{catalog, elsewhere, known, pairs, plain};

    fn addresses(texts: &[&str]) -> Vec<Address> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn machines_are_workloads() {
        let labels = pairs(&["app=productcatalogservice"]);
        let machines = Machines { labels, ..plain() };
        let entry = |name: &str, address: &str| {
            json!({
                "apiVersion": "networking.istio.io/v1",
                "kind": "WorkloadEntry",
                "metadata": {
                    "name": name,
                    "namespace": "default",
                    "labels": {"app.kubernetes.io/managed-by": "meshutils"},
                },
                "spec": {
                    "address": address,
                    "labels": {"app": "productcatalogservice"},
                    "serviceAccount": "default",
                },
            })
        };
        let found = catalog()
            .machines(&machines, &addresses(&["10.128.0.9", "fd00::", "vm1.example.com"]))
            .collect::<Vec<_>>();
        assert_eq!(
            found,
            [
                entry("productcatalogservice-10.128.0.9", "10.128.0.9"),
                entry("productcatalogservice-fd00-0-0-0-0-0-0-0", "fd00::"),
                entry("productcatalogservice-vm1.example.com", "vm1.example.com"),
            ]
        );
    }

    #[test]
    fn where_machines_are_is_said_of_each() {
        let found: Vec<_> = elsewhere().machines(&known(), &addresses(&["192.0.2.1"])).collect();
        assert_eq!(
            found[0]["spec"],
            json!({
                "address": "192.0.2.1",
                "labels": {"app": "test", "version": "v1"},
                "serviceAccount": "stage-admin",
                "network": "vm-net",
                "locality": "us-west2/us-west2-a",
                "weight": 5,
            })
        );
    }

    #[test]
    fn a_service_finds_them_as_it_finds_pods() {
        assert_eq!(
            elsewhere().selecting(&pairs(&["app=test"])),
            json!({
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {
                    "name": "vmhttp",
                    "namespace": "stage",
                    "labels": {"app.kubernetes.io/managed-by": "meshutils"},
                    "annotations": {"env": "stage"},
                },
                "spec": {
                    "ports": [
                        {"name": "http-9080", "port": 9080, "protocol": "TCP"},
                        {"name": "udp-53", "port": 53, "protocol": "UDP"},
                    ],
                    "selector": {"app": "test"},
                },
            })
        );
    }

    #[test]
    fn one_host_name_makes_it_dns() {
        let selector = pairs(&["app=test"]);
        for (list, resolution) in [
            (&["10.0.0.1", "2001:db8::1"][..], "STATIC"),
            (&["10.0.0.1", "vm1.example.com"], "DNS"),
            (&[], "STATIC"),
        ] {
            let entry = elsewhere().entry_selecting(&selector, &addresses(list));
            assert_eq!(
                entry["spec"],
                json!({
                    "hosts": ["vmhttp.stage.svc.k8s.example"],
                    "location": "MESH_INTERNAL",
                    "ports": [
                        {"number": 9080, "protocol": "HTTP", "name": "http-9080"},
                        {"number": 53, "protocol": "UDP", "name": "udp-53"},
                    ],
                    "resolution": resolution,
                    "workloadSelector": {"labels": {"app": "test"}},
                })
            );
            assert_eq!(entry["metadata"]["name"], "vmhttp");
            assert_eq!(entry["metadata"]["annotations"], json!({"env": "stage"}));
        }
    }
}
