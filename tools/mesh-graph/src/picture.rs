//! What is drawn: clusters in their networks, what they know of each other, what is wrong.

use meshcore::finding::Severity;
use meshcore::{Error, Result};
use std::collections::BTreeMap;

/// Pairs that are told apart from all others: as many as a mesh of 511 clusters has that are to be
/// joined yet.
const MOST_MARKED: usize = 300_000;

/// A mesh to be drawn. Clusters are numbered from 0, network by network, and by name in each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picture {
    networks: Vec<Network>,
    clusters: Vec<Cluster>,
    /// Those that are held: by holder, then by whose credentials these are. What is missing
    /// besides is told by the clusters: of a large mesh that is joined nowhere yet it is the square.
    held: Vec<BTreeMap<usize, Link>>,
    is_joined: bool,
    /// Findings that are about no cluster or network in particular.
    pub findings: Vec<Mark>,
}

/// An Istio network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// None where the clusters do not say which they are on.
    pub name: Option<String>,
    /// The numbers of its clusters, never none.
    pub clusters: std::ops::Range<usize>,
    /// Gateways that meshNetworks names by address.
    pub gateways: Vec<Gateway>,
    /// Findings about it.
    pub findings: Vec<Mark>,
}

/// A cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cluster {
    /// What people call it.
    pub name: String,
    /// istiod's `CLUSTER_ID`.
    pub id: Option<String>,
    /// The kubeconfig context that reaches it.
    pub context: Option<String>,
    /// Its mesh's ID.
    pub mesh: Option<String>,
    /// Its Istio network.
    pub network: Option<String>,
    /// What else is worth a line: version, provider, place.
    pub facts: Vec<String>,
    /// How much of it is known.
    pub known: Known,
    /// Whether it reads remote Secrets.
    pub reads: Reads,
    /// Its east-west gateways.
    pub gateways: Vec<Gateway>,
    /// Findings about it.
    pub findings: Vec<Mark>,
}

/// How much is known of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Known {
    /// It was captured or described.
    #[default]
    Itself,
    /// It was not reached, for this reason.
    Unreached(String),
    /// Only remote Secrets of others name it.
    ByName,
}

/// Whether a cluster's remote Secrets are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reads {
    /// They were not read.
    #[default]
    Unknown,
    /// It has no control plane that would use any.
    Nothing,
    /// What it holds is all that it holds.
    Secrets,
}

/// A gateway for other networks.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gateway {
    /// `NAMESPACE/NAME` of the Service, or how meshNetworks has it.
    pub name: String,
    /// The network that it says it leads into, where that is not its cluster's.
    pub network: Option<String>,
    /// `HOST` or `HOST:PORT`, none while it has no address.
    pub addresses: Vec<String>,
}

/// What a cluster has of another's credentials.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// Credentials that nothing is seen to be wrong with.
    Valid,
    /// A token that ended, on this date.
    Expired(String),
    /// Credentials that istiod cannot use, for this reason.
    Unusable(String),
    /// None, although both are to be one mesh.
    Missing,
}

/// A finding as it is drawn.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// How bad it is; the worst first.
    pub severity: std::cmp::Reverse<Severity>,
    /// As `MESH0101`.
    pub code: String,
    /// One sentence for people.
    pub message: String,
}

impl Cluster {
    /// Whether in a mesh of both this one has credentials of the other. Of a cluster that is known
    /// by name only, it may be right to have none any more.
    fn should_hold(&self, other: &Self) -> bool {
        let is_elsewhere = self.mesh.is_some() && other.mesh.is_some() && self.mesh != other.mesh;
        self.reads == Reads::Secrets && other.known != Known::ByName && !is_elsewhere
    }
}

impl Picture {
    /// Puts clusters into their networks. `held` says which credentials cluster A has of cluster
    /// B, by (A, B), both as indices of `clusters`; `gateways` what meshNetworks says of networks.
    #[must_use]
    pub fn new(
        clusters: Vec<Cluster>,
        held: impl IntoIterator<Item = ((usize, usize), Link)>,
        mut gateways: BTreeMap<String, Vec<Gateway>>,
    ) -> Self {
        let mut order: Vec<(usize, Cluster)> = clusters.into_iter().enumerate().collect();
        // Those of no known network come last.
        order.sort_by(|(_, a), (_, b)| {
            let key = |c: &Cluster| (c.network.is_none(), c.network.clone(), c.name.clone());
            (key(a), &a.id, &a.context).cmp(&(key(b), &b.id, &b.context))
        });
        let mut number = vec![0; order.len()];
        for (new, (old, _)) in order.iter().enumerate() {
            number[*old] = new;
        }
        let clusters: Vec<Cluster> = order.into_iter().map(|(_, cluster)| cluster).collect();
        let mut networks: Vec<Network> = Vec::new();
        for (i, cluster) in clusters.iter().enumerate() {
            match networks.last_mut() {
                Some(last) if last.name == cluster.network => last.clusters.end = i + 1,
                _ => networks.push(Network {
                    name: cluster.network.clone(),
                    clusters: i..i + 1,
                    gateways: cluster
                        .network
                        .as_ref()
                        .and_then(|name| gateways.remove(name))
                        .unwrap_or_default(),
                    findings: Vec::new(),
                }),
            }
        }
        let mut links = vec![BTreeMap::new(); clusters.len()];
        for ((a, b), link) in held {
            if a != b {
                links[number[a]].insert(number[b], link);
            }
        }
        // Before the first two are joined there is nothing that others lack.
        let is_joined = links.iter().any(|links| !links.is_empty());
        Self { networks, clusters, held: links, is_joined, findings: Vec::new() }
    }

