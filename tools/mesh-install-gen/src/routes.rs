//! Whether pods of two clusters can reach each other directly, as clusters of one Istio network
//! must. What is not known is not held against them.

use crate::Network;
use ipnet::IpNet;
use meshcore::cidr;
use meshcore::cluster::{Cluster, Provider, Range, RangeKind};
use meshcore::{Error, Result};

/// Where a cluster's pods are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    provider: Option<Provider>,
    vpc: Option<String>,
    pods: Vec<(IpNet, String)>,
}

/// Why pods of two clusters cannot reach each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Pods of both have these addresses.
    Overlap(IpNet, IpNet),
    /// They are on these VPC networks.
    Vpcs(String, String),
    /// These run them.
    Providers(Provider, Provider),
    /// Pods of an AKS cluster have addresses of kubenet or an overlay, which nobody else can
    /// route (istio/istio issue 42144).
    Overlay,
    /// Nothing says that they can, and `default` is no choice but asmcli's answer where none was
    /// made.
    Unchosen,
}

impl Location {
    /// Reads what the record says.
    pub fn of(cluster: &Cluster) -> Result<Self> {
        let pods = cluster.ranges.iter().filter(|range| range.kind == RangeKind::Pod);
        let parse = |range: &Range| match cidr::parse(&range.cidr) {
            Ok(net) => Ok((net, range.source.clone())),
            Err(reason) => Err(Error::data(format!("the range {:?} {reason}", range.cidr))
                .at(format!("cluster {}", cluster.label()))),
        };
        Ok(Self {
            provider: cluster.provider,
            vpc: vpc(cluster),
            pods: pods.map(parse).collect::<Result<_>>()?,
        })
    }

    /// What stands between pods here and there on `network`; `stated` is the user's word that
    /// routes were made, which no overlap can bear.
    #[must_use]
    pub fn obstacle(&self, other: &Self, network: &Network, stated: bool) -> Option<Obstacle> {
        // One VPC network gives each address once.
        let same_vpc = self.vpc.is_some() && self.vpc == other.vpc;
        let provider = self.provider.zip(other.provider);
        if same_vpc && provider.is_none_or(|(one, two)| one == two) {
            return None;
        }
        if let Some((one, two)) = self.overlap(other) {
            return Some(Obstacle::Overlap(one, two));
        }
        if stated {
            return None;
        }
        match (provider, self.vpc.as_ref().zip(other.vpc.as_ref())) {
            (Some((one, two)), _) if one != two => Some(Obstacle::Providers(one, two)),
            (_, Some((one, two))) => Some(Obstacle::Vpcs(one.clone(), two.clone())),
            _ if self.is_overlay() || other.is_overlay() => Some(Obstacle::Overlay),
            _ if network.is_default() => Some(Obstacle::Unchosen),
            _ => None,
        }
    }

    fn overlap(&self, other: &Self) -> Option<(IpNet, IpNet)> {
        let clash = |(one, from): &(IpNet, String), (two, of): &(IpNet, String)| {
            // Azure names the subnet, which gives each address once.
            let one_subnet = from == of && from.contains("/subnets/");
            (one.contains(two) || two.contains(one)) && !one_subnet
        };
        self.pods.iter().find_map(|one| {
            let two = other.pods.iter().find(|two| clash(one, two))?;
            Some((one.0, two.0))
        })
    }

    fn is_overlay(&self) -> bool {
        self.provider == Some(Provider::Aks)
            && self.pods.iter().any(|(_, source)| source.starts_with("networkProfile."))
    }
}

