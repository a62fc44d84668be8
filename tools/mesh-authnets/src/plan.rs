//! What one API server must be changed in, so that the other clusters reach it.

use crate::merge::{Block, Caller, Coverage, blocks_for};
use crate::mesh::{ApiServer, CallerRange, Member, Reach};
use ipnet::IpNet;
use meshcore::{Error, cidr};

/// How many networks GKE takes (gcloud's `MAX_AUTHORIZED_NETWORKS_CIDRS_PUBLIC`, `_PRIVATE`).
const MAX_PUBLIC: usize = 50;
const MAX_PRIVATE: usize = 100;

/// What the user decides.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Public ranges that the user named.
    pub meant: &'a [IpNet],
    /// Restrict API servers that let in everybody.
    pub enable: bool,
    /// How many networks a list may have, whatever GKE's limit.
    pub max: Option<usize>,
}

/// How many of a cluster's peers are told one by one; of a large mesh all would be its square.
const MOST_TOLD: usize = 20;

/// The first of many, and how many there are.
#[derive(Debug)]
pub struct Told<T> {
    /// As many as are told.
    pub first: Vec<T>,
    /// Of how many.
    pub count: usize,
}

impl<T> Told<T> {
    fn of(all: impl Iterator<Item = T>) -> Self {
        let mut told = Self { first: Vec::new(), count: 0 };
        for item in all {
            if told.count < MOST_TOLD {
                told.first.push(item);
            }
            told.count += 1;
        }
        told
    }

    /// How many are not told.
    #[must_use]
    pub fn left_over(&self) -> usize {
        self.count - self.first.len()
    }
}

/// The change of one API server; often none.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The cluster.
    pub member: &'a Member,
    /// Its API server.
    pub server: &'a ApiServer,
    /// Ranges of the other clusters that it does not let in.
    pub missing: Told<(&'a Member, &'a CallerRange)>,
    /// What to add to its list; none of it where that is too much.
    pub added: Vec<Block>,
    /// Whether to put the list into force.
    pub restricts: bool,
    /// Clusters in other regions that its private endpoint does not answer to.
    pub far: Told<&'a Member>,
    /// Why it must not be carried out: it lets in strangers.
    pub wide: Option<Error>,
    /// How many networks there would be to add.
    pub to_add: usize,
    limit: usize,
}

/// What is let in that nobody's clusters have: by the new networks, or by these and the old ones
/// together where the old ones alone do not.
fn wide(there: &[Block], added: &[Block], meant: &[IpNet]) -> Option<Error> {
    let judge = |blocks: &mut dyn Iterator<Item = &Block>| {
        let nets: Vec<IpNet> = blocks.map(|block| block.net).collect();
        cidr::refuse_wide(&nets, meant).err()
    };
    let with_old = || judge(&mut there.iter().chain(added));
    let is_new = || !added.is_empty() && judge(&mut there.iter()).is_none();
    judge(&mut added.iter()).or_else(|| is_new().then(with_old).flatten())
}

impl<'a> Plan<'a> {
    /// Compares what `server` of `member` lets in with what the other members call from.
    #[must_use]
    pub fn new(
        member: &'a Member,
        server: &'a ApiServer,
        members: &'a [Member],
        options: Options<'_>,
    ) -> Self {
        let peers = || members.iter().filter(|peer| peer.label != member.label);
        let restricts = options.enable && !server.is_restricted;
        let mut missing = Vec::new();
        if server.is_restricted || restricts {
            let coverage = Coverage::of(&server.blocks);
            let ranges = peers().flat_map(|peer| peer.callers.iter().map(move |r| (peer, r)));
            missing = ranges
                .filter(|(_, range)| server.has_ipv6 || range.net.addr().is_ipv4())
                .filter(|(_, range)| !coverage.holds(&range.net))
                .collect();
        }
        let callers: Vec<Caller<'_>> = missing
            .iter()
            .map(|(peer, range)| Caller { peer: &peer.name, net: range.net })
            .collect();
        let region = server.path.region();
        let far = peers()
            .filter(|_| server.private_endpoint == Some(Reach::Region))
            .filter(|peer| peer.server.as_ref().is_some_and(|s| s.path.region() != region));
        let limit = if server.has_public_endpoint || server.private_endpoint.is_none() {
            MAX_PUBLIC
        } else {
            MAX_PRIVATE
        };
        let limit = options.max.unwrap_or(limit);
        let mut added = blocks_for(&callers);
        let (wide, to_add) = (wide(&server.blocks, &added, options.meant), added.len());
        if server.blocks.len() + to_add > limit {
            added = Vec::new();
        }
        Self {
            member,
            server,
            wide,
            added,
            missing: Told::of(missing.into_iter()),
            restricts,
            far: Told::of(far),
            to_add,
            limit,
        }
    }

