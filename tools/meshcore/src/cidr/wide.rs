//! Ranges that let in strangers: judged together, whoever each came from. Two peers that have half
//! of the Internet each open all of it.

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
    /// Public ranges that are meant, where they are more than a /12 (IPv6: a /32) together
    #[arg(long, value_name = "CIDR,...", value_delimiter = ',', value_parser = super::parse)]
    pub allow_public: Vec<IpNet>,
}

/// Refuses ranges that together hold more public addresses than anybody's clusters have, unless
/// the user named them: `meant`.
pub fn refuse_wide<'a>(ranges: impl IntoIterator<Item = &'a IpNet>, meant: &[IpNet]) -> Result<()> {
    let joined = IpNet::aggregate(&ranges.into_iter().copied().collect());
    let mut known: Vec<IpNet> = PRIVATE.iter().filter_map(|text| text.parse().ok()).collect();
    known.extend(meant);
    let known = IpNet::aggregate(&known);
    for (is_v4, most, size) in [(true, MOST_V4, "/12"), (false, MOST_V6, "/32")] {
        let of_family = joined.iter().filter(|net| net.addr().is_ipv4() == is_v4);
        let sizes: Vec<(u128, &IpNet)> = of_family.map(|net| (public(net, &known), net)).collect();
        let total = sizes.iter().fold(0u128, |sum, (size, _)| sum.saturating_add(*size));
        if let (true, Some((_, widest))) = (total > most, sizes.iter().max()) {
            let text = format!(
                "the ranges together have more public addresses than a {size}, {widest} among them"
            );
            return Err(Error::data(text)
                .hint("no cluster has so many: one of the ranges is wrong, or somebody lies")
                .hint("if they are meant, name them: --allow-public CIDR,..."));
        }
    }
    Ok(())
}

/// How many addresses of a range are in none of the known ones.
fn public(net: &IpNet, known: &[IpNet]) -> u128 {
    if known.iter().any(|known| known.contains(net)) {
        return 0;
    }
    if !known.iter().any(|known| net.contains(known)) {
        let bits = net.max_prefix_len() - net.prefix_len();
        return 1u128.checked_shl(bits.into()).unwrap_or(u128::MAX);
    }
    // It holds a known one, and so has halves.
    let halves = net.subnets(net.prefix_len() + 1).into_iter().flatten();
    halves.fold(0, |sum, half| sum.saturating_add(public(&half, known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(ranges: &[&str], meant: &[&str]) -> Result<()> {
        let nets = |all: &[&str]| all.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        refuse_wide(&nets(ranges), &nets(meant))
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
    }
}
