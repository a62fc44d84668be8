//! What all objects have.

use crate::{Container, ServicePort, Sidecar};
use jiff::Timestamp;
use meshcore::input::null_as_default;
use meshcore::jwt::JwtClaims;
use meshcore::selector::Labels;
use meshcore::{Kind, object_name, object_namespace};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// The label that names a network, on namespaces, gateways' Services and pods.
pub const NETWORK: &str = "topology.istio.io/network";
/// The annotation of Istio's namespace that names the clusters whose istiods may serve this one.
pub(crate) const CONTROL_PLANE_CLUSTERS: &str = "topology.istio.io/controlPlaneClusters";
/// The label that names a control plane.
pub(crate) const REVISION: &str = "istio.io/rev";
/// The revision of what names none.
pub(crate) const DEFAULT_REVISION: &str = "default";
/// Where a client-side `kubectl apply` keeps a copy of the manifest, secrets included.
const COPY: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// An object's metadata. Namespaces, labels and annotations are shared between objects that have
/// the same: a mesh holds the same service in hundreds of clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Empty for objects of the whole cluster; `default` where a manifest leaves it out.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: String,
    /// All of them; of pods, but for the hash of their template.
    pub labels: Arc<Labels>,
    /// All but kubectl's copy of the manifest; of pods and workloads, Istio's.
    pub annotations: Arc<Labels>,
    /// When it was made.
    pub created: Option<Timestamp>,
}

/// A selector of the kind that Services have: labels that all have to be there.
pub type Selector = Arc<Labels>;

impl Meta {
    /// `NAMESPACE/NAME`, or the name alone.
    #[must_use]
    pub fn object(&self) -> String {
        match &*self.namespace {
            "" => self.name.clone(),
            namespace => format!("{namespace}/{}", self.name),
        }
    }

    /// A label's value.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    /// An annotation's value.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.get(key).map(String::as_str)
    }

    /// The label `istio.io/rev`; `default` without.
    pub(crate) fn revision(&self) -> String {
        let revision = self.label(REVISION).filter(|revision| !revision.is_empty());
        revision.unwrap_or(DEFAULT_REVISION).to_owned()
    }
}

/// Metadata as the API has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawMeta {
    #[serde(deserialize_with = "object_name")]
    pub name: String,
    #[serde(default, deserialize_with = "object_namespace")]
    pub namespace: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub labels: Labels,
    #[serde(default, deserialize_with = "null_as_default")]
    pub annotations: Labels,
    #[serde(default)]
    pub uid: Option<String>,
    #[serde(default)]
    pub creation_timestamp: Option<Timestamp>,
    #[serde(default)]
    pub deletion_timestamp: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub owner_references: Vec<RawOwner>,
    #[serde(default, deserialize_with = "null_as_default")]
    managed_fields: Vec<Write>,
}

/// Who made an object.
#[derive(Deserialize)]
pub(crate) struct RawOwner {
    pub kind: Kind,
    #[serde(deserialize_with = "object_name")]
    pub name: String,
    #[serde(default)]
    pub controller: Option<bool>,
}

/// Who wrote some of an object's fields, and when.
#[derive(Deserialize)]
struct Write {
    #[serde(default)]
    time: Option<Timestamp>,
}

impl RawMeta {
    /// A namespaced object's namespace.
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().filter(|namespace| !namespace.is_empty()).unwrap_or("default")
    }

    /// When anybody last wrote it, where the input tells.
    pub fn updated(&self) -> Option<Timestamp> {
        self.managed_fields.iter().filter_map(|write| write.time).max()
    }

    /// Without what differs from pod to pod and is of no use: hashes, and others' annotations.
    pub fn of_workload(mut self) -> Self {
        self.annotations.retain(|key, _| key.contains("istio.io/"));
        self.labels.retain(|key, _| !HASHES.contains(&key.as_str()));
        self
    }
}

/// An object of which `spec` and `status` are of interest.
#[derive(Deserialize)]
#[serde(bound = "Spec: Default + Deserialize<'de>, Status: Default + Deserialize<'de>")]
pub(crate) struct Object<Spec, Status = NoStatus> {
    pub metadata: RawMeta,
    #[serde(default, deserialize_with = "null_as_default")]
    pub spec: Spec,
    #[serde(default, deserialize_with = "null_as_default")]
    pub status: Status,
}

/// Of no interest.
#[derive(Default, Deserialize)]
pub(crate) struct NoStatus {}

/// Labels that a `ReplicaSet`, `StatefulSet` or `DaemonSet` adds: another for each change of a
/// workload in each cluster, and nobody selects by them.
const HASHES: [&str; 2] = ["pod-template-hash", "controller-revision-hash"];

/// What many objects have, kept once.
#[derive(Default)]
pub(crate) struct Pool {
    text: HashSet<Arc<str>>,
    labels: HashSet<Arc<Labels>>,
    ports: HashSet<Arc<[ServicePort]>>,
    containers: HashSet<Arc<[Container]>>,
    sidecars: HashSet<Arc<Sidecar>>,
    claims: HashSet<Arc<JwtClaims>>,
}

/// The one that is kept of all that are equal to it.
fn keep<T: ?Sized + Eq + Hash>(known: &mut HashSet<Arc<T>>, new: Arc<T>) -> Arc<T> {
    if let Some(known) = known.get(&new) {
        return known.clone();
    }
    known.insert(new.clone());
    new
}

impl Pool {
    /// All clusters may have been given one token.
    pub fn claims(&mut self, claims: JwtClaims) -> Arc<JwtClaims> {
        keep(&mut self.claims, Arc::new(claims))
    }

    pub fn text(&mut self, text: &str) -> Arc<str> {
        match self.text.get(text) {
            Some(known) => known.clone(),
            None => keep(&mut self.text, text.into()),
        }
    }

    pub fn labels(&mut self, labels: Labels) -> Arc<Labels> {
        keep(&mut self.labels, Arc::new(labels))
    }

    pub fn ports(&mut self, ports: Vec<ServicePort>) -> Arc<[ServicePort]> {
        keep(&mut self.ports, ports.into())
    }

    pub fn containers(&mut self, containers: Vec<Container>) -> Arc<[Container]> {
        keep(&mut self.containers, containers.into())
    }

    pub fn sidecar(&mut self, sidecar: Sidecar) -> Arc<Sidecar> {
        keep(&mut self.sidecars, Arc::new(sidecar))
    }

    /// The metadata of an object in a namespace.
    pub fn meta(&mut self, raw: RawMeta) -> Meta {
        let namespace = self.text(raw.namespace());
        self.meta_in(namespace, raw)
    }

    /// The metadata of an object of the whole cluster.
    pub fn cluster_meta(&mut self, raw: RawMeta) -> Meta {
        let none = self.text("");
        self.meta_in(none, raw)
    }

    fn meta_in(&mut self, namespace: Arc<str>, mut raw: RawMeta) -> Meta {
        raw.annotations.remove(COPY);
        Meta {
            namespace,
            name: raw.name,
            labels: self.labels(raw.labels),
            annotations: self.labels(raw.annotations),
            created: raw.creation_timestamp,
        }
    }
}
