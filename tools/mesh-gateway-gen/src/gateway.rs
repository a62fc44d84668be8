//! What an east-west gateway is, whoever installs it.

use crate::load_balancer::Service;
use crate::replicas::Replicas;
use meshcore::{DnsLabel, Network, PullPolicy};
use serde_json::{Value, json};

/// Its name in Istio's samples, and of each of its objects.
pub(crate) const NAME: &str = "istio-eastwestgateway";

/// The label by which istiod finds the gateways of a network.
pub(crate) const NETWORK_LABEL: &str = "topology.istio.io/network";

/// The environment variable that keeps a gateway's endpoints to those of its network.
pub(crate) const NETWORK_VIEW: &str = "ISTIO_META_REQUESTED_NETWORK_VIEW";

/// Where a gateway stands and how it is reached: the same in every form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Site {
    /// Its namespace, where it is not istio-system.
    pub namespace: Option<DnsLabel>,
    /// The cluster it belongs to, where that is known: the annotation `meshutils/cluster`.
    pub cluster: Option<String>,
    /// How it is reached.
    pub service: Service,
    /// How many pods it has, where that is not left to the form.
    pub replicas: Option<Replicas>,
    /// When its image is pulled, where that is not left to the form.
    pub pull_policy: Option<PullPolicy>,
}

/// A gateway whose pods istiod's webhook completes (template `gateway`): what the chart
/// `istio/gateway` and plain manifests make, from Istio 1.12 on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injected {
    /// Network of the cluster's pods; none for a single cluster.
    pub network: Option<Network>,
    /// Revision whose webhook completes the pods; none for the default one.
    pub revision: Option<DnsLabel>,
    /// Where and how.
    pub site: Site,
}

impl Site {
    /// The namespace of its objects.
    pub(crate) fn namespace(&self) -> &str {
        self.namespace.as_ref().map_or("istio-system", DnsLabel::as_str)
    }

    /// Says in an object's metadata which cluster it belongs to.
    pub(crate) fn mark(&self, metadata: &mut Value) {
        if let Some(cluster) = &self.cluster {
            metadata["annotations"]["meshutils/cluster"] = cluster.as_str().into();
        }
    }
}

/// What the gateway listens to, by the ports' names: health checks, other networks' traffic,
/// istiod's configuration and its webhook.
pub(crate) fn ports([status, traffic, istiod, webhook]: [&str; 4]) -> Vec<Value> {
    [(status, 15021), (traffic, 15443), (istiod, 15012), (webhook, 15017)]
        .map(|(name, port)| json!({"name": name, "port": port, "targetPort": port}))
        .to_vec()
}

/// The ports' names from Istio 1.8.1 on.
pub(crate) const PORTS: [&str; 4] = ["status-port", "tls", "tls-istiod", "tls-webhook"];

/// The ports of a Service, complete: server-side apply merges them by number and protocol.
pub(crate) fn ports_of_service() -> Vec<Value> {
    let mut ports = ports(PORTS);
    for port in &mut ports {
        port["protocol"] = "TCP".into();
    }
    ports
}
