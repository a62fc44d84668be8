//! All that can be said of a cluster's remote Secrets without asking anybody.

use crate::check;
use crate::credentials::{self, When};
use crate::origin::Origin;
use crate::primary::Primary;
use crate::secret::RemoteSecret;
use crate::subject::Subject;
use crate::{connection, place, validity};
use meshcore::Result;
use meshcore::credentials::{Cluster, Kubeconfig, User};
use meshcore::finding::Finding;
use meshcore::jwt::fingerprint;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// What istiod is, and how strict to be.
#[derive(Debug)]
pub struct Policy {
    /// istiod's namespace.
    pub namespace: String,
    /// istiod's CLUSTER_ID, where its Deployment does not tell it.
    pub own_id: Option<String>,
    /// Options that istiod allows in kubeconfigs, besides those its Deployment tells.
    pub allowed: BTreeSet<String>,
    /// When tokens are judged.
    pub when: When,
}

/// An entry of a Secret whose kubeconfig has a current context.
#[derive(Clone, Copy)]
pub struct Remote<'a> {
    /// Where it stands.
    pub subject: Subject<'a>,
    /// The API server.
    pub cluster: &'a Cluster,
    /// The credentials.
    pub user: &'a User,
    /// Whether istiod takes the kubeconfig.
    pub is_valid: bool,
}

/// The findings, and the entries that name an API server.
#[derive(Default)]
pub struct Linted<'a> {
    /// Not in order.
    pub findings: Vec<Finding>,
    /// In the Secrets' order.
    pub remotes: Vec<Remote<'a>>,
}

/// Checks the Secrets of one cluster; `origins` are the clusters that they are for, by ID.
pub fn lint<'a>(
    primary: &'a Primary,
    policy: &'a Policy,
    origins: &BTreeMap<String, Origin>,
) -> Result<Linted<'a>> {
    let own_id = match &policy.own_id {
        Some(id) => Some(id.as_str()),
        None => primary.own_id(&policy.namespace).map_err(|error| match &primary.context {
            Some(context) => error.at(format!("context {context}")),
            None => error,
        })?,
    };
    let allowed = &policy.allowed | &primary.allowed(&policy.namespace);
    let mut linted = Linted::default();
    let mut read: Vec<&RemoteSecret> = Vec::new();
    for secret in &primary.secrets {
        let subject = Subject {
            context: primary.context.as_deref(),
            secret,
            id: None,
            system_namespace: &policy.namespace,
        };
        linted.findings.extend(place::findings(subject));
        let is_read = secret.is_read_in(&policy.namespace);
        for (id, kubeconfig) in &secret.entries {
            let subject = subject.cluster(id);
            // Two that istiod does not read are no rivals.
            let others: &[&RemoteSecret] = if is_read { &read } else { &[] };
            linted.findings.extend(place::of_id(subject, id, own_id, others));
            let remote = match kubeconfig {
                Ok(kubeconfig) => {
                    of_kubeconfig(subject, kubeconfig, &allowed, &mut linted.findings)
                }
                Err(reason) => {
                    linted.findings.push(unreadable(subject, reason));
                    None
                }
            };
            if let Some(remote) = remote {
                linted.findings.extend(of_remote(remote, policy.when));
                if let Some(origin) = origins.get(id) {
                    linted.findings.extend(origin.findings(remote));
                }
                if is_read {
                    linted.findings.extend(cluster_twice(remote, &linted.remotes));
                }
                linted.remotes.push(remote);
            }
        }
        if is_read {
            read.push(secret);
        }
    }
    Ok(linted)
}

fn unreadable(subject: Subject<'_>, reason: &str) -> Finding {
    let text = format!("its kubeconfig {reason}");
    subject.finding(check::UNREADABLE, &text, json!({}), subject.make_again(&[]))
}

/// What istiod refuses of a kubeconfig, and the cluster and user of its current context.
fn of_kubeconfig<'a>(
    subject: Subject<'a>,
    kubeconfig: &'a Kubeconfig,
    allowed: &BTreeSet<String>,
    findings: &mut Vec<Finding>,
) -> Option<Remote<'a>> {
    let before = findings.len();
    for fault in validity::faults(kubeconfig) {
        let text = format!("its kubeconfig {fault}");
        let fix = subject.make_again(&[]);
        findings.push(subject.finding(check::INVALID, &text, json!({}), fix));
    }
    for option in validity::refused(kubeconfig, allowed) {
        let text = format!(
            "istiod does not allow its {option}: a service account's token needs no program and \
             no file"
        );
        let evidence = json!({"option": option, "allowed": allowed});
        let fix = subject.make_again(&[]);
        findings.push(subject.finding(check::NOT_ALLOWED, &text, evidence, fix));
    }
    let (cluster, user) = kubeconfig.current()?;
    Some(Remote { subject, cluster, user, is_valid: findings.len() == before })
}

fn of_remote(remote: Remote<'_>, when: When) -> Vec<Finding> {
    let Remote { subject, cluster, user, .. } = remote;
    let mut found = connection::findings(subject, cluster);
    found.extend(credentials::findings(subject, user, when));
    found.extend(credentials::expiry_note(subject, user));
    found
}

/// Whether an entry before this one leads to the same API server under another ID.
fn cluster_twice(remote: Remote<'_>, before: &[Remote<'_>]) -> Option<Finding> {
    let same_token = |other: &&Remote<'_>| {
        !remote.user.token.is_empty() && other.user.token == remote.user.token
    };
    let way = |cluster: &Cluster| {
        let server = cluster.server.trim_end_matches('/').to_ascii_lowercase();
        (server, cluster.proxy_url.clone(), cluster.tls_server_name.clone())
    };
    let same_way = |other: &&Remote<'_>| {
        !remote.cluster.server.is_empty() && way(other.cluster) == way(remote.cluster)
    };
    let is_rival = |other: &&Remote<'_>| {
        let Subject { secret, id, system_namespace, .. } = other.subject;
        id != remote.subject.id && secret.is_read_in(system_namespace)
    };
    let rivals = || before.iter().filter(is_rival);
    let (other, same) = match rivals().find(same_token) {
        Some(other) => (other, "token"),
        None => (rivals().find(same_way)?, "server"),
    };
    let id = other.subject.id.unwrap_or_default();
    let text = format!(
        "cluster {id} of secret {} has the same {same}: istiod would count every endpoint twice",
        other.subject.object()
    );
    let mut evidence = json!({"otherCluster": id, "otherSecret": other.subject.object()});
    evidence["server"] = json!(connection::shown(&remote.cluster.server));
    if same == "token" {
        evidence["fingerprint"] = json!(fingerprint(&remote.user.token));
    }
    let fix = format!(
        "keep the one whose ID is the other cluster's CLUSTER_ID: {}",
        remote.subject.remove()
    );
    Some(remote.subject.finding(check::CLUSTER_TWICE, &text, evidence, fix))
}
