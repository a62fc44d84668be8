//! Services that several clusters have.

use crate::table::Check;
use meshcore::finding::Severity::{Error, Warning};

pub const DIFFERS: Check = Check {
    code: "MESH0721",
    severity: Error,
    title: "one service with different ports",
    meaning: "Clusters define a service of one name and namespace differently: its ports, or with an \
        address of its own in one and headless in another. istiod takes ports and addresses from \
        one of them, so some endpoints are called at ports that they do not have.",
    remedy: "Give all the same definition.",
    source: "istio/istio issues 46105 and 43972, analyzer message IST0170",
};

pub const UNKNOWN_NAME: Check = Check {
    code: "MESH0722",
    severity: Warning,
    title: "a service that another cluster cannot resolve",
    meaning: "The namespace is in the mesh here and there, and the service is not defined in this \
        cluster: the name does not resolve for its pods, and the request never gets to the \
        proxy.",
    remedy: "Make the Service in this cluster too (it needs no pods), or let proxies answer DNS \
        (ISTIO_META_DNS_CAPTURE).",
    source: "istio/istio issues 31760, 17087, 29969, 36349 and 40392",
};

pub const STAYS_LOCAL: Check = Check {
    code: "MESH0723",
    severity: Warning,
    title: "a service that stays in its locality",
    meaning: "A DestinationRule has outlierDetection, so locality load balancing acts: as long as \
        there are healthy endpoints in the caller's region, no other cluster is ever called. \
        That is failover as it should be; it is no load balancing over clusters.",
    remedy: "If all clusters are to answer, switch localityLbSetting off for the service.",
    source: "istio/istio issues 35704, 41104, 39203 and 31340",
};

pub const STATEFUL: Check = Check {
    code: "MESH0724",
    severity: Warning,
    title: "a StatefulSet that is shared by accident",
    meaning: "Several clusters have a StatefulSet behind one headless service, and nothing keeps it \
        within its cluster: a client gets members of both sets, which know nothing of each \
        other.",
    remedy: "Keep the service local: serviceSettings with clusterLocal in the mesh config.",
    source: "istio/istio issue 33848",
};

pub const PLAIN_TEXT: Check = Check {
    code: "MESH0725",
    severity: Error,
    title: "a service without mutual TLS that crosses networks",
    meaning: "A DestinationRule or a PeerAuthentication switches mutual TLS off for a service which \
        clusters of other networks call. Gateways between networks route by the SNI of the \
        mesh's TLS: plain text is reset.",
    remedy: "Use ISTIO_MUTUAL or leave the mode out.",
    source: "istio/istio issue 52875",
};

pub const NOT_THERE: Check = Check {
    code: "MESH0726",
    severity: Error,
    title: "a service that is not there",
    meaning: "Only --why says so: the cluster that is to answer has no Service of this name in this \
        namespace.",
    remedy: "Deploy it there, or correct the name.",
    source: "-",
};

pub const NO_ENDPOINTS: Check = Check {
    code: "MESH0727",
    severity: Error,
    title: "a service without a ready pod",
    meaning: "Only --why says so: no pod that the Service selects is ready, so istiod has no \
        endpoint of it to tell other clusters.",
    remedy: "See why its pods are not ready.",
    source: "Kubernetes, EndpointSlices",
};

pub const KEPT_BACK: Check = Check {
    code: "MESH0728",
    severity: Error,
    title: "a service that is kept from other clusters",
    meaning: "Only --why says so: the mesh config keeps the service within its cluster \
        (serviceSettings, clusterLocal), or it is exported to its own namespace or to nobody \
        (exportTo).",
    remedy: "Take the setting back, if others are to call the service.",
    source: "Istio, MeshConfig.serviceSettings; annotation networking.istio.io/exportTo",
};

pub const LED_AWAY: Check = Check {
    code: "MESH0729",
    severity: Error,
    title: "a route that leads elsewhere",
    meaning: "Only --why says so: a VirtualService in the caller's cluster routes the requests to \
        another host, or to a subset of which the other cluster has no pod. Between networks the \
        subset has to be known in the called cluster, too: its gateway lets through only what a \
        DestinationRule there names.",
    remedy: "Correct the route, or give both clusters the same DestinationRule.",
    source: "istiod's own code (pilot/pkg/networking/core, Istio 1.31)",
};

pub const OWN_PODS: Check = Check {
    code: "MESH0730",
    severity: Error,
    title: "a headless service whose name leads to its own cluster",
    meaning: "Only --why says so: the service has no address in the caller's cluster, so its name \
        resolves to the pods of that cluster alone, and proxies send requests to just these.",
    remedy: "Give the service an address, or let proxies answer DNS (ISTIO_META_DNS_CAPTURE).",
    source: "istiod's own code (pilot/pkg/networking/core, Istio 1.31)",
};

pub const DENIED: Check = Check {
    code: "MESH0731",
    severity: Error,
    title: "a service that lets nobody in",
    meaning: "Only --why says so: an AuthorizationPolicy for the service's pods allows and has no \
        rule, so that nobody is allowed.",
    remedy: "Give it the rules that are meant, or remove it.",
    source: "Istio, AuthorizationPolicy",
};

/// All of them.
pub const ALL: &[Check] = &[
    DIFFERS,
    UNKNOWN_NAME,
    STAYS_LOCAL,
    STATEFUL,
    PLAIN_TEXT,
    NOT_THERE,
    NO_ENDPOINTS,
    KEPT_BACK,
    LED_AWAY,
    OWN_PODS,
    DENIED,
];
