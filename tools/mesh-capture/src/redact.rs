//! What a capture has of an object. Nothing is taken out: only what is on these lists is put in,
//! so what nobody thought of is not shown.

mod config;
mod container;
mod istio;
mod kubeconfig;
mod metadata;
pub mod secret;
mod shape;

use meshcore::{Address, without_credentials};
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

fn path(path: Value) -> Option<Value> {
    let without_query = path.as_str()?.split(['?', '#']).next()?;
    Some(json!(without_credentials(without_query)))
}

/// Its path may not have a query, and is kept without.
const SERVICE_OF_WEBHOOK: Shape =
    Fields(&[("name", All), ("namespace", All), ("path", With(path)), ("port", All)]);

/// Where it leads and what it selects; its conditions are expressions, of which only the number is
/// read.
const WEBHOOK: Shape = Fields(&[
    ("name", All),
    (
        "clientConfig",
        Fields(&[
            ("caBundle", With(kubeconfig::certificates)),
            ("service", SERVICE_OF_WEBHOOK),
            ("url", ADDRESS),
        ]),
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

/// Names, addresses and ports; conditions have free text.
const SERVICE: Shape = Fields(&[
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("allocateLoadBalancerNodePorts", All),
            ("clusterIP", All),
            ("clusterIPs", All),
            ("externalIPs", All),
            ("externalName", All),
            ("externalTrafficPolicy", All),
            ("healthCheckNodePort", All),
            ("internalTrafficPolicy", All),
            ("ipFamilies", All),
            ("ipFamilyPolicy", All),
            ("loadBalancerClass", All),
            ("loadBalancerIP", All),
            ("loadBalancerSourceRanges", All),
            ("ports", All),
            ("publishNotReadyAddresses", All),
            ("selector", All),
            ("sessionAffinity", All),
            ("trafficDistribution", All),
            ("type", All),
        ]),
    ),
    (
        "status",
        Fields(&[(
            "loadBalancer",
            Fields(&[(
                "ingress",
                Each(&Fields(&[("hostname", All), ("ip", All), ("ipMode", All)])),
            )]),
        )]),
    ),
]);

/// Where an API server is.
const SUBSET: Shape =
    Fields(&[("addresses", Each(&Fields(&[("hostname", All), ("ip", All)]))), ("ports", All)]);

fn shape_of(resource: Resource) -> Shape {
    match resource {
        Resource::Namespaces => {
            Fields(&[("metadata", METADATA), ("status", Fields(&[("phase", All)]))])
        }
        Resource::Nodes => Fields(&[
            ("metadata", METADATA),
            ("spec", Fields(&[("podCIDR", All), ("podCIDRs", All), ("providerID", All)])),
            (
                "status",
                Fields(&[
                    ("addresses", Each(&Fields(&[("address", All), ("type", All)]))),
                    ("conditions", STATUS_CONDITIONS),
                    ("nodeInfo", Fields(&[("kubeletVersion", All)])),
                ]),
            ),
        ]),
        Resource::Services => SERVICE,
        Resource::Endpoints => Fields(&[("metadata", METADATA), ("subsets", Each(&SUBSET))]),
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
        Resource::ServiceAccounts => Fields(&[
            ("metadata", METADATA),
            ("secrets", Each(&Fields(&[("name", All), ("namespace", All)]))),
        ]),
        Resource::Deployments | Resource::StatefulSets | Resource::DaemonSets => WORKLOAD,
        Resource::MutatingWebhookConfigurations => {
            Fields(&[("metadata", METADATA), ("webhooks", Each(&WEBHOOK))])
        }
        Resource::ServiceCidrs => {
            Fields(&[("metadata", METADATA), ("spec", Fields(&[("cidrs", All)]))])
        }
        // These have modules of their own.
        _ => istio::shape_of(resource).unwrap_or(Fields(&[])),
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
