//! The form of istioctl 1.6: `x add-to-mesh external-service` (istioctl/cmd/add-to-mesh.go).

use crate::names::ACCOUNT;
use crate::{Address, Machines, Pairs, Service};
use serde_json::{Value, json};

impl Service {
    /// A `ServiceEntry` with the machines' addresses in it and a Service without selector, which
    /// gives them a name and a cluster address. The addresses are no host names.
    ///
    /// As there, the service account is but an annotation of the Service: the endpoints have no
    /// identity.
    #[must_use]
    pub fn external(&self, machines: &Machines, addresses: &[Address]) -> Vec<Value> {
        let endpoint = |address: &Address| {
            let mut endpoint = json!({"address": address.to_string()});
            if !machines.labels.is_empty() {
                endpoint["labels"] = json!(machines.labels);
            }
            machines.placed(endpoint)
        };
        let name = format!("mesh-expansion-{}", self.name);
        let mut entry = self.entry(&name, &Pairs::new(), "STATIC");
        entry["spec"]["endpoints"] = addresses.iter().map(endpoint).collect();
        let mut annotations = self.annotations.clone();
        annotations.insert(ACCOUNT.to_owned(), machines.service_account.to_string());
        vec![entry, self.kubernetes(machines.labels.clone(), &annotations)]
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
    fn guide_004() {
        let service = crate::Service { version: Some("1.6.5".parse().unwrap()), ..catalog() };
        let entry = json!({
            "apiVersion": "networking.istio.io/v1alpha3",
            "kind": "ServiceEntry",
            "metadata": {
                "name": "mesh-expansion-productcatalogservice",
                "namespace": "default",
                "labels": {"app.kubernetes.io/managed-by": "meshutils"},
            },
            "spec": {
                "hosts": ["productcatalogservice.default.svc.cluster.local"],
                "location": "MESH_INTERNAL",
                "ports": [{"number": 3550, "protocol": "GRPC", "name": "grpc-3550"}],
                "endpoints": [{"address": "10.128.0.9"}],
                "resolution": "STATIC",
            },
        });
        let kubernetes = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": "productcatalogservice",
                "namespace": "default",
                "labels": {"app.kubernetes.io/managed-by": "meshutils"},
                "annotations": {"kubernetes.io/service-account.name": "default"},
            },
            "spec": {"ports": [{"name": "grpc-3550", "port": 3550, "protocol": "TCP"}]},
        });
        assert_eq!(service.external(&plain(), &addresses(&["10.128.0.9"])), [entry, kubernetes]);
    }

    #[test]
    fn the_example_of_istioctl() {
        let machines = crate::Machines { network: None, locality: None, weight: None, ..known() };
        let objects =
            elsewhere().external(&machines, &addresses(&["172.12.23.125", "172.12.23.126"]));
        assert_eq!(objects[0]["metadata"]["name"], "mesh-expansion-vmhttp");
        assert_eq!(objects[0]["spec"]["hosts"], json!(["vmhttp.stage.svc.k8s.example"]));
        let labels = json!({"app": "test", "version": "v1"});
        assert_eq!(
            objects[0]["spec"]["endpoints"],
            json!([
                {"address": "172.12.23.125", "labels": labels},
                {"address": "172.12.23.126", "labels": labels},
            ])
        );
        assert_eq!(
            objects[1]["metadata"]["labels"],
            json!(pairs(&["app=test", "version=v1", "app.kubernetes.io/managed-by=meshutils"]))
        );
        assert_eq!(
            objects[1]["metadata"]["annotations"],
            json!(pairs(&["env=stage", "kubernetes.io/service-account.name=stage-admin"]))
        );
    }

    #[test]
    fn where_machines_are_is_said_of_each() {
        let objects = elsewhere().external(&known(), &addresses(&["2001:db8::1"]));
        assert_eq!(
            objects[0]["spec"]["endpoints"],
            json!([{
                "address": "2001:db8::1",
                "labels": {"app": "test", "version": "v1"},
                "network": "vm-net",
                "locality": "us-west2/us-west2-a",
                "weight": 5,
            }])
        );
    }
}
