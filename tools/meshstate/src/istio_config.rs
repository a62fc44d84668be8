//! Istio's objects that say what is where, and the Gateway API's gateways.

use crate::object::{NETWORK, Pool};
use crate::{Meta, Selector};
use meshcore::Result;
use meshcore::input::Document;
use meshcore::selector::Labels;
use meshcore::{is_istiod, service_of};
use std::collections::BTreeSet;
use std::sync::Arc;

mod read;

/// The label that says whether a workload takes mutual TLS.
const TLS_MODE: &str = "security.istio.io/tlsMode";

pub(crate) use read::{
    egress_scope, gateway, istio_gateway, service_entry, virtual_service, workload_entry,
    workload_group,
};

/// Port of an istiod for its clients; gateways have it, too, where machines come in.
const ISTIOD: u16 = 15012;

/// Istio's `Gateway`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IstioGateway {
    /// Its name.
    pub meta: Meta,
    /// The pods that it configures.
    pub selector: Selector,
    /// `servers[]`.
    pub servers: Vec<Listener>,
}

/// A port that a gateway listens at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listener {
    /// `port.name`; in the Gateway API, the listener's.
    pub name: String,
    /// Its number.
    pub port: u16,
    /// `TLS`, `HTTP`, `HBONE`, …
    pub protocol: String,
    /// Host names that it is for: `*.local` between networks.
    pub hosts: Vec<String>,
    /// `AUTO_PASSTHROUGH`, `ISTIO_MUTUAL`, …; in the Gateway API `Terminate`, `Passthrough`.
    pub tls_mode: Option<String>,
}

/// A Gateway of the Gateway API, as ambient uses it between networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayApiGateway {
    /// Its name and labels.
    pub meta: Meta,
    /// `spec.gatewayClassName`: `istio-east-west`, `istio-remote`, `istio-waypoint`.
    pub class: String,
    /// `spec.listeners[]`.
    pub listeners: Vec<Listener>,
    /// `status.addresses[].value`.
    pub addresses: Vec<String>,
}

/// A `VirtualService`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualService {
    /// Its name.
    pub meta: Meta,
    /// `spec.hosts`.
    pub hosts: Vec<String>,
    /// `spec.gateways`; empty for the mesh's sidecars.
    pub gateways: Vec<String>,
    /// Where any route leads, sorted and without repetition.
    pub destinations: Vec<Destination>,
    /// `spec.exportTo`.
    pub export_to: Vec<String>,
    /// Whether it only routes: nothing is redirected, answered, delayed or delegated, and no
    /// destination has a port.
    pub is_plain: bool,
}

/// What a `Sidecar` lets clients see of the mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressScope {
    /// The name of the `Sidecar`.
    pub meta: Meta,
    /// `workloadSelector.labels`: the only clients that it is for.
    pub workload_selector: Option<Selector>,
    /// `egress[].hosts`, as written: NAMESPACE/HOST; all is seen where there is none.
    pub hosts: Vec<String>,
    /// Whether any of `egress` is for one port alone.
    pub has_ports: bool,
}

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Destination {
    /// `host`, as written: short names are meant within the rule's namespace.
    pub host: String,
    /// `subset`, of the host's `DestinationRule`.
    pub subset: Option<String>,
}

/// A `ServiceEntry`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEntry {
    /// Its name.
    pub meta: Meta,
    /// `spec.hosts`.
    pub hosts: Vec<String>,
    /// `spec.addresses`.
    pub addresses: Vec<String>,
    /// `spec.ports[]`.
    pub ports: Vec<EntryPort>,
    /// `spec.location`: `MESH_INTERNAL` or, when left out, `MESH_EXTERNAL`.
    pub is_internal: bool,
    /// `spec.resolution`: `NONE`, `STATIC`, `DNS`, `DNS_ROUND_ROBIN`.
    pub resolution: String,
    /// `spec.endpoints[]`.
    pub endpoints: Vec<Endpoint>,
    /// `spec.workloadSelector.labels`.
    pub workload_selector: Option<Selector>,
    /// `spec.exportTo`.
    pub export_to: Vec<String>,
}

/// A port of a `ServiceEntry`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryPort {
    /// Its number.
    pub number: u16,
    /// Its name.
    pub name: String,
    /// `HTTP`, `TCP`, …
    pub protocol: String,
}

/// A machine or address outside of Kubernetes: in a `ServiceEntry`, or a `WorkloadEntry`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// An IP address or host name; none where a network's gateway stands for it.
    pub address: Option<String>,
    /// Its labels.
    pub labels: Arc<Labels>,
    /// `network`, or the label.
    pub network: Option<String>,
    /// `locality`: REGION/ZONE/SUBZONE.
    pub locality: Option<String>,
    /// `serviceAccount`.
    pub service_account: Option<String>,
}

/// A `WorkloadEntry`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadEntry {
    /// Its name, labels and annotations.
    pub meta: Meta,
    /// Where it is.
    pub endpoint: Endpoint,
    /// The `WorkloadGroup` by which it registered itself.
    pub auto_registered_by: Option<String>,
}

/// A `WorkloadGroup`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadGroup {
    /// Its name.
    pub meta: Meta,
    /// Labels of its entries.
    pub labels: Arc<Labels>,
    /// `template`: what its entries have.
    pub template: Endpoint,
}

impl WorkloadEntry {
    /// The entry of a document.
    pub fn read(document: &Document<'_>) -> Result<Self> {
        Ok(read::workload_entry(document.decode()?, &mut Pool::default()))
    }

    /// Whether it has a proxy of the mesh, as istiod sees it (`getTLSModeFromWorkloadEntry`, Istio
    /// 1.31).
    #[must_use]
    pub fn has_proxy(&self) -> bool {
        let mode = self.endpoint.labels.get(TLS_MODE).map(String::as_str);
        mode.or(self.meta.label(TLS_MODE))
            .map_or(self.endpoint.service_account.is_some(), |mode| mode == "istio")
    }
}

impl Listener {
    /// Whether it is there for clients of istiod: machines, and clusters without a control plane.
    #[must_use]
    pub fn is_for_istiod(&self) -> bool {
        self.port == ISTIOD
    }
}

impl VirtualService {
    /// The namespace and name of each istiod's Service that it leads to from a gateway.
    #[must_use]
    pub fn istiods(&self) -> BTreeSet<(String, String)> {
        // Sidecars, the mesh, find istiod without.
        if !self.gateways.iter().any(|gateway| gateway != "mesh") {
            return BTreeSet::new();
        }
        let hosts = self.destinations.iter().map(|to| &to.host);
        let services = hosts.filter_map(|host| service_of(host, &self.meta.namespace));
        services.filter(|(_, name)| is_istiod(name)).collect()
    }
}

impl GatewayApiGateway {
    /// The network that it leads into: its label `topology.istio.io/network`.
    #[must_use]
    pub fn network(&self) -> Option<&str> {
        self.meta.label(NETWORK)
    }
}
