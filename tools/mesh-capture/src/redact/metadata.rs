//! Metadata: of annotations, which hold anything, only those that a check reads.

use super::shape::Shape::{self, All, Each, Fields, With};
use super::{REDACTED, config};
use serde_json::{Map, Value, json};

/// Where a client-side `kubectl apply` keeps a copy of the manifest, values and all.
pub const COPY: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Annotations that say what Kubernetes, Istio, a cloud or Helm does, and that a check reads: each
/// by its name, as anybody may write anything under any domain.
const KNOWN: [(&str, Shape); 19] = [
    ("cloud.google.com/app-protocols", All),
    ("cloud.google.com/load-balancer-type", All),
    ("cloud.google.com/neg", All),
    ("istio.io/autoRegistrationGroup", All),
    ("istio.io/rev", All),
    ("kubernetes.io/service-account.name", All),
    ("meshutils/cluster", All),
    ("meta.helm.sh/release-name", All),
    ("meta.helm.sh/release-namespace", All),
    ("networking.gke.io/load-balancer-type", All),
    ("networking.istio.io/exportTo", All),
    ("networking.istio.io/traffic-distribution", All),
    ("proxy.istio.io/config", With(config::of_proxy)),
    ("service.beta.kubernetes.io/aws-load-balancer-backend-protocol", All),
    ("service.beta.kubernetes.io/azure-load-balancer-internal", All),
    ("sidecar.istio.io/inject", All),
    ("sidecar.istio.io/status", With(mark)),
    ("topology.istio.io/controlPlaneClusters", All),
    ("traffic.istio.io/nodeSelector", All),
];

/// Of these it is enough that they are there.
const MARKS: [&str; 1] = ["service.beta.kubernetes.io/aws-load-balancer-ssl-cert"];

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

/// The annotations that a check reads.
pub fn annotations(annotations: Value) -> Option<Value> {
    let Value::Object(annotations) = annotations else { return None };
    let keep = |(key, value): (String, Value)| {
        if MARKS.contains(&key.as_str()) {
            return Some((key, json!(REDACTED)));
        }
        let (_, shape) = KNOWN.iter().find(|(known, _)| *known == key)?;
        shape.keep(value).map(|kept| (key, kept))
    };
    let kept: Map<String, Value> = annotations.into_iter().filter_map(keep).collect();
    (!kept.is_empty()).then_some(Value::Object(kept))
}

/// What the injector notes in a pod, of which only the revision is read.
fn mark(status: Value) -> Option<Value> {
    let status: Value = serde_json::from_str(status.as_str()?).unwrap_or_default();
    let kept = Fields(&[("revision", All)]).keep(status).unwrap_or_else(|| json!({}));
    Some(json!(kept.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_of_strangers_are_left_out() {
        let metadata = json!({
            "name": "a", "resourceVersion": "1", "managedFields": [{"manager": "x"}],
            "annotations": {
                COPY: "{\"data\":{}}", "note": "secret", "vault.example.com/token": "secret",
                "evil-istio.io/x": "secret", "kubernetes.io/change-cause": "secret",
                "nginx.ingress.kubernetes.io/configuration-snippet": "secret",
                "external-dns.alpha.kubernetes.io/hostname": "secret",
                "sidecar.istio.io/bootstrapOverride": "secret", "sidecar.istio.io/userVolume": "secret",
                "proxy.istio.io/config": "meshId: m\ntracing: {lightstep: {accessToken: secret}}\n\
                    proxyMetadata: {X: secret, ISTIO_META_NETWORK: n1}\n\
                    discoveryAddress: u:secret@istiod:15012\n",
                "sidecar.istio.io/status": "{\"revision\": \"r\", \"containers\": [\"secret\"]}",
                "service.beta.kubernetes.io/aws-load-balancer-ssl-cert": "secret",
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
                    "proxy.istio.io/config": "discoveryAddress: istiod:15012\nmeshId: m\n\
                        proxyMetadata:\n  ISTIO_META_NETWORK: n1\n",
                    "service.beta.kubernetes.io/aws-load-balancer-ssl-cert": "redacted",
                    "sidecar.istio.io/inject": "true",
                    "sidecar.istio.io/status": "{\"revision\":\"r\"}",
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
