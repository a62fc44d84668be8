//! Fewer ranges than the exact set has, at the price of addresses that nobody asked for.

use ipnet::IpNet;

/// At most `max` ranges that cover `set` with the fewest addresses besides, and how many those
/// are. `set` is aggregated and not empty. `None` when it cannot be: IPv4 and IPv6 need one each.
#[must_use]
pub fn shrink(set: &[IpNet], max: usize) -> Option<(Vec<IpNet>, u128)> {
    let split = set.partition_point(|net| matches!(net, IpNet::V4(_)));
    let trees: Vec<Tree> = [&set[..split], &set[split..]]
        .into_iter()
        .filter(|s| !s.is_empty())
        .map(|s| Tree::new(s, max))
        .collect();
    let best = match trees.as_slice() {
        [one] => (one.costs.len().min(max) > 0).then(|| one.pick(one.costs.len().min(max)))?,
        [v4, v6] => {
            let shares = (1..max).filter_map(|n| {
                let (n4, n6) = (n.min(v4.costs.len()), (max - n).min(v6.costs.len()));
                Some((
                    v4.costs.get(n4 - 1)?.added.saturating_add(v6.costs.get(n6 - 1)?.added),
                    n4,
                    n6,
                ))
            });
            let (_, n4, n6) = shares.min()?;
            [v4.pick(n4), v6.pick(n6)].concat()
        }
        _ => return None,
    };
    let added = size_of_all(&best).saturating_sub(size_of_all(set));
    Some((best, added))
}

/// Part of a set, and what it costs to cover it with a number of ranges.
struct Tree {
    /// The smallest range that holds the part.
    net: IpNet,
    /// The two halves, if the part is more than one range.
    halves: Option<Box<[Tree; 2]>>,
    /// For 1, 2, … ranges; as many as there can be, and never more than are of use.
    costs: Vec<Cost>,
}

/// The price of covering a part with a given number of ranges.
struct Cost {
    added: u128,
    /// How many of the ranges lie in the first half; 0 when the part's own range covers it.
    first: usize,
}

impl Tree {
    fn new(set: &[IpNet], max: usize) -> Self {
        let (first, last) = (set[0], set[set.len() - 1]);
        let mut net = first;
        while !net.contains(&last) {
            // It ends: the range of length 0 holds all of its family.
            let Some(larger) = net.supernet() else { break };
            net = larger;
        }
        let own = Cost { added: size(&net).saturating_sub(size_of_all(set)), first: 0 };
        if set.len() == 1 {
            return Self { net, halves: None, costs: vec![own] };
        }
        let upper = upper_half(&net);
        let middle = set.partition_point(|part| *part < upper);
        let halves = [Self::new(&set[..middle], max), Self::new(&set[middle..], max)];
        let mut costs = vec![own];
        for count in 2..=set.len().min(max) {
            let least = count.saturating_sub(halves[1].costs.len()).max(1);
            let most = (count - 1).min(halves[0].costs.len());
            let cost = |first: usize| Cost {
                added: halves[0].costs[first - 1]
                    .added
                    .saturating_add(halves[1].costs[count - first - 1].added),
                first,
            };
            costs.extend((least..=most).map(cost).min_by_key(|cost| cost.added));
        }
        Self { net, halves: Some(Box::new(halves)), costs }
    }

    /// The ranges of the best cover with `count` of them.
    fn pick(&self, count: usize) -> Vec<IpNet> {
        match (&self.halves, self.costs[count - 1].first) {
            (Some(halves), first) if first > 0 => {
                [halves[0].pick(first), halves[1].pick(count - first)].concat()
            }
            _ => vec![self.net],
        }
    }
}

/// The smallest range that is greater, in order, than all of the lower half.
fn upper_half(net: &IpNet) -> IpNet {
    net.subnets(net.prefix_len() + 1).ok().and_then(|mut halves| halves.nth(1)).unwrap_or(*net)
}

fn size(net: &IpNet) -> u128 {
    let bits = net.max_prefix_len() - net.prefix_len();
    1u128.checked_shl(bits.into()).unwrap_or(u128::MAX)
}

fn size_of_all(set: &[IpNet]) -> u128 {
    set.iter().map(size).fold(0, u128::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Set;
    use proptest::prelude::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_cheapest_neighbours_join() {
        let set = nets(&["10.0.0.0/16", "10.2.0.0/16", "10.3.1.0/24", "192.168.0.0/24"]);
        let (best, added) = shrink(&set, 3).unwrap();
        assert_eq!(best, nets(&["10.0.0.0/16", "10.2.0.0/15", "192.168.0.0/24"]));
        assert_eq!(added, 65536 - 256);
        let (best, added) = shrink(&set, 4).unwrap();
        assert_eq!((best, added), (set, 0));
    }

    #[test]
    fn each_family_keeps_a_range() {
        let set = nets(&["10.0.0.0/16", "10.2.0.0/16", "2001:db8::/64"]);
        let (best, _) = shrink(&set, 2).unwrap();
        assert_eq!(best, nets(&["10.0.0.0/14", "2001:db8::/64"]));
        assert_eq!(shrink(&set, 1), None);
    }

    /// The least growth, found by trying every way of putting neighbours together.
    fn slow(set: &[IpNet], max: usize) -> u128 {
        let mut best = u128::MAX;
        for cuts in 0u32..1 << (set.len() - 1) {
            if cuts.count_ones() as usize >= max {
                continue;
            }
            let mut cover = Vec::new();
            let mut start = 0;
            for i in 0..set.len() {
                if i + 1 == set.len() || cuts & (1 << i) != 0 {
                    let mut net = set[start];
                    while !net.contains(&set[i]) {
                        net = net.supernet().unwrap();
                    }
                    cover.push(net);
                    start = i + 1;
                }
            }
            let cover = Set::from_iter(cover).aggregate();
            best = best.min(size_of_all(&cover) - size_of_all(set));
        }
        best
    }

    proptest! {
        #[test]
        fn no_cover_grows_less(
            input in prop::collection::vec((any::<u8>(), 26u8..=32), 1..9), max in 1usize..9
        ) {
            let net = |(last, length)| IpNet::new([10, 0, 0, last].into(), length).unwrap().trunc();
            let set = input.into_iter().map(net).collect::<Set>().aggregate();
            let (best, added) = shrink(&set, max).unwrap();
            prop_assert!(best.len() <= max);
            prop_assert!(set.iter().all(|net| best.iter().any(|cover| cover.contains(net))));
            prop_assert_eq!(added, slow(&set, max));
        }
    }
}
