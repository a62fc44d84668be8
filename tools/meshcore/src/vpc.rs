//! Which VPC network a cluster is on.

use crate::cluster::{Cluster, Provider, RangeKind};

/// The VPC network of a cluster.
pub(crate) struct Vpc<'a> {
    cluster: &'a Cluster,
    /// `projects/P/global/networks/N`, the ID of an Azure network, or a name alone.
    pub(crate) path: &'a str,
    /// What the name is unique in, where the path says so.
    scope: Option<&'a str>,
    name: &'a str,
}

impl<'a> Vpc<'a> {
    /// The record's; on Azure that of the subnet whose addresses the pods have.
    pub(crate) fn of(cluster: &'a Cluster) -> Option<Self> {
        let of_subnet = || {
            let mut pods = cluster.ranges.iter().filter(|range| range.kind == RangeKind::Pod);
            pods.find_map(|pod| Some(pod.source.split_once("/subnets/")?.0))
        };
        let text = cluster.vpc.as_deref().or_else(of_subnet)?;
        let path = text.find("projects/").map_or(text, |start| &text[start..]);
        let (scope, name) =
            path.rsplit_once('/').map_or((None, path), |(scope, name)| (Some(scope), name));
        Some(Self { cluster, path, scope, name })
    }

    /// Whether both are one network; none where they have one name and may be of two projects.
    pub(crate) fn is_same(&self, other: &Self) -> Option<bool> {
        let (a, b) = (self.cluster, other.cluster);
        // Azure writes IDs in any case.
        if !self.name.eq_ignore_ascii_case(other.name) {
            return Some(false);
        }
        if a.provider == Some(Provider::Eks) && b.provider == a.provider {
            // An ID of AWS is another in every account and region.
            return Some(true);
        }
        if let (Some(one), Some(two)) = (self.scope, other.scope) {
            return Some(one.eq_ignore_ascii_case(two));
        }
        // A name alone is mostly of the cluster's own project, but may be of a host project.
        (self.project()? == other.project()?).then_some(true)
    }

    fn project(&self) -> Option<&str> {
        match self.scope {
            Some(scope) => scope.strip_prefix("projects/")?.split('/').next(),
            None => self.cluster.project.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Range;

    fn cluster(provider: Provider, project: Option<&str>, vpc: Option<&str>) -> Cluster {
        Cluster {
            provider: Some(provider),
            project: project.map(str::to_owned),
            vpc: vpc.map(str::to_owned),
            ..Cluster::default()
        }
    }

    fn is_same(one: &Cluster, two: &Cluster) -> Option<bool> {
        let (one, two) = (Vpc::of(one)?, Vpc::of(two)?);
        assert_eq!(one.is_same(&two), two.is_same(&one));
        one.is_same(&two)
    }

    #[test]
    fn networks_of_google_are_known_by_their_projects() {
        let gke = |project, vpc| cluster(Provider::Gke, project, Some(vpc));
        let default = "projects/p/global/networks/default";
        for (project, vpc, expected) in [
            (None, default, Some(true)),
            (None, "https://compute.example/v1/projects/p/global/networks/default", Some(true)),
            (Some("p"), "default", Some(true)),
            (Some("p"), "projects/q/global/networks/default", Some(false)),
            (Some("p"), "other", Some(false)),
            // It may be the network of a host project.
            (Some("q"), "default", None),
            (None, "default", None),
        ] {
            let found = is_same(&gke(Some("p"), default), &gke(project, vpc));
            assert_eq!(found, expected, "{project:?} {vpc}");
        }
        assert_eq!(is_same(&gke(Some("p"), "v"), &gke(Some("p"), "v")), Some(true));
        assert_eq!(is_same(&gke(Some("p"), "v"), &gke(Some("q"), "v")), None);
    }

    #[test]
    fn ids_of_amazon_need_no_account() {
        let eks = |project, vpc| cluster(Provider::Eks, project, Some(vpc));
        assert_eq!(is_same(&eks(None, "vpc-1"), &eks(Some("1"), "vpc-1")), Some(true));
        assert_eq!(is_same(&eks(None, "vpc-1"), &eks(None, "vpc-2")), Some(false));
        assert_eq!(is_same(&eks(None, "vpc-1"), &cluster(Provider::Eks, None, None)), None);
    }

    #[test]
    fn on_azure_the_subnet_of_the_pods_tells() {
        let aks = |network: &str| Cluster {
            ranges: vec![Range {
                cidr: "10.0.0.0/16".to_owned(),
                kind: RangeKind::Pod,
                source: format!("/subscriptions/s/virtualNetworks/{network}/subnets/pods"),
            }],
            ..cluster(Provider::Aks, Some("g"), None)
        };
        assert_eq!(is_same(&aks("v"), &aks("V")), Some(true));
        assert_eq!(is_same(&aks("v"), &aks("w")), Some(false));
        assert_eq!(Vpc::of(&aks("v")).unwrap().path, "/subscriptions/s/virtualNetworks/v");
    }
}
