//! What the rules of a network do together.

use crate::{Action, Allow, Existing, Network, Rule, Targets};
use ipnet::IpNet;
use meshcore::cidr::Joined;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// One of the sets of instances that a rule holds for.
#[derive(Debug, Clone, Copy)]
enum Target<'a> {
    All,
    Tag(&'a str),
    ServiceAccount(&'a str),
}

fn each_target(targets: &Targets) -> Vec<Target<'_>> {
    match targets {
        Targets::All => vec![Target::All],
        Targets::Tags(tags) => tags.iter().map(|tag| Target::Tag(tag.as_str())).collect(),
        Targets::ServiceAccounts(accounts) => {
            accounts.iter().map(|account| Target::ServiceAccount(account.as_str())).collect()
        }
    }
}

impl Existing {
    /// Where the traffic may come from by address; a rule that names no source means all.
    fn sources(&self) -> Vec<IpNet> {
        let unnamed = self.source_tags.is_empty() && self.source_service_accounts.is_empty();
        if unnamed {
            or_all(&self.source_ranges)
        } else {
            self.source_ranges.iter().copied().collect()
        }
    }

    /// Whether it is about the network, as far as the names tell.
    fn is_in(&self, network: &Network) -> bool {
        self.may_be_in_project_of(network) && self.network.name == network.name
    }

    /// Whether no other project is named than the network's.
    pub(crate) fn may_be_in_project_of(&self, network: &Network) -> bool {
        let projects = self.network.project.as_ref().zip(network.project.as_ref());
        projects.is_none_or(|(own, other)| own == other)
    }

    fn holds_for_all(&self) -> bool {
        self.target_tags.is_empty() && self.target_service_accounts.is_empty()
    }

    /// Whether it surely holds for all these instances.
    fn holds_for(&self, target: Target<'_>) -> bool {
        self.holds_for_all()
            || match target {
                Target::All => false,
                Target::Tag(tag) => self.target_tags.contains(tag),
                Target::ServiceAccount(account) => self.target_service_accounts.contains(account),
            }
    }

    /// Whether it may hold for some of these instances: a tag and a service account may meet.
    fn may_hold_for(&self, target: Target<'_>) -> bool {
        self.holds_for(target)
            || match target {
                Target::All => true,
                Target::Tag(_) => !self.target_service_accounts.is_empty(),
                Target::ServiceAccount(_) => !self.target_tags.is_empty(),
            }
    }

    /// Whether it may deny some of this protocol to some of these instances.
    fn may_deny(&self, allow: Allow, target: Target<'_>) -> bool {
        let Action::Deny(denied) = &self.action else { return false };
        self.enabled
            && self.may_hold_for(target)
            && denied.iter().any(|denied| denied.overlaps(&allow))
    }

    /// Whether it surely allows this protocol to all these instances.
    fn allows(&self, allow: Allow, target: Target<'_>) -> bool {
        let Action::Allow(allowed) = &self.action else { return false };
        self.enabled
            && self.holds_for(target)
            && allowed.iter().any(|allowed| allowed.covers(&allow))
    }

    /// Whether it keeps out some of this traffic.
    fn keeps_out(&self, allow: Allow, target: Target<'_>, sources: &Joined) -> bool {
        self.ingress
            && self.may_deny(allow, target)
            && self.sources().iter().any(|own| sources.meets(own))
    }

    /// Whether it lets in this protocol from its own sources.
    fn lets_in(&self, allow: Allow, target: Target<'_>) -> bool {
        self.ingress && self.destination_ranges.is_empty() && self.allows(allow, target)
    }

    /// Whether it keeps in some of this traffic.
    fn keeps_in(&self, allow: Allow, target: Target<'_>, destinations: &Joined) -> bool {
        !self.ingress
            && self.may_deny(allow, target)
            && or_all(&self.destination_ranges).iter().any(|own| destinations.meets(own))
    }

    /// Whether it lets out this protocol to its own destinations.
    fn lets_out(&self, allow: Allow, target: Target<'_>) -> bool {
        !self.ingress && self.source_ranges.is_empty() && self.allows(allow, target)
    }
}

/// The ranges, or every address where none is named.
fn or_all(ranges: &BTreeSet<IpNet>) -> Vec<IpNet> {
    if ranges.is_empty() {
        let all = [IpAddr::from([0u8; 4]), IpAddr::from([0u8; 16])].into_iter();
        return all.filter_map(|address| IpNet::new(address, 0).ok()).collect();
    }
    ranges.iter().copied().collect()
}

