//! Whether pods of two clusters reach each other's addresses, as those of clusters that share an
//! Istio network must: istiod sends their traffic past the gateways (istio/istio issue 29359).
//! What records do not tell is not held against them.

use crate::cidr::{self, CidrError};
use crate::cluster::{Cluster, MOST, Provider, RangeKind};
use crate::vpc::Vpc;
use crate::{Error, Message, Network, Result};
use ipnet::IpNet;
use std::collections::BTreeMap;

/// What the records of two clusters tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Pods reach each other: the clusters are on one VPC network.
    Known,
    /// Nothing.
    Unknown,
    /// They do where routes were made, by peering or a VPN; and why these are needed.
    Unjoined(String),
    /// No route can lead there; and why.
    Impossible(String),
}

/// Refuses clusters that share a network without a route. The user's word that there are routes is
/// taken for the networks in `routed`. Gives a warning for each other network where it is not
/// known; `default` is no name that anybody chose, so there it is refused.
pub fn check(clusters: &[Cluster], routed: &[Network]) -> Result<Vec<Message>> {
    let mut networks: BTreeMap<&str, Vec<Site<'_>>> = BTreeMap::new();
    for cluster in clusters {
        if let Some(network) = &cluster.network {
            networks.entry(network).or_default().push(Site::of(cluster)?);
        }
    }
    let mut warnings = Vec::new();
    for (network, sites) in networks {
        if sites.len() > MOST {
            let text =
                format!("{} clusters share network {network}, of {MOST} at most", sites.len());
            return Err(Error::data(text)
                .hint("they are judged pair by pair: give the clusters of one mesh alone"));
        }
        let stated = routed.iter().any(|known| known.as_str() == network);
        let mut unknown = None;
        for (i, a) in sites.iter().enumerate() {
            for b in &sites[i + 1..] {
                match a.route(b) {
                    Route::Known => {}
                    Route::Unknown | Route::Unjoined(_) if stated => {}
                    Route::Unknown if network != Network::DEFAULT => {
                        unknown.get_or_insert((a, b));
                    }
                    route => return Err(refusal(&sharing(a, b, network), network, &route)),
                }
            }
        }
        warnings.extend(unknown.map(|(a, b)| {
            Message::new(format!(
                "{}, and their records do not tell whether their pods reach each other: istiod \
                 takes it for granted",
                sharing(a, b, network)
            ))
            .hint(format!(
                "if they do not, give each a network of its own; if they do, say so: --routed \
                 {network}"
            ))
        }));
    }
    Ok(warnings)
}

fn sharing(a: &Site<'_>, b: &Site<'_>, network: &str) -> String {
    format!("clusters {} and {} share network {network}", a.cluster.label(), b.cluster.label())
}

fn refusal(sharing: &str, network: &str, route: &Route) -> Error {
    let text = match route {
        Route::Unjoined(why) | Route::Impossible(why) => {
            format!("{sharing}, and their pods cannot reach each other: {why}")
        }
        Route::Known | Route::Unknown => format!(
            "{sharing}, which is what asmcli calls every network off Google, and nothing says that \
             their pods reach each other"
        ),
    };
    let error = Error::data(text)
        .hint("give each a network of its own: traffic then goes through their east-west gateways");
    match route {
        Route::Impossible(_) => error,
        _ => error.hint(format!(
            "if there are routes between them (peering, VPN), say so: --routed {network}"
        )),
    }
}

/// What the records of two clusters tell; the same both ways. Fails when a pod range is none.
pub fn between(a: &Cluster, b: &Cluster) -> Result<Route> {
    Ok(Site::of(a)?.route(&Site::of(b)?))
}

/// Where a cluster's pods are.
struct Site<'a> {
    cluster: &'a Cluster,
    vpc: Option<Vpc<'a>>,
    pods: Vec<IpNet>,
}

impl<'a> Site<'a> {
    fn of(cluster: &'a Cluster) -> Result<Self> {
        let pods = cluster.ranges.iter().filter(|range| range.kind == RangeKind::Pod);
        let parse = |text: &str| match cidr::parse(text) {
            Ok(range) => Ok(range),
            Err(CidrError::HostBits { network }) => Ok(network),
            Err(error) => Err(Error::data(format!("its pod range {text:?} {error}"))
                .at(format!("cluster {}", cluster.label()))),
        };
        Ok(Self {
            cluster,
            vpc: Vpc::of(cluster),
            pods: pods.map(|pod| parse(&pod.cidr)).collect::<Result<_>>()?,
        })
    }

