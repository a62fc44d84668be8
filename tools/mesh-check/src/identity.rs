//! Who each cluster says it is: its ID, its mesh, its trust domain.

use crate::bulk::Secret;
use crate::command::{piped, then};
use crate::config_map::{self, Setting};
use crate::member::{Member, Mesh, reads};
use crate::table::identity as check;
use meshcore::finding::Finding;
use meshcore::is_secret_key;
use meshstate::{DEFAULT_CLUSTER_ID, MeshConfig};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// IDs, mesh IDs and trust domains that contradict each other.
#[must_use]
pub fn findings(mesh: &Mesh) -> Vec<Finding> {
    let twice = ids_twice(mesh);
    let mut found = of_twice(mesh, &twice);
    for member in &mesh.members {
        found.extend(of_member(mesh, &twice, member));
    }
    found.extend(mesh_ids(mesh));
    found.extend(trust_domains(mesh));
    found
}

/// IDs of several clusters.
#[must_use]
pub fn ids_twice(mesh: &Mesh) -> BTreeMap<&str, Vec<&Member>> {
    let mut by_id: BTreeMap<&str, Vec<&Member>> = BTreeMap::new();
    for member in &mesh.members {
        for id in &member.ids {
            by_id.entry(id).or_default().push(member);
        }
    }
    by_id.retain(|_, members| members.len() > 1);
    by_id
}

fn of_twice(mesh: &Mesh, twice: &BTreeMap<&str, Vec<&Member>>) -> Vec<Finding> {
    if twice.is_empty() {
        return Vec::new();
    }
    let keys = keys(mesh);
    let finding = |(id, members): (&&str, &Vec<&Member>)| {
        let names: Vec<&str> = members.iter().map(|member| member.name()).collect();
        // The one of which something else says that it has another name is to be renamed.
        let other = members.iter().find_map(|m| Some((*m, other_id(mesh, &keys, m, id)?)));
        let last = members[members.len() - 1];
        let (member, new) = other.unwrap_or_else(|| (last, free_id(mesh, last.name())));
        let text = format!("its ID {id} is that of {} too", others(&names, member.name()));
        let evidence = json!({"id": id, "clusters": names});
        let fix = rename(member, id, &new);
        member.finding(&check::ID_TWICE, None, &text, evidence, fix)
    };
    twice.iter().map(finding).collect()
}

fn others(names: &[&str], own: &str) -> String {
    let others: Vec<&str> = names.iter().copied().filter(|name| *name != own).collect();
    others.join(", ")
}

/// The keys of Secrets that lead to each cluster, by its name.
fn keys(mesh: &Mesh) -> HashMap<&str, Vec<&str>> {
    let whose = crate::whose::Whose::of(mesh);
    let mut keys: HashMap<&str, Vec<&str>> = HashMap::new();
    let secrets = mesh.members.iter().flat_map(|member| &member.bulk.secrets);
    for (key, remote) in secrets.flat_map(|secret| &secret.entries) {
        if let Some(index) = remote.as_ref().ok().and_then(|remote| whose.is(remote)) {
            keys.entry(mesh.members[index].name()).or_default().push(key);
        }
    }
    keys
}

/// Another ID that its injector, its record or the keys of others' Secrets give it, and nobody has.
fn other_id(
    mesh: &Mesh,
    keys: &HashMap<&str, Vec<&str>>,
    member: &Member,
    id: &str,
) -> Option<String> {
    let state = &member.state;
    let injected = state.injector_values.values().filter_map(|v| v.cluster_name.as_deref());
    let recorded = state.record.iter().filter_map(|record| record.id.as_deref());
    let keys = keys.get(member.name()).into_iter().flatten().copied();
    let is_free = |one: &&str| *one != id && mesh.with_id(one).next().is_none();
    injected.chain(recorded).chain(keys).find(is_free).map(str::to_owned)
}

/// A name that no cluster has as its ID.
fn free_id(mesh: &Mesh, name: &str) -> String {
    let taken = |id: &str| mesh.with_id(id).next().is_some() || !is_secret_key(id);
    let mut numbered = (2..).map(|n| format!("{name}-{n}"));
    let first = Some(name.to_owned()).filter(|name| !taken(name));
    first.or_else(|| numbered.find(|name| !taken(name))).unwrap_or_default()
}

