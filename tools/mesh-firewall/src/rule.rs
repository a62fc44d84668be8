//! What is to be let in, and the rules that do it within the limits.

use crate::{Allow, ResourceName, ServiceAccount};
use ipnet::IpNet;
use meshcore::{Error, Result};
use std::collections::BTreeSet;

/// Traffic to be let in, whatever cloud's rules will do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Name of the rules.
    pub name: ResourceName,
    /// Protocols, in the order given.
    pub allow: Vec<Allow>,
    /// Sources of the traffic.
    pub sources: BTreeSet<IpNet>,
}

/// Sources that one rule can hold: of one family, and not too many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Protocols, as the family calls them.
    pub allow: Vec<Allow>,
    /// In order, none twice, at least one.
    pub sources: Vec<IpNet>,
}

/// The instances of a network that a rule holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Targets {
    /// All of them.
    All,
    /// Those with any of these tags.
    Tags(BTreeSet<ResourceName>),
    /// Those that run as any of these.
    ServiceAccounts(BTreeSet<ServiceAccount>),
}

/// An ingress rule of a VPC network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Unique in the project.
    pub name: ResourceName,
    /// 0 comes first, 65535 last.
    pub priority: u16,
    /// Protocols and sources.
    pub part: Part,
    /// Where the traffic may go.
    pub targets: Targets,
}

/// How much one rule may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Source ranges: 5000 on Google Cloud (VPC firewall quotas).
    pub ranges: usize,
    /// Target tags: 70 on Google Cloud (VPC firewall quotas).
    pub tags: usize,
}

/// Target service accounts of one rule (VPC firewall quotas).
const MAX_SERVICE_ACCOUNTS: usize = 10;

/// An argument of a Linux program has at most 128 KiB, and an IPv6 range up to 44 characters.
const MAX_IPV6_RANGES: usize = 2900;

impl Opening {
    /// The sources in parts: the Compute API refuses rules with both families, as do others.
    #[must_use]
    pub fn parts(&self, max: usize) -> Vec<Part> {
        let (ipv4, ipv6): (Vec<IpNet>, Vec<IpNet>) =
            self.sources.iter().partition(|net| net.addr().is_ipv4());
        let part = |allow: &[Allow], sources: &[IpNet]| Part {
            allow: allow.to_vec(),
            sources: sources.to_vec(),
        };
        let mut allow_ipv6: Vec<Allow> = Vec::new();
        for allow in self.allow.iter().map(|allow| allow.in_ipv6()) {
            if !allow_ipv6.contains(&allow) {
                allow_ipv6.push(allow);
            }
        }
        let of_ipv4 = ipv4.chunks(max).map(|chunk| part(&self.allow, chunk));
        let of_ipv6 = ipv6.chunks(max.min(MAX_IPV6_RANGES)).map(|chunk| part(&allow_ipv6, chunk));
        of_ipv4.chain(of_ipv6).collect()
    }

    /// The name of the n-th rule: NAME, NAME-2, NAME-3.
    pub fn rule_name(&self, n: usize) -> Result<ResourceName> {
        if n == 1 {
            return Ok(self.name.clone());
        }
        self.name.with_suffix(n).ok_or_else(|| too_long(&self.name, &n.to_string()))
    }
}

/// The error where a name has no room for a suffix.
pub(crate) fn too_long(name: &ResourceName, suffix: &str) -> Error {
    Error::usage(format!("--name: {name}-{suffix} has more than 63 characters"))
        .hint("choose a shorter name: what does not fit one rule is put into several")
}

impl Targets {
    fn parts(&self, max_tags: usize) -> Vec<Self> {
        fn chunks<T: Clone + Ord>(set: &BTreeSet<T>, max: usize) -> Vec<BTreeSet<T>> {
            let all: Vec<T> = set.iter().cloned().collect();
            all.chunks(max).map(|chunk| chunk.iter().cloned().collect()).collect()
        }
        match self {
            Self::All => vec![Self::All],
            Self::Tags(tags) => chunks(tags, max_tags).into_iter().map(Self::Tags).collect(),
            Self::ServiceAccounts(accounts) => chunks(accounts, MAX_SERVICE_ACCOUNTS)
                .into_iter()
                .map(Self::ServiceAccounts)
                .collect(),
        }
    }
}

