//! Firewall rules, and which of them GKE made for a cluster.

use meshcore::cluster::{Cluster, RangeKind};
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap};

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

/// The rules that GKE made, by the name of the cluster that they are for.
pub struct MadeRules<'a>(HashMap<&'a str, Vec<Made<'a>>>);

struct Made<'a> {
    rule: &'a FirewallRule,
    hash: &'a str,
    suffix: &'static str,
}

impl<'a> MadeRules<'a> {
    /// Finds them by their names.
    #[must_use]
    pub fn of(rules: &'a [FirewallRule]) -> Self {
        let mut made: HashMap<&str, Vec<Made<'_>>> = HashMap::new();
        for rule in rules {
            if let Some((cluster, hash, suffix)) = parts(&rule.name) {
                made.entry(cluster).or_default().push(Made { rule, hash, suffix });
            }
        }
        Self(made)
    }

    /// The target tags of those for this cluster. The name alone could be that of a cluster
    /// elsewhere, so a rule with the same hash must let in a range of this very cluster.
    #[must_use]
    pub fn targets(&self, cluster: &Cluster) -> BTreeSet<String> {
        let of_name = self.0.get(cluster.name.as_str()).into_iter().flatten();
        let named: Vec<&Made<'_>> = of_name
            .filter(|made| same_network(&made.rule.network, cluster.vpc.as_deref()))
            .collect();
        let lets_in = |rule: &FirewallRule, kind: RangeKind| {
            let mut ranges = cluster.ranges.iter().filter(|range| range.kind == kind);
            ranges.any(|range| rule.source_ranges.contains(&range.cidr))
        };
        let proves = |made: &&&Made<'_>| {
            PROOFS.iter().any(|(name, kind)| *name == made.suffix && lets_in(made.rule, *kind))
        };
        let proven: BTreeSet<&str> = named.iter().filter(proves).map(|made| made.hash).collect();
        let of_cluster = named.iter().filter(|made| proven.contains(made.hash));
        of_cluster.flat_map(|made| made.rule.target_tags.iter().cloned()).collect()
    }
}

/// Takes `gke-CLUSTER-HASH-SUFFIX` apart.
fn parts(rule: &str) -> Option<(&str, &str, &'static str)> {
    let rest = rule.strip_prefix("gke-")?;
    let suffixes = PROOFS.into_iter().map(|(suffix, _)| suffix).chain(OTHERS);
    suffixes.into_iter().find_map(|suffix| {
        let (cluster, hash) = rest.strip_suffix(suffix)?.strip_suffix('-')?.rsplit_once('-')?;
        is_hash(hash).then_some((cluster, hash, suffix))
    })
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
        let tags = MadeRules::of(&rules).targets(&cluster("prod", "10.4.0.0/14"));
        assert_eq!(tags, ["gke-prod-1a2b3c4d-node".to_owned()].into());
        let tags = MadeRules::of(&rules).targets(&cluster("prod2", "10.8.0.0/14"));
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
        assert_eq!(MadeRules::of(&rules).targets(&here), ["here".to_owned()].into());
        let mut elsewhere = here;
        elsewhere.vpc = Some("projects/q/global/networks/default".into());
        assert!(MadeRules::of(&rules).targets(&elsewhere).is_empty());
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
        fn no_rule_is_of_two_clusters(name in "[a-z][a-z0-9-]{0,8}[a-z0-9]") {
            let rule = format!("gke-{name}-1a2b3c4d-all");
            prop_assert_eq!(parts(&rule), Some((name.as_str(), "1a2b3c4d", "all")));
        }
    }
}
