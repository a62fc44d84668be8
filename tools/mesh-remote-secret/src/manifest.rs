//! The remote Secret: one kubeconfig under the cluster's name, found by istiod by its label.
//!
//! The shape is that of `istioctl create-remote-secret` (Istio 1.7 to 1.30).

use crate::Server;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meshcore::{DnsLabel, yaml};
use serde_json::{Value, json};

/// What a remote Secret is made of. There is no `Debug`: it holds the token.
pub struct RemoteSecret {
    /// The cluster that the Secret gives access to.
    pub name: DnsLabel,
    /// Where its API server answers.
    pub server: Server,
    /// The name to expect in the server's certificate, when it is not the host.
    pub tls_server_name: Option<String>,
    /// PEM, from the token Secret.
    pub ca: Vec<u8>,
    /// The service account's token.
    pub token: String,
}

/// Which field of the Secret holds the kubeconfig.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataField {
    /// `data`, base64. Server-side apply then removes keys that are gone from the manifest.
    Data,
    /// `stringData`, plain text, as istioctl writes it.
    StringData,
}

impl RemoteSecret {
    /// The Secret as a manifest for `namespace`.
    #[must_use]
    pub fn manifest(&self, namespace: &str, field: DataField) -> Value {
        let name = self.name.as_str();
        let kubeconfig = yaml::document_text(&self.kubeconfig());
        let (field, value) = match field {
            DataField::Data => ("data", STANDARD.encode(kubeconfig)),
            DataField::StringData => ("stringData", kubeconfig),
        };
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "annotations": {"networking.istio.io/cluster": name},
                "labels": {
                    "app.kubernetes.io/managed-by": "meshutils",
                    "istio/multiCluster": "true",
                },
                "name": format!("istio-remote-secret-{name}"),
                "namespace": namespace,
            },
            field: {name: value},
        })
    }

    /// What istiod connects with. It has only what istiod accepts without
    /// `PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS`: no exec, no file, no auth provider.
    fn kubeconfig(&self) -> Value {
        let name = self.name.as_str();
        let mut cluster = json!({
            "certificate-authority-data": STANDARD.encode(&self.ca),
            "server": self.server.url(),
        });
        if let Some(tls_server_name) = &self.tls_server_name {
            cluster["tls-server-name"] = json!(tls_server_name);
        }
        json!({
            "apiVersion": "v1",
            "clusters": [{"cluster": cluster, "name": name}],
            "contexts": [{"context": {"cluster": name, "user": name}, "name": name}],
            "current-context": name,
            "kind": "Config",
            "users": [{"name": name, "user": {"token": self.token}}],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(tls_server_name: Option<&str>) -> RemoteSecret {
        RemoteSecret {
            name: DnsLabel::parse("c1").unwrap(),
            server: Server::parse("https://203.0.113.7:6443").unwrap(),
            tls_server_name: tls_server_name.map(str::to_owned),
            ca: b"CA".to_vec(),
            token: "t0ken".to_owned(),
        }
    }

    #[test]
    fn the_string_form_is_istioctls() {
        let manifest = secret(None).manifest("istio-system", DataField::StringData);
        assert_eq!(
            yaml::document_text(&manifest),
            "\
apiVersion: v1
kind: Secret
metadata:
  annotations:
    networking.istio.io/cluster: c1
  labels:
    app.kubernetes.io/managed-by: meshutils
    istio/multiCluster: \"true\"
  name: istio-remote-secret-c1
  namespace: istio-system
stringData:
  c1: |
    apiVersion: v1
    clusters:
    - cluster:
        certificate-authority-data: Q0E=
        server: https://203.0.113.7:6443
      name: c1
    contexts:
    - context:
        cluster: c1
        user: c1
      name: c1
    current-context: c1
    kind: Config
    users:
    - name: c1
      user:
        token: t0ken
"
        );
    }

    #[test]
    fn both_forms_hold_the_same_kubeconfig() {
        let secret = secret(Some("api.example.com"));
        let plain = secret.manifest("i", DataField::StringData);
        let coded = secret.manifest("i", DataField::Data);
        let text = plain["stringData"]["c1"].as_str().unwrap();
        assert!(text.contains("tls-server-name: api.example.com\n"));
        let decoded = STANDARD.decode(coded["data"]["c1"].as_str().unwrap()).unwrap();
        assert_eq!(decoded, text.as_bytes());
        assert_eq!(coded["stringData"], Value::Null);
    }
}