    fn route(&self, other: &Self) -> Route {
        for cluster in [self.cluster, other.cluster] {
            if let Some(range) = overlay(cluster) {
                let label = cluster.label();
                return Route::Impossible(format!("those of {label} are in an overlay ({range})"));
            }
        }
        let clouds = two_clouds(self.cluster, other.cluster);
        let vpcs = self.vpc.as_ref().zip(other.vpc.as_ref());
        let one_vpc = vpcs.and_then(|(one, two)| one.is_same(two));
        // A cloud gives no address of a VPC network to two pods.
        if one_vpc == Some(true) && clouds.is_none() {
            return Route::Known;
        }
        // Two CIDR ranges share an address only if one contains the other.
        let overlapping = |one: &IpNet| {
            let two = other.pods.iter().find(|two| two.contains(one) || one.contains(*two))?;
            Some(format!("their pod ranges {one} and {two} overlap"))
        };
        if let Some(why) = self.pods.iter().find_map(overlapping) {
            return Route::Impossible(why);
        }
        match (clouds, vpcs) {
            (Some((one, two)), _) => {
                Route::Unjoined(format!("they run on {} and {}", one.as_str(), two.as_str()))
            }
            (None, Some((one, two))) if one_vpc == Some(false) => Route::Unjoined(format!(
                "they are on the VPC networks {} and {}",
                one.path, two.path
            )),
            _ => Route::Unknown,
        }
    }
}

/// The pod range of an AKS cluster with kubenet or an overlay, which nobody outside the cluster
/// can route (istio/istio issue 42144). Where pods have addresses of a subnet, `podCidr` is not
/// set.
fn overlay(cluster: &Cluster) -> Option<&str> {
    let is_overlay = |source: &str| source.starts_with("networkProfile.podCidr");
    cluster
        .ranges
        .iter()
        .find(|range| range.kind == RangeKind::Pod && is_overlay(&range.source))
        .map(|range| range.cidr.as_str())
}

