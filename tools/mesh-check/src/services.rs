//! Services that several clusters have, and those that only some have.

use crate::bulk::Definition;
use crate::command::{piped, then};
use crate::config_map;
use crate::member::{Member, Mesh, reads};
use crate::table::services as check;
use meshcore::finding::Finding;
use meshstate::{MeshConfig, ServicePort};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The namespace and name of a service.
type Name = (Arc<str>, Arc<str>);
/// Who defines a service, and how.
type Owners<'a> = Vec<(&'a Member, &'a Arc<Definition>)>;

/// Services that are not the same everywhere.
#[must_use]
pub fn findings(mesh: &Mesh) -> Vec<Finding> {
    let shared = of_mesh(mesh);
    let mut found = Vec::new();
    for (name, owners) in &shared {
        found.extend(differs(name, owners));
        found.extend(stateful(name, owners));
    }
    found.extend(unknown_names(mesh, &shared));
    found
}

/// The services of namespaces that are in the mesh in any cluster, but for Istio's own.
fn of_mesh(mesh: &Mesh) -> BTreeMap<Name, Owners<'_>> {
    let meshed: BTreeSet<&str> =
        mesh.members.iter().flat_map(|m| &m.bulk.meshed).map(|namespace| &**namespace).collect();
    let mut shared: HashMap<&Name, Owners<'_>> = HashMap::new();
    for member in &mesh.members {
        for (name, definition) in &member.bulk.services {
            if meshed.contains(&*name.0) && *name.0 != *member.state.istio_namespace {
                shared.entry(name).or_default().push((member, definition));
            }
        }
    }
    shared.into_iter().map(|(name, owners)| (name.clone(), owners)).collect()
}

/// Number, name, protocol and application protocol.
type Port<'a> = (u16, &'a str, &'a str, Option<&'a str>);

/// What must be the same in all clusters: istiod takes it from one of them.
fn contract(definition: &Definition) -> (bool, bool, Vec<Port<'_>>) {
    let ports = definition.ports.iter();
    let ports =
        ports.map(|p| (p.port, &*p.name, &*p.protocol, p.app_protocol.as_deref())).collect();
    (definition.is_headless, definition.is_alias, ports)
}

fn differs((namespace, name): &Name, owners: &Owners<'_>) -> Vec<Finding> {
    let first = owners[0].1;
    if owners.iter().all(|(_, one)| Arc::ptr_eq(one, first) || contract(one) == contract(first)) {
        return Vec::new();
    }
    let count = |one: &Definition| {
        owners.iter().filter(|(_, other)| contract(other) == contract(one)).count()
    };
    // The one that most have; of equals the first in the input.
    let most = owners.iter().rev().max_by_key(|(_, one)| count(one)).map_or(first, |(_, one)| one);
    let model = owners.iter().find(|(_, one)| contract(one) == contract(most));
    let Some((model, wanted)) = model else { return Vec::new() };
    let others = owners.iter().filter(|(_, one)| contract(one) != contract(wanted));
    let object = format!("{namespace}/{name}");
    others
        .map(|(member, definition)| {
            let text = format!(
                "service {object} {}, and in {} it {}",
                described(definition),
                model.name(),
                described(wanted)
            );
            let evidence = json!({
                "ports": ports(definition), "peer": model.name(), "peerPorts": ports(wanted),
            });
            let fix = align(member, (namespace, name), definition, wanted);
            let object = Some(("Service", object.as_str()));
            member.finding(&check::DIFFERS, object, &text, evidence, fix)
        })
        .collect()
}

fn described(definition: &Definition) -> String {
    let kind = match (definition.is_alias, definition.is_headless) {
        (true, _) => "is another name for a host",
        (false, true) => "is headless",
        (false, false) => "has an address",
    };
    let ports = definition.ports.iter().map(|port| {
        let name = if port.name.is_empty() { String::new() } else { format!("{} ", port.name) };
        let app = port.app_protocol.as_ref().map_or_else(String::new, |app| format!(" ({app})"));
        format!("{name}{}/{}{app}", port.port, port.protocol)
    });
    let ports: Vec<String> = ports.collect();
    format!("{kind} and the ports {}", ports.join(", "))
}

fn ports(definition: &Definition) -> Value {
    definition.ports.iter().map(port).collect()
}

/// A port as the API has it.
fn port(port: &ServicePort) -> Value {
    let mut value = json!({"port": port.port, "protocol": &*port.protocol});
    if !port.name.is_empty() {
        value["name"] = json!(&*port.name);
    }
    if let Some(target) = &port.target {
        value["targetPort"] = target.parse::<u16>().map_or_else(|_| json!(&**target), |n| json!(n));
    }
    if let Some(app) = &port.app_protocol {
        value["appProtocol"] = json!(&**app);
    }
    value
}

/// Makes a service what it is elsewhere. An address cannot be given or taken afterwards.
#[must_use]
pub fn align(
    member: &Member,
    (namespace, name): (&str, &str),
    is: &Definition,
    wanted: &Definition,
) -> String {
    if (is.is_headless, is.is_alias) == (wanted.is_headless, wanted.is_alias) {
        let patch = json!({"spec": {"ports": ports(wanted)}}).to_string();
        let words = ["patch", "service", name, "-n", namespace, "--type=merge", "-p", &patch];
        return member.way.kubectl(words);
    }
    let delete = member.way.kubectl(["delete", "service", name, "-n", namespace]);
    then([delete, piped(&manifest((namespace, name), wanted), &member.way.apply())])
}

