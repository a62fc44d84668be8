//! The ways from one network into another.

use crate::bulk::{Address, Gateway, NODE_SELECTOR};
use crate::command::then;
use crate::injection;
use crate::member::{Member, Mesh};
use crate::networks::is_divided;
use crate::table::{Check, gateways as check};
use jiff::Timestamp;
use meshcore::finding::Finding;
use meshcore::selector::selects;
use meshcore::shell::command_line;
use meshstate::{ControlPlane, Resource, ServiceType};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Networks that others cannot enter, and why.
#[must_use]
pub fn findings(mesh: &Mesh, at: Timestamp) -> Vec<Finding> {
    let mut found: Vec<Finding> = mesh.known().flat_map(mislabelled).collect();
    if !is_divided(mesh) {
        return found;
    }
    found.extend(networks_without(mesh));
    for member in mesh.known() {
        for gateway in &member.bulk.gateways {
            found.extend(of_gateway(mesh, member, gateway, at));
        }
        found.extend(ambient(member));
    }
    found
}

fn finding(
    member: &Member,
    check: &Check,
    gateway: &Gateway,
    text: &str,
    evidence: Value,
    fix: String,
) -> Finding {
    let object = gateway.object();
    let text = format!("gateway {object} {text}");
    member.finding(check, Some(("Service", &object)), &text, evidence, fix)
}

fn mislabelled(member: &Member) -> Vec<Finding> {
    let Some(network) = member.network() else { return Vec::new() };
    let others = member.bulk.gateways.iter().filter(|gateway| gateway.network != network);
    others
        .map(|gateway| {
            let text = format!(
                "is labelled as one of network {}, and its cluster is in {network}",
                gateway.network
            );
            let label = format!("topology.istio.io/network={network}");
            let words = [
                "label",
                "service",
                &gateway.name,
                "-n",
                &gateway.namespace,
                &label,
                "--overwrite",
            ];
            let evidence = json!({"label": gateway.network, "network": network});
            let fix = member.way.change(words);
            finding(member, &check::OTHER_NETWORK, gateway, &text, evidence, fix)
        })
        .collect()
}

/// Networks that others read endpoints of, and that have no gateway at all.
fn networks_without(mesh: &Mesh) -> Vec<Finding> {
    let mut networks: BTreeMap<&str, Vec<&Member>> = BTreeMap::new();
    for member in mesh.known() {
        if let Some(network) = member.network() {
            networks.entry(network).or_default().push(member);
        }
    }
    let by_hand: BTreeSet<&str> = mesh
        .members
        .iter()
        .flat_map(|member| member.state.mesh_configs.values())
        .flat_map(|config| &config.networks)
        .filter(|(_, network)| !network.gateways.is_empty())
        .map(|(name, _)| name.as_str())
        .collect();
    let mut found = Vec::new();
    for (network, members) in networks {
        let has_any = by_hand.contains(network)
            // One with a wrong label is told by itself.
            || members.iter().any(|member| !member.bulk.gateways.is_empty())
            || mesh.members.iter().flat_map(|m| &m.state.gateways).any(|gateway| {
                gateway.network() == Some(network) && gateway.class.starts_with("istio-")
            });
        let is_told = members.iter().all(|member| member.state.knows(Resource::Services));
        if has_any || !is_told {
            continue;
        }
        let member = members[0];
        let names: Vec<&str> = members.iter().map(|member| member.name()).collect();
        let text = format!("its network {network} has no gateway: no other network gets in");
        let evidence = json!({"network": network, "clusters": names});
        let unlabelled = members
            .iter()
            .find_map(|member| Some((*member, member.bulk.unlabelled_gateway.as_ref()?)));
        let fix = match unlabelled {
            Some((member, (namespace, name))) => {
                let label = format!("topology.istio.io/network={network}");
                member.way.change(["label", "service", name, "-n", namespace, &label])
            }
            None => then([make(member, network), expose(member, None)]),
        };
        let object = Some(("Network", network));
        found.push(member.finding(&check::NONE, object, &text, evidence, fix));
    }
    found
}

