//! Overlaps between the ranges of different clusters.

use crate::{Inventory, OwnedRange};
use meshcore::cluster::RangeKind;
use meshcore::finding::{Finding, Severity};
use meshcore::{Error, Result, table};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Two ranges of two clusters that share addresses; the first holds the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// The larger one (or the same).
    pub outer: OwnedRange,
    /// The smaller one.
    pub inner: OwnedRange,
}

/// All overlaps between ranges of different clusters, and of services with anything else, in
/// order: of ranges that are all alike, the square of their number. `ranges` must be sorted. Two
/// clusters may have the same service range, as its addresses mean something inside each alone:
/// such pairs count with `services_too`.
pub fn overlaps(
    inventory: &Inventory,
    ranges: &[OwnedRange],
    services_too: bool,
) -> impl Iterator<Item = Overlap> {
    // The ranges that hold the current one, from the largest to the smallest: ranges share
    // addresses only when one holds the other.
    let mut around: Vec<OwnedRange> = Vec::new();
    let is_service = move |range: &OwnedRange| inventory.kind(range) == Some(RangeKind::Service);
    ranges.iter().flat_map(move |&inner| {
        while around.last().is_some_and(|outer| !outer.net.contains(&inner.net)) {
            around.pop();
        }
        // What is said twice is told once.
        let is_same = |outer: &OwnedRange| {
            outer.cluster() == inner.cluster() && inventory.kind(outer) == inventory.kind(&inner)
        };
        if around.iter().rev().take_while(|outer| outer.net == inner.net).any(is_same) {
            return Vec::new();
        }
        let clash = |outer: &&OwnedRange| match (is_service(outer), is_service(&inner)) {
            (true, true) => services_too && outer.cluster() != inner.cluster(),
            // A service address must not be a pod's or node's, in its own cluster either.
            (true, false) | (false, true) => true,
            (false, false) => outer.cluster() != inner.cluster(),
        };
        let clashes = around.iter().filter(clash).map(|&outer| Overlap { outer, inner });
        let found: Vec<Overlap> = clashes.collect();
        around.push(inner);
        found
    })
}

/// Clusters in the matrix: it has their square of cells.
const MOST_ROWS: usize = 1000;

/// Clusters against clusters; a cell names the kinds of ranges that overlap, row before column.
#[must_use]
pub fn matrix(inventory: &Inventory, ranges: &[OwnedRange], found: &[Overlap]) -> Result<String> {
    let label = |range: &OwnedRange| inventory.owner(range).cluster;
    let clusters: BTreeSet<String> = ranges.iter().map(label).collect();
    if clusters.len() > MOST_ROWS {
        let text = format!("the matrix is of {} clusters, of {MOST_ROWS} at most", clusters.len());
        return Err(Error::data(text).hint("-o lines tells each overlap"));
    }
    let mut cells: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for Overlap { outer, inner } in found {
        for (row, column) in [(outer, inner), (inner, outer)] {
            let kind = |range| inventory.kind(range).map_or("range", RangeKind::as_str);
            let cell = cells.entry((label(row), label(column))).or_default();
            cell.insert(format!("{}/{}", kind(row), kind(column)));
        }
    }
    let header: Vec<&str> =
        std::iter::once("CLUSTER").chain(clusters.iter().map(String::as_str)).collect();
    let row = |row: &String| {
        let cell = |column: &String| {
            let kinds = cells.get(&(row.clone(), column.clone()));
            kinds.map_or(String::new(), |kinds| kinds.iter().cloned().collect::<Vec<_>>().join(","))
        };
        std::iter::once(row.clone()).chain(clusters.iter().map(cell)).collect()
    };
    Ok(table::text(&header, clusters.iter().map(row)))
}

impl Overlap {
    /// The overlap with both owners.
    pub(crate) fn finding(&self, inventory: &Inventory) -> Finding {
        let (outer, inner) = (inventory.owner(&self.outer), inventory.owner(&self.inner));
        Finding {
            code: "MESH0101",
            severity: Severity::Error,
            object: outer.cluster.clone(),
            message: format!("{outer} overlaps {inner}"),
            evidence: json!([outer, inner]),
            fix: "give one of the two another range, or join them as different Istio networks"
                .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshcore::input::Source;
    use proptest::prelude::*;

    /// Labels of the clusters that overlap, in the order of their names.
    fn pairs(lists: &[Vec<String>]) -> BTreeSet<[String; 2]> {
        let source = |(i, words): (usize, &Vec<String>)| {
            Source::new(format!("list-{i}"), words.join(" ").into_bytes()).unwrap()
        };
        let inventory = Inventory::read(lists.iter().enumerate().map(source).collect()).unwrap();
        let ranges = inventory.ranges(&[], true).unwrap();
        let label = |range: &OwnedRange| inventory.owner(range).cluster;
        let found = overlaps(&inventory, &ranges, false);
        let pair = |o: &Overlap| {
            let mut pair = [label(&o.outer), label(&o.inner)];
            pair.sort();
            pair
        };
        found.map(|overlap| pair(&overlap)).collect()
    }

    proptest! {
        #[test]
        fn overlap_is_symmetric_and_is_what_shares_an_address(
            all in prop::collection::vec(
                prop::collection::vec((any::<u8>(), 24u8..=32), 1..6), 2..4
            )
        ) {
            let text = |&(last, length): &(u8, u8)| format!("10.0.0.{last}/{length}");
            let lists: Vec<Vec<String>> =
                all.iter().map(|list| list.iter().map(text).collect()).collect();
            // Addresses of 10.0.0.0/24 that a list covers, found the slow way.
            let covered = |list: &Vec<(u8, u8)>| -> BTreeSet<u32> {
                list.iter()
                    .flat_map(|&(last, length)| {
                        let size = 1u32 << (32 - length);
                        let start = u32::from(last) / size * size;
                        start..start + size
                    })
                    .collect()
            };
            let mut expected = BTreeSet::new();
            for (i, a) in all.iter().enumerate() {
                for (j, b) in all.iter().enumerate().skip(i + 1) {
                    if !covered(a).is_disjoint(&covered(b)) {
                        expected.insert([format!("list-{i}"), format!("list-{j}")]);
                    }
                }
            }
            prop_assert_eq!(pairs(&lists), expected);
        }
    }
}
