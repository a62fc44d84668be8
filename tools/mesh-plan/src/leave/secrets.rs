//! Remote Secrets of a cluster that leaves.

use crate::command::{on, then};
use crate::join::{Held, Plan};
use crate::step::{Stage, Step};
use crate::wanted::{Member, Wanted};
use std::collections::BTreeSet;

/// A cluster of the mesh and what it holds.
pub type Holder<'w, 'a> = (&'w Member<'a>, Result<Held<'a>, String>);

/// The others lose its credentials; it loses theirs, and its tokens are revoked.
pub fn plan(wanted: &Wanted<'_>, holders: &[Holder<'_, '_>], member: &Member<'_>, plan: &mut Plan) {
    let mut reasons = Vec::new();
    let (mut there, mut silent) = (Vec::new(), Vec::new());
    for (peer, held) in holders.iter().filter(|(peer, _)| peer.id != member.id) {
        let reason = match held {
            Ok(held) if !held.has(&member.id) => continue,
            Ok(_) => format!("{} has its credentials", peer.name),
            Err(reason) => {
                format!("whether {} has its credentials is not known: {reason}", peer.name)
            }
        };
        if peer.is_silent() {
            silent.push((*peer, reason));
        } else {
            there.push(*peer);
            reasons.push(reason);
        }
    }
    let is_reachable = !member.is_silent() && member.state.is_some();
    let what = || format!("take the credentials of {} from the others", member.name);
    if !there.is_empty() {
        if is_reachable {
            there.push(member);
        }
        let step = Step::on(
            member,
            Stage::Secrets,
            what(),
            reasons.join("; "),
            leave(&there, &member.id, wanted),
        );
        // The others are there.
        plan.steps.push(Step { waits_for: None, ..step });
    }
    for (peer, reason) in silent {
        let step =
            Step::on(peer, Stage::Secrets, what(), reason, leave(&[peer], &member.id, wanted));
        plan.steps.push(step);
    }
    if !there.is_empty() && is_reachable {
        return;
    }
    plan.steps.extend(forget(wanted, member));
}

/// What the cluster itself still holds.
fn forget(wanted: &Wanted<'_>, member: &Member<'_>) -> Option<Step> {
    member.state?;
    let (ids, why): (BTreeSet<&str>, String) = match Held::by(wanted, member) {
        Ok(held) => {
            let ids: BTreeSet<&str> = held.ids().collect();
            let names: Vec<&str> = ids.iter().copied().collect();
            let why = format!("it has credentials of {}", names.join(", "));
            (ids, why)
        }
        Err(reason) => (
            wanted.peers(member).iter().map(|peer| peer.id.as_str()).collect(),
            format!("whether it has credentials of others is not known: {reason}"),
        ),
    };
    if ids.is_empty() {
        return None;
    }
    let lines = ids.iter().map(|id| leave(&[member], id, wanted));
    let what = "take the others' credentials from it".to_owned();
    Some(Step::on(member, Stage::Secrets, what, why, then(lines)))
}

fn leave(members: &[&Member<'_>], id: &str, wanted: &Wanted<'_>) -> String {
    let mut words = vec!["mesh-apply", "--leave", id];
    if wanted.namespace != "istio-system" {
        words.extend(["--namespace", &wanted.namespace]);
    }
    on(members, words)
}
