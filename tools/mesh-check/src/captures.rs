//! What could not be looked at, and clocks.

use crate::member::{Member, Mesh};
use crate::table::captures as check;
use jiff::{SignedDuration, Timestamp};
use meshcore::Message;
use meshcore::finding::Finding;
use serde_json::json;

/// How far clocks may differ: tokens and certificates allow for a minute or two.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(2);
/// Captures further apart than this may show two states of the mesh.
const APART: SignedDuration = SignedDuration::from_hours(1);

/// Clusters and resources that were not read, and clocks that differ.
#[must_use]
pub fn findings(mesh: &Mesh) -> Vec<Finding> {
    let mut found: Vec<Finding> = mesh.members.iter().flat_map(of_member).collect();
    found.extend(clocks(mesh));
    found
}

fn of_member(member: &Member) -> Vec<Finding> {
    let context = member.way.kubectl(["get", "--raw", "/readyz"]);
    let Some(header) = &member.state.header else {
        if member.is_known() {
            return Vec::new();
        }
        let text = "it has a record and no capture: only its record was checked";
        let fix = member.way.run("mesh-capture", [""; 0]);
        return vec![member.finding(&check::NOT_CAPTURED, None, text, json!({}), fix)];
    };
    if let Some(reason) = &header.unreachable {
        let text = format!("its API server did not answer: {reason}");
        let evidence = json!({"server": header.server, "reason": reason});
        return vec![member.finding(&check::UNREACHABLE, None, &text, evidence, context)];
    }
    let gap = |gap: &meshstate::NotRead| {
        let resource = &gap.resource;
        let where_ = match &gap.read_in {
            Some(namespace) => format!("outside of namespace {namespace}"),
            None => "anywhere".to_owned(),
        };
        let text = format!(
            "{resource} could not be read {where_}, and what needs them was not checked: {}",
            gap.reason
        );
        let role = format!("read-{resource}");
        let rules = ["--verb=get,list".to_owned(), format!("--resource={resource}")];
        let make = ["create", "clusterrole", &role, &rules[0], &rules[1]];
        let of_role = format!("--clusterrole={role}");
        let bind = ["create", "clusterrolebinding", &role, &of_role, "--user=USER"];
        let fix = crate::command::then([member.way.kubectl(make), member.way.kubectl(bind)]);
        let evidence = json!({"resource": resource, "readIn": gap.read_in, "reason": gap.reason});
        member.finding(&check::NOT_READ, Some(("Resource", resource)), &text, evidence, fix)
    };
    header.not_read.iter().map(gap).collect()
}

/// Clusters whose clock is not that of most others.
fn clocks(mesh: &Mesh) -> Vec<Finding> {
    let clocks: Vec<(&Member, SignedDuration)> = mesh
        .members
        .iter()
        .filter_map(|member| Some((member, member.state.header.as_ref()?.clock_offset()?)))
        .collect();
    let differ = |a: SignedDuration, b: SignedDuration| a.saturating_sub(b).abs() > TOLERANCE;
    let agreeing =
        |clock: SignedDuration| clocks.iter().filter(|(_, other)| !differ(*other, clock)).count();
    // Of two the clock of the machine that asked decides.
    let right = clocks
        .iter()
        .map(|(_, clock)| *clock)
        .min_by_key(|&clock| (std::cmp::Reverse(agreeing(clock)), clock.abs(), clock));
    let Some(right) = right.filter(|_| clocks.len() > 1) else { return Vec::new() };
    let wrong = clocks.iter().filter(|(_, clock)| differ(*clock, right));
    wrong
        .map(|(member, clock)| {
            let ahead = clock.saturating_sub(right).as_secs();
            let side = if ahead > 0 { "ahead of" } else { "behind" };
            let text = format!("its clock is {} s {side} the others'", ahead.abs());
            let fix = "chronyc makestep # on each machine of its control plane".to_owned();
            member.finding(&check::CLOCK, None, &text, json!({"seconds": ahead}), fix)
        })
        .collect()
}

/// A note about captures that were not made together.
#[must_use]
pub fn note(mesh: &Mesh) -> Option<Message> {
    let times = mesh.members.iter().filter_map(|m| m.state.header.as_ref()?.captured_at);
    let times: Vec<Timestamp> = times.collect();
    let (first, last) = (times.iter().min()?, times.iter().max()?);
    let apart = last.duration_since(*first);
    (apart > APART).then(|| {
        Message::new(format!("captures were made {} minutes apart", apart.as_mins()))
            .hint("what differs may have been changed between them: capture all at once")
    })
}
