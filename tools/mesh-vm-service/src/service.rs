//! The service and its machines: what all forms have in common.

use crate::names::MANAGED_BY;
use crate::{ClusterDomain, Locality, Port, ServiceAccount, ServiceName};
use meshcore::{DnsLabel, IstioVersion, Network};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// Keys and values of labels or annotations.
pub type Pairs = BTreeMap<String, String>;

/// A service that machines offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// Namespace of the objects; the machines' identity is in it, too.
    pub namespace: DnsLabel,
    /// Domain of the cluster's Services.
    pub domain: ClusterDomain,
    /// No number is there twice.
    pub ports: Vec<Port>,
    /// What the service is annotated with.
    pub annotations: Pairs,
    /// The cluster's Istio; without one it is the newest.
    pub version: Option<IstioVersion>,
}

/// What the machines have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machines {
    /// Labels of each.
    pub labels: Pairs,
    /// Their identity.
    pub service_account: ServiceAccount,
    /// Istio network, if it is another than the cluster's.
    pub network: Option<Network>,
    /// Where they are.
    pub locality: Option<Locality>,
    /// Share of the traffic, beside endpoints which have 1 unless told otherwise.
    pub weight: Option<NonZeroU32>,
}

impl Machines {
    /// Adds network, locality and weight to an endpoint (`WorkloadEntry` without its address).
    pub(crate) fn placed(&self, mut endpoint: Value) -> Value {
        if let Some(network) = &self.network {
            endpoint["network"] = json!(network.as_str());
        }
        if let Some(locality) = &self.locality {
            endpoint["locality"] = json!(locality.to_string());
        }
        if let Some(weight) = self.weight {
            endpoint["weight"] = json!(weight);
        }
        endpoint
    }
}

impl Service {
    /// An object of Istio's networking API.
    pub(crate) fn of_istio(
        &self,
        kind: &str,
        name: &str,
        annotations: &Pairs,
        spec: Value,
    ) -> Value {
        // v1 came with Istio 1.22; from 1.24 on Istio's own samples have it.
        let api_version = match self.version {
            Some(version) if version.minor() < 24 => "networking.istio.io/v1alpha3",
            _ => "networking.istio.io/v1",
        };
        json!({
            "apiVersion": api_version,
            "kind": kind,
            "metadata": self.metadata(name, Pairs::new(), annotations),
            "spec": spec,
        })
    }

    /// A `ServiceEntry` of the service. How its endpoints are found is for the caller to add.
    pub(crate) fn entry(&self, name: &str, annotations: &Pairs, resolution: &str) -> Value {
        let port = |port: &Port| {
            json!({
                "number": port.number.get(),
                "protocol": port.protocol.as_str(),
                "name": port.name(),
            })
        };
        let spec = json!({
            "hosts": [format!("{}.{}.svc.{}", self.name, self.namespace, self.domain)],
            "location": "MESH_INTERNAL",
            "ports": self.ports.iter().map(port).collect::<Vec<_>>(),
            "resolution": resolution,
        });
        self.of_istio("ServiceEntry", name, annotations, spec)
    }

    /// The Kubernetes Service: the name and the cluster address of the service.
    pub(crate) fn kubernetes(&self, labels: Pairs, annotations: &Pairs) -> Value {
        // Server-side apply tells ports apart by number and protocol, so both are said.
        let port = |port: &Port| {
            json!({
                "name": port.name(),
                "port": port.number.get(),
                "protocol": port.protocol.transport(),
            })
        };
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": self.metadata(&self.name.to_string(), labels, annotations),
            "spec": {"ports": self.ports.iter().map(port).collect::<Vec<_>>()},
        })
    }

    fn metadata(&self, name: &str, mut labels: Pairs, annotations: &Pairs) -> Value {
        labels.insert(MANAGED_BY.to_owned(), "meshutils".to_owned());
        let mut metadata = json!({
            "name": name,
            "namespace": self.namespace.as_str(),
            "labels": labels,
        });
        if !annotations.is_empty() {
            metadata["annotations"] = json!(annotations);
        }
        metadata
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Pairs, as `a=b`.
    pub(crate) fn pairs(texts: &[&str]) -> Pairs {
        texts
            .iter()
            .map(|text| text.split_once('=').unwrap())
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    /// The service of guide 004.
    pub(crate) fn catalog() -> Service {
        Service {
            name: "productcatalogservice".parse().unwrap(),
            namespace: DnsLabel::parse("default").unwrap(),
            domain: "cluster.local".parse().unwrap(),
            ports: vec!["grpc:3550".parse().unwrap()],
            annotations: Pairs::new(),
            version: None,
        }
    }

    /// A service where nothing is as by default.
    pub(crate) fn elsewhere() -> Service {
        Service {
            name: "vmhttp".parse().unwrap(),
            namespace: DnsLabel::parse("stage").unwrap(),
            domain: "k8s.example".parse().unwrap(),
            ports: ["HTTP:9080", "udp:53"].map(|port| port.parse().unwrap()).to_vec(),
            annotations: pairs(&["env=stage"]),
            version: Some("1.23".parse().unwrap()),
        }
    }

    /// Machines of which nothing is known.
    pub(crate) fn plain() -> Machines {
        Machines {
            labels: Pairs::new(),
            service_account: "default".parse().unwrap(),
            network: None,
            locality: None,
            weight: None,
        }
    }

    /// Machines of which everything is known.
    pub(crate) fn known() -> Machines {
        Machines {
            labels: pairs(&["app=test", "version=v1"]),
            service_account: "stage-admin".parse().unwrap(),
            network: Some("vm-net".parse().unwrap()),
            locality: Some("us-west2/us-west2-a".parse().unwrap()),
            weight: NonZeroU32::new(5),
        }
    }

    #[test]
    fn the_api_is_that_of_the_version() {
        for (version, expected) in [
            (Some("1.6.5"), "networking.istio.io/v1alpha3"),
            (Some("1.23.6"), "networking.istio.io/v1alpha3"),
            (Some("1.24"), "networking.istio.io/v1"),
            (None, "networking.istio.io/v1"),
        ] {
            let version = version.map(|text| text.parse().unwrap());
            let service = Service { version, ..catalog() };
            let entry = service.entry("a", &Pairs::new(), "STATIC");
            assert_eq!(entry["apiVersion"], expected, "{version:?}");
        }
    }

    #[test]
    fn datagrams_are_said_to_be_such() {
        let ports = &elsewhere().kubernetes(Pairs::new(), &Pairs::new())["spec"]["ports"];
        assert_eq!(
            *ports,
            json!([
                {"name": "http-9080", "port": 9080, "protocol": "TCP"},
                {"name": "udp-53", "port": 53, "protocol": "UDP"},
            ])
        );
    }
}
