//! Objects for the tests, as kubectl prints them.

use crate::{Evidence, Name, read};
use meshcore::Result;
use meshcore::input::Source;
use serde_json::{Value, json};

pub fn try_read(objects: &[Value]) -> Result<Evidence> {
    let bytes = json!(objects).to_string().into_bytes();
    read(&[Source::new("stdin".to_owned(), bytes).unwrap()])
}

/// What these objects tell.
pub fn evidence(objects: &[Value]) -> Evidence {
    try_read(objects).unwrap()
}

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn metadata(name: &str, labels: Value) -> Value {
    json!({"name": name, "namespace": "istio-system", "labels": labels})
}

pub fn deployment(revision: &str, ready: u32, total: u32) -> Value {
    let labels = json!({"app": "istiod", "istio.io/rev": revision});
    json!({
        "kind": "Deployment",
        "metadata": metadata(&format!("istiod-{revision}"), labels),
        "spec": {"replicas": total},
        "status": {"readyReplicas": ready},
    })
}

pub fn pod(name: &str, revision: &str, status: Value) -> Value {
    let labels = json!({"app": "istiod", "istio.io/rev": revision});
    json!({"kind": "Pod", "metadata": metadata(name, labels), "status": status})
}

pub fn is_ready(status: &str) -> Value {
    let conditions = json!([
        {"type": "PodScheduled", "status": "True"},
        {"type": "Ready", "status": status},
    ]);
    json!({"phase": "Running", "conditions": conditions})
}

pub fn webhook(name: &str, labels: Value, webhooks: Value) -> Value {
    json!({
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name, "labels": labels},
        "webhooks": webhooks,
    })
}

pub fn managed(name: &str, channel: Value, conditions: Value) -> Value {
    json!({
        "kind": "ControlPlaneRevision",
        "metadata": {"name": name, "namespace": "istio-system"},
        "spec": {"channel": channel},
        "status": {"conditions": conditions},
    })
}

pub fn config_map(name: &str, key: &str) -> Value {
    let metadata = json!({"name": name, "namespace": "istio-system"});
    json!({"kind": "ConfigMap", "metadata": metadata, "data": {key: ""}})
}

/// The entries that the chart istio-discovery of 1.30 gives a revision or tag; `default` gets
/// the default plane's, too.
pub fn webhooks(name: &str) -> Value {
    let is = |key: &str, operator: &str, values: &[&str]| json!({"key": key, "operator": operator, "values": values});
    let absent = |key: &str| json!({"key": key, "operator": "DoesNotExist"});
    let entry = |namespace: Value, object: Value| {
        json!({
            "namespaceSelector": {"matchExpressions": namespace},
            "objectSelector": {"matchExpressions": object},
        })
    };
    let (rev, injection) = ("istio.io/rev", "istio-injection");
    let inject = "sidecar.istio.io/inject";
    let not_refused = is(inject, "NotIn", &["false"]);
    let mut all = vec![
        entry(json!([is(rev, "In", &[name]), absent(injection)]), json!([not_refused])),
        entry(
            json!([absent(rev), absent(injection)]),
            json!([not_refused, is(rev, "In", &[name])]),
        ),
    ];
    if name == "default" {
        all.push(entry(json!([is(injection, "In", &["enabled"])]), json!([not_refused])));
        all.push(entry(
            json!([absent(injection), absent(rev)]),
            json!([is(inject, "In", &["true"]), absent(rev)]),
        ));
    }
    json!(all)
}

/// Entries that istioctl has turned off.
pub fn deactivated() -> Value {
    let never = json!({"matchLabels": {"istio.io/deactivated": "never-match"}});
    json!([{"namespaceSelector": never, "objectSelector": never}])
}

pub fn revision_webhook(revision: &str) -> Value {
    let labels = json!({"app": "sidecar-injector", "istio.io/rev": revision});
    webhook(&format!("istio-sidecar-injector-{revision}"), labels, webhooks(revision))
}

pub fn tag_webhook(tag: &str, revision: &str) -> Value {
    let labels = json!({"istio.io/tag": tag, "istio.io/rev": revision});
    webhook(&format!("istio-revision-tag-{tag}"), labels, webhooks(tag))
}
