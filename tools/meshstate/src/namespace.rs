//! Namespaces and the service accounts of Istio's own.

use crate::Meta;
use crate::object::{NETWORK, Pool, RawMeta};

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Its name and labels.
    pub meta: Meta,
    /// That of `kube-system` tells clusters apart.
    pub uid: Option<String>,
}

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its name and labels.
    pub meta: Meta,
    /// What tokens of it are bound to.
    pub uid: Option<String>,
}

impl Namespace {
    /// The network that istiod takes endpoints of this cluster to be in, when this is its own
    /// namespace.
    #[must_use]
    pub fn network(&self) -> Option<&str> {
        self.meta.label(NETWORK)
    }
}

impl Namespace {
    pub(crate) fn of(raw: RawMeta, pool: &mut Pool) -> Self {
        Self { uid: raw.uid.clone(), meta: pool.cluster_meta(raw) }
    }
}

impl ServiceAccount {
    pub(crate) fn of(raw: RawMeta, pool: &mut Pool) -> Self {
        Self { uid: raw.uid.clone(), meta: pool.meta(raw) }
    }
}
