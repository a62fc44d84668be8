//! What is kept of Istio's and the Gateway API's objects: what decides where traffic goes and how
//! it is encrypted. Their texts are free, and paths of keys have been seen to hold the keys.

use super::shape::Shape::{self, All, Each, Fields, There, With};
use super::{METADATA, STATUS_CONDITIONS, metadata};
use meshstate::Resource;

/// The kept part of one of these; `None` for other kinds.
pub fn shape_of(resource: Resource) -> Option<Shape> {
    let spec = match resource {
        Resource::IstioGateways => return Some(ISTIO_GATEWAY),
        Resource::VirtualServices => return Some(VIRTUAL_SERVICE),
        Resource::DestinationRules => return Some(DESTINATION_RULE),
        Resource::ServiceEntries => SERVICE_ENTRY,
        Resource::WorkloadEntries => WORKLOAD_ENTRY,
        Resource::WorkloadGroups => WORKLOAD_GROUP,
        Resource::PeerAuthentications => PEER_AUTHENTICATION,
        Resource::AuthorizationPolicies => AUTHORIZATION_POLICY,
        Resource::Sidecars => SIDECAR,
        Resource::Gateways => GATEWAY,
        Resource::ControlPlaneRevisions => CONTROL_PLANE_REVISION,
        _ => return None,
    };
    Some(spec)
}

/// A server of Istio's Gateway, without the paths of its keys.
const ISTIO_SERVER: Shape = Fields(&[
    ("bind", All),
    ("defaultEndpoint", All),
    ("hosts", All),
    ("name", All),
    ("port", All),
    (
        "tls",
        Fields(&[
            ("credentialName", All),
            ("httpsRedirect", All),
            ("minProtocolVersion", All),
            ("mode", All),
        ]),
    ),
]);

const ISTIO_GATEWAY: Shape = Fields(&[
    ("metadata", METADATA),
    ("spec", Fields(&[("selector", All), ("servers", Each(&ISTIO_SERVER))])),
]);

/// Routes without the headers that they set or match; of what is no route only that it is there.
const ROUTES: Shape = Each(&Fields(&[
    ("delegate", There),
    ("directResponse", There),
    ("fault", There),
    ("name", All),
    ("redirect", There),
    (
        "route",
        Each(&Fields(&[
            ("destination", Fields(&[("host", All), ("port", All), ("subset", All)])),
            ("weight", All),
        ])),
    ),
]));

const VIRTUAL_SERVICE: Shape = Fields(&[
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("exportTo", All),
            ("gateways", All),
            ("hosts", All),
            ("http", ROUTES),
            ("tcp", ROUTES),
            ("tls", ROUTES),
        ]),
    ),
]);

const CLIENT_TLS: Shape = Fields(&[("mode", All)]);

const LOAD_BALANCER: Shape = Fields(&[
    (
        "localityLbSetting",
        Fields(&[
            ("distribute", All),
            ("enabled", All),
            ("failover", All),
            ("failoverPriority", All),
        ]),
    ),
    ("simple", All),
]);

const POLICY_OF_PORT: Shape = Fields(&[
    ("loadBalancer", LOAD_BALANCER),
    ("outlierDetection", All),
    ("port", All),
    ("tls", CLIENT_TLS),
]);

/// Without the paths of certificates and keys, and without cookies and headers.
const POLICY: Shape = Fields(&[
    ("loadBalancer", LOAD_BALANCER),
    ("outlierDetection", All),
    ("portLevelSettings", Each(&POLICY_OF_PORT)),
    ("tls", CLIENT_TLS),
]);

const DESTINATION_RULE: Shape = Fields(&[
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("exportTo", All),
            ("host", All),
            (
                "subsets",
                Each(&Fields(&[("labels", All), ("name", All), ("trafficPolicy", POLICY)])),
            ),
            ("trafficPolicy", POLICY),
            ("workloadSelector", Fields(&[("matchLabels", All)])),
        ]),
    ),
]);

const ENDPOINT: Shape = Fields(&[
    ("address", All),
    ("labels", All),
    ("locality", All),
    ("network", All),
    ("ports", All),
    ("serviceAccount", All),
    ("weight", All),
]);

const SERVICE_ENTRY: Shape = Fields(&[
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("addresses", All),
            ("endpoints", Each(&ENDPOINT)),
            ("exportTo", All),
            ("hosts", All),
            ("location", All),
            ("ports", All),
            ("resolution", All),
            ("subjectAltNames", All),
            ("workloadSelector", Fields(&[("labels", All)])),
        ]),
    ),
]);

const WORKLOAD_ENTRY: Shape = Fields(&[("metadata", METADATA), ("spec", ENDPOINT)]);

/// Without its probe, which may send headers.
const WORKLOAD_GROUP: Shape = Fields(&[
    ("metadata", METADATA),
    ("spec", Fields(&[("metadata", METADATA), ("template", ENDPOINT)])),
]);

const PEER_AUTHENTICATION: Shape = Fields(&[
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("mtls", Fields(&[("mode", All)])),
            ("portLevelMtls", All),
            ("selector", Fields(&[("matchLabels", All)])),
        ]),
    ),
]);

/// Without the hosts, paths and claims of its rules: only how many there are.
const AUTHORIZATION_POLICY: Shape = Fields(&[
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("action", All),
            ("rules", Each(&There)),
            ("selector", Fields(&[("matchLabels", All)])),
            ("targetRef", There),
            ("targetRefs", Each(&There)),
        ]),
    ),
]);

const SIDECAR: Shape = Fields(&[
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("egress", Each(&Fields(&[("hosts", All), ("port", All)]))),
            ("workloadSelector", Fields(&[("labels", All)])),
        ]),
    ),
]);

const ADDRESSES: Shape = Each(&Fields(&[("type", All), ("value", All)]));

/// A listener without the options of its TLS, which may be anything.
const LISTENER: Shape = Fields(&[
    ("allowedRoutes", All),
    ("hostname", All),
    ("name", All),
    ("port", All),
    ("protocol", All),
    ("tls", Fields(&[("certificateRefs", All), ("mode", All)])),
]);

const GATEWAY: Shape = Fields(&[
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("addresses", ADDRESSES),
            ("gatewayClassName", All),
            (
                "infrastructure",
                Fields(&[("annotations", With(metadata::annotations)), ("labels", All)]),
            ),
            ("listeners", Each(&LISTENER)),
        ]),
    ),
    ("status", Fields(&[("addresses", ADDRESSES), ("conditions", STATUS_CONDITIONS)])),
]);

const CONTROL_PLANE_REVISION: Shape = Fields(&[
    ("metadata", METADATA),
    ("spec", Fields(&[("channel", All), ("type", All)])),
    ("status", Fields(&[("conditions", STATUS_CONDITIONS)])),
]);
