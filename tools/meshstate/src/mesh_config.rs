//! What a revision was installed with: its mesh config and its injector's values.

use meshcore::Address;
use meshcore::input::{from_yaml, null_as_default};
use meshcore::selector::LabelSelector;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// The trust domain of a mesh config that names none.
pub const DEFAULT_TRUST_DOMAIN: &str = "cluster.local";

/// The config map `istio` or `istio-REVISION`: keys `mesh` and `meshNetworks`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeshConfig {
    /// `NAMESPACE/NAME` of the config map.
    pub object: String,
    /// The revision in its name; `default` without.
    pub revision: String,
    /// `trustDomain`, unless it is left to [`DEFAULT_TRUST_DOMAIN`].
    pub trust_domain: Option<String>,
    /// `trustDomainAliases`.
    pub trust_domain_aliases: Vec<String>,
    /// `defaultConfig.meshId`.
    pub mesh_id: Option<String>,
    /// `defaultConfig.proxyMetadata`: settings of all proxies.
    pub proxy_metadata: BTreeMap<String, String>,
    /// `localityLbSetting.enabled`; true where it is left out.
    pub is_locality_lb_enabled: bool,
    /// Whether `localityLbSetting` distributes or fails over by rules of its own.
    pub has_locality_rules: bool,
    /// `serviceSettings` that keep hosts within their cluster, or not, in their order.
    pub cluster_local: Vec<ClusterLocal>,
    /// `discoverySelectors`: namespaces that istiod looks at; all when empty.
    pub discovery_selectors: Vec<LabelSelector>,
    /// `outboundTrafficPolicy.mode`.
    pub outbound_mode: Option<String>,
    /// `enableAutoMtls`; true where it is left out.
    pub is_auto_mtls: bool,
    /// `defaultServiceExportTo`: who sees services that say nothing of it; all when empty.
    pub service_export_to: Vec<String>,
    /// Whether `defaultVirtualServiceExportTo` or `defaultDestinationRuleExportTo` is set.
    pub has_rule_exports: bool,
    /// The key `meshNetworks`, by network.
    pub networks: BTreeMap<String, MeshNetwork>,
}

/// One of `serviceSettings`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterLocal {
    /// `settings.clusterLocal`.
    pub is_local: bool,
    /// Host names; those with `*.` are suffixes.
    pub hosts: Vec<String>,
}

/// A network of `meshNetworks`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeshNetwork {
    /// Who is in it.
    pub endpoints: Vec<NetworkEndpoint>,
    /// How to get into it.
    pub gateways: Vec<NetworkGateway>,
}

/// Who is in a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkEndpoint {
    /// All of the cluster with this ID.
    Registry(String),
    /// All with addresses in this range.
    Cidr(String),
}

/// A gateway of `meshNetworks`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkGateway {
    /// An IP address or host name.
    pub address: Option<String>,
    /// A Service, by its full name.
    pub service: Option<String>,
    /// Usually 15443.
    pub port: u16,
}

/// The key `values` of the config map `istio-sidecar-injector` or `istio-sidecar-injector-REVISION`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InjectorValues {
    /// `NAMESPACE/NAME` of the config map.
    pub object: String,
    /// The revision in its name; `default` without.
    pub revision: String,
    /// `global.network`: the network that proxies say they are in, unless their pod has a label.
    pub network: Option<String>,
    /// `global.meshID`.
    pub mesh_id: Option<String>,
    /// `global.multiCluster.clusterName`: the cluster that proxies say they are of.
    pub cluster_name: Option<String>,
    /// `global.trustDomain`, of old versions.
    pub trust_domain: Option<String>,
    /// `global.pilotCertProvider`.
    pub cert_provider: Option<String>,
    /// `global.caAddress`; none for istiod.
    pub ca_address: Option<String>,
    /// `global.remotePilotAddress`: the istiod of another cluster.
    pub remote_pilot: Option<String>,
    /// `sidecarInjectorWebhook.enableNamespacesByDefault`.
    pub injects_by_default: bool,
}

impl MeshConfig {
    /// What counts where none is given.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        self.trust_domain.as_deref().unwrap_or(DEFAULT_TRUST_DOMAIN)
    }
}

