//! Commands for network security groups of Azure.

use crate::{Opening, Part, Protocol};
use meshcore::{Error, Result, shell};

/// A network security group (NSG).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkSecurityGroup {
    /// Its resource group.
    pub resource_group: String,
    /// Its name.
    pub name: String,
}

/// Ranges of one rule (Azure limits: 4,000 addresses and ranges).
const MAX_RANGES: usize = 4000;

/// A rule is for one of these, or for all (`SecurityRuleProtocol` of Azure's network API).
const PROTOCOLS: [(Protocol, &str); 6] = [
    (Protocol::All, "*"),
    (Protocol::TCP, "Tcp"),
    (Protocol::UDP, "Udp"),
    (Protocol::ICMP, "Icmp"),
    (Protocol::ESP, "Esp"),
    (Protocol::AH, "Ah"),
];

/// Commands, and the protocols that NSGs do not know and that were left out.
#[derive(Debug, Default)]
pub struct Commands {
    /// In the order of their priorities.
    pub lines: Vec<String>,
    /// Each once; none when everything asked for is let in.
    pub unknown: Vec<Protocol>,
}

impl NetworkSecurityGroup {
    /// One `az network nsg rule create` for each part and protocol. Priorities must be unique in
    /// a group and are taken from `first` on.
    pub fn commands(
        &self,
        openings: &[Opening],
        first: u16,
        max_ranges: usize,
    ) -> Result<Commands> {
        let mut commands = Commands::default();
        for opening in openings {
            let mut n = 0;
            for part in opening.parts(max_ranges.min(MAX_RANGES)) {
                let mut protocols: Vec<Protocol> = Vec::new();
                for allow in &part.allow {
                    if !protocols.contains(&allow.protocol) {
                        protocols.push(allow.protocol);
                    }
                }
                for protocol in protocols {
                    let Some((_, name)) = PROTOCOLS.iter().find(|(known, _)| *known == protocol)
                    else {
                        if !commands.unknown.contains(&protocol) {
                            commands.unknown.push(protocol);
                        }
                        continue;
                    };
                    n += 1;
                    let priority = u16::try_from(commands.lines.len())
                        .ok()
                        .and_then(|n| first.checked_add(n))
                        .filter(|priority| (100..=4096).contains(priority))
                        .ok_or_else(priorities)?;
                    let rule = opening.rule_name(n)?;
                    commands.lines.push(self.command(
                        rule.as_str(),
                        priority,
                        name,
                        protocol,
                        &part,
                    ));
                }
            }
        }
        Ok(commands)
    }

    fn command(
        &self,
        rule: &str,
        priority: u16,
        name: &str,
        protocol: Protocol,
        part: &Part,
    ) -> String {
        let mut line = ["az", "network", "nsg", "rule", "create"].map(str::to_owned).to_vec();
        line.push(format!("--resource-group={}", self.resource_group));
        line.push(format!("--nsg-name={}", self.name));
        line.push(format!("--name={rule}"));
        line.push(format!("--priority={priority}"));
        line.push("--direction=Inbound".to_owned());
        line.push("--access=Allow".to_owned());
        line.push(format!("--protocol={name}"));
        line.push("--source-address-prefixes".to_owned());
        line.extend(part.sources.iter().map(ToString::to_string));
        line.push("--destination-port-ranges".to_owned());
        let of_protocol = part.allow.iter().filter(|allow| allow.protocol == protocol);
        let ports: Option<Vec<String>> =
            of_protocol.map(|allow| allow.ports.map(|ports| ports.to_string())).collect();
        // One entry without ports is every port.
        line.extend(ports.unwrap_or_else(|| vec!["*".to_owned()]));
        shell::command_line(line) + "\n"
    }
}

fn priorities() -> Error {
    Error::usage("--priority: the rules of a network security group have priorities of 100 to 4096")
        .hint("each range of one family and each protocol takes one, from --priority on")
}
