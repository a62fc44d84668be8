//! Sets of address ranges: exact, minimal, in order.

use ipnet::IpNet;

/// The fewest ranges that cover the same addresses and none else, in order: IPv4, then IPv6.
#[must_use]
pub fn aggregate(nets: impl IntoIterator<Item = IpNet>) -> Vec<IpNet> {
    let mut sorted: Vec<IpNet> = nets.into_iter().collect();
    sorted.sort_unstable();
    let mut set: Vec<IpNet> = Vec::new();
    for mut net in sorted {
        // In this order a range that holds others comes before them.
        if set.last().is_some_and(|last| last.contains(&net)) {
            continue;
        }
        // Two halves make a whole, which may be a half again.
        while let Some(whole) = set.last().and_then(|last| whole(last, &net)) {
            set.pop();
            net = whole;
        }
        set.push(net);
    }
    set
}

/// The ranges as they are, in the same order, each once.
#[must_use]
pub fn distinct(nets: impl IntoIterator<Item = IpNet>) -> Vec<IpNet> {
    let mut sorted: Vec<IpNet> = nets.into_iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    sorted
}

/// The range that two ranges are the halves of.
fn whole(low: &IpNet, high: &IpNet) -> Option<IpNet> {
    let whole = low.supernet()?;
    let halves = low.prefix_len() == high.prefix_len() && low != high;
    (halves && whole.contains(high)).then_some(whole)
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
    fn halves_join_and_parts_vanish() {
        for (from, to) in [
            (&["10.0.0.0/9", "10.128.0.0/9"][..], &["10.0.0.0/8"][..]),
            (&["10.1.0.0/16", "10.0.0.0/8", "10.0.0.0/8"], &["10.0.0.0/8"]),
            // Neighbours, but not of one whole.
            (&["10.1.0.0/16", "10.2.0.0/16"], &["10.1.0.0/16", "10.2.0.0/16"]),
            (&["10.0.0.2/31", "10.0.0.1/32", "10.0.0.0/32"], &["10.0.0.0/30"]),
            (
                &["2001:db8::/33", "10.0.0.0/8", "2001:db8:8000::/33"],
                &["10.0.0.0/8", "2001:db8::/32"],
            ),
            (&["0.0.0.0/1", "128.0.0.0/1", "::/1"], &["0.0.0.0/0", "::/1"]),
        ] {
            assert_eq!(aggregate(nets(from)), nets(to));
        }
    }

    /// Addresses of 10.0.0.0/24 that a set covers, found the slow way.
    fn covered(set: &[IpNet]) -> BTreeSet<u8> {
        (0..=255u8)
            .filter(|&last| {
                let address: std::net::IpAddr = [10, 0, 0, last].into();
                set.iter().any(|net| net.contains(&address))
            })
            .collect()
    }

    proptest! {
        #[test]
        fn the_set_is_exact_and_minimal(
            input in prop::collection::vec((any::<u8>(), 24u8..=32), 0..40)
        ) {
            let input: Vec<IpNet> = input
                .into_iter()
                .map(|(last, length)| IpNet::new([10, 0, 0, last].into(), length).unwrap().trunc())
                .collect();
            let set = aggregate(input.clone());
            prop_assert_eq!(covered(&set), covered(&input));
            // Minimal: the library's own aggregation, an independent one, has as many.
            prop_assert_eq!(&set, &IpNet::aggregate(&input));
            prop_assert!(set.is_sorted());
            prop_assert_eq!(aggregate(set.clone()), set);
        }
    }
}