/// Makes a gateway of the cluster's control plane.
fn make(member: &Member, network: &str) -> String {
    let mut words = vec!["mesh-gateway-gen".to_owned(), "--network".to_owned(), network.to_owned()];
    words.extend(["-o", "manifests"].map(str::to_owned));
    words.extend(istio_version(member));
    let mut planes = member.state.control_planes.iter();
    if let Some(plane) = planes.next().filter(|plane| plane.revision != "default") {
        words.extend(["--revision".to_owned(), plane.revision.clone()]);
    }
    if member.istio_namespace() != "istio-system" {
        words.extend(["-n".to_owned(), member.istio_namespace().to_owned()]);
    }
    format!("{} | {}", command_line(words), member.way.apply())
}

fn istio_version(member: &Member) -> Vec<String> {
    let version = member.state.control_planes.iter().find_map(|plane| plane.version);
    version.map(|version| format!("--istio-version={version}")).into_iter().collect()
}

/// Lets services through a gateway, or the usual one.
#[must_use]
pub fn expose(member: &Member, gateway: Option<&Gateway>) -> String {
    let mut words = vec!["services".to_owned()];
    words.extend(istio_version(member));
    let namespace = gateway.map_or(member.istio_namespace(), |gateway| &gateway.namespace);
    exposing(member, words, namespace, gateway)
}

/// Lets machines in to a control plane; where it stands in for the one without a revision, also
/// those that know no other.
pub fn expose_istiod(member: &Member, plane: &ControlPlane, stands_in: bool) -> String {
    let mut words = vec!["istiod".to_owned()];
    if plane.revision != "default" {
        words.extend(["--revision".to_owned(), plane.revision.clone()]);
        words.extend(stands_in.then(|| "--as-default".to_owned()));
    }
    words.extend(plane.version.map(|version| format!("--istio-version={version}")));
    exposing(member, words, &plane.meta.namespace, member.bulk.gateways.first())
}

fn exposing(
    member: &Member,
    words: Vec<String>,
    namespace: &str,
    gateway: Option<&Gateway>,
) -> String {
    let mut line = vec!["mesh-expose".to_owned()];
    line.extend(words);
    if namespace != "istio-system" {
        line.extend(["-n".to_owned(), namespace.to_owned()]);
    }
    if let Some(gateway) = gateway {
        let label = gateway.selector.get_key_value("istio").or(gateway.selector.iter().next());
        let other = label
            .filter(|(key, value)| (key.as_str(), value.as_str()) != ("istio", "eastwestgateway"));
        line.extend(other.map(|(key, value)| format!("--gateway-selector={key}={value}")));
    }
    format!("{} | {}", command_line(line), member.way.apply())
}

fn of_gateway(mesh: &Mesh, member: &Member, gateway: &Gateway, at: Timestamp) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(no_port(member, gateway));
    found.extend(no_address(member, gateway));
    found.extend(hostname(mesh, member, gateway));
    found.extend(http_balancer(member, gateway));
    // Pods that were never injected are never ready, either.
    let not_injected = not_injected(member, gateway);
    let is_injected = not_injected.is_none();
    found.extend(not_injected);
    found.extend(pods(member, gateway, at).filter(|_| is_injected));
    found.extend(not_exposed(mesh, member, gateway));
    found
}

fn no_port(member: &Member, gateway: &Gateway) -> Option<Finding> {
    if gateway.port.is_some() {
        return None;
    }
    let text = "has no port 15443, so istiod passes it over";
    let port = json!({"name": "tls", "port": 15443, "targetPort": 15443, "protocol": "TCP"});
    let patch = json!([{"op": "add", "path": "/spec/ports/-", "value": port}]).to_string();
    let (name, namespace) = (&*gateway.name, &*gateway.namespace);
    let words = ["patch", "service", name, "-n", namespace, "--type=json", "-p", &patch];
    let fix = member.way.change(words);
    Some(finding(member, &check::NO_PORT, gateway, text, json!({}), fix))
}

fn no_address(member: &Member, gateway: &Gateway) -> Option<Finding> {
    let reason = gateway.no_address.as_ref()?;
    let (name, namespace) = (&*gateway.name, &*gateway.namespace);
    let patch = |patch: Value| {
        let patch = patch.to_string();
        member.way.change(["patch", "service", name, "-n", namespace, "--type=merge", "-p", &patch])
    };
    let wait = member.way.run("mesh-lbaddr", [name, "-n", namespace, "--wait"]);
    // Where nothing gives out addresses, nodes that have some can stand in.
    let on_nodes = gateway.has_node_addresses && !member.bulk.has_load_balancers;
    let fix = match gateway.service_type {
        ServiceType::LoadBalancer if !on_nodes => wait,
        ServiceType::ClusterIp if !on_nodes => {
            then([patch(json!({"spec": {"type": "LoadBalancer"}})), wait])
        }
        ServiceType::NodePort if !gateway.has_node_addresses => {
            then([patch(json!({"spec": {"type": "LoadBalancer"}})), wait])
        }
        _ => patch(json!({
            "metadata": {"annotations": {NODE_SELECTOR: "{}"}}, "spec": {"type": "NodePort"},
        })),
    };
    let evidence = json!({"network": gateway.network, "reason": reason});
    Some(finding(member, &check::NO_ADDRESS, gateway, reason, evidence, fix))
}

