//! From the API's objects.

use super::{
    Destination, EgressScope, Endpoint, EntryPort, GatewayApiGateway, IstioGateway, Listener,
    ServiceEntry, VirtualService, WorkloadEntry, WorkloadGroup,
};
use crate::object::{NETWORK, Object, Pool};
use meshcore::input::null_as_default;
use meshcore::selector::Labels;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeSet;

/// By which group an entry registered itself (Istio 1.8 and later).
const AUTO_REGISTERED: &str = "istio.io/autoRegistrationGroup";

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct GatewaySpec {
    #[serde(deserialize_with = "null_as_default")]
    selector: Labels,
    #[serde(deserialize_with = "null_as_default")]
    servers: Vec<Server>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Server {
    #[serde(deserialize_with = "null_as_default")]
    port: Port,
    #[serde(deserialize_with = "null_as_default")]
    hosts: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    tls: Tls,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Port {
    number: u16,
    name: String,
    protocol: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tls {
    mode: Option<String>,
}

pub(crate) fn istio_gateway(raw: Object<GatewaySpec>, pool: &mut Pool) -> IstioGateway {
    let Object { metadata, spec, .. } = raw;
    let listener = |Server { port, hosts, tls }| Listener {
        name: port.name,
        port: port.number,
        protocol: port.protocol,
        hosts,
        tls_mode: tls.mode,
    };
    IstioGateway {
        meta: pool.meta(metadata),
        selector: pool.labels(spec.selector),
        servers: spec.servers.into_iter().map(listener).collect(),
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct GatewayApiSpec {
    gateway_class_name: String,
    #[serde(deserialize_with = "null_as_default")]
    listeners: Vec<GatewayApiListener>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GatewayApiListener {
    name: String,
    hostname: Option<String>,
    port: u16,
    protocol: String,
    #[serde(deserialize_with = "null_as_default")]
    tls: Tls,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct GatewayApiStatus {
    #[serde(deserialize_with = "null_as_default")]
    addresses: Vec<Address>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Address {
    value: String,
}

pub(crate) fn gateway(
    raw: Object<GatewayApiSpec, GatewayApiStatus>,
    pool: &mut Pool,
) -> GatewayApiGateway {
    let Object { metadata, spec, status } = raw;
    let listener = |raw: GatewayApiListener| Listener {
        name: raw.name,
        port: raw.port,
        protocol: raw.protocol,
        hosts: raw.hostname.into_iter().collect(),
        tls_mode: raw.tls.mode,
    };
    GatewayApiGateway {
        meta: pool.meta(metadata),
        class: spec.gateway_class_name,
        listeners: spec.listeners.into_iter().map(listener).collect(),
        addresses: status.addresses.into_iter().map(|address| address.value).collect(),
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct VirtualServiceSpec {
    #[serde(deserialize_with = "null_as_default")]
    hosts: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    gateways: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    export_to: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    http: Vec<Route>,
    #[serde(deserialize_with = "null_as_default")]
    tls: Vec<Route>,
    #[serde(deserialize_with = "null_as_default")]
    tcp: Vec<Route>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Route {
    #[serde(deserialize_with = "null_as_default")]
    route: Vec<To>,
    redirect: Option<IgnoredAny>,
    direct_response: Option<IgnoredAny>,
    delegate: Option<IgnoredAny>,
    fault: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct To {
    #[serde(deserialize_with = "null_as_default")]
    destination: RawDestination,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawDestination {
    host: String,
    subset: Option<String>,
    port: Option<IgnoredAny>,
}

impl Route {
    fn is_plain(&self) -> bool {
        let more = [&self.redirect, &self.direct_response, &self.delegate, &self.fault];
        more.iter().all(|one| one.is_none())
            && self.route.iter().all(|to| to.destination.port.is_none())
    }
}

pub(crate) fn virtual_service(raw: Object<VirtualServiceSpec>, pool: &mut Pool) -> VirtualService {
    let Object { metadata, spec, .. } = raw;
    let routes: Vec<Route> = spec.http.into_iter().chain(spec.tls).chain(spec.tcp).collect();
    let is_plain = routes.iter().all(Route::is_plain);
    let to = routes.into_iter().flat_map(|route| route.route).map(|to| to.destination);
    let destinations: BTreeSet<Destination> =
        to.map(|to| Destination { host: to.host, subset: to.subset }).collect();
    VirtualService {
        meta: pool.meta(metadata),
        hosts: spec.hosts,
        gateways: spec.gateways,
        destinations: destinations.into_iter().collect(),
        export_to: spec.export_to,
        is_plain,
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SidecarSpec {
    workload_selector: Option<WorkloadSelector>,
    #[serde(deserialize_with = "null_as_default")]
    egress: Vec<Egress>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Egress {
    port: Option<IgnoredAny>,
    #[serde(deserialize_with = "null_as_default")]
    hosts: Vec<String>,
}

pub(crate) fn egress_scope(raw: Object<SidecarSpec>, pool: &mut Pool) -> EgressScope {
    let Object { metadata, spec, .. } = raw;
    EgressScope {
        meta: pool.meta(metadata),
        workload_selector: spec.workload_selector.map(|selector| pool.labels(selector.labels)),
        has_ports: spec.egress.iter().any(|one| one.port.is_some()),
        hosts: spec.egress.into_iter().flat_map(|one| one.hosts).collect(),
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ServiceEntrySpec {
    #[serde(deserialize_with = "null_as_default")]
    hosts: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    addresses: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    ports: Vec<Port>,
    location: Option<String>,
    resolution: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    endpoints: Vec<RawEndpoint>,
    workload_selector: Option<WorkloadSelector>,
    #[serde(deserialize_with = "null_as_default")]
    export_to: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WorkloadSelector {
    #[serde(deserialize_with = "null_as_default")]
    labels: Labels,
}

/// `WorkloadEntry` without its metadata.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct RawEndpoint {
    address: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    labels: Labels,
    network: Option<String>,
    locality: Option<String>,
    service_account: Option<String>,
}

impl RawEndpoint {
    fn endpoint(self, pool: &mut Pool) -> Endpoint {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let by_label = self.labels.get(NETWORK).cloned();
        Endpoint {
            address: given(self.address),
            network: given(self.network).or(by_label),
            locality: given(self.locality),
            service_account: given(self.service_account),
            labels: pool.labels(self.labels),
        }
    }
}

pub(crate) fn service_entry(raw: Object<ServiceEntrySpec>, pool: &mut Pool) -> ServiceEntry {
    let Object { metadata, spec, .. } = raw;
    let port = |Port { number, name, protocol }| EntryPort { number, name, protocol };
    let endpoints = spec.endpoints.into_iter().map(|raw| raw.endpoint(pool)).collect();
    ServiceEntry {
        hosts: spec.hosts,
        addresses: spec.addresses,
        ports: spec.ports.into_iter().map(port).collect(),
        is_internal: spec.location.as_deref() == Some("MESH_INTERNAL"),
        resolution: spec.resolution.unwrap_or_else(|| "NONE".to_owned()),
        endpoints,
        workload_selector: spec.workload_selector.map(|selector| pool.labels(selector.labels)),
        export_to: spec.export_to,
        meta: pool.meta(metadata),
    }
}

pub(crate) fn workload_entry(raw: Object<RawEndpoint>, pool: &mut Pool) -> WorkloadEntry {
    let Object { metadata, spec, .. } = raw;
    WorkloadEntry {
        endpoint: spec.endpoint(pool),
        auto_registered_by: metadata.annotations.get(AUTO_REGISTERED).cloned(),
        meta: pool.meta(metadata),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct GroupSpec {
    #[serde(deserialize_with = "null_as_default")]
    metadata: GroupMeta,
    #[serde(deserialize_with = "null_as_default")]
    template: RawEndpoint,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GroupMeta {
    #[serde(deserialize_with = "null_as_default")]
    labels: Labels,
}

pub(crate) fn workload_group(raw: Object<GroupSpec>, pool: &mut Pool) -> WorkloadGroup {
    let Object { metadata, spec, .. } = raw;
    WorkloadGroup {
        meta: pool.meta(metadata),
        labels: pool.labels(spec.metadata.labels),
        template: spec.template.endpoint(pool),
    }
}
