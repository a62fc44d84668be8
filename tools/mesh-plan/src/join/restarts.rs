//! What runs with less than it is to have: istiod with old CA files, pods without their sidecar.

use super::Plan;
use super::namespaces::Injection;
use super::roots::{keys, restart_istiod};
use crate::command::{on, run_output};
use crate::step::{Stage, Step};
use crate::wanted::{Member, Wanted};
use meshcore::selector::Labels;
use meshstate::{ClusterState, Pod};
use std::collections::BTreeSet;

/// The label and annotation by which a pod keeps out.
const INJECT: &str = "sidecar.istio.io/inject";

/// Restarts come when everything else is as the new pods are to find it.
pub fn plan(wanted: &Wanted<'_>, plan: &mut Plan) {
    for member in &wanted.members {
        let Some(state) = member.state.filter(|_| !member.is_silent()) else { continue };
        if let Some(why) = stale_istiod(state) {
            let what = "restart istiod".to_owned();
            let command = restart_istiod(wanted, member);
            plan.steps.push(Step::on(member, Stage::Restarts, what, why, command));
        }
        plan.steps.extend(workloads(wanted, member, state));
    }
}

/// Why istiod has another CA than its files.
fn stale_istiod(state: &ClusterState) -> Option<String> {
    let plane = state.control_planes.first()?;
    let ca = state.roots.plugged_in.as_ref()?;
    let distributed = state.roots.distributed.as_ref().and_then(|pem| keys(pem).ok());
    let plugged_in = ca.root.as_ref().and_then(|pem| keys(pem).ok());
    if let (Some(distributed), Some(plugged_in)) = (distributed, plugged_in)
        && distributed != plugged_in
    {
        return Some("it gives proxies other roots than those in cacerts".to_owned());
    }
    let (started, updated) = (plane.started?, ca.updated.or(ca.created)?);
    (updated > started)
        .then(|| format!("it was started at {started}, before cacerts, at {updated}"))
}

/// One step for all workloads of a cluster that are to be injected and are not.
fn workloads(wanted: &Wanted<'_>, member: &Member<'_>, state: &ClusterState) -> Option<Step> {
    let injection = Injection::of(member);
    let (mut namespaces, mut pods): (BTreeSet<&str>, Vec<String>) = Default::default();
    for pod in state.pods.iter().filter(|pod| is_restartable(pod)) {
        let namespace = &*pod.meta.namespace;
        if !wanted.namespaces.iter().any(|one| one == namespace) {
            continue;
        }
        let labels = state.namespace(namespace).map(|found| (*found.meta.labels).clone());
        let labels = injection.on(&labels.unwrap_or_default());
        if needs_restart(state, &labels, pod) {
            namespaces.insert(namespace);
            pods.push(pod.meta.object());
        }
    }
    let first = pods.first()?;
    let why = match pods.len() {
        1 => format!("pod {first} has not the sidecar that it would get"),
        n => format!("{n} pods have not the sidecar that they would get: {first}, …"),
    };
    let [flag, value] = injection.flags();
    let words = ["mesh-label-ns", flag, value, "--restart-list"];
    let list = on(&[member], words.into_iter().chain(namespaces.iter().copied()));
    let names: Vec<&str> = namespaces.into_iter().collect();
    let what = format!("restart what has no sidecar in {}", names.join(", "));
    Some(Step::on(member, Stage::Restarts, what, why, run_output(&[member], &list)))
}

/// Whether a controller makes the pod anew, and not its work.
fn is_restartable(pod: &Pod) -> bool {
    let owner = pod.owner.as_ref();
    pod.is_live()
        && !pod.is_on_host_network
        && owner.is_some_and(|owner| !matches!(&*owner.kind, "Job" | "Node"))
        && pod.meta.label(INJECT) != Some("false")
        && pod.meta.annotation(INJECT) != Some("false")
}

fn needs_restart(state: &ClusterState, namespace: &Labels, pod: &Pod) -> bool {
    // The last one called has the last word.
    let Some(webhook) = state.injectors.called(namespace, &pod.meta.labels).last() else {
        return false;
    };
    match &pod.sidecar {
        None => true,
        Some(sidecar) => sidecar.revision.as_deref().is_some_and(|now| now != webhook.revision),
    }
}
