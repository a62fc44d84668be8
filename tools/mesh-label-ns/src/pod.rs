//! A pod: what it runs now, what the injector itself makes of it, and who owns it.

use crate::change::{DATAPLANE_MODE, INJECTION, REVISION};
use meshcore::restart::Workload;
use meshcore::selector::Labels;
use serde::Deserialize;
use std::collections::BTreeMap;

const INJECT: &str = "sidecar.istio.io/inject";
const STATUS: &str = "sidecar.istio.io/status";

/// Where the injector does nothing, whatever the labels say (Istio 1.19 to 1.30,
/// pkg/kube/inject).
const SYSTEM_NAMESPACES: [&str; 4] =
    ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];

/// What is read of a pod.
#[derive(Debug, Deserialize)]
pub struct Pod {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    labels: Option<Labels>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    owner_references: Option<Vec<Owner>>,
    #[serde(default)]
    deletion_timestamp: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Owner {
    kind: String,
    name: String,
    #[serde(default)]
    controller: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    host_network: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    phase: Option<String>,
}

/// The sidecar that a pod runs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Running {
    /// None.
    Nothing,
    /// The sidecar of a control plane, whose revision a pod of old may not tell.
    Sidecar(Option<String>),
}

/// The injector's own mark, from Istio 1.12 on with its revision.
#[derive(Default, Deserialize)]
struct Mark {
    #[serde(default)]
    revision: Option<String>,
}