/// The rule that keeps in traffic from instances of the network to some of the destinations. By
/// themselves networks let all traffic out.
#[must_use]
pub fn kept_in<'a>(
    network: &Network,
    instances: &Targets,
    allow: Allow,
    destinations: &BTreeSet<IpNet>,
    existing: &'a [Existing],
) -> Option<&'a Existing> {
    let wanted = Joined::of(destinations);
    let rules = || existing.iter().filter(|e| e.is_in(network));
    each_target(instances).into_iter().find_map(|target| {
        let denies = rules().filter(|e| e.keeps_in(allow, target, &wanted));
        let deny = denies.min_by_key(|e| e.priority)?;
        let open = rules().filter(|e| e.priority < deny.priority && e.lets_out(allow, target));
        let open: Vec<IpNet> = open.flat_map(|e| or_all(&e.destination_ranges)).collect();
        let open = Joined::of(&open);
        (!wanted.ranges().iter().all(|net| open.holds(net))).then_some(deny)
    })
}

/// Whether the existing rules let in all that the rule would, whatever their priorities, and no rule
/// keeps it out before they do. Of equal priorities the one that denies counts.
/// <https://cloud.google.com/firewall/docs/firewalls#priority_order_for_firewall_rules>
#[must_use]
pub fn let_in_already(rule: &Rule, existing: &[Existing]) -> bool {
    let wanted = Joined::of(&rule.part.sources);
    // Most targets and protocols are let in by the same rules.
    let mut known: BTreeMap<Vec<usize>, bool> = BTreeMap::new();
    rule.part.allow.iter().all(|&allow| {
        each_target(&rule.targets).into_iter().all(|target| {
            let first_deny = existing
                .iter()
                .filter(|e| e.keeps_out(allow, target, &wanted))
                .map(|e| e.priority)
                .min();
            let open = existing.iter().enumerate().filter(|(_, e)| {
                first_deny.is_none_or(|deny| e.priority < deny) && e.lets_in(allow, target)
            });
            let open: Vec<usize> = open.map(|(i, _)| i).collect();
            if let Some(&is_let_in) = known.get(&open) {
                return is_let_in;
            }
            let sources: Vec<IpNet> = open.iter().flat_map(|&i| existing[i].sources()).collect();
            let together = Joined::of(&sources);
            let is_let_in = wanted.ranges().iter().all(|net| together.holds(net));
            known.insert(open, is_let_in);
            is_let_in
        })
    })
}

