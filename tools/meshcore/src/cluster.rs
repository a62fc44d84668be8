//! The cluster record, the currency between the tools, and what it is read from.
//!
//! What bounds reading, 8 instructions a byte of an array that gcloud prints: it is passed over once,
//! at 7, almost all for text that is skipped. Of anything else the documents' ends are looked for
//! first, and then what each is, for as much again each time. The text is held whole, which is a
//! good part of the kernel's time.

mod aks;
mod eks;
mod gke;
mod kubeconfig;
mod merge;
mod names;
mod plain;
mod read;
mod subnet;
mod text;
mod write;

pub use kubeconfig::{Kubeconfig, NamedCluster, NamedContext};
pub use merge::{Merged, merge};
pub use names::Names;
pub use read::{Descriptions, read, read_with};
pub use write::{RecordFormat, write};

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Clusters of one mesh, twice as many as the largest that is measured. Whoever judges or draws a
/// mesh looks at each pair of them, and has something to say of each.
pub const MOST: usize = 1000;

/// Refuses more clusters than can be judged pair by pair.
pub fn refuse_too_many(count: usize) -> Result<()> {
    if count <= MOST {
        return Ok(());
    }
    Err(Error::data(format!("the input tells of {count} clusters, of {MOST} at most"))
        .hint("a mesh is judged pair by pair: give the clusters of one mesh alone"))
}

/// The version of the record's meaning. Adding fields keeps it; changing what one means does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApiVersion {
    /// The only one so far.
    #[default]
    #[serde(rename = "meshutils/v1alpha1")]
    V1Alpha1,
}

/// The `kind` of a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Always.
    #[default]
    Cluster,
}

/// Everything known of one cluster; never a credential. Only `name` is always there. One that is
/// read has no NUL in its texts (`text`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct Cluster {
    /// `meshutils/v1alpha1`.
    pub api_version: ApiVersion,
    /// `Cluster`.
    pub kind: Kind,
    /// The cluster's own name; the context's where nothing else is known.
    pub name: String,
    /// istiod's `CLUSTER_ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// UID of the namespace `kube-system`, another in every cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The mesh's ID, `proj-NUMBER` on Google Cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_id: Option<String>,
    /// The Istio network, `topology.istio.io/network`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Who runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Google Cloud project ID; the account ID on AWS; the resource group on Azure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Zone or region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The VPC network, as `projects/P/global/networks/N` where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<String>,
    /// The kubeconfig context that reaches it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::optional_literal_name"
    )]
    pub context: Option<String>,
    /// The file that holds the context, as whoever wrote the record called it. It is shown; it is
    /// opened only where the user gave it, too ([`Cluster::own_kubeconfig`]).
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::optional_literal_name"
    )]
    pub kubeconfig: Option<String>,
    /// Address ranges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Range>,
    /// Where its API server answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<Endpoint>,
    /// Who may reach the API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorized_networks: Option<AuthorizedNetworks>,
    /// Whether the private endpoint answers to other regions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_access: Option<bool>,
    /// Network tags of its nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub node_tags: Vec<String>,
    /// The cloud's labels of the cluster (GKE: `resourceLabels`).
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub labels: std::collections::BTreeMap<String, String>,
    /// Whatever else the record holds is kept when it passes through a tool.
    #[serde(flatten)]
    pub other: serde_json::Map<String, Value>,
}

/// Who runs a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Google Kubernetes Engine.
    Gke,
    /// Amazon EKS.
    Eks,
    /// Azure AKS.
    Aks,
    /// Anything else.
    Kubernetes,
}

impl Provider {
    /// As written in records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gke => "gke",
            Self::Eks => "eks",
            Self::Aks => "aks",
            Self::Kubernetes => "kubernetes",
        }
    }
}

/// One address range of a cluster. The text is as its source wrote it: see [`crate::cidr::parse`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Range {
    /// `10.4.0.0/14`.
    pub cidr: String,
    /// Whose addresses these are.
    pub kind: RangeKind,
    /// The field it was read from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
}

/// Whose addresses a range holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RangeKind {
    /// Pods.
    Pod,
    /// Services' cluster IPs.
    Service,
    /// Nodes.
    Node,
    /// The API servers.
    ControlPlane,
}

impl RangeKind {
    /// As written in records and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Service => "service",
            Self::Node => "node",
            Self::ControlPlane => "controlPlane",
        }
    }
}

/// An address of the API server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// `https://HOST[:PORT]`; never with a user, password or query.
    #[serde(deserialize_with = "shown")]
    pub url: String,
    /// Who can reach it.
    pub kind: EndpointKind,
    /// The CA that signed its certificate, as base64 of PEM; none where a public CA did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_data: Option<String>,
}

impl Endpoint {
    /// Of an address that somebody has written: what may be a password is left out.
    #[must_use]
    pub fn new(url: &str, kind: EndpointKind, ca_data: Option<String>) -> Self {
        Self { url: crate::Address::of(url).into_string(), kind, ca_data }
    }
}

/// An address that anybody may have written into a record.
fn shown<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    String::deserialize(from).map(|url| crate::Address::of(&url).into_string())
}

/// Who can reach an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointKind {
    /// Whoever the authorized networks let in.
    Public,
    /// The VPC network and what is joined to it.
    Private,
    /// GKE's DNS-based endpoint, with a public certificate.
    Dns,
}

/// Authorized networks of the API server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizedNetworks {
    /// When not, all addresses are let in.
    pub enabled: bool,
    /// Who is let in.
    #[serde(default)]
    pub blocks: Vec<AuthorizedBlock>,
}

/// One authorized network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizedBlock {
    /// As the cloud gives it.
    pub cidr: String,
    /// The user's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

/// Leaves the first of ranges that are alike, whatever says so.
pub fn keep_first(ranges: &mut Vec<Range>) {
    let mut known = std::collections::BTreeSet::new();
    ranges.retain(|range| known.insert((range.cidr.clone(), range.kind)));
}

impl Cluster {
    /// The file that holds the context, where it is one of the user's own: see
    /// [`crate::kubeconfigs`].
    #[must_use]
    pub fn own_kubeconfig(&self) -> Option<&str> {
        self.kubeconfig.as_deref().filter(|path| crate::kubeconfigs::are_with(path))
    }

    /// What to say where it is not, and commands are printed without it.
    #[must_use]
    pub fn foreign_kubeconfig(&self) -> Option<crate::Message> {
        let path = self.kubeconfig.as_deref().filter(|_| self.own_kubeconfig().is_none())?;
        Some(crate::kubeconfigs::left_out(path).at(format!("cluster {}", self.label())))
    }

    /// Adds a range that is set; `source` is the field that says so. The same range stands in old
    /// and new fields: see [`keep_first`].
    pub(crate) fn add_range(&mut self, cidr: Option<&str>, kind: RangeKind, source: &str) {
        // The clouds write "" for unset, too.
        if let Some(cidr) = cidr.filter(|cidr| !cidr.is_empty()) {
            self.ranges.push(Range { cidr: cidr.to_owned(), kind, source: source.to_owned() });
        }
    }

    /// What tells clusters apart: on GKE names are unique within project and location only.
    #[must_use]
    pub fn identity(&self) -> (&str, &str, &str) {
        (&self.name, self.project.as_deref().unwrap_or(""), self.location.as_deref().unwrap_or(""))
    }

    /// What to call it where another cluster may have the same name.
    #[must_use]
    pub fn label(&self) -> String {
        match (&self.project, &self.location) {
            (Some(project), Some(location)) => format!("{project}/{location}/{}", self.name),
            _ => self.name.clone(),
        }
    }
}
