//! `--check`: what is wrong with the files that somebody made for a machine.

mod assignments;
mod certificates;
mod found;
mod hosts;
mod report;
pub mod table;
mod variables;

pub use found::Found;

use crate::bundle::{CLUSTER_ENV, HOSTS, MESH_YAML, ROOT_CERT, TOKEN};
use crate::proxy::Proxy;
use crate::token::{self, Fault, Wanted};
use found::{CERT_CHAIN, KEY, is_secret};
use meshcore::finding::Finding;
use meshcore::{is_qualified_name, shell};
use report::Report;
use serde_json::json;
use variables::Variables;

/// By whose recipe files are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Recipe {
    /// As istioctl makes them since Istio 1.8: with a token
    Current,
    /// As the guides of Istio 1.6 had it: with a certificate
    #[value(name = "1.6")]
    Old,
}

/// How files are judged.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// Whose files they are.
    pub recipe: Recipe,
    /// For whom istiod's CA takes tokens.
    pub audience: &'a str,
    /// When, in seconds since 1970.
    pub at: i64,
}

/// All that is wrong with the files, by file and code.
#[must_use]
pub fn check(found: &Found, policy: Policy<'_>) -> Vec<Finding> {
    let mut report = Report::new(&found.folder);
    files(found, policy.recipe, &mut report);
    let mut variables = Variables::new();
    if let Some(text) = found.text(CLUSTER_ENV) {
        variables = variables::check(text, policy.recipe, &mut report);
    }
    let mut discovery = None;
    if let Some(text) = found.text(MESH_YAML).filter(|_| policy.recipe == Recipe::Current) {
        discovery = settings(text, &variables, &mut report);
    }
    if let Some(text) = found.text(HOSTS) {
        let given = |name: &str| variables.get(name).filter(|value| !value.is_empty()).cloned();
        let namespace = given("ISTIO_SYSTEM_NAMESPACE").unwrap_or("istio-system".to_owned());
        // In the order in which the agent looks.
        let address = given("PILOT_ADDRESS").or(discovery).or_else(|| given("CA_ADDR"));
        let istiod = address.map(|address| host(&address).to_owned());
        let istiod = istiod.unwrap_or_else(|| format!("istiod.{namespace}.svc"));
        let machine = given("ISTIO_SVC_IP").and_then(|ip| ip.parse().ok());
        hosts::check(text, &istiod, machine, &mut report);
    }
    let root = found.text(ROOT_CERT);
    let roots = root.map(|text| certificates::roots(text, policy.at, &mut report));
    match policy.recipe {
        Recipe::Current => {
            if let Some(text) = found.text(TOKEN) {
                judge_token(text, &variables, policy, &mut report);
            }
        }
        Recipe::Old => {
            let roots = roots.unwrap_or_default();
            let chain = found.text(CERT_CHAIN);
            let leaf =
                chain.and_then(|text| certificates::leaf(text, &roots, policy.at, &mut report));
            if let Some(text) = found.text(KEY) {
                certificates::key(text, leaf.as_ref(), &mut report);
            }
        }
    }
    report.into_findings()
}

fn files(found: &Found, recipe: Recipe, report: &mut Report<'_>) {
    for name in recipe.names().into_iter().filter(|name| !found.has(name)) {
        let fix = match name {
            CERT_CHAIN | KEY => "mesh-cert makes it",
            _ => "mesh-vm-env makes it",
        };
        report.find(table::MISSING, name, "is not there", json!({}), fix);
    }
    for (name, entry) in found.files() {
        let mode = format!("{:04o}", entry.mode);
        let evidence = json!({"mode": mode});
        let path = report.path(name);
        let chmod = |mode| shell::chmod(mode, path.as_ref());
        if let Err(reason) = &entry.text {
            report.find(table::UNREADABLE, name, reason, json!({}), "mesh-vm-env makes it again");
        }
        if is_secret(name) && entry.mode & 0o077 != 0 {
            let text = format!("is a secret, and its mode {mode} is not for its owner alone");
            report.find(table::SECRET_MODE, name, &text, evidence, &chmod("600"));
        } else if entry.mode & 0o022 != 0 {
            let text = format!("can be changed by others, by its mode {mode}");
            report.find(table::WRITABLE, name, &text, evidence, &chmod("644"));
        }
    }
}

