//! IPv4 inside IPv6. Firewalls and translators know one host by either name, and what is judged by
//! one must not pass by the other.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Where addresses of IPv6 hold one of IPv4.
struct Form {
    prefix: (u128, u8),
    v4: Place,
}

/// Where the 32 bits of IPv4 are.
#[derive(Clone, Copy)]
enum Place {
    /// They begin at this bit.
    At(u8),
    /// They are the last, and each is turned over.
    Inverted,
    /// Whoever runs the translator decides.
    Anywhere,
}

/// Every form that a standard gives a prefix of its own. A translator may have a prefix of its
/// network instead (RFC 6052 section 2.2), which nobody else can tell from other addresses.
const FORMS: [Form; 7] = [
    // IPv4-compatible: RFC 4291 section 2.5.5.1.
    Form { prefix: (0, 96), v4: Place::At(96) },
    // IPv4-mapped: RFC 4291 section 2.5.5.2. Alone it is refused; this is for what holds it.
    Form { prefix: (0xffff << 32, 96), v4: Place::At(96) },
    // IPv4-translated: RFC 2765 section 2.1.
    Form { prefix: (0xffff << 48, 96), v4: Place::At(96) },
    // NAT64, the well-known prefix: RFC 6052 section 2.1.
    Form { prefix: (0x0064_ff9b << 96, 96), v4: Place::At(96) },
    // NAT64, for local use: RFC 8215. Prefixes in it are of any length of RFC 6052 section 2.2.
    Form { prefix: (0x0064_ff9b_0001 << 80, 48), v4: Place::Anywhere },
    // Teredo, of the client: RFC 4380 section 4.
    Form { prefix: (0x2001 << 112, 32), v4: Place::Inverted },
    // 6to4, of the site: RFC 3056 section 2.
    Form { prefix: (0x2002 << 112, 16), v4: Place::At(16) },
];

/// What a range of IPv6 stands for in IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Embedded {
    /// This range.
    Range(IpNet),
    /// So many addresses at most, and nobody knows which.
    Anywhere(u128),
}

/// All that a range stands for in IPv4: nothing for most.
pub(super) fn embedded(net: Ipv6Net) -> impl Iterator<Item = Embedded> {
    FORMS.iter().filter_map(move |form| {
        let (bits, length) = form.prefix;
        let prefix = Ipv6Net::new(Ipv6Addr::from_bits(bits), length).ok()?;
        // Two ranges share addresses only when one holds the other.
        let shared = if prefix.contains(&net) {
            net
        } else if net.contains(&prefix) {
            prefix
        } else {
            return None;
        };
        Some(form.v4.of(shared))
    })
}

impl Place {
    fn of(self, net: Ipv6Net) -> Embedded {
        let (start, inverted) = match self {
            Self::At(start) => (start, 0),
            Self::Inverted => (96, u32::MAX),
            Self::Anywhere => {
                return Embedded::Anywhere(1 << (128 - net.prefix_len()).min(32));
            }
        };
        let length = net.prefix_len().saturating_sub(start).min(32);
        let octets = net.addr().octets();
        let first = usize::from(start / 8);
        let v4 = octets[first..].first_chunk().map_or(0, |octets| u32::from_be_bytes(*octets));
        let range = Ipv4Net::new_assert(Ipv4Addr::from_bits(v4 ^ inverted), length);
        Embedded::Range(IpNet::V4(range.trunc()))
    }
}

/// The range of IPv4 that one of mapped addresses is (`::ffff:10.0.0.0/104`): to write it so would
/// be another notation, and no other range.
pub(crate) fn of_ipv4(net: &IpNet) -> Option<IpNet> {
    let IpNet::V6(net) = net else { return None };
    let address = net.addr().to_ipv4_mapped()?;
    let length = net.prefix_len().checked_sub(96)?;
    IpNet::new(address.into(), length).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<Embedded> {
        embedded(text.parse().unwrap()).collect()
    }

    #[test]
    fn each_form_is_known() {
        for (text, v4) in [
            ("::10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:0:10.0.0.0/104", "10.0.0.0/8"),
            ("64:ff9b::10.0.0.0/104", "10.0.0.0/8"),
            ("64:ff9b::/96", "0.0.0.0/0"),
            ("64:ff9b::192.0.2.1/128", "192.0.2.1/32"),
            // A client at 34.0.0.0/8, whatever its server, and all clients of a server.
            ("2001::ddff:ffff/128", "34.0.0.0/32"),
            ("2001:0:102:304:0:0:dd00:0/104", "34.0.0.0/8"),
            ("2001:0:102:304::/64", "0.0.0.0/0"),
            ("2001::/32", "0.0.0.0/0"),
            ("2002:2200::/24", "34.0.0.0/8"),
            ("2002:c000:201::/48", "192.0.2.1/32"),
            ("2002:c000:201:1::/64", "192.0.2.1/32"),
            ("2002::/16", "0.0.0.0/0"),
        ] {
            assert_eq!(of(text), [Embedded::Range(v4.parse().unwrap())], "{text}");
        }
    }

    #[test]
    fn what_holds_a_form_holds_all_of_ipv4() {
        let all = Embedded::Range("0.0.0.0/0".parse().unwrap());
        assert_eq!(of("2000::/3"), [all, all]);
        assert_eq!(of("::/80"), [all, all]);
        assert_eq!(of("64:ff9b::/47"), [all, Embedded::Anywhere(1 << 32)]);
        assert_eq!(of("::/0").len(), FORMS.len());
    }

    #[test]
    fn a_translator_of_ones_own_keeps_its_secret() {
        for (text, count) in [
            ("64:ff9b:1::/48", 1 << 32),
            ("64:ff9b:1:ffff::/96", 1 << 32),
            ("64:ff9b:1::10.0.0.0/104", 1 << 24),
            ("64:ff9b:1::1/128", 1),
        ] {
            assert_eq!(of(text), [Embedded::Anywhere(count)], "{text}");
        }
    }

    #[test]
    fn other_addresses_are_themselves() {
        for text in ["2001:db8::/32", "2001:1::/32", "fd00::/8", "64:ff9a::/32", "1::/16"] {
            assert_eq!(of(text), [], "{text}");
        }
    }
}
