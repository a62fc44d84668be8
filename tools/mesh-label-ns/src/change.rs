//! Which labels of a namespace decide on injection, and how to change them.
//!
//! `istio-injection` wins over `istio.io/rev`: with both set, a mesh of revisioned control planes
//! injects nobody (webhook selectors of Istio 1.10 to 1.30, chart `istio-discovery`). So the one
//! is taken away when the other is set.

use meshcore::DnsLabel;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Injection by the default control plane, on or off.
pub const INJECTION: &str = "istio-injection";
/// Injection by a revision, a tag or a managed channel.
pub const REVISION: &str = "istio.io/rev";

/// Who is to inject the pods of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Injector {
    /// The control plane of this revision or tag.
    Revision(DnsLabel),
    /// The default control plane.
    Default,
    /// Nobody.
    Disabled,
    /// Whatever applies to namespaces without a label.
    Unlabelled,
}

/// What to do with the two labels: a new value, or nothing for "remove".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change(BTreeMap<&'static str, Option<String>>);

impl Injector {
    /// The least change that brings these labels there.
    #[must_use]
    pub fn change(&self, labels: &BTreeMap<String, String>) -> Change {
        let (injection, revision) = match self {
            Self::Revision(revision) => (None, Some(revision.as_str())),
            Self::Default => (Some("enabled"), None),
            Self::Disabled => (Some("disabled"), None),
            Self::Unlabelled => (None, None),
        };
        let wanted = [(INJECTION, injection), (REVISION, revision)];
        let differs = |(key, value): &(&'static str, Option<&str>)| {
            labels.get(*key).map(String::as_str) != *value
        };
        let step = |(key, value): (&'static str, Option<&str>)| (key, value.map(str::to_owned));
        Change(wanted.into_iter().filter(differs).map(step).collect())
    }
}

impl Change {
    /// Whether the labels are right already.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels that have to go.
    pub fn removed(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| *key)
    }

    /// As a merge patch (RFC 7396) of a namespace, for `kubectl patch --type=merge`.
    #[must_use]
    pub fn merge_patch(&self, namespace: &str) -> Value {
        let mut patch = json!({"metadata": {"name": namespace}});
        if !self.is_empty() {
            patch["metadata"]["labels"] = json!(self.0);
        }
        patch
    }

    /// Makes the change in a manifest.
    pub fn apply(&self, namespace: &mut Map<String, Value>) {
        let metadata = namespace.entry("metadata").or_insert_with(|| json!({}));
        if metadata["labels"].is_null() {
            metadata["labels"] = json!({});
        }
        let Some(labels) = metadata["labels"].as_object_mut() else { return };
        for (&key, value) in &self.0 {
            match value {
                Some(value) => labels.insert(key.to_owned(), json!(value)),
                None => labels.remove(key),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    fn revision(text: &str) -> Injector {
        Injector::Revision(DnsLabel::parse(text).unwrap())
    }

    #[test]
    fn one_label_takes_the_others_place() {
        let enabled = labels(&[(INJECTION, "enabled"), ("team", "a")]);
        assert_eq!(
            revision("asm-managed").change(&enabled).merge_patch("sample"),
            json!({"metadata": {"name": "sample",
                "labels": {"istio-injection": null, "istio.io/rev": "asm-managed"}}})
        );
        let revisioned = labels(&[(REVISION, "r")]);
        assert_eq!(
            Injector::Disabled.change(&revisioned).merge_patch("sample")["metadata"]["labels"],
            json!({"istio-injection": "disabled", "istio.io/rev": null})
        );
        assert_eq!(
            Injector::Unlabelled.change(&revisioned).removed().collect::<Vec<_>>(),
            [REVISION]
        );
    }

    #[test]
    fn what_is_right_already_stays() {
        assert!(revision("r").change(&labels(&[(REVISION, "r")])).is_empty());
        assert!(Injector::Default.change(&labels(&[(INJECTION, "enabled")])).is_empty());
        assert!(Injector::Unlabelled.change(&labels(&[("team", "a")])).is_empty());
        let both = labels(&[(REVISION, "r"), (INJECTION, "enabled")]);
        assert_eq!(
            revision("r").change(&both).merge_patch("n"),
            json!({"metadata": {"name": "n", "labels": {"istio-injection": null}}})
        );
        assert_eq!(Change::default().merge_patch("n"), json!({"metadata": {"name": "n"}}));
    }

    #[test]
    fn manifests_get_labels_where_they_had_none() {
        let mut namespace = json!({"metadata": {"name": "n"}}).as_object().unwrap().clone();
        revision("r").change(&BTreeMap::new()).apply(&mut namespace);
        assert_eq!(namespace["metadata"]["labels"], json!({"istio.io/rev": "r"}));
    }
}
