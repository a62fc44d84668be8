//! From cluster records to the places that need a gateway; clusters that share a network and
//! cannot reach each other's pods are refused.

use crate::names::Network;
use crate::platform::Platform;
use crate::request::Place;
use ipnet::IpNet;
use meshcore::cidr::{self, CidrError};
use meshcore::cluster::{Cluster, Provider, RangeKind};
use meshcore::{Error, Message, Result};
use std::collections::BTreeMap;

/// One place for each cluster of `chosen`, out of `all`. `platform` is that of clusters whose
/// records know none.
pub fn places(
    chosen: &[&Cluster],
    all: &[Cluster],
    platform: Option<Platform>,
) -> Result<Vec<Place>> {
    let place = |&cluster: &&Cluster| {
        let at = format!("cluster {}", cluster.label());
        let text = cluster.network.as_deref().ok_or_else(|| {
            Error::data("its network is not known")
                .at(&at)
                .hint("mesh-id fills in the networks of clusters")
        })?;
        let network: Network =
            text.parse().map_err(|e| Error::data(format!("its network {text:?}: {e}")).at(&at))?;
        Ok(Place {
            network: Some(network),
            id: cluster.id.clone(),
            mesh: cluster.mesh_id.clone(),
            platform: Platform::of(cluster.provider).or(platform),
            cluster: Some(unique_name(cluster, all)?.to_owned()),
        })
    };
    chosen.iter().map(place).collect()
}

/// By what mesh-apply knows the cluster: its name, or its ID where another has the same name.
fn unique_name<'a>(cluster: &'a Cluster, all: &[Cluster]) -> Result<&'a str> {
    if all.iter().filter(|other| other.name == cluster.name).count() <= 1 {
        return Ok(&cluster.name);
    }
    cluster.id.as_deref().ok_or_else(|| {
        Error::data("another cluster has its name, and its ID is not known")
            .at(format!("cluster {}", cluster.label()))
            .hint("mesh-id fills in the IDs of clusters")
    })
}

/// Whether pods of two clusters reach each other's addresses, as far as records tell.
#[derive(Debug, PartialEq, Eq)]
enum Route {
    Known,
    Unknown,
    /// Why not, and whether joined VPC networks would change it.
    None(String, bool),
}

/// Refuses clusters that share a network without a route: istiod sends their traffic past the
/// gateways. Gives a warning for each network where routes are not known.
pub fn check_routes(clusters: &[Cluster], peered: bool) -> Result<Vec<Message>> {
    let mut networks: BTreeMap<&str, Vec<&Cluster>> = BTreeMap::new();
    for cluster in clusters {
        if let Some(network) = &cluster.network {
            networks.entry(network).or_default().push(cluster);
        }
    }
    let mut warnings = Vec::new();
    for (network, members) in networks {
        let mut unknown = None;
        for (i, a) in members.iter().enumerate() {
            for b in &members[i + 1..] {
                match route(a, b, peered)? {
                    Route::Known => {}
                    Route::Unknown => drop(unknown.get_or_insert((a, b))),
                    Route::None(why, may_be_peered) => {
                        return Err(no_route(a, b, network, &why, may_be_peered));
                    }
                }
            }
        }
        warnings.extend(unknown.map(|(a, b)| {
            Message::new(format!(
                "clusters {} and {} share network {network}, and their records do not tell \
                 whether their pods reach each other: istiod takes it for granted",
                a.label(),
                b.label(),
            ))
            .hint("if they do not, give each network a name of its own; if they do, say --peered")
        }));
    }
    Ok(warnings)
}

fn no_route(a: &Cluster, b: &Cluster, network: &str, why: &str, may_be_peered: bool) -> Error {
    let error = Error::data(format!(
        "clusters {} and {} share network {network}, and their pods cannot reach each other: {why}",
        a.label(),
        b.label(),
    ))
    .hint("give each a network of its own: then istiod sends their traffic through the gateways");
    if may_be_peered {
        error.hint("if their VPC networks are joined (peering, VPN), say --peered")
    } else {
        error
    }
}

