//! What a list of authorized networks lacks, and what to add to it.

use ipnet::IpNet;

/// The longest name given to a block. The API says of names only that they are for people;
/// other names on Google Cloud end here.
const MAX_NAME: usize = 63;

/// An authorized network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// As the cloud wrote it; it goes back as it came.
    pub cidr: String,
    /// What it lets in.
    pub net: IpNet,
    /// The user's name for it.
    pub display_name: Option<String>,
}

/// A range that must be let in, and the name of the cluster that calls from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller<'a> {
    /// The cluster.
    pub peer: &'a str,
    /// Where its calls come from.
    pub net: IpNet,
}

/// Tells whether blocks, even several together, let in all addresses of a range: the fewest that
/// let in the same, in order.
#[derive(Debug)]
pub struct Coverage(Vec<IpNet>);

impl Coverage {
    /// The addresses that `blocks` let in.
    #[must_use]
    pub fn of(blocks: &[Block]) -> Self {
        Self(IpNet::aggregate(&blocks.iter().map(|block| block.net).collect()))
    }

    /// Whether every address of `net` is let in.
    #[must_use]
    pub fn holds(&self, net: &IpNet) -> bool {
        let after = self.0.partition_point(|known| known <= net);
        self.0[..after].last().is_some_and(|known| known.contains(net))
    }
}

/// The fewest blocks that let in exactly these callers, each named after them.
#[must_use]
pub fn blocks_for(callers: &[Caller<'_>]) -> Vec<Block> {
    let nets = IpNet::aggregate(&callers.iter().map(|caller| caller.net).collect());
    let mut sorted: Vec<&Caller<'_>> = callers.iter().collect();
    sorted.sort_unstable_by_key(|caller| caller.net);
    let mut rest = sorted.into_iter().peekable();
    let block = |net: IpNet| {
        let mut peers = Vec::new();
        while let Some(caller) = rest.next_if(|caller| net.contains(&caller.net)) {
            peers.push(caller.peer);
        }
        peers.sort_unstable();
        peers.dedup();
        Block { cidr: net.to_string(), net, display_name: Some(display_name(&peers)) }
    };
    nets.into_iter().map(block).collect()
}

/// `mesh-PEER`, `mesh-PEER-PEER`, or `mesh-PEER-and-7-more` where that would be too long.
fn display_name(peers: &[&str]) -> String {
    let all = format!("mesh-{}", peers.join("-"));
    if peers.len() < 2 || all.len() <= MAX_NAME {
        return plain(&all, MAX_NAME);
    }
    let more = format!("-and-{}-more", peers.len() - 1);
    plain(&format!("mesh-{}", peers[0]), MAX_NAME - more.len()) + &more
}

/// The first `length` characters, those that a name on Google Cloud cannot have made into `-`.
fn plain(name: &str, length: usize) -> String {
    let name: String = name
        .chars()
        .take(length)
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    name.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn existing(text: &str) -> Block {
        Block { cidr: text.to_owned(), net: net(text), display_name: None }
    }

    fn named(callers: &[(&str, &str)]) -> Vec<(String, String)> {
        let callers: Vec<Caller<'_>> =
            callers.iter().map(|&(peer, range)| Caller { peer, net: net(range) }).collect();
        let name = |block: Block| (block.cidr, block.display_name.unwrap());
        blocks_for(&callers).into_iter().map(name).collect()
    }

    #[test]
    fn neighbours_become_one_block_with_both_names() {
        let named = named(&[("b", "10.4.0.0/14"), ("c", "10.64.0.0/14"), ("a", "10.0.0.0/14")]);
        assert_eq!(
            named,
            [
                ("10.0.0.0/13".to_owned(), "mesh-a-b".to_owned()),
                ("10.64.0.0/14".to_owned(), "mesh-c".to_owned()),
            ]
        );
    }

    #[test]
    fn names_stay_within_the_limit() {
        let long = "c".repeat(40);
        assert_eq!(display_name(&[&long]), format!("mesh-{long}"));
        assert_eq!(display_name(&[&long, "b", &long]), format!("mesh-{long}-and-2-more"));
        assert_eq!(
            display_name(&["arn:aws:eks:us-east-1:111122223333:cluster/west"]),
            "mesh-arn-aws-eks-us-east-1-111122223333-cluster-west"
        );
        assert!(display_name(&[&"é".repeat(80)]).len() <= MAX_NAME);
    }

    #[test]
    fn several_blocks_together_let_a_range_in() {
        let halves = [existing("10.4.0.0/15"), existing("10.6.0.0/15")];
        assert!(Coverage::of(&halves).holds(&net("10.4.0.0/14")));
        assert!(!Coverage::of(&halves[..1]).holds(&net("10.4.0.0/14")));
        assert!(Coverage::of(&[existing("0.0.0.0/0")]).holds(&net("10.4.0.0/14")));
        assert!(!Coverage::of(&[existing("0.0.0.0/0")]).holds(&net("fd00::/64")));
    }

    fn nets() -> impl Strategy<Value = Vec<IpNet>> {
        let net = (any::<u8>(), 24u8..=32).prop_map(|(last, length)| {
            IpNet::new([10, 0, 0, last].into(), length).unwrap().trunc()
        });
        prop::collection::vec(net, 0..12)
    }

    proptest! {
        #[test]
        fn what_is_added_is_exactly_what_calls(ranges in nets()) {
            let callers: Vec<Caller<'_>> =
                ranges.iter().map(|&net| Caller { peer: "p", net }).collect();
            let blocks = blocks_for(&callers);
            for last in 0..=255u8 {
                let address = std::net::IpAddr::from([10, 0, 0, last]);
                prop_assert_eq!(
                    blocks.iter().any(|block| block.net.contains(&address)),
                    ranges.iter().any(|net| net.contains(&address))
                );
            }
            prop_assert!(ranges.iter().all(|net| Coverage::of(&blocks).holds(net)));
        }

        #[test]
        fn a_name_is_plain_and_short(peers in prop::collection::vec("\\PC{1,70}", 1..9)) {
            let peers: Vec<&str> = peers.iter().map(String::as_str).collect();
            let name = display_name(&peers);
            prop_assert!(name.starts_with("mesh") && name.len() <= MAX_NAME, "{name}");
            prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{name}");
        }
    }
}
