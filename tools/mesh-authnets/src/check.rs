//! A plan as findings: what keeps the other clusters from the API server.

use crate::plan::Plan;
use crate::update::{global_access_command, list_command};
use meshcore::finding::{Finding, Severity};
use serde_json::json;

/// What to do about a list that grows too long.
pub const TOO_MANY: &str = "merge or remove networks of its list, or use the cluster's DNS \
                            endpoint, which has no list";

/// One finding for each range not let in, as far as they are told one by one, and one for each of
/// the other reasons.
#[must_use]
pub fn findings(plan: &Plan<'_>) -> Vec<Finding> {
    let label = &plan.member.label;
    let fix = match (plan.exceeded(), &plan.wide) {
        (_, Some(wide)) => wide.message().text().to_owned(),
        (Some(_), None) => TOO_MANY.to_owned(),
        (None, None) => list_command(plan).unwrap_or_default(),
    };
    let not_let_in = plan.missing.first.iter().map(|(peer, range)| Finding {
        code: "MESH0301",
        severity: Severity::Error,
        object: label.clone(),
        message: format!(
            "cluster {label} does not let in {} range {} of {} ({})",
            range.kind.as_str(),
            range.net,
            peer.label,
            range.source
        ),
        evidence: json!({
            "peer": peer.label, "kind": range.kind, "cidr": range.net, "source": range.source,
        }),
        fix: fix.clone(),
    });
    let mut findings: Vec<Finding> = not_let_in.collect();
    let more = plan.missing.left_over();
    if more > 0 {
        findings.push(Finding {
            code: "MESH0301",
            severity: Severity::Error,
            object: label.clone(),
            message: format!("cluster {label} does not let in {more} more ranges of its peers"),
            evidence: json!({"more": more}),
            fix,
        });
    }
    if let Some(fix) = global_access_command(plan) {
        let far: Vec<&str> = plan.far.first.iter().map(|peer| peer.label.as_str()).collect();
        let more = match plan.far.left_over() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let public = plan.server.has_public_endpoint;
        let mut evidence = json!({
            "region": plan.server.path.region(), "peers": far, "publicEndpoint": public,
        });
        if plan.far.left_over() > 0 {
            evidence["more"] = json!(plan.far.left_over());
        }
        findings.push(Finding {
            code: "MESH0302",
            // Peers may be using the public endpoint.
            severity: if public { Severity::Warning } else { Severity::Error },
            object: label.clone(),
            message: format!(
                "cluster {label} has global access off: its private endpoint does not answer \
                 to other regions, so not to {}{more}",
                far.join(", ")
            ),
            evidence,
            fix,
        });
    }
    if let Some(limit) = plan.exceeded() {
        findings.push(Finding {
            code: "MESH0303",
            severity: Severity::Error,
            object: label.clone(),
            message: format!("cluster {label} would have {}, of {limit} at most", plan.counts()),
            evidence: json!({
                "there": plan.server.blocks.len(), "added": plan.to_add, "limit": limit,
            }),
            fix: TOO_MANY.to_owned(),
        });
    }
    findings
}