fn route(a: &Cluster, b: &Cluster, peered: bool) -> Result<Route> {
    for cluster in [a, b] {
        if let Some(range) = overlay(cluster) {
            let why = format!("those of {} are in an overlay ({range})", cluster.label());
            return Ok(Route::None(why, false));
        }
    }
    let same = same_vpc(a, b);
    match (same, providers_apart(a, b)) {
        // A cloud gives no address of a VPC network to two pods.
        (Some(true), _) => return Ok(Route::Known),
        (Some(false), _) if !peered => {
            let vpc = |cluster: &Cluster| cluster.vpc.clone().unwrap_or_default();
            let why = format!("they are on VPC networks {} and {}", vpc(a), vpc(b));
            return Ok(Route::None(why, true));
        }
        (None, Some((a, b))) if !peered => {
            let why = format!("they run on {} and {}", a.as_str(), b.as_str());
            return Ok(Route::None(why, true));
        }
        _ => {}
    }
    let theirs = pods(b)?;
    for range in pods(a)? {
        // Two CIDR ranges share an address only if one contains the other.
        if let Some(other) = theirs.iter().find(|&o| o.contains(&range) || range.contains(o)) {
            let why = format!("their pod ranges {range} and {other} overlap");
            return Ok(Route::None(why, false));
        }
    }
    Ok(if peered { Route::Known } else { Route::Unknown })
}

/// The pod range of an AKS cluster with kubenet or an overlay: Azure routes it within the cluster
/// only. Where pods have addresses of a subnet, `podCidr` is not set.
fn overlay(cluster: &Cluster) -> Option<&str> {
    let is_overlay = |source: &str| source.starts_with("networkProfile.podCidr");
    cluster
        .ranges
        .iter()
        .find(|range| range.kind == RangeKind::Pod && is_overlay(&range.source))
        .map(|range| range.cidr.as_str())
}

/// Whether two clusters are on one VPC network, where both records know theirs.
fn same_vpc(a: &Cluster, b: &Cluster) -> Option<bool> {
    let (x, y) = (a.vpc.as_deref()?, b.vpc.as_deref()?);
    let ((host_a, name_a), (host_b, name_b)) = (vpc(x), vpc(y));
    if name_a != name_b {
        return Some(false);
    }
    match (host_a, host_b) {
        (Some(a), Some(b)) => Some(a == b),
        // An ID of AWS is another in every account and region.
        _ if a.provider == Some(Provider::Eks) && b.provider == a.provider => Some(true),
        _ => (a.project.is_some() && a.project == b.project).then_some(true),
    }
}

/// The project that a VPC network is in, and its name: `projects/P/global/networks/N`, or `N`.
fn vpc(text: &str) -> (Option<&str>, &str) {
    let project = text.split_once("projects/").and_then(|(_, rest)| rest.split('/').next());
    (project, text.rsplit('/').next().unwrap_or(text))
}

/// The clouds of two clusters, if they are two.
fn providers_apart(a: &Cluster, b: &Cluster) -> Option<(Provider, Provider)> {
    let (a, b) = (a.provider?, b.provider?);
    (a != b && a != Provider::Kubernetes && b != Provider::Kubernetes).then_some((a, b))
}

