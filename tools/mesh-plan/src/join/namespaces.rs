//! Namespaces whose pods are to be injected.

use super::Plan;
use crate::command::on;
use crate::step::{Stage, Step};
use crate::wanted::{Member, Wanted};
use meshcore::selector::Labels;
use meshstate::{ClusterState, Resource};

const INJECTION: &str = "istio-injection";
const REVISION: &str = "istio.io/rev";
const DATAPLANE_MODE: &str = "istio.io/dataplane-mode";

/// How a cluster's namespaces are labelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Injection {
    /// `istio-injection=enabled`.
    Default,
    /// `istio.io/rev`: a revision or tag.
    Revision(String),
}

impl Injection {
    /// By the revision that is wanted; without one, by the default control plane, or the only
    /// one.
    #[must_use]
    pub fn of(member: &Member<'_>) -> Self {
        if let Some(revision) = &member.revision {
            return Self::Revision(revision.clone());
        }
        let webhooks = member.state.map(|state| &state.injectors);
        let Some(webhooks) = webhooks.filter(|webhooks| !webhooks.0.is_empty()) else {
            return Self::Default;
        };
        let (enabled, pod) = (Self::Default.on(&Labels::new()), Labels::new());
        let is_served = webhooks.called(&enabled, &pod).next().is_some();
        let mut revisions: Vec<&str> = webhooks.0.iter().map(|one| one.revision.as_str()).collect();
        revisions.sort_unstable();
        revisions.dedup();
        match revisions[..] {
            [one] if !is_served => Self::Revision(one.to_owned()),
            _ => Self::Default,
        }
    }

    /// mesh-label-ns's flags.
    #[must_use]
    pub fn flags(&self) -> [&str; 2] {
        match self {
            Self::Default => ["--injection", "enabled"],
            Self::Revision(revision) => ["--rev", revision],
        }
    }

    /// A namespace's labels with this one.
    #[must_use]
    pub fn on(&self, now: &Labels) -> Labels {
        let mut labels = now.clone();
        for key in [INJECTION, REVISION] {
            labels.remove(key);
        }
        if labels.get(DATAPLANE_MODE).is_some_and(|mode| mode == "ambient") {
            labels.remove(DATAPLANE_MODE);
        }
        match self {
            Self::Default => labels.insert(INJECTION.to_owned(), "enabled".to_owned()),
            Self::Revision(revision) => labels.insert(REVISION.to_owned(), revision.clone()),
        };
        labels
    }

    /// Whether a namespace is injected like this already: it has these labels, or others by
    /// which the same control plane is called.
    fn is_on(&self, state: &ClusterState, now: &Labels) -> bool {
        let wanted = self.on(now);
        if wanted == *now {
            return true;
        }
        if now.contains_key(DATAPLANE_MODE) {
            return false;
        }
        let pod = Labels::new();
        let called = |labels: &Labels| -> Vec<String> {
            state.injectors.called(labels, &pod).map(|one| one.revision.clone()).collect()
        };
        let before = called(now);
        !before.is_empty() && before == called(&wanted)
    }
}

/// Every namespace of the file is labelled in every cluster.
pub fn plan(wanted: &Wanted<'_>, plan: &mut Plan) {
    if wanted.namespaces.is_empty() {
        return;
    }
    for member in &wanted.members {
        let injection = Injection::of(member);
        let known = member.knows(Resource::Namespaces);
        let mut reasons = Vec::new();
        let mut undo = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for name in &wanted.namespaces {
            let found = known.as_ref().ok().and_then(|state| Some((state, state.namespace(name)?)));
            let labels = found.map(|(_, namespace)| &*namespace.meta.labels);
            reasons.push(match (&known, found, labels) {
                (Ok(_), Some((state, _)), Some(now)) if injection.is_on(state, now) => continue,
                (Ok(_), Some(_), Some(now)) => format!("{name} is {}", described(now)),
                (Ok(_), ..) => format!("there is no {name}"),
                (Err(reason), ..) => format!("labels of {name} are not known: {reason}"),
            });
            undo.push(on(
                &[member],
                ["mesh-label-ns"].into_iter().chain(back(labels)).chain([name.as_str()]),
            ));
            names.push(name);
        }
        if names.is_empty() {
            continue;
        }
        let [flag, value] = injection.flags();
        let words =
            ["mesh-label-ns", flag, value, "--create"].into_iter().chain(names.iter().copied());
        let what = format!("have {} injected", names.join(", "));
        let step =
            Step::on(member, Stage::Namespaces, what, reasons.join("; "), on(&[member], words));
        plan.steps.push(step.undone_by(undo.join("\n")));
    }
}

/// Whether a namespace has any label of injection.
#[must_use]
pub fn is_injected(labels: &Labels) -> bool {
    labels.get(INJECTION).is_some_and(|value| value == "enabled") || labels.contains_key(REVISION)
}

fn described(labels: &Labels) -> String {
    let keys = [INJECTION, REVISION, DATAPLANE_MODE];
    let found = keys.iter().filter_map(|key| Some(format!("{key}={}", labels.get(*key)?)));
    let found: Vec<String> = found.collect();
    if found.is_empty() { "not labelled".to_owned() } else { found.join(" and ") }
}

/// mesh-label-ns's flags for the labels that a namespace has now.
fn back(now: Option<&Labels>) -> Vec<&str> {
    let label = |key: &str| now.and_then(|labels| labels.get(key)).map(String::as_str);
    match (label(INJECTION), label(REVISION), label(DATAPLANE_MODE)) {
        (Some("disabled"), ..) => vec!["--injection", "disabled"],
        (Some(_), ..) => vec!["--injection", "enabled"],
        (None, Some(revision), _) => vec!["--rev", revision],
        (None, None, Some("ambient")) => vec!["--dataplane-mode", "ambient"],
        (None, None, _) => vec!["--remove"],
    }
}
