//! What runs: workloads and their pods.

use crate::node::{Condition, is_true};
use crate::object::{Object, Pool, REVISION, RawMeta, RawOwner};
use crate::{Meta, Resource};
use jiff::Timestamp;
use meshcore::Result;
use meshcore::input::{Document, null_as_default};
use meshcore::selector::Labels;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// The proxy's container.
const PROXY: &str = "istio-proxy";
/// What the injector notes on a pod, from Istio 1.12 on with its revision.
const STATUS: &str = "sidecar.istio.io/status";

/// A Deployment, `StatefulSet` or `DaemonSet`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Its name, labels and annotations.
    pub meta: Meta,
    /// `Deployment`, `StatefulSet`, `DaemonSet`.
    pub kind: &'static str,
    /// Its pods' labels.
    pub template_labels: Arc<Labels>,
    /// Its pods' annotations.
    pub template_annotations: Arc<Labels>,
    /// Its containers, those that run first included, in their order.
    pub containers: Arc<[Container]>,
    /// Pods that are wanted; of a `DaemonSet`, scheduled.
    pub replicas: u32,
    /// Pods that are ready.
    pub ready: u32,
    /// Whether its pods are on their nodes' network, where nothing is injected.
    pub is_on_host_network: bool,
}

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its name, labels and annotations.
    pub meta: Meta,
    /// What made it.
    pub owner: Option<Owner>,
    /// The node that it runs on.
    pub node: Option<Arc<str>>,
    /// Its address.
    pub ip: Option<String>,
    /// `Pending`, `Running`, `Succeeded`, `Failed`.
    pub phase: Option<Arc<str>>,
    /// The condition `Ready`.
    pub is_ready: bool,
    /// Whether it is being deleted.
    pub is_leaving: bool,
    /// Whether it is on its node's network.
    pub is_on_host_network: bool,
    /// `spec.serviceAccountName`.
    pub service_account: Option<Arc<str>>,
    /// When it was started.
    pub started: Option<Timestamp>,
    /// Its proxy, if it has one.
    pub sidecar: Option<Arc<Sidecar>>,
    /// Its containers, those that run first included, in their order.
    pub containers: Arc<[Container]>,
}

/// A container, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Container {
    /// Its name.
    pub name: Arc<str>,
    /// What it runs.
    pub image: Arc<str>,
    /// The names of its ports, by which Services may select them.
    pub ports: Vec<Arc<str>>,
}

/// The proxy of a pod: the container `istio-proxy`. A gateway's is its only container. What it
/// was injected with counts until the pod is made again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sidecar {
    /// `auto` where nobody injected it.
    pub image: Arc<str>,
    /// The control plane that injected it, as the injector noted.
    pub revision: Option<Arc<str>>,
    /// `ISTIO_META_CLUSTER_ID`: the cluster that it says it is of.
    pub cluster_id: Option<Arc<str>>,
    /// `ISTIO_META_NETWORK`: the network that it says it is in, unless its pod has a label.
    pub network: Option<Arc<str>>,
    /// `ISTIO_META_REQUESTED_NETWORK_VIEW`: of a gateway, the only networks whose endpoints it
    /// wants.
    pub network_view: Option<Arc<str>>,
    /// `ISTIO_META_MESH_ID`.
    pub mesh_id: Option<Arc<str>>,
    /// `TRUST_DOMAIN`.
    pub trust_domain: Option<Arc<str>>,
    /// `SECRET_TTL`: how long its certificates live; none for Istio's 24 hours.
    pub certificate_life: Option<Arc<str>>,
}

/// What made a pod: its controller. A `ReplicaSet` of a Deployment counts as that.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// `Deployment`, `StatefulSet`, `DaemonSet`, `Job`, …
    pub kind: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl Pod {
    /// The pod of a document.
    pub fn read(document: &Document<'_>) -> Result<Self> {
        Ok(pod(document.decode()?, &mut Pool::default()))
    }

    /// Whether it runs, or will.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !self.is_leaving && !matches!(self.phase.as_deref(), Some("Succeeded" | "Failed"))
    }
}

