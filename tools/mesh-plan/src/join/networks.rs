//! The network of each cluster: a label of istiod's namespace.

use super::Plan;
use crate::command::{kubectl, on};
use crate::step::{Stage, Step};
use crate::wanted::Wanted;
use meshcore::owner::AS_OURS;
use meshstate::{NETWORK, Resource};

/// Endpoints of a cluster are in the network that the label tells.
pub fn plan(wanted: &Wanted<'_>, plan: &mut Plan) {
    let namespace = &wanted.namespace;
    for member in &wanted.members {
        let Some(network) = &member.network else { continue };
        let known = member.knows(Resource::Namespaces);
        let found = known.as_ref().ok().and_then(|state| state.namespace(namespace));
        let now = found.and_then(|namespace| namespace.network());
        if now == Some(network) {
            continue;
        }
        let why = match (&known, found, now) {
            (Err(reason), ..) => format!("its label is not known: {reason}"),
            (_, None, _) => format!("there is no namespace {namespace}"),
            (_, _, None) => format!("the namespace {namespace} has no label {NETWORK}"),
            (_, _, Some(now)) => format!("the namespace {namespace} is labelled {now}"),
        };
        let set = |network: &str| {
            on(&[member], ["mesh-label-ns", "--network", network, "--create", namespace])
        };
        let undo = match now {
            Some(now) => set(now),
            None => unlabel(member, namespace),
        };
        let what = format!("set the network {network}");
        plan.steps.push(Step::on(member, Stage::Networks, what, why, set(network)).undone_by(undo));
    }
}

/// Takes the label away.
pub fn unlabel(member: &crate::wanted::Member<'_>, namespace: &str) -> String {
    let remove = format!("{NETWORK}-");
    kubectl(member, ["label", "namespace", namespace, &remove].into_iter().chain(AS_OURS))
}