/// A service of this definition.
#[must_use]
pub fn manifest((namespace, name): (&str, &str), definition: &Definition) -> Value {
    let mut spec = json!({"ports": ports(definition)});
    if definition.is_headless {
        spec["clusterIP"] = json!("None");
    }
    if let Some(selector) = &definition.selector {
        spec["selector"] = json!(**selector);
    }
    let metadata = json!({"name": name, "namespace": namespace});
    json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
}

/// Services of a namespace that is in the mesh here and there, which are defined there only.
fn unknown_names(mesh: &Mesh, shared: &BTreeMap<Name, Owners<'_>>) -> Vec<Finding> {
    let mut found = Vec::new();
    for member in mesh.known().filter(|m| m.state.knows(meshstate::Resource::Services)) {
        if answers_dns(member) {
            continue;
        }
        let mut missing: BTreeMap<&str, Vec<(&str, &Definition, &Member)>> = BTreeMap::new();
        for (key @ (namespace, name), owners) in shared {
            if member.bulk.services.contains_key(key) || !member.bulk.meshed.contains(namespace) {
                continue;
            }
            let is_for_others = |(owner, definition): &&(&Member, &Arc<Definition>)| {
                !definition.is_alias
                    && definition.selector.is_some()
                    && reads(member, owner)
                    && !is_cluster_local(owner.mesh_config(), namespace, name)
            };
            if let Some((owner, definition)) = owners.iter().find(is_for_others) {
                missing.entry(namespace).or_default().push((name, definition, owner));
            }
        }
        for (namespace, services) in missing {
            let (first, _, owner) = services[0];
            let names: Vec<&str> = services.iter().map(|(name, ..)| *name).collect();
            let more = match names.len() {
                1 => String::new(),
                n => format!(" and {} more", n - 1),
            };
            let text = format!(
                "the name of service {namespace}/{first}{more}, which {} has, does not resolve here",
                owner.name()
            );
            let manifests: Vec<Value> =
                services.iter().map(|(name, one, _)| manifest((namespace, name), one)).collect();
            let list = match &manifests[..] {
                [one] => one.clone(),
                _ => json!({"apiVersion": "v1", "kind": "List", "items": manifests}),
            };
            let fix = piped(&list, &member.way.apply());
            let evidence = json!({"namespace": namespace, "services": names, "peer": owner.name()});
            let object = Some(("Namespace", namespace));
            found.push(member.finding(&check::UNKNOWN_NAME, object, &text, evidence, fix));
        }
    }
    found
}

/// Whether proxies answer DNS, also for services of other clusters.
#[must_use]
pub fn answers_dns(member: &Member) -> bool {
    let configs = member.state.mesh_configs.values();
    let setting = |config: &MeshConfig| {
        config.proxy_metadata.get("ISTIO_META_DNS_CAPTURE").is_some_and(|value| value == "true")
    };
    configs.into_iter().any(setting)
}

/// Whether a service stays within its cluster. The last setting that names it decides; of Istio's
/// own accord those of `kube-system` and `istiod` do.
#[must_use]
pub fn is_cluster_local(config: Option<&MeshConfig>, namespace: &str, name: &str) -> bool {
    let host = format!("{name}.{namespace}.svc.cluster.local");
    let Some(config) = config else { return false };
    let names = |pattern: &String| match pattern.strip_prefix('*') {
        Some(suffix) => host.ends_with(suffix),
        None => *pattern == host,
    };
    // The most specific name counts, and of equals the last.
    let matching = config.cluster_local.iter().flat_map(|setting| {
        let hosts = setting.hosts.iter().filter(|host| names(host));
        hosts.map(move |host| (host.trim_start_matches('*').len(), setting.is_local))
    });
    matching.max_by_key(|(length, _)| *length).is_some_and(|(_, is_local)| is_local)
}

/// `StatefulSet`s that the same headless service leads to in several clusters.
fn stateful((namespace, name): &Name, owners: &Owners<'_>) -> Option<Finding> {
    let sharing: Vec<&Member> = owners
        .iter()
        .filter(|(_, definition)| definition.is_stateful && definition.is_headless)
        .map(|(member, _)| *member)
        .filter(|member| !is_cluster_local(member.mesh_config(), namespace, name))
        .collect();
    let joined = |member: &&&Member| sharing.iter().any(|peer| reads(member, peer));
    let joined: Vec<&Member> = sharing.iter().filter(joined).copied().collect();
    let member = *joined.first()?;
    let names: Vec<&str> = sharing.iter().map(|member| member.name()).collect();
    if names.len() < 2 {
        return None;
    }
    let object = format!("{namespace}/{name}");
    let text = format!(
        "the StatefulSets behind headless service {object} in {} are one to clients",
        names.join(", ")
    );
    let host = format!("{name}.{namespace}.svc.cluster.local");
    let fix = then(sharing.iter().flat_map(|member| {
        let configs = member.state.mesh_configs.values();
        configs.map(|config| config_map::add_local(member, config, &host))
    }));
    let evidence = json!({"clusters": names});
    Some(member.finding(&check::STATEFUL, Some(("Service", &object)), &text, evidence, fix))
}
