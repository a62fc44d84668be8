//! One root for all clusters.

use super::Plan;
use crate::command::{kubectl, on, pipe, run_output, then};
use crate::step::{Stage, Step};
use crate::wanted::{Member, Wanted};
use meshcore::owner::AS_OURS;
use meshcore::shell::command_line;
use meshpki::Certificate;
use meshstate::Resource;
use std::collections::BTreeSet;

/// What a cluster's workloads trust.
enum Trust {
    /// The public keys of these roots, by their fingerprints.
    Roots(BTreeSet<String>),
    /// Nothing yet: there is no CA.
    Nothing,
    /// Not known, and why.
    Unknown(String),
    /// What Google's control plane trusts, for all clusters alike.
    Managed,
}

/// Without one root in common, workloads of two clusters take each other for strangers.
pub fn plan(wanted: &Wanted<'_>, plan: &mut Plan) {
    if wanted.members.len() < 2 {
        return;
    }
    let mut sets: BTreeSet<BTreeSet<String>> = BTreeSet::new();
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for member in &wanted.members {
        match trust(member, &wanted.namespace) {
            Trust::Roots(roots) => {
                sets.insert(roots);
                with.push(member);
            }
            // The primary cluster's CA signs for it, and its istiod brings the roots.
            Trust::Nothing if member.is_remote() => {}
            Trust::Nothing => without.push(member),
            Trust::Managed => {}
            Trust::Unknown(_) if member.is_silent() => {}
            Trust::Unknown(reason) => {
                let text = format!("whether it needs another root is not known: {reason}");
                plan.skip(Stage::Roots, member, text);
            }
        }
    }
    plan.steps.extend(without.iter().map(|member| make(wanted, member)));
    if sets.len() > 1 {
        plan.steps.push(rotate(wanted, &with, sets.len()));
    }
}

fn trust(member: &Member<'_>, namespace: &str) -> Trust {
    let known = member.knows_in(Resource::ConfigMaps, namespace).and_then(|state| {
        member.knows_in(Resource::Secrets, namespace)?;
        Ok(state)
    });
    let Some(state) = member.state else {
        return Trust::Unknown("there is no capture of it".to_owned());
    };
    if !state.managed.is_empty() {
        return Trust::Managed;
    }
    let roots = &state.roots;
    // What is in cacerts comes to the proxies when istiod is restarted.
    let text = roots.plugged_in.as_ref().and_then(|ca| ca.root.as_ref());
    let text = text.or(roots.distributed.as_ref());
    let text = text.or_else(|| roots.self_signed.as_ref()?.root.as_ref());
    match (text, known) {
        (Some(text), _) => match keys(text) {
            Ok(keys) => Trust::Roots(keys),
            Err(reason) => Trust::Unknown(format!("its root {reason}")),
        },
        (None, Err(reason)) => Trust::Unknown(reason),
        (None, Ok(_)) if !state.control_planes.is_empty() => {
            Trust::Unknown("istiod runs there and no root is to be seen".to_owned())
        }
        (None, Ok(_)) => Trust::Nothing,
    }
}

/// The public keys of certificates, by their fingerprints.
pub fn keys(pem: &str) -> Result<BTreeSet<String>, String> {
    Ok(Certificate::all_from_pem(pem)?.iter().map(Certificate::spki_sha256).collect())
}

/// A CA for a cluster that has none. It is not replaced when the step is taken again. mesh-apply
/// leaves no annotation of ours in the cluster, which mesh-cacerts would take for a name.
fn make(wanted: &Wanted<'_>, member: &Member<'_>) -> Step {
    let namespace = &wanted.namespace;
    let unless = |look: &[&str], line: String| {
        format!("{} >/dev/null 2>&1 || {line}", kubectl(member, look))
    };
    let init = ["mesh-cacerts", "init", "--root-dir", &wanted.root_dir, "--cluster", &member.id];
    let init = command_line(init.into_iter().chain(namespace_flag(wanted)));
    let command = then([
        unless(
            &["get", "namespace", namespace],
            kubectl(member, ["create", "namespace", namespace].into_iter().chain(AS_OURS)),
        ),
        unless(
            &["get", "secret", "cacerts", "-n", namespace],
            pipe([init, on(&[member], ["mesh-apply"])]),
        ),
    ]);
    let root_dir = &wanted.root_dir;
    let undo = ["delete", "secret", "cacerts", "-n", namespace, "--ignore-not-found"];
    Step::on(
        member,
        Stage::Roots,
        format!("give it a CA below the root in {root_dir}/, which is made if it is not there"),
        "it has no CA yet; istiod would make a root of its own".to_owned(),
        command,
    )
    .undone_by(kubectl(member, undo))
}

/// All steps of a rotation: mesh-cacerts tells those that are missing, as often as it is asked.
fn rotate(wanted: &Wanted<'_>, members: &[&Member<'_>], roots: usize) -> Step {
    let contexts: Vec<&str> = members.iter().map(|member| member.context.as_str()).collect();
    let read = mesh_cacerts::read_all(&wanted.namespace, &contexts);
    let mut rotate = vec!["mesh-cacerts", "rotate", "--root-dir", &wanted.root_dir];
    rotate.extend(contexts.iter().flat_map(|context| ["--cluster", context]));
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    Step {
        stage: Stage::Roots,
        cluster: None,
        what: format!(
            "bring {} below the root in {}/, which is made if it is not there; istiod and \
             proxies are restarted",
            names.join(", "),
            wanted.root_dir
        ),
        why: format!("they trust {roots} different sets of roots"),
        command: run_output(members, &pipe([read, command_line(rotate)])),
        undo: None,
        waits_for: None,
    }
}

/// `--namespace`, where it is not the usual one.
pub fn namespace_flag<'w>(wanted: &'w Wanted<'_>) -> impl Iterator<Item = &'w str> {
    let is_usual = wanted.namespace == "istio-system";
    ["--namespace", &wanted.namespace].into_iter().filter(move |_| !is_usual)
}

/// Restarts istiod and waits for it.
pub fn restart_istiod(wanted: &Wanted<'_>, member: &Member<'_>) -> String {
    let rollout = |what: &str| {
        let words = ["rollout", what, "deployment", "-n", &wanted.namespace, "-l", "app=istiod"];
        kubectl(member, words)
    };
    then([rollout("restart"), rollout("status")])
}
