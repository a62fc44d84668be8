//! Ranges that let in strangers: judged together, whoever each came from. Two peers that have half
//! of the Internet each open all of it.

use super::embedded::{Embedded, embedded};
use super::{Joined, subtract};
use crate::{Error, Result};
use ipnet::IpNet;

/// Public addresses of IPv4 that nobody asks about: as many as a /12 has. Clusters that use public
/// addresses privately for their pods have a /14 each (GKE).
const MOST_V4: u128 = 1 << 20;
/// The same of IPv6: a /32, the least that a provider gets.
const MOST_V6: u128 = 1 << 96;

/// What is not routed on the Internet (RFC 6890, 6598, 4193; class E, which GKE gives to pods).
const PRIVATE: [&str; 15] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/8",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
];

/// The flag of tools that let ranges in.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct AllowPublic {
    /// Public ranges that are meant, where they are more than a /12 (IPv6: a /32) together. A range
    /// of IPv6 that holds IPv4 (NAT64, Teredo, 6to4) counts as that, too
    #[arg(long, value_name = "CIDR,...", value_delimiter = ',', value_parser = super::parse)]
    pub allow_public: Vec<IpNet>,
}

/// Refuses ranges that hold more public addresses than anybody's clusters have, unless
/// the user named them: `meant`. What a range of IPv6 holds of IPv4 counts as IPv4, too.
pub fn refuse_wide(ranges: &Joined, meant: &[IpNet]) -> Result<()> {
    let private: Vec<IpNet> = PRIVATE.iter().filter_map(|text| text.parse().ok()).collect();
    let known = Joined::of(private.iter().chain(meant));
    let asked = subtract(ranges.ranges(), Joined::of(meant).ranges());
    let families: [(Weigh, u128, &str); 2] =
        [(addresses_v6, MOST_V6, "/32"), (addresses_v4, MOST_V4, "/12")];
    for (weigh, most, size) in families {
        let sizes = || asked.iter().map(|net| (weigh(net, &known), net));
        let total = sizes().fold(0u128, |sum, (size, _)| sum.saturating_add(size));
        if let (true, Some((_, widest))) = (total > most, sizes().max()) {
            let text = format!(
                "the ranges together have more public addresses than a {size}, {widest} among them"
            );
            let mut error = Error::data(text)
                .hint("no cluster has so many: one of the ranges is wrong, or somebody lies")
                .hint("if they are meant, name them: --allow-public CIDR,...");
            if size == "/12" && !widest.addr().is_ipv4() {
                error = error
                    .hint("an IPv6 range that holds IPv4 (NAT64, Teredo, 6to4) is judged by that");
            }
            return Err(error);
        }
    }
    Ok(())
}

/// Counts the addresses of one family that a range has outside of the known ones.
type Weigh = fn(&IpNet, &Joined) -> u128;

fn addresses_v4(net: &IpNet, known: &Joined) -> u128 {
    let IpNet::V6(net) = net else { return unknown(net, known) };
    embedded(*net)
        .map(|part| match part {
            Embedded::Range(range) => unknown(&range, known),
            Embedded::Anywhere(count) => count,
        })
        .fold(0, u128::saturating_add)
}

fn addresses_v6(net: &IpNet, known: &Joined) -> u128 {
    if net.addr().is_ipv4() { 0 } else { unknown(net, known) }
}

fn unknown(net: &IpNet, known: &Joined) -> u128 {
    if known.holds(net) {
        return 0;
    }
    let rest = subtract(std::slice::from_ref(net), known.ranges());
    rest.iter().map(size).fold(0, u128::saturating_add)
}

fn size(net: &IpNet) -> u128 {
    let bits = net.max_prefix_len() - net.prefix_len();
    1u128.checked_shl(bits.into()).unwrap_or(u128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(ranges: &[&str], meant: &[&str]) -> Result<()> {
        let nets = |all: &[&str]| all.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        refuse_wide(&Joined::of(&nets(ranges)), &nets(meant))
    }

    #[test]
    fn clusters_are_let_in() {
        for ranges in [
            &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "240.0.0.0/4"][..],
            &["34.4.0.0/14", "35.4.0.0/14", "36.4.0.0/14", "37.4.0.0/14"],
            &["203.0.113.7/32", "2001:db8::/32", "fd00::/8"],
            &[],
        ] {
            assert!(judge(ranges, &[]).is_ok(), "{ranges:?}");
        }
    }

    /// Of an attack: each of these was let in without a word.
    #[test]
    fn the_internet_is_not_in_pieces_either() {
        for ranges in [
            &["0.0.0.0/0"][..],
            &["0.0.0.0/1", "128.0.0.0/1"],
            &[
                "0.0.0.0/1",
                "128.0.0.0/2",
                "192.0.0.0/3",
                "224.0.0.0/4",
                "240.0.0.0/5",
                "254.0.0.0/8",
            ],
            &["34.0.0.0/8"],
            &["34.0.0.0/13", "35.0.0.0/13", "36.0.0.0/32"],
            &["2000::/3"],
            &["::/0"],
        ] {
            let error = judge(ranges, &[]).unwrap_err();
            assert!(error.message().text().contains("more public addresses"), "{ranges:?}");
        }
        assert!(judge(&["34.0.0.0/8"], &["34.0.0.0/8"]).is_ok());
        assert!(judge(&["34.0.0.0/8", "10.0.0.0/8"], &["32.0.0.0/6"]).is_ok());
        assert!(judge(&["34.0.0.0/8"], &["34.0.0.0/10"]).is_err());
        assert!(judge(&["0.0.0.0/0", "::/0"], &["0.0.0.0/0", "::/0"]).is_ok());
        // All of IPv6 is meant, and nothing of IPv4.
        assert!(judge(&["34.0.0.0/8"], &["::/0"]).is_err());
    }

    /// Of a second attack: the same Internet by other names.
    #[test]
    fn ipv4_is_judged_in_ipv6_too() {
        for range in [
            "64:ff9b::/96",
            "64:ff9b::34.0.0.0/104",
            "64:ff9b:1::/48",
            "64:ff9b:1::10.0.0.0/104",
            "::/96",
            "::34.0.0.0/104",
            "::ffff:0:0:0/96",
            "::/80",
            "::/8",
            "2001::/32",
            "2001:0:102:304::/64",
            "2002::/16",
            "2002:2200::/24",
        ] {
            let error = judge(&[range], &[]).unwrap_err();
            let text = error.message().text();
            assert!(text.ends_with(&format!("{} among them", range.parse::<IpNet>().unwrap())));
            assert!(judge(&[range], &[range]).is_ok(), "{range}");
        }
        for range in [
            "64:ff9b::10.0.0.0/104",
            "64:ff9b::34.0.0.0/108",
            "64:ff9b:1::10.0.0.0/108",
            "::1/128",
            "2001:0:102:304:0:0:dd00:0/108",
            "2002:2200::/32",
            "fc00::/7",
        ] {
            assert!(judge(&[range], &[]).is_ok(), "{range}");
        }
        // Who means the IPv4 range means it in each form.
        assert!(judge(&["64:ff9b::34.0.0.0/104"], &["34.0.0.0/8"]).is_ok());
        assert!(judge(&["64:ff9b:1::34.0.0.0/104"], &["34.0.0.0/8"]).is_err());
        // Small parts add up, whatever form each has.
        let parts = ["34.0.0.0/13", "64:ff9b::35.0.0.0/109", "2002:2400::/40"];
        assert!(judge(&parts[..2], &[]).is_ok() && judge(&parts, &[]).is_err());
    }
}
