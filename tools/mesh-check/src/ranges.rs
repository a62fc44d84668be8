//! Addresses that two clusters of one network have.

use crate::member::{Member, Mesh};
use crate::networks::{is_placed, move_to, site};
use crate::table::ranges as check;
use mesh_cidrs::{Inventory, Overlap, overlaps};
use meshcore::cluster::{Cluster, RangeKind};
use meshcore::finding::Finding;
use meshcore::input::Source;
use meshcore::{Result, json_lines};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};

const KINDS: [RangeKind; 3] = [RangeKind::Pod, RangeKind::Service, RangeKind::Node];

/// Overlaps that are told of a network: there can be as many as pairs of clusters.
const MOST_TOLD: usize = 10_000;

/// Overlaps, network by network: in different networks the same addresses do no harm.
pub fn findings(mesh: &Mesh) -> Result<Vec<Finding>> {
    let mut networks: BTreeMap<Option<&str>, Vec<(&Member, Cluster)>> = BTreeMap::new();
    for member in mesh.members.iter().filter(|member| is_placed(member)) {
        // The owner of an overlap is told by its label.
        let name = member.name().to_owned();
        let site = Cluster { name, project: None, location: None, ..site(member) };
        if !site.ranges.is_empty() {
            networks.entry(member.network()).or_default().push((member, site));
        }
    }
    let mut found = Vec::new();
    for (network, members) in networks {
        found.extend(of_network(network, &members)?);
    }
    Ok(found)
}

fn of_network(network: Option<&str>, members: &[(&Member, Cluster)]) -> Result<Vec<Finding>> {
    let records = json_lines(members.iter().map(|(_, site)| site));
    let inventory =
        Inventory::read(vec![Source::new("records".to_owned(), records.into_bytes())?])?;
    let ranges = inventory.ranges(&KINDS, true)?;
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    let places: HashMap<&str, usize> =
        members.iter().enumerate().rev().map(|(i, (member, _))| (member.name(), i)).collect();
    for Overlap { outer, inner } in overlaps(&inventory, &ranges, false) {
        let (one, other) = (inventory.owner(&outer), inventory.owner(&inner));
        let place = |name: &str| places.get(name).copied();
        let (Some(a), Some(b)) = (place(&one.cluster), place(&other.cluster)) else { continue };
        // The later one came into the addresses of the other.
        let member = members[a.max(b)].0;
        let kinds = (a.min(b), a.max(b), one.kind.min(other.kind), one.kind.max(other.kind));
        if !told.insert(kinds) {
            continue;
        }
        if found.len() == MOST_TOLD {
            let text =
                format!("in one network, more ranges overlap than the {MOST_TOLD} told here");
            let fix = move_to(member, member.name());
            let evidence = json!({"network": network});
            found.push(member.finding(&check::OVERLAP, None, &text, evidence, fix));
            break;
        }
        let evidence = json!({"network": network, "ranges": [&one, &other]});
        let finding = if a == b {
            let text = format!("its {one} overlaps its {other}");
            let fix = "mesh-cidrs --free 20 --within 10.0.0.0/8 -f RECORDS # and make the cluster \
                       again with this range of services";
            member.finding(&check::OWN_SERVICES, None, &text, evidence, fix.to_owned())
        } else {
            let text = format!("in one network, {one} overlaps {other}");
            let fix = move_to(member, member.name());
            member.finding(&check::OVERLAP, None, &text, evidence, fix)
        };
        found.push(finding);
    }
    Ok(found)
}
