//! The clusters of a mesh: where each calls from, and who may reach its API server.

use crate::block::Block;
use ipnet::IpNet;
use meshcore::cidr::{self, CidrError};
use meshcore::cluster::{Cluster, EndpointKind, Provider, Range, RangeKind};
use meshcore::{DnsLabel, Error, Result};

/// How many networks GKE takes (gcloud's `MAX_AUTHORIZED_NETWORKS_CIDRS_PUBLIC`, `_PRIVATE`).
const MAX_PUBLIC: usize = 50;
const MAX_PRIVATE: usize = 100;

/// A cluster as the others see it.
#[derive(Debug)]
pub struct Member {
    /// Its name alone.
    pub name: String,
    /// What to call it in messages.
    pub label: String,
    /// The mesh that it says it belongs to.
    pub mesh_id: Option<String>,
    /// Where its istiod calls from; never empty.
    pub callers: Vec<CallerRange>,
    /// Its API server, if GKE runs it.
    pub server: Option<ApiServer>,
}

/// A range that istiod calls from.
#[derive(Debug, Clone)]
pub struct CallerRange {
    /// The addresses.
    pub net: IpNet,
    /// Pods, or nodes (whose address pods on the host's network have).
    pub kind: RangeKind,
    /// The field it was read from.
    pub source: String,
}

/// An API server on GKE and who may reach it.
#[derive(Debug)]
pub struct ApiServer {
    /// What the API calls the cluster.
    pub path: ClusterPath,
    /// Whether the list below counts; when not, all addresses are let in.
    pub is_restricted: bool,
    /// Who is let in.
    pub blocks: Vec<Block>,
    /// Its address in the VPC network, if it has one.
    pub private_endpoint: Option<Reach>,
    /// Whether it has an address on the Internet.
    pub has_public_endpoint: bool,
    /// Whether it has an IPv6 address. Without one no IPv6 address can call it.
    pub has_ipv6: bool,
}

/// From where in the VPC network a private endpoint is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// From its own region.
    Region,
    /// From all regions: the cluster has global access.
    Global,
}

/// `projects/P/locations/L/clusters/C`, each part fit for a URL and a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterPath {
    /// The project's ID.
    pub project: String,
    /// A zone or region.
    pub location: DnsLabel,
    /// The cluster's name.
    pub cluster: DnsLabel,
}

impl Member {
    /// Reads a record; ranges of `kinds` are where the cluster calls from.
    pub fn new(cluster: &Cluster, kinds: &[RangeKind]) -> Result<Self> {
        let at = |e: Error| e.at(format!("cluster {}", cluster.label()));
        let mut callers = Vec::new();
        for &kind in kinds {
            let known = callers.len();
            for range in cluster.ranges.iter().filter(|range| range.kind == kind) {
                callers.push(caller(range).map_err(at)?);
            }
            if callers.len() == known {
                return Err(at(Error::data(format!("its {} ranges are not known", kind.as_str()))
                    .hint(
                        "describe it with gcloud container clusters list --format=json, add \
                         gcloud compute networks subnets list --format=json, or write them into \
                         its record",
                    )));
            }
        }
        let is_gke = cluster.provider == Some(Provider::Gke);
        // Authorized networks are about IP endpoints: IAM alone decides at the DNS-based one.
        let endpoints = &cluster.endpoints;
        let has_ip = endpoints.is_empty() || endpoints.iter().any(|e| e.kind != EndpointKind::Dns);
        let server = (is_gke && has_ip).then(|| ApiServer::new(cluster)).transpose().map_err(at)?;
        Ok(Self {
            name: cluster.name.clone(),
            label: cluster.label(),
            mesh_id: cluster.mesh_id.clone(),
            callers,
            server,
        })
    }
}

