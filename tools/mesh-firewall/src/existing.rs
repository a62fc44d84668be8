//! The rules that a network has already.

use crate::{Allow, Network, Protocol, Rule, Targets};
use ipnet::IpNet;
use meshcore::DnsLabel;
use meshcore::cidr::Joined;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A rule as `gcloud compute firewall-rules list --format=json` prints it: the `Firewall` of the
/// Compute API v1.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Resource")]
pub struct Existing {
    /// Its name, unique in the project.
    pub name: String,
    /// The network it is in.
    pub network: Network,
    /// Whether it is about traffic to the instances.
    pub ingress: bool,
    /// Whether it has any effect.
    pub enabled: bool,
    /// 0 comes first, 65535 last.
    pub priority: u16,
    /// What it does with which protocols.
    pub action: Action,
    /// Address ranges that the traffic comes from.
    pub source_ranges: BTreeSet<IpNet>,
    /// Tags of instances that it may also come from.
    pub source_tags: Vec<String>,
    /// Service accounts of instances that it may also come from.
    pub source_service_accounts: Vec<String>,
    /// Address ranges that the traffic goes to; with none, it may go anywhere.
    pub destination_ranges: BTreeSet<IpNet>,
    /// Instances that it holds for, by tag.
    pub target_tags: BTreeSet<String>,
    /// Instances that it holds for, by service account; without both, it holds for all.
    pub target_service_accounts: BTreeSet<String>,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Lets in.
    Allow(BTreeSet<Allow>),
    /// Keeps out.
    Deny(BTreeSet<Allow>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    name: String,
    network: String,
    direction: Option<String>,
    #[serde(default)]
    disabled: bool,
    priority: Option<u16>,
    #[serde(default)]
    allowed: Vec<Protocols>,
    #[serde(default)]
    denied: Vec<Protocols>,
    #[serde(default)]
    source_ranges: Vec<String>,
    #[serde(default)]
    source_tags: Vec<String>,
    #[serde(default)]
    source_service_accounts: Vec<String>,
    #[serde(default)]
    destination_ranges: Vec<String>,
    #[serde(default)]
    target_tags: BTreeSet<String>,
    #[serde(default)]
    target_service_accounts: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Protocols {
    #[serde(rename = "IPProtocol")]
    protocol: String,
    #[serde(default)]
    ports: Vec<String>,
}

impl TryFrom<Resource> for Existing {
    type Error = String;

    fn try_from(resource: Resource) -> Result<Self, String> {
        let rule = |reason: &str| format!("rule {}: {reason}", resource.name);
        // Commands have it as a word of its own.
        if DnsLabel::parse(&resource.name).is_err() {
            return Err(format!("{:?} is not the name of a rule", resource.name));
        }
        let allows = |lists: &[Protocols]| {
            let mut all = BTreeSet::new();
            for Protocols { protocol, ports } in lists {
                let protocol: Protocol = protocol.parse().map_err(rule)?;
                if ports.is_empty() {
                    all.insert(Allow::all(protocol));
                }
                for ports in ports {
                    all.insert(Allow { protocol, ports: Some(ports.parse().map_err(rule)?) });
                }
            }
            Ok::<_, String>(all)
        };
        let action = if resource.denied.is_empty() {
            Action::Allow(allows(&resource.allowed)?)
        } else {
            Action::Deny(allows(&resource.denied)?)
        };
        let ranges = |texts: &[String], what: &str| {
            let range = |text: &String| {
                let address = || text.parse::<IpAddr>().map(IpNet::from);
                let net = text.parse().or_else(|_| address());
                net.map(|net: IpNet| net.trunc())
                    .map_err(|_| rule(&format!("a {what} range is no range")))
            };
            texts.iter().map(range).collect::<Result<BTreeSet<IpNet>, String>>()
        };
        let source_ranges = ranges(&resource.source_ranges, "source")?;
        let destination_ranges = ranges(&resource.destination_ranges, "destination")?;
        let network = resource.network.parse().map_err(|error: String| rule(&error))?;
        Ok(Self {
            network,
            // The service's defaults, where a field is left out.
            ingress: resource.direction.as_deref().unwrap_or("INGRESS") == "INGRESS",
            priority: resource.priority.unwrap_or(1000),
            enabled: !resource.disabled,
            action,
            source_ranges,
            source_tags: resource.source_tags,
            source_service_accounts: resource.source_service_accounts,
            destination_ranges,
            target_tags: resource.target_tags,
            target_service_accounts: resource.target_service_accounts,
            name: resource.name,
        })
    }
}

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
    #[must_use]
    pub fn is_in(&self, network: &Network) -> bool {
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

/// The rule that keeps traffic from the instances to some of the destinations in their network. By
/// themselves networks let all traffic out.
#[must_use]
pub fn kept_in<'a>(
    instances: &Targets,
    allow: Allow,
    destinations: &BTreeSet<IpNet>,
    existing: &'a [Existing],
) -> Option<&'a Existing> {
    let wanted = Joined::of(destinations);
    each_target(instances).into_iter().find_map(|target| {
        let denies = existing.iter().filter(|e| e.keeps_in(allow, target, &wanted));
        let deny = denies.min_by_key(|e| e.priority)?;
        let open =
            existing.iter().filter(|e| e.priority < deny.priority && e.lets_out(allow, target));
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
            let found = kept_in(&targets, Allow::all(crate::Protocol::TCP), &destinations, &rules);
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

    #[test]
    fn what_the_service_would_not_say_is_refused() {
        for fields in [
            json!({"network": "a b"}),
            json!({"sourceRanges": ["x"]}),
            json!({"destinationRanges": ["x"]}),
            json!({"allowed": [{"IPProtocol": "htp"}]}),
            json!({"allowed": [{"IPProtocol": "tcp", "ports": ["a"]}]}),
            json!({"priority": 65536}),
        ] {
            let mut rule = json!({"name": "x", "network": "default"});
            for (key, value) in fields.as_object().unwrap() {
                rule[key] = value.clone();
            }
            assert!(serde_json::from_value::<Existing>(rule).is_err(), "{fields}");
        }
    }
}
