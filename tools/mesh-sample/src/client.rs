//! The pod that requests are made from, as Istio's samples/sleep/sleep.yaml and, since 1.24,
//! samples/curl/curl.yaml have it, without their optional Secret for TLS.

use crate::Setting;
use serde_json::{Value, json};

/// A pod that has curl and does nothing by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// By its old name, which the guides use.
    Sleep,
    /// By its new one.
    Curl,
}

/// Has curl and a shell, and no root.
const IMAGE: &str = "docker.io/curlimages/curl:8.16.0";

impl Client {
    /// Of all its objects, its container and the label `app`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sleep => "sleep",
            Self::Curl => "curl",
        }
    }
}

impl Setting {
    /// Its Service. Nothing listens; it makes the pods known to the mesh.
    #[must_use]
    pub fn client_service(&self, client: Client) -> Value {
        self.service(client.as_str(), 80)
    }

    /// Service account, Service and Deployment.
    #[must_use]
    pub fn client(&self, client: Client) -> Vec<Value> {
        let app = client.as_str();
        let labels = json!({"app": app});
        let mut container = self.container(app, IMAGE);
        container["command"] = json!(["/bin/sleep", "infinity"]);
        let pod = json!({
            "containers": [container],
            "serviceAccountName": app,
            // It does not heed SIGTERM.
            "terminationGracePeriodSeconds": 0,
        });
        let account = json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": self.metadata(app, &labels),
        });
        vec![account, self.client_service(client), self.deployment(app, &labels, pod)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::tests::usual;

    #[test]
    fn as_sleep_yaml_and_curl_yaml() {
        for (client, app) in [(Client::Sleep, "sleep"), (Client::Curl, "curl")] {
            let mark = ("app.kubernetes.io/managed-by", "meshutils");
            let labels = json!({"app": app, mark.0: mark.1});
            let service_labels = json!({"app": app, "service": app, mark.0: mark.1});
            let expected = [
                json!({
                    "apiVersion": "v1",
                    "kind": "ServiceAccount",
                    "metadata": {"name": app, "labels": labels},
                }),
                json!({
                    "apiVersion": "v1",
                    "kind": "Service",
                    "metadata": {"name": app, "labels": service_labels},
                    "spec": {
                        "ports": [{"port": 80, "name": "http", "protocol": "TCP"}],
                        "selector": {"app": app},
                    },
                }),
                json!({
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "metadata": {"name": app, "labels": labels},
                    "spec": {
                        "replicas": 1,
                        "selector": {"matchLabels": {"app": app}},
                        "template": {
                            "metadata": {"labels": {"app": app}},
                            "spec": {
                                "terminationGracePeriodSeconds": 0,
                                "serviceAccountName": app,
                                "containers": [{
                                    "name": app,
                                    "image": "docker.io/curlimages/curl:8.16.0",
                                    "imagePullPolicy": "IfNotPresent",
                                    "command": ["/bin/sleep", "infinity"],
                                }],
                            },
                        },
                    },
                }),
            ];
            assert_eq!(usual().client(client), expected);
            assert_eq!(usual().client_service(client), expected[1]);
        }
    }
}