/// The clouds of two clusters, if they are two.
fn two_clouds(a: &Cluster, b: &Cluster) -> Option<(Provider, Provider)> {
    let (a, b) = (a.provider?, b.provider?);
    // One that somebody runs himself may be in any cloud.
    (a != b && a != Provider::Kubernetes && b != Provider::Kubernetes).then_some((a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Range;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// A cluster on network `n`, with more fields.
    fn cluster(name: &str, fields: Value) -> Cluster {
        let mut record = json!({
            "apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": name, "network": "n",
        });
        record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(record).unwrap()
    }

    fn gke(vpc: &str) -> Cluster {
        cluster("a", json!({"provider": "gke", "vpc": vpc}))
    }

    fn pods(name: &str, cidr: &str) -> Cluster {
        cluster(name, json!({"ranges": [{"cidr": cidr, "kind": "pod"}]}))
    }

    fn aks(name: &str, source: &str) -> Cluster {
        let ranges = json!([{"cidr": "10.244.0.0/16", "kind": "pod", "source": source}]);
        cluster(name, json!({"provider": "aks", "project": "g", "ranges": ranges}))
    }

    fn refused(clusters: &[Cluster], routed: &[Network]) -> (String, String) {
        let error = check(clusters, routed).unwrap_err();
        (error.message().text().to_owned(), error.message().hints().join("; "))
    }

    const DEFAULT: &str = "projects/p/global/networks/default";

    #[test]
    fn one_vpc_network_has_routes() {
        // Clusters of one subnet have the same pod range.
        let mut one = gke(DEFAULT);
        one.ranges = pods("a", "10.0.0.0/14").ranges;
        assert_eq!(between(&one, &one), Ok(Route::Known));
    }

    #[test]
    fn two_vpc_networks_have_routes_where_these_were_made() {
        let found = between(&gke(DEFAULT), &gke("other"));
        let why = format!("they are on the VPC networks {DEFAULT} and other");
        assert_eq!(found, Ok(Route::Unjoined(why)));
        // The name alone may be of another project.
        assert_eq!(between(&gke(DEFAULT), &gke("default")), Ok(Route::Unknown));
    }

    #[test]
    fn clouds_are_not_joined_by_themselves() {
        let on = |provider| cluster("a", json!({"provider": provider, "vpc": "v", "project": "p"}));
        let apart = Route::Unjoined("they run on gke and eks".to_owned());
        assert_eq!(between(&on("gke"), &on("eks")), Ok(apart));
        // Whoever runs a cluster himself may do so on machines of the same VPC network.
        assert_eq!(between(&on("gke"), &on("kubernetes")), Ok(Route::Known));
        assert_eq!(between(&on("gke"), &cluster("b", json!({}))), Ok(Route::Unknown));
    }

    #[test]
    fn pods_with_the_same_addresses_never_reach_each_other() {
        let found = between(&pods("a", "192.168.0.0/16"), &pods("b", "192.168.128.1/17"));
        let why = "their pod ranges 192.168.0.0/16 and 192.168.128.0/17 overlap".to_owned();
        assert_eq!(found, Ok(Route::Impossible(why)));
        let error = between(&pods("a", "10.0.0.0/14"), &pods("b", "x")).unwrap_err();
        assert!(error.message().text().starts_with("cluster b: its pod range \"x\" is not"));
    }

    #[test]
    fn nobody_reaches_pods_of_an_overlay_on_aks() {
        let overlay = aks("b", "networkProfile.podCidr");
        let why = "those of b are in an overlay (10.244.0.0/16)".to_owned();
        assert_eq!(between(&aks("a", ""), &overlay), Ok(Route::Impossible(why)));
    }

    #[test]
    fn the_users_word_makes_routes_where_there_can_be_some() {
        let stated = ["n".parse().unwrap()];
        let apart = [gke("v"), gke("w")];
        let (text, hints) = refused(&apart, &["other".parse().unwrap()]);
        let beginning = "clusters a and a share network n, and their pods cannot reach each other";
        assert!(text.starts_with(beginning) && text.contains("VPC"), "{text}");
        assert!(hints.contains("network of its own") && hints.contains("--routed n"), "{hints}");
        assert_eq!(check(&apart, &stated), Ok(vec![]));
        let overlapping = [pods("a", "10.0.0.0/14"), pods("b", "10.1.0.0/16")];
        let (text, hints) = refused(&overlapping, &stated);
        assert!(text.ends_with("10.0.0.0/14 and 10.1.0.0/16 overlap"), "{text}");
        assert!(!hints.contains("--routed"), "{hints}");
    }

    #[test]
    fn what_records_do_not_tell_is_warned_of_once_in_a_network() {
        let mut clusters = ["a", "b", "c"].map(|name| cluster(name, json!({})));
        let warnings = check(&clusters, &[]).unwrap();
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].text().starts_with("clusters a and b share network n, and their rec"));
        assert!(warnings[0].hints()[0].contains("--routed n"));
        assert_eq!(check(&clusters, &["n".parse().unwrap()]), Ok(vec![]));
        for cluster in &mut clusters {
            cluster.network = Some(cluster.name.clone());
        }
        assert_eq!(check(&clusters, &[]), Ok(vec![]));
        for cluster in &mut clusters {
            cluster.network = None;
        }
        assert_eq!(check(&clusters, &[]), Ok(vec![]));
    }

    /// Seed 001: both gateways were made with `--network default`.
    #[test]
    fn the_name_default_says_nothing() {
        let clusters = ["a", "b"].map(|name| cluster(name, json!({"network": "default"})));
        let (text, hints) = refused(&clusters, &[]);
        assert!(text.starts_with("clusters a and b share network default, which is what asmcli"));
        assert!(hints.contains("--routed default"), "{hints}");
        assert_eq!(check(&clusters, &["default".parse().unwrap()]), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn a_route_is_one_in_both_directions(
            vpcs in proptest::collection::vec(0usize..6, 2),
            providers in proptest::collection::vec(0usize..5, 2),
            projects in proptest::collection::vec(0usize..3, 2),
            cidrs in proptest::collection::vec(0usize..3, 2),
            sources in proptest::collection::vec(0usize..4, 2),
        ) {
            let make = |i: usize| {
                let provider =
                    [Some("gke"), Some("eks"), Some("aks"), Some("kubernetes"), None][providers[i]];
                let host = "projects/q/global/networks/default";
                let vpc =
                    [Some(DEFAULT), Some(host), Some("v"), Some("default"), Some("w"), None][vpcs[i]];
                let cidr = ["10.0.0.0/8", "10.4.0.0/14", "11.0.0.0/8"][cidrs[i]];
                let source =
                    ["", "/s/v/subnets/pods", "/s/w/subnets/pods", "networkProfile.podCidrs"][sources[i]];
                let project = [Some("p"), Some("q"), None][projects[i]];
                cluster("a", json!({
                    "provider": provider, "vpc": vpc, "project": project,
                    "ranges": [{"cidr": cidr, "kind": "pod", "source": source}],
                }))
            };
            let (a, b) = (make(0), make(1));
            let kind = |route: Route| std::mem::discriminant(&route);
            prop_assert_eq!(kind(between(&a, &b).unwrap()), kind(between(&b, &a).unwrap()));
        }

        #[test]
        fn ranges_overlap_where_they_share_an_address(
            one in any::<u8>(), long in 24u8..=32, two in any::<u8>(), wide in 24u8..=32
        ) {
            let net = |last: u8, length| {
                IpNet::new(std::net::Ipv4Addr::new(10, 0, 0, last).into(), length).unwrap().trunc()
            };
            let (one, two) = (net(one, long), net(two, wide));
            let range = |net: IpNet| Cluster {
                ranges: vec![Range {
                    cidr: net.to_string(),
                    kind: RangeKind::Pod,
                    source: String::new(),
                }],
                ..Cluster::default()
            };
            let found = between(&range(one), &range(two)).unwrap();
            let shares = one.addr().max(two.addr()) <= one.broadcast().min(two.broadcast());
            prop_assert_eq!(matches!(found, Route::Impossible(_)), shares);
        }
    }
}
