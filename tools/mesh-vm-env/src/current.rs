//! The files of a machine as istioctl makes them (`istioctl x workload entry configure`,
//! pkg/workload, Istio 1.30), except for the token.

use crate::bundle::{Bundle, CLUSTER_ENV, HOSTS, MESH_YAML, ROOT_CERT};
use crate::environment::{is_variable, lines, takes_over};
use crate::group::Group;
use crate::istiod::Istiod;
use crate::proxy::Proxy;
use meshcore::selector::Labels;
use meshcore::{Error, Message, Result, is_treacherous, yaml};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU16;

/// A machine that is to join.
#[derive(Debug)]
pub struct Machine<'a> {
    /// What it has in common with others.
    pub group: &'a Group,
    /// Its namespace.
    pub namespace: &'a str,
    /// `CLUSTER_ID` of the istiod that it joins.
    pub cluster_id: &'a str,
    /// Where the mesh reaches it, if not at its first address.
    pub address: Option<OwnAddress>,
    /// Whether istiod makes its `WorkloadEntry` when it connects.
    pub auto_register: bool,
    /// Whether the agent answers the machine's questions of DNS.
    pub capture_dns: bool,
}

/// An address of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnAddress {
    /// It has this address itself.
    Internal(IpAddr),
    /// Others reach it there, and it does not know.
    External(IpAddr),
}

impl OwnAddress {
    /// The address.
    #[must_use]
    pub fn ip(self) -> IpAddr {
        match self {
            Self::Internal(ip) | Self::External(ip) => ip,
        }
    }
}

/// A port of a pod, as the agent tells istiod of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PodPort<'a> {
    name: &'a str,
    container_port: NonZeroU16,
    protocol: &'static str,
}

/// Labels that say of which service a workload is, and of which revision; the first one counts.
const NAME_LABELS: [&str; 3] = ["service.istio.io/canonical-name", "app.kubernetes.io/name", "app"];
const REVISION_LABELS: [&str; 3] =
    ["service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"];

/// Ports that stay as they are: ssh, and those of the agent and of Envoy's statistics.
const EXCLUDED_PORTS: [u64; 3] = [22, 15090, 15021];

/// All files but the token. `gateway` is where the machine reaches istiod, `root` the mesh's
/// roots in PEM. The messages are of what was left out.
pub fn files(
    machine: &Machine<'_>,
    mut proxy: Proxy,
    istiod: &Istiod,
    gateway: IpAddr,
    root: &str,
) -> Result<(Bundle, Vec<Message>)> {
    let mut warnings = leave_out(&mut proxy);
    settle(&mut proxy, machine, istiod);
    let mut variables = proxy.metadata.clone();
    variables.extend(variables_of(machine, &proxy, istiod));
    variables.retain(|name, _| {
        let is_variable = is_variable(name);
        if !is_variable {
            let text =
                format!("{CLUSTER_ENV} is without {name:?}: no shell can set such a variable");
            warnings.push(Message::new(text).hint(format!("{MESH_YAML} has it, in proxyMetadata")));
        }
        is_variable
    });
    let mut all = variables.iter().chain(&proxy.metadata);
    if let Some((name, _)) = all.find(|(_, value)| value.contains(is_treacherous)) {
        let text = format!(
            "{name} has a control character (NUL, a line break), or one that changes or hides what \
             is beside it"
        );
        return Err(Error::data(text).hint(
            "no shell can hold NUL; who reads lines takes the rest for other variables; and nobody \
             sees the others",
        ));
    }
    let mut bundle = Bundle::default();
    bundle.add(CLUSTER_ENV, lines(&variables));
    bundle.add(MESH_YAML, yaml::document_text(&proxy.mesh_config()));
    bundle.add(HOSTS, format!("{gateway} {}\n", istiod.host()));
    bundle.add(ROOT_CERT, root.to_owned());
    Ok((bundle, warnings))
}

/// Leaves out of `proxyMetadata` what would run programs on the machine: `cluster.env` is sourced as
/// root.
fn leave_out(proxy: &mut Proxy) -> Vec<Message> {
    let mut warnings = Vec::new();
    let Proxy { metadata, places, .. } = proxy;
    metadata.retain(|name, _| {
        let goes = takes_over(name);
        if goes {
            let text = format!(
                "{CLUSTER_ENV} and {MESH_YAML} are without {name}: it changes which programs the \
                 machine runs as root, or how"
            );
            let place = places.get(name).map_or("", String::as_str);
            let hint = "take it out of proxyMetadata there, and ask who put it in";
            warnings.push(Message::new(text).at(place).hint(hint));
        }
        !goes
    });
    warnings
}

