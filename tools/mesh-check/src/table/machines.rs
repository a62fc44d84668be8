//! Virtual machines.

use crate::table::Check;
use meshcore::finding::Severity::Warning;

pub const PRIVATE_ADDRESS: Check = Check {
    code: "MESH0841",
    severity: Warning,
    title: "a machine with an address of another network",
    meaning: "A WorkloadEntry has a private address, names no network, and the address is in no range \
        of the cluster: istiod takes it to be in the cluster's own network, and clusters there \
        may have no way to it.",
    remedy: "Name the machine's network, or the address by which pods reach it.",
    source: "istio/istio issue 39519",
};

/// All of them.
pub const ALL: &[Check] = &[PRIVATE_ADDRESS];