impl ApiServer {
    fn new(cluster: &Cluster) -> Result<Self> {
        let networks = cluster.authorized_networks.as_ref();
        let block = |block: &meshcore::cluster::AuthorizedBlock| {
            let net = match cidr::parse(&block.cidr) {
                // What the cloud holds is a fact and no typing error.
                Ok(net) | Err(CidrError::HostBits { network: net }) => net,
                Err(e) => {
                    return Err(Error::data(format!("authorized network {:?} {e}", block.cidr)));
                }
            };
            let display_name = block.display_name.clone().filter(|name| !name.is_empty());
            Ok(Block { cidr: block.cidr.clone(), net, display_name })
        };
        // The service leaves out what is false.
        let reach = if cluster.global_access == Some(true) { Reach::Global } else { Reach::Region };
        let has = |kind| cluster.endpoints.iter().any(|endpoint| endpoint.kind == kind);
        Ok(Self {
            path: ClusterPath::new(cluster)?,
            is_restricted: networks.is_some_and(|networks| networks.enabled),
            blocks: networks
                .map(|networks| networks.blocks.iter().map(block).collect())
                .transpose()?
                .unwrap_or_default(),
            private_endpoint: has(EndpointKind::Private).then_some(reach),
            has_public_endpoint: has(EndpointKind::Public),
            has_ipv6: cluster.endpoints.iter().any(|e| e.url.starts_with("https://[")),
        })
    }

    /// How many networks its list may have.
    #[must_use]
    pub fn max_networks(&self) -> usize {
        let public = self.has_public_endpoint || self.private_endpoint.is_none();
        if public { MAX_PUBLIC } else { MAX_PRIVATE }
    }
}

impl ClusterPath {
    fn new(cluster: &Cluster) -> Result<Self> {
        let missing = |what: &str| {
            Error::data(format!("its {what} is not known"))
                .hint("describe it with gcloud container clusters list --format=json")
        };
        let project = cluster.project.clone().ok_or_else(|| missing("project"))?;
        let location = cluster.location.as_deref().ok_or_else(|| missing("location"))?;
        // Old projects are named DOMAIN:NAME.
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:".contains(&b);
        if project.is_empty() || !project.bytes().all(inner) {
            return Err(Error::data(format!("project {project:?} is no project ID")));
        }
        let label = |what: &str, text: &str| {
            DnsLabel::parse(text).map_err(|e| Error::data(format!("{what} {text:?} {e}")))
        };
        Ok(Self {
            project,
            location: label("location", location)?,
            cluster: label("name", &cluster.name)?,
        })
    }

    /// The region; zones are named REGION-LETTER, or REGION-ai1LETTER.
    #[must_use]
    pub fn region(&self) -> &str {
        let location = self.location.as_str();
        location.match_indices('-').nth(1).map_or(location, |(end, _)| &location[..end])
    }
}

impl std::fmt::Display for ClusterPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { project, location, cluster } = self;
        write!(f, "projects/{project}/locations/{location}/clusters/{cluster}")
    }
}

fn caller(range: &Range) -> Result<CallerRange> {
    let source = if range.source.is_empty() { "ranges" } else { &range.source };
    let net = cidr::parse(&range.cidr)
        .map_err(|e| Error::data(format!("{:?} {e}", range.cidr)).at(source))?;
    if net.prefix_len() == 0 {
        return Err(Error::data(format!("{net} is every address there is"))
            .at(source)
            .hint("no cluster owns the whole Internet"));
    }
    Ok(CallerRange { net, kind: range.kind, source: source.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(location: &str) -> ClusterPath {
        ClusterPath {
            project: "p".to_owned(),
            location: DnsLabel::parse(location).unwrap(),
            cluster: DnsLabel::parse("c").unwrap(),
        }
    }

    #[test]
    fn zones_lie_in_regions() {
        for (location, region) in [
            ("us-west2-a", "us-west2"),
            ("us-west2", "us-west2"),
            ("northamerica-northeast1-c", "northamerica-northeast1"),
            ("us-central1-ai1a", "us-central1"),
        ] {
            assert_eq!(path(location).region(), region);
        }
    }

    #[test]
    fn what_could_be_read_as_a_flag_or_a_path_is_no_name() {
        let cluster = |project: &str, location: &str, name: &str| Cluster {
            name: name.to_owned(),
            project: Some(project.to_owned()),
            location: Some(location.to_owned()),
            ..Cluster::default()
        };
        let path = ClusterPath::new(&cluster("example.com:p", "us-west2-a", "asm-a")).unwrap();
        assert_eq!(path.to_string(), "projects/example.com:p/locations/us-west2-a/clusters/asm-a");
        for (project, location, name) in [
            ("p", "us-west2-a", "--flags-file=x"),
            ("p", "us-west2-a", "a/../b"),
            ("p", "l?", "a"),
            ("p/q", "l", "a"),
            ("", "l", "a"),
        ] {
            assert!(ClusterPath::new(&cluster(project, location, name)).is_err(), "{name}");
        }
    }
}
