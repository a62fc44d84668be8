//! In which network each cluster says it is, and whether that can be.

use crate::command::then;
use crate::config_map::{self, Setting};
use crate::member::{Member, Mesh};
use crate::table::networks as check;
use meshcore::Result;
use meshcore::cluster::Cluster;
use meshcore::finding::Finding;
use meshcore::route::{self, Route};
use meshstate::NetworkEndpoint;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Labels and settings that contradict each other, and networks that no route joins.
pub fn findings(mesh: &Mesh) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    let is_divided = is_divided(mesh);
    for member in mesh.known() {
        found.extend(labels(member, is_divided));
        found.extend(missing(mesh, member));
        found.extend(unknown_clusters(mesh, member));
    }
    found.extend(routes(mesh)?);
    Ok(found)
}

/// Whether it is known in which network it is, if in any.
#[must_use]
pub fn is_placed(member: &Member) -> bool {
    member.is_known() || member.network().is_some()
}

/// Whether the mesh has several networks: of clusters, and of machines outside of them.
#[must_use]
pub fn is_divided(mesh: &Mesh) -> bool {
    let mut networks: BTreeSet<Option<&str>> =
        mesh.members.iter().filter(|member| is_placed(member)).map(Member::network).collect();
    let states = || mesh.members.iter().map(|member| &member.state);
    let entries = states().flat_map(|state| &state.workload_entries).map(|one| &one.endpoint);
    let groups = states().flat_map(|state| &state.workload_groups).map(|one| &one.template);
    networks.extend(entries.chain(groups).filter_map(|one| one.network.as_deref()).map(Some));
    networks.len() > 1
}

/// Puts the cluster into a network: its endpoints by the label, its proxies by the injector.
#[must_use]
pub fn move_to(member: &Member, network: &str) -> String {
    let namespace = member.istio_namespace();
    let label = (member.state.namespace_network() != Some(network)).then(|| {
        let words = ["--network", network, namespace];
        member.way.run("mesh-label-ns", words)
    });
    let values = member.state.injector_values.values();
    let others = values.filter(|values| values.network.as_deref() != Some(network));
    let told: Vec<String> = others
        .map(|values| {
            let old = values.network.as_deref().unwrap_or_default();
            let setting = Setting { key: "network", old, new: network };
            config_map::set_value(member, &values.object, &setting)
        })
        .collect();
    let restart = (!told.is_empty()).then(|| member.way.restart_istiod(namespace));
    then(label.into_iter().chain(told).chain(restart))
}

fn labels(member: &Member, is_divided: bool) -> Option<Finding> {
    let state = &member.state;
    let namespace = member.istio_namespace();
    if state.namespace(namespace).is_none() || state.injector_values.is_empty() {
        return None;
    }
    let label = state.namespace_network().unwrap_or_default();
    let told = |values: &meshstate::InjectorValues| values.network.clone().unwrap_or_default();
    let told: BTreeSet<String> = state.injector_values.values().map(told).collect();
    // Without a second network a name that only one of the two has makes no difference.
    let differs = |told: &&String| {
        told.as_str() != label && (is_divided || (!told.is_empty() && !label.is_empty()))
    };
    let other = told.iter().find(differs)?;
    let shown = |network: &str| {
        if network.is_empty() { "none".to_owned() } else { network.to_owned() }
    };
    let text = format!(
        "the network of namespace {namespace} is {}, and proxies are told {}",
        shown(label),
        shown(other)
    );
    let evidence = json!({"label": label, "injector": told});
    let fix = move_to(member, member.network().unwrap_or(label));
    Some(member.finding(&check::LABEL, Some(("Namespace", namespace)), &text, evidence, fix))
}

fn missing(mesh: &Mesh, member: &Member) -> Option<Finding> {
    if member.network().is_some() || !member.has_control_plane() {
        return None;
    }
    let named: BTreeSet<&str> = mesh.peers(member).filter_map(Member::network).collect();
    let first = named.first()?;
    let text = format!("it is in no network, and clusters of its mesh are in {first}");
    let fix = move_to(member, member.name());
    Some(member.finding(&check::MISSING, None, &text, json!({"networks": named}), fix))
}

