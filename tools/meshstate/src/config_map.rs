//! Config maps: Istio's configuration and root certificate, and kubeadm's.

use crate::object::{DEFAULT_REVISION, Pool, RawMeta};
use crate::{CaSecret, ClusterState, InjectorValues, MeshConfig, mesh_config};
use meshcore::cluster::{self, Range, RangeKind};
use meshcore::input::{Document, from_yaml, null_as_default, verbatim};
use meshcore::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What config maps and ranges' objects tell, before it is known where Istio is.
#[derive(Default)]
pub(crate) struct Facts {
    mesh_configs: Vec<(String, MeshConfig)>,
    injector_values: Vec<(String, InjectorValues)>,
    /// Root certificates by namespace: istiod puts one into each.
    roots: BTreeMap<String, Arc<str>>,
    authorities: Vec<CaSecret>,
    ranges: Vec<Range>,
}

/// `v1 ConfigMap`.
#[derive(Deserialize)]
pub(crate) struct ConfigMap {
    metadata: RawMeta,
    #[serde(default, deserialize_with = "null_as_default")]
    data: Data,
}

/// The keys that matter.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Data {
    #[serde(deserialize_with = "verbatim")]
    mesh: Option<String>,
    #[serde(deserialize_with = "verbatim")]
    mesh_networks: Option<String>,
    #[serde(deserialize_with = "verbatim")]
    values: Option<String>,
    #[serde(rename = "root-cert.pem")]
    root: Option<String>,
    #[serde(rename = "ClusterConfiguration", deserialize_with = "verbatim")]
    kubeadm: Option<String>,
}

/// `networking.k8s.io ServiceCIDR`.
#[derive(Deserialize)]
pub(crate) struct ServiceCidr {
    spec: ServiceCidrSpec,
}

#[derive(Deserialize)]
struct ServiceCidrSpec {
    #[serde(default, deserialize_with = "null_as_default")]
    cidrs: Vec<String>,
}

#[derive(Deserialize)]
struct Kubeadm {
    #[serde(default)]
    networking: Networking,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Networking {
    pod_subnet: Option<String>,
    service_subnet: Option<String>,
}

impl Facts {
    pub fn add(&mut self, map: ConfigMap, document: &Document<'_>, pool: &mut Pool) -> Result<()> {
        let ConfigMap { metadata, data } = map;
        let wrong = |key: &str, error: String| {
            Error::data(format!("is not what Istio reads: {error}"))
                .at(document.field(&format!("data.{key}")))
        };
        let namespace = metadata.namespace().to_owned();
        let object = format!("{namespace}/{}", metadata.name);
        if let Some(root) = data.root.filter(|_| metadata.name == "istio-ca-root-cert") {
            self.roots.insert(namespace, pool.text(&root));
        } else if let Some(revision) = revision(&metadata.name, "istio-sidecar-injector")
            && let Some(text) = &data.values
        {
            let values = mesh_config::injector_values(text).map_err(|e| wrong("values", e))?;
            self.injector_values.push((namespace, InjectorValues { object, revision, ..values }));
        } else if let Some(revision) = revision(&metadata.name, "istio")
            && let Some(text) = &data.mesh
        {
            let config = mesh_config::mesh_config(text).map_err(|e| wrong("mesh", e))?;
            let networks = data.mesh_networks.as_deref().map(mesh_config::networks).transpose();
            let networks = networks.map_err(|e| wrong("meshNetworks", e))?.unwrap_or_default();
            let config = MeshConfig { object, revision, networks, ..config };
            self.mesh_configs.push((namespace, config));
        } else if let Some(text) = data.kubeadm.filter(|_| object == "kube-system/kubeadm-config") {
            let kubeadm: Kubeadm = from_yaml(&text).map_err(|error| {
                Error::data(format!("is not kubeadm's: {error}"))
                    .at(document.field("data.ClusterConfiguration"))
            })?;
            let Networking { pod_subnet, service_subnet } = kubeadm.networking;
            self.add_ranges(split(pod_subnet), RangeKind::Pod, "networking.podSubnet");
            self.add_ranges(split(service_subnet), RangeKind::Service, "networking.serviceSubnet");
        }
        Ok(())
    }

    pub fn add_ca(&mut self, authority: CaSecret) {
        self.authorities.push(authority);
    }

    pub fn add_service_cidr(&mut self, service: ServiceCidr) {
        self.add_ranges(service.spec.cidrs, RangeKind::Service, "ServiceCIDR.spec.cidrs");
    }

    fn add_ranges(
        &mut self,
        cidrs: impl IntoIterator<Item = String>,
        kind: RangeKind,
        source: &str,
    ) {
        let cidrs = cidrs.into_iter().filter(|cidr| !cidr.is_empty());
        self.ranges.extend(cidrs.map(|cidr| Range { cidr, kind, source: source.to_owned() }));
    }

    /// Puts what is of Istio's namespace, and the ranges, into the cluster.
    pub fn put_into(mut self, state: &mut ClusterState) {
        // A node's range is a part of kubeadm's: only without that do they count.
        if self.ranges.iter().all(|range| range.kind != RangeKind::Pod) {
            let cidrs = state.nodes.iter().flat_map(|node| node.pod_cidrs.clone());
            let cidrs: Vec<String> = cidrs.collect();
            self.add_ranges(cidrs, RangeKind::Pod, "Node.spec.podCIDRs");
        }
        let is_istios = |namespace: &String| *namespace == state.istio_namespace;
        for (_, config) in self.mesh_configs.into_iter().filter(|(of, _)| is_istios(of)) {
            state.mesh_configs.insert(config.revision.clone(), config);
        }
        for (_, values) in self.injector_values.into_iter().filter(|(of, _)| is_istios(of)) {
            state.injector_values.insert(values.revision.clone(), values);
        }
        state.roots.distributed = self.roots.get(&state.istio_namespace).cloned();
        for authority in self.authorities.into_iter().filter(|one| is_istios(&one.namespace)) {
            let place = match authority.name.as_str() {
                "cacerts" => &mut state.roots.plugged_in,
                _ => &mut state.roots.self_signed,
            };
            *place = Some(authority);
        }
        state.ranges = self.ranges;
        cluster::keep_first(&mut state.ranges);
    }
}

/// The revision in the name of a config map: `istio` is that of `default`, `istio-a` of `a`.
fn revision(name: &str, stem: &str) -> Option<String> {
    match name.strip_prefix(stem)? {
        "" => Some(DEFAULT_REVISION.to_owned()),
        rest => rest.strip_prefix('-').filter(|rest| !rest.is_empty()).map(str::to_owned),
    }
}

fn split(list: Option<String>) -> Vec<String> {
    list.iter().flat_map(|list| list.split(',')).map(|one| one.trim().to_owned()).collect()
}
