//! What is in a cluster that leaves: labels, gateway, exposure.

use super::Leaving;
use crate::command::{kubectl, on, pipe, run_output, then};
use crate::file::Exposure;
use crate::join::{
    GATEWAY, Plan, expose, exposed, gateway_service, generate, is_injected, unlabel,
};
use crate::step::{Stage, Step};
use crate::wanted::{Member, Wanted};
use meshcore::shell::command_line;
use meshcore::{Message, Result};
use meshstate::{Meta, Resource, Service};

const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// istioctl's mark of what an IstioOperator made.
const OPERATOR: &str = "install.operator.istio.io/owning-resource";

/// What mesh-expose makes.
const EXPOSURES: &str = "gateways.networking.istio.io,virtualservices.networking.istio.io,\
                         destinationrules.networking.istio.io";
/// What mesh-gateway-gen makes.
const GATEWAY_KINDS: &str = "services,deployments,horizontalpodautoscalers,poddisruptionbudgets,\
                             rolebindings,roles,serviceaccounts";

/// Undoes what a mesh needs in a cluster.
pub fn plan(
    wanted: &Wanted<'_>,
    leaving: Leaving<'_, '_>,
    member: &Member<'_>,
    plan: &mut Plan,
) -> Result<()> {
    if leaving.is_end {
        plan.steps.extend(namespaces(wanted, member));
    }
    exposures(wanted, member, plan);
    gateway(wanted, leaving, member, plan)?;
    plan.steps.extend(network(wanted, member));
    Ok(())
}

/// Whether the object is of our making.
fn is_ours(meta: &Meta) -> bool {
    meta.label(MANAGED_BY) == Some("meshutils")
}

fn not_ours(member: &Member<'_>, object: &str) -> Message {
    Message::new(format!("{object} is not of our making, and stays"))
        .at(format!("cluster {}", member.name))
}

/// Injection ends with the mesh, and what runs with a sidecar is restarted without.
fn namespaces(wanted: &Wanted<'_>, member: &Member<'_>) -> Vec<Step> {
    let known = member.knows(Resource::Namespaces);
    let is_labelled = |name: &&String| match &known {
        Ok(state) => state.namespace(name).is_some_and(|found| is_injected(&found.meta.labels)),
        Err(_) => true,
    };
    let names: Vec<&str> =
        wanted.namespaces.iter().filter(is_labelled).map(String::as_str).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let words = |flag: &'static str| {
        ["mesh-label-ns", flag].into_iter().chain(names.iter().copied()).collect::<Vec<_>>()
    };
    let why = match &known {
        Ok(_) => "they are labelled for injection".to_owned(),
        Err(reason) => format!("whether they are labelled is not known: {reason}"),
    };
    let what = format!("have {} no longer injected", names.join(", "));
    let restart = run_output(&[member], &on(&[member], words("--restart-list")));
    let command = then([on(&[member], words("--remove")), restart]);
    vec![Step::on(member, Stage::Namespaces, what, why, command)]
}

fn exposures(wanted: &Wanted<'_>, member: &Member<'_>, plan: &mut Plan) {
    let state = match member.knows(Resource::IstioGateways) {
        Ok(state) => state,
        Err(reason) => {
            if wanted.crosses_networks() || wanted.expose.contains(&Exposure::Istiod) {
                let what = "expose services and istiod no longer".to_owned();
                let why = format!("whether they are exposed is not known: {reason}");
                let command = delete_ours(wanted, member, EXPOSURES, "");
                plan.steps.push(Step::on(member, Stage::Exposure, what, why, command));
            }
            return;
        }
    };
    for (what, name) in [(Exposure::Services, "services"), (Exposure::Istiod, "istiod")] {
        let Some(gateway) = exposed(state, what) else { continue };
        let object = format!("Gateway {}", gateway.meta.object());
        if !is_ours(&gateway.meta) {
            plan.warn(Stage::Exposure, not_ours(member, &object));
            continue;
        }
        let made = command_line(expose(wanted, member, what));
        let command = pipe([made.clone(), on(&[member], ["mesh-apply", "--delete"])]);
        let undo = pipe([made, on(&[member], ["mesh-apply"])]);
        let (what, why) =
            (format!("expose {name} no longer"), format!("{object} gives access to them"));
        plan.steps.push(Step::on(member, Stage::Exposure, what, why, command).undone_by(undo));
    }
}