fn unknown_clusters(mesh: &Mesh, member: &Member) -> Vec<Finding> {
    let mut found = Vec::new();
    for config in member.state.mesh_configs.values() {
        let registries = config.networks.iter().flat_map(|(network, one)| {
            one.endpoints.iter().filter_map(move |endpoint| match endpoint {
                NetworkEndpoint::Registry(id) => Some((network, id)),
                NetworkEndpoint::Cidr(_) => None,
            })
        });
        let is_known =
            |id: &str| member.ids.iter().any(|own| own == id) || member.reads.contains(id);
        let listed: BTreeSet<&str> = registries.clone().map(|(_, id)| id.as_str()).collect();
        for (network, id) in registries.filter(|(_, id)| !is_known(id)) {
            let text = format!(
                "meshNetworks has cluster {id} in network {network}, and istiod knows no such cluster"
            );
            // Of a cluster of that network nobody else spoke.
            let mut peers = mesh.peers(member).filter(|peer| peer.network() == Some(network));
            let meant = peers.find_map(|peer| {
                peer.ids.iter().find(|id| !listed.contains(id.as_str()) && is_known(id))
            });
            let object = config.object.split_once('/').unwrap_or_default();
            let fix = match meant {
                Some(new) => {
                    let setting = Setting { key: "fromRegistry", old: id, new };
                    config_map::set_mesh(member, &config.object, &setting)
                }
                None => member.way.kubectl(["edit", "configmap", object.1, "-n", object.0]),
            };
            let evidence = json!({"network": network, "fromRegistry": id});
            let object = Some(("ConfigMap", config.object.as_str()));
            found.push(member.finding(&check::UNKNOWN_CLUSTER, object, &text, evidence, fix));
        }
    }
    found
}

/// What is known of where a cluster's pods are: its record's word, or else its objects'.
#[must_use]
pub fn site(member: &Member) -> Cluster {
    let mut site = member.state.record.clone().unwrap_or_default();
    if site.name.is_empty() {
        site.name = member.name().to_owned();
    }
    for range in &member.state.ranges {
        if !site.ranges.iter().any(|known| known.kind == range.kind) {
            site.ranges
                .extend(member.state.ranges.iter().filter(|r| r.kind == range.kind).cloned());
        }
    }
    site
}

/// Clusters of one network whose pods no route joins. What overlaps is told by itself.
fn routes(mesh: &Mesh) -> Result<Vec<Finding>> {
    let mut networks: BTreeMap<Option<&str>, Vec<(&Member, Cluster)>> = BTreeMap::new();
    for member in mesh.members.iter().filter(|member| is_placed(member)) {
        networks.entry(member.network()).or_default().push((member, site(member)));
    }
    let mut found = Vec::new();
    for (network, members) in networks {
        for (i, (member, own)) in members.iter().enumerate() {
            let mut apart: BTreeMap<(bool, String), Vec<&str>> = BTreeMap::new();
            for (peer, other) in &members[..i] {
                let (is_impossible, why) = match route::between(own, other)? {
                    Route::Impossible(why) if !why.contains("overlap") => (true, why),
                    Route::Unjoined(why) => (false, why),
                    _ => continue,
                };
                apart.entry((is_impossible, why)).or_default().push(peer.name());
            }
            for ((is_impossible, why), peers) in apart {
                let name = network
                    .map_or_else(|| "no named network".to_owned(), |n| format!("network {n}"));
                let text = format!("it shares {name} with {}: {why}", peers.join(", "));
                let evidence = json!({"network": network, "peers": peers, "reason": why});
                let check = if is_impossible { &check::NO_ROUTE } else { &check::UNJOINED };
                let fix = move_to(member, member.name());
                found.push(member.finding(check, None, &text, evidence, fix));
            }
        }
    }
    Ok(found)
}
