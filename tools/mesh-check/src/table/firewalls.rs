//! Who is let in.

use crate::table::Check;
use meshcore::finding::Severity::Error;

pub const NOT_LET_IN: Check = Check {
    code: "MESH0301",
    severity: Error,
    title: "an API server that does not let in another cluster",
    meaning: "The authorized networks of an API server on GKE do not hold the addresses that another \
        cluster's istiod calls from: it times out, and its remote Secret is of no use.",
    remedy: "Add them to the list: mesh-authnets writes the command and keeps what is there.",
    source: "Google Cloud, authorized networks",
};

pub const GLOBAL_ACCESS: Check = Check {
    code: "MESH0302",
    severity: Error,
    title: "a private endpoint that answers to its own region only",
    meaning: "Clusters of other regions cannot reach the private endpoint of this cluster's API \
        server.",
    remedy: "Switch global access on.",
    source: "Google Cloud, enable-master-global-access",
};

pub const TOO_MANY: Check = Check {
    code: "MESH0303",
    severity: Error,
    title: "more authorized networks than GKE takes",
    meaning: "With the ranges of the other clusters the list would be longer than GKE's limit.",
    remedy: "Merge or remove networks of the list, or use the cluster's DNS endpoint, which has no \
        list.",
    source: "gcloud, MAX_AUTHORIZED_NETWORKS_CIDRS",
};

pub const PODS: Check = Check {
    code: "MESH0311",
    severity: Error,
    title: "a firewall that keeps pods of one network apart",
    meaning: "The clusters share a network, so their pods call each other directly, and no firewall \
        rule of the VPC network lets pods of the one reach nodes of the other. Requests time \
        out.",
    remedy: "Make a rule from all pod ranges to all nodes: mesh-firewall.",
    source: "Google Cloud, VPC firewall rules; the guides of Anthos Service Mesh",
};

pub const WEBHOOK: Check = Check {
    code: "MESH0312",
    severity: Error,
    title: "a private control plane that cannot call the injector",
    meaning: "The API servers of a private GKE cluster reach its nodes at ports 443 and 10250 only, \
        and no rule opens 15017, where istiod's injection webhook listens: making pods in \
        injected namespaces times out.",
    remedy: "Let the control plane's range reach the nodes at tcp:15017: mesh-firewall \
        --webhook-from.",
    source: "istio/istio issues 19532, 20621, 20890 and 29912",
};

pub const EGRESS: Check = Check {
    code: "MESH0313",
    severity: Error,
    title: "a firewall that keeps pods in",
    meaning: "The clusters share a network, and an egress rule of the VPC network denies what pods of \
        the one send to pods of the other before any rule allows it. Networks let all traffic out \
        by themselves, but hardened ones have a rule that denies it. Requests time out.",
    remedy: "Allow TCP to the pods' ranges by an egress rule that comes before it.",
    source: "Google Cloud, VPC firewall rules, implied rules and priority order",
};

/// All of them.
pub const ALL: &[Check] = &[NOT_LET_IN, GLOBAL_ACCESS, TOO_MANY, PODS, WEBHOOK, EGRESS];