/// Gives istiod, and the proxies that it injects, another cluster ID.
fn rename(member: &Member, old: &str, new: &str) -> String {
    let planes = member.state.control_planes.iter();
    let env = planes.filter(|plane| plane.cluster_id.as_deref() != Some(new)).map(|plane| {
        let deployment = format!("deployment/{}", plane.meta.name);
        let setting = format!("CLUSTER_ID={new}");
        member.way.kubectl(["set", "env", &deployment, "-n", &plane.meta.namespace, &setting])
    });
    let values = member.state.injector_values.values();
    let values =
        values.filter(|values| values.cluster_name.as_deref() == Some(old)).map(|values| {
            let setting = Setting { key: "clusterName", old, new };
            config_map::set_value(member, &values.object, &setting)
        });
    then(values.chain(env))
}

fn of_member(mesh: &Mesh, twice: &BTreeMap<&str, Vec<&Member>>, member: &Member) -> Vec<Finding> {
    let state = &member.state;
    let ids = state.ids();
    let mut found = Vec::new();
    for id in ids.iter().filter(|id| !is_secret_key(id)) {
        let text = format!("its ID {id:?} cannot be the key of a remote Secret");
        let fix = rename(member, id, &free_id(mesh, &as_key(id)));
        found.push(member.finding(&check::ID_NO_KEY, None, &text, json!({"id": id}), fix));
    }
    let planes = &state.control_planes;
    let of_planes: BTreeSet<&str> = planes.iter().filter_map(|p| p.cluster_id.as_deref()).collect();
    if of_planes.len() > 1 {
        let all: Vec<&str> = of_planes.iter().copied().collect();
        let text = format!("its control planes have several IDs: {}", all.join(", "));
        // Others know it by one of them.
        let known = mesh.members.iter().find_map(|other| {
            let mut keys = other.bulk.secrets.iter().flat_map(Secret::keys);
            keys.find(|key| of_planes.contains(key))
        });
        let keep = known.or(all.iter().find(|id| **id != DEFAULT_CLUSTER_ID).copied());
        let keep = keep.unwrap_or(all[0]);
        let fix = then(all.iter().filter(|id| **id != keep).map(|old| rename(member, old, keep)));
        found.push(member.finding(&check::IDS_DIFFER, None, &text, json!({"ids": all}), fix));
    }
    if let (Some(id), Some(record)) = (state.id(), &state.record)
        && let Some(recorded) = &record.id
        && !of_planes.is_empty()
        && recorded != id
        // One that another cluster has is told already.
        && mesh.with_id(id).count() < 2
    {
        let text = format!("its record has the ID {recorded}, and istiod is {id}");
        let evidence = json!({"record": recorded, "istiod": id});
        let corrected = json!({"apiVersion": "meshutils/v1alpha1", "kind": "Cluster",
            "name": record.name, "id": id, "context": record.context});
        let fix = piped(&corrected, "mesh-clusters");
        found.push(member.finding(&check::RECORD_ID, None, &text, evidence, fix));
    }
    if of_planes.contains(DEFAULT_CLUSTER_ID) && mesh.members.len() > 1 {
        let text = format!("its ID is {DEFAULT_CLUSTER_ID}, that of every cluster without a name");
        let fix = rename(member, DEFAULT_CLUSTER_ID, &free_id(mesh, &as_key(member.name())));
        found.push(member.finding(&check::DEFAULT_ID, None, &text, json!({}), fix));
    }
    found.extend(proxies(twice, member));
    found
}

/// A name made fit for a key.
fn as_key(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    name.chars().map(plain).collect::<String>().to_lowercase().trim_matches('-').to_owned()
}

/// Injectors that tell proxies another ID than that of the istiod of their revision.
fn proxies(twice: &BTreeMap<&str, Vec<&Member>>, member: &Member) -> Vec<Finding> {
    let state = &member.state;
    let mut found = Vec::new();
    for plane in &state.control_planes {
        let Some(values) = state.injector_values.get(&plane.revision) else { continue };
        let (Some(id), Some(told)) = (&plane.cluster_id, &values.cluster_name) else { continue };
        // A wrong name that another cluster has is told already.
        if id == told || told.is_empty() || twice.contains_key(id.as_str()) {
            continue;
        }
        let text = format!(
            "proxies of revision {} are told to be of cluster {told}, and istiod is {id}",
            plane.revision
        );
        let evidence = json!({"istiod": id, "injector": told, "revision": plane.revision});
        let setting = Setting { key: "clusterName", old: told, new: id };
        let edit = config_map::set_value(member, &values.object, &setting);
        let fix = then([edit, member.way.restart_istiod(member.istio_namespace())]);
        let object = Some(("ConfigMap", values.object.as_str()));
        found.push(member.finding(&check::PROXY_ID, object, &text, evidence, fix));
    }
    found
}