impl Pod {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Its namespace; a manifest without one means `default`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or("default")
    }

    /// Whether it still runs, or will.
    #[must_use]
    pub fn is_live(&self) -> bool {
        let phase = self.status.phase.as_deref();
        self.metadata.deletion_timestamp.is_none() && !matches!(phase, Some("Succeeded" | "Failed"))
    }

    /// The labels that a successor will have, in a namespace with these labels.
    #[must_use]
    pub fn template_labels(&self, namespace: &Labels) -> Labels {
        let mut labels = self.metadata.labels.clone().unwrap_or_default();
        // Until Istio 1.11 the injector wrote its revision into a label. Where the namespace
        // decides, the label of such a pod is not its owner's.
        let by_namespace = namespace.contains_key(REVISION) || namespace.contains_key(INJECTION);
        if by_namespace && self.mark().is_some_and(|mark| mark.revision.is_none()) {
            labels.remove(REVISION);
        }
        labels
    }

    /// The sidecar that the injector says to have given it.
    #[must_use]
    pub fn running(&self) -> Running {
        let Some(Mark { revision }) = self.mark() else { return Running::Nothing };
        let of = |map: &Option<Labels>| map.as_ref().and_then(|map| map.get(REVISION)).cloned();
        Running::Sidecar(
            revision
                .or_else(|| of(&self.metadata.annotations))
                .or_else(|| of(&self.metadata.labels)),
        )
    }

    fn mark(&self) -> Option<Mark> {
        let mark: Mark = serde_json::from_str(self.annotation(STATUS)?).unwrap_or_default();
        Some(Mark { revision: mark.revision.filter(|revision| !revision.is_empty()) })
    }

    /// Why an injector that gets this pod leaves it as it is.
    #[must_use]
    pub fn left_alone(&self) -> Option<&'static str> {
        if self.is_on_host_network() {
            return Some("host network");
        }
        if SYSTEM_NAMESPACES.contains(&self.namespace()) {
            return Some("system namespace");
        }
        // The label is looked at first, and an empty one is none.
        let inject = self.label(INJECT).or_else(|| self.annotation(INJECT)).unwrap_or_default();
        let is_yes = ["", "y", "yes", "true", "on"].contains(&inject.to_lowercase().as_str());
        (!is_yes).then_some(INJECT)
    }

    /// Whether ambient takes its traffic, in a namespace with these labels, when it has no
    /// sidecar (Istio 1.24 to 1.30, cni).
    #[must_use]
    pub fn is_ambient(&self, namespace: &Labels) -> bool {
        let of_namespace = namespace.get(DATAPLANE_MODE).map(String::as_str);
        let mode = self.label(DATAPLANE_MODE).or(of_namespace);
        mode == Some("ambient") && !self.is_on_host_network()
    }

    /// What owns it. A `ReplicaSet` is a Deployment's when it is named after the pod's template.
    #[must_use]
    pub fn workload(&self) -> Workload {
        let mut owners = self.metadata.owner_references.iter().flatten();
        let owner = owners.find(|owner| owner.controller == Some(true));
        let deployment = |owner: &str| {
            let hash = self.label("pod-template-hash")?;
            Some(owner.strip_suffix(hash)?.strip_suffix('-')?.to_owned())
        };
        let owner = owner.map(|owner| match owner.kind.as_str() {
            "ReplicaSet" => match deployment(&owner.name) {
                Some(deployment) => ("Deployment", deployment),
                None => ("ReplicaSet", owner.name.clone()),
            },
            kind => (kind, owner.name.clone()),
        });
        Workload::of(&self.metadata.name, owner.as_ref().map(|(kind, name)| (*kind, name.as_str())))
    }

    fn is_on_host_network(&self) -> bool {
        self.spec.host_network == Some(true)
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.metadata.labels.as_ref()?.get(key).map(String::as_str)
    }

    fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(key).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(metadata: Value) -> Pod {
        let mut all = json!({"name": "p", "namespace": "n"});
        all.as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
        serde_json::from_value(json!({"metadata": all})).unwrap()
    }

    fn owned(kind: &str, name: &str, labels: Value) -> Workload {
        let owner = json!([{"kind": kind, "name": name, "controller": true}]);
        pod(json!({"ownerReferences": owner, "labels": labels})).workload()
    }

    #[test]
    fn what_made_a_pod_is_what_has_to_make_it_anew() {
        let hash = json!({"pod-template-hash": "7d4b9"});
        let deployment = Workload::Rollout("deployment", "web-a".into());
        assert_eq!(owned("ReplicaSet", "web-a-7d4b9", hash.clone()), deployment);
        // Not a Deployment's: the name has another end.
        assert_eq!(owned("ReplicaSet", "web", hash), Workload::Replaced("p".into()));
        assert_eq!(owned("ReplicaSet", "web-7d4b9", json!({})), Workload::Replaced("p".into()));
        assert_eq!(
            owned("StatefulSet", "db", json!({})),
            Workload::Rollout("statefulset", "db".into())
        );
        assert_eq!(owned("DaemonSet", "d", json!({})), Workload::Rollout("daemonset", "d".into()));
        assert_eq!(owned("Job", "j", json!({})), Workload::Job("p".into(), "j".into()));
        assert_eq!(owned("Node", "node-1", json!({})), Workload::Alone("p".into()));
        assert_eq!(owned("CloneSet", "c", json!({})), Workload::Replaced("p".into()));
        let other = json!({"ownerReferences": [{"kind": "ReplicaSet", "name": "w"}]});
        assert_eq!(pod(other).workload(), Workload::Alone("p".into()));
        assert_eq!(pod(json!({})).workload(), Workload::Alone("p".into()));
    }

    #[test]
    fn the_injectors_mark_tells_what_runs() {
        let runs = |metadata: Value| pod(metadata).running();
        let sidecar = |revision: &str| Running::Sidecar(Some(revision.into()));
        assert_eq!(runs(json!({})), Running::Nothing);
        let mark = |text: &str| json!({"annotations": {STATUS: text}});
        assert_eq!(runs(mark(r#"{"revision": "r", "containers": []}"#)), sidecar("r"));
        assert_eq!(runs(mark(r#"{"version": "0"}"#)), Running::Sidecar(None));
        assert_eq!(runs(mark("no JSON")), Running::Sidecar(None));
        let old = json!({"annotations": {STATUS: "{}"}, "labels": {REVISION: "asm-193-2"}});
        assert_eq!(runs(old.clone()), sidecar("asm-193-2"));
        // That label was the injector's where the namespace decided, and the user's elsewhere.
        let old = pod(old);
        let revisioned = Labels::from([(REVISION.into(), "asm-193-2".into())]);
        assert!(old.template_labels(&revisioned).is_empty());
        assert!(old.template_labels(&Labels::new()).contains_key(REVISION));
    }

    #[test]
    fn the_injector_leaves_some_alone() {
        let why = |metadata: Value| pod(metadata).left_alone();
        let label = |value: &str| json!({"labels": {INJECT: value}});
        let annotation = |value: &str| json!({"annotations": {INJECT: value}});
        for yes in ["", "true", "True", "y", "yes", "on"] {
            assert_eq!(why(label(yes)), None, "{yes}");
            assert_eq!(why(annotation(yes)), None, "{yes}");
        }
        for no in ["false", "no", "off", "0", "maybe"] {
            assert_eq!(why(label(no)), Some(INJECT), "{no}");
            assert_eq!(why(annotation(no)), Some(INJECT), "{no}");
        }
        let both = json!({"labels": {INJECT: "true"}, "annotations": {INJECT: "false"}});
        assert_eq!(why(both), None);
        assert_eq!(why(json!({"namespace": "kube-system"})), Some("system namespace"));
        let host = json!({"metadata": {"name": "p"}, "spec": {"hostNetwork": true}});
        let host: Pod = serde_json::from_value(host).unwrap();
        assert_eq!((host.left_alone(), host.namespace()), (Some("host network"), "default"));
    }

    #[test]
    fn ambient_is_the_pods_word_before_the_namespaces() {
        let mode = |mode: &str| Labels::from([(DATAPLANE_MODE.to_owned(), mode.to_owned())]);
        let with = |labels: Labels| pod(json!({"labels": labels}));
        assert!(with(Labels::new()).is_ambient(&mode("ambient")));
        assert!(!with(mode("none")).is_ambient(&mode("ambient")));
        assert!(with(mode("ambient")).is_ambient(&mode("none")));
        assert!(!with(Labels::new()).is_ambient(&Labels::new()));
        let host = json!({"metadata": {"name": "p"}, "spec": {"hostNetwork": true}});
        assert!(!serde_json::from_value::<Pod>(host).unwrap().is_ambient(&mode("ambient")));
    }

    #[test]
    fn what_has_ended_does_not_live() {
        let phase = |phase: &str| {
            let pod = json!({"metadata": {"name": "p"}, "status": {"phase": phase}});
            serde_json::from_value::<Pod>(pod).unwrap().is_live()
        };
        assert!(phase("Running") && phase("Pending") && !phase("Succeeded") && !phase("Failed"));
        assert!(!pod(json!({"deletionTimestamp": "2026-01-01T00:00:00Z"})).is_live());
    }
}