/// The rules for all openings: every source to every target, each within the limits.
pub fn rules(
    openings: &[Opening],
    targets: &Targets,
    priority: u16,
    limits: Limits,
) -> Result<Vec<Rule>> {
    let mut rules = Vec::new();
    for opening in openings {
        let mut n = 0;
        for targets in targets.parts(limits.tags) {
            for part in opening.parts(limits.ranges) {
                n += 1;
                let name = opening.rule_name(n)?;
                rules.push(Rule { name, priority, part, targets: targets.clone() });
            }
        }
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use proptest::prelude::*;

    fn opening(sources: &[IpNet]) -> Opening {
        Opening {
            name: "pods".parse().unwrap(),
            allow: Allow::GUIDES.to_vec(),
            sources: sources.iter().copied().collect(),
        }
    }

    #[test]
    fn families_have_rules_of_their_own() {
        let sources = ["2001:db8::/32".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        let limits = Limits { ranges: 5000, tags: 70 };
        let rules = rules(&[opening(&sources)], &Targets::All, 900, limits).unwrap();
        let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names, ["pods", "pods-2"]);
        assert_eq!(rules[0].part.sources, [sources[1]]);
        assert!(rules[0].part.allow.contains(&Allow::all(Protocol::ICMP)));
        assert!(rules[1].part.allow.contains(&Allow::all(Protocol::ICMP_V6)));
        assert!(!rules[1].part.allow.contains(&Allow::all(Protocol::ICMP)));
    }

    #[test]
    fn a_name_without_room_for_numbers_is_refused() {
        let mut opening = opening(&["10.0.0.0/8".parse().unwrap(), "11.0.0.0/8".parse().unwrap()]);
        opening.name = "a".repeat(63).parse().unwrap();
        let limits = Limits { ranges: 1, tags: 70 };
        let error = rules(&[opening], &Targets::All, 900, limits).unwrap_err();
        assert!(error.message().text().contains("63 characters"), "{error:?}");
    }

    fn net() -> impl Strategy<Value = IpNet> {
        let v4 = any::<[u8; 4]>().prop_map(|b| IpNet::new(b.into(), 24).unwrap().trunc());
        let v6 = any::<[u8; 16]>().prop_map(|b| IpNet::new(b.into(), 64).unwrap().trunc());
        prop_oneof![v4, v6]
    }

    proptest! {
        #[test]
        fn splits_are_exact_within_limits_and_independent_of_order(
            sources in prop::collection::vec(net(), 1..40),
            tags in prop::collection::vec("[a-z]{1,3}", 1..20),
            ranges in 1usize..10,
            max_tags in 1usize..8,
        ) {
            let limits = Limits { ranges, tags: max_tags };
            let tags: Vec<ResourceName> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
            let split = |sources: &[IpNet], tags: Vec<ResourceName>| {
                let targets = Targets::Tags(tags.into_iter().collect());
                rules(&[opening(sources)], &targets, 900, limits).unwrap()
            };
            let all = split(&sources, tags.clone());
            let mut pairs = BTreeSet::new();
            for rule in &all {
                let Targets::Tags(of_rule) = &rule.targets else { panic!("tags stay tags") };
                prop_assert!(!of_rule.is_empty() && of_rule.len() <= max_tags);
                prop_assert!(!rule.part.sources.is_empty() && rule.part.sources.len() <= ranges);
                let first = rule.part.sources[0].addr().is_ipv4();
                prop_assert!(rule.part.sources.iter().all(|net| net.addr().is_ipv4() == first));
                for net in &rule.part.sources {
                    for tag in of_rule {
                        // Nothing is let in twice.
                        prop_assert!(pairs.insert((*net, tag.clone())));
                    }
                }
            }
            let wanted: BTreeSet<_> = sources
                .iter()
                .flat_map(|net| tags.iter().map(|tag| (*net, tag.clone())))
                .collect();
            prop_assert_eq!(pairs, wanted);
            let names: BTreeSet<_> = all.iter().map(|rule| &rule.name).collect();
            prop_assert_eq!(names.len(), all.len());
            let backwards: Vec<IpNet> = sources.iter().rev().copied().collect();
            prop_assert_eq!(split(&backwards, tags.into_iter().rev().collect()), all);
        }
    }
}
