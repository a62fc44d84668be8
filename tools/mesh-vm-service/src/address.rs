//! Where a machine answers.

use meshcore::DnsLabel;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The address of a machine: what an endpoint's `address` takes besides Unix sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An address that pods could reach.
    Ip(MachineIp),
    /// A whole DNS name, which proxies look up.
    Host(HostName),
}

/// An address that belongs to one machine, and is not known to that machine alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineIp(IpAddr);

/// A DNS name of two labels or more. Proxies have no search domains, so a short name is no name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(String);

/// Characters that an object's name, and a DNS name, have at most.
const NAME_LENGTH: usize = 253;

/// Characters of the longest host: `SERVICE-HOST` is the name of an object.
const HOST_LENGTH: usize = NAME_LENGTH - "-".len() - 63;

impl Address {
    /// Whether only its own network can reach it (RFC 1918, 6598 and 4193). What a name stands
    /// for is not known here.
    #[must_use]
    pub fn is_private(&self) -> bool {
        match self {
            Self::Ip(MachineIp(IpAddr::V4(ip))) => {
                let [a, b, ..] = ip.octets();
                ip.is_private() || (a == 100 && b & 0xc0 == 64)
            }
            Self::Ip(MachineIp(IpAddr::V6(ip))) => ip.is_unique_local(),
            Self::Host(_) => false,
        }
    }

    /// Its part of an object's name, different for different addresses. An IPv6 address is
    /// written out, since it may end with a colon, and a name may not end with what replaces it.
    #[must_use]
    pub fn in_name(&self) -> String {
        match self {
            Self::Ip(MachineIp(IpAddr::V6(ip))) => {
                ip.segments().map(|part| format!("{part:x}")).join("-")
            }
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(MachineIp(ip)) => ip.fmt(f),
            Self::Host(HostName(name)) => f.write_str(name),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(ip) => MachineIp::new(ip).map(Self::Ip).map_err(str::to_owned),
            Err(_) => text.parse().map(Self::Host),
        }
    }
}

impl MachineIp {
    fn new(ip: IpAddr) -> Result<Self, &'static str> {
        // ::ffff:10.0.0.1 is 10.0.0.1, and would pass for another machine.
        let ip = ip.to_canonical();
        let is_link_local = match ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        if ip.is_loopback() {
            Err("each machine has this address for itself: pods would reach themselves")
        } else if is_link_local {
            Err("a link-local address is known on one link alone")
        } else if ip.is_unspecified() || ip.is_multicast() || is_reserved(ip) {
            Err("it is not the address of a machine")
        } else {
            Ok(Self(ip))
        }
    }
}

/// "This network" (RFC 1122), and what was kept for later with broadcast in it (RFC 1112).
fn is_reserved(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if matches!(ip.octets()[0], 0 | 240..))
}

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > HOST_LENGTH {
            return Err(format!("a host name has at most {HOST_LENGTH} characters here"));
        }
        for label in text.split('.') {
            DnsLabel::parse(label).map_err(|reason| format!("the DNS label '{label}' {reason}"))?;
        }
        let (_, last) =
            text.rsplit_once('.').ok_or("it is a short name; a whole one is vm1.example.com")?;
        if last.bytes().all(|b| b.is_ascii_digit()) {
            return Err("it looks like an address and is none".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_of_machines_are_taken() {
        for (text, shown, in_name) in [
            ("10.128.0.9", "10.128.0.9", "10.128.0.9"),
            ("203.0.113.7", "203.0.113.7", "203.0.113.7"),
            ("FD00::1", "fd00::1", "fd00-0-0-0-0-0-0-1"),
            ("2001:db8::", "2001:db8::", "2001-db8-0-0-0-0-0-0"),
            ("::ffff:10.0.0.1", "10.0.0.1", "10.0.0.1"),
            ("vm1.example.com", "vm1.example.com", "vm1.example.com"),
            ("vm-1.c.my-proj.internal", "vm-1.c.my-proj.internal", "vm-1.c.my-proj.internal"),
        ] {
            assert_eq!(address(text).to_string(), shown);
            assert_eq!(address(text).in_name(), in_name);
        }
    }

    #[test]
    fn other_addresses_are_refused() {
        let long = format!("{}.example.com", "a.".repeat(95));
        for (text, reason) in [
            ("127.0.0.1", "for itself"),
            ("::1", "for itself"),
            ("::ffff:127.0.0.1", "for itself"),
            ("169.254.169.254", "one link"),
            ("fe80::1", "one link"),
            ("0.0.0.0", "not the address of a machine"),
            ("0.1.2.3", "not the address of a machine"),
            ("::", "not the address of a machine"),
            ("224.0.0.1", "not the address of a machine"),
            ("ff02::1", "not the address of a machine"),
            ("240.0.0.1", "not the address of a machine"),
            ("255.255.255.255", "not the address of a machine"),
            ("10.0.0.256", "looks like an address"),
            ("10.0.0", "looks like an address"),
            ("010.0.0.1", "looks like an address"),
            ("10.0.0.0/8", "'0/8' may have"),
            ("", "'' is empty"),
            ("vm1", "short name"),
            ("vm1.", "'' is empty"),
            ("vm_1.example.com", "'vm_1' may have"),
            ("*.example.com", "'*' may have"),
            ("VM1.example.com", "'VM1' may have"),
            ("unix:///var/run/app", "may have"),
            (&long, "at most 189"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn private_addresses_are_those_of_one_network() {
        for text in
            ["10.0.0.1", "172.31.0.1", "192.168.0.1", "100.64.0.1", "100.127.0.1", "fd00::1"]
        {
            assert!(address(text).is_private(), "{text}");
        }
        for text in ["11.0.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "2001:db8::1", "a.b"] {
            assert!(!address(text).is_private(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn names_are_valid_and_tell_addresses_apart(
            a in any::<IpAddr>().prop_map(|ip| ip.to_string()),
            b in any::<IpAddr>().prop_map(|ip| ip.to_string()),
        ) {
            let (Ok(a), Ok(b)) = (a.parse::<Address>(), b.parse::<Address>()) else {
                return Ok(());
            };
            prop_assert_eq!(a == b, a.in_name() == b.in_name());
            for label in a.in_name().split('.') {
                prop_assert!(DnsLabel::parse(label).is_ok(), "{}", label);
            }
            prop_assert_eq!(a.to_string().parse::<Address>(), Ok(a));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,20}|[0-9a-f.:]{0,20}") {
            if let Ok(Address::Host(HostName(name))) = text.parse() {
                prop_assert_eq!(name, text);
            }
        }
    }
}
