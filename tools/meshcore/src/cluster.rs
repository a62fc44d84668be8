//! The cluster record, the currency between the tools, and what it is read from.

mod gke;
mod kubeconfig;
mod merge;

pub use kubeconfig::{Kubeconfig, NamedCluster, NamedContext};
pub use merge::merge;

use crate::input::{Document, Source};
use crate::{Error, Message, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

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

/// Everything known of one cluster; never a credential. Only `name` is always there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
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
    /// The mesh's ID, `proj-NUMBER` on Google Cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_id: Option<String>,
    /// The Istio network, `topology.istio.io/network`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Who runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Google Cloud project ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Zone or region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The VPC network, as `projects/P/global/networks/N` where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<String>,
    /// The kubeconfig context that reaches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The file that holds the context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// `https://HOST[:PORT]`.
    pub url: String,
    /// Who can reach it.
    pub kind: EndpointKind,
    /// The CA that signed its certificate, as base64 of PEM; none where a public CA did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_data: Option<String>,
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

impl Cluster {
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

/// Clusters as their sources describe them, and what the reader should know.
#[derive(Debug, Default)]
pub struct Descriptions {
    /// In the order of the sources.
    pub clusters: Vec<Cluster>,
    /// What the sources leave open.
    pub warnings: Vec<Message>,
}

/// Reads clusters from cluster records, `gcloud container clusters list|describe --format=json`
/// and kubeconfigs, in any mixture.
pub fn read(sources: &[Source]) -> Result<Descriptions> {
    let mut all = Descriptions::default();
    for source in sources {
        for document in source.documents()? {
            read_document(&document, &mut all)?;
        }
    }
    Ok(all)
}

fn read_document(document: &Document<'_>, all: &mut Descriptions) -> Result<()> {
    /// As little as tells the kinds of descriptions apart.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Probe<'a> {
        #[serde(default, borrow)]
        api_version: Option<Cow<'a, str>>,
        #[serde(default, borrow)]
        kind: Option<Cow<'a, str>>,
        #[serde(default, borrow)]
        self_link: Option<Cow<'a, str>>,
        current_master_version: Option<serde::de::IgnoredAny>,
        cluster_ipv4_cidr: Option<serde::de::IgnoredAny>,
    }
    let probe: Probe<'_> = document.decode()?;
    let version = probe.api_version.as_deref().unwrap_or("");
    let is_gke = probe.self_link.is_some_and(|link| link.contains("/clusters/"))
        || probe.current_master_version.is_some()
        || probe.cluster_ipv4_cidr.is_some();
    match probe.kind.as_deref() {
        Some("Cluster") if version.starts_with("meshutils/") => {
            all.clusters.push(document.decode()?);
        }
        Some("Config") => all.clusters.extend(document.decode::<Kubeconfig>()?.clusters(None)),
        None if is_gke => {
            let gke: gke::Cluster = document.decode()?;
            let (cluster, warning) = gke.into_record();
            all.warnings.extend(warning.map(|text| Message::new(text).at(document.place())));
            all.clusters.push(cluster);
        }
        kind => {
            let what = kind.map_or_else(String::new, |kind| format!(" but a {kind}"));
            return Err(Error::data(format!("is no description of a cluster{what}"))
                .at(document.place())
                .hint(
                    "known are: gcloud container clusters list|describe --format=json, \
                     a kubeconfig, and the records of mesh-clusters",
                ));
        }
    }
    Ok(())
}
