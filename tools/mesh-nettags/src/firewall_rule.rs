//! Firewall rules, and which of them GKE made for a cluster.

use meshcore::cluster::{Cluster, RangeKind};
use serde::Deserialize;
use std::collections::BTreeSet;

/// A rule as `gcloud compute firewall-rules list --format=json` prints it: the `Firewall` of the
/// Compute API v1.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirewallRule {
    /// Its name, unique within the project.
    pub name: String,
    /// The VPC network it is in.
    #[serde(default)]
    pub network: String,
    /// Where the traffic comes from.
    #[serde(default)]
    pub source_ranges: BTreeSet<String>,
    /// The instances that the traffic goes to.
    #[serde(default)]
    pub target_tags: BTreeSet<String>,
}

/// Rules that GKE makes for each cluster, named `gke-CLUSTER-HASH-SUFFIX`, whose source is a range
/// of this cluster and of no other in the network.
/// <https://cloud.google.com/kubernetes-engine/docs/concepts/firewall-rules>
const PROOFS: [(&str, RangeKind); 3] =
    [("all", RangeKind::Pod), ("ipv6-all", RangeKind::Pod), ("master", RangeKind::ControlPlane)];

/// The other rules that GKE makes under the same name and hash, for the same nodes.
const OTHERS: [&str; 9] = [
    "vms",
    "ssh",
    "inkubelet",
    "exkubelet",
    "kubelet",
    "mcsd",
    "ipv6-vms",
    "ipv6-inkubelet",
    "ipv6-exkubelet",
];

/// The target tags of the rules that GKE made for this cluster. The name alone could be that of a
/// cluster elsewhere, so a rule with the same hash must let in a range of this very cluster.
#[must_use]
pub fn automatic_targets(rules: &[FirewallRule], cluster: &Cluster) -> BTreeSet<String> {
    let named: Vec<_> = rules
        .iter()
        .filter(|rule| same_network(&rule.network, cluster.vpc.as_deref()))
        .filter_map(|rule| Some((rule, hash_and_suffix(&rule.name, &cluster.name)?)))
        .collect();
    let proven: BTreeSet<&str> = named
        .iter()
        .filter(|(rule, (_, suffix))| {
            let of_cluster = |kind: RangeKind| {
                let mut ranges = cluster.ranges.iter().filter(|range| range.kind == kind);
                ranges.any(|range| rule.source_ranges.contains(&range.cidr))
            };
            PROOFS.iter().any(|(name, kind)| name == suffix && of_cluster(*kind))
        })
        .map(|(_, (hash, _))| *hash)
        .collect();
    named
        .iter()
        .filter(|(_, (hash, _))| proven.contains(hash))
        .flat_map(|(rule, _)| rule.target_tags.iter().cloned())
        .collect()
}

/// Takes `gke-CLUSTER-HASH-SUFFIX` apart, for a cluster of exactly this name.
fn hash_and_suffix<'a>(rule: &'a str, cluster: &str) -> Option<(&'a str, &'a str)> {
    let rest = rule.strip_prefix("gke-")?.strip_prefix(cluster)?.strip_prefix('-')?;
    let (hash, suffix) = rest.split_once('-')?;
    let known = PROOFS.iter().any(|(name, _)| *name == suffix) || OTHERS.contains(&suffix);
    (is_hash(hash) && known).then_some((hash, suffix))
}

/// Whether GKE gives a cluster's nodes this tag by itself: `gke-CLUSTER-HASH-node`, and
/// `gke-CLUSTER-node` in old clusters.
#[must_use]
pub fn is_automatic_tag(tag: &str, cluster: &str) -> bool {
    let middle = tag
        .strip_prefix("gke-")
        .and_then(|tag| tag.strip_prefix(cluster))
        .and_then(|tag| tag.strip_suffix("-node"));
    middle.is_some_and(|m| m.is_empty() || m.strip_prefix('-').is_some_and(is_hash))
}