/// Names of load balancers, and istiods of other networks that make nothing of them.
fn hostname(mesh: &Mesh, member: &Member, gateway: &Gateway) -> Option<Finding> {
    const VARIABLE: &str = "RESOLVE_HOSTNAME_GATEWAYS";
    let host = gateway.addresses.iter().find_map(|address| match address {
        Address::Name(name) => Some(name),
        Address::Ip(_) => None,
    })?;
    let readers = mesh.peers(member).filter(|peer| peer.network() != member.network());
    let mut blind = Vec::new();
    for reader in readers {
        for plane in &reader.state.control_planes {
            let is_off =
                plane.env.get(VARIABLE).is_some_and(|value| value == "false" || value == "0");
            if is_off || plane.version.is_some_and(|version| version.minor() < 13) {
                blind.push((reader, plane, is_off));
            }
        }
    }
    blind.first()?;
    let names: Vec<&str> = blind.iter().map(|(reader, ..)| reader.name()).collect();
    let text = format!(
        "is at {host}, and the istiod of {} does not resolve names of gateways",
        names.join(", ")
    );
    let fix = then(blind.iter().map(|(reader, plane, is_off)| {
        let deployment = format!("deployment/{}", plane.meta.name);
        let unset = format!("{VARIABLE}-");
        let words = ["set", "env", &deployment, "-n", &plane.meta.namespace, &unset];
        if *is_off {
            reader.way.kubectl(words)
        } else {
            reader.way.run("istioctl", ["upgrade", "-y"])
        }
    }));
    let evidence = json!({"hostname": host, "readers": names});
    Some(finding(member, &check::HOSTNAME, gateway, &text, evidence, fix))
}

fn http_balancer(member: &Member, gateway: &Gateway) -> Option<Finding> {
    let sign = gateway.http_balancer.as_ref()?;
    let text = format!("has a load balancer that ends TLS or speaks HTTP ({sign})");
    let (name, namespace) = (&*gateway.name, &*gateway.namespace);
    let fix = if let Some(key) = sign.strip_prefix("annotation ") {
        member.way.change(["annotate", "service", name, "-n", namespace, &format!("{key}-")])
    } else {
        let get = member.way.kubectl(["get", "service", name, "-n", namespace, "-o", "yaml"]);
        let edit = command_line(["sed", "/^ *appProtocol:/d"]);
        format!("{get} | {edit} | {}", member.way.change(["replace", "-f", "-"]))
    };
    Some(finding(member, &check::HTTP_BALANCER, gateway, &text, json!({"sign": sign}), fix))
}

fn pods(member: &Member, gateway: &Gateway, at: Timestamp) -> Option<Finding> {
    let pods = gateway.pods.as_ref().filter(|pods| pods.ready == 0)?;
    let workload = gateway.workload.as_ref().filter(|workload| workload.replicas > 0);
    let made = pods.newest.or_else(|| workload?.created.filter(|_| pods.count == 0));
    if let Some(age) = made.and_then(|made| member.young(made, at)) {
        return Some(starts(member, gateway, age));
    }
    let text = match pods.count {
        0 => "has no pods".to_owned(),
        n => format!("has {n} pods, of which none is ready"),
    };
    let namespace = &*gateway.namespace;
    let fix = match &gateway.workload {
        Some(workload) if workload.replicas == 0 => {
            member.way.change(["scale", &workload.name, "-n", namespace, "--replicas=1"])
        }
        Some(workload) => then([
            member.way.kubectl(["rollout", "restart", &workload.name, "-n", namespace]),
            member.way.kubectl([
                "rollout",
                "status",
                &workload.name,
                "-n",
                namespace,
                "--timeout=2m",
            ]),
        ]),
        None => make(member, &gateway.network),
    };
    Some(finding(member, &check::PODS, gateway, &text, json!({"pods": pods.count}), fix))
}

