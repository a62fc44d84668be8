//! What an earlier run applied and this run's input no longer has.

use crate::manifest::{Manifest, ObjectId};
use meshcore::owner::MANAGER;
use meshkube::k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::Value;
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

/// Whose an object is, by its managedFields, which the API server keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// We applied it, and nobody else has a part of it.
    Us,
    /// We applied it, and somebody else has a part of it, too.
    Shared,
    /// We never did, whatever its labels say.
    Others,
}

/// Of Kubernetes itself: what they note on an object is nobody's claim.
const CONTROLLERS: [&str; 4] =
    ["kube-controller-manager", "kube-scheduler", "kubelet", "cloud-controller-manager"];

/// Whose an object is: what others made and we changed, or the other way round, is not ours alone.
#[must_use]
pub fn owner(fields: &[ManagedFieldsEntry]) -> Owner {
    let by = |entry: &ManagedFieldsEntry| entry.manager.clone().unwrap_or_default();
    let has_applied = |entry: &ManagedFieldsEntry| {
        by(entry) == MANAGER && entry.operation.as_deref() == Some("Apply")
    };
    let claims = |entry: &ManagedFieldsEntry| {
        let is_by_kubernetes = CONTROLLERS.contains(&by(entry).as_str());
        by(entry) != MANAGER
            && entry.subresource.is_none()
            && has_claim(entry.fields_v1.as_ref().map(|all| &all.0), is_by_kubernetes)
    };
    if !fields.iter().any(has_applied) {
        Owner::Others
    } else if fields.iter().any(claims) {
        Owner::Shared
    } else {
        Owner::Us
    }
}

fn has_claim(fields: Option<&Value>, is_by_kubernetes: bool) -> bool {
    let Some(Value::Object(fields)) = fields else { return true };
    fields.iter().any(|(name, below)| match name.as_str() {
        "f:status" => false,
        "f:metadata" if is_by_kubernetes => below.as_object().is_none_or(|metadata| {
            let notes = ["f:annotations", "f:finalizers", "f:ownerReferences"];
            metadata.keys().any(|name| !notes.contains(&name.as_str()))
        }),
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshcore::input::Source;
    use serde_json::json;

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

    #[test]
    fn what_others_made_is_not_ours_whatever_its_labels_are() {
        let entry = |manager: &str, operation: &str, fields: Value| {
            let all = json!({"manager": manager, "operation": operation, "fieldsV1": fields});
            serde_json::from_value::<ManagedFieldsEntry>(all).unwrap()
        };
        let ours = || entry(MANAGER, "Apply", json!({"f:data": {}}));
        let of = |manager: &str, fields| owner(&[ours(), entry(manager, "Update", fields)]);
        assert_eq!(owner(&[ours()]), Owner::Us);
        assert_eq!(owner(&[entry("kubectl", "Apply", json!({}))]), Owner::Others);
        assert_eq!(owner(&[entry(MANAGER, "Update", json!({}))]), Owner::Others);
        // Of attacks: made by kubectl, then applied by us, with the label; or used by others.
        let note = json!({"f:metadata": {"f:annotations": {"f:a": {}}}, "f:status": {}});
        for fields in [
            json!({"f:data": {"f:a": {}}}),
            json!({"f:metadata": {"f:labels": {"f:a": {}}}}),
            json!({"f:metadata": {"f:finalizers": {"v:\"a.b/c\"": {}}}}),
            note.clone(),
        ] {
            assert_eq!(of("kubectl-create", fields.clone()), Owner::Shared, "{fields}");
        }
        assert_eq!(of("kube-controller-manager", note), Owner::Us);
        let scale = json!({"f:spec": {"f:replicas": {}}});
        assert_eq!(of("kube-controller-manager", scale.clone()), Owner::Shared);
        let mut scaled = entry("hpa", "Update", scale);
        scaled.subresource = Some("scale".to_owned());
        assert_eq!(owner(&[ours(), scaled]), Owner::Us);
        let mut nothing = entry("kubectl", "Update", json!({}));
        nothing.fields_v1 = None;
        assert_eq!(owner(&[ours(), nothing]), Owner::Shared);
    }
}
