//! One cluster of a mesh: its record, with everything that a control plane must be given.

use crate::{ClusterId, Facts};
use meshcore::cluster::Cluster;
use meshcore::{Error, Network, Result};

/// One cluster of the mesh.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    /// Its record.
    pub cluster: &'a Cluster,
    /// What the record says of its control plane.
    pub facts: Facts,
    /// Its ID, nobody else's.
    pub id: ClusterId,
    /// The network of its pods.
    pub network: Network,
    /// Who runs its control plane.
    pub seat: Seat,
}

/// Whether a cluster has a control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seat {
    /// It has.
    Primary {
        /// Whether it serves other clusters, too.
        has_remotes: bool,
    },
    /// It is served by another's.
    Remote {
        /// That one.
        primary: ClusterId,
    },
}

impl<'a> Member<'a> {
    /// Reads a record; it must name the cluster and its network.
    pub fn of(cluster: &'a Cluster) -> Result<Self> {
        let place = format!("cluster {}", cluster.label());
        let fill = "mesh-id fills it in";
        let missing = |what| Error::data(what).at(&place).hint(fill);
        let id = cluster.id.as_ref().ok_or_else(|| {
            missing("has no id, the CLUSTER_ID that the other clusters' remote secrets name")
        })?;
        let network = cluster.network.as_ref().ok_or_else(|| {
            missing("has no network, and istiod would take its pods for those of every other")
        })?;
        Ok(Self {
            cluster,
            facts: Facts::of(cluster)?,
            id: id.parse().map_err(|reason| {
                Error::data(format!("its ID {id:?} {reason}"))
                    .at(&place)
                    .hint("install it with a clusterName of its own")
            })?,
            network: network.parse().map_err(|reason| {
                Error::data(format!("its network {network:?}: {reason}"))
                    .at(&place)
                    .hint("the namespace's label topology.istio.io/network must take it")
            })?,
            seat: Seat::Primary { has_remotes: false },
        })
    }

    /// The first part of every message about it.
    #[must_use]
    pub fn place(&self) -> String {
        format!("cluster {}", self.cluster.label())
    }
}