/// Fills in what the agent and istiod have to know of the machine.
fn settle(proxy: &mut Proxy, machine: &Machine<'_>, istiod: &Istiod) {
    let Machine { group, namespace, cluster_id, .. } = *machine;
    if !istiod.is_usual() && proxy.text("discoveryAddress").is_empty() {
        proxy.settings.insert("discoveryAddress".to_owned(), istiod.address().into());
    }
    proxy.settings.remove("readinessProbe");
    if let Some(probe) = &group.probe {
        proxy.settings.insert("readinessProbe".to_owned(), probe.clone());
    }
    let first = |keys: [&str; 3]| keys.iter().find_map(|&key| group.labels.get(key)).cloned();
    let service = first(NAME_LABELS).unwrap_or_else(|| group.name.clone());
    let revision = first(REVISION_LABELS).unwrap_or_else(|| "latest".to_owned());
    let mut labels: Labels = group.labels.clone();
    labels.insert(NAME_LABELS[0].to_owned(), service.clone());
    labels.insert(REVISION_LABELS[0].to_owned(), revision.clone());
    let mesh_id = proxy.text("meshId").to_owned();
    let mut set = |name: &str, value: String| proxy.metadata.insert(name.to_owned(), value);
    set("CANONICAL_SERVICE", service);
    set("CANONICAL_REVISION", revision);
    set("POD_NAMESPACE", namespace.to_owned());
    set("SERVICE_ACCOUNT", group.service_account.clone());
    set("TRUST_DOMAIN", proxy.trust_domain.clone());
    set("ISTIO_META_CLUSTER_ID", cluster_id.to_owned());
    set("ISTIO_META_MESH_ID", mesh_id);
    set("ISTIO_META_NETWORK", group.network.clone());
    set("ISTIO_META_WORKLOAD_NAME", group.name.clone());
    set("ISTIO_METAJSON_LABELS", json(&labels));
    if !group.ports.is_empty() {
        let port = |(name, &container_port)| PodPort { name, container_port, protocol: "" };
        let ports = group.ports.iter().map(|(name, number)| port((name.as_str(), number)));
        set("ISTIO_META_POD_PORTS", json(&ports.collect::<Vec<_>>()));
    }
    if machine.capture_dns {
        set("ISTIO_META_DNS_CAPTURE", "true".to_owned());
    } else if let Some(capture) = proxy.metadata.get_mut("ISTIO_META_DNS_CAPTURE") {
        // What the mesh has for its pods is not what was asked for.
        *capture = "false".to_owned();
    }
    if machine.auto_register {
        proxy.metadata.insert("ISTIO_META_AUTO_REGISTER_GROUP".to_owned(), group.name.clone());
    }
}

/// Variables that win over `proxyMetadata`.
fn variables_of(machine: &Machine<'_>, proxy: &Proxy, istiod: &Istiod) -> BTreeMap<String, String> {
    let Machine { group, namespace, .. } = *machine;
    let mut excluded = EXCLUDED_PORTS.to_vec();
    let status_port = proxy.status_port();
    if !excluded.contains(&status_port) {
        excluded.push(status_port);
    }
    let ports: BTreeSet<NonZeroU16> = group.ports.values().copied().collect();
    let inbound = if ports.is_empty() { "*".to_owned() } else { comma_list(ports) };
    let mut variables = BTreeMap::new();
    let mut set = |name: &str, value: String| variables.insert(name.to_owned(), value);
    set("ISTIO_INBOUND_PORTS", inbound);
    set("ISTIO_NAMESPACE", namespace.to_owned());
    set("ISTIO_SERVICE", format!("{}.{namespace}", group.name));
    set("ISTIO_SERVICE_CIDR", "*".to_owned());
    set("ISTIO_LOCAL_EXCLUDE_PORTS", comma_list(excluded));
    set("SERVICE_ACCOUNT", group.service_account.clone());
    if !istiod.is_usual() {
        set("CA_ADDR", istiod.address());
    }
    if let Some(address) = machine.address {
        set("ISTIO_SVC_IP", address.ip().to_string());
    }
    if let Some(OwnAddress::External(_)) = machine.address {
        set("REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION", "true".to_owned());
    }
    variables
}

/// `22,15090`.
pub fn comma_list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("keys are text")
}

#[cfg(test)]
mod tests;
