//! The rules that a network has already.

use crate::{Allow, Network, Protocol};
use ipnet::IpNet;
use meshcore::DnsLabel;
use serde::Deserialize;
use std::collections::BTreeSet;
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
