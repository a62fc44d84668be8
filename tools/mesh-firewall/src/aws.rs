//! Commands for security groups of Amazon EC2.

use crate::{Allow, Opening, Part, Protocol};
use meshcore::{Error, Result, shell};

/// Inbound rules that a security group may hold for each address family unless AWS was asked for
/// more; each protocol from each range is one (Amazon VPC quotas).
pub const RULES_PER_GROUP: usize = 60;

/// As many as one group can be allowed to hold at all (Amazon VPC quotas).
const MAX_RULES: usize = 1000;

/// Protocols with ports, and without.
const PORTS: [Protocol; 2] = [Protocol::TCP, Protocol::UDP];

/// A security group by its ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroup(String);

impl std::str::FromStr for SecurityGroup {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = text.strip_prefix("sg-").unwrap_or("");
        if !id.is_empty() && id.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err("the ID of a security group is sg- and hexadecimal digits")
        }
    }
}

impl SecurityGroup {
    /// One `aws ec2 authorize-security-group-ingress` for each part.
    pub fn commands(&self, openings: &[Opening], max_ranges: usize) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for opening in openings {
            for part in opening.parts(max_ranges.min(MAX_RULES)) {
                let mut line =
                    ["aws", "ec2", "authorize-security-group-ingress"].map(str::to_owned).to_vec();
                line.push(format!("--group-id={}", self.0));
                line.push("--ip-permissions".to_owned());
                for &allow in &part.allow {
                    line.push(permission(opening, &part, allow)?);
                }
                lines.push(shell::command_line(line) + "\n");
            }
        }
        Ok(lines)
    }
}

/// How many inbound rules this makes in the fuller of the two families.
#[must_use]
pub fn rules(openings: &[Opening]) -> usize {
    let of_family = |ipv4: bool| {
        let count = |opening: &Opening| {
            let of_family = opening.sources.iter().filter(|net| net.addr().is_ipv4() == ipv4);
            of_family.count() * opening.allow.len()
        };
        openings.iter().map(count).sum::<usize>()
    };
    of_family(true).max(of_family(false))
}

/// An `IpPermission` in the shorthand syntax of the AWS command line.
fn permission(opening: &Opening, part: &Part, allow: Allow) -> Result<String> {
    let ports = match allow.ports.map(crate::Ports::bounds) {
        Some(_) if !PORTS.contains(&allow.protocol) => {
            return Err(Error::usage(format!(
                "--allow {allow}: a security group takes the ports \
                 of tcp and udp only, and would let in all of {}",
                allow.protocol
            ))
            .hint(format!("allow {} with all its ports", allow.protocol)));
        }
        Some((first, last)) => format!(",FromPort={first},ToPort={last}"),
        None if PORTS.contains(&allow.protocol) => ",FromPort=0,ToPort=65535".to_owned(),
        // All types and codes.
        None if [Protocol::ICMP, Protocol::ICMP_V6].contains(&allow.protocol) => {
            ",FromPort=-1,ToPort=-1".to_owned()
        }
        None => String::new(),
    };
    let protocol = match allow.protocol {
        Protocol::All => "-1".to_owned(),
        Protocol::TCP | Protocol::UDP | Protocol::ICMP => allow.protocol.to_string(),
        Protocol::ICMP_V6 => "icmpv6".to_owned(),
        Protocol::Number(number) => number.to_string(),
    };
    let is_ipv4 = part.sources.iter().all(|net| net.addr().is_ipv4());
    let (list, key) = if is_ipv4 { ("IpRanges", "CidrIp") } else { ("Ipv6Ranges", "CidrIpv6") };
    let ranges: Vec<String> = part
        .sources
        .iter()
        .map(|net| format!("{{{key}={net},Description={}}}", opening.name))
        .collect();
    Ok(format!("IpProtocol={protocol}{ports},{list}=[{}]", ranges.join(",")))
}
