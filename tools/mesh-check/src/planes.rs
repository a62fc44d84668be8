//! The control planes: whether they run, and of which versions they are.

use crate::command::then;
use crate::member::{Member, Mesh};
use crate::table::control_planes as check;
use jiff::Timestamp;
use meshcore::finding::Finding;
use meshstate::{ControlPlane, DEFAULT_TRUST_DOMAIN, MeshConfig, Resource};
use serde_json::json;
use std::collections::BTreeSet;

/// Control planes that do not run, are missing, or do not fit together.
#[must_use]
pub fn findings(mesh: &Mesh, at: Timestamp) -> Vec<Finding> {
    let mut found = Vec::new();
    for member in mesh.known() {
        found.extend(none(mesh, member));
        for plane in &member.state.control_planes {
            found.extend(not_ready(member, plane, at));
            found.extend(wipes(member, plane));
            found.extend(no_timeout(member, plane));
        }
    }
    found.extend(versions(mesh));
    found
}

fn deployment(plane: &ControlPlane) -> String {
    format!("deployment/{}", plane.meta.name)
}

fn not_ready(member: &Member, plane: &ControlPlane, at: Timestamp) -> Option<Finding> {
    let is_only = member.state.control_planes.len() == 1;
    if plane.ready > 0 || (plane.replicas == 0 && !is_only) {
        return None;
    }
    let object = plane.meta.object();
    let (deployment, namespace) = (deployment(plane), &*plane.meta.namespace);
    let kubectl = |words: &[&str]| member.way.kubectl(words.iter().chain(&["-n", namespace]));
    let wait = kubectl(&["rollout", "status", &deployment, "--timeout=5m"]);
    let made = plane.started.or(plane.meta.created).filter(|_| plane.replicas > 0);
    if let Some(age) = made.and_then(|made| member.young(made, at)) {
        let text = format!("istiod {object} is not ready yet: its pods are {age} s old");
        let evidence = json!({"revision": plane.revision, "seconds": age});
        let object = Some(("Deployment", object.as_str()));
        return Some(member.finding(&check::STARTS, object, &text, evidence, wait));
    }
    let text = format!(
        "no replica of istiod {object} is ready ({} wanted): its proxies learn nothing new",
        plane.replicas
    );
    let start = match plane.replicas {
        0 => kubectl(&["scale", &deployment, "--replicas=1"]),
        _ => kubectl(&["rollout", "restart", &deployment]),
    };
    let fix = then([start, kubectl(&["rollout", "status", &deployment, "--timeout=2m"])]);
    let evidence = json!({"revision": plane.revision, "replicas": plane.replicas, "ready": 0});
    Some(member.finding(&check::NOT_READY, Some(("Deployment", &object)), &text, evidence, fix))
}

fn none(mesh: &Mesh, member: &Member) -> Option<Finding> {
    let state = &member.state;
    let is_told =
        state.knows(Resource::Deployments) && state.knows(Resource::MutatingWebhookConfigurations);
    let is_served = member.has_control_plane() || member.is_remote();
    if !is_told || is_served || !state.injectors.0.is_empty() {
        return None;
    }
    let text = "it has no control plane, and nothing says that another cluster's serves it";
    let mut words = vec!["install".to_owned(), "-y".to_owned()];
    let id = member.ids.first().map_or(member.name(), String::as_str);
    words.push(format!("--set=values.global.multiCluster.clusterName={id}"));
    let peers = || mesh.members.iter().filter(|peer| peer.name() != member.name());
    // Where the others have networks, one without is in none of them.
    let is_networked = peers().any(|peer| peer.network().is_some());
    let network = member.network().or(is_networked.then_some(id));
    words.extend(network.map(|network| format!("--set=values.global.network={network}")));
    // It cannot say itself which mesh it is to be of.
    let all: BTreeSet<&str> = peers().filter_map(Member::mesh_id).collect();
    let only = all.first().copied().filter(|_| all.len() == 1);
    // The fix of several meshes would be a guess.
    let mesh_id = member.mesh_id().or(only).or((all.len() > 1).then_some("MESH_ID"));
    words.extend(mesh_id.map(|mesh| format!("--set=values.global.meshID={mesh}")));
    let domains = peers().flat_map(|peer| peer.state.mesh_configs.values());
    let domains: BTreeSet<&str> = domains.map(MeshConfig::trust_domain).collect();
    let domain = domains.first().filter(|one| domains.len() == 1 && **one != DEFAULT_TRUST_DOMAIN);
    words.extend(domain.map(|domain| format!("--set=meshConfig.trustDomain={domain}")));
    let fix = member.way.run("istioctl", words);
    Some(member.finding(&check::NONE, None, text, json!({}), fix))
}

/// Clusters whose newest control plane is too old for the newest of all.
fn versions(mesh: &Mesh) -> Vec<Finding> {
    let newest = |member: &Member| {
        let planes = member.state.control_planes.iter();
        planes.filter_map(|plane| plane.version).max_by_key(|version| version.minor())
    };
    let all: Vec<_> = mesh.members.iter().filter_map(|m| Some((m, newest(m)?))).collect();
    let Some((first, top)) = all.iter().max_by_key(|(_, version)| version.minor()) else {
        return Vec::new();
    };
    let behind = all.iter().filter(|(_, version)| version.minor() + 1 < top.minor());
    behind
        .map(|(member, version)| {
            let text = format!(
                "its control plane is Istio {version}, and that of {} is {top}: more than one minor \
                 version apart",
                first.name()
            );
            let evidence = json!({"version": version.to_string(), "newest": top.to_string()});
            let fix = member.way.run("istioctl", ["upgrade", "-y"]);
            member.finding(&check::VERSIONS, None, &text, evidence, fix)
        })
        .collect()
}

fn wipes(member: &Member, plane: &ControlPlane) -> Option<Finding> {
    let version = plane.version?;
    let is_hit = version.minor() == 30 && version.patch().is_some_and(|p| (1..=3).contains(&p));
    if !is_hit || member.reads.is_empty() {
        return None;
    }
    let object = plane.meta.object();
    let text = format!(
        "istiod {object} is Istio {version}, which forgets a cluster's endpoints when its remote \
         Secret is changed"
    );
    let evidence = json!({"version": version.to_string(), "remoteClusters": member.reads.len()});
    let fix = member.way.run("istioctl", ["upgrade", "-y"]);
    let object = Some(("Deployment", object.as_str()));
    Some(member.finding(&check::WIPES_ENDPOINTS, object, &text, evidence, fix))
}

fn no_timeout(member: &Member, plane: &ControlPlane) -> Option<Finding> {
    const VARIABLE: &str = "PILOT_REMOTE_CLUSTER_TIMEOUT";
    let value = plane.env.get(VARIABLE)?;
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    if !digits.parse::<f64>().is_ok_and(|number| number == 0.0) {
        return None;
    }
    let object = plane.meta.object();
    let text = format!(
        "istiod {object} waits for other clusters without end ({VARIABLE}={value}): it does not \
         start while one is unreachable"
    );
    let unset = format!("{VARIABLE}-");
    let words = ["set", "env", &deployment(plane), "-n", &plane.meta.namespace, &unset];
    let fix = member.way.kubectl(words);
    let object = Some(("Deployment", object.as_str()));
    Some(member.finding(&check::NO_TIMEOUT, object, &text, json!({VARIABLE: value}), fix))
}
