//! Virtual machines.

use crate::command::then;
use crate::gateways::expose_istiod;
use crate::member::{Member, Mesh};
use crate::networks::site;
use crate::table::machines as check;
use ipnet::IpNet;
use meshcore::cidr::{self, CidrError};
use meshcore::cluster::RangeKind;
use meshcore::finding::Finding;
use meshcore::istiod_revision;
use meshstate::{ControlPlane, Listener, Meta, NETWORK, Resource, VirtualService, WorkloadEntry};
use serde_json::json;
use std::net::IpAddr;

/// Machines that nobody reaches, and ways to istiod that end nowhere.
#[must_use]
pub fn findings(mesh: &Mesh) -> Vec<Finding> {
    let of = |member| {
        let member: &Member = member;
        let entries = member.state.workload_entries.iter();
        let rules = member.state.virtual_services.iter();
        entries
            .filter_map(|one| of_entry(mesh, member, one))
            .chain(rules.filter_map(|rule| dead_route(member, rule)))
            .chain(no_istiod(mesh, member))
            .collect::<Vec<_>>()
    };
    mesh.known().flat_map(of).collect()
}

/// Machines with a proxy: entries without an identity may be of anything.
fn proxies(member: &Member) -> impl Iterator<Item = (&'static str, &Meta)> {
    let state = &member.state;
    let has_proxy = |entry: &&WorkloadEntry| {
        entry.auto_registered_by.is_some() || entry.endpoint.service_account.is_some()
    };
    let groups = state.workload_groups.iter().map(|group| ("WorkloadGroup", &group.meta));
    let entries = state.workload_entries.iter().filter(has_proxy);
    groups.chain(entries.map(|entry| ("WorkloadEntry", &entry.meta)))
}

/// Whether it is known what leads to its istiod.
fn tells_ways(member: &Member) -> bool {
    let resources = [Resource::IstioGateways, Resource::VirtualServices, Resource::Services];
    resources.into_iter().all(|resource| member.state.knows(resource))
}

/// Whether there is no such istiod for sure: neither a Service nor what would have one.
fn is_gone(member: &Member, (namespace, name): &(String, String)) -> bool {
    let planes = &member.state.control_planes;
    member.state.knows(Resource::Services)
        && member.bulk.service(namespace, name).is_none()
        && planes.iter().all(|plane| Some(plane.revision.as_str()) != istiod_revision(name))
}

/// The istiod that a route leads to although it is gone.
fn dead_end(member: &Member, rule: &VirtualService) -> Option<(String, String)> {
    rule.istiods().into_iter().find(|to| is_gone(member, to))
}

/// Whether machines come in to an istiod.
fn lets_in(member: &Member) -> bool {
    let state = &member.state;
    let of_istio = state.istio_gateways.iter().flat_map(|gateway| &gateway.servers);
    let of_api = state.gateways.iter().flat_map(|gateway| &gateway.listeners);
    let leads = |rule: &VirtualService| rule.istiods().iter().any(|to| !is_gone(member, to));
    member.bulk.is_istiod_outside
        // Their routes are not read.
        || of_api.into_iter().any(Listener::is_for_istiod)
        || of_istio.into_iter().any(Listener::is_for_istiod)
            && state.virtual_services.iter().any(leads)
}

/// The control plane without a revision, or else the first.
fn plane(member: &Member) -> Option<&ControlPlane> {
    let planes = &member.state.control_planes;
    planes.iter().find(|plane| plane.revision == "default").or(planes.first())
}

