//! What a capture has of an object. Nothing is taken out: only what is on these lists is put in,
//! so what nobody thought of is not shown.

mod config;
mod container;
mod kubeconfig;
mod metadata;
pub mod secret;
mod shape;

use meshcore::Address;
use meshstate::Resource;
use serde_json::{Value, json};
use shape::Shape::{self, All, Each, Fields, With};

/// What stands in the place of what was secret.
const REDACTED: &str = "redacted";

/// The part of an object that tells of the mesh. `None` for one that tells nothing of it.
#[must_use]
pub fn redact(resource: Resource, api_version: &str, object: Value) -> Option<Value> {
    let kept = match resource {
        Resource::Secrets => secret::keep(object)?,
        Resource::ConfigMaps => config::keep(object)?,
        _ => keep(resource, object)?,
    };
    let mut kept = kept;
    kept["apiVersion"] = json!(api_version);
    kept["kind"] = json!(resource.kind());
    Some(kept)
}

fn keep(resource: Resource, object: Value) -> Option<Value> {
    if resource == Resource::MutatingWebhookConfigurations && !is_injector(&object) {
        return None;
    }
    shape_of(resource).keep(object)
}

/// An address, without a password that may be in it.
const ADDRESS: Shape = With(|value| Some(json!(Address::of(value.as_str()?))));

const METADATA: Shape = With(metadata::keep);

const STATUS_CONDITIONS: Shape = Each(&Fields(&[("type", All), ("status", All)]));

const CONTAINERS: Shape = Each(&With(container::keep));

const POD_SPEC: Shape = Fields(&[
    ("containers", CONTAINERS),
    ("hostNetwork", All),
    ("initContainers", CONTAINERS),
    ("nodeName", All),
    ("serviceAccountName", All),
]);

const WORKLOAD: Shape = Fields(&[
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("replicas", All),
            ("selector", All),
            ("template", Fields(&[("metadata", METADATA), ("spec", POD_SPEC)])),
        ]),
    ),
    (
        "status",
        Fields(&[
            ("availableReplicas", All),
            ("desiredNumberScheduled", All),
            ("numberReady", All),
            ("readyReplicas", All),
            ("replicas", All),
            ("updatedReplicas", All),
        ]),
    ),
]);

/// Where it leads and what it selects; its conditions are expressions, of which only the number is
/// read.
const WEBHOOK: Shape = Fields(&[
    ("name", All),
    (
        "clientConfig",
        Fields(&[("caBundle", With(kubeconfig::certificates)), ("service", All), ("url", ADDRESS)]),
    ),
    ("admissionReviewVersions", All),
    ("failurePolicy", All),
    ("matchConditions", Each(&With(|_| Some(json!({}))))),
    ("matchPolicy", All),
    ("namespaceSelector", All),
    ("objectSelector", All),
    ("reinvocationPolicy", All),
    ("rules", All),
    ("sideEffects", All),
    ("timeoutSeconds", All),
]);

/// Routes without the headers that they set or match.
const ROUTES: Shape = Each(&Fields(&[
    ("name", All),
    ("route", Each(&Fields(&[("destination", All), ("weight", All)]))),
]));

/// A server of Istio's Gateway. `privateKey` and the like are paths, in which keys have been seen.
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

fn shape_of(resource: Resource) -> Shape {
    match resource {
        Resource::Namespaces => Fields(&[("metadata", METADATA), ("status", All)]),
        Resource::Nodes => Fields(&[
            ("metadata", METADATA),
            ("spec", Fields(&[("podCIDR", All), ("podCIDRs", All), ("providerID", All)])),
            (
                "status",
                Fields(&[
                    ("addresses", All),
                    ("conditions", STATUS_CONDITIONS),
                    ("nodeInfo", Fields(&[("kubeletVersion", All)])),
                ]),
            ),
        ]),
        Resource::Services => Fields(&[("metadata", METADATA), ("spec", All), ("status", All)]),
        Resource::Endpoints => Fields(&[("metadata", METADATA), ("subsets", All)]),
        Resource::Pods => Fields(&[
            ("metadata", METADATA),
            ("spec", POD_SPEC),
            (
                "status",
                Fields(&[
                    ("conditions", STATUS_CONDITIONS),
                    ("hostIP", All),
                    ("phase", All),
                    ("podIP", All),
                    ("podIPs", All),
                    ("startTime", All),
                ]),
            ),
        ]),
        Resource::ServiceAccounts => Fields(&[("metadata", METADATA), ("secrets", All)]),
        Resource::Deployments | Resource::StatefulSets | Resource::DaemonSets => WORKLOAD,
        Resource::MutatingWebhookConfigurations => {
            Fields(&[("metadata", METADATA), ("webhooks", Each(&WEBHOOK))])
        }
        Resource::VirtualServices => Fields(&[
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
        ]),
        // Its probe may send headers.
        Resource::WorkloadGroups => Fields(&[
            ("metadata", METADATA),
            ("spec", Fields(&[("metadata", METADATA), ("template", All)])),
        ]),
        Resource::Gateways => Fields(&[
            ("metadata", METADATA),
            (
                "spec",
                Fields(&[
                    ("addresses", All),
                    ("gatewayClassName", All),
                    (
                        "infrastructure",
                        Fields(&[("annotations", With(metadata::annotations)), ("labels", All)]),
                    ),
                    ("listeners", All),
                ]),
            ),
            ("status", Fields(&[("addresses", All), ("conditions", STATUS_CONDITIONS)])),
        ]),
        Resource::IstioGateways => Fields(&[
            ("metadata", METADATA),
            ("spec", Fields(&[("selector", All), ("servers", Each(&ISTIO_SERVER))])),
        ]),
        Resource::ControlPlaneRevisions => Fields(&[
            ("metadata", METADATA),
            ("spec", All),
            ("status", Fields(&[("addresses", All), ("conditions", STATUS_CONDITIONS)])),
        ]),
        Resource::ServiceCidrs
        | Resource::DestinationRules
        | Resource::ServiceEntries
        | Resource::WorkloadEntries
        | Resource::PeerAuthentications => Fields(&[("metadata", METADATA), ("spec", All)]),
        // These two have modules of their own.
        Resource::Secrets | Resource::ConfigMaps => Fields(&[]),
    }
}

/// Whether a configuration is for Istio's sidecars: by label, or by its webhooks' names.
fn is_injector(configuration: &Value) -> bool {
    let labels = &configuration["metadata"]["labels"];
    let webhooks = configuration["webhooks"].as_array();
    labels["app"] == "sidecar-injector"
        || !labels["istio.io/rev"].is_null()
        || webhooks.into_iter().flatten().any(|webhook| {
            webhook["name"].as_str().is_some_and(|n| n.ends_with("sidecar-injector.istio.io"))
        })
}
