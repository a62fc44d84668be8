//! Machines that register themselves: `istioctl x workload group create`, with the fields that it
//! has no flag for.

use crate::{Machines, Pairs, Port, Probe, Service};
use serde_json::{Value, json};

impl Service {
    /// The `WorkloadGroup` by which istiod makes a `WorkloadEntry` for each machine that connects
    /// (Istio 1.8). The ports are those that the machine's proxy takes over; none is all.
    #[must_use]
    pub fn group(&self, machines: &Machines, probe: Option<&Probe>) -> Value {
        let mut metadata = json!({"labels": machines.labels});
        if !self.annotations.is_empty() {
            metadata["annotations"] = json!(self.annotations);
        }
        let account = machines.service_account.to_string();
        let mut template = machines.placed(json!({"serviceAccount": account}));
        if !self.ports.is_empty() {
            // By the names that the Service's ports have: istiod looks them up by it.
            let ports =
                self.ports.iter().map(|port: &Port| (port.name(), port.number.get().into()));
            template["ports"] = Value::Object(ports.collect());
        }
        let mut spec = json!({"metadata": metadata, "template": template});
        if let Some(probe) = probe {
            spec["probe"] = probe.to_json();
        }
        self.of_istio("WorkloadGroup", &self.name.to_string(), &Pairs::new(), spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::tests::{catalog, elsewhere, known, pairs, plain};

    #[test]
    fn a_group_is_a_template() {
        let labels = pairs(&["app=productcatalogservice"]);
        let machines = Machines { labels, ..plain() };
        assert_eq!(
            catalog().group(&machines, None),
            json!({
                "apiVersion": "networking.istio.io/v1",
                "kind": "WorkloadGroup",
                "metadata": {
                    "name": "productcatalogservice",
                    "namespace": "default",
                    "labels": {"app.kubernetes.io/managed-by": "meshutils"},
                },
                "spec": {
                    "metadata": {"labels": {"app": "productcatalogservice"}},
                    "template": {"ports": {"grpc-3550": 3550}, "serviceAccount": "default"},
                },
            })
        );
    }

    #[test]
    fn a_group_with_all_fields() {
        let probe = "https:/healthz:9443".parse().unwrap();
        let group = elsewhere().group(&known(), Some(&probe));
        assert_eq!(group["apiVersion"], "networking.istio.io/v1alpha3");
        assert_eq!(
            group["spec"],
            json!({
                "metadata": {
                    "labels": {"app": "test", "version": "v1"},
                    "annotations": {"env": "stage"},
                },
                "template": {
                    "ports": {"http-9080": 9080, "udp-53": 53},
                    "serviceAccount": "stage-admin",
                    "network": "vm-net",
                    "locality": "us-west2/us-west2-a",
                    "weight": 5,
                },
                "probe": {
                    "httpGet": {"path": "/healthz", "port": 9443, "scheme": "HTTPS"},
                },
            })
        );
    }

    #[test]
    fn a_group_may_offer_nothing() {
        let service = Service { ports: Vec::new(), ..catalog() };
        let group = service.group(&plain(), None);
        assert_eq!(group["spec"]["template"], json!({"serviceAccount": "default"}));
    }
}