/// Clusters that read each other and say that they are of two meshes.
fn mesh_ids(mesh: &Mesh) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut told = BTreeSet::new();
    for (a, b) in mesh.pairs() {
        let (Some(one), Some(other)) = (a.mesh_id(), b.mesh_id()) else { continue };
        if one == other || !told.insert((one, other)) || !(reads(a, b) || reads(b, a)) {
            continue;
        }
        let text = format!(
            "its mesh is {other}, and that of {}, which it is joined to, is {one}",
            a.name()
        );
        let evidence = json!({"meshId": other, "peer": a.name(), "peerMeshId": one});
        let values = b.state.injector_values.values();
        let values = values.filter(|values| values.mesh_id.as_deref() == Some(other));
        let setting = Setting { key: "meshID", old: other, new: one };
        let values = values.map(|values| config_map::set_value(b, &values.object, &setting));
        let configs = b.state.mesh_configs.values();
        let configs = configs.filter(|config| config.mesh_id.as_deref() == Some(other));
        let setting = Setting { key: "meshId", old: other, new: one };
        let configs = configs.map(|config| config_map::set_mesh(b, &config.object, &setting));
        let restart = b.way.restart_istiod(b.istio_namespace());
        let fix = then(values.chain(configs).chain([restart]));
        found.push(b.finding(&check::MESH_ID, None, &text, evidence, fix));
    }
    found
}

/// Trust domains that are compared, each with each.
const MOST_DOMAINS: usize = 50;

/// Trust domains of which one does not know the other: each pair once, with all that has to be
/// changed on both sides.
fn trust_domains(mesh: &Mesh) -> Vec<Finding> {
    let mut by_domain: BTreeMap<&str, Vec<&Member>> = BTreeMap::new();
    for member in &mesh.members {
        let configs = member.state.mesh_configs.values();
        let domains: BTreeSet<&str> = configs.map(MeshConfig::trust_domain).collect();
        for domain in domains {
            by_domain.entry(domain).or_default().push(member);
        }
    }
    let mut domains: Vec<(&&str, &Vec<&Member>)> = by_domain.iter().collect();
    let mut found = Vec::new();
    if domains.len() > MOST_DOMAINS {
        // Those that most have come first: no cluster can hide what is wrong among others.
        domains.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
        let rest = domains.split_off(MOST_DOMAINS);
        domains.sort_by_key(|(name, _)| **name);
        let text = format!(
            "its trust domain {} and {} more were not compared with those of others: {MOST_DOMAINS} \
             are at most",
            rest[0].0,
            rest.len() - 1
        );
        let member = rest[0].1[0];
        found.push(member.finding(&check::TRUST_DOMAIN, None, &text, json!({}), String::new()));
    }
    for (i, (one, of_one)) in domains.iter().enumerate() {
        for (other, of_other) in &domains[i + 1..] {
            found.extend(strangers(mesh, (one, of_one), (other, of_other)));
        }
    }
    found
}

/// Two trust domains, and the clusters that have them.
fn strangers(
    mesh: &Mesh,
    (one, of_one): (&str, &[&Member]),
    (other, of_other): (&str, &[&Member]),
) -> Option<Finding> {
    let is_joined = |member: &&&Member, others: &[&Member]| {
        mesh.peers(member).any(|peer| others.iter().any(|other| other.name() == peer.name()))
    };
    let lacking = |members: &[&Member], others: &[&Member], domain: &str| -> Vec<String> {
        let joined = members.iter().filter(|member| is_joined(member, others));
        let of_member = joined.flat_map(|member| {
            let configs = member.state.mesh_configs.values().filter(|c| !takes(c, domain));
            configs.map(|config| config_map::add_alias(member, config, domain))
        });
        of_member.collect()
    };
    let mut edits = lacking(of_one, of_other, other);
    edits.extend(lacking(of_other, of_one, one));
    if edits.is_empty() {
        return None;
    }
    // The one that fewer have is the newer one.
    let few = if of_one.len() < of_other.len() { (one, of_one) } else { (other, of_other) };
    let many = if few.0 == one { (other, of_other) } else { (one, of_one) };
    let names = |members: &[&Member]| -> Vec<String> {
        members.iter().map(|member| member.name().to_owned()).collect()
    };
    let text = format!(
        "its trust domain is {}, that of {} is {}, and not each is an alias of the other's: proxies \
         refuse each other",
        few.0,
        names(many.1).join(", "),
        many.0
    );
    let evidence = json!({"trustDomains": [
        {"name": few.0, "clusters": names(few.1)}, {"name": many.0, "clusters": names(many.1)},
    ]});
    Some(few.1.first()?.finding(&check::TRUST_DOMAIN, None, &text, evidence, then(edits)))
}

fn takes(config: &MeshConfig, domain: &str) -> bool {
    config.trust_domain() == domain || config.trust_domain_aliases.iter().any(|a| a == domain)
}
