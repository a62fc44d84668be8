//! The mesh's CA: what mesh-cacerts verifies, of all clusters at once.

use crate::Judging;
use crate::command::{apply_to, then};
use crate::member::{Member, Mesh};
use crate::table::{self, roots as check};
use mesh_cacerts::{Cluster, Clusters, FileSet, Key, Style, When};
use meshcore::finding::Finding;
use meshcore::shell::command_line;
use meshstate::CaSecret;
use serde_json::json;
use std::sync::Arc;

/// The folder that a mesh's root is kept in, in the commands that make certificates.
const ROOT_DIR: &str = "mesh-root";

/// Findings about the CAs of all clusters, by the rules of mesh-cacerts.
#[must_use]
pub fn findings(mesh: &Mesh, judging: Judging) -> Vec<Finding> {
    let cluster = |member: &Member| (member.name().to_owned(), authority(member));
    let clusters: Clusters = mesh.known().map(cluster).collect();
    let when = When { at: judging.at.as_second(), within: judging.within.as_secs() };
    let found = mesh_cacerts::findings(&clusters, &[], when).into_iter();
    let known = found.filter(|finding| table::by_code(finding.code).is_ok());
    known.map(|finding| with_commands(mesh, finding)).collect()
}

fn authority(member: &Member) -> Cluster {
    let roots = &member.state.roots;
    let published = roots
        .distributed
        .as_ref()
        .map(|pem| (member.istio_namespace().to_owned(), pem.to_string()));
    let set = match (&roots.plugged_in, &roots.self_signed) {
        (Some(secret), _) if secret.keys.contains("tls.crt") => Some(set(secret, Style::Tls)),
        (Some(secret), _) => Some(set(secret, Style::Istio)),
        (None, Some(secret)) => Some(set(secret, Style::SelfSigned)),
        (None, None) => None,
    };
    Cluster {
        sets: set.into_iter().collect(),
        published: published.into_iter().collect(),
        name: Some(member.name().to_owned()),
        ..Cluster::default()
    }
}

/// The files of a Secret; of the key it is known only that there is one.
fn set(secret: &CaSecret, style: Style) -> FileSet {
    let pem = |name: &str, pem: &Option<Arc<str>>| {
        let pem = pem.as_ref().filter(|_| secret.keys.contains(name));
        pem.map(ToString::to_string)
    };
    let ca_cert = pem(style.ca_cert(), &secret.certificate);
    let root_cert = match style {
        Style::SelfSigned => ca_cert.clone(),
        Style::Istio | Style::Tls => pem(style.root_cert(), &secret.root),
    };
    let cert_chain = match style {
        Style::Istio => pem(style.cert_chain(), &secret.chain),
        Style::Tls => ca_cert.clone().zip(root_cert.clone()).map(|(own, root)| own + &root),
        Style::SelfSigned => ca_cert.clone(),
    };
    let has_key = secret.keys.contains(style.ca_key());
    FileSet {
        object: format!("{}/{}", secret.namespace, secret.name),
        namespace: Some(secret.namespace.clone()),
        style,
        ca_cert,
        ca_key: has_key.then_some(Key::Redacted { public_key: None }),
        root_cert,
        cert_chain,
        crl: None,
    }
}

/// With the commands of these clusters, and what a finding of one cluster is about.
fn with_commands(mesh: &Mesh, finding: Finding) -> Finding {
    let named = |value: &serde_json::Value| mesh.named(value.as_str()?);
    let mut evidence = finding.evidence;
    let members: Vec<&Member> = match evidence["clusters"].as_array() {
        Some(all) => all.iter().filter_map(named).collect(),
        None => named(&evidence["cluster"]).into_iter().collect(),
    };
    let Some(first) = members.first() else { return Finding { evidence, ..finding } };
    let restart = evidence["restart"].as_str().unwrap_or_default().to_owned();
    let is_restart = finding.code == check::NOT_TAKEN_UP.code;
    let fix = if is_restart {
        restarts(&members, true)
    } else if finding.code == check::NO_TRUST.code || finding.code == check::SAME_KEY.code {
        then([renew(&members), restarts(&members, restart != "none")])
    } else if finding.fix.contains("mesh-cacerts init") {
        let restarts = (restart != "none").then(|| restarts(&members, restart == "proxies"));
        then([renew(&members)].into_iter().chain(restarts))
    } else {
        rotate(mesh)
    };
    let object = match &members[..] {
        [member] => format!("{}: Secret {}", member.name(), finding.object),
        _ => members.iter().map(|member| member.name()).collect::<Vec<_>>().join(", "),
    };
    evidence["cluster"] = json!(first.name());
    Finding { object, evidence, fix, ..finding }
}

/// New intermediates of the one root that is in [`ROOT_DIR`], or is made there.
fn renew(members: &[&Member]) -> String {
    let mut init = vec!["mesh-cacerts", "init", "--root-dir", ROOT_DIR];
    for member in members {
        init.extend(["--cluster", member.way.context()]);
    }
    if let Some(namespace) = members.first().map(|member| member.istio_namespace())
        && namespace != "istio-system"
    {
        init.extend(["-n", namespace]);
    }
    let apply = apply_to(members.iter().map(|member| &member.way));
    format!("{} | {apply}", command_line(init))
}

/// Istiod, and then every proxy, of whatever runs there then.
fn restarts(members: &[&Member], with_proxies: bool) -> String {
    let of_istiod = members.iter().flat_map(|member| {
        let namespace = member.istio_namespace();
        let words = ["rollout", "status", "deployment", "-n", namespace, "-l", "app=istiod"];
        let wait = with_proxies.then(|| member.way.kubectl(words));
        [member.way.restart_istiod(namespace)].into_iter().chain(wait)
    });
    let contexts: Vec<&str> = members.iter().map(|member| member.way.context()).collect();
    let proxies = with_proxies.then(|| mesh_cacerts::restart_proxies(&contexts));
    then(of_istiod.chain(proxies.into_iter().flatten()))
}

/// The steps to another root, on which no proxy distrusts another.
fn rotate(mesh: &Mesh) -> String {
    let mut capture = vec!["mesh-capture".to_owned()];
    capture.extend(mesh.known().flat_map(|member| member.way.flags()));
    format!("{} | mesh-cacerts rotate --root-dir {ROOT_DIR}", command_line(capture))
}
