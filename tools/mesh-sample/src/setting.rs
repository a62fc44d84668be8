//! What all objects have in common.

use meshcore::{DnsLabel, PullPolicy};
use serde_json::{Value, json};

/// Where the workloads are to run, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Namespace that the objects name; without one kubectl decides.
    pub namespace: Option<DnsLabel>,
    /// Image instead of the usual one.
    pub image: Option<String>,
    /// When nodes ask the registry for it.
    pub pull_policy: PullPolicy,
    /// Pods of each Deployment.
    pub replicas: u32,
}

impl Setting {
    /// Metadata with `labels`, and with the mark of meshutils, which no selector asks for.
    pub(crate) fn metadata(&self, name: &str, labels: &Value) -> Value {
        let mut metadata = json!({"name": name, "labels": labels});
        metadata["labels"]["app.kubernetes.io/managed-by"] = json!("meshutils");
        if let Some(namespace) = &self.namespace {
            metadata["namespace"] = json!(namespace.as_str());
        }
        metadata
    }

    /// The Service of the pods of `app`. The port's name makes it HTTP to Istio.
    pub(crate) fn service(&self, app: &str, port: u16) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": self.metadata(app, &json!({"app": app, "service": app})),
            "spec": {
                "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
                "selector": {"app": app},
            },
        })
    }

    /// A Deployment whose pods have `labels`, and are selected by all of them.
    pub(crate) fn deployment(&self, name: &str, labels: &Value, pod: Value) -> Value {
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": self.metadata(name, labels),
            "spec": {
                "replicas": self.replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        })
    }

    /// A container with the image that was asked for, or its usual one.
    pub(crate) fn container(&self, name: &str, usual_image: &str) -> Value {
        json!({
            "name": name,
            "image": self.image.as_deref().unwrap_or(usual_image),
            "imagePullPolicy": self.pull_policy.as_str(),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A setting as by default.
    pub(crate) fn usual() -> Setting {
        let pull_policy = PullPolicy::IfNotPresent;
        Setting { namespace: None, image: None, pull_policy, replicas: 1 }
    }

    #[test]
    fn a_namespace_is_named_only_when_given() {
        let labels = json!({"app": "a"});
        let marked = json!({"app": "a", "app.kubernetes.io/managed-by": "meshutils"});
        assert_eq!(usual().metadata("a", &labels), json!({"name": "a", "labels": marked}));
        let elsewhere = Setting { namespace: DnsLabel::parse("sample").ok(), ..usual() };
        assert_eq!(
            elsewhere.metadata("a", &labels),
            json!({"name": "a", "namespace": "sample", "labels": marked})
        );
    }

    #[test]
    fn the_mark_is_in_no_selector() {
        let deployment =
            usual().deployment("a-v1", &json!({"app": "a", "version": "v1"}), json!({}));
        let labels = json!({"app": "a", "version": "v1"});
        assert_eq!(deployment["spec"]["selector"], json!({"matchLabels": labels}));
        assert_eq!(deployment["spec"]["template"]["metadata"], json!({"labels": labels}));
    }

    #[test]
    fn images_are_chosen_as_asked() {
        let local = Setting {
            image: Some("localhost/tools:1".to_owned()),
            pull_policy: PullPolicy::Never,
            ..usual()
        };
        assert_eq!(
            local.container("c", "usual:1"),
            json!({"name": "c", "image": "localhost/tools:1", "imagePullPolicy": "Never"})
        );
        assert_eq!(usual().container("c", "usual:1")["image"], "usual:1");
    }
}
