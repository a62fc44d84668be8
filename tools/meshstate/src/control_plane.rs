//! Control planes: those that run in the cluster, and managed ones.

use crate::node::{Condition, is_true};
use crate::object::{Object, Pool};
use crate::workload::{RawContainer, RawWorkload, Variable};
use crate::{Meta, Pod};
use jiff::Timestamp;
use meshcore::IstioVersion;
use meshcore::input::null_as_default;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What istiod calls its cluster without a `CLUSTER_ID` (Istio 1.30, `constants.DefaultClusterName`).
pub const DEFAULT_CLUSTER_ID: &str = "Kubernetes";

/// A Deployment of istiod: one for each revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlPlane {
    /// Its Deployment's.
    pub meta: Meta,
    /// The label `istio.io/rev`; `default` without.
    pub revision: String,
    /// The image of the container `discovery`.
    pub image: Option<String>,
    /// The version that the image's tag tells.
    pub version: Option<IstioVersion>,
    /// `CLUSTER_ID`, or [`DEFAULT_CLUSTER_ID`]; none where it stands elsewhere (`valueFrom`).
    pub cluster_id: Option<String>,
    /// Its environment, but for what stands elsewhere. A capture has the values of Istio's own
    /// variables only.
    pub env: BTreeMap<String, String>,
    /// Other names of clusters that it takes proxies from: its flag `--clusterAliases`, from
    /// alias to ID.
    pub cluster_aliases: BTreeMap<String, String>,
    /// Replicas that are ready.
    pub ready: u32,
    /// Replicas that are wanted.
    pub replicas: u32,
    /// When the oldest of its running pods was started; none without pods in the input.
    pub started: Option<Timestamp>,
}

/// A `ControlPlaneRevision`: what Google runs for the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedControlPlane {
    /// Its name is the revision.
    pub meta: Meta,
    /// `rapid`, `regular`, `stable`.
    pub channel: Option<String>,
    /// The condition `Reconciled`, unless it is unknown.
    pub is_reconciled: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct ManagedSpec {
    channel: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct ManagedStatus {
    #[serde(deserialize_with = "null_as_default")]
    conditions: Vec<Condition>,
}

pub(crate) fn is_istiod(workload: &RawWorkload) -> bool {
    workload.metadata.labels.get("app").is_some_and(|app| app == "istiod")
}

pub(crate) fn read(raw: RawWorkload, pool: &mut Pool) -> ControlPlane {
    let Object { metadata, spec, status } = raw;
    let meta = pool.meta(metadata);
    let replicas = spec.replicas();
    let containers = spec.template.spec.containers;
    let is_istiod = |container: &&RawContainer| container.name == "discovery";
    let istiod = containers.iter().find(is_istiod).or(containers.first());
    let image = istiod.and_then(|container| container.image.clone());
    let variables = || istiod.iter().flat_map(|container| &container.env);
    let cluster_id = match variables().find(|variable| variable.name == "CLUSTER_ID") {
        Some(Variable { value_from: Some(_), .. }) => None,
        Some(Variable { value: Some(id), .. }) if !id.is_empty() => Some(id.clone()),
        _ => Some(DEFAULT_CLUSTER_ID.to_owned()),
    };
    ControlPlane {
        revision: meta.revision(),
        version: image.as_deref().and_then(version),
        image,
        cluster_id,
        env: variables()
            .filter(|variable| variable.value_from.is_none())
            .map(|variable| (variable.name.clone(), variable.value.clone().unwrap_or_default()))
            .collect(),
        cluster_aliases: istiod.map(|istiod| aliases(&istiod.args)).unwrap_or_default(),
        ready: status.ready(),
        replicas,
        started: None,
        meta,
    }
}

pub(crate) fn managed(
    raw: Object<ManagedSpec, ManagedStatus>,
    pool: &mut Pool,
) -> ManagedControlPlane {
    ManagedControlPlane {
        meta: pool.meta(raw.metadata),
        channel: raw.spec.channel,
        is_reconciled: is_true(&raw.status.conditions, "Reconciled"),
    }
}

impl ControlPlane {
    /// Notes since when the oldest of its pods runs.
    pub(crate) fn note_start(&mut self, pods: &[Pod]) {
        let is_its = |pod: &&Pod| {
            pod.meta.namespace == self.meta.namespace
                && pod.meta.label("app") == Some("istiod")
                && pod.meta.revision() == self.revision
                && pod.is_live()
        };
        self.started = pods.iter().filter(is_its).filter_map(|pod| pod.started).min();
    }
}

/// What `--clusterAliases a=b,c=d` says, in one argument or two, once or more often.
fn aliases(args: &[String]) -> BTreeMap<String, String> {
    const FLAG: &str = "--clusterAliases";
    let lists = args.iter().enumerate().filter_map(|(i, arg)| match arg.strip_prefix(FLAG)? {
        "" => args.get(i + 1).map(String::as_str),
        rest => rest.strip_prefix('='),
    });
    let pairs = lists.flat_map(|list| list.split(',')).filter_map(|pair| pair.split_once('='));
    pairs.map(|(alias, id)| (alias.trim().to_owned(), id.trim().to_owned())).collect()
}

/// The version in `HUB/pilot:1.30.2-distroless[@DIGEST]`.
fn version(image: &str) -> Option<IstioVersion> {
    let name = image.split('@').next()?.rsplit('/').next()?;
    name.split_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_tags_that_are_versions_are_read() {
        let read = |image: &str| version(image).map(|version| version.to_string());
        assert_eq!(read("gcr.io/asm/pilot:1.19.10-asm.9").as_deref(), Some("1.19.10"));
        assert_eq!(read("localhost:5000/pilot:1.24.1").as_deref(), Some("1.24.1"));
        for image in ["pilot", "localhost:5000/pilot", "pilot:latest", "pilot@sha256:1.2", ""] {
            assert_eq!(read(image), None, "{image}");
        }
    }

    #[test]
    fn aliases_are_read_in_every_form() {
        let read = |args: &[&str]| -> Vec<(String, String)> {
            let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
            aliases(&args).into_iter().collect()
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let both = [pair("a", "b"), pair("c", "d")];
        assert_eq!(read(&["discovery", "--clusterAliases", "a=b,c=d"]), both);
        assert_eq!(read(&["--clusterAliases=a=b", "--clusterAliases=c=d", "--domain=x=y"]), both);
        assert_eq!(read(&["--clusterAliases"]), []);
        assert_eq!(read(&[]), []);
    }
}
