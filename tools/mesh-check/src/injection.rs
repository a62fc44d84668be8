//! Who injects a cluster's pods, and who did.

use crate::command::{Way, then};
use crate::member::Object;
use crate::table::{Check, control_planes, injection as check};
use crate::version;
use meshcore::finding::Finding;
use meshcore::selector::Labels;
use meshstate::{ClusterState, Injectors, Namespace, Pod, Resource};
use serde_json::{Value, json};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

const INJECTION: &str = "istio-injection";
const REVISION: &str = "istio.io/rev";
const DATAPLANE_MODE: &str = "istio.io/dataplane-mode";
const INJECT: &str = "sidecar.istio.io/inject";

/// Where the injector does nothing, whatever the labels say (Istio 1.19 to 1.30, pkg/kube/inject).
const SYSTEM_NAMESPACES: [&str; 4] =
    ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];

/// Findings about namespaces and pods of one cluster.
#[must_use]
pub fn findings(state: &ClusterState) -> Vec<Finding> {
    let choices = OnceCell::new();
    let cluster = Cluster { state, way: Way::to(state), choices };
    let mut pods: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
    for pod in state.pods.iter().filter(|pod| pod.is_live()) {
        pods.entry(&pod.meta.namespace).or_default().push(pod);
    }
    let mut found = Vec::new();
    for namespace in &state.namespaces {
        let pods = pods.get(namespace.meta.name.as_str()).map_or(&[][..], Vec::as_slice);
        let label = cluster.label(namespace, pods);
        let is_labelled_well = label.is_none();
        found.extend(label);
        // What a wrong label has done is mended with it.
        if is_labelled_well {
            found.extend(cluster.without_sidecar(namespace, pods));
        }
        found.extend(cluster.stray(namespace, pods));
        found.extend(cluster.versions(namespace, pods));
    }
    found
}

struct Cluster<'a> {
    state: &'a ClusterState,
    way: Way,
    choices: OnceCell<Vec<Option<String>>>,
}

