//! Overlaps between the ranges of different clusters.

use crate::{Inventory, OwnedRange};
use meshcore::finding::{Finding, Severity};
use serde_json::json;

/// Two ranges of two clusters that share addresses; the first holds the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// The larger one (or the same).
    pub outer: OwnedRange,
    /// The smaller one.
    pub inner: OwnedRange,
}

/// All overlaps between ranges of different clusters, in order. `ranges` must be sorted.
#[must_use]
pub fn overlaps(ranges: &[OwnedRange]) -> Vec<Overlap> {
    let mut found = Vec::new();
    // The ranges that hold the current one, from the largest to the smallest: ranges share
    // addresses only when one holds the other.
    let mut around: Vec<OwnedRange> = Vec::new();
    for &inner in ranges {
        while around.last().is_some_and(|outer| !outer.net.contains(&inner.net)) {
            around.pop();
        }
        let foreign = around.iter().filter(|outer| outer.cluster() != inner.cluster());
        found.extend(foreign.map(|&outer| Overlap { outer, inner }));
        around.push(inner);
    }
    found
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
