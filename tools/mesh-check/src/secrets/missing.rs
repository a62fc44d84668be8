//! Credentials that are not there.

use crate::command::then;
use crate::member::{Member, Mesh, reads};
use crate::secrets::Remake;
use crate::table::{Check, between as check};
use meshcore::finding::Finding;
use meshstate::Resource;
use serde_json::json;
use std::collections::BTreeMap;

/// A control plane and a cluster that it has no credentials for.
#[derive(Clone, Copy)]
struct Gap<'a> {
    reader: &'a Member,
    target: &'a Member,
}

/// Pairs of which one has no credentials for the other. `is_told` knows those of which it is
/// already said why.
pub fn findings(mesh: &Mesh, is_told: impl Fn(&Member, &Member) -> bool) -> Vec<Finding> {
    let mut gaps: BTreeMap<(&str, &str), Gap<'_>> = BTreeMap::new();
    for (a, b) in mesh.pairs() {
        for (reader, target) in [(a, b), (b, a)] {
            if is_missing(reader, target) && !is_told(reader, target) {
                gaps.insert((reader.name(), target.name()), Gap { reader, target });
            }
        }
    }
    let mut by_target: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, target) in gaps.keys() {
        *by_target.entry(target).or_default() += 1;
    }
    // A cluster that nobody reads is one finding, and so is one that reads nobody.
    let mut groups: BTreeMap<(bool, &str), Vec<Gap<'_>>> = BTreeMap::new();
    for ((reader, target), gap) in &gaps {
        let by_reader = by_target[target] < 2;
        groups.entry((by_reader, if by_reader { reader } else { target })).or_default().push(*gap);
    }
    let of_group = |((by_reader, _), group): ((bool, &str), Vec<Gap<'_>>)| {
        let is_mutual = |gap: &Gap<'_>| gaps.contains_key(&(gap.target.name(), gap.reader.name()));
        let (both, one): (Vec<_>, Vec<_>) = group.into_iter().partition(is_mutual);
        let of = |check, gaps: &[Gap<'_>]| finding(check, by_reader, gaps);
        [of(&check::ONE_WAY, &one), of(&check::NO_WAY, &both)]
    };
    groups.into_iter().flat_map(of_group).flatten().collect()
}

fn is_missing(reader: &Member, target: &Member) -> bool {
    let state = &reader.state;
    let knows = state.knows_in(Resource::Secrets, reader.istio_namespace())
        // Of a dump without any Secret nobody knows whether there are none.
        || state.seen.contains(&Resource::Secrets);
    // One that lies elsewhere, or is not labelled, is told by itself.
    let has_some = || target.ids.iter().any(|id| reader.holds.contains(id.as_str()));
    reader.reads_others()
        && knows
        && !target.ids.is_empty()
        && !target.is_unreachable()
        && !reads(reader, target)
        && !has_some()
}

fn finding(check: &Check, by_reader: bool, gaps: &[Gap<'_>]) -> Option<Finding> {
    let Gap { reader, target } = gaps.first()?;
    let mutual = check.code == check::NO_WAY.code;
    let names: Vec<&str> = gaps
        .iter()
        .map(|gap| if by_reader { gap.target.name() } else { gap.reader.name() })
        .collect();
    let (member, text, fix) = if by_reader {
        let other = if mutual { ", and they have none for it" } else { "" };
        let text = format!("it has no credentials for {}{other}", names.join(", "));
        let makes = gaps.iter().map(|gap| Remake::of(gap.target).to(&[gap.reader]));
        (*reader, text, then(makes))
    } else {
        let other = if mutual { ", nor has it for them" } else { ", which it has credentials for" };
        let text = format!("nobody gave its credentials to {}{other}", names.join(", "));
        let readers: Vec<&Member> = gaps.iter().map(|gap| gap.reader).collect();
        (*target, text, Remake::of(target).to(&readers))
    };
    let key = if by_reader { "unknownClusters" } else { "withoutCredentials" };
    let evidence = json!({key: names});
    Some(member.finding(check, None, &text, evidence, fix))
}
