//! Compute instances, and whose nodes they are.

use meshcore::cluster::Cluster;
use meshcore::input::null_as_default;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// A virtual machine as `gcloud compute instances list --format=json` prints it, reduced to what
/// matters here: its metadata holds credentials, and those are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Resource")]
pub struct Instance {
    /// Its name, unique within project and zone only.
    pub name: String,
    /// Its zone, when given.
    pub zone: Option<String>,
    /// Its project, when given.
    pub project: Option<String>,
    /// Its network tags.
    pub tags: BTreeSet<String>,
    /// The VPC networks it has an interface in, as written.
    pub networks: Vec<String>,
    /// The cluster that it says to be a node of.
    pub node_of: Option<NodeOf>,
}

/// What a node says of its cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeOf {
    /// The cluster's name.
    pub name: String,
    /// The cluster's zone or region, when given.
    pub location: Option<String>,
}

impl Instance {
    /// Whether it is a node of this cluster. Its own name proves nothing: `gke-prod-…` may be a
    /// node of `prod`, of `prod-2`, or anything.
    #[must_use]
    pub fn belongs(&self, cluster: &Cluster) -> bool {
        // What one side does not say cannot differ.
        let agree = |a: Option<&str>, b: Option<&str>| a.is_none() || b.is_none() || a == b;
        self.node_of.as_ref().is_some_and(|node_of| {
            node_of.name == cluster.name
                && agree(node_of.location.as_deref(), cluster.location.as_deref())
                && agree(self.project.as_deref(), cluster.project.as_deref())
        })
    }

    /// What to call it in messages.
    #[must_use]
    pub fn label(&self) -> String {
        let zone = self.zone.as_ref().map_or_else(String::new, |zone| format!("{zone}/"));
        format!("{zone}{}", self.name)
    }
}

/// The `Instance` of the Compute API v1.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    name: String,
    zone: Option<String>,
    self_link: Option<String>,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    network_interfaces: Vec<NetworkInterface>,
}

#[derive(Default, Deserialize)]
struct Tags {
    #[serde(default, deserialize_with = "null_as_default")]
    items: BTreeSet<String>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default, deserialize_with = "null_as_default")]
    items: Vec<MetadataItem>,
}

#[derive(Deserialize)]
struct MetadataItem {
    key: String,
    value: Option<String>,
}

#[derive(Deserialize)]
struct NetworkInterface {
    network: Option<String>,
}

impl From<Resource> for Instance {
    fn from(resource: Resource) -> Self {
        let link = resource.self_link.as_deref().unwrap_or("");
        Self {
            node_of: resource.node_of(),
            project: crate::segment_after(link, "projects").map(str::to_owned),
            zone: resource
                .zone
                .as_deref()
                .map(|zone| zone.rsplit('/').next().unwrap_or(zone).to_owned()),
            name: resource.name,
            tags: resource.tags.items,
            networks: resource.network_interfaces.into_iter().filter_map(|i| i.network).collect(),
        }
    }
}

impl Resource {
    /// GKE labels its nodes with `goog-k8s-cluster-name`, a prefix that users cannot set. Nodes
    /// from before those labels have metadata that every node is started with.
    fn node_of(&self) -> Option<NodeOf> {
        if let Some(name) = self.labels.get("goog-k8s-cluster-name") {
            let location = self.labels.get("goog-k8s-cluster-location").cloned();
            return Some(NodeOf { name: name.clone(), location });
        }
        let item = |key: &str| self.metadata.items.iter().find(|item| item.key == key);
        item("kube-env").or(item("kube-labels"))?;
        Some(NodeOf {
            name: item("cluster-name")?.value.clone()?,
            location: item("cluster-location").and_then(|item| item.value.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn instance(value: Value) -> Instance {
        serde_json::from_value(value).unwrap()
    }

    fn prod() -> Cluster {
        Cluster {
            name: "prod".into(),
            project: Some("p".into()),
            location: Some("us-west2".into()),
            ..Cluster::default()
        }
    }

    const LINK: &str = "https://compute.example/compute/v1/projects/p/zones/us-west2-a/instances/i";

    #[test]
    fn labels_tell_whose_node_it_is() {
        let labelled = |name: &str, location: &str, link: &str| {
            instance(json!({"name": "i", "selfLink": link, "labels": {
                "goog-k8s-cluster-name": name, "goog-k8s-cluster-location": location}}))
        };
        assert!(labelled("prod", "us-west2", LINK).belongs(&prod()));
        assert!(!labelled("prod2", "us-west2", LINK).belongs(&prod()));
        assert!(!labelled("prod", "us-east1", LINK).belongs(&prod()));
        let elsewhere = LINK.replace("/p/", "/q/");
        assert!(!labelled("prod", "us-west2", &elsewhere).belongs(&prod()));
    }

    #[test]
    fn metadata_tells_it_where_labels_are_missing() {
        let with = |items: Value| instance(json!({"name": "i", "metadata": {"items": items}}));
        let name = json!({"key": "cluster-name", "value": "prod"});
        assert!(with(json!([name, {"key": "kube-env", "value": "x"}])).belongs(&prod()));
        assert!(!with(Value::Null).belongs(&prod()));
        assert!(with(json!([name, {"key": "kube-labels", "value": "x"}])).belongs(&prod()));
        // Anybody may call a metadata item so.
        assert!(!with(json!([name])).belongs(&prod()));
        let elsewhere = json!([name, {"key": "kube-env"},
            {"key": "cluster-location", "value": "us-east1"}]);
        assert!(!with(elsewhere).belongs(&prod()));
    }

    #[test]
    fn a_name_alone_proves_nothing() {
        let named = instance(json!({"name": "gke-prod-default-pool-1a2b3c4d-x1y2",
            "tags": {"items": ["gke-prod-1a2b3c4d-node"]}}));
        assert!(!named.belongs(&prod()));
    }

    #[test]
    fn credentials_in_the_metadata_are_not_kept() {
        let node = instance(json!({"name": "i", "zone": LINK, "metadata": {"items": [
            {"key": "cluster-name", "value": "prod"}, {"key": "kube-env", "value": "KEY: secret"}]}}));
        assert!(!format!("{node:?}").contains("secret"));
    }
}
