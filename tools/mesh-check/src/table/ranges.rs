//! Addresses that two clusters have.

use crate::table::Check;
use meshcore::finding::Severity::Error;

pub const OVERLAP: Check = Check {
    code: "MESH0201",
    severity: Error,
    title: "overlapping ranges in one network",
    meaning: "Pods or nodes of two clusters of one network have the same addresses. A request for a \
        pod of the one reaches a pod of the other, or nobody.",
    remedy: "Give one of the two another range, or join them as different Istio networks.",
    source: "istio/istio issues 14066 and 34627",
};

pub const OWN_SERVICES: Check = Check {
    code: "MESH0202",
    severity: Error,
    title: "pods with addresses of services",
    meaning: "The range of a cluster's services overlaps a range of pods or nodes in its network: \
        kube-proxy takes the address of a pod for that of a service.",
    remedy: "Give the cluster another range of services.",
    source: "istio/istio issue 34627",
};

/// All of them.
pub const ALL: &[Check] = &[OVERLAP, OWN_SERVICES];
