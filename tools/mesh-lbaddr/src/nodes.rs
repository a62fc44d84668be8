//! The nodes that istiod takes for a Service of type `NodePort`.

use meshkube::k8s_openapi::api::core::v1::{Node, NodeAddress, Service};
use meshkube::kube::ResourceExt as _;
use std::collections::BTreeMap;

/// The annotation that makes a Service of type `NodePort` a gateway: labels of nodes, as JSON.
pub const SELECTOR: &str = "traffic.istio.io/nodeSelector";

/// Labels of the nodes that are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector(BTreeMap<String, String>);

impl Selector {
    /// The Service's annotation; `None` where istiod takes no node. One that it cannot read means
    /// all nodes to it, and so does `{}`.
    #[must_use]
    pub fn of(service: &Service) -> Option<Self> {
        let is_on_nodes = service.spec.as_ref()?.type_.as_deref() == Some("NodePort");
        let text = service.annotations().get(SELECTOR).filter(|_| is_on_nodes)?;
        Some(Self(serde_json::from_str(text).unwrap_or_default()))
    }

    /// The nodes that it takes.
    #[must_use]
    pub fn choose<'a>(&self, nodes: &'a [Node]) -> Vec<&'a Node> {
        let has = |node: &Node, (key, value)| node.labels().get(key) == Some(value);
        nodes.iter().filter(|node| self.0.iter().all(|label| has(node, label))).collect()
    }
}

/// The node's first address of type `ExternalIP`; istiod has no use for any other.
#[must_use]
pub fn external_ip(node: &Node) -> Option<&str> {
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    let external =
        |address: &&NodeAddress| address.type_ == "ExternalIP" && !address.address.is_empty();
    addresses.iter().find(external).map(|address| address.address.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn node(labels: Value, addresses: Value) -> Node {
        let node = json!({"metadata": {"labels": labels}, "status": {"addresses": addresses}});
        serde_json::from_value(node).unwrap()
    }

    fn service(kind: &str, selector: &str) -> Service {
        let metadata = json!({"annotations": {SELECTOR: selector}});
        serde_json::from_value(json!({"metadata": metadata, "spec": {"type": kind}})).unwrap()
    }

    #[test]
    fn nodes_are_chosen_by_all_labels() {
        let nodes = [
            node(json!({"pool": "gw", "zone": "a"}), json!([])),
            node(json!({"pool": "gw", "zone": "b"}), json!([])),
            node(json!({}), json!([])),
        ];
        for (selector, count) in [
            (r#"{"pool":"gw"}"#, 2),
            (r#"{"pool":"gw","zone":"b"}"#, 1),
            (r#"{"pool":"other"}"#, 0),
            ("{}", 3),
            ("", 3),
            ("pool=gw", 3),
        ] {
            let selector = Selector::of(&service("NodePort", selector)).unwrap();
            assert_eq!(selector.choose(&nodes).len(), count, "{selector:?}");
        }
        assert_eq!(Selector::of(&service("LoadBalancer", "{}")), None);
        assert_eq!(Selector::of(&Service::default()), None);
    }

    #[test]
    fn only_the_first_external_address_counts() {
        let addresses = json!([
            {"type": "InternalIP", "address": "10.0.0.1"}, {"type": "ExternalIP", "address": ""},
            {"type": "ExternalIP", "address": "203.0.113.1"},
            {"type": "ExternalIP", "address": "203.0.113.2"},
        ]);
        assert_eq!(external_ip(&node(json!({}), addresses)), Some("203.0.113.1"));
        let inside = json!([{"type": "InternalIP", "address": "10.0.0.1"}]);
        assert_eq!(external_ip(&node(json!({}), inside)), None);
        assert_eq!(external_ip(&Node::default()), None);
    }
}
