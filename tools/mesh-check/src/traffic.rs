//! Rules that decide whether traffic to a service gets to another cluster.

use crate::member::{Member, Mesh};
use crate::networks::is_placed;
use crate::table::services as check;
use meshcore::finding::Finding;
use meshcore::service_of;
use meshcore::shell::command_line;
use meshstate::{DestinationRule, Meta, MtlsMode, PeerAuthentication, TlsMode};
use serde_json::json;
use std::collections::BTreeSet;

/// Rules that keep traffic in its locality, or out of gateways.
#[must_use]
pub fn findings(mesh: &Mesh) -> Vec<Finding> {
    let mut found = Vec::new();
    for member in mesh.known() {
        for rule in &member.state.destination_rules {
            found.extend(stays_local(mesh, member, rule));
            found.extend(client_in_plain_text(mesh, member, rule));
        }
        for peer in &member.state.peer_authentications {
            found.extend(server_in_plain_text(mesh, member, peer));
        }
    }
    found
}

/// Clusters that have the service that a rule is for; all that share the mesh for `*.local` and
/// its like.
fn owners<'a>(mesh: &'a Mesh, member: &'a Member, rule: &DestinationRule) -> Vec<&'a Member> {
    let service = service_of(&rule.host, &rule.meta.namespace);
    let has = |one: &&Member| match &service {
        Some((namespace, name)) => one.bulk.service(namespace, name).is_some(),
        None => rule.host.starts_with('*'),
    };
    [member].into_iter().chain(mesh.peers(member)).filter(has).collect()
}

/// Whether a rule of a cluster prefers the caller's locality. To distribute over localities is
/// something else.
#[must_use]
pub fn keeps_local(member: &Member, rule: &DestinationRule) -> bool {
    let of_mesh = || member.mesh_config().is_some_and(|config| config.is_locality_lb_enabled);
    let of_rule = |one: &meshstate::LocalityLb| one.is_enabled && one.distribute.is_empty();
    rule.has_outlier_detection && rule.locality_lb.as_ref().map_or_else(of_mesh, of_rule)
}

fn stays_local(mesh: &Mesh, member: &Member, rule: &DestinationRule) -> Option<Finding> {
    if !keeps_local(member, rule) {
        return None;
    }
    let owners = owners(mesh, member, rule);
    let regions: BTreeSet<&String> = owners.iter().flat_map(|owner| &owner.bulk.regions).collect();
    if owners.len() < 2 || regions.len() < 2 {
        return None;
    }
    let names: Vec<&str> = owners.iter().map(|owner| owner.name()).collect();
    let object = rule.meta.object();
    let text = format!(
        "DestinationRule {object} keeps requests for {} in the caller's region as long as there are \
         healthy endpoints: {} are not balanced",
        rule.host,
        names.join(", ")
    );
    let fix = balance_everywhere(member, rule);
    let evidence = json!({"host": rule.host, "clusters": names, "regions": regions});
    let object = Some(("DestinationRule", object.as_str()));
    Some(member.finding(&check::STAYS_LOCAL, object, &text, evidence, fix))
}

/// Takes the localities out of a rule.
#[must_use]
pub fn balance_everywhere(member: &Member, rule: &DestinationRule) -> String {
    let off = json!({"spec": {"trafficPolicy": {"loadBalancer": {"localityLbSetting": {"enabled": false}}}}});
    let (name, namespace) = (&*rule.meta.name, &*rule.meta.namespace);
    let patch = off.to_string();
    member.way.kubectl([
        "patch",
        "destinationrule",
        name,
        "-n",
        namespace,
        "--type=merge",
        "-p",
        &patch,
    ])
}

/// Whether a rule switches TLS off for all of a service, a port or a subset of it.
#[must_use]
pub fn is_plain(rule: &DestinationRule) -> bool {
    let off = |mode: TlsMode| mode == TlsMode::Disable;
    rule.tls.is_some_and(off)
        || rule.port_tls.values().any(|mode| off(*mode))
        || rule.subsets.iter().any(|subset| subset.tls.is_some_and(off))
}

fn client_in_plain_text(mesh: &Mesh, member: &Member, rule: &DestinationRule) -> Option<Finding> {
    if !is_plain(rule) {
        return None;
    }
    let owners = owners(mesh, member, rule);
    let far: Vec<&str> = owners
        .iter()
        .filter(|owner| owner.network() != member.network())
        .map(|owner| owner.name())
        .collect();
    let first = far.first()?;
    let object = rule.meta.object();
    let text = format!(
        "DestinationRule {object} switches TLS off for {}, which {first} on another network has: \
         its gateway cannot route plain text",
        rule.host
    );
    let fix = set_mode(member, "destinationrule", &rule.meta, "ISTIO_MUTUAL");
    let evidence = json!({"host": rule.host, "peers": far});
    let object = Some(("DestinationRule", object.as_str()));
    Some(member.finding(&check::PLAIN_TEXT, object, &text, evidence, fix))
}

fn server_in_plain_text(
    mesh: &Mesh,
    member: &Member,
    peer: &PeerAuthentication,
) -> Option<Finding> {
    let off = |mode: MtlsMode| mode == MtlsMode::Disable;
    if !peer.mode.is_some_and(off) && !peer.port_modes.values().any(|mode| off(*mode)) {
        return None;
    }
    // That of Istio's namespace is for the whole mesh.
    let is_everywhere = *peer.meta.namespace == *member.state.istio_namespace;
    let serves = member.bulk.services.keys().any(|(namespace, _)| {
        (is_everywhere || *namespace == peer.meta.namespace)
            && member.bulk.meshed.contains(namespace)
    });
    let far = mesh.peers(member).filter(|other| is_placed(other));
    let far = far.into_iter().find(|other| other.network() != member.network());
    let far = far.filter(|_| serves)?;
    let object = peer.meta.object();
    let text = format!(
        "PeerAuthentication {object} switches mutual TLS off, and clusters on other networks ({}) \
         come through a gateway that needs it",
        far.name()
    );
    let fix = set_mode(member, "peerauthentication", &peer.meta, "PERMISSIVE");
    let object = Some(("PeerAuthentication", object.as_str()));
    Some(member.finding(&check::PLAIN_TEXT, object, &text, json!({"peer": far.name()}), fix))
}

/// Changes the mode of a rule from DISABLE.
#[must_use]
pub fn set_mode(member: &Member, kind: &str, meta: &Meta, mode: &str) -> String {
    let get = member.way.kubectl(["get", kind, &meta.name, "-n", &meta.namespace, "-o", "yaml"]);
    let edit = command_line(["sed", &format!("s/mode: DISABLE/mode: {mode}/")]);
    format!("{get} | {edit} | {}", member.way.kubectl(["replace", "-f", "-"]))
}
