//! Protocols and ports that a rule lets in.

use std::fmt;
use std::str::FromStr;

/// A protocol, of some ports or all: `tcp`, `tcp:15443`, `udp:1000-2000`, as gcloud's `--allow`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Allow {
    /// The protocol.
    pub protocol: Protocol,
    /// Its ports; all without.
    pub ports: Option<Ports>,
}

/// An IP protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// Every protocol.
    All,
    /// One, by its IANA number.
    Number(u8),
}

/// A port, or ports in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ports {
    first: u16,
    last: u16,
}

/// Names that the Compute API has for protocols; others go by number.
/// <https://cloud.google.com/compute/docs/reference/rest/v1/firewalls>
const NAMES: [(&str, u8); 7] =
    [("icmp", 1), ("tcp", 6), ("udp", 17), ("esp", 50), ("ah", 51), ("ipip", 94), ("sctp", 132)];

impl Protocol {
    /// TCP.
    pub const TCP: Self = Self::Number(6);
    /// UDP.
    pub const UDP: Self = Self::Number(17);
    /// ICMP of IPv4.
    pub const ICMP: Self = Self::Number(1);
    /// ICMP of IPv6, which is another protocol (RFC 4443) and has no name in the Compute API.
    pub const ICMP_V6: Self = Self::Number(58);
    /// Encapsulating Security Payload (RFC 4303).
    pub const ESP: Self = Self::Number(50);
    /// Authentication Header (RFC 4302).
    pub const AH: Self = Self::Number(51);
    /// SCTP.
    pub const SCTP: Self = Self::Number(132);

    fn has_ports(self) -> bool {
        [Self::TCP, Self::UDP, Self::SCTP].contains(&self)
    }
}

impl Allow {
    /// A protocol with all its ports.
    #[must_use]
    pub const fn all(protocol: Protocol) -> Self {
        Self { protocol, ports: None }
    }

    /// What the guides let in: whatever pods may say to each other.
    pub const GUIDES: [Self; 6] = [
        Self::all(Protocol::TCP),
        Self::all(Protocol::UDP),
        Self::all(Protocol::ICMP),
        Self::all(Protocol::ESP),
        Self::all(Protocol::AH),
        Self::all(Protocol::SCTP),
    ];

    /// What a Kubernetes API server must reach for sidecar injection: istiod's webhook.
    pub const WEBHOOK: Self =
        Self { protocol: Protocol::TCP, ports: Some(Ports { first: 15017, last: 15017 }) };

    /// The same for IPv6, where ICMP is another protocol.
    #[must_use]
    pub fn in_ipv6(self) -> Self {
        match self.protocol {
            Protocol::ICMP => Self::all(Protocol::ICMP_V6),
            _ => self,
        }
    }

    /// Whether it lets in all that `other` does.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let ports = match (self.ports, other.ports) {
            (None, _) => true,
            (Some(mine), None) => mine.first <= 1 && mine.last == u16::MAX,
            (Some(mine), Some(its)) => mine.first <= its.first && its.last <= mine.last,
        };
        self.protocol == Protocol::All || self.protocol == other.protocol && ports
    }

    /// Whether there is anything that both let in.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let protocols = [self.protocol, other.protocol];
        let ports =
            self.ports.zip(other.ports).is_none_or(|(a, b)| a.first <= b.last && b.first <= a.last);
        protocols.contains(&Protocol::All) || self.protocol == other.protocol && ports
    }
}

impl Ports {
    /// The first and the last port.
    #[must_use]
    pub fn bounds(self) -> (u16, u16) {
        (self.first, self.last)
    }
}

impl FromStr for Protocol {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.to_ascii_lowercase();
        if text == "all" {
            return Ok(Self::All);
        }
        if let Some((_, number)) = NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(Self::Number(*number));
        }
        if ["icmpv6", "ipv6-icmp"].contains(&text.as_str()) {
            return Ok(Self::ICMP_V6);
        }
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|_| digits).map(Self::Number).ok_or(
            "a protocol is tcp, udp, icmp, esp, ah, sctp, ipip, icmpv6, all, or a number of 0 to 255",
        )
    }
}

impl FromStr for Ports {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = |text: &str| {
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            text.parse::<u16>().ok().filter(|_| digits)
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (port(first), port(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
            _ => Err("ports are 15443 or 1000-2000, up to 65535"),
        }
    }
}

impl FromStr for Allow {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((protocol, ports)) = text.split_once(':') else {
            return Ok(Self::all(text.parse()?));
        };
        let protocol: Protocol = protocol.parse()?;
        if !protocol.has_ports() {
            return Err("only tcp, udp and sctp have ports");
        }
        Ok(Self { protocol, ports: Some(ports.parse()?) })
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::All => f.write_str("all"),
            Self::Number(number) => match NAMES.iter().find(|(_, known)| *known == number) {
                Some((name, _)) => f.write_str(name),
                None => write!(f, "{number}"),
            },
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ports {
            Some(ports) => write!(f, "{}:{ports}", self.protocol),
            None => write!(f, "{}", self.protocol),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allow(text: &str) -> Allow {
        text.parse().unwrap()
    }

    #[test]
    fn gcloud_s_forms_are_read() {
        for text in ["tcp", "udp:53", "tcp:15443", "tcp:1000-2000", "icmp", "esp", "58", "all"] {
            assert_eq!(allow(text).to_string(), text);
        }
        for (text, canonical) in
            [("6", "tcp"), ("TCP:80", "tcp:80"), ("icmpv6", "58"), ("tcp:80-80", "tcp:80")]
        {
            assert_eq!(allow(text).to_string(), canonical);
        }
        for text in [
            "",
            ":",
            "tcp:",
            "tcp:0x50",
            "tcp:80-",
            "tcp:90-80",
            "tcp:65536",
            "icmp:8",
            "all:80",
            "256",
            "+6",
            "htp",
            "tcp:http",
        ] {
            assert!(text.parse::<Allow>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_covers_and_what_overlaps() {
        for (a, b, covers, overlaps) in [
            ("tcp", "tcp:80", true, true),
            ("tcp:80", "tcp", false, true),
            ("tcp:0-65535", "tcp", true, true),
            ("tcp:2-65535", "tcp", false, true),
            ("tcp:1-100", "tcp:80-90", true, true),
            ("tcp:1-85", "tcp:80-90", false, true),
            ("tcp:1-79", "tcp:80-90", false, false),
            ("tcp", "udp", false, false),
            ("all", "udp:53", true, true),
            ("udp:53", "all", false, true),
        ] {
            assert_eq!(allow(a).covers(&allow(b)), covers, "{a} {b}");
            assert_eq!(allow(a).overlaps(&allow(b)), overlaps, "{a} {b}");
            assert_eq!(allow(b).overlaps(&allow(a)), overlaps, "{a} {b}");
        }
    }

    #[test]
    fn icmp_is_another_protocol_in_ipv6() {
        assert_eq!(allow("icmp").in_ipv6(), allow("58"));
        assert_eq!(allow("tcp:80").in_ipv6(), allow("tcp:80"));
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_so_that_it_reads_the_same(text in "[a-z0-9:-]{1,12}") {
            if let Ok(allow) = text.parse::<Allow>() {
                prop_assert_eq!(allow.to_string().parse(), Ok(allow));
                prop_assert!(allow.covers(&allow) && allow.overlaps(&allow));
            }
        }
    }
}