    /// The networks, by name.
    #[must_use]
    pub fn networks(&self) -> &[Network] {
        &self.networks
    }

    /// The clusters, network by network.
    #[must_use]
    pub fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    /// What cluster `a` has of the credentials of `b`; none where that is not known, or it needs
    /// none.
    #[must_use]
    pub fn link(&self, a: usize, b: usize) -> Option<&Link> {
        static MISSING: Link = Link::Missing;
        self.held[a].get(&b).or_else(|| self.lacks(a, b).then_some(&MISSING))
    }

    /// Whether `a` should have credentials of `b`.
    fn lacks(&self, a: usize, b: usize) -> bool {
        self.is_joined && a != b && self.clusters[a].should_hold(&self.clusters[b])
    }

    /// All of them, by (holder, other).
    pub fn links(&self) -> impl Iterator<Item = ((usize, usize), &Link)> {
        let row = move |a: usize| {
            // Whoever reads no Secrets lacks none.
            let n = if self.clusters[a].reads == Reads::Secrets { self.clusters.len() } else { 0 };
            let all = (0..n).filter_map(move |b| Some((b, self.link(a, b)?)));
            let held = self.held[a].iter().filter(move |_| n == 0).map(|(b, link)| (*b, link));
            all.chain(held).map(move |(b, link)| ((a, b), link))
        };
        (0..if self.is_joined { self.clusters.len() } else { 0 }).flat_map(row)
    }

    /// Refuses to draw what nobody could look at, and what would take gigabytes.
    pub fn refuse_too_much(&self) -> Result<()> {
        let marked = self.links().filter(|(_, link)| **link != Link::Valid).take(MOST_MARKED + 1);
        if marked.count() <= MOST_MARKED {
            return Ok(());
        }
        Err(Error::data(format!(
            "more than {MOST_MARKED} pairs of clusters do not hold credentials as they should"
        ))
        .hint("mesh-plan joins them; draw clusters of one mesh alone, or fewer of them"))
    }

    /// Whether both have working credentials of each other.
    #[must_use]
    pub fn is_mutual(&self, a: usize, b: usize) -> bool {
        [self.link(a, b), self.link(b, a)] == [Some(&Link::Valid); 2]
    }

    /// The number of the network that a cluster is on.
    #[must_use]
    pub fn network_of(&self, cluster: usize) -> usize {
        self.networks.partition_point(|network| network.clusters.end <= cluster)
    }

    /// Puts a finding where it belongs: to the clusters and networks of these numbers, or to the
    /// mesh as a whole where there are none.
    pub fn mark(&mut self, mark: &Mark, clusters: &[usize], networks: &[usize]) {
        for &i in clusters {
            self.clusters[i].findings.push(mark.clone());
        }
        for &i in networks {
            self.networks[i].findings.push(mark.clone());
        }
        if clusters.is_empty() && networks.is_empty() {
            self.findings.push(mark.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::clusters;

    #[test]
    fn clusters_are_put_into_networks() {
        let cluster = |name: &str, network: Option<&str>| Cluster {
            name: name.to_owned(),
            network: network.map(str::to_owned),
            ..Cluster::default()
        };
        let all = [("z", None), ("b", Some("n2")), ("c", Some("n1")), ("a", Some("n2"))];
        let all = all.map(|(name, network)| cluster(name, network)).to_vec();
        let picture = Picture::new(all, [((3, 0), Link::Valid)], BTreeMap::new());
        let names: Vec<_> = picture.clusters().iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["c", "a", "b", "z"]);
        let networks: Vec<_> =
            picture.networks().iter().map(|n| (n.name.as_deref(), n.clusters.clone())).collect();
        assert_eq!(networks, [(Some("n1"), 0..1), (Some("n2"), 1..3), (None, 3..4)]);
        assert_eq!(picture.link(1, 3), Some(&Link::Valid));
        assert_eq!((0..4).map(|i| picture.network_of(i)).collect::<Vec<_>>(), [0, 1, 1, 2]);
    }

    #[test]
    fn missing_is_what_would_be_read() {
        let link = |change: fn(&mut [Cluster])| {
            let mut all = clusters(&[3]);
            change(&mut all);
            let picture = Picture::new(all, [((0, 1), Link::Valid)], BTreeMap::new());
            [picture.link(1, 0).cloned(), picture.link(1, 2).cloned()]
        };
        let missing = Some(Link::Missing);
        assert_eq!(link(|_| {}), [missing.clone(), missing.clone()]);
        assert_eq!(link(|all| all[1].reads = Reads::Nothing), [None, None]);
        assert_eq!(link(|all| all[1].reads = Reads::Unknown), [None, None]);
        assert_eq!(link(|all| all[2].known = Known::ByName), [missing.clone(), None]);
        let other_mesh = |all: &mut [Cluster]| {
            all[1].mesh = Some("m".to_owned());
            all[2].mesh = Some("n".to_owned());
        };
        assert_eq!(link(other_mesh), [missing, None]);
    }

    #[test]
    fn nothing_is_missing_before_the_first_two_are_joined() {
        let own = Picture::new(clusters(&[2]), [((0, 0), Link::Valid)], BTreeMap::new());
        assert_eq!(own.links().count(), 0);
    }
}