/// The existing rules that keep out some of what the rule lets in, in spite of it.
pub fn denied_before<'a>(
    rule: &'a Rule,
    existing: &'a [Existing],
) -> impl Iterator<Item = &'a Existing> {
    let wanted = Joined::of(&rule.part.sources);
    existing.iter().filter(|e| e.priority <= rule.priority).filter(move |e| {
        let targets = each_target(&rule.targets);
        rule.part
            .allow
            .iter()
            .any(|&allow| targets.iter().any(|&target| e.keeps_out(allow, target, &wanted)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Opening, rules};
    use serde_json::{Value, json};

    fn existing(fields: Value) -> Existing {
        let mut rule = json!({"name": "x", "network": "default", "priority": 900,
            "sourceRanges": ["10.0.0.0/8"], "targetTags": ["a", "b"],
            "allowed": [{"IPProtocol": "tcp"}]});
        for (key, value) in fields.as_object().unwrap() {
            rule[key] = value.clone();
        }
        serde_json::from_value(rule).unwrap()
    }

    fn rule(ranges: &[&str], tags: &[&str]) -> Rule {
        let opening = Opening {
            name: "pods".parse().unwrap(),
            allow: vec!["tcp:80".parse().unwrap()],
            sources: ranges.iter().map(|range| range.parse().unwrap()).collect(),
        };
        let targets = if tags.is_empty() {
            Targets::All
        } else {
            Targets::Tags(tags.iter().map(|tag| tag.parse().unwrap()).collect())
        };
        rules(&[opening], &targets, 900, Limits { ranges: 9, tags: 9 }).unwrap().remove(0)
    }

    #[test]
    fn what_lets_in_already() {
        let wanted = rule(&["10.4.0.0/14"], &["a"]);
        for (fields, sufficient) in [
            (json!({}), true),
            (json!({"targetTags": []}), true),
            (json!({"allowed": [{"IPProtocol": "all"}], "priority": 0}), true),
            (json!({"sourceRanges": ["10.4.0.0/15", "10.6.0.0/15"]}), true),
            (json!({"sourceRanges": []}), true),
            (json!({"disabled": true}), false),
            (json!({"direction": "EGRESS"}), false),
            (json!({"priority": 65534}), true),
            (json!({"allowed": [{"IPProtocol": "tcp", "ports": ["0-65535"]}]}), true),
            (json!({"targetTags": ["b"]}), false),
            (json!({"targetTags": [], "targetServiceAccounts": ["n@p.example"]}), false),
            (json!({"sourceRanges": ["10.4.0.0/15"]}), false),
            (json!({"sourceRanges": [], "sourceTags": ["s"]}), false),
            (json!({"destinationRanges": ["10.128.0.0/9"]}), false),
            (json!({"allowed": [{"IPProtocol": "tcp", "ports": ["443", "15443"]}]}), false),
            (json!({"allowed": [], "denied": [{"IPProtocol": "tcp"}]}), false),
        ] {
            let rules = [existing(fields.clone())];
            assert_eq!(let_in_already(&wanted, &rules), sufficient, "{fields}");
        }
        assert!(!let_in_already(&rule(&["10.4.0.0/14"], &[]), &[existing(json!({}))]));
        assert!(!let_in_already(&wanted, &[]));
    }

    #[test]
    fn what_is_let_out() {
        let deny = json!({"direction": "EGRESS", "priority": 800, "allowed": [], "sourceRanges": [],
            "targetTags": [], "denied": [{"IPProtocol": "all"}], "destinationRanges": ["0.0.0.0/0"]});
        let rule = |fields: Value| {
            let mut rule = deny.clone();
            for (key, value) in fields.as_object().unwrap() {
                rule[key] = value.clone();
            }
            existing(rule)
        };
        let out = |fields: Value| {
            let mut all =
                json!({"denied": [], "allowed": [{"IPProtocol": "tcp"}], "priority": 799});
            for (key, value) in fields.as_object().unwrap() {
                all[key] = value.clone();
            }
            vec![rule(json!({})), rule(all)]
        };
        for (rules, is_kept_in) in [
            (vec![], false),
            (vec![rule(json!({}))], true),
            (vec![rule(json!({"destinationRanges": []}))], true),
            (vec![rule(json!({"destinationRanges": ["10.5.0.0/16"]}))], true),
            (vec![rule(json!({"destinationRanges": ["10.8.0.0/14"]}))], false),
            (vec![rule(json!({"denied": [{"IPProtocol": "udp"}]}))], false),
            (vec![rule(json!({"targetTags": ["b"]}))], false),
            (vec![rule(json!({"direction": "INGRESS"}))], false),
            (vec![rule(json!({"disabled": true}))], false),
            (out(json!({})), false),
            (out(json!({"destinationRanges": ["10.0.0.0/8"]})), false),
            (out(json!({"destinationRanges": ["10.4.0.0/15"]})), true),
            (out(json!({"priority": 800})), true),
            (out(json!({"targetTags": ["b"]})), true),
            (out(json!({"allowed": [{"IPProtocol": "udp"}]})), true),
        ] {
            let targets = Targets::Tags(["a".parse().unwrap()].into());
            let destinations = ["10.4.0.0/14".parse().unwrap()].into();
            let network = "default".parse().unwrap();
            let allow = Allow::all(crate::Protocol::TCP);
            let found = kept_in(&network, &targets, allow, &destinations, &rules);
            assert_eq!(found.is_some(), is_kept_in, "{rules:?}");
        }
    }

    #[test]
    fn rules_add_up() {
        let half = |range: &str, tag: &str| {
            existing(json!({"sourceRanges": [range], "targetTags": [tag]}))
        };
        let wanted = rule(&["10.4.0.0/14"], &["a"]);
        assert!(let_in_already(&wanted, &[half("10.4.0.0/15", "a"), half("10.6.0.0/15", "a")]));
        assert!(!let_in_already(&wanted, &[half("10.4.0.0/15", "a"), half("10.6.0.0/15", "b")]));
    }

    #[test]
    fn a_deny_counts_where_it_comes_first() {
        let wanted = rule(&["10.4.0.0/14"], &["a"]);
        let deny = |priority: u16, fields: Value| {
            let mut rule = json!({"name": "deny", "priority": priority, "allowed": [],
                "denied": [{"IPProtocol": "tcp", "ports": ["80"]}]});
            for (key, value) in fields.as_object().unwrap() {
                rule[key] = value.clone();
            }
            [existing(json!({})), existing(rule)]
        };
        for (priority, fields, stands) in [
            (901, json!({}), true),
            (900, json!({}), false),
            (0, json!({"targetTags": []}), false),
            (0, json!({"targetTags": [], "targetServiceAccounts": ["n@p.example"]}), false),
            (0, json!({"sourceRanges": ["10.5.0.0/16"]}), false),
            (0, json!({"sourceRanges": ["10.8.0.0/14"]}), true),
            (0, json!({"targetTags": ["b"]}), true),
            (0, json!({"denied": [{"IPProtocol": "tcp", "ports": ["81-90"]}]}), true),
            (0, json!({"disabled": true}), true),
        ] {
            let rules = deny(priority, fields.clone());
            assert_eq!(let_in_already(&wanted, &rules), stands, "{priority} {fields}");
            assert_eq!(denied_before(&wanted, &rules).count(), usize::from(!stands));
        }
    }
}