/// Looks at `mesh.yaml` and gives the address of istiod that it names.
fn settings(text: &str, variables: &Variables, report: &mut Report<'_>) -> Option<String> {
    let path = report.path(MESH_YAML);
    let proxy = match Proxy::of_mesh(text, &path) {
        Ok(proxy) => proxy,
        Err(error) => {
            let reason = error.message().text();
            let reason = reason.strip_prefix(&path).unwrap_or(reason).trim_start_matches(": ");
            let fix = "mesh-vm-env makes it again";
            report.find(table::MESH_YAML, MESH_YAML, reason, json!({}), fix);
            return None;
        }
    };
    for (name, value) in &proxy.metadata {
        if variables.get(name).is_some_and(|other| other != value) {
            let text = format!("has another {name} than {CLUSTER_ENV}");
            let evidence = json!({"variable": name});
            let fix = "make both again, of one cluster and workload group";
            report.find(table::DIFFERS, MESH_YAML, &text, evidence, fix);
        }
    }
    Some(proxy.text("discoveryAddress").to_owned()).filter(|address| !address.is_empty())
}

/// Without the port.
fn host(address: &str) -> &str {
    let host = match address.strip_prefix('[') {
        Some(ipv6) => ipv6.split(']').next(),
        None => address.split(':').next(),
    };
    host.unwrap_or_default()
}

fn judge_token(text: &str, variables: &Variables, policy: Policy<'_>, report: &mut Report<'_>) {
    let account = variables.get("ISTIO_NAMESPACE").zip(variables.get("SERVICE_ACCOUNT"));
    let account = account.map(|(namespace, name)| format!("{namespace}/{name}"));
    let audience = policy.audience;
    let wanted = Wanted { audience, account: account.as_deref(), at: policy.at };
    let fix = match variables.get("ISTIO_NAMESPACE").zip(variables.get("SERVICE_ACCOUNT")) {
        // kubectl would take another for a flag.
        Some((namespace, name)) if is_qualified_name(name) => {
            let create =
                ["kubectl", "create", "token", name, "-n", namespace, "--audience", audience];
            format!(
                "{} > {}",
                shell::command_line(create),
                shell::command_line([report.path(TOKEN)])
            )
        }
        _ => "mesh-vm-env gets another".to_owned(),
    };
    // The agent takes off white space.
    for fault in token::faults(text.trim(), wanted) {
        let (check, evidence) = match &fault {
            Fault::Opaque => (table::TOKEN, json!({})),
            Fault::Expired(at) => (table::TOKEN_EXPIRED, json!({"expires": meshpki::date(*at)})),
            Fault::TooEarly(at) => (table::TOKEN_EARLY, json!({"notBefore": meshpki::date(*at)})),
            Fault::Audience(found) => {
                (table::TOKEN_AUDIENCE, json!({"audiences": found, "wanted": audience}))
            }
            Fault::Account(found) => {
                (table::TOKEN_ACCOUNT, json!({"account": found, "wanted": account}))
            }
        };
        report.find(check, TOKEN, &fault.text(wanted), evidence, &fix);
    }
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn a_host_stands_before_its_port() {
        for (address, expected) in [
            ("istiod.istio-system.svc:15012", "istiod.istio-system.svc"),
            ("[fd00::1]:15012", "fd00::1"),
            ("10.0.0.1", "10.0.0.1"),
            ("", ""),
        ] {
            assert_eq!(host(address), expected);
        }
    }
}