impl Cluster<'_> {
    fn finding(
        &self,
        check: &Check,
        (kind, object): Object<'_>,
        text: &str,
        mut evidence: Value,
        fix: String,
    ) -> Finding {
        let name = &self.state.name;
        evidence["cluster"] = json!(name);
        let Check { code, severity, .. } = *check;
        let (object, message) =
            (format!("{name}: {kind} {object}"), format!("cluster {name}: {text}"));
        Finding { code, severity, object, message, evidence, fix }
    }

    /// A namespace whose labels lead to nobody, or to two.
    fn label(&self, namespace: &Namespace, pods: &[&Pod]) -> Option<Finding> {
        let name = namespace.meta.name.as_str();
        let injection = namespace.meta.label(INJECTION);
        let revision = namespace.meta.label(REVISION);
        let knows = self.state.knows(Resource::MutatingWebhookConfigurations);
        let is_served = |key: &str, value: &str| self.serves(&[(key, value)]);
        let relabel = |revision: Option<&str>| {
            let mut words = match revision {
                Some(revision) => vec!["--rev", revision],
                None => vec!["--injection", "enabled"],
            };
            words.push(name);
            let label = self.way.run("mesh-label-ns", words);
            then([label].into_iter().chain(self.restart(name, pods)))
        };
        let evidence = json!({INJECTION: injection, REVISION: revision});
        match (injection, revision) {
            (Some(injection), Some(revision)) => {
                let keeps = !is_served(INJECTION, "enabled") || is_served(REVISION, revision);
                let text = format!(
                    "namespace {name} has both {INJECTION}={injection} and {REVISION}={revision}: the \
                     first counts, whatever the other says"
                );
                let fix = relabel(Some(revision).filter(|_| keeps));
                Some(self.finding(&check::CONFLICT, ("Namespace", name), &text, evidence, fix))
            }
            (Some("enabled"), None) | (None, Some(_)) if knows => {
                let (key, value) = match revision {
                    Some(revision) => (REVISION, revision),
                    None => (INJECTION, "enabled"),
                };
                if is_served(key, value) || self.is_managed(value) {
                    return None;
                }
                let text = format!(
                    "namespace {name} is labelled {key}={value}, and no webhook injects pods there"
                );
                let choices = self.choices.get_or_init(|| choices(&self.state.injectors));
                let fix = match choices.first() {
                    Some(choice) => relabel(choice.as_deref()),
                    None => self.way.run("istioctl", ["install", "-y"]),
                };
                Some(self.finding(&check::UNSERVED, ("Namespace", name), &text, evidence, fix))
            }
            _ => None,
        }
    }

    /// A managed plane's webhook may be of another name than its revision.
    fn is_managed(&self, revision: &str) -> bool {
        self.state.managed.iter().any(|managed| managed.meta.name == revision)
    }

    fn serves(&self, labels: &[(&str, &str)]) -> bool {
        serves(&self.state.injectors, labels)
    }

    fn without_sidecar(&self, namespace: &Namespace, pods: &[&Pod]) -> Option<Finding> {
        let labels = &namespace.meta.labels;
        let lacks = |pod: &&&Pod| {
            pod.sidecar.is_none()
                && !is_left_alone(pod)
                && !is_ambient(pod, labels)
                // A job's pods end by themselves.
                && pod.owner.as_ref().is_none_or(|owner| &*owner.kind != "Job")
                && self.state.injectors.called(labels, &pod.meta.labels).next().is_some()
        };
        let lacking: Vec<&Pod> = pods.iter().filter(lacks).copied().collect();
        let text = "without a sidecar, which would get one if made now";
        self.of_pods(&check::NO_SIDECAR, &namespace.meta.name, &lacking, text)
    }

    fn stray(&self, namespace: &Namespace, pods: &[&Pod]) -> Option<Finding> {
        let state = self.state;
        if !state.knows(Resource::Deployments)
            || !state.knows(Resource::MutatingWebhookConfigurations)
        {
            return None;
        }
        let is_here = |revision: &str| {
            state.control_planes.iter().any(|plane| plane.revision == revision)
                || self.is_managed(revision)
                || state.injectors.0.iter().any(|one| one.revision == revision)
        };
        let is_stray = |pod: &&&Pod| {
            let revision = pod.sidecar.as_ref().and_then(|sidecar| sidecar.revision.as_deref());
            revision.is_some_and(|revision| !is_here(revision))
        };
        let stray: Vec<&Pod> = pods.iter().filter(is_stray).copied().collect();
        let revisions: BTreeSet<&str> = stray.iter().filter_map(|pod| revision(pod)).collect();
        let revisions = revisions.into_iter().collect::<Vec<_>>().join(", ");
        let text = format!("with the sidecar of revision {revisions}, which is not here");
        self.of_pods(&check::STRAY_SIDECAR, &namespace.meta.name, &stray, &text)
    }

    fn versions(&self, namespace: &Namespace, pods: &[&Pod]) -> Option<Finding> {
        let misfits = |pod: &&&Pod| {
            let proxy = pod.sidecar.as_ref().and_then(|sidecar| version::of_image(&sidecar.image));
            let own = revision(pod).unwrap_or("default");
            let mut planes = self.state.control_planes.iter();
            let plane = planes.find(|plane| plane.revision == own).and_then(|plane| plane.version);
            proxy.zip(plane).is_some_and(|(proxy, plane)| {
                proxy.minor() > plane.minor() || proxy.minor() + 1 < plane.minor()
            })
        };
        let misfits: Vec<&Pod> = pods.iter().filter(misfits).copied().collect();
        let text = "with a proxy that is newer than its control plane, or more than one minor \
                    version older";
        self.of_pods(&control_planes::PROXY_VERSION, &namespace.meta.name, &misfits, text)
    }

    /// A finding about pods of a namespace, which a restart mends.
    fn of_pods(
        &self,
        check: &Check,
        namespace: &str,
        pods: &[&Pod],
        text: &str,
    ) -> Option<Finding> {
        let first = pods.first()?;
        let names: Vec<&str> = pods.iter().map(|pod| pod.meta.name.as_str()).collect();
        let text = match names.len() {
            1 => format!("pod {namespace}/{}: one {text}", first.meta.name),
            n => format!("pod {namespace}/{} and {} more: {n} {text}", first.meta.name, n - 1),
        };
        let fix = then(self.restart(namespace, pods));
        let evidence = json!({"namespace": namespace, "pods": names});
        Some(self.finding(check, ("Namespace", namespace), &text, evidence, fix))
    }

    /// What makes pods anew.
    fn restart(&self, namespace: &str, pods: &[&Pod]) -> Vec<String> {
        let (mut workloads, mut alone) = (BTreeSet::new(), Vec::new());
        for pod in pods {
            match pod.owner.as_ref().map(|owner| (owner.kind.to_lowercase(), &owner.name)) {
                Some((kind, name))
                    if ["deployment", "statefulset", "daemonset"].contains(&kind.as_str()) =>
                {
                    workloads.insert(format!("{kind}/{name}"));
                }
                Some((kind, _)) if kind == "job" || kind == "node" => {}
                _ => alone.push(pod.meta.name.as_str()),
            }
        }
        let mut commands = Vec::new();
        if !workloads.is_empty() {
            let words = ["rollout", "restart", "-n", namespace].map(str::to_owned);
            commands.push(self.way.kubectl(words.into_iter().chain(workloads)));
        }
        for pod in alone {
            let get = self.way.kubectl(["get", "pod", pod, "-n", namespace, "-o", "json"]);
            let replace = self.way.kubectl(["replace", "--force", "-f", "-"]);
            commands.push(format!("{get} | {replace}"));
        }
        commands
    }
}

fn serves(injectors: &Injectors, labels: &[(&str, &str)]) -> bool {
    let labels: Labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    injectors.called(&labels, &Labels::new()).next().is_some()
}

/// What namespaces can be labelled with: a revision or tag, or none for `istio-injection`.
#[must_use]
pub fn choices(injectors: &Injectors) -> Vec<Option<String>> {
    let by_default = serves(injectors, &[(INJECTION, "enabled")]).then_some(None);
    let names: BTreeSet<&str> =
        injectors.0.iter().map(|one| one.tag.as_deref().unwrap_or(&one.revision)).collect();
    let served = names.into_iter().filter(|name| serves(injectors, &[(REVISION, name)]));
    by_default.into_iter().chain(served.map(|name| Some(name.to_owned()))).collect()
}

fn revision(pod: &Pod) -> Option<&str> {
    pod.sidecar.as_ref().and_then(|sidecar| sidecar.revision.as_deref())
}

/// Whether an injector that gets this pod leaves it as it is.
fn is_left_alone(pod: &Pod) -> bool {
    // The label is looked at first, and an empty one is none.
    let inject = pod.meta.label(INJECT).or_else(|| pod.meta.annotation(INJECT));
    let inject = inject.unwrap_or_default().to_lowercase();
    pod.is_on_host_network
        || SYSTEM_NAMESPACES.contains(&&*pod.meta.namespace)
        || !["", "y", "yes", "true", "on"].contains(&inject.as_str())
}

fn is_ambient(pod: &Pod, namespace: &Labels) -> bool {
    let mode = pod.meta.label(DATAPLANE_MODE);
    mode.or_else(|| namespace.get(DATAPLANE_MODE).map(String::as_str)) == Some("ambient")
}