/// A workload as the API has it.
pub(crate) type RawWorkload = Object<Spec, Status>;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Spec {
    replicas: Option<u32>,
    #[serde(deserialize_with = "null_as_default")]
    pub template: Template,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Template {
    #[serde(deserialize_with = "null_as_default")]
    metadata: TemplateMeta,
    #[serde(deserialize_with = "null_as_default")]
    pub spec: PodSpec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TemplateMeta {
    #[serde(deserialize_with = "null_as_default")]
    labels: Labels,
    #[serde(deserialize_with = "null_as_default")]
    annotations: Labels,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PodSpec {
    #[serde(deserialize_with = "null_as_default")]
    init_containers: Vec<RawContainer>,
    #[serde(deserialize_with = "null_as_default")]
    pub containers: Vec<RawContainer>,
    host_network: Option<bool>,
    node_name: Option<String>,
    service_account_name: Option<String>,
}

/// A container. No `Debug`: its environment may hold secrets.
#[derive(Deserialize)]
pub(crate) struct RawContainer {
    pub name: String,
    #[serde(default)]
    pub image: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub args: Vec<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub env: Vec<Variable>,
    #[serde(default, deserialize_with = "null_as_default")]
    ports: Vec<RawPort>,
}

#[derive(Deserialize)]
struct RawPort {
    #[serde(default)]
    name: Option<String>,
}

/// A variable of a container's environment.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Variable {
    pub name: String,
    #[serde(default)]
    pub value: Option<String>,
    #[serde(default)]
    pub value_from: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Status {
    ready_replicas: Option<u32>,
    number_ready: Option<u32>,
    desired_number_scheduled: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PodStatus {
    phase: Option<String>,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    start_time: Option<Timestamp>,
    #[serde(deserialize_with = "null_as_default")]
    conditions: Vec<Condition>,
}

/// The annotation [`STATUS`].
#[derive(Default, Deserialize)]
struct Mark {
    #[serde(default)]
    revision: Option<String>,
}

impl Spec {
    /// Pods that are wanted.
    pub fn replicas(&self) -> u32 {
        self.replicas.unwrap_or(1)
    }
}

impl Status {
    /// Pods that are ready.
    pub fn ready(&self) -> u32 {
        self.ready_replicas.or(self.number_ready).unwrap_or_default()
    }
}

impl PodSpec {
    fn containers(&self, pool: &mut Pool) -> Arc<[Container]> {
        let mut container = |raw: &RawContainer| Container {
            name: pool.text(&raw.name),
            image: pool.text(raw.image.as_deref().unwrap_or_default()),
            ports: raw
                .ports
                .iter()
                .filter_map(|port| Some(pool.text(port.name.as_ref()?)))
                .collect(),
        };
        let all = self.init_containers.iter().chain(&self.containers).map(&mut container).collect();
        pool.containers(all)
    }
}

pub(crate) fn workload(raw: RawWorkload, resource: Resource, pool: &mut Pool) -> Workload {
    let Object { metadata, spec, status } = raw;
    let (kind, replicas) = match resource {
        Resource::StatefulSets => ("StatefulSet", spec.replicas()),
        Resource::DaemonSets => ("DaemonSet", status.desired_number_scheduled.unwrap_or_default()),
        _ => ("Deployment", spec.replicas()),
    };
    let TemplateMeta { labels, mut annotations } = spec.template.metadata;
    annotations.retain(|key, _| key.contains("istio.io/"));
    Workload {
        kind,
        template_labels: pool.labels(labels),
        template_annotations: pool.labels(annotations),
        containers: spec.template.spec.containers(pool),
        replicas,
        ready: status.ready(),
        is_on_host_network: spec.template.spec.host_network == Some(true),
        meta: pool.meta(metadata.of_workload()),
    }
}

pub(crate) fn pod(raw: Object<PodSpec, PodStatus>, pool: &mut Pool) -> Pod {
    let Object { metadata, spec, status } = raw;
    let containers = spec.containers(pool);
    let all = spec.init_containers.iter().chain(&spec.containers);
    let proxy = all.into_iter().find(|container| container.name == PROXY);
    let sidecar = proxy.map(|proxy| sidecar(proxy, injected_by(&metadata).as_deref(), pool));
    let mut text =
        |text: Option<String>| text.filter(|text| !text.is_empty()).map(|text| pool.text(&text));
    let (node, service_account) = (text(spec.node_name), text(spec.service_account_name));
    let phase = text(status.phase);
    let is_leaving = metadata.deletion_timestamp.is_some();
    let owner =
        owner(&metadata).map(|(kind, name)| Owner { kind: pool.text(kind), name: pool.text(name) });
    let mut metadata = metadata.of_workload();
    // Long, and of no more use.
    metadata.annotations.remove(STATUS);
    Pod {
        meta: pool.meta(metadata),
        owner,
        node,
        ip: status.pod_ip.filter(|ip| !ip.is_empty()),
        phase,
        is_ready: is_true(&status.conditions, "Ready") == Some(true),
        is_leaving,
        is_on_host_network: spec.host_network == Some(true),
        service_account,
        started: status.start_time,
        sidecar,
        containers,
    }
}

fn sidecar(proxy: &RawContainer, revision: Option<&str>, pool: &mut Pool) -> Arc<Sidecar> {
    let value = |name: &str| {
        let variable = proxy.env.iter().find(|variable| variable.name == name)?;
        variable.value.as_deref().filter(|value| !value.is_empty())
    };
    let mut text = |text: Option<&str>| text.map(|text| pool.text(text));
    let sidecar = Sidecar {
        image: text(proxy.image.as_deref()).unwrap_or_default(),
        revision: text(revision),
        cluster_id: text(value("ISTIO_META_CLUSTER_ID")),
        network: text(value("ISTIO_META_NETWORK")),
        network_view: text(value("ISTIO_META_REQUESTED_NETWORK_VIEW")),
        mesh_id: text(value("ISTIO_META_MESH_ID")),
        trust_domain: text(value("TRUST_DOMAIN")),
        certificate_life: text(value("SECRET_TTL")),
    };
    pool.sidecar(sidecar)
}

/// The revision that the injector noted; pods of old may not tell.
fn injected_by(metadata: &RawMeta) -> Option<String> {
    let mark = metadata.annotations.get(STATUS)?;
    let mark: Mark = serde_json::from_str(mark).unwrap_or_default();
    let of = |map: &Labels| map.get(REVISION).cloned();
    let noted = mark.revision.filter(|revision| !revision.is_empty());
    noted.or_else(|| of(&metadata.annotations)).or_else(|| of(&metadata.labels))
}

/// A `ReplicaSet` is a Deployment's when it is named after the pod's template.
fn owner(metadata: &RawMeta) -> Option<(&str, &str)> {
    let is_controller = |owner: &&RawOwner| owner.controller == Some(true);
    let owner = metadata.owner_references.iter().find(is_controller)?;
    if owner.kind.as_str() == "ReplicaSet"
        && let Some(hash) = metadata.labels.get("pod-template-hash")
        && let Some(deployment) = owner.name.strip_suffix(hash.as_str())
        && let Some(deployment) = deployment.strip_suffix('-')
    {
        return Some(("Deployment", deployment));
    }
    Some((owner.kind.as_str(), &owner.name))
}
