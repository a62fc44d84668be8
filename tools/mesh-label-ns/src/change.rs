//! Which labels of a namespace decide on its data plane, and how to change them.
//!
//! `istio-injection` wins over `istio.io/rev`: with both set, a mesh of revisioned control planes
//! injects nobody (webhook selectors of Istio 1.10 to 1.30, chart `istio-discovery`). And a pod
//! with a sidecar is not in ambient. So one label is taken away when another is set.

use meshcore::selector::Labels;
use meshcore::{DnsLabel, Network};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Injection by the default control plane, on or off.
pub const INJECTION: &str = "istio-injection";
/// Injection by a revision, a tag or a managed channel.
pub const REVISION: &str = "istio.io/rev";
/// Ambient, or not.
pub const DATAPLANE_MODE: &str = "istio.io/dataplane-mode";
/// The network of a cluster's endpoints; istiod reads it off its own namespace.
pub const NETWORK: &str = "topology.istio.io/network";

const AMBIENT: &str = "ambient";

/// What is to become of the pods of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataPlane {
    /// Sidecars of the control plane of this revision or tag.
    Revision(DnsLabel),
    /// Sidecars of the default control plane.
    Default,
    /// No sidecars.
    NoSidecars,
    /// Ambient.
    Ambient,
    /// No ambient, whatever the mesh does by default.
    NoAmbient,
    /// Whatever applies to namespaces without a label.
    Unlabelled,
}

/// What the labels of a namespace are to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of its data plane, if that is to change.
    pub data_plane: Option<DataPlane>,
    /// Of its network, if that is to change.
    pub network: Option<Network>,
}

/// What to do with the labels: a new value, or nothing for "remove".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change(BTreeMap<&'static str, Option<String>>);

impl DataPlane {
    /// What the labels have to be, given what they are.
    fn labels(&self, now: &Labels) -> Vec<(&'static str, Option<&str>)> {
        let is = |key, value| now.get(key).is_some_and(|v: &String| v == value);
        let sidecars = |injection, revision| {
            let mut labels = vec![(INJECTION, injection), (REVISION, revision)];
            if is(DATAPLANE_MODE, AMBIENT) {
                labels.push((DATAPLANE_MODE, None));
            }
            labels
        };
        match self {
            Self::Revision(revision) => sidecars(None, Some(revision.as_str())),
            Self::Default => sidecars(Some("enabled"), None),
            // It is no conflict with ambient.
            Self::NoSidecars => vec![(INJECTION, Some("disabled")), (REVISION, None)],
            Self::Ambient if is(INJECTION, "disabled") => vec![(DATAPLANE_MODE, Some(AMBIENT))],
            Self::Ambient => {
                vec![(INJECTION, None), (REVISION, None), (DATAPLANE_MODE, Some(AMBIENT))]
            }
            Self::NoAmbient => vec![(DATAPLANE_MODE, Some("none"))],
            Self::Unlabelled => vec![(INJECTION, None), (REVISION, None), (DATAPLANE_MODE, None)],
        }
    }

    /// The label that asks for sidecars, if this does.
    #[must_use]
    pub fn sidecar_label(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Revision(revision) => Some((REVISION, revision.as_str())),
            Self::Default => Some((INJECTION, "enabled")),
            Self::NoSidecars | Self::Ambient | Self::NoAmbient | Self::Unlabelled => None,
        }
    }
}

