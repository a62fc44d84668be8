//! Who injects each pod: as its namespace is labelled now, and as it will be.

use crate::pod::{Pod, Running};
use crate::webhook::Injectors;
use meshcore::restart::Workload;
use meshcore::selector::Labels;
use meshcore::table;
use serde::Serialize;
use std::collections::BTreeSet;

/// What is known of a cluster.
#[derive(Debug)]
pub struct Cluster {
    /// Its context, where there may be several.
    pub context: Option<String>,
    /// The namespaces to look at.
    pub namespaces: Vec<Namespace>,
    /// Pods, also of other namespaces.
    pub pods: Vec<Pod>,
    /// The injection webhooks.
    pub injectors: Injectors,
}

/// A namespace before and after its change.
#[derive(Debug)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// Its labels as the API server has them.
    pub now: Labels,
    /// Its labels as the API server will have them.
    pub after: Labels,
}

/// One pod.
#[derive(Debug, Serialize)]
pub struct Simulated<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a str>,
    namespace: &'a str,
    pod: &'a str,
    #[serde(serialize_with = "as_text")]
    workload: Workload,
    sidecar: Option<Sidecar>,
    now: Injection<'a>,
    after: Injection<'a>,
    restart: bool,
}

/// The sidecar that a pod runs with.
#[derive(Debug, Serialize)]
struct Sidecar {
    revision: Option<String>,
}

/// What a pod gets when it is made.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Injection<'a> {
    #[serde(flatten)]
    mode: Mode<'a>,
    /// All that the API server calls, in its order.
    webhooks: Vec<&'a str>,
    #[serde(skip)]
    planes: Vec<&'a str>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "mode", rename_all = "lowercase")]
enum Mode<'a> {
    Sidecar { revision: &'a str },
    Ambient,
    None { reason: &'a str },
}

/// Works out every pod of the namespaces, in the order of their names.
#[must_use]
pub fn simulate(cluster: &Cluster) -> Vec<Simulated<'_>> {
    let of = |pod| {
        // Of two manifests of a namespace, the later is what it will be.
        let namespace = cluster.namespaces.iter().rfind(|one| one.name == Pod::namespace(pod))?;
        Some(Simulated::new(cluster, namespace, pod))
    };
    let mut all: Vec<Simulated<'_>> = cluster.pods.iter().filter_map(of).collect();
    all.sort_by_key(|one| (one.namespace, one.pod));
    all
}

impl<'a> Simulated<'a> {
    fn new(cluster: &'a Cluster, namespace: &'a Namespace, pod: &'a Pod) -> Self {
        let labels = pod.template_labels(&namespace.now);
        let injection =
            |of_namespace: &Labels| Injection::new(of_namespace, pod, &labels, &cluster.injectors);
        let (now, after) = (injection(&namespace.now), injection(&namespace.after));
        let (sidecar, restart) = match pod.running() {
            Running::Nothing => (None, after.revision().is_some()),
            // Whose it is it does not say: the change alone can tell.
            Running::Sidecar(None) => {
                (Some(Sidecar { revision: None }), now.revision() != after.revision())
            }
            Running::Sidecar(revision) => {
                let is_other = revision.as_deref() != after.revision();
                (Some(Sidecar { revision }), is_other)
            }
        };
        let restart = restart && pod.is_live();
        let (context, workload) = (cluster.context.as_deref(), pod.workload());
        let (namespace, pod) = (namespace.name.as_str(), pod.name());
        Self { context, namespace, pod, workload, sidecar, now, after, restart }
    }

    /// What has to be restarted, with its namespace, before the pod is as it should be.
    #[must_use]
    pub fn to_restart(&self) -> Option<(&'a str, Workload)> {
        self.restart.then(|| (self.namespace, self.workload.clone()))
    }

    /// Namespace and control planes of a pod that will be sent to more than one.
    #[must_use]
    pub fn contested(&self) -> Option<(&'a str, &[&'a str])> {
        let is_contested = self.after.revision().is_some() && self.after.planes.len() > 1;
        is_contested.then_some((self.namespace, self.after.planes.as_slice()))
    }
}

impl<'a> Injection<'a> {
    fn new(namespace: &Labels, pod: &Pod, labels: &Labels, injectors: &'a Injectors) -> Self {
        let mut webhooks = Vec::new();
        let mut planes: Vec<&str> = Vec::new();
        for injector in injectors.called(namespace, labels) {
            webhooks.push(injector.name.as_str());
            // An injector takes out what another has put in, so the last one stays.
            planes.retain(|plane| *plane != injector.revision);
            planes.push(&injector.revision);
        }
        let mode = match (planes.last(), pod.left_alone()) {
            (Some(revision), None) => Mode::Sidecar { revision },
            _ if pod.is_ambient(namespace) => Mode::Ambient,
            (Some(_), Some(reason)) => Mode::None { reason },
            (None, _) => Mode::None { reason: "no webhook" },
        };
        Self { mode, webhooks, planes }
    }

    fn revision(&self) -> Option<&'a str> {
        match self.mode {
            Mode::Sidecar { revision } => Some(revision),
            Mode::Ambient | Mode::None { .. } => None,
        }
    }

    fn cell(&self) -> String {
        match self.mode {
            Mode::Sidecar { revision } => revision.to_owned(),
            Mode::Ambient => "(ambient)".to_owned(),
            Mode::None { .. } => String::new(),
        }
    }
}

fn as_text<S: serde::Serializer>(workload: &Workload, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(workload)
}

/// For people: the revision that a pod runs, and gets when it is made now and afterwards.
#[must_use]
pub fn table(all: &[Simulated<'_>]) -> String {
    let with_context = all.iter().any(|one| one.context.is_some());
    let shown = |one: &Simulated<'_>| {
        let runs = one.sidecar.as_ref().map(|s| s.revision.as_deref().unwrap_or("(unknown)"));
        let context = with_context.then(|| one.context.unwrap_or_default());
        let text = [one.namespace, one.pod, runs.unwrap_or_default()];
        let mut cells: Vec<String> = context.into_iter().chain(text).map(str::to_owned).collect();
        cells.extend([one.now.cell(), one.after.cell()]);
        cells.push(if one.restart { "yes" } else { "no" }.to_owned());
        cells
    };
    let header = ["CONTEXT", "NAMESPACE", "POD", "RUNS", "NOW", "AFTER", "RESTART"];
    table::text(&header[usize::from(!with_context)..], all.iter().map(shown))
}

/// What has to be restarted, each once.
#[must_use]
pub fn to_restart<'a>(all: &[Simulated<'a>]) -> BTreeSet<(&'a str, Workload)> {
    all.iter().filter_map(Simulated::to_restart).collect()
}
