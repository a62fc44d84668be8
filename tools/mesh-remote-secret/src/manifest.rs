//! The remote Secret: one kubeconfig under the cluster's name, found by istiod by its label.
//!
//! The shape is that of `istioctl create-remote-secret` (Istio 1.7 to 1.30).

use crate::authority::Authority;
use crate::expiry::Expiry;
use crate::name::ClusterId;
use crate::plugin::Plugin;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meshcore::remote_secret::LABEL;
use meshcore::{Server, yaml};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// What a remote Secret is made of. There is no `Debug`: it holds the token.
pub struct RemoteSecret {
    /// The cluster that the Secret gives access to.
    pub id: ClusterId,
    /// What it is for.
    pub kind: Kind,
    /// Where its API server answers.
    pub server: Server,
    /// The name to expect in the server's certificate, when it is not the host.
    pub tls_server_name: Option<String>,
    /// The proxy on the way to it. It may hold a password.
    pub proxy_url: Option<String>,
    /// What the server's certificate is checked with.
    pub authority: Authority,
    /// Who istiod is there.
    pub user: User,
    /// How long that holds, if not for ever.
    pub expiry: Option<Expiry>,
}

/// Who istiod is to the API server. No `Debug`: it holds the token.
pub enum User {
    /// Whoever has this token of a service account.
    Token(Zeroizing<String>),
    /// Whoever an authentication provider says.
    Plugin(Plugin),
}

/// What a Secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// The others' istiod discovers this cluster's endpoints
    Remote,
    /// An istiod outside has this cluster as its config cluster
    Config,
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
        // istiod's chart mounts the Secret of an external config cluster by this name and key.
        let (name, key) = match self.kind {
            Kind::Remote => (self.id.secret_name(), self.id.as_str()),
            Kind::Config => ("istio-kubeconfig".to_owned(), "config"),
        };
        let kubeconfig = yaml::document_text(&self.kubeconfig());
        let (field, value) = match field {
            DataField::Data => ("data", STANDARD.encode(kubeconfig)),
            DataField::StringData => ("stringData", kubeconfig),
        };
        let mut annotations = json!({"networking.istio.io/cluster": self.id.as_str()});
        if let Some(expiry) = &self.expiry {
            annotations["meshutils/expires"] = json!(expiry.expires.to_string());
            annotations["meshutils/rotate-after"] = json!(expiry.rotate_after.to_string());
        }
        let mut labels = json!({"app.kubernetes.io/managed-by": "meshutils"});
        // With LOCAL_CLUSTER_SECRET_WATCHER the label would make the config cluster a second
        // cluster of the name "config"; mounting needs none.
        if self.kind == Kind::Remote {
            labels[LABEL] = json!("true");
        }
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "annotations": annotations,
                "labels": labels,
                "name": name,
                "namespace": namespace,
            },
            field: {key: value},
        })
    }

    /// What istiod connects with. But for a plugin it has only what istiod accepts without
    /// `PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS`: no exec, no file, no auth provider.
    #[must_use]
    pub fn kubeconfig(&self) -> Value {
        let name = self.id.as_str();
        let mut cluster = json!({"server": self.server.url()});
        if let Authority::Certificates(pem) = &self.authority {
            cluster["certificate-authority-data"] = json!(STANDARD.encode(pem));
        }
        if let Some(tls_server_name) = &self.tls_server_name {
            cluster["tls-server-name"] = json!(tls_server_name);
        }
        if let Some(proxy_url) = &self.proxy_url {
            cluster["proxy-url"] = json!(proxy_url);
        }
        let user = match &self.user {
            User::Token(token) => json!({"token": **token}),
            User::Plugin(plugin) => json!({"auth-provider": plugin.auth_provider()}),
        };
        json!({
            "apiVersion": "v1",
            "clusters": [{"cluster": cluster, "name": name}],
            "contexts": [{"context": {"cluster": name, "user": name}, "name": name}],
            "current-context": name,
            "kind": "Config",
            "users": [{"name": name, "user": user}],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> RemoteSecret {
        RemoteSecret {
            id: ClusterId::parse("c1").unwrap(),
            kind: Kind::Remote,
            server: Server::parse("https://203.0.113.7:6443").unwrap(),
            tls_server_name: None,
            proxy_url: None,
            authority: Authority::Certificates(b"CA".to_vec()),
            user: User::Token("t0ken".to_owned().into()),
            expiry: None,
        }
    }

    #[test]
    fn the_string_form_is_istioctls() {
        let manifest = secret().manifest("istio-system", DataField::StringData);
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
        let secret = RemoteSecret {
            tls_server_name: Some("api.example.com".to_owned()),
            proxy_url: Some("http://10.0.0.9:3128".to_owned()),
            ..secret()
        };
        let plain = secret.manifest("i", DataField::StringData);
        let coded = secret.manifest("i", DataField::Data);
        let text = plain["stringData"]["c1"].as_str().unwrap();
        assert!(text.contains("tls-server-name: api.example.com\n"));
        assert!(text.contains("proxy-url: http://10.0.0.9:3128\n"));
        let decoded = STANDARD.decode(coded["data"]["c1"].as_str().unwrap()).unwrap();
        assert_eq!(decoded, text.as_bytes());
        assert_eq!(coded["stringData"], Value::Null);
    }

    #[test]
    fn a_config_cluster_is_mounted_and_not_discovered() {
        let secret = RemoteSecret { kind: Kind::Config, ..secret() };
        let manifest = secret.manifest("external-istiod", DataField::StringData);
        assert_eq!(manifest["metadata"]["name"], "istio-kubeconfig");
        assert_eq!(manifest["metadata"]["annotations"]["networking.istio.io/cluster"], "c1");
        assert_eq!(manifest["metadata"]["labels"]["istio/multiCluster"], Value::Null);
        assert!(manifest["stringData"]["config"].as_str().unwrap().contains("name: c1\n"));
    }

    #[test]
    fn a_public_ca_is_not_named_and_an_expiry_is() {
        let expiry = Expiry::new(1_767_225_600, 1_767_229_200);
        let secret = RemoteSecret { authority: Authority::Public, expiry, ..secret() };
        let manifest = secret.manifest("i", DataField::StringData);
        let text = manifest["stringData"]["c1"].as_str().unwrap();
        assert!(text.contains("- cluster:\n    server: https://203.0.113.7:6443\n"), "{text}");
        let annotations = &manifest["metadata"]["annotations"];
        assert_eq!(annotations["meshutils/expires"], "2026-01-01T01:00:00Z");
        assert_eq!(annotations["meshutils/rotate-after"], "2026-01-01T00:48:00Z");
    }

    #[test]
    fn a_plugin_stands_in_the_place_of_the_token() {
        let plugin = Plugin::new("oidc", &[("client-id".to_owned(), "mesh".to_owned())]).unwrap();
        let secret = RemoteSecret { user: User::Plugin(plugin), ..secret() };
        let user = &secret.kubeconfig()["users"][0]["user"];
        let expected = json!({"auth-provider": {"name": "oidc", "config": {"client-id": "mesh"}}});
        assert_eq!(*user, expected);
    }
}
