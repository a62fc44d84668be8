//! All that can be said of a cluster's remote Secrets without asking anybody.

use crate::check;
use crate::credentials::{self, When};
use crate::origin::Origin;
use crate::primary::Primary;
use crate::secret::RemoteSecret;
use crate::subject::Subject;
use crate::{connection, place, validity};
use meshcore::Result;
use meshcore::credentials::{Cluster, Kubeconfig, Named, User};
use meshcore::finding::Finding;
use meshcore::jwt::fingerprint;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};

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
    let mut read: HashMap<&str, &RemoteSecret> = HashMap::new();
    let mut rivals = Rivals::default();
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
            let rival = read.get(id.as_str()).copied().filter(|_| is_read);
            linted.findings.extend(place::of_id(subject, id, own_id, rival));
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
                    linted.findings.extend(rivals.cluster_twice(remote));
                }
                linted.remotes.push(remote);
            }
        }
        if is_read {
            for id in secret.ids() {
                read.entry(id).or_insert(secret);
            }
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
    let is_valid = findings.len() == before;
    let current = kubeconfig.current();
    // istiod opens the files of all clusters; the current one is judged with the way to it.
    let is_other = |other: &&Named<Cluster>| {
        current.is_none_or(|(cluster, _)| !std::ptr::eq(cluster, &raw const other.entry))
    };
    let others = kubeconfig.clusters.iter().filter(is_other);
    findings.extend(others.filter_map(|other| connection::file(subject, &other.entry)));
    let (cluster, user) = current?;
    Some(Remote { subject, cluster, user, is_valid })
}

fn of_remote(remote: Remote<'_>, when: When) -> Vec<Finding> {
    let Remote { subject, cluster, user, .. } = remote;
    let mut found = connection::findings(subject, cluster);
    found.extend(credentials::findings(subject, user, when));
    found.extend(credentials::expiry_note(subject, user));
    found
}

/// The entries that istiod reads, by what must be one cluster's alone: of each the first, and the
/// first of another ID.
#[derive(Default)]
struct Rivals<'a> {
    by_token: HashMap<&'a str, Vec<Remote<'a>>>,
    by_way: HashMap<(String, &'a str, &'a str), Vec<Remote<'a>>>,
}

impl<'a> Rivals<'a> {
    /// Whether an entry before this one leads to the same API server under another ID.
    fn cluster_twice(&mut self, remote: Remote<'a>) -> Option<Finding> {
        let Cluster { server, proxy_url, tls_server_name, .. } = remote.cluster;
        let address = server.trim_end_matches('/').to_ascii_lowercase();
        let token = remote.user.token.as_str();
        let of_token = (!token.is_empty())
            .then(|| rival(self.by_token.entry(token).or_default(), remote))
            .flatten();
        let way = (address, proxy_url.as_str(), tls_server_name.as_str());
        let of_way = (!server.is_empty())
            .then(|| rival(self.by_way.entry(way).or_default(), remote))
            .flatten();
        match (of_token, of_way) {
            (Some(other), _) => Some(twice(remote, other, "token")),
            (None, Some(other)) => Some(twice(remote, other, "server")),
            (None, None) => None,
        }
    }
}

/// The first one of another ID; this one is noted for those that come after it.
fn rival<'a>(known: &mut Vec<Remote<'a>>, remote: Remote<'a>) -> Option<Remote<'a>> {
    let is_other = |other: &&Remote<'a>| other.subject.id != remote.subject.id;
    let found = known.iter().find(is_other).copied();
    if known.is_empty() || (known.len() == 1 && found.is_some()) {
        known.push(remote);
    }
    found
}

fn twice(remote: Remote<'_>, other: Remote<'_>, same: &str) -> Finding {
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
    remote.subject.finding(check::CLUSTER_TWICE, &text, evidence, fix)
}
