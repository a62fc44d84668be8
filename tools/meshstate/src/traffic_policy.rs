//! Istio's objects that decide how traffic is encrypted and balanced.

use crate::object::{Object, Pool};
use crate::{Meta, Selector};
use meshcore::input::null_as_default;
use meshcore::selector::Labels;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// A `DestinationRule`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationRule {
    /// Its name.
    pub meta: Meta,
    /// `spec.host`, as written: short names are meant within its namespace.
    pub host: String,
    /// `trafficPolicy.tls.mode`.
    pub tls: Option<TlsMode>,
    /// `trafficPolicy.portLevelSettings[].tls.mode`, by port.
    pub port_tls: BTreeMap<u16, TlsMode>,
    /// Whether `trafficPolicy`, or that of a port or subset, has `outlierDetection`: without it
    /// nothing fails over to another locality.
    pub has_outlier_detection: bool,
    /// `trafficPolicy.loadBalancer.localityLbSetting.enabled`, where it is set; true when the
    /// setting has anything else.
    pub locality_lb: Option<bool>,
    /// `subsets[]`.
    pub subsets: Vec<Subset>,
    /// `exportTo`.
    pub export_to: Vec<String>,
    /// `workloadSelector.matchLabels`: the only clients that it is for.
    pub workload_selector: Option<Selector>,
}

/// A part of a host's endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subset {
    /// What routes call it.
    pub name: String,
    /// Which pods are in it.
    pub labels: Selector,
    /// `trafficPolicy.tls.mode`, where it has one of its own.
    pub tls: Option<TlsMode>,
}

/// How a client encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TlsMode {
    /// Not at all.
    Disable,
    /// TLS with the server's certificate alone.
    Simple,
    /// TLS with certificates of one's own.
    Mutual,
    /// TLS with the mesh's certificates: what gateways between networks need.
    IstioMutual,
}

/// A `PeerAuthentication`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAuthentication {
    /// Its name.
    pub meta: Meta,
    /// `spec.selector.matchLabels`; none for the whole namespace, or the mesh in the root one.
    pub selector: Option<Selector>,
    /// `spec.mtls.mode`; none for what the next wider one says.
    pub mode: Option<MtlsMode>,
    /// `spec.portLevelMtls`, by port of the workload.
    pub port_modes: BTreeMap<u16, MtlsMode>,
}

/// What a server asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MtlsMode {
    /// Plain text only.
    Disable,
    /// Either.
    Permissive,
    /// The mesh's certificates.
    Strict,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct RuleSpec {
    host: String,
    #[serde(deserialize_with = "null_as_default")]
    traffic_policy: Policy,
    #[serde(deserialize_with = "null_as_default")]
    subsets: Vec<RawSubset>,
    #[serde(deserialize_with = "null_as_default")]
    export_to: Vec<String>,
    workload_selector: Option<MatchLabels>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Policy {
    #[serde(deserialize_with = "null_as_default")]
    port: Port,
    #[serde(deserialize_with = "null_as_default")]
    tls: Tls,
    outlier_detection: Option<IgnoredAny>,
    #[serde(deserialize_with = "null_as_default")]
    load_balancer: LoadBalancer,
    #[serde(deserialize_with = "null_as_default")]
    port_level_settings: Vec<Policy>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Port {
    number: u16,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tls {
    mode: Option<TlsMode>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct LoadBalancer {
    locality_lb_setting: Option<Locality>,
}

#[derive(Deserialize)]
struct Locality {
    #[serde(default)]
    enabled: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSubset {
    name: String,
    #[serde(default, deserialize_with = "null_as_default")]
    labels: Labels,
    #[serde(default, deserialize_with = "null_as_default")]
    traffic_policy: Policy,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct MatchLabels {
    #[serde(deserialize_with = "null_as_default")]
    match_labels: Labels,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PeerSpec {
    selector: Option<MatchLabels>,
    #[serde(deserialize_with = "null_as_default")]
    mtls: Mtls,
    #[serde(deserialize_with = "null_as_default")]
    port_level_mtls: BTreeMap<u16, Mtls>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Mtls {
    mode: Option<RawMode>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawMode {
    Known(MtlsMode),
    /// `UNSET`.
    Unset(IgnoredAny),
}

impl Mtls {
    fn known(self) -> Option<MtlsMode> {
        match self.mode? {
            RawMode::Known(mode) => Some(mode),
            RawMode::Unset(_) => None,
        }
    }
}

impl Policy {
    fn detects_outliers(&self) -> bool {
        self.outlier_detection.is_some()
            || self.port_level_settings.iter().any(Self::detects_outliers)
    }
}

pub(crate) fn destination_rule(raw: Object<RuleSpec>, pool: &mut Pool) -> DestinationRule {
    let Object { metadata, spec, .. } = raw;
    let policy = spec.traffic_policy;
    let of_port = |policy: &Policy| Some((policy.port.number, policy.tls.mode?));
    let of_subsets = spec.subsets.iter().any(|subset| subset.traffic_policy.detects_outliers());
    let locality = policy.load_balancer.locality_lb_setting.as_ref();
    let subset = |raw: RawSubset| Subset {
        name: raw.name,
        labels: pool.labels(raw.labels),
        tls: raw.traffic_policy.tls.mode,
    };
    DestinationRule {
        tls: policy.tls.mode,
        port_tls: policy.port_level_settings.iter().filter_map(of_port).collect(),
        has_outlier_detection: policy.detects_outliers() || of_subsets,
        locality_lb: locality.map(|setting| setting.enabled.unwrap_or(true)),
        subsets: spec.subsets.into_iter().map(subset).collect(),
        host: spec.host,
        export_to: spec.export_to,
        workload_selector: spec.workload_selector.map(|all| pool.labels(all.match_labels)),
        meta: pool.meta(metadata),
    }
}

pub(crate) fn peer_authentication(raw: Object<PeerSpec>, pool: &mut Pool) -> PeerAuthentication {
    let Object { metadata, spec, .. } = raw;
    let selector = spec.selector.filter(|selector| !selector.match_labels.is_empty());
    let ports = spec.port_level_mtls.into_iter();
    PeerAuthentication {
        selector: selector.map(|selector| pool.labels(selector.match_labels)),
        mode: spec.mtls.known(),
        port_modes: ports.filter_map(|(port, mtls)| Some((port, mtls.known()?))).collect(),
        meta: pool.meta(metadata),
    }
}