impl Wanted {
    /// The least change that brings these labels there.
    #[must_use]
    pub fn change(&self, now: &Labels) -> Change {
        let network = self.network.as_ref().map(|network| (NETWORK, Some(network.as_str())));
        let of_plane = self.data_plane.iter().flat_map(|data_plane| data_plane.labels(now));
        let differs = |(key, value): &(&'static str, Option<&str>)| {
            now.get(*key).map(String::as_str) != *value
        };
        let step = |(key, value): (&'static str, Option<&str>)| (key, value.map(str::to_owned));
        Change(of_plane.chain(network).filter(differs).map(step).collect())
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

    /// Whether the network becomes another one.
    #[must_use]
    pub fn moves(&self) -> bool {
        self.0.contains_key(NETWORK)
    }

    /// The labels after the change.
    #[must_use]
    pub fn applied_to(&self, now: &Labels) -> Labels {
        let mut labels = now.clone();
        for (&key, value) in &self.0 {
            match value {
                Some(value) => labels.insert(key.to_owned(), value.clone()),
                None => labels.remove(key),
            };
        }
        labels
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
    use proptest::prelude::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    fn plane(data_plane: DataPlane) -> Wanted {
        Wanted { data_plane: Some(data_plane), network: None }
    }

    fn revision(text: &str) -> Wanted {
        plane(DataPlane::Revision(DnsLabel::parse(text).unwrap()))
    }

    fn patch(wanted: &Wanted, pairs: &[(&str, &str)]) -> Value {
        wanted.change(&labels(pairs)).merge_patch("n")["metadata"]["labels"].take()
    }

    #[test]
    fn one_label_takes_the_others_place() {
        let enabled = [(INJECTION, "enabled"), ("team", "a")];
        assert_eq!(
            revision("asm-managed").change(&labels(&enabled)).merge_patch("sample"),
            json!({"metadata": {"name": "sample",
                "labels": {"istio-injection": null, "istio.io/rev": "asm-managed"}}})
        );
        assert_eq!(
            patch(&plane(DataPlane::NoSidecars), &[(REVISION, "r")]),
            json!({"istio-injection": "disabled", "istio.io/rev": null})
        );
        let removed = plane(DataPlane::Unlabelled).change(&labels(&[(REVISION, "r")]));
        assert_eq!(removed.removed().collect::<Vec<_>>(), [REVISION]);
    }

    #[test]
    fn what_is_right_already_stays() {
        assert!(revision("r").change(&labels(&[(REVISION, "r")])).is_empty());
        assert!(plane(DataPlane::Default).change(&labels(&[(INJECTION, "enabled")])).is_empty());
        assert!(plane(DataPlane::Unlabelled).change(&labels(&[("team", "a")])).is_empty());
        assert_eq!(
            patch(&revision("r"), &[(REVISION, "r"), (INJECTION, "enabled")]),
            json!({"istio-injection": null})
        );
        assert_eq!(Change::default().merge_patch("n"), json!({"metadata": {"name": "n"}}));
    }

    #[test]
    fn sidecars_and_ambient_exclude_each_other() {
        let ambient = [(DATAPLANE_MODE, "ambient")];
        assert_eq!(
            patch(&revision("r"), &ambient),
            json!({"istio.io/dataplane-mode": null, "istio.io/rev": "r"})
        );
        assert_eq!(
            patch(&plane(DataPlane::Default), &[(DATAPLANE_MODE, "none")]),
            json!({"istio-injection": "enabled"})
        );
        let to_ambient = plane(DataPlane::Ambient);
        assert_eq!(
            patch(&to_ambient, &[(REVISION, "r"), (INJECTION, "enabled")]),
            json!({"istio-injection": null, "istio.io/dataplane-mode": "ambient",
                "istio.io/rev": null})
        );
        // "disabled" keeps pods with sidecars of their own wish out, and is no conflict.
        assert_eq!(
            patch(&to_ambient, &[(INJECTION, "disabled")]),
            json!({"istio.io/dataplane-mode": "ambient"})
        );
        let none = json!({"istio.io/dataplane-mode": "none"});
        assert_eq!(patch(&plane(DataPlane::NoAmbient), &[(REVISION, "r")]), none);
        assert_eq!(
            patch(&plane(DataPlane::Unlabelled), &ambient),
            json!({"istio.io/dataplane-mode": null})
        );
    }

    #[test]
    fn the_network_is_a_label_of_its_own() {
        let network = "network1".parse::<Network>().unwrap();
        let wanted = Wanted { data_plane: None, network: Some(network.clone()) };
        assert_eq!(patch(&wanted, &[(REVISION, "r")]), json!({NETWORK: "network1"}));
        assert!(wanted.change(&labels(&[(NETWORK, "n")])).moves());
        assert!(!wanted.change(&labels(&[(NETWORK, "network1")])).moves());
        let both = Wanted { network: Some(network), ..revision("r") };
        assert_eq!(patch(&both, &[]), json!({NETWORK: "network1", "istio.io/rev": "r"}));
        for wrong in ["", "-a", "a-", "a b", "a/b", "é", &"a".repeat(64)] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
        assert!("my_Net.1".parse::<Network>().is_ok());
    }

    #[test]
    fn manifests_get_labels_where_they_had_none() {
        let mut namespace = json!({"metadata": {"name": "n"}}).as_object().unwrap().clone();
        revision("r").change(&Labels::new()).apply(&mut namespace);
        assert_eq!(namespace["metadata"]["labels"], json!({"istio.io/rev": "r"}));
    }

    fn any_plane() -> impl Strategy<Value = DataPlane> {
        prop_oneof![
            "[rs]".prop_map(|text| DataPlane::Revision(DnsLabel::parse(&text).unwrap())),
            Just(DataPlane::Default),
            Just(DataPlane::NoSidecars),
            Just(DataPlane::Ambient),
            Just(DataPlane::NoAmbient),
            Just(DataPlane::Unlabelled),
        ]
    }

    proptest! {
        #[test]
        fn a_change_is_made_once_and_the_same_in_every_form(
            injection in prop::option::of("enabled|disabled"),
            revision in prop::option::of("[rs]"),
            mode in prop::option::of("ambient|none"),
            data_plane in any_plane(),
        ) {
            let pairs = [(INJECTION, injection), (REVISION, revision), (DATAPLANE_MODE, mode)];
            let now: Labels = pairs
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?)))
                .chain([("team".to_owned(), "a".to_owned())])
                .collect();
            let wanted = plane(data_plane);
            let change = wanted.change(&now);
            let after = change.applied_to(&now);
            prop_assert!(wanted.change(&after).is_empty());
            prop_assert_eq!(&after["team"], "a");
            let mut manifest =
                json!({"metadata": {"name": "n", "labels": now}}).as_object().unwrap().clone();
            change.apply(&mut manifest);
            prop_assert_eq!(&manifest["metadata"]["labels"], &json!(after));
        }
    }
}
