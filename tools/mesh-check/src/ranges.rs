//! Addresses that two clusters of one network have.

use crate::member::{Member, Mesh};
use crate::networks::{is_placed, move_to, site};
use crate::table::ranges as check;
use mesh_cidrs::{Inventory, MOST, Overlap, Overlaps, overlaps};
use meshcore::cluster::{Cluster, RangeKind};
use meshcore::finding::Finding;
use meshcore::input::Source;
use meshcore::{Result, json_lines};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const KINDS: [RangeKind; 3] = [RangeKind::Pod, RangeKind::Service, RangeKind::Node];

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
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, (member, _)) in members.iter().enumerate() {
        places.entry(member.name()).or_insert(i);
    }
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    let Overlaps { found: all, more } = overlaps(&inventory, &ranges, false);
    for Overlap { outer, inner } in all {
        let (one, other) = (inventory.owner(&outer), inventory.owner(&inner));
        let place = |name: &str| places.get(name).copied();
        let (Some(a), Some(b)) = (place(&one.cluster), place(&other.cluster)) else { continue };
        // The later one came into the addresses of the other.
        let member = members[a.max(b)].0;
        let kinds = (a.min(b), a.max(b), one.kind.min(other.kind), one.kind.max(other.kind));
        if !told.insert(kinds) {
            continue;
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
    if let Some(last) = found.last_mut().filter(|_| more) {
        last.message += &format!("; there are more than {MOST} overlaps, and these are the first");
    }
    Ok(found)
}
