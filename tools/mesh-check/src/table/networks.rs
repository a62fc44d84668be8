//! Which network a cluster says it is in.

use crate::table::Check;
use meshcore::finding::Severity::{Error, Warning};

pub const LABEL: Check = Check {
    code: "MESH0601",
    severity: Warning,
    title: "a network label that contradicts what proxies are told",
    meaning: "The label topology.istio.io/network of istiod's namespace and the injector's \
        global.network differ. Pods with a sidecar carry the injector's network, so that traffic \
        to them is right; what nobody labelled (pods without a sidecar, machines, older pods) is \
        placed in the namespace's network, and called at addresses that lead nowhere.",
    remedy: "Make the label what proxies are told; what proxies are told changes with an installation \
        and a restart only.",
    source: "istio/istio issues 30376, 39712, 49412 and 58538",
};

pub const MISSING: Check = Check {
    code: "MESH0602",
    severity: Error,
    title: "a cluster without a network among clusters with one",
    meaning: "Other clusters of the mesh are in named networks, and this one is in none. istiod takes \
        its endpoints to be reachable from everywhere, and everything to be reachable from its \
        proxies: no gateway is ever used.",
    remedy: "Label istiod's namespace with the cluster's network, and install with global.network.",
    source: "istio/istio issue 39712",
};

pub const NO_ROUTE: Check = Check {
    code: "MESH0603",
    severity: Error,
    title: "one network for clusters that no route joins",
    meaning: "Two clusters share a network, so istiod sends traffic between them straight to pods, and \
        no route can lead there. Requests to the other cluster time out, and no gateway is ever \
        used.",
    remedy: "Give each a network of its own, and each an east-west gateway.",
    source: "istio/istio issues 29359 and 42144",
};

pub const UNJOINED: Check = Check {
    code: "MESH0604",
    severity: Warning,
    title: "one network for clusters that only made routes join",
    meaning: "Two clusters share a network and are on different VPC networks or clouds: pods reach \
        each other only if somebody joined them by peering or a VPN.",
    remedy: "Make sure that pods reach each other (mesh-probe tells), or give each a network of its \
        own.",
    source: "istio/istio issue 29359",
};

pub const UNKNOWN_CLUSTER: Check = Check {
    code: "MESH0605",
    severity: Warning,
    title: "a network of a cluster that nobody knows",
    meaning: "meshNetworks places the endpoints of a cluster (fromRegistry) that is neither this one \
        nor one with a remote Secret here: the entry does nothing.",
    remedy: "Correct fromRegistry to the cluster's ID, or give istiod the cluster's credentials.",
    source: "Istio, analyzer message IST0126",
};

pub const PODS: Check = Check {
    code: "MESH0606",
    severity: Error,
    title: "pods that are taken to be in another network than their cluster",
    meaning: "Only --why says so: by their label topology.istio.io/network, or that of the caller's \
        pods, istiod takes both to be in one network or the pods to be in one without a gateway. \
        It gives their own addresses, which are not reached from the caller's cluster.",
    remedy: "Correct or remove the label in the pods' template, and restart them.",
    source: "istiod's own code (pilot/pkg/xds/endpoints, Istio 1.31)",
};

/// All of them.
pub const ALL: &[Check] = &[LABEL, MISSING, NO_ROUTE, UNJOINED, UNKNOWN_CLUSTER, PODS];
