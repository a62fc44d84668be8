//! What makes an object the same one, and what orchestrators write into it.

use serde_json::{Map, Value};

/// Group, kind, namespace and name; the version is how one looks at an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id<'a> {
    group: &'a str,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Id<'a> {
    /// Of an object; what is not there is empty.
    #[must_use]
    pub fn of(object: &'a Value) -> Self {
        let text = |value: &'a Value| value.as_str().unwrap_or_default();
        let metadata = &object["metadata"];
        Self {
            group: text(&object["apiVersion"]).split_once('/').map_or("", |(group, _)| group),
            kind: text(&object["kind"]),
            namespace: text(&metadata["namespace"]),
            name: text(&metadata["name"]),
        }
    }

    /// The same, on its own.
    #[must_use]
    pub fn owned(&self) -> [String; 4] {
        [self.group, self.kind, self.namespace, self.name].map(str::to_owned)
    }
}

/// Takes over what kustomize and kpt have noted in an object: its file, its place there, its ID.
pub fn take_over_annotations(from: &Value, to: &mut Value) {
    let Some(known) = from["metadata"]["annotations"].as_object() else { return };
    let noted: Map<String, Value> = known
        .iter()
        .filter(|(key, _)| is_of_orchestrator(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if noted.is_empty() {
        return;
    }
    let annotations = &mut to["metadata"]["annotations"];
    match annotations {
        Value::Object(own) => own.extend(noted),
        _ => *annotations = Value::Object(noted),
    }
}

fn is_of_orchestrator(key: &str) -> bool {
    let Some((domain, _)) = key.split_once('/') else { return false };
    ["config.kubernetes.io", "config.k8s.io", "kpt.dev"]
        .iter()
        .any(|of| domain.strip_suffix(of).is_some_and(|sub| sub.is_empty() || sub.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn versions_do_not_tell_objects_apart() {
        let object = |version: &str, namespace: &str| {
            json!({"apiVersion": version, "kind": "Gateway",
                "metadata": {"name": "a", "namespace": namespace}})
        };
        let id = object("networking.istio.io/v1", "n");
        for (other, same) in [
            (object("networking.istio.io/v1alpha3", "n"), true),
            (object("gateway.networking.k8s.io/v1", "n"), false),
            (object("v1", "n"), false),
            (object("networking.istio.io/v1", ""), false),
        ] {
            assert_eq!(Id::of(&id) == Id::of(&other), same, "{other}");
        }
    }

    #[test]
    fn notes_of_orchestrators_are_kept_and_others_are_not() {
        let from = json!({"metadata": {"annotations": {
            "config.kubernetes.io/path": "a.yaml", "internal.config.kubernetes.io/index": "0",
            "kustomize.config.k8s.io/id": "x", "internal.kpt.dev/upstream-identifier": "y",
            "notconfig.k8s.io/a": "b", "team": "a",
        }}});
        let mut to = json!({"metadata": {"annotations": {"own": "1"}}});
        take_over_annotations(&from, &mut to);
        assert_eq!(
            to["metadata"]["annotations"],
            json!({"config.kubernetes.io/path": "a.yaml", "internal.config.kubernetes.io/index": "0",
                "kustomize.config.k8s.io/id": "x", "internal.kpt.dev/upstream-identifier": "y",
                "own": "1"})
        );
        let mut bare = json!({"metadata": {"name": "a"}});
        take_over_annotations(&json!({"metadata": {"annotations": {"team": "a"}}}), &mut bare);
        assert_eq!(bare, json!({"metadata": {"name": "a"}}));
    }
}
