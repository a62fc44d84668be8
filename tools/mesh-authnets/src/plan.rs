//! What one API server must be changed in, so that the other clusters reach it.

use crate::block::Block;
use crate::mesh::{ApiServer, Member, Reach};
use crate::peers::{Call, Peers};
use ipnet::{IpNet, Ipv6Net};
use meshcore::Error;
use meshcore::cidr::{self, Joined};

/// How many ranges and clusters a plan tells of; of more it says how many they are.
pub const TOLD: usize = 10;

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

/// The change of one API server; often none.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The cluster.
    pub member: &'a Member,
    /// Its API server.
    pub server: &'a ApiServer,
    /// Ranges of the other clusters that it does not let in: the first ones.
    pub missing: Vec<Call<'a>>,
    /// How many these are.
    pub missing_count: usize,
    /// What to add to its list; not all of it where that would be too long.
    added: Vec<Block>,
    /// Whether to put the list into force.
    pub restricts: bool,
    /// Clusters in other regions that its private endpoint does not answer to: the first ones.
    pub far: Vec<&'a Member>,
    /// How many these are.
    pub far_count: usize,
    /// Why it must not be carried out: it lets in strangers.
    pub wide: Option<Error>,
    limit: usize,
}

/// What is let in that nobody's clusters have: by the new networks, or by these and the old ones
/// together where the old ones alone do not, or were not in force.
fn wide(there: &Joined, restricts: bool, added: &[Block], meant: &[IpNet]) -> Option<Error> {
    if added.is_empty() && !restricts {
        return None;
    }
    let judge = |nets: &Joined| cidr::refuse_wide(nets, meant).err();
    let new = || added.iter().map(|block| &block.net);
    let is_new = || restricts || judge(there).is_none();
    let with_old = || judge(&Joined::of(there.ranges().iter().chain(new())));
    judge(&Joined::of(new())).or_else(|| is_new().then(with_old).flatten())
}

impl<'a> Plan<'a> {
    /// Compares what `server` of `member`, one of the clusters, lets in with what the other members
    /// call from.
    #[must_use]
    pub fn new(
        member: &'a Member,
        server: &'a ApiServer,
        peers: &Peers<'a>,
        options: Options<'_>,
    ) -> Self {
        let limit = options.max.unwrap_or_else(|| server.max_networks());
        let mut plan = Self {
            member,
            server,
            missing: Vec::new(),
            missing_count: 0,
            added: Vec::new(),
            restricts: options.enable && !server.is_restricted,
            far: Vec::new(),
            far_count: 0,
            wide: None,
            limit,
        };
        if server.is_restricted || plan.restricts {
            let there = Joined::of(server.blocks.iter().map(|block| &block.net));
            // No address of IPv6 can call a server without one: it lacks none.
            let all_ipv6 = IpNet::V6(Ipv6Net::default());
            let unreachable = (!server.has_ipv6).then_some(&all_ipv6);
            let lacking =
                peers.lacking(member, Joined::of(there.ranges().iter().chain(unreachable)));
            plan.missing = lacking.calls().take(TOLD).collect();
            plan.missing_count = lacking.count();
            plan.added = lacking.blocks(limit);
            plan.wide = wide(&there, plan.restricts, &plan.added, options.meant);
        }
        if server.private_endpoint == Some(Reach::Region) {
            (plan.far, plan.far_count) = peers.far_from(server.path.region(), TOLD);
        }
        plan
    }

    /// The list to write, if it changes and is not too long: what is there, untouched and in its
    /// order, and then what is added.
    #[must_use]
    pub fn list(&self) -> Option<Vec<&Block>> {
        let changes = self.restricts || !self.added.is_empty();
        let fits = self.length() <= self.limit;
        (changes && fits).then(|| self.server.blocks.iter().chain(&self.added).collect())
    }

    fn length(&self) -> usize {
        self.server.blocks.len() + self.added.len()
    }

    /// Whether to switch global access on.
    #[must_use]
    pub fn needs_global_access(&self) -> bool {
        self.far_count > 0
    }

    /// How many networks there would be, where they are too many.
    #[must_use]
    pub fn exceeded(&self) -> Option<Exceeded> {
        let changes = self.restricts || !self.added.is_empty();
        let Self { limit, ref added, .. } = *self;
        (changes && self.length() > limit).then_some(Exceeded {
            there: self.server.blocks.len(),
            added: added.len(),
            more: added.len() > limit,
            limit,
        })
    }
}

/// A list that would be too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// How many networks it has.
    pub there: usize,
    /// How many would be added.
    pub added: usize,
    /// Whether more would be added: they are not counted any further than to the limit.
    pub more: bool,
    /// How many it may have.
    pub limit: usize,
}

impl std::fmt::Display for Exceeded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { there, added, more, limit } = *self;
        let all = there + added;
        let or_more = if more { " or more" } else { "" };
        write!(
            f,
            "would have {all}{or_more} authorized networks ({there} there, {added}{or_more} to add), \
             of {limit} at most"
        )
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
        let server = members[0].server.as_ref().unwrap();
        Plan::new(&members[0], server, &Peers::of(members), options)
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
