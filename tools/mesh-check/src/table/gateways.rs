//! The gateways between networks.

use crate::table::Check;
use meshcore::finding::Severity::{Error, Warning};

pub const NONE: Check = Check {
    code: "MESH0611",
    severity: Error,
    title: "a network that nobody can enter",
    meaning: "Clusters of other networks read endpoints of this network, and it has no gateway: no \
        Service with its label topology.istio.io/network, none in meshNetworks and no east-west \
        Gateway of ambient. Sidecars are given the addresses of its pods themselves, which nobody \
        reaches from another network: a share of the requests times out. Waypoints are given none.",
    remedy: "Make an east-west gateway.",
    source: "istio/istio issues 39712 and 39930; pilot/pkg/xds/endpoints/ep_filters.go",
};

pub const OTHER_NETWORK: Check = Check {
    code: "MESH0612",
    severity: Error,
    title: "a gateway labelled with another network",
    meaning: "The gateway's Service is labelled with another network than its cluster is in. The \
        others send traffic for that network here, and for this cluster elsewhere.",
    remedy: "Label the Service with the cluster's network.",
    source: "istio/istio issues 49412, 54909 and 58538",
};

pub const NO_PORT: Check = Check {
    code: "MESH0613",
    severity: Error,
    title: "a gateway without a port for other networks",
    meaning: "The gateway's Service has neither port 15443 (or the one that its label \
        networking.istio.io/gatewayPort names) nor 15008 of ambient: istiod passes it over.",
    remedy: "Add the port tls 15443 to the Service.",
    source: "istio/istio pilot/pkg/serviceregistry/kube/controller/network.go",
};

pub const NO_ADDRESS: Check = Check {
    code: "MESH0614",
    severity: Error,
    title: "a gateway without an address",
    meaning: "The gateway's Service has no address that other networks could use: its load balancer is \
        pending, it is of type ClusterIP, or of type NodePort without the annotation \
        traffic.istio.io/nodeSelector or without nodes with external addresses. Where the network has \
        no other gateway, sidecars are given the addresses of its pods themselves, and requests to \
        these time out.",
    remedy: "Get it an address; mesh-lbaddr says what is missing and waits for it.",
    source: "istio/istio issues 49045, 35707, 40846, 34246 and 29605",
};

pub const HOSTNAME: Check = Check {
    code: "MESH0615",
    severity: Error,
    title: "a gateway with a name that istiod does not resolve",
    meaning: "The gateway's address is a host name, as load balancers of AWS have. istiod before 1.13 \
        takes IP addresses only, and from then on resolves names only with \
        RESOLVE_HOSTNAME_GATEWAYS, which is on unless somebody switched it off.",
    remedy: "Upgrade that istiod or switch resolution on, or state the load balancer's IP addresses \
        as externalIPs.",
    source: "istio/istio issues 29359 and 36275",
};

pub const HTTP_BALANCER: Check = Check {
    code: "MESH0616",
    severity: Error,
    title: "a gateway behind a load balancer for HTTP",
    meaning: "A load balancer that ends TLS or speaks HTTP stands in front of the gateway. Traffic \
        between networks is the mesh's own TLS, which the gateway routes by SNI and must get \
        untouched.",
    remedy: "Let the Service ask for a load balancer of layer 4.",
    source: "istio.io issues 17065 and 16648",
};

pub const PODS: Check = Check {
    code: "MESH0617",
    severity: Error,
    title: "a gateway of which no pod is ready",
    meaning: "No pod that the gateway's Service selects is ready: its address is known to the other \
        networks, and nobody answers there.",
    remedy: "See why its pods are not ready, and restart them.",
    source: "Istio, Deployment istio-eastwestgateway",
};

pub const NOT_INJECTED: Check = Check {
    code: "MESH0618",
    severity: Error,
    title: "a gateway whose proxy was never injected",
    meaning: "The gateway's pods run the image \"auto\", which stands for the one that an injector \
        puts there; no injector did. The namespace or the pods are not labelled for a control \
        plane that is here.",
    remedy: "Label the gateway's namespace for the cluster's control plane, and restart the gateway.",
    source: "istio/istio issues 39282, 46307 and 29234, istio.io issue 8745",
};

pub const NOT_EXPOSED: Check = Check {
    code: "MESH0619",
    severity: Error,
    title: "a gateway that lets no service through",
    meaning: "There is no Gateway resource with AUTO_PASSTHROUGH at port 15443 for this gateway's \
        pods. Connections from other networks are reset. For the gateway of a remote cluster it has to \
        be in the primary cluster, whose istiod configures it.",
    remedy: "Expose the services: mesh-expose services.",
    source: "istio.io, install/multicluster; samples/multicluster/expose-services.yaml",
};

pub const AMBIENT: Check = Check {
    code: "MESH0620",
    severity: Warning,
    title: "an ambient gateway that istiod does not run",
    meaning: "There is a Gateway of the class istio-east-west, and istiod runs without \
        AMBIENT_ENABLE_MULTI_NETWORK=true: it ignores the Gateway.",
    remedy: "Set the variable.",
    source: "istio/istio issue 61719; pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go",
};

pub const STARTS: Check = Check {
    code: "MESH0621",
    severity: Warning,
    title: "a gateway whose pods are on their way",
    meaning: "No pod of the gateway is ready yet, and the newest was made within the last ten \
        minutes: it may be pulling its image, or waiting for its control plane.",
    remedy: "Wait for it, and check again.",
    source: "Kubernetes, Deployment progressDeadlineSeconds",
};

/// All of them.
pub const ALL: &[Check] = &[
    NONE,
    OTHER_NETWORK,
    NO_PORT,
    NO_ADDRESS,
    HOSTNAME,
    HTTP_BALANCER,
    PODS,
    NOT_INJECTED,
    NOT_EXPOSED,
    AMBIENT,
    STARTS,
];
