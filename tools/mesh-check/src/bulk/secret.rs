//! Remote Secrets, of which each cluster of a large mesh has hundreds: what many clusters have is
//! kept once.

use crate::bulk::Pool;
use meshstate::{Credential, RemoteCluster, RemoteSecret};
use std::collections::HashMap;
use std::sync::Arc;

/// A remote Secret.
#[derive(Debug)]
pub struct Secret {
    /// istiod reads its own namespace only.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The value of the label `istio/multiCluster`.
    pub label: Option<Arc<str>>,
    /// The annotation `networking.istio.io/cluster`.
    pub cluster_annotation: Option<Arc<str>>,
    /// The annotation `meshutils/expires`.
    pub expires: Option<Arc<str>>,
    /// The annotation `meshutils/rotate-after`.
    pub rotate_after: Option<Arc<str>>,
    /// In the order of their keys: where each leads, or why istiod cannot read it.
    pub entries: Vec<Entry>,
}

/// A key, and what stands under it.
pub type Entry = (Arc<str>, Destination);
/// Where an entry leads, or why istiod cannot read it (completes "its kubeconfig …").
pub type Destination = Result<Arc<RemoteCluster>, Arc<str>>;

/// Address and token of a cluster: with these, little else differs.
type Mark = (Arc<str>, Arc<str>);

/// Ways to clusters that were seen.
#[derive(Debug, Default)]
pub struct Ways(HashMap<Mark, Vec<Arc<RemoteCluster>>>);

impl Secret {
    /// With what others have, too, taken from the pool.
    #[must_use]
    pub fn new(secret: RemoteSecret, pool: &mut Pool) -> Self {
        let mut text = |text: Option<String>| text.map(|text| pool.text(&text));
        let [label, cluster_annotation, expires, rotate_after] =
            [secret.label, secret.cluster_annotation, secret.expires, secret.rotate_after]
                .map(&mut text);
        Self {
            namespace: pool.text(&secret.namespace),
            name: pool.text(&secret.name),
            label,
            cluster_annotation,
            expires,
            rotate_after,
            entries: secret
                .entries
                .into_iter()
                .map(|(key, remote)| {
                    let remote = match remote {
                        Ok(remote) => Ok(pool.way(remote)),
                        Err(reason) => Err(pool.text(&reason)),
                    };
                    (pool.text(&key), remote)
                })
                .collect(),
        }
    }

    /// Whether istiod in this namespace reads it.
    #[must_use]
    pub fn is_read_in(&self, istio_namespace: &str) -> bool {
        *self.namespace == *istio_namespace && self.label.as_deref() == Some("true")
    }

    /// Its keys: what istiod calls the clusters.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(key, _)| &**key)
    }

    /// What stands under a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Destination> {
        let place = self.entries.binary_search_by(|(known, _)| (**known).cmp(key)).ok()?;
        Some(&self.entries[place].1)
    }

    /// `NAMESPACE/NAME`.
    #[must_use]
    pub fn object(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

impl Pool {
    /// The one that is kept of all that are equal to it.
    fn way(&mut self, new: RemoteCluster) -> Arc<RemoteCluster> {
        let mark = match &new.credential {
            Credential::Token { fingerprint, .. } => fingerprint.as_str(),
            _ => "",
        };
        let mark = (self.text(&new.server), self.text(mark));
        let known = self.ways.0.entry(mark).or_default();
        if let Some(known) = known.iter().find(|known| ***known == new) {
            return known.clone();
        }
        let new = Arc::new(new);
        known.push(new.clone());
        new
    }
}
