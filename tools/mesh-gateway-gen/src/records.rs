//! From cluster records to the places that need a gateway.

use crate::platform::Platform;
use crate::request::Place;
use meshcore::cluster::{Cluster, Names};
use meshcore::{Error, Network, Result};

/// One place for each cluster of `chosen`, out of `all`. `platform` is that of clusters whose
/// records know none.
pub fn places(
    chosen: &[&Cluster],
    all: &[Cluster],
    platform: Option<Platform>,
) -> Result<Vec<Place>> {
    let names = Names::of(all);
    let place = |&cluster: &&Cluster| {
        let at = format!("cluster {}", cluster.label());
        let text = cluster.network.as_deref().ok_or_else(|| {
            Error::data("its network is not known")
                .at(&at)
                .hint("mesh-id fills in the networks of clusters")
        })?;
        let network: Network =
            text.parse().map_err(|e| Error::data(format!("its network {text:?}: {e}")).at(&at))?;
        // mesh-apply finds the cluster by it.
        let name = names.unique(cluster).ok_or_else(|| {
            Error::data("another cluster has its name, and its ID is not known")
                .at(&at)
                .hint("mesh-id fills in the IDs of clusters")
        })?;
        Ok(Place {
            network: Some(network),
            id: cluster.id.clone(),
            mesh: cluster.mesh_id.clone(),
            platform: Platform::of(cluster.provider).or(platform),
            cluster: Some(name.to_owned()),
        })
    };
    chosen.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_a_network_is_refused() {
        let unnamed = Cluster { name: "a".to_owned(), ..Cluster::default() };
        let error = places(&[&unnamed], &[], None).unwrap_err();
        assert_eq!(error.message().text(), "cluster a: its network is not known");
        let wrong = Cluster { network: Some("a b".to_owned()), ..unnamed };
        let error = places(&[&wrong], &[], None).unwrap_err();
        assert!(error.message().text().starts_with("cluster a: its network \"a b\": a network"));
    }
}