/// What a wait is for, and no restart: that would only begin anew.
fn starts(member: &Member, gateway: &Gateway, age: i64) -> Finding {
    let namespace = &*gateway.namespace;
    let wait = |words: &[&str]| {
        member.way.kubectl(words.iter().copied().chain(["-n", namespace, "--timeout=5m"]))
    };
    let labels = gateway.selector.iter().map(|(key, value)| format!("{key}={value}"));
    let labels = labels.collect::<Vec<_>>().join(",");
    let fix = match &gateway.workload {
        Some(workload) => wait(&["rollout", "status", &workload.name]),
        None => wait(&["wait", "pods", "-l", &labels, "--for=condition=Ready"]),
    };
    let text = format!("has no pod that is ready yet: the newest was made {age} s before");
    finding(member, &check::STARTS, gateway, &text, json!({"seconds": age}), fix)
}

fn not_injected(member: &Member, gateway: &Gateway) -> Option<Finding> {
    let owner = gateway.pods.as_ref()?.not_injected.as_ref()?;
    let text = format!("has pods of {owner} with the image \"auto\": nobody injected their proxy");
    let state = &member.state;
    let planes = state.control_planes.iter().map(|plane| plane.revision.clone());
    let choice = injection::choices(&state.injectors).into_iter().flatten().chain(planes).next();
    let revision = choice.unwrap_or_else(|| "default".to_owned());
    // The pods' own label leads to an injector where their namespace has none.
    let labels = json!({"istio.io/rev": revision, "sidecar.istio.io/inject": "true"});
    let patch = json!({"spec": {"template": {"metadata": {"labels": labels}}}}).to_string();
    let namespace = &*gateway.namespace;
    let fix = member.way.change(["patch", owner, "-n", namespace, "--type=merge", "-p", &patch]);
    Some(finding(member, &check::NOT_INJECTED, gateway, &text, json!({"owner": owner}), fix))
}

/// Who configures the gateway's pods reads Gateways of its own cluster alone.
fn not_exposed(mesh: &Mesh, member: &Member, gateway: &Gateway) -> Option<Finding> {
    let primary = mesh.primary(member)?;
    let state = &primary.state;
    if gateway.is_ambient() || gateway.port.is_none() || !state.knows(Resource::IstioGateways) {
        return None;
    }
    let of_pods = || gateway.pods.iter().flat_map(|pods| &pods.labels);
    let configures = |one: &&meshstate::IstioGateway| {
        selects(&one.selector, &gateway.selector)
            || of_pods().any(|labels| selects(&one.selector, labels))
    };
    let passes = |one: &meshstate::IstioGateway| {
        one.servers.iter().any(|server| server.tls_mode.as_deref() == Some("AUTO_PASSTHROUGH"))
    };
    let passing: Vec<_> = state.istio_gateways.iter().filter(|one| passes(one)).collect();
    if passing.iter().any(configures) {
        return None;
    }
    let text = match passing.first() {
        Some(other) => {
            format!("lets no service through: Gateway {} is for other pods", other.meta.object())
        }
        None => "lets no service through: no Gateway resource has AUTO_PASSTHROUGH".to_owned(),
    };
    let evidence = json!({"network": gateway.network, "selector": gateway.selector});
    let fix = expose(primary, Some(gateway));
    Some(finding(member, &check::NOT_EXPOSED, gateway, &text, evidence, fix))
}

fn ambient(member: &Member) -> Option<Finding> {
    const VARIABLE: &str = "AMBIENT_ENABLE_MULTI_NETWORK";
    let state = &member.state;
    let gateway = state.gateways.iter().find(|gateway| gateway.class == "istio-east-west")?;
    let mut planes = state.control_planes.iter();
    let plane = planes.find(|plane| plane.env.get(VARIABLE).is_none_or(|value| value != "true"))?;
    let object = gateway.meta.object();
    let text =
        format!("Gateway {object} is of class istio-east-west, and istiod has no {VARIABLE}=true");
    let deployment = format!("deployment/{}", plane.meta.name);
    let set = format!("{VARIABLE}=true");
    let fix = member.way.kubectl(["set", "env", &deployment, "-n", &plane.meta.namespace, &set]);
    let object = Some(("Gateway", object.as_str()));
    Some(member.finding(&check::AMBIENT, object, &text, json!({}), fix))
}
