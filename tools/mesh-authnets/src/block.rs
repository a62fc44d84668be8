//! An authorized network, and what it is called.

use ipnet::IpNet;
use std::collections::BTreeSet;

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

impl Block {
    /// A block for ranges of these clusters, named after them; of `more`, too.
    #[must_use]
    pub fn of(net: IpNet, peers: &BTreeSet<&str>, more: bool) -> Self {
        Self { cidr: net.to_string(), net, display_name: Some(display_name(peers, more)) }
    }
}

/// `mesh-PEER`, `mesh-PEER-PEER`, or `mesh-PEER-and-7-more` where that would be too long.
fn display_name(peers: &BTreeSet<&str>, more: bool) -> String {
    let all = peers.iter().fold("mesh".to_owned(), |all, peer| all + "-" + peer);
    if !more && (peers.len() < 2 || all.len() <= MAX_NAME) {
        return plain(&all, MAX_NAME);
    }
    let more = if more { "-and-more".to_owned() } else { format!("-and-{}-more", peers.len() - 1) };
    let first = peers.first().map_or(String::new(), |peer| format!("mesh-{peer}"));
    plain(&first, MAX_NAME - more.len()) + &more
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

    #[test]
    fn names_stay_within_the_limit() {
        let name = |peers: &[&str], more| display_name(&peers.iter().copied().collect(), more);
        let long = "c".repeat(40);
        assert_eq!(name(&["b", "a"], false), "mesh-a-b");
        assert_eq!(name(&[&long], false), format!("mesh-{long}"));
        assert_eq!(name(&[&long, "d", "e", &long], false), "mesh-".to_owned() + &long + "-d-e");
        let longer = "c".repeat(60);
        assert_eq!(name(&[&longer, "d", "e"], false), format!("mesh-{}-and-2-more", &longer[..47]));
        assert_eq!(name(&["a", "b"], true), "mesh-a-and-more");
        assert_eq!(
            name(&["arn:aws:eks:us-east-1:111122223333:cluster/west"], false),
            "mesh-arn-aws-eks-us-east-1-111122223333-cluster-west"
        );
        assert!(name(&[&"é".repeat(80)], false).len() <= MAX_NAME);
    }

    proptest! {
        #[test]
        fn a_name_is_plain_and_short(
            peers in prop::collection::vec("\\PC{1,70}", 1..9), more: bool
        ) {
            let name = display_name(&peers.iter().map(String::as_str).collect(), more);
            prop_assert!(name.starts_with("mesh") && name.len() <= MAX_NAME, "{name}");
            prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{name}");
        }
    }
}