/// `istio.mesh.v1alpha1.MeshConfig` in YAML.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawMeshConfig {
    trust_domain: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    trust_domain_aliases: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    default_config: RawProxyConfig,
    #[serde(deserialize_with = "null_as_default")]
    locality_lb_setting: RawLocalityLb,
    #[serde(deserialize_with = "null_as_default")]
    service_settings: Vec<RawServiceSettings>,
    #[serde(deserialize_with = "null_as_default")]
    discovery_selectors: Vec<LabelSelector>,
    #[serde(deserialize_with = "null_as_default")]
    outbound_traffic_policy: RawOutbound,
    enable_auto_mtls: Option<bool>,
    #[serde(deserialize_with = "null_as_default")]
    default_service_export_to: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    default_virtual_service_export_to: Vec<IgnoredAny>,
    #[serde(deserialize_with = "null_as_default")]
    default_destination_rule_export_to: Vec<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawProxyConfig {
    mesh_id: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    proxy_metadata: BTreeMap<String, serde_yaml::Value>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawLocalityLb {
    enabled: Option<bool>,
    #[serde(deserialize_with = "null_as_default")]
    distribute: Vec<IgnoredAny>,
    #[serde(deserialize_with = "null_as_default")]
    failover: Vec<IgnoredAny>,
    #[serde(deserialize_with = "null_as_default")]
    failover_priority: Vec<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawServiceSettings {
    #[serde(deserialize_with = "null_as_default")]
    settings: RawSettings,
    #[serde(deserialize_with = "null_as_default")]
    hosts: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawSettings {
    cluster_local: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawOutbound {
    mode: Option<String>,
}

/// The key `meshNetworks`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawNetworks {
    #[serde(deserialize_with = "null_as_default")]
    networks: BTreeMap<String, RawNetwork>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawNetwork {
    #[serde(deserialize_with = "null_as_default")]
    endpoints: Vec<RawEndpoint>,
    #[serde(deserialize_with = "null_as_default")]
    gateways: Vec<RawGateway>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawEndpoint {
    from_registry: Option<String>,
    from_cidr: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawGateway {
    address: Option<String>,
    registry_service_name: Option<String>,
    port: Option<u16>,
}

/// Reads the key `mesh`; revision, object and networks are the caller's to fill in.
pub(crate) fn mesh_config(text: &str) -> Result<MeshConfig, String> {
    let raw: Option<RawMeshConfig> = from_yaml(text)?;
    let raw = raw.unwrap_or_default();
    let locality = raw.locality_lb_setting;
    let rules = [locality.distribute, locality.failover, locality.failover_priority];
    let settings = raw.service_settings.into_iter().filter_map(|one| {
        Some(ClusterLocal { is_local: one.settings.cluster_local?, hosts: one.hosts })
    });
    let metadata = raw.default_config.proxy_metadata.into_iter();
    Ok(MeshConfig {
        trust_domain: given(raw.trust_domain),
        trust_domain_aliases: raw.trust_domain_aliases,
        mesh_id: given(raw.default_config.mesh_id),
        proxy_metadata: metadata.filter_map(|(key, value)| Some((key, text_of(value)?))).collect(),
        is_locality_lb_enabled: locality.enabled.unwrap_or(true),
        has_locality_rules: rules.iter().any(|rules| !rules.is_empty()),
        cluster_local: settings.collect(),
        discovery_selectors: raw.discovery_selectors,
        outbound_mode: given(raw.outbound_traffic_policy.mode),
        is_auto_mtls: raw.enable_auto_mtls.unwrap_or(true),
        service_export_to: raw.default_service_export_to,
        has_rule_exports: !raw.default_virtual_service_export_to.is_empty()
            || !raw.default_destination_rule_export_to.is_empty(),
        ..MeshConfig::default()
    })
}

/// Reads the key `meshNetworks`.
pub(crate) fn networks(text: &str) -> Result<BTreeMap<String, MeshNetwork>, String> {
    let endpoint = |raw: RawEndpoint| {
        let cidr = given(raw.from_cidr).map(NetworkEndpoint::Cidr);
        given(raw.from_registry).map(NetworkEndpoint::Registry).or(cidr)
    };
    let gateway = |raw: RawGateway| NetworkGateway {
        address: address(raw.address),
        service: given(raw.registry_service_name),
        port: raw.port.unwrap_or_default(),
    };
    let network = |raw: RawNetwork| MeshNetwork {
        endpoints: raw.endpoints.into_iter().filter_map(endpoint).collect(),
        gateways: raw.gateways.into_iter().map(gateway).collect(),
    };
    let raw: Option<RawNetworks> = from_yaml(text)?;
    let networks = raw.unwrap_or_default().networks;
    Ok(networks.into_iter().map(|(name, raw)| (name, network(raw))).collect())
}

/// Helm's values, as the injector keeps them.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawValues {
    #[serde(deserialize_with = "null_as_default")]
    global: RawGlobal,
    #[serde(deserialize_with = "null_as_default")]
    sidecar_injector_webhook: RawWebhook,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawGlobal {
    network: Option<String>,
    #[serde(rename = "meshID")]
    mesh_id: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    multi_cluster: RawMultiCluster,
    trust_domain: Option<String>,
    pilot_cert_provider: Option<String>,
    ca_address: Option<String>,
    remote_pilot_address: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawMultiCluster {
    cluster_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawWebhook {
    enable_namespaces_by_default: Option<bool>,
}

/// Reads the key `values`; revision and object are the caller's to fill in.
pub(crate) fn injector_values(text: &str) -> Result<InjectorValues, String> {
    let raw: Option<RawValues> = from_yaml(text)?;
    let RawValues { global, sidecar_injector_webhook } = raw.unwrap_or_default();
    Ok(InjectorValues {
        network: given(global.network),
        mesh_id: given(global.mesh_id),
        cluster_name: given(global.multi_cluster.cluster_name),
        trust_domain: given(global.trust_domain),
        cert_provider: given(global.pilot_cert_provider),
        ca_address: address(global.ca_address),
        remote_pilot: address(global.remote_pilot_address),
        injects_by_default: sidecar_injector_webhook
            .enable_namespaces_by_default
            .unwrap_or_default(),
        ..InjectorValues::default()
    })
}

/// Helm and Go write "" where nothing is given.
fn address(text: Option<String>) -> Option<String> {
    given(text).map(|text| Address::of(&text).into_string())
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// A scalar as text.
fn text_of(value: serde_yaml::Value) -> Option<String> {
    match value {
        serde_yaml::Value::String(text) => Some(text),
        serde_yaml::Value::Bool(one) => Some(one.to_string()),
        serde_yaml::Value::Number(one) => Some(one.to_string()),
        _ => None,
    }
}
