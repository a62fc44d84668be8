//! Virtual machines.

use crate::member::{Member, Mesh};
use crate::networks::site;
use crate::table::machines as check;
use ipnet::IpNet;
use meshcore::cidr::{self, CidrError};
use meshcore::cluster::RangeKind;
use meshcore::finding::Finding;
use meshstate::WorkloadEntry;
use serde_json::json;
use std::net::IpAddr;

/// Machines whose address is in no range of their cluster's network.
#[must_use]
pub fn findings(mesh: &Mesh) -> Vec<Finding> {
    let of = |member| {
        let member: &Member = member;
        member.state.workload_entries.iter().filter_map(|one| of_entry(mesh, member, one))
    };
    mesh.known().flat_map(of).collect()
}

fn nets(member: &Member) -> Vec<(IpNet, RangeKind)> {
    let net = |text: &str| match cidr::parse(text) {
        Ok(net) | Err(CidrError::HostBits { network: net }) => Some(net),
        Err(_) => None,
    };
    site(member).ranges.iter().filter_map(|range| Some((net(&range.cidr)?, range.kind))).collect()
}

fn of_entry(mesh: &Mesh, member: &Member, entry: &WorkloadEntry) -> Option<Finding> {
    const NETWORK: &str = "topology.istio.io/network";
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