/// Machines where nothing leads to an istiod of the mesh. A route that ends nowhere is told by
/// itself.
fn no_istiod(mesh: &Mesh, member: &Member) -> Option<Finding> {
    // Others' istiod, and Google's, are found in other ways.
    let plane = plane(member)?;
    let (kind, first) = proxies(member).next()?;
    let has_dead_end =
        |one: &Member| one.state.virtual_services.iter().any(|rule| dead_end(one, rule).is_some());
    let mut all = [member].into_iter().chain(mesh.peers(member));
    if !all.all(|one| tells_ways(one) && !lets_in(one) && !has_dead_end(one)) {
        return None;
    }
    let object = first.object();
    let text = format!(
        "{kind} {object} is of machines, and nothing leads them to istiod: no Gateway has port \
         15012 with a VirtualService behind it"
    );
    let fix = expose_istiod(member, plane, false);
    let evidence = json!({"machines": proxies(member).count()});
    Some(member.finding(&check::NO_ISTIOD, Some((kind, &object)), &text, evidence, fix))
}

fn dead_route(member: &Member, rule: &VirtualService) -> Option<Finding> {
    let (namespace, name) = dead_end(member, rule)?;
    let object = rule.meta.object();
    let text = format!(
        "VirtualService {object} leads machines to {namespace}/{name}, which is gone: they learn \
         nothing new, and get no certificate"
    );
    let stands_in = name == "istiod";
    let plane = plane(member);
    let heal = plane.map(|plane| expose_istiod(member, plane, stands_in));
    let is_replaced = plane.is_some_and(|plane| {
        let written = match plane.revision.as_str() {
            revision if revision != "default" && !stands_in => format!("istiod-vs-{revision}"),
            _ => "istiod-vs".to_owned(),
        };
        (&*plane.meta.namespace, written.as_str()) == (&*rule.meta.namespace, &*rule.meta.name)
    });
    let words = ["delete", "virtualservice", &*rule.meta.name, "-n", &*rule.meta.namespace];
    let delete = (!is_replaced).then(|| member.way.kubectl(words));
    let evidence = json!({"istiod": format!("{namespace}/{name}")});
    let object = Some(("VirtualService", object.as_str()));
    let fix = then(heal.into_iter().chain(delete));
    Some(member.finding(&check::DEAD_ROUTE, object, &text, evidence, fix))
}

fn nets(member: &Member) -> Vec<(IpNet, RangeKind)> {
    let net = |text: &str| match cidr::parse(text) {
        Ok(net) | Err(CidrError::HostBits { network: net }) => Some(net),
        Err(_) => None,
    };
    site(member).ranges.iter().filter_map(|range| Some((net(&range.cidr)?, range.kind))).collect()
}

fn of_entry(mesh: &Mesh, member: &Member, entry: &WorkloadEntry) -> Option<Finding> {
    let endpoint = &entry.endpoint;
    let IpAddr::V4(address) = endpoint.address.as_deref()?.parse().ok()? else { return None };
    if endpoint.network.is_some() || endpoint.labels.contains_key(NETWORK) || !address.is_private()
    {
        return None;
    }
    let own = nets(member);
    let holds = |nets: &[(IpNet, RangeKind)]| {
        nets.iter().any(|(net, _)| net.contains(&IpAddr::V4(address)))
    };
    // Without the nodes' ranges nobody knows what is beside the cluster.
    if !own.iter().any(|(_, kind)| *kind == RangeKind::Node) || holds(&own) {
        return None;
    }
    let object = entry.meta.object();
    let place = mesh.peers(member).find(|peer| holds(&nets(peer)));
    let network = place.and_then(Member::network).unwrap_or("vm-network").to_owned();
    let near = place.map_or_else(String::new, |peer| format!(" but near {}", peer.name()));
    let text = format!(
        "WorkloadEntry {object} has the address {address}, which is in no range of the cluster{near}, \
         and names no network"
    );
    let patch = json!({"spec": {"network": network}}).to_string();
    let (name, namespace) = (&*entry.meta.name, &*entry.meta.namespace);
    let words = ["patch", "workloadentry", name, "-n", namespace, "--type=merge", "-p", &patch];
    let fix = member.way.change(words);
    let evidence = json!({"address": address, "network": network});
    let object = Some(("WorkloadEntry", object.as_str()));
    Some(member.finding(&check::PRIVATE_ADDRESS, object, &text, evidence, fix))
}
