//! The control plane of each cluster.

use super::Plan;
use super::roots::namespace_flag;
use crate::command::{on, pipe, print};
use crate::step::{Stage, Step};
use crate::wanted::{Member, Wanted};
use meshcore::shell::command_line;
use meshcore::{Error, Result};
use meshstate::{ClusterState, ControlPlane, Resource};
use serde_json::json;

/// A revision that needs no flag.
const DEFAULT: &str = "default";

/// istiod is to run, and to know itself, the mesh and the network as they are wanted.
pub fn plan(wanted: &Wanted<'_>, plan: &mut Plan) -> Result<()> {
    for member in &wanted.members {
        let state = match member.knows(Resource::Deployments) {
            Ok(state) if !state.managed.is_empty() || member.is_remote() => continue,
            Ok(state) => state,
            Err(_) if member.is_silent() => continue,
            Err(reason) => {
                let text = format!("whether istiod runs there is not known: {reason}");
                plan.skip(Stage::ControlPlanes, member, text);
                continue;
            }
        };
        let planes = planes(member, state);
        if planes.is_empty() {
            let what = match &member.revision {
                Some(revision) => format!("install the control plane {revision}"),
                None => "install the control plane".to_owned(),
            };
            let revision = member.revision.as_deref();
            let uninstall =
                ["istioctl", "uninstall", "-y", "--revision", revision.unwrap_or(DEFAULT)];
            let why = "it is not there".to_owned();
            let install = install(wanted, member, revision)?;
            let step = Step::on(member, Stage::ControlPlanes, what, why, install);
            plan.steps.push(step.undone_by(on(&[member], uninstall)));
        }
        for plane in planes {
            let differences = differences(wanted, member, state, plane);
            if differences.is_empty() {
                continue;
            }
            let what = format!("install the control plane {} again, as wanted", plane.revision);
            let install = install(wanted, member, Some(&plane.revision))?;
            plan.steps.push(Step::on(
                member,
                Stage::ControlPlanes,
                what,
                differences.join("; "),
                install,
            ));
        }
    }
    Ok(())
}

/// The control planes that are wanted and there: of the revision, or of its tag.
fn planes<'a>(member: &Member<'_>, state: &'a ClusterState) -> Vec<&'a ControlPlane> {
    let Some(wanted) = member.revision.as_deref() else {
        return state.control_planes.iter().collect();
    };
    let tags = state.injectors.0.iter().filter(|webhook| webhook.tag.as_deref() == Some(wanted));
    let tagged: Vec<&str> = tags.map(|webhook| webhook.revision.as_str()).collect();
    let is_wanted = |plane: &&ControlPlane| {
        plane.revision == wanted || tagged.contains(&plane.revision.as_str())
    };
    state.control_planes.iter().filter(is_wanted).collect()
}

/// What a control plane was installed with and is not wanted.
fn differences(
    wanted: &Wanted<'_>,
    member: &Member<'_>,
    state: &ClusterState,
    plane: &ControlPlane,
) -> Vec<String> {
    let values = state.injector_values.get(&plane.revision);
    let config = state.mesh_configs.get(&plane.revision);
    let mesh_id = values.and_then(|values| values.mesh_id.as_deref());
    let mesh_id = mesh_id.or_else(|| config?.mesh_id.as_deref());
    let trust_domain = config.map(meshstate::MeshConfig::trust_domain);
    let network = values.and_then(|values| values.network.as_deref());
    let all: [(&str, Option<&str>, Option<&str>); 4] = [
        ("cluster", plane.cluster_id.as_deref(), Some(&member.id)),
        ("mesh", mesh_id, wanted.mesh_id.as_deref()),
        ("trust domain", trust_domain, wanted.trust_domain.as_deref()),
        ("network", network, member.network.as_deref()),
    ];
    let differs = |(what, now, wanted): (&str, Option<&str>, Option<&str>)| {
        let (now, wanted) = (now.filter(|now| !now.is_empty())?, wanted?);
        (now != wanted).then(|| format!("its {what} is {now}, not {wanted}"))
    };
    all.into_iter().filter_map(differs).collect()
}

/// Installs, or installs again. The record is all that mesh-install-gen needs to know.
fn install(wanted: &Wanted<'_>, member: &Member<'_>, revision: Option<&str>) -> Result<String> {
    let Some(mesh_id) = &wanted.mesh_id else {
        return Err(Error::data(
            "its control plane cannot be installed: the mesh's ID is not known",
        )
        .at(format!("cluster {}", member.name))
        .hint("say it in the file: meshId"));
    };
    // Without one istiod would take its pods for those of every other cluster.
    let Some(network) = &member.network else {
        return Err(Error::data("its control plane cannot be installed: its network is not known")
            .at(format!("cluster {}", member.name))
            .hint("say in the file in which `network` the clusters are"));
    };
    let record = json!({
        "apiVersion": "meshutils/v1alpha1",
        "kind": "Cluster",
        "name": member.name,
        "id": member.id,
        "meshId": mesh_id,
        "network": network,
    });
    let mut generate = vec!["mesh-install-gen".to_owned()];
    let mut flag = |name: &str, value: Option<String>| {
        generate.extend(value.map(|value| [name.to_owned(), value]).into_iter().flatten());
    };
    flag("--revision", revision.filter(|one| *one != DEFAULT).map(str::to_owned));
    flag("--trust-domain", wanted.trust_domain.clone());
    flag("--istio-version", wanted.version_of(member).map(|version| version.to_string()));
    generate.extend(namespace_flag(wanted).map(str::to_owned));
    Ok(pipe([
        print(&record.to_string()),
        command_line(generate),
        on(&[member], ["istioctl", "install", "-y", "-f", "-"]),
    ]))
}
