//! What gateways give access to.

use super::Plan;
use super::roots::namespace_flag;
use crate::command::{on, pipe};
use crate::file::Exposure;
use crate::step::{Stage, Step};
use crate::wanted::{Member, Wanted};
use meshcore::istiod_revision;
use meshcore::shell::command_line;
use meshstate::{ClusterState, IstioGateway, Listener, Resource};

/// Services are exposed where there is a gateway; istiod where the file says so.
pub fn plan(wanted: &Wanted<'_>, plan: &mut Plan) {
    let members: Vec<&Member<'_>> = wanted.gateways().filter(|one| !one.is_remote()).collect();
    for member in &members {
        if wanted.expose.contains(&Exposure::Services) {
            expose(wanted, member, Exposure::Services, plan);
        }
    }
    if wanted.expose.contains(&Exposure::Istiod) {
        // Machines come from outside also where there is one network.
        let all = wanted.members.iter().filter(|one| !one.is_remote());
        let all = if members.is_empty() { all.collect() } else { members };
        for member in all {
            expose(wanted, member, Exposure::Istiod, plan);
        }
    }
}

fn expose(wanted: &Wanted<'_>, member: &Member<'_>, what: Exposure, plan: &mut Plan) {
    let known = member.knows(Resource::IstioGateways);
    let (name, missing) = match what {
        Exposure::Services => ("services", "no Gateway passes services of the mesh through"),
        Exposure::Istiod => ("istiod", "no Gateway has istiod's port 15012"),
    };
    let why = match known {
        Ok(state) if exposed(state, what).is_none() => missing.to_owned(),
        Ok(state) if what == Exposure::Istiod && !leads_on(state, member) => {
            "no VirtualService leads from istiod's port 15012 to it".to_owned()
        }
        Ok(_) => return,
        // An installed Istio has the kind; without it nothing is exposed.
        Err(reason) => format!("whether they are is not known: {reason}"),
    };
    let made = command_line(generate(wanted, member, what));
    let text = format!("expose {name} on the gateway");
    let command = pipe([made.clone(), on(&[member], ["mesh-apply"])]);
    let undo = pipe([made, on(&[member], ["mesh-apply", "--delete"])]);
    plan.steps.push(Step::on(member, Stage::Exposure, text, why, command).undone_by(undo));
}

/// Whether a route behind a gateway ends at the member's istiod.
fn leads_on(state: &ClusterState, member: &Member<'_>) -> bool {
    let is_its = |(namespace, name): &(String, String)| match member.revision.as_deref() {
        Some(revision) if revision != "default" => istiod_revision(name) == Some(revision),
        _ => !state.knows(Resource::Services) || state.service(namespace, name).is_some(),
    };
    !state.knows(Resource::VirtualServices)
        || state.virtual_services.iter().any(|rule| rule.istiods().iter().any(is_its))
}

/// The first of Istio's gateways that gives access.
pub fn exposed(state: &ClusterState, what: Exposure) -> Option<&IstioGateway> {
    let is_open = |server: &Listener| match what {
        Exposure::Services => server.tls_mode.as_deref() == Some("AUTO_PASSTHROUGH"),
        Exposure::Istiod => server.is_for_istiod(),
    };
    state.istio_gateways.iter().find(|gateway| gateway.servers.iter().any(is_open))
}

/// The command that writes the objects.
pub fn generate(wanted: &Wanted<'_>, member: &Member<'_>, what: Exposure) -> Vec<String> {
    let what_name = match what {
        Exposure::Services => "services",
        Exposure::Istiod => "istiod",
    };
    let mut line = vec!["mesh-expose".to_owned(), what_name.to_owned()];
    let mut flag = |name: &str, value: String| line.extend([name.to_owned(), value]);
    if let (Exposure::Istiod, Some(revision)) = (what, &member.revision)
        && revision != "default"
    {
        flag("--revision", revision.clone());
    }
    if let Some(version) = wanted.version_of(member) {
        flag("--istio-version", version.to_string());
    }
    line.extend(namespace_flag(wanted).map(str::to_owned));
    line
}
