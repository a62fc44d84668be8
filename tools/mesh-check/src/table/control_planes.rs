//! The control planes.

use crate::table::Check;
use meshcore::finding::Severity::{Error, Warning};

pub const NOT_READY: Check = Check {
    code: "MESH0701",
    severity: Error,
    title: "a control plane of which no replica is ready",
    meaning: "No replica of istiod is ready. Proxies keep what they know: they learn of no new \
        endpoint here or elsewhere, get no new certificates, and no pod is injected.",
    remedy: "See why its pods are not ready, and restart it.",
    source: "Istio, Deployment istiod",
};

pub const NONE: Check = Check {
    code: "MESH0702",
    severity: Error,
    title: "a cluster without a control plane and without another's",
    meaning: "The cluster has neither an istiod nor a managed control plane, and its proxies are not \
        told of one in another cluster. Nobody configures proxies here.",
    remedy: "Install a control plane, or make it a remote cluster of one that has one.",
    source: "istio.io, install/multicluster",
};

pub const VERSIONS: Check = Check {
    code: "MESH0703",
    severity: Warning,
    title: "versions more than one minor apart",
    meaning: "Control planes of one mesh are more than one minor version apart. Istio supports a data \
        plane one minor version behind its control plane; proxies of clusters that are further \
        apart talk to each other all the same, which nobody tests.",
    remedy: "Upgrade the older one, minor by minor.",
    source: "istio.io, releases/supported-releases: control plane and data plane skew",
};

pub const PROXY_VERSION: Check = Check {
    code: "MESH0704",
    severity: Warning,
    title: "proxies of a version that their control plane is not made for",
    meaning: "Pods run a proxy that is newer than their control plane, or more than one minor version \
        older.",
    remedy: "Restart their workloads, so that they are injected again.",
    source: "istio.io, releases/supported-releases: control plane and data plane skew",
};

pub const WIPES_ENDPOINTS: Check = Check {
    code: "MESH0705",
    severity: Warning,
    title: "an istiod that forgets endpoints when a remote Secret changes",
    meaning: "Istio 1.30.1 to 1.30.3 drops all endpoints of a cluster when its remote Secret is \
        changed, until istiod is restarted: a rotated token cuts the cluster off.",
    remedy: "Upgrade to 1.30.4. Until then restart istiod after each change of a remote Secret.",
    source: "istio/istio issue 61043, PR 61044",
};

pub const NO_TIMEOUT: Check = Check {
    code: "MESH0706",
    severity: Warning,
    title: "an istiod that waits for other clusters for ever",
    meaning: "PILOT_REMOTE_CLUSTER_TIMEOUT is 0: an istiod that is started while another cluster's API \
        server does not answer never becomes ready.",
    remedy: "Remove the variable, which is 30s by default.",
    source: "istio/istio issues 33564 and 45992",
};

pub const STARTS: Check = Check {
    code: "MESH0707",
    severity: Warning,
    title: "a control plane that is on its way",
    meaning: "No replica of istiod is ready yet, and its pods were made within the last ten minutes.",
    remedy: "Wait for it, and check again.",
    source: "Kubernetes, Deployment progressDeadlineSeconds",
};

/// All of them.
pub const ALL: &[Check] =
    &[NOT_READY, NONE, VERSIONS, PROXY_VERSION, WIPES_ENDPOINTS, NO_TIMEOUT, STARTS];
