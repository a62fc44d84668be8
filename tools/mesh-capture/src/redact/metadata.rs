//! Metadata: of annotations, which hold anything, only those of well-known domains.

use super::shape::Shape::{self, All, Each, Fields, With};
use serde_json::{Map, Value};

/// Where a client-side `kubectl apply` keeps a copy of the manifest, values and all.
pub const COPY: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Whose annotations say what Kubernetes, Istio, a cloud or Helm does, and never hold a secret.
const DOMAINS: [&str; 9] = [
    "istio.io",
    "kubernetes.io",
    "k8s.io",
    "cloud.google.com",
    "gke.io",
    "amazonaws.com",
    "azure.com",
    "helm.sh",
    "meshutils",
];

const KEPT: Shape = Fields(&[
    ("annotations", With(annotations)),
    ("creationTimestamp", All),
    ("deletionTimestamp", All),
    ("labels", All),
    ("name", All),
    ("namespace", All),
    (
        "ownerReferences",
        Each(&Fields(&[
            ("apiVersion", All),
            ("controller", All),
            ("kind", All),
            ("name", All),
            ("uid", All),
        ])),
    ),
    ("uid", All),
]);

/// The metadata of any object but a Secret.
pub fn keep(metadata: Value) -> Option<Value> {
    KEPT.keep(metadata)
}

fn annotations(annotations: Value) -> Option<Value> {
    let Value::Object(annotations) = annotations else { return None };
    let kept: Map<String, Value> =
        annotations.into_iter().filter(|(key, _)| key != COPY && is_well_known(key)).collect();
    (!kept.is_empty()).then_some(Value::Object(kept))
}

fn is_well_known(key: &str) -> bool {
    let Some((domain, _)) = key.split_once('/') else { return false };
    DOMAINS.iter().any(|known| {
        domain.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn annotations_of_strangers_are_left_out() {
        let metadata = json!({
            "name": "a", "resourceVersion": "1", "managedFields": [{"manager": "x"}],
            "annotations": {
                COPY: "{\"data\":{}}", "note": "secret", "vault.example.com/token": "secret",
                "evil-istio.io/x": "secret",
                "sidecar.istio.io/inject": "true", "networking.gke.io/load-balancer-type": "Internal",
                "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
            },
            "ownerReferences": [{"kind": "ReplicaSet", "name": "r", "blockOwnerDeletion": true}],
        });
        assert_eq!(
            keep(metadata),
            Some(json!({
                "name": "a",
                "annotations": {
                    "sidecar.istio.io/inject": "true",
                    "networking.gke.io/load-balancer-type": "Internal",
                    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
                },
                "ownerReferences": [{"kind": "ReplicaSet", "name": "r"}],
            }))
        );
        assert_eq!(
            keep(json!({"name": "a", "annotations": {"x": "y"}})),
            Some(json!({"name": "a"}))
        );
    }
}
