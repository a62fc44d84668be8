//! East-west gateways: how other networks get into a cluster's.

use super::Plan;
use super::roots::namespace_flag;
use crate::command::{kubectl, on, pipe, then};
use crate::file::{LoadBalancer, Platform};
use crate::step::{Stage, Step};
use crate::wanted::{Member, Wanted};
use meshcore::cluster::Provider;
use meshcore::shell::command_line;
use meshcore::{Error, Result};
use meshstate::{ClusterState, Resource, Service};

/// What Istio and mesh-gateway-gen call it.
pub const NAME: &str = "istio-eastwestgateway";

/// istiod takes the nodes of a Service of type `NodePort` for its addresses when this chooses them.
const NODES: &str = "traffic.istio.io/nodeSelector";

/// A cluster of a mesh with several networks is to have a gateway with an address.
pub fn plan(wanted: &Wanted<'_>, plan: &mut Plan) -> Result<()> {
    // All are installed before the first is waited for.
    let mut waits = Vec::new();
    for member in wanted.gateways() {
        let Some(network) = &member.network else { continue };
        let known = member.knows(Resource::Services);
        let state = known.as_ref().ok().copied();
        if let Some(state) = state
            && has_ambient(state, network)
        {
            continue;
        }
        let found = state.and_then(|state| service(state, network));
        if let Some(service) = found {
            if !has_address(service) {
                let why = format!("service {} has no address yet", service.meta.object());
                waits.push(wait(member, &service.meta.namespace, &service.meta.name, why));
            }
            continue;
        }
        let other = state.and_then(|state| state.service(&wanted.namespace, NAME));
        let why = match (&known, other) {
            (Err(reason), _) => format!("whether there is one is not known: {reason}"),
            (_, None) => format!("no service is labelled as a gateway of network {network}"),
            (_, Some(service)) => match service.network() {
                Some(other) if other != network => format!("service {NAME} is of network {other}"),
                Some(_) => format!("service {NAME} has no port 15443"),
                None => format!("service {NAME} names no network"),
            },
        };
        let apply = |flags: &[&str]| on(&[member], ["mesh-apply"].iter().chain(flags).copied());
        let made = command_line(generate(wanted, member, network, "manifests")?);
        let step = |flags: &[&str]| {
            let what = format!("install the gateway of network {network}");
            let command = pipe([made.clone(), apply(flags)]);
            Step::on(member, Stage::Gateways, what, why, command)
        };
        plan.steps.push(match other.and_then(Service::network) {
            Some(old) => {
                let old = command_line(generate(wanted, member, old, "manifests")?);
                let force = ["--force-conflicts"];
                step(&force).undone_by(pipe([old, apply(&force)]))
            }
            None => step(&[]).undone_by(pipe([made.clone(), apply(&["--delete"])])),
        });
        let why = "the gateway is new".to_owned();
        let mut new = wait(member, &wanted.namespace, NAME, why);
        // It may have an address before its pods are there.
        let deployment = format!("deployment/{NAME}");
        let words = ["rollout", "status", &deployment, "-n", &wanted.namespace, "--timeout=5m"];
        new.what = "wait for the gateway's pods and address".to_owned();
        new.command = then([kubectl(member, words), new.command]);
        waits.push(new);
    }
    plan.steps.extend(waits);
    Ok(())
}

/// The Service of a network's gateway.
pub fn service<'a>(state: &'a ClusterState, network: &str) -> Option<&'a Service> {
    let is_gateway =
        |service: &&Service| service.network() == Some(network) && service.gateway_port().is_some();
    state.gateway_services().find(is_gateway)
}

fn has_ambient(state: &ClusterState, network: &str) -> bool {
    let mut gateways = state.gateways.iter();
    gateways.any(|one| one.network() == Some(network) && one.class == "istio-east-west")
}

fn has_address(service: &Service) -> bool {
    !service.ingress.is_empty()
        || !service.external_ips.is_empty()
        || service.meta.annotation(NODES).is_some()
}

fn wait(member: &Member<'_>, namespace: &str, name: &str, why: String) -> Step {
    let mut words = vec!["mesh-lbaddr", "--wait"];
    if namespace != "istio-system" {
        words.extend(["--namespace", namespace]);
    }
    words.extend((name != NAME).then_some(name));
    let what = "wait for the gateway's address".to_owned();
    Step::on(member, Stage::Gateways, what, why, on(&[member], words))
}

/// The command that writes a gateway, in a form of mesh-gateway-gen.
pub fn generate(
    wanted: &Wanted<'_>,
    member: &Member<'_>,
    network: &str,
    form: &str,
) -> Result<Vec<String>> {
    let mut line = vec!["mesh-gateway-gen".to_owned()];
    let mut flag = |name: &str, value: &str| line.extend([name.to_owned(), value.to_owned()]);
    flag("--network", network);
    if let Some(revision) = &member.revision {
        flag("--revision", revision);
    }
    if let Some(version) = wanted.version_of(member) {
        flag("--istio-version", &version.to_string());
    }
    let described = wanted.network(member);
    let platform = described.and_then(|network| network.platform).or_else(|| platform(member));
    if let Some(balancer) = described.and_then(|network| network.load_balancer) {
        flag("--load-balancer", balancer.as_str());
        if balancer == LoadBalancer::Internal && platform.is_none() {
            return Err(Error::data(
                "what it runs on is not known, and clouds differ in how an \
                                    internal load balancer is asked for",
            )
            .at(format!("cluster {}", member.name))
            .hint("say it in the file: networks, platform"));
        }
        if let Some(platform) = platform {
            flag("--platform", platform.as_str());
        }
    }
    flag("-o", form);
    line.extend(namespace_flag(wanted).map(str::to_owned));
    Ok(line)
}

fn platform(member: &Member<'_>) -> Option<Platform> {
    match member.state?.record.as_ref()?.provider? {
        Provider::Gke => Some(Platform::Gke),
        Provider::Eks => Some(Platform::Eks),
        Provider::Aks => Some(Platform::Aks),
        Provider::Kubernetes => None,
    }
}
