//! What an apply changes in an object, as text that holds no secret.

use crate::manifest::{ObjectId, remove_what_the_server_writes};
use meshcore::yaml;
use serde_json::{Map, Value, json};
use similar::TextDiff;

/// The object without what changes by itself with each write.
#[must_use]
pub fn settled(mut object: Value) -> Value {
    if let Some(object) = object.as_object_mut() {
        remove_what_the_server_writes(object);
    }
    object
}

/// A unified diff of two settled objects; `live` is none for a new one. Of a Secret's values it
/// says only that they differ.
#[must_use]
pub fn unified(cluster: &str, id: &ObjectId, live: Option<&Value>, applied: &Value) -> String {
    let (live, applied) = masked(live, applied);
    let text = |value: Option<&Value>| value.map(yaml::document_text).unwrap_or_default();
    let (old, new) = (text(live.as_ref()), text(Some(&applied)));
    if old == new {
        return String::new();
    }
    let name = meshcore::visible(&format!("{cluster}: {id}"));
    TextDiff::from_lines(&old, &new)
        .unified_diff()
        .header(&format!("{name} (live)"), &format!("{name} (applied)"))
        .to_string()
}

fn masked(live: Option<&Value>, applied: &Value) -> (Option<Value>, Value) {
    let (mut live, mut applied) = (live.cloned(), applied.clone());
    if applied["kind"] != "Secret" {
        return (live, applied);
    }
    let data = |object: Option<&Value>| {
        object.and_then(|o| o["data"].as_object()).cloned().unwrap_or_default()
    };
    let (old, new) = (data(live.as_ref()), data(Some(&applied)));
    let mask = |values: &Map<String, Value>, others: &Map<String, Value>, which: &str| {
        let masked = |(key, value): (&String, &Value)| {
            let differs = others.get(key).is_some_and(|other| other != value);
            let mask = if differs { format!("*** ({which})") } else { "***".to_owned() };
            (key.clone(), json!(mask))
        };
        Value::Object(values.iter().map(masked).collect())
    };
    if let Some(live) = live.as_mut().filter(|live| live.get("data").is_some()) {
        live["data"] = mask(&old, &new, "live");
    }
    if applied.get("data").is_some() {
        applied["data"] = mask(&new, &old, "applied");
    }
    // A client-side apply has left a copy of the whole Secret here.
    for object in live.iter_mut().chain([&mut applied]) {
        let annotations = &mut object["metadata"]["annotations"];
        if let Some(Value::Object(annotations)) = Some(annotations)
            && let Some(copy) =
                annotations.get_mut("kubectl.kubernetes.io/last-applied-configuration")
        {
            *copy = json!("***");
        }
    }
    (live, applied)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ObjectId {
        ObjectId {
            api_version: "v1".into(),
            kind: "Secret".into(),
            namespace: Some("n".into()),
            name: "s".into(),
        }
    }

    #[test]
    fn a_secrets_values_are_not_shown() {
        let copy = json!({"kubectl.kubernetes.io/last-applied-configuration": "aHVzaA=="});
        let live = json!({"kind": "Secret", "data": {"a": "aHVzaA==", "b": "aHVzaA=="},
            "metadata": {"annotations": copy}});
        let applied = json!({"kind": "Secret", "data": {"a": "bmV3aHVzaA==", "b": "aHVzaA=="},
            "metadata": {"annotations": copy}});
        let diff = unified("c", &id(), Some(&live), &applied);
        assert!(
            diff.contains("-  a: '*** (live)'\n+  a: '*** (applied)'\n")
                || diff.contains("*** (live)"),
            "{diff}"
        );
        assert!(!diff.contains("aHVzaA"), "{diff}");
        assert!(
            diff.starts_with("--- c: secret n/s (live)\n+++ c: secret n/s (applied)\n"),
            "{diff}"
        );
        assert_eq!(unified("c", &id(), Some(&live), &live), "");
        assert!(!unified("c", &id(), None, &applied).contains("aHVzaA"));
    }

    #[test]
    fn what_changes_by_itself_is_no_difference() {
        let object = json!({"metadata": {"name": "a", "uid": "u", "generation": 2}, "status": {}});
        assert_eq!(settled(object), json!({"metadata": {"name": "a"}}));
    }
}
