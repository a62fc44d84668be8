//! What an apply changes in an object, as text that holds no secret.

use crate::manifest::{ObjectId, remove_what_the_server_writes};
use meshcore::yaml;
use serde_json::{Value, json};
use similar::TextDiff;

/// The object without what changes by itself with each write.
#[must_use]
pub fn settled(mut object: Value) -> Value {
    if let Some(object) = object.as_object_mut() {
        remove_what_the_server_writes(object);
    }
    object
}

/// A unified diff of two settled objects; `live` is none for a new one, `applied` for one that
/// goes. Of a Secret's values it says only that they differ.
#[must_use]
pub fn unified(
    cluster: &str,
    id: &ObjectId,
    live: Option<&Value>,
    applied: Option<&Value>,
) -> String {
    let text = |value: Option<Value>| value.map(|v| yaml::document_text(&v)).unwrap_or_default();
    let old = text(live.map(|live| masked(live, applied, "live")));
    let new = text(applied.map(|applied| masked(applied, live, "applied")));
    if old == new {
        return String::new();
    }
    let name = meshcore::visible(&format!("{cluster}: {id}"));
    TextDiff::from_lines(&old, &new)
        .unified_diff()
        .header(&format!("{name} (live)"), &format!("{name} (applied)"))
        .to_string()
}

/// One of the two without values where it is a Secret; `which` it is marks those that differ.
fn masked(object: &Value, other: Option<&Value>, which: &str) -> Value {
    let mut object = object.clone();
    if object["kind"] != "Secret" {
        return object;
    }
    let other = other.map(|other| &other["data"]);
    if let Some(Value::Object(values)) = object.get_mut("data") {
        for (key, value) in values {
            let differs = other.and_then(|other| other.get(key)).is_some_and(|o| o != value);
            *value = json!(if differs { format!("*** ({which})") } else { "***".to_owned() });
        }
    }
    // A client-side apply has left a copy of the whole Secret here.
    let copy = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";
    if let Some(copy) = object.pointer_mut(copy) {
        *copy = json!("***");
    }
    object
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
        let diff = unified("c", &id(), Some(&live), Some(&applied));
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
        assert_eq!(unified("c", &id(), Some(&live), Some(&live)), "");
        assert!(!unified("c", &id(), None, Some(&applied)).contains("aHVzaA"));
    }

    #[test]
    fn what_goes_is_shown_as_gone() {
        let live = json!({"kind": "Secret", "data": {"a": "aHVzaA=="}});
        let diff = unified("c", &id(), Some(&live), None);
        assert!(diff.contains("\n-data:\n-  a: \"***\"\n-kind: Secret\n"), "{diff}");
    }

    #[test]
    fn what_changes_by_itself_is_no_difference() {
        let object = json!({"metadata": {"name": "a", "uid": "u", "generation": 2}, "status": {}});
        assert_eq!(settled(object), json!({"metadata": {"name": "a"}}));
    }
}
