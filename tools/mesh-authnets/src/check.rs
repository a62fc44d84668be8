//! A plan as findings: what keeps the other clusters from the API server.

use crate::mesh::CallerRange;
use crate::peers::Call;
use crate::plan::{Exceeded, Plan};
use crate::update::{global_access_command, list_command};
use meshcore::finding::{Finding, Severity};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What to do about a list that grows too long.
pub const TOO_MANY: &str = "merge or remove networks of its list, or use the cluster's DNS \
                            endpoint, which has no list";

/// One finding for each range not let in, or one for all where they are many; and one for each of
/// the other reasons.
#[must_use]
pub fn findings(plan: &Plan<'_>) -> Vec<Finding> {
    let label = &plan.member.label;
    let finding = |code, severity, message, evidence, fix: &str| Finding {
        code,
        severity,
        object: label.clone(),
        message,
        evidence,
        fix: fix.to_owned(),
    };
    let fix = match (plan.exceeded(), &plan.wide) {
        (_, Some(wide)) => wide.message().text().to_owned(),
        (Some(_), None) => TOO_MANY.to_owned(),
        (None, None) => list_command(plan).unwrap_or_default(),
    };
    let mut findings: Vec<Finding> = not_let_in(plan)
        .into_iter()
        .map(|(message, evidence)| finding("MESH0301", Severity::Error, message, evidence, &fix))
        .collect();
    if let Some(command) = global_access_command(plan) {
        let far: Vec<&str> = plan.far.iter().map(|peer| peer.label.as_str()).collect();
        let public = plan.server.has_public_endpoint;
        let more = match plan.far_count - far.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let text = format!(
            "cluster {label} has global access off: its private endpoint does not answer to other \
             regions, so not to {}{more}",
            far.join(", ")
        );
        let evidence = json!({
            "region": plan.server.path.region(), "peers": far, "peerCount": plan.far_count,
            "publicEndpoint": public,
        });
        // Peers may be using the public endpoint.
        let severity = if public { Severity::Warning } else { Severity::Error };
        findings.push(finding("MESH0302", severity, text, evidence, &command));
    }
    if let Some(exceeded) = plan.exceeded() {
        let Exceeded { there, added, more, limit } = exceeded;
        let text = format!("cluster {label} {exceeded}");
        let mut evidence = json!({"there": there, "added": added, "limit": limit});
        if more {
            evidence["more"] = json!(true);
        }
        findings.push(finding("MESH0303", Severity::Error, text, evidence, TOO_MANY));
    }
    findings
}

/// Messages and evidence of the ranges that are not let in.
fn not_let_in(plan: &Plan<'_>) -> Vec<(String, Value)> {
    let label = &plan.member.label;
    if plan.missing_count > plan.missing.len() {
        let peers: BTreeSet<&str> =
            plan.missing.iter().map(|call| call.peer.label.as_str()).collect();
        let count = plan.missing_count;
        let named: Vec<&str> = peers.into_iter().collect();
        let text = format!(
            "cluster {label} does not let in {count} ranges of other clusters, of {} among them",
            named.join(", ")
        );
        return vec![(text, json!({"ranges": count, "peers": named}))];
    }
    let one = |Call { peer, range }: &Call<'_>| {
        let CallerRange { net, kind, source } = range;
        let text = format!(
            "cluster {label} does not let in {} range {net} of {} ({source})",
            kind.as_str(),
            peer.label
        );
        (text, json!({"peer": peer.label, "kind": kind, "cidr": net, "source": source}))
    };
    plan.missing.iter().map(one).collect()
}
