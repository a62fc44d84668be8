//! Sets of addresses: exact, and each question about them in a few steps.

use ipnet::{IpNet, IpSubnets, Ipv4Subnets, Ipv6Subnets};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses of some ranges, as the fewest ranges in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Joined(Vec<IpNet>);

impl Joined {
    /// Joins ranges.
    #[must_use]
    pub fn of<'a>(ranges: impl IntoIterator<Item = &'a IpNet>) -> Self {
        Self(IpNet::aggregate(&ranges.into_iter().copied().collect()))
    }

    /// The ranges that are left.
    #[must_use]
    pub fn ranges(&self) -> &[IpNet] {
        &self.0
    }

    /// The range of all addresses, if these are all: halves of it all are all of it.
    #[must_use]
    pub fn everything(&self) -> Option<IpNet> {
        self.0.iter().find(|range| range.prefix_len() == 0).copied()
    }

    /// Whether every address of `net` is one of these. Then one range has them all.
    #[must_use]
    pub fn holds(&self, net: &IpNet) -> bool {
        // They share no address: only the last that does not begin later can.
        let end = self.0.partition_point(|known| known <= net);
        end > 0 && self.0[end - 1].contains(net)
    }

    /// Whether any address of `net` is one of these.
    #[must_use]
    pub fn meets(&self, net: &IpNet) -> bool {
        let end = self.0.partition_point(|known| known <= net);
        self.holds(net) || self.0.get(end).is_some_and(|known| net.contains(known))
    }
}

/// What `set` covers and `taken` does not, as the fewest ranges of each range of `set`, in order.
/// In both no range holds another, and they are in order.
#[must_use]
pub fn subtract(set: &[IpNet], taken: &[IpNet]) -> Vec<IpNet> {
    let mut rest = Vec::with_capacity(set.len());
    for net in set {
        // Two ranges share addresses only when one holds the other: a larger one stands just
        // before, smaller ones from there on.
        let start = taken.partition_point(|other| other < net);
        if start > 0 && taken[start - 1].contains(net) {
            continue;
        }
        let mut holes = taken[start..].iter().take_while(|other| net.contains(*other)).peekable();
        if holes.peek().is_none() {
            rest.push(*net);
            continue;
        }
        let mut next = Some(net.network());
        for hole in holes {
            if let (Some(first), Some(last)) = (next, before(hole.network())) {
                rest.extend(span(first, last));
            }
            next = after(hole.broadcast()).filter(|start| net.contains(start));
        }
        rest.extend(next.into_iter().flat_map(|start| span(start, net.broadcast())));
    }
    rest
}

/// The fewest ranges from one address to another, both included; none where they are the other
/// way round.
pub fn span(first: IpAddr, last: IpAddr) -> impl Iterator<Item = IpNet> {
    let subnets = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
            Some(IpSubnets::V4(Ipv4Subnets::new(first, last, 0)))
        }
        (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
            Some(IpSubnets::V6(Ipv6Subnets::new(first, last, 0)))
        }
        _ => None,
    };
    subnets.into_iter().flatten()
}

/// The address before this one, unless it is the first of all.
#[must_use]
pub fn before(address: IpAddr) -> Option<IpAddr> {
    Some(match address {
        IpAddr::V4(a) => Ipv4Addr::from(u32::from(a).checked_sub(1)?).into(),
        IpAddr::V6(a) => Ipv6Addr::from(u128::from(a).checked_sub(1)?).into(),
    })
}

fn after(address: IpAddr) -> Option<IpAddr> {
    Some(match address {
        IpAddr::V4(a) => Ipv4Addr::from(u32::from(a).checked_add(1)?).into(),
        IpAddr::V6(a) => Ipv6Addr::from(u128::from(a).checked_add(1)?).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn holes_are_cut_out() {
        for (set, taken, rest) in [
            (&["10.0.0.0/8"][..], &["10.0.0.0/9"][..], &["10.128.0.0/9"][..]),
            (&["10.0.0.0/30"], &["10.0.0.1/32"], &["10.0.0.0/32", "10.0.0.2/31"]),
            (&["10.1.0.0/16", "10.3.0.0/16"], &["10.0.0.0/15"], &["10.3.0.0/16"]),
            (&["10.0.0.0/8"], &["10.0.0.0/8"], &[]),
            (&["10.0.0.0/8"], &["::/0", "11.0.0.0/8"], &["10.0.0.0/8"]),
            (&["::/126"], &["::/127"], &["::2/127"]),
        ] {
            assert_eq!(subtract(&nets(set), &nets(taken)), nets(rest));
        }
        let all_but_one = subtract(&nets(&["0.0.0.0/0"]), &nets(&["255.255.255.255/32"]));
        assert_eq!(all_but_one.len(), 32);
    }

    /// Addresses of 10.0.0.0/24 that a set covers, found the slow way.
    fn covered(set: &[IpNet]) -> BTreeSet<u8> {
        (0..=255u8)
            .filter(|&last| {
                let address: IpAddr = [10, 0, 0, last].into();
                set.iter().any(|net| net.contains(&address))
            })
            .collect()
    }

    fn some_nets() -> impl Strategy<Value = Vec<IpNet>> {
        prop::collection::vec((any::<u8>(), 24u8..=32), 0..40).prop_map(|all| {
            let net = |(last, length)| IpNet::new([10, 0, 0, last].into(), length).unwrap().trunc();
            all.into_iter().map(net).collect()
        })
    }

    proptest! {
        #[test]
        fn a_difference_is_exact(set in some_nets(), taken in some_nets()) {
            let (set, taken) = (Joined::of(&set), Joined::of(&taken));
            let rest = subtract(set.ranges(), taken.ranges());
            let expected: BTreeSet<u8> =
                covered(set.ranges()).difference(&covered(taken.ranges())).copied().collect();
            prop_assert_eq!(covered(&rest), expected);
            prop_assert_eq!(IpNet::aggregate(&rest), rest);
        }

        #[test]
        fn questions_are_answered_as_by_looking_at_all(set in some_nets(), asked in some_nets()) {
            let joined = Joined::of(&set);
            let there = covered(&set);
            for net in asked {
                let own = covered(&[net]);
                prop_assert_eq!(joined.holds(&net), own.is_subset(&there));
                prop_assert_eq!(joined.meets(&net), !own.is_disjoint(&there));
            }
        }
    }
}
