//! The first item of a capture: which cluster it is of, and what could not be read.

use jiff::{SignedDuration, Timestamp};
use meshcore::cluster::{ApiVersion, Cluster};
use meshcore::{object_namespace, optional_literal_name, optional_without_nul, without_nul};
use serde::{Deserialize, Serialize};

/// The `kind` of a header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Always.
    #[default]
    Capture,
}

/// What a capture says of itself (`kind: Capture`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// `meshutils/v1alpha1`.
    pub api_version: ApiVersion,
    /// `Capture`.
    pub kind: Kind,
    /// Its name is the cluster's.
    pub metadata: HeaderMeta,
    /// The kubeconfig context that it was read through.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_literal_name"
    )]
    pub context: Option<String>,
    /// The API server's address there.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_without_nul"
    )]
    pub server: Option<String>,
    /// The API server's version: `v1.33.1`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_without_nul"
    )]
    pub kubernetes: Option<String>,
    /// The API server's clock, to the second: the `Date` of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The clock of the machine that asked, half-way between question and answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured_at: Option<Timestamp>,
    /// Where Istio was looked for: `istio-system`, unless it was moved.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object_namespace"
    )]
    pub istio_namespace: Option<String>,
    /// What the user may not read, or the API server would not tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_read: Vec<NotRead>,
    /// Why nothing was read at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreachable: Option<String>,
    /// The record of the cluster that the capture was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Box<Cluster>>,
}

/// The header's metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderMeta {
    /// What the cluster is called.
    #[serde(deserialize_with = "without_nul")]
    pub name: String,
}

/// A resource that was not read, or not everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotRead {
    /// Its plural name, with its group where it has one: `destinationrules.networking.istio.io`.
    #[serde(deserialize_with = "without_nul")]
    pub resource: String,
    /// The only namespace where it was read after all; none for nowhere.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object_namespace"
    )]
    pub read_in: Option<String>,
    /// The API server's words.
    pub reason: String,
}

impl Header {
    /// How far the API server's clock is ahead of that of the machine that asked.
    #[must_use]
    pub fn clock_offset(&self) -> Option<SignedDuration> {
        Some(self.time?.duration_since(self.captured_at?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn header(more: &Value) -> Result<Header, serde_json::Error> {
        let mut header = json!({"apiVersion": "meshutils/v1alpha1", "kind": "Capture",
            "metadata": {"name": "a"}});
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(header)
    }

    #[test]
    fn what_becomes_a_word_of_a_command_is_checked() {
        let read = header(&json!({"context": "a b", "istioNamespace": "mesh"})).unwrap();
        assert_eq!(read.istio_namespace.as_deref(), Some("mesh"));
        assert_eq!(header(&json!({"istioNamespace": ""})).unwrap().istio_namespace, None);
        for (wrong, says) in [
            (json!({"istioNamespace": "--kubeconfig=/tmp/evil"}), "is not the name of a namespace"),
            (json!({"istioNamespace": "a b"}), "is not the name of a namespace"),
            (json!({"context": "prod\0"}), "has the character NUL"),
            (json!({"metadata": {"name": "prod\0"}}), "has the character NUL"),
            (
                json!({"record": {"apiVersion": "meshutils/v1alpha1", "kind": "Cluster",
                    "name": "a", "id": "\0"}}),
                "has the character NUL",
            ),
        ] {
            let error = header(&wrong).unwrap_err().to_string();
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }
}
