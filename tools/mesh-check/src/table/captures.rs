//! What could not be looked at.

use crate::table::Check;
use meshcore::finding::Severity::{Error, Warning};

pub const UNREACHABLE: Check = Check {
    code: "MESH0901",
    severity: Error,
    title: "an API server that did not answer",
    meaning: "The cluster could not be captured: its API server did not answer. The other clusters' \
        istiod do not reach it either, as long as that is so: they keep the endpoints that they \
        had, and one that is started now waits for it (30 seconds unless told otherwise). \
        Nothing else is said of the cluster, and what follows for the others is left out.",
    remedy: "Bring the API server back, or the way to it, and capture again. If the cluster is gone \
        for good, take it out of the mesh with mesh-apply --leave.",
    source: "istio/istio issues 33564 and 45992",
};

pub const NOT_READ: Check = Check {
    code: "MESH0902",
    severity: Warning,
    title: "something that could not be read",
    meaning: "The user who made the capture may not read a resource, or may only read it in one \
        namespace. The checks that need it were not made; that there is no finding of theirs \
        says nothing.",
    remedy: "Capture as a user who may get and list the resource.",
    source: "the header of a capture: notRead",
};

pub const CLOCK: Check = Check {
    code: "MESH0903",
    severity: Warning,
    title: "a clock that differs from the others'",
    meaning: "The cluster's clock differs from those of the other clusters by more than two minutes. A \
        token or a certificate that one cluster has just made is not valid yet in another, and \
        one that ends does so at two times: istiod is refused with 401, proxies with failed \
        handshakes, now and then.",
    remedy: "Let the nodes of the cluster's control plane take their time from the same source (NTP, \
        chrony) as the others'.",
    source: "the header of a capture: time, the Date of the API server's answer",
};

pub const NOT_CAPTURED: Check = Check {
    code: "MESH0904",
    severity: Warning,
    title: "a cluster without a capture",
    meaning: "There is a record of the cluster and nothing else. Only what records tell was checked.",
    remedy: "Capture it too: mesh-capture --context CONTEXT.",
    source: "-",
};

/// All of them.
pub const ALL: &[Check] = &[UNREACHABLE, NOT_READ, CLOCK, NOT_CAPTURED];