fn is_hash(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Whether two ways to write a VPC network (name, path, URL) can mean the same one; what is not
/// known differs from nothing.
pub(crate) fn same_network(one: &str, other: Option<&str>) -> bool {
    let Some(other) = other.filter(|other| !other.is_empty() && !one.is_empty()) else {
        return true;
    };
    let project = |network| crate::segment_after(network, "projects");
    let same_project = project(one).zip(project(other)).is_none_or(|(a, b)| a == b);
    same_project && one.rsplit('/').next() == other.rsplit('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshcore::cluster::Range;
    use proptest::prelude::*;

    fn cluster(name: &str, pods: &str) -> Cluster {
        Cluster {
            name: name.into(),
            vpc: Some("projects/p/global/networks/default".into()),
            ranges: vec![Range { cidr: pods.into(), kind: RangeKind::Pod, source: String::new() }],
            ..Cluster::default()
        }
    }

    fn rule(name: &str, source: &str, tag: &str) -> FirewallRule {
        FirewallRule {
            name: name.into(),
            network: "https://compute.example/compute/v1/projects/p/global/networks/default".into(),
            source_ranges: [source.to_owned()].into(),
            target_tags: [tag.to_owned()].into(),
        }
    }

    #[test]
    fn prod_never_catches_prod2() {
        let rules = [
            rule("gke-prod-1a2b3c4d-all", "10.4.0.0/14", "gke-prod-1a2b3c4d-node"),
            rule("gke-prod-1a2b3c4d-vms", "10.128.0.0/9", "gke-prod-1a2b3c4d-node"),
            rule("gke-prod2-99999999-all", "10.8.0.0/14", "gke-prod2-99999999-node"),
            rule("gke-prod-eu-00000000-all", "10.12.0.0/14", "gke-prod-eu-00000000-node"),
            rule("prod-allow-ssh", "0.0.0.0/0", "ssh"),
            rule("gke-prod-1a2b3c4d-mine", "10.4.0.0/14", "mine"),
        ];
        let tags = automatic_targets(&rules, &cluster("prod", "10.4.0.0/14"));
        assert_eq!(tags, ["gke-prod-1a2b3c4d-node".to_owned()].into());
        let tags = automatic_targets(&rules, &cluster("prod2", "10.8.0.0/14"));
        assert_eq!(tags, ["gke-prod2-99999999-node".to_owned()].into());
    }

    #[test]
    fn a_cluster_of_the_same_name_elsewhere_is_told_by_its_pods() {
        let rules = [
            rule("gke-prod-1a2b3c4d-all", "10.4.0.0/14", "here"),
            rule("gke-prod-5e6f7a8b-all", "10.64.0.0/14", "there"),
            // Both clusters' nodes are in this range.
            rule("gke-prod-5e6f7a8b-vms", "10.128.0.0/9", "there"),
        ];
        let here = cluster("prod", "10.4.0.0/14");
        assert_eq!(automatic_targets(&rules, &here), ["here".to_owned()].into());
        let mut elsewhere = here;
        elsewhere.vpc = Some("projects/q/global/networks/default".into());
        assert!(automatic_targets(&rules, &elsewhere).is_empty());
    }

    #[test]
    fn automatic_tags_have_the_cluster_s_whole_name() {
        for tag in ["gke-prod-node", "gke-prod-1a2b3c4d-node"] {
            assert!(is_automatic_tag(tag, "prod"), "{tag}");
        }
        for tag in ["gke-prod2-node", "gke-prod-2-node", "gke-prod", "prod-node", "gke-node", "a"] {
            assert!(!is_automatic_tag(tag, "prod"), "{tag}");
        }
    }

    #[test]
    fn networks_are_the_same_however_written() {
        let path = "projects/p/global/networks/default";
        for one in ["default", path, &format!("https://x.example/compute/v1/{path}"), ""] {
            assert!(same_network(one, Some(path)), "{one}");
        }
        assert!(!same_network("other", Some(path)));
        assert!(!same_network("projects/q/global/networks/default", Some(path)));
        assert!(same_network("default", None));
    }

    proptest! {
        #[test]
        fn no_rule_is_of_two_clusters(a in "[a-z][a-z0-9-]{0,8}[a-z0-9]", b in "[a-z][a-z0-9-]{0,8}[a-z0-9]") {
            let name = format!("gke-{a}-1a2b3c4d-all");
            prop_assert!(hash_and_suffix(&name, &a).is_some());
            prop_assert_eq!(hash_and_suffix(&name, &b).is_some(), a == b);
        }
    }
}
