//! The way back: from what is to a mesh without one cluster, or to no mesh at all.

mod cluster;
mod network;
mod secrets;

use crate::join::{Held, Plan, Rules, verify};
use crate::step;
use crate::wanted::{Member, Wanted};
use meshcore::{Error, Result, shell};
use meshstate::Mesh;
use std::collections::BTreeSet;

/// Who goes.
#[derive(Debug, Clone, Copy)]
pub struct Leaving<'w, 'a> {
    /// The clusters, as far as anything is known of them.
    pub members: &'w [Member<'a>],
    /// Whether the mesh itself ends, and with it what was made in namespaces for it.
    pub is_end: bool,
}

impl Leaving<'_, '_> {
    /// Whether a cluster goes.
    #[must_use]
    pub fn has(&self, member: &Member<'_>) -> bool {
        self.members.iter().any(|one| one.id == member.id)
    }
}

/// Plans how one cluster leaves: by its name, ID or context, or by the ID in the others' remote
/// Secrets.
pub fn one(wanted: &Wanted<'_>, mesh: &Mesh, name: &str, rules: Option<&Rules>) -> Result<Plan> {
    let leaving = [find(wanted, mesh, name)?];
    plan(wanted, Leaving { members: &leaving, is_end: false }, rules)
}

/// Plans how the mesh ends.
pub fn all(wanted: &Wanted<'_>, rules: Option<&Rules>) -> Result<Plan> {
    plan(wanted, Leaving { members: &wanted.members, is_end: true }, rules)
}

fn find<'a>(wanted: &Wanted<'a>, mesh: &'a Mesh, name: &str) -> Result<Member<'a>> {
    let is = |member: &&Member<'_>| {
        [&member.name, &member.id, &member.context].contains(&&name.to_owned())
    };
    if let Some(member) = wanted.members.iter().find(is) {
        return Ok(member.clone());
    }
    let strangers = mesh.clusters.iter().map(Member::of_state).collect::<Result<Vec<_>>>()?;
    if let Some(member) = strangers.iter().find(is) {
        return Ok(member.clone());
    }
    let ids: BTreeSet<&String> = mesh
        .clusters
        .iter()
        .flat_map(|state| &state.remote_secrets)
        .flat_map(|secret| secret.entries.keys())
        .collect();
    if ids.contains(&name.to_owned()) {
        return Ok(Member::named(name));
    }
    let known: Vec<&str> = wanted.members.iter().map(|member| member.name.as_str()).collect();
    Err(Error::usage(format!("--leave {name}: no cluster has this name, ID or context"))
        .hint(format!("the mesh has: {}", shell::names(known))))
}

fn plan(wanted: &Wanted<'_>, leaving: Leaving<'_, '_>, rules: Option<&Rules>) -> Result<Plan> {
    let mut plan = Plan::default();
    let holders = wanted.members.iter().map(|holder| (holder, Held::by(wanted, holder)));
    let holders: Vec<secrets::Holder<'_, '_>> = holders.collect();
    for member in leaving.members {
        secrets::plan(wanted, &holders, member, &mut plan);
        if member.state.is_some() || wanted.members.iter().any(|one| one.id == member.id) {
            cluster::plan(wanted, leaving, member, &mut plan)?;
        }
    }
    network::plan(wanted, leaving, rules, &mut plan)?;
    let rest: Vec<&Member<'_>> =
        wanted.members.iter().filter(|member| !leaving.has(member)).collect();
    if !plan.steps.is_empty() && rest.len() > 1 {
        plan.steps.push(verify(wanted, rest));
    }
    step::sort_backwards(&mut plan.steps);
    Ok(plan)
}