    /// The list to write, if it changes: what is there, untouched and in its order, and then
    /// what is added.
    #[must_use]
    pub fn list(&self) -> Option<Vec<&Block>> {
        let changes = self.restricts || self.to_add > 0;
        changes.then(|| self.server.blocks.iter().chain(&self.added).collect())
    }

    /// Whether to switch global access on.
    #[must_use]
    pub fn needs_global_access(&self) -> bool {
        self.far.count > 0
    }

    /// The limit, where the list to write is longer.
    #[must_use]
    pub fn exceeded(&self) -> Option<usize> {
        let changes = self.list().is_some();
        (changes && self.server.blocks.len() + self.to_add > self.limit).then_some(self.limit)
    }

    /// How many networks there would be, in words.
    #[must_use]
    pub fn counts(&self) -> String {
        let (kept, added) = (self.server.blocks.len(), self.to_add);
        format!("{} authorized networks ({kept} there, {added} to add)", kept + added)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshcore::cluster::{AuthorizedBlock, AuthorizedNetworks, Cluster, RangeKind};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn cluster(value: Value) -> Cluster {
        let mut value = value;
        value["apiVersion"] = json!("meshutils/v1alpha1");
        value["kind"] = json!("Cluster");
        value["provider"] = json!("gke");
        value["project"] = json!("p");
        serde_json::from_value(value).unwrap()
    }

    fn members(clusters: &[Cluster]) -> Vec<Member> {
        clusters.iter().map(|c| Member::new(c, &[RangeKind::Pod]).unwrap()).collect()
    }

    fn first<'m>(members: &'m [Member], options: Options<'_>) -> Plan<'m> {
        Plan::new(&members[0], members[0].server.as_ref().unwrap(), members, options)
    }

    fn pods(cidrs: &[&str]) -> Value {
        cidrs.iter().map(|cidr| json!({"cidr": cidr, "kind": "pod"})).collect()
    }

    #[test]
    fn additional_pod_ranges_of_a_peer_are_let_in() {
        let members = members(&[
            cluster(json!({"name": "a", "location": "l", "ranges": pods(&["10.0.0.0/14"]),
                "authorizedNetworks": {"enabled": true}})),
            cluster(json!({"name": "b", "location": "l",
                "ranges": pods(&["10.4.0.0/14", "10.64.0.0/16"])})),
        ]);
        let plan = first(&members, Options::default());
        let list: Vec<&str> = plan.list().unwrap().iter().map(|b| b.cidr.as_str()).collect();
        assert_eq!(list, ["10.4.0.0/14", "10.64.0.0/16"]);
    }

    #[test]
    fn ipv6_ranges_count_only_where_the_server_has_ipv6() {
        let with = |endpoint: &str| {
            members(&[
                cluster(json!({"name": "a", "location": "l", "ranges": pods(&["10.0.0.0/14"]),
                    "authorizedNetworks": {"enabled": true},
                    "endpoints": [{"url": endpoint, "kind": "public"}]})),
                cluster(json!({"name": "b", "location": "l",
                    "ranges": pods(&["10.4.0.0/14", "fd00::/64"])})),
            ])
        };
        assert_eq!(first(&with("https://34.1.1.1"), Options::default()).added.len(), 1);
        assert_eq!(first(&with("https://[2600::1]"), Options::default()).added.len(), 2);
    }

    #[test]
    fn a_private_endpoint_needs_global_access_for_another_region() {
        let with = |kind: &str, access: bool, peer: &str| {
            let members = members(&[
                cluster(json!({"name": "a", "location": "us-west2-a", "globalAccess": access,
                    "ranges": pods(&["10.0.0.0/14"]),
                    "endpoints": [{"url": "https://10.9.0.2", "kind": kind}]})),
                cluster(json!({"name": "b", "location": peer, "ranges": pods(&["10.4.0.0/14"])})),
            ]);
            first(&members, Options::default()).needs_global_access()
        };
        assert!(with("private", false, "us-central1-a"));
        assert!(!with("private", true, "us-central1-a"));
        assert!(!with("private", false, "us-west2-b"));
        assert!(!with("private", false, "us-west2"));
        assert!(!with("public", false, "us-central1-a"));
    }

    #[test]
    fn the_limit_is_that_of_the_kind_of_cluster() {
        let limit = |kinds: &[&str], max| {
            let endpoint = |kind| json!({"url": format!("https://{kind}"), "kind": kind});
            let endpoints: Vec<Value> = kinds.iter().map(endpoint).collect();
            let members = members(&[cluster(json!({"name": "a", "location": "l",
                "ranges": pods(&["10.0.0.0/14"]), "endpoints": endpoints}))]);
            first(&members, Options { max, ..Options::default() }).limit
        };
        assert_eq!(limit(&["private"], None), 100);
        assert_eq!(limit(&["private", "public"], None), 50);
        assert_eq!(limit(&["public"], None), 50);
        assert_eq!(limit(&[], None), 50);
        assert_eq!(limit(&["private"], Some(7)), 7);
    }

    fn cidrs(max: usize) -> impl Strategy<Value = Vec<String>> {
        let cidr = (any::<u8>(), 24u8..=32).prop_map(|(last, length)| {
            let net = ipnet::Ipv4Net::new([10, 0, 0, last].into(), length).unwrap();
            net.trunc().to_string()
        });
        prop::collection::vec(cidr, 1..max)
    }

    proptest! {
        #[test]
        fn nothing_is_lost_every_peer_is_let_in_and_a_second_run_changes_nothing(
            existing in cidrs(8), b in cidrs(6), c in cidrs(6), enabled: bool
        ) {
            let pods = |list: &[String]| {
                pods(&list.iter().map(String::as_str).collect::<Vec<_>>())
            };
            let mut clusters = [
                cluster(json!({"name": "a", "location": "l", "ranges": pods(&["10.1.0.0/16".into()]),
                    "authorizedNetworks": {"enabled": enabled}})),
                cluster(json!({"name": "b", "location": "l", "ranges": pods(&b)})),
                cluster(json!({"name": "c", "location": "l", "ranges": pods(&c)})),
            ];
            let blocks: Vec<AuthorizedBlock> = existing
                .iter()
                .map(|cidr| AuthorizedBlock { cidr: cidr.clone(), display_name: Some("n".into()) })
                .collect();
            clusters[0].authorized_networks =
                Some(AuthorizedNetworks { enabled, blocks: blocks.clone() });
            let options = Options { enable: true, ..Options::default() };
            let before = members(&clusters);
            let plan = first(&before, options);
            let list: Vec<AuthorizedBlock> = plan.list().map_or(blocks.clone(), |list| {
                list.into_iter()
                    .map(|b| AuthorizedBlock {
                        cidr: b.cidr.clone(),
                        display_name: b.display_name.clone(),
                    })
                    .collect()
            });
            prop_assert_eq!(&list[..blocks.len()], &blocks[..]);
            let nets: Vec<ipnet::IpNet> = list.iter().map(|b| b.cidr.parse().unwrap()).collect();
            for peer in b.iter().chain(&c) {
                for address in peer.parse::<ipnet::Ipv4Net>().unwrap().subnets(32).unwrap() {
                    prop_assert!(nets.iter().any(|net| net.contains(&ipnet::IpNet::V4(address))));
                }
            }
            clusters[0].authorized_networks =
                Some(AuthorizedNetworks { enabled: true, blocks: list });
            let after = members(&clusters);
            prop_assert!(first(&after, options).list().is_none());
        }
    }
}
