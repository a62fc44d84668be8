//! `HelloWorld`, which says its version and pod, as Istio's samples/helloworld/helloworld.yaml
//! has it.

use crate::{Setting, Version};
use serde_json::{Value, json};

/// Replies `Hello version: $SERVICE_VERSION, instance: $HOSTNAME` to `GET /hello`. The images of
/// v1 and v2 differ in what that variable is unless set, so one serves all versions, as in Istio's
/// gen-helloworld.sh.
const IMAGE: &str = "registry.istio.io/release/examples-helloworld-v1:1.0";

const PORT: u16 = 5000;

impl Setting {
    /// The Service of all versions: `-l service=helloworld` of the guides.
    #[must_use]
    pub fn helloworld_service(&self) -> Value {
        self.service("helloworld", PORT)
    }

    /// The Deployment of one version: `-l version=v1` of the guides.
    #[must_use]
    pub fn helloworld(&self, version: &Version) -> Value {
        let labels = json!({"app": "helloworld", "version": version.as_str()});
        let mut container = self.container("helloworld", IMAGE);
        container["env"] = json!([{"name": "SERVICE_VERSION", "value": version.as_str()}]);
        container["ports"] = json!([{"containerPort": PORT, "protocol": "TCP"}]);
        container["resources"] = json!({"requests": {"cpu": "100m"}});
        let name = format!("helloworld-{version}");
        self.deployment(&name, &labels, json!({"containers": [container]}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::tests::usual;

    #[test]
    fn as_helloworld_yaml() {
        let marked = |mut labels: Value| {
            labels["app.kubernetes.io/managed-by"] = json!("meshutils");
            labels
        };
        assert_eq!(
            usual().helloworld_service(),
            json!({
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {
                    "name": "helloworld",
                    "labels": marked(json!({"app": "helloworld", "service": "helloworld"})),
                },
                "spec": {
                    "ports": [{"port": 5000, "name": "http", "protocol": "TCP"}],
                    "selector": {"app": "helloworld"},
                },
            })
        );
        let labels = json!({"app": "helloworld", "version": "v2"});
        assert_eq!(
            usual().helloworld(&"v2".parse().unwrap()),
            json!({
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "helloworld-v2", "labels": marked(labels.clone())},
                "spec": {
                    "replicas": 1,
                    "selector": {"matchLabels": labels},
                    "template": {
                        "metadata": {"labels": labels},
                        "spec": {"containers": [{
                            "name": "helloworld",
                            "image": "registry.istio.io/release/examples-helloworld-v1:1.0",
                            "imagePullPolicy": "IfNotPresent",
                            "env": [{"name": "SERVICE_VERSION", "value": "v2"}],
                            "ports": [{"containerPort": 5000, "protocol": "TCP"}],
                            "resources": {"requests": {"cpu": "100m"}},
                        }]},
                    },
                },
            })
        );
    }
}
