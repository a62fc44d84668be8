//! The first item of a capture: which cluster it is of, and what could not be read.

use jiff::{SignedDuration, Timestamp};
use meshcore::cluster::{ApiVersion, Cluster};
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The API server's address there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The API server's version: `v1.33.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<String>,
    /// The API server's clock, to the second: the `Date` of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The clock of the machine that asked, half-way between question and answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured_at: Option<Timestamp>,
    /// Where Istio was looked for: `istio-system`, unless it was moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    pub name: String,
}

/// A resource that was not read, or not everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotRead {
    /// Its plural name, with its group where it has one: `destinationrules.networking.istio.io`.
    pub resource: String,
    /// The only namespace where it was read after all; none for nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
