//! Captures, kubectl dumps and records of many clusters as one mesh.
//!
//! [`Input`] reads them into a [`Mesh`]: small typed facts, no raw JSON and no credential. A
//! cluster is not known as a whole, and nothing may be concluded from what is not there before
//! [`ClusterState::knows`] was asked.

mod builder;
mod cluster;
mod config_map;
mod control_plane;
mod header;
mod input;
mod istio_config;
mod mesh;
mod mesh_config;
mod namespace;
mod node;
mod object;
mod reader;
mod records;
mod remote_secret;
mod resource;
mod roots;
mod secret;
mod service;
mod traffic_policy;
mod webhook;
mod workload;

pub use cluster::ClusterState;
pub use control_plane::{ControlPlane, DEFAULT_CLUSTER_ID, ManagedControlPlane};
pub use header::{Header, HeaderMeta, NotRead};
pub use input::{Input, NamedFile};
pub use istio_config::{
    Destination, EgressScope, Endpoint, EntryPort, GatewayApiGateway, IstioGateway, Listener,
    ServiceEntry, VirtualService, WorkloadEntry, WorkloadGroup,
};
pub use mesh::Mesh;
pub use mesh_config::{
    ClusterLocal, DEFAULT_TRUST_DOMAIN, InjectorValues, MeshConfig, MeshNetwork, NetworkEndpoint,
    NetworkGateway,
};
pub use namespace::{Namespace, ServiceAccount};
pub use node::Node;
pub use object::{Meta, NETWORK, Selector};
pub use remote_secret::{Credential, RemoteCluster, RemoteSecret, TokenSecret};
pub use resource::Resource;
pub use roots::{CaSecret, Roots};
pub use service::{Ingress, Service, ServicePort, ServiceType};
pub use traffic_policy::{
    AuthorizationPolicy, DestinationRule, Distribution, LocalityLb, MtlsMode, PeerAuthentication,
    Subset, TlsMode,
};
pub use webhook::{InjectorWebhook, Injectors};
pub use workload::{Container, Owner, Pod, Sidecar, Workload};
