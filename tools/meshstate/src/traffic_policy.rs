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
    /// `trafficPolicy.loadBalancer.localityLbSetting`.
    pub locality_lb: Option<LocalityLb>,
    /// `subsets[]`.
    pub subsets: Vec<Subset>,
    /// `exportTo`.
    pub export_to: Vec<String>,
    /// `workloadSelector.matchLabels`: the only clients that it is for.
    pub workload_selector: Option<Selector>,
}

/// How a rule balances over localities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalityLb {
    /// `enabled`; true where it is left out.
    pub is_enabled: bool,
    /// `distribute`.
    pub distribute: Vec<Distribution>,
    /// Whether there is `failover` or `failoverPriority`.
    pub has_failover: bool,
}

/// Where requests of a locality go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// REGION/ZONE/SUBZONE of the caller; `*` for any.
    pub from: String,
    /// Localities that get any.
    pub to: Vec<String>,
}

/// An `AuthorizationPolicy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationPolicy {
    /// Its name.
    pub meta: Meta,
    /// `spec.selector.matchLabels`; none for the whole namespace, or the mesh in the root one.
    pub selector: Option<Selector>,
    /// `spec.action`: `ALLOW` where it is left out.
    pub action: String,
    /// Whether it has any of `spec.rules`.
    pub has_rules: bool,
    /// Whether it is for a waypoint or gateway (`spec.targetRefs`), and so for no sidecar.
    pub has_targets: bool,
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

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Locality {
    enabled: Option<bool>,
    #[serde(deserialize_with = "null_as_default")]
    distribute: Vec<RawDistribution>,
    #[serde(deserialize_with = "null_as_default")]
    failover: Vec<IgnoredAny>,
    #[serde(deserialize_with = "null_as_default")]
    failover_priority: Vec<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawDistribution {
    from: String,
    #[serde(deserialize_with = "null_as_default")]
    to: BTreeMap<String, u32>,
}

impl Locality {
    fn read(self) -> LocalityLb {
        let distribution = |RawDistribution { from, to }| {
            let to = to.into_iter().filter(|(_, weight)| *weight > 0).map(|(place, _)| place);
            Distribution { from, to: to.collect() }
        };
        LocalityLb {
            is_enabled: self.enabled.unwrap_or(true),
            has_failover: !self.failover.is_empty() || !self.failover_priority.is_empty(),
            distribute: self.distribute.into_iter().map(distribution).collect(),
        }
    }
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
    let subset = |raw: RawSubset| Subset {
        name: raw.name,
        labels: pool.labels(raw.labels),
        tls: raw.traffic_policy.tls.mode,
    };
    DestinationRule {
        tls: policy.tls.mode,
        port_tls: policy.port_level_settings.iter().filter_map(of_port).collect(),
        has_outlier_detection: policy.detects_outliers() || of_subsets,
        locality_lb: policy.load_balancer.locality_lb_setting.map(Locality::read),
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

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct AuthorizationSpec {
    selector: Option<MatchLabels>,
    action: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    rules: Vec<IgnoredAny>,
    target_ref: Option<IgnoredAny>,
    #[serde(deserialize_with = "null_as_default")]
    target_refs: Vec<IgnoredAny>,
}

pub(crate) fn authorization_policy(
    raw: Object<AuthorizationSpec>,
    pool: &mut Pool,
) -> AuthorizationPolicy {
    let Object { metadata, spec, .. } = raw;
    let selector = spec.selector.filter(|selector| !selector.match_labels.is_empty());
    AuthorizationPolicy {
        meta: pool.meta(metadata),
        selector: selector.map(|selector| pool.labels(selector.match_labels)),
        action: spec.action.unwrap_or_else(|| "ALLOW".to_owned()),
        has_rules: !spec.rules.is_empty(),
        has_targets: spec.target_ref.is_some() || !spec.target_refs.is_empty(),
    }
}
