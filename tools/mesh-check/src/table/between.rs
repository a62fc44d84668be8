//! Remote Secrets, as those of one cluster look to another.

use crate::table::Check;
use meshcore::finding::Severity::{Error, Warning};

pub const WRONG_KEY: Check = Check {
    code: "MESH0471",
    severity: Error,
    title: "a key that is not the ID of the cluster that it leads to",
    meaning: "istiod takes the key for the cluster's ID, and the cluster's own istiod has another one. \
        Endpoints are known under a name that no proxy has: subsets by topology.istio.io/cluster \
        are empty (503, no healthy upstream), and proxies of that cluster are refused \
        certificates here.",
    remedy: "Make the Secret again under the cluster's CLUSTER_ID, and delete this one.",
    source: "GoogleCloudPlatform/anthos-service-mesh-packages PR 1184, bank-of-anthos issue 473, \
        istio/istio issue 42144",
};

pub const UNKNOWN_CLUSTER: Check = Check {
    code: "MESH0472",
    severity: Warning,
    title: "a Secret for a cluster that was not looked at",
    meaning: "The Secret leads to a cluster that is not in the input: it was left out, or it is gone \
        and its Secret was forgotten.",
    remedy: "Capture that cluster too; if it is gone, take it out with mesh-apply --leave.",
    source: "-",
};

pub const ONE_WAY: Check = Check {
    code: "MESH0473",
    severity: Error,
    title: "credentials in one direction only",
    meaning: "The other cluster reads this one's endpoints, and this one has no credentials for the \
        other: requests from here never reach it, and those from there do.",
    remedy: "Make the missing Secret.",
    source: "istio.io, install/multicluster",
};

pub const NO_WAY: Check = Check {
    code: "MESH0474",
    severity: Error,
    title: "two clusters of a mesh that do not know each other",
    meaning: "Neither cluster has credentials for the other: each calls its own pods only.",
    remedy: "Make both Secrets.",
    source: "istio.io, install/multicluster",
};

pub const FOREIGN_ACCOUNT: Check = Check {
    code: "MESH0475",
    severity: Warning,
    title: "a service account that Helm will not take over",
    meaning: "The reader account was made by istioctl create-remote-secret and lacks Helm's marks: a \
        later Helm installation of Istio's base chart refuses to adopt it.",
    remedy: "Give it the marks of the release.",
    source: "istio-ecosystem/sail-operator issue 536",
};

pub const SEVERAL_TOKENS: Check = Check {
    code: "MESH0476",
    severity: Warning,
    title: "several tokens of one reader that never end",
    meaning: "The reader account has several token Secrets, as OpenShift makes them or as a rotation \
        leaves them. istioctl refuses to choose, or takes the first; each of them opens the \
        cluster to whoever has it.",
    remedy: "Delete those that no cluster uses.",
    source: "istio/istio issues 30565 and 38246",
};

/// All of them.
pub const ALL: &[Check] =
    &[WRONG_KEY, UNKNOWN_CLUSTER, ONE_WAY, NO_WAY, FOREIGN_ACCOUNT, SEVERAL_TOKENS];
