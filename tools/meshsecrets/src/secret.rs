//! Remote Secrets as istiod finds them. No `Debug` anywhere: they hold credentials.

use meshcore::credentials::{Kubeconfig, decode_base64};
use meshcore::input::{Verbatim, null_as_default};
use meshcore::remote_secret::{self, LABEL};
use meshcore::{object_name, object_namespace};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// For people only: istiod goes by the keys.
pub const CLUSTER_ANNOTATION: &str = "networking.istio.io/cluster";
/// When the token ends, as `mesh-remote-secret --ttl` notes it: RFC 3339.
pub const EXPIRES_ANNOTATION: &str = "meshutils/expires";
/// From when on it should be renewed, as `mesh-remote-secret --ttl` notes it: RFC 3339.
pub const ROTATE_ANNOTATION: &str = "meshutils/rotate-after";
/// Where a client-side `kubectl apply` keeps a copy of the manifest.
pub const COPY_ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// One Secret.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct RemoteSecret {
    /// `None` where a manifest leaves it to the current context.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The label's value.
    pub label: Option<String>,
    /// The annotation's value.
    pub cluster: Option<String>,
    /// The annotation's value.
    pub expires: Option<String>,
    /// The annotation's value.
    pub rotate_after: Option<String>,
    /// Whether an annotation has a copy of what the Secret holds.
    pub is_copied: bool,
    /// By key, which is what istiod calls the cluster: the kubeconfig, or why it is none ("its
    /// kubeconfig …").
    pub entries: BTreeMap<String, Result<Kubeconfig, String>>,
}

/// A Secret as the API has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    metadata: Metadata,
    #[serde(default, deserialize_with = "null_as_default")]
    data: BTreeMap<String, Option<String>>,
    #[serde(default, deserialize_with = "null_as_default")]
    string_data: BTreeMap<String, Option<Verbatim>>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(deserialize_with = "object_name")]
    name: String,
    #[serde(default, deserialize_with = "object_namespace")]
    namespace: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_as_default")]
    annotations: BTreeMap<String, String>,
}

/// Whether a Secret is, or once was, a remote Secret: by label, or by its name.
#[must_use]
pub fn is_remote(name: &str, labels: &BTreeMap<String, String>) -> bool {
    remote_secret::is_remote(name, labels.contains_key(LABEL))
}

impl RemoteSecret {
    /// `None` for a Secret that is no remote one.
    #[must_use]
    pub fn read(manifest: Manifest) -> Option<Self> {
        let Manifest { metadata, data, string_data } = manifest;
        if !is_remote(&metadata.name, &metadata.labels) {
            return None;
        }
        let decoded = data.into_iter().map(|(key, value)| {
            let value = decode_base64(&value.unwrap_or_default());
            (key, value.ok_or_else(|| "is not base64".to_owned()).and_then(Kubeconfig::load))
        });
        let plain = string_data.into_iter().map(|(key, text)| {
            let text = text.map_or_else(Vec::new, |Verbatim(text)| text.into_bytes());
            (key, Kubeconfig::load(text))
        });
        let annotation = |key: &str| metadata.annotations.get(key).cloned();
        Some(Self {
            is_copied: annotation(COPY_ANNOTATION).is_some_and(|text| holds_data(&text)),
            label: metadata.labels.get(LABEL).cloned(),
            cluster: annotation(CLUSTER_ANNOTATION),
            expires: annotation(EXPIRES_ANNOTATION),
            rotate_after: annotation(ROTATE_ANNOTATION),
            namespace: metadata.namespace.filter(|namespace| !namespace.is_empty()),
            name: metadata.name,
            // The API server writes `stringData` over `data`.
            entries: decoded.chain(plain).collect(),
        })
    }

    /// Whether istiod looks at it at all.
    #[must_use]
    pub fn is_read_in(&self, system_namespace: &str) -> bool {
        self.namespace.as_deref() == Some(system_namespace) && self.label.as_deref() == Some("true")
    }

    /// The IDs of its clusters.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }
}

/// Whether a manifest has anything below `data` or `stringData`; if it is none, it may.
fn holds_data(manifest: &str) -> bool {
    let Ok(manifest) = serde_json::from_str::<Value>(manifest) else { return true };
    ["data", "stringData"]
        .iter()
        .any(|field| manifest[*field].as_object().is_some_and(|values| !values.is_empty()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn secret(manifest: Value) -> Option<RemoteSecret> {
        RemoteSecret::read(serde_json::from_value(manifest).unwrap())
    }

    #[test]
    fn remote_secrets_are_known_by_label_or_name() {
        let with = |name: &str, labels: Value| {
            secret(json!({"metadata": {"name": name, "labels": labels}})).is_some()
        };
        assert!(with("a", json!({"istio/multiCluster": "true"})));
        assert!(with("a", json!({"istio/multiCluster": "false"})));
        assert!(with("istio-remote-secret-a", json!(null)));
        assert!(!with("istio-reader-service-account-istio-remote-secret-token", json!({})));
    }

    #[test]
    fn string_data_is_written_over_data() {
        let secret = secret(json!({
            "metadata": {"name": "istio-remote-secret-a"},
            "data": {"a": "e30=", "b": "!", "c": null},
            "stringData": {"a": "kind: Pod"},
        }))
        .unwrap();
        let errors: Vec<(&str, String)> = secret
            .entries
            .iter()
            .map(|(id, entry)| (id.as_str(), entry.as_ref().err().cloned().unwrap_or_default()))
            .collect();
        assert_eq!(
            errors,
            [
                ("a", "has another kind or apiVersion than Config of v1".to_owned()),
                ("b", "is not base64".to_owned()),
                ("c", "is empty".to_owned()),
            ]
        );
    }

    #[test]
    fn a_copy_is_one_that_holds_something() {
        for (copy, is_copied) in [
            (r#"{"kind":"Secret","metadata":{"name":"a"}}"#, false),
            (r#"{"stringData":{}}"#, false),
            (r#"{"stringData":{"a":"x"}}"#, true),
            (r#"{"data":{"a":"eA=="}}"#, true),
            ("cut off", true),
        ] {
            let annotations = json!({COPY_ANNOTATION: copy});
            let metadata = json!({"name": "istio-remote-secret-a", "annotations": annotations});
            let secret = secret(json!({"metadata": metadata})).unwrap();
            assert_eq!(secret.is_copied, is_copied, "{copy}");
        }
    }

    #[test]
    fn istiod_reads_what_is_labelled_in_its_namespace() {
        let with = |namespace: Option<&str>, label: &str| {
            let metadata = json!({"name": "a", "namespace": namespace, "labels": {LABEL: label}});
            secret(json!({"metadata": metadata})).unwrap().is_read_in("istio-system")
        };
        assert!(with(Some("istio-system"), "true"));
        assert!(!with(Some("istio-system"), "yes"));
        assert!(!with(Some("default"), "true"));
        assert!(!with(None, "true"));
    }
}
