//! What a capture has of an object. Nothing is taken out: only what is on these lists is put in,
//! so what nobody thought of is not shown.

mod config;
mod container;
mod kubeconfig;
mod metadata;
pub mod secret;
mod shape;

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

/// Routes without the headers that they set or match.
const ROUTES: Shape = Each(&Fields(&[
    ("name", All),
    ("route", Each(&Fields(&[("destination", All), ("weight", All)]))),
]));

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
            Fields(&[("metadata", METADATA), ("webhooks", All)])
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
        Resource::Gateways | Resource::ControlPlaneRevisions => Fields(&[
            ("metadata", METADATA),
            ("spec", All),
            ("status", Fields(&[("addresses", All), ("conditions", STATUS_CONDITIONS)])),
        ]),
        Resource::ServiceCidrs
        | Resource::IstioGateways
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
