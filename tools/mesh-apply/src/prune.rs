//! What an earlier run applied and this run's input no longer has.

use crate::manifest::{Manifest, ObjectId};
use std::collections::{BTreeMap, BTreeSet};

/// Objects of one kind in one namespace that may be pruned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// One of the input's objects of this kind and namespace.
    pub like: ObjectId,
    /// Who is looked at: as `a=b,c=d`, all the labels that the input's objects have in common.
    /// So remote Secrets make way for remote Secrets alone, and never a token for a certificate.
    pub selector: String,
}

/// The scopes of an input, and kinds that lack our label and are left alone.
#[must_use]
pub fn scopes(manifests: &[Manifest]) -> (Vec<Scope>, Vec<ObjectId>) {
    type Labels<'a> = BTreeSet<(&'a str, &'a str)>;
    let mut common: BTreeMap<(&str, &str, Option<&str>), (&ObjectId, Labels<'_>)> = BTreeMap::new();
    for manifest in manifests {
        let id = &manifest.id;
        let labels: Labels<'_> = manifest.labels().collect();
        common
            .entry((&id.api_version, &id.kind, id.namespace.as_deref()))
            .and_modify(|(_, all)| all.retain(|label| labels.contains(label)))
            .or_insert((id, labels));
    }
    let (mut scopes, mut unmarked) = (Vec::new(), Vec::new());
    for (like, labels) in common.into_values() {
        if labels.contains(&("app.kubernetes.io/managed-by", "meshutils")) {
            let pairs: Vec<String> =
                labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            scopes.push(Scope { like: like.clone(), selector: pairs.join(",") });
        } else {
            unmarked.push(like.clone());
        }
    }
    (scopes, unmarked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshcore::input::Source;
    use serde_json::{Value, json};

    fn object(kind: &str, name: &str, labels: Value) -> String {
        json!({"apiVersion": "v1", "kind": kind,
            "metadata": {"name": name, "namespace": "n", "labels": labels}})
        .to_string()
    }

    #[test]
    fn only_the_like_of_what_is_marked_is_looked_at() {
        let ours = "meshutils";
        let text = [
            object(
                "Secret",
                "a",
                json!({"app.kubernetes.io/managed-by": ours, "x": "1", "y": "1"}),
            ),
            object(
                "Secret",
                "b",
                json!({"app.kubernetes.io/managed-by": ours, "x": "1", "y": "2"}),
            ),
            object("ConfigMap", "a", json!({"app.kubernetes.io/managed-by": ours})),
            object("ConfigMap", "b", json!({"x": "1"})),
        ]
        .concat();
        let source = Source::new("stdin".into(), text.into_bytes()).unwrap();
        let manifests = crate::manifest::read(&[source], None).unwrap();
        let (scopes, unmarked) = scopes(&manifests);
        assert_eq!(scopes.len(), 1);
        assert_eq!(scopes[0].selector, "app.kubernetes.io/managed-by=meshutils,x=1");
        assert_eq!(unmarked.len(), 1);
        assert_eq!(unmarked[0].kind, "ConfigMap");
    }
}