fn pods(cluster: &Cluster) -> Result<Vec<IpNet>> {
    let range = |text: &str| match cidr::parse(text) {
        Ok(range) => Ok(range),
        Err(CidrError::HostBits { network }) => Ok(network),
        Err(error) => Err(Error::data(format!("its pod range {text:?} {error}"))
            .at(format!("cluster {}", cluster.label()))),
    };
    let pods = cluster.ranges.iter().filter(|range| range.kind == RangeKind::Pod);
    pods.map(|pod| range(&pod.cidr)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
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

    fn gke(name: &str, vpc: &str, pods: &str) -> Cluster {
        cluster(
            name,
            json!({"provider": "gke", "vpc": vpc, "ranges": [{"cidr": pods, "kind": "pod"}]}),
        )
    }

    fn refused(clusters: &[Cluster], peered: bool) -> String {
        check_routes(clusters, peered).unwrap_err().message().text().to_owned()
    }

    const DEFAULT: &str = "projects/p/global/networks/default";

    #[test]
    fn clusters_of_one_vpc_network_may_share_a_network() {
        for (x, y) in [
            (DEFAULT, DEFAULT),
            (DEFAULT, "https://compute.example/compute/v1/projects/p/global/networks/default"),
        ] {
            let clusters = [gke("a", x, "10.0.0.0/14"), gke("b", y, "10.4.0.0/14")];
            assert_eq!(check_routes(&clusters, false), Ok(vec![]));
        }
        let eks = |name| cluster(name, json!({"provider": "eks", "vpc": "vpc-1"}));
        assert_eq!(check_routes(&[eks("a"), eks("b")], false), Ok(vec![]));
        let short = |name| cluster(name, json!({"provider": "gke", "project": "p", "vpc": "v"}));
        assert_eq!(check_routes(&[short("a"), short("b")], false), Ok(vec![]));
    }

    #[test]
    fn clusters_of_one_subnet_have_the_same_pod_range() {
        let clusters = [gke("a", DEFAULT, "10.0.0.0/14"), gke("b", DEFAULT, "10.0.0.0/14")];
        assert_eq!(check_routes(&clusters, false), Ok(vec![]));
    }

    #[test]
    fn clusters_of_two_vpc_networks_may_not_unless_these_are_joined() {
        let other = "projects/p/global/networks/other";
        let project = "projects/q/global/networks/default";
        for vpc in [other, project, "other"] {
            let clusters = [gke("a", DEFAULT, "10.0.0.0/14"), gke("b", vpc, "10.4.0.0/14")];
            let text = refused(&clusters, false);
            assert!(text.starts_with("clusters a and b share network n"), "{text}");
            assert!(text.contains(&format!("VPC networks {DEFAULT} and {vpc}")), "{text}");
            assert_eq!(check_routes(&clusters, true), Ok(vec![]));
        }
        let clouds =
            [cluster("a", json!({"provider": "gke"})), cluster("b", json!({"provider": "eks"}))];
        assert!(refused(&clouds, false).contains("they run on gke and eks"));
        assert_eq!(check_routes(&clouds, true), Ok(vec![]));
    }

    #[test]
    fn pods_with_the_same_addresses_never_reach_each_other() {
        let pods = |name, cidr| cluster(name, json!({"ranges": [{"cidr": cidr, "kind": "pod"}]}));
        for peered in [false, true] {
            let clusters = [pods("a", "192.168.0.0/16"), pods("b", "192.168.128.1/17")];
            let text = refused(&clusters, peered);
            assert!(text.contains("192.168.0.0/16 and 192.168.128.0/17 overlap"), "{text}");
        }
        let nonsense = [pods("a", "10.0.0.0/14"), pods("b", "x")];
        assert!(refused(&nonsense, false).starts_with("cluster b: its pod range \"x\""));
    }

    #[test]
    fn nobody_reaches_pods_of_an_overlay_on_aks() {
        let aks = |name, source| {
            let ranges = json!([{"cidr": "10.244.0.0/16", "kind": "pod", "source": source}]);
            cluster(name, json!({"provider": "aks", "vpc": "v", "project": "g", "ranges": ranges}))
        };
        let text = refused(&[aks("a", "/subnets/pods"), aks("b", "networkProfile.podCidr")], true);
        assert!(text.contains("those of b are in an overlay (10.244.0.0/16)"), "{text}");
        let clusters = [aks("a", "/subnets/pods"), aks("b", "/subnets/pods")];
        assert_eq!(check_routes(&clusters, false), Ok(vec![]));
    }

    #[test]
    fn what_records_do_not_tell_is_warned_of_once_in_a_network() {
        let clusters = ["a", "b", "c"].map(|name| cluster(name, json!({})));
        let warnings = check_routes(&clusters, false).unwrap();
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].text().starts_with("clusters a and b share network n"));
        assert_eq!(check_routes(&clusters, true), Ok(vec![]));
        let mut apart = clusters;
        for cluster in &mut apart {
            cluster.network = Some(cluster.name.clone());
        }
        assert_eq!(check_routes(&apart, false), Ok(vec![]));
        for cluster in &mut apart {
            cluster.network = None;
        }
        assert_eq!(check_routes(&apart, false), Ok(vec![]));
    }

    #[test]
    fn a_record_without_a_network_is_refused() {
        let mut unnamed = cluster("a", json!({}));
        unnamed.network = None;
        let error = places(&[&unnamed], &[], None).unwrap_err();
        assert_eq!(error.message().text(), "cluster a: its network is not known");
        let wrong = cluster("a", json!({"network": "a b"}));
        let error = places(&[&wrong], &[], None).unwrap_err();
        assert!(error.message().text().starts_with("cluster a: its network \"a b\": a network"));
    }

    proptest! {
        #[test]
        fn a_route_is_one_in_both_directions(
            vpcs in proptest::collection::vec(0usize..5, 2),
            providers in proptest::collection::vec(0usize..4, 2),
            pods in proptest::collection::vec(0usize..3, 2),
            peered: bool,
        ) {
            let make = |i: usize| {
                let provider = ["gke", "eks", "aks", "kubernetes"][providers[i]];
                let vpc = [Some(DEFAULT), Some("v"), Some("default"), Some("w"), None][vpcs[i]];
                let cidr = ["10.0.0.0/8", "10.4.0.0/14", "11.0.0.0/8"][pods[i]];
                let ranges = json!([{"cidr": cidr, "kind": "pod"}]);
                cluster("a", json!({"provider": provider, "vpc": vpc, "ranges": ranges}))
            };
            let (a, b) = (make(0), make(1));
            let kind = |route: Route| std::mem::discriminant(&route);
            prop_assert_eq!(
                kind(route(&a, &b, peered).unwrap()),
                kind(route(&b, &a, peered).unwrap())
            );
        }
    }
}