/// The VPC network; a short name on GKE is one of the cluster's own project.
fn vpc(cluster: &Cluster) -> Option<String> {
    let vpc = cluster.vpc.as_ref()?;
    let path = vpc.find("projects/").map_or(vpc.as_str(), |start| &vpc[start..]);
    match (cluster.provider, &cluster.project) {
        (Some(Provider::Gke), Some(project)) if !path.contains('/') => {
            Some(format!("projects/{project}/global/networks/{path}"))
        }
        _ => Some(path.to_owned()),
    }
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Overlap(one, two) => write!(f, "their pod ranges {one} and {two} overlap"),
            Self::Vpcs(one, two) => write!(f, "they are on the VPC networks {one} and {two}"),
            Self::Providers(one, two) => {
                write!(f, "one is run by {} and one by {}", one.as_str(), two.as_str())
            }
            Self::Overlay => f.write_str("pods have addresses of kubenet or an overlay"),
            Self::Unchosen => f.write_str(
                "nothing says that they can, and asmcli calls every network off Google so",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cluster(provider: Option<Provider>, vpc: Option<&str>, pods: &[(&str, &str)]) -> Cluster {
        let range = |&(cidr, source): &(&str, &str)| Range {
            cidr: cidr.to_owned(),
            kind: RangeKind::Pod,
            source: source.to_owned(),
        };
        Cluster {
            name: "a".to_owned(),
            provider,
            project: Some("p".to_owned()),
            vpc: vpc.map(str::to_owned),
            ranges: pods.iter().map(range).collect(),
            ..Cluster::default()
        }
    }

    fn between(one: &Cluster, two: &Cluster, network: &str, stated: bool) -> Option<String> {
        let (one, two) = (Location::of(one).unwrap(), Location::of(two).unwrap());
        let network = network.parse().unwrap();
        let there = one.obstacle(&two, &network, stated).map(|o| o.to_string());
        assert_eq!(there.is_some(), two.obstacle(&one, &network, stated).is_some());
        there
    }

    #[test]
    fn one_vpc_is_one_network() {
        let gke = Some(Provider::Gke);
        let full = cluster(gke, Some("projects/p/global/networks/default"), &[("10.0.0.0/14", "")]);
        let url = "https://compute.example/v1/projects/p/global/networks/default";
        for same in
            [cluster(gke, Some("default"), &[("10.0.0.0/14", "")]), cluster(gke, Some(url), &[])]
        {
            assert_eq!(between(&full, &same, "default", false), None);
        }
        let host = cluster(gke, Some("projects/host/global/networks/default"), &[]);
        let found = between(&full, &host, "n", false).unwrap();
        assert!(found.contains("projects/host/global/networks/default"), "{found}");
        // Peering and VPNs are the user's word.
        assert_eq!(between(&full, &host, "n", true), None);
    }

    #[test]
    fn overlapping_pods_are_never_routable() {
        let one = cluster(None, None, &[("10.0.0.0/14", "a")]);
        let two = cluster(None, None, &[("10.9.0.0/16", "a"), ("10.1.0.0/16", "a")]);
        for stated in [false, true] {
            let found = between(&one, &two, "n", stated);
            assert_eq!(
                found.as_deref(),
                Some("their pod ranges 10.0.0.0/14 and 10.1.0.0/16 overlap")
            );
        }
        let subnet = "/subscriptions/s/virtualNetworks/v/subnets/pods";
        let aks = cluster(Some(Provider::Aks), None, &[("10.0.0.0/14", subnet)]);
        assert_eq!(between(&aks, &aks.clone(), "n", false), None);
    }

    #[test]
    fn clouds_are_not_joined_by_themselves() {
        let gke = cluster(Some(Provider::Gke), Some("v"), &[]);
        let eks = cluster(Some(Provider::Eks), Some("v"), &[]);
        assert_eq!(
            between(&gke, &eks, "n", false).as_deref(),
            Some("one is run by gke and one by eks")
        );
        assert_eq!(between(&gke, &eks, "n", true), None);
        assert_eq!(between(&gke, &cluster(None, None, &[]), "n", false), None);
    }

    #[test]
    fn kubenet_and_overlays_are_not_routable() {
        let aks =
            cluster(Some(Provider::Aks), None, &[("10.244.0.0/16", "networkProfile.podCidr")]);
        let other = cluster(Some(Provider::Aks), None, &[]);
        assert!(between(&aks, &other, "n", false).unwrap().contains("kubenet"));
        assert_eq!(between(&aks, &other, "n", true), None);
    }

    /// Seed 001: both gateways were made with `--network default`.
    #[test]
    fn the_name_default_says_nothing() {
        let unknown = cluster(None, None, &[]);
        assert!(between(&unknown, &unknown.clone(), "default", false).unwrap().contains("asmcli"));
        assert_eq!(between(&unknown, &unknown.clone(), "default", true), None);
        assert_eq!(between(&unknown, &unknown.clone(), "network1", false), None);
    }

    #[test]
    fn a_range_that_is_none_is_told() {
        let error = Location::of(&cluster(None, None, &[("10.0.0.1/8", "")])).unwrap_err();
        assert!(error.message().text().starts_with("cluster a: the range \"10.0.0.1/8\" has host"));
    }

    proptest! {
        #[test]
        fn ranges_overlap_where_they_share_an_address(
            one in any::<u8>(), long in 24u8..=32, two in any::<u8>(), wide in 24u8..=32
        ) {
            let net = |last: u8, length| {
                IpNet::new(std::net::Ipv4Addr::new(10, 0, 0, last).into(), length).unwrap().trunc()
            };
            let (one, two) = (net(one, long), net(two, wide));
            let (a, b) = (one.to_string(), two.to_string());
            let found = between(
                &cluster(None, None, &[(&a, "")]), &cluster(None, None, &[(&b, "")]), "n", true
            );
            let shares = one.addr().max(two.addr()) <= one.broadcast().min(two.broadcast());
            prop_assert_eq!(found.is_some(), shares);
        }
    }
}
