//! What objects of a cluster tell of its control planes.

use crate::{Channel, Injector, Name};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What was found, each under its object, as `Deployment istio-system/istiod`. So an object that
/// stands in the input twice counts once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Deployments of istiod.
    pub deployments: BTreeMap<String, Istiod>,
    /// Pods of istiod, without those that ended or are about to.
    pub pods: BTreeMap<String, Istiod>,
    /// Webhooks that inject sidecars.
    pub injectors: BTreeMap<String, Injector>,
    /// Control planes that Google runs.
    pub managed: BTreeMap<String, Managed>,
    /// Configuration of revisions. It is there before a control plane, and stays after it.
    pub config_maps: BTreeMap<String, Name>,
    /// `VirtualService`s behind gateways, and the revision that each leads to.
    pub routes: BTreeSet<(String, Name)>,
}

/// Pods of istiod, of one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Istiod {
    /// Their label `istio.io/rev`.
    pub revision: Name,
    /// How many.
    pub pods: Pods,
}

/// How many pods, and how many of them are ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pods {
    /// Those that take requests.
    pub ready: u32,
    /// Those that there should be.
    pub total: u32,
}

/// A `ControlPlaneRevision` of `mesh.cloud.google.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Managed {
    /// Its name, which is the revision's.
    pub revision: Name,
    /// Its channel.
    pub channel: Option<Channel>,
    /// Its condition `Reconciled`; unknown while Google has not looked at it.
    pub reconciled: Option<bool>,
}
