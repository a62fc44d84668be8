//! What istiod's reader may do in another cluster, and what it must.

use std::collections::{BTreeMap, BTreeSet};

/// A verb on all objects of a kind, in all namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// API group; empty for the core.
    pub group: &'static str,
    /// Plural name.
    pub resource: &'static str,
    /// `list` or `watch`.
    pub verb: &'static str,
}

/// Kinds whose informers istiod waits for before it takes the cluster as synced
/// (pkg/kube/multicluster/cluster.go and its components, Istio 1.18 to 1.30).
const WATCHED: [(&str, &str); 8] = [
    ("", "namespaces"),
    ("", "nodes"),
    ("", "pods"),
    ("", "secrets"),
    ("", "services"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("discovery.k8s.io", "endpointslices"),
    ("networking.istio.io", "workloadentries"),
];

/// The rights without which istiod does not see the cluster.
pub fn needed() -> impl Iterator<Item = Right> {
    let of = |(group, resource)| ["list", "watch"].map(|verb| Right { group, resource, verb });
    WATCHED.into_iter().flat_map(of)
}

/// Groups, resources, verbs.
type Grant = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);

const READ: &[&str] = &["get", "list", "watch"];

/// `istio-reader-clusterrole` as Istio 1.30 installs it, with what it has where istiod manages a
/// remote cluster, and what Kubernetes lets everybody ask of themselves.
const READER: &[Grant] = &[
    (
        &[
            "authentication.istio.io",
            "config.istio.io",
            "extensions.istio.io",
            "networking.istio.io",
            "rbac.istio.io",
            "security.istio.io",
            "telemetry.istio.io",
        ],
        &["*"],
        READ,
    ),
    (&["multicluster.x-k8s.io"], &["serviceexports"], &["create", "delete"]),
    (&[""], &["configmaps"], &["create", "update"]),
    (&["admissionregistration.k8s.io"], &["mutatingwebhookconfigurations"], &["update", "patch"]),
    (&["admissionregistration.k8s.io"], &["validatingwebhookconfigurations"], &["update"]),
    (&["authentication.k8s.io"], &["tokenreviews", "selfsubjectreviews"], &["create"]),
    (
        &["authorization.k8s.io"],
        &["subjectaccessreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews"],
        &["create"],
    ),
];

/// A rule of an answer (`ResourceRule` of authorization.k8s.io/v1): every verb on every resource
/// of every group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// `get`, `*`.
    pub verbs: Vec<String>,
    /// API groups, or `*`.
    pub groups: Vec<String>,
    /// Plural names, with a subresource, or `*`.
    pub resources: Vec<String>,
    /// The only objects that it is about; empty for all.
    pub names: Vec<String>,
}

/// What these rules allow and the reader's role does not, as `create,delete secrets`. Plain
/// reading of one more kind is not counted, nor is a rule about single objects.
#[must_use]
pub fn excess(rules: &[Rule]) -> Vec<String> {
    let mut excess: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for rule in rules.iter().filter(|rule| rule.names.is_empty()) {
        for group in &rule.groups {
            for resource in &rule.resources {
                let beyond = rule.verbs.iter().filter(|verb| is_beyond(group, resource, verb));
                let verbs: Vec<&str> = beyond.map(String::as_str).collect();
                if !verbs.is_empty() {
                    excess.entry(resource_name(resource, group)).or_default().extend(verbs);
                }
            }
        }
    }
    let line = |(resource, verbs): (String, BTreeSet<&str>)| {
        // "Everything" says the rest.
        let verbs: Vec<&str> =
            if verbs.contains("*") { vec!["*"] } else { verbs.into_iter().collect() };
        format!("{} {resource}", verbs.join(","))
    };
    excess.into_iter().map(line).collect()
}

/// `pods`, `deployments.apps`, `*.*`.
#[must_use]
pub fn resource_name(resource: &str, group: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}

fn is_beyond(group: &str, resource: &str, verb: &str) -> bool {
    let is_plain_read =
        READ.contains(&verb) && group != "*" && resource != "*" && !resource.contains('/');
    let is_granted = READER.iter().any(|(groups, resources, verbs)| {
        groups.contains(&group)
            && (resources.contains(&"*") || resources.contains(&resource))
            && verbs.contains(&verb)
    });
    !is_granted && !is_plain_read
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Rule {
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Rule {
            verbs: owned(verbs),
            groups: owned(groups),
            resources: owned(resources),
            names: Vec::new(),
        }
    }

    #[test]
    fn the_readers_own_role_is_not_beyond_itself() {
        let reader: Vec<Rule> = READER
            .iter()
            .map(|(groups, resources, verbs)| rule(groups, resources, verbs))
            .collect();
        assert_eq!(excess(&reader), [] as [&str; 0]);
        let plain = [rule(&["", "apps"], &["pods", "secrets", "deployments"], READ)];
        assert_eq!(excess(&plain), [] as [&str; 0]);
    }

    #[test]
    fn writing_and_stars_are_beyond_it() {
        let rules = [
            rule(&["*"], &["*"], &["*", "get"]),
            rule(&[""], &["secrets"], &["get", "delete"]),
            rule(&[""], &["secrets"], &["create"]),
            rule(&["apps"], &["deployments"], &["patch"]),
            rule(&[""], &["pods/exec"], &["get"]),
            rule(&[""], &["*"], &["list"]),
            rule(&["networking.istio.io"], &["*"], &["update"]),
        ];
        assert_eq!(
            excess(&rules),
            [
                "list *",
                "* *.*",
                "update *.networking.istio.io",
                "patch deployments.apps",
                "get pods/exec",
                "create,delete secrets",
            ]
        );
        let one = Rule { names: vec!["a".into()], ..rule(&[""], &["secrets"], &["delete"]) };
        assert_eq!(excess(&[one]), [] as [&str; 0]);
    }

    #[test]
    fn what_is_needed_is_read_only() {
        assert_eq!(needed().count(), 16);
        assert!(needed().all(|right| READ.contains(&right.verb)));
    }

    proptest! {
        #[test]
        fn rules_can_be_split_and_joined(
            groups in prop::collection::vec("(|apps|\\*)", 0..3),
            resources in prop::collection::vec("(pods|secrets|\\*)", 0..3),
            verbs in prop::collection::vec("(get|create|\\*)", 0..3),
        ) {
            let mut split = Vec::new();
            for group in &groups {
                for resource in &resources {
                    for verb in &verbs {
                        split.push(rule(&[group.as_str()], &[resource.as_str()], &[verb.as_str()]));
                    }
                }
            }
            let joined = Rule { verbs, groups, resources, names: Vec::new() };
            prop_assert_eq!(excess(&[joined]), excess(&split));
        }
    }
}
