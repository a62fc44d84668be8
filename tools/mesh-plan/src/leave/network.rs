//! What clouds let in for the sake of clusters that leave.

use super::Leaving;
use crate::join::{Plan, Rules, firewall};
use crate::step::{Stage, Step};
use crate::wanted::{Member, Wanted};
use mesh_authnets::{Block, Member as Server};
use mesh_firewall::Vpc;
use meshcore::Result;
use meshcore::cidr::Joined;
use std::collections::BTreeSet;

/// Firewall rules and authorized networks as the rest of the mesh needs them.
pub fn plan(
    wanted: &Wanted<'_>,
    leaving: Leaving<'_, '_>,
    rules: Option<&Rules>,
    plan: &mut Plan,
) -> Result<()> {
    match firewall::servers(wanted) {
        Ok(servers) => {
            let gone = leaving_labels(wanted, leaving);
            plan.steps.extend(servers.iter().filter_map(|one| closed(&gone, &servers, one)));
        }
        Err(error) => plan.warn(Stage::Firewall, firewall::not_planned(&error)),
    }
    let Some(firewall) = &wanted.firewall else { return Ok(()) };
    let rules = firewall::required(rules)?;
    let rest: Vec<&Member<'_>> =
        wanted.members.iter().filter(|member| !leaving.has(member)).collect();
    if rest.len() > 1 {
        let (steps, warnings) = firewall::opened(firewall, &rest, rules)?;
        plan.steps.extend(steps);
        plan.warnings.extend(warnings.into_iter().map(|warning| (Stage::Firewall, warning)));
        return Ok(());
    }
    let vpc = Vpc { network: firewall.network.clone() };
    let delete = |rule: &mesh_firewall::Existing| Step {
        stage: Stage::Firewall,
        cluster: None,
        what: format!("delete the firewall rule {}", rule.name),
        why: format!("no two clusters are left in network {} that need it", vpc.network.name),
        // gcloud refuses to delete what is not there.
        command: format!(
            "! {} >/dev/null 2>&1 || {} --quiet",
            firewall::gcloud(&vpc, "describe", &rule.name),
            firewall::gcloud(&vpc, "delete", &rule.name)
        ),
        undo: None,
        waits_for: None,
    };
    plan.steps.extend(rules.ours(firewall).map(delete));
    Ok(())
}

/// Records of clusters that leave, by their labels.
fn leaving_labels(wanted: &Wanted<'_>, leaving: Leaving<'_, '_>) -> BTreeSet<String> {
    let gone = wanted.members.iter().filter(|member| leaving.has(member));
    gone.filter_map(|member| Some(member.state?.record.as_ref()?.label())).collect()
}

/// The list of an API server without what only the mesh needed.
fn closed(gone: &BTreeSet<String>, servers: &[Server], one: &Server) -> Option<Step> {
    let server = one.server.as_ref().filter(|server| server.is_restricted)?;
    let goes = |server: &Server| gone.contains(&server.label);
    let peers = || servers.iter().filter(|peer| peer.label != one.label);
    let is_parted = |peer: &&Server| goes(one) || goes(peer);
    let nets = |is_parted_from: bool| {
        let some = peers().filter(|peer| is_parted(peer) == is_parted_from);
        Joined::of(some.flat_map(|peer| peer.callers.iter().map(|caller| &caller.net)))
    };
    let (gone, left) = (nets(true), nets(false));
    let is_of = |block: &Block| gone.holds(&block.net) && !left.meets(&block.net);
    let (removed, kept): (Vec<Block>, Vec<Block>) = server.blocks.iter().cloned().partition(is_of);
    if removed.is_empty() {
        return None;
    }
    let cidrs: Vec<&str> = removed.iter().map(|block| block.cidr.as_str()).collect();
    Some(Step {
        stage: Stage::Firewall,
        cluster: Some(one.name.clone()),
        what: "no longer let in what only the mesh needed".to_owned(),
        why: format!("it lets in {}, pods of clusters that it is parted from", cidrs.join(", ")),
        command: firewall::list(server, &kept),
        undo: Some(firewall::list(server, &server.blocks)),
        waits_for: None,
    })
}