/// Deletes what is of our making, whatever that is.
fn delete_ours(wanted: &Wanted<'_>, member: &Member<'_>, kinds: &str, more: &str) -> String {
    let labels = format!("{MANAGED_BY}=meshutils{more}");
    kubectl(member, ["delete", kinds, "-n", &wanted.namespace, "-l", &labels])
}

fn gateway(
    wanted: &Wanted<'_>,
    leaving: Leaving<'_, '_>,
    member: &Member<'_>,
    plan: &mut Plan,
) -> Result<()> {
    let Some(network) = &member.network else { return Ok(()) };
    let step = |why: String, command: String| {
        let what = format!("remove the gateway of network {network}");
        Step::on(member, Stage::Gateways, what, why, command)
    };
    let state = match member.knows(Resource::Services) {
        Ok(state) => state,
        Err(reason) => {
            if wanted.crosses_networks() {
                let why = format!("whether there is one is not known: {reason}");
                let command = delete_ours(wanted, member, GATEWAY_KINDS, ",istio=eastwestgateway");
                plan.steps.push(step(why, command));
            }
            return Ok(());
        }
    };
    let Some(service) = gateway_service(state, network) else { return Ok(()) };
    let object = format!("service {}", service.meta.object());
    let why = format!("{object} is a gateway into it");
    let generated = |form: &str| generate(wanted, member, network, form).map(command_line);
    if is_ours(&service.meta) && service.meta.name == GATEWAY {
        let made = generated("manifests")?;
        let command = pipe([made.clone(), on(&[member], ["mesh-apply", "--delete"])]);
        let undo = pipe([made, on(&[member], ["mesh-apply"])]);
        plan.steps.push(step(why, command).undone_by(undo));
    } else if leaving.is_end {
        plan.warn(Stage::Gateways, not_ours(member, &object));
    } else {
        let (command, undo) = removal(member, service, &generated("iop")?);
        plan.steps.push(Step { undo, ..step(why, command) });
    }
    Ok(())
}

/// Removes a gateway the way it was made, and tells how it is made again.
fn removal(member: &Member<'_>, service: &Service, operator: &str) -> (String, Option<String>) {
    let Meta { namespace, name, .. } = &service.meta;
    if service.meta.label(OPERATOR).is_some() {
        let istioctl = |verb: &str| {
            pipe([operator.to_owned(), on(&[member], ["istioctl", verb, "-y", "-f", "-"])])
        };
        return (istioctl("uninstall"), Some(istioctl("install")));
    }
    let release = service.meta.annotation("meta.helm.sh/release-name");
    // Helm has no such name, and would take it for a flag.
    let release = release.filter(|release| !release.starts_with('-'));
    if let (Some("Helm"), Some(release)) = (service.meta.label(MANAGED_BY), release) {
        let mut line = vec!["helm", "uninstall", release, "--namespace", namespace];
        line.extend(["--kube-context", &member.context]);
        if let Some(file) = &member.kubeconfig {
            line.extend(["--kubeconfig", file]);
        }
        return (command_line(line), None);
    }
    let flags = ["-n", namespace, "--ignore-not-found"];
    let delete = |object: String| kubectl(member, ["delete", &object].into_iter().chain(flags));
    (then([delete(format!("service/{name}")), delete(format!("deployment/{name}"))]), None)
}

fn network(wanted: &Wanted<'_>, member: &Member<'_>) -> Option<Step> {
    let namespace = &wanted.namespace;
    let why = match member.knows(Resource::Namespaces) {
        Ok(state) => {
            let now = state.namespace(namespace)?.network()?;
            format!("the namespace {namespace} is labelled {now}")
        }
        Err(reason) => {
            member.network.as_ref()?;
            format!("its label is not known: {reason}")
        }
    };
    let what = "take the network's label away".to_owned();
    let step = Step::on(member, Stage::Networks, what, why, unlabel(member, namespace));
    let set = |network: &String| on(&[member], ["mesh-label-ns", "--network", network, namespace]);
    Some(Step { undo: member.network.as_ref().map(set), ..step })
}
