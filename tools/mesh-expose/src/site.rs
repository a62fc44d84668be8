//! Where things are exposed: what all objects have in common.

use crate::{ClusterDomain, Selector, api_version};
use meshcore::DnsLabel;
use meshcore::IstioVersion;
use serde_json::{Value, json};

/// A cluster, its namespace for Istio and its east-west gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Namespace of istiod and of the objects.
    pub namespace: DnsLabel,
    /// Domain of the cluster's Services.
    pub domain: ClusterDomain,
    /// The pods of the east-west gateway.
    pub gateway: Selector,
    /// The cluster's Istio.
    pub version: Option<IstioVersion>,
}

impl Site {
    /// An Istio Gateway on the pods of the east-west gateway.
    pub(crate) fn gateway(&self, name: &str, servers: Value) -> Value {
        let selector = json!({self.gateway.key(): self.gateway.value()});
        self.object("Gateway", name, json!({"selector": selector, "servers": servers}))
    }

    /// An object of Istio's networking API. From 1.10 on Istio's samples name no namespace, and
    /// land wherever kubectl happens to be.
    pub(crate) fn object(&self, kind: &str, name: &str, spec: Value) -> Value {
        json!({
            "apiVersion": api_version(self.version),
            "kind": kind,
            "metadata": {
                "name": name,
                "namespace": self.namespace.as_str(),
                "labels": {"app.kubernetes.io/managed-by": "meshutils"},
            },
            "spec": spec,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A site where nothing is as by default.
    pub(crate) fn elsewhere() -> Site {
        Site {
            namespace: DnsLabel::parse("mesh").unwrap(),
            domain: "k8s.example".parse().unwrap(),
            gateway: "app=ew".parse().unwrap(),
            version: Some("1.23".parse().unwrap()),
        }
    }

    /// A site as Istio's documentation installs it.
    pub(crate) fn site() -> Site {
        Site {
            namespace: DnsLabel::parse("istio-system").unwrap(),
            domain: "cluster.local".parse().unwrap(),
            gateway: "istio=eastwestgateway".parse().unwrap(),
            version: None,
        }
    }
}
