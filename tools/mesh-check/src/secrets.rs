//! Remote Secrets: whether each control plane has credentials for each other cluster.

mod lint;
mod missing;
mod remake;

pub use remake::Remake;

use crate::Judging;
use crate::bulk::Secret;
use crate::identity::ids_twice;
use crate::member::{Member, Mesh, are_peers};
use crate::table::{between, secrets as check};
use crate::whose::Whose;
use jiff::Timestamp;
use meshcore::finding::Finding;
use meshcore::is_secret_key;
use meshstate::{Credential, DEFAULT_CLUSTER_ID, RemoteCluster, TokenSecret};
use serde_json::json;
use std::collections::{BTreeSet, HashMap};

/// All findings about remote Secrets.
#[must_use]
pub fn findings(mesh: &Mesh, judging: Judging) -> Vec<Finding> {
    let whose = Whose::of(mesh);
    let twice = ids_twice(mesh);
    // Two clusters with one ID are told by themselves: every Secret for either is doubtful.
    let is_doubtful = |member: &Member| member.ids.iter().any(|id| twice.contains_key(id.as_str()));
    let mut found = lint::findings(mesh, &whose, judging);
    let holders = holders(mesh);
    let mut led_astray: BTreeSet<(String, String)> = BTreeSet::new();
    for member in &mesh.members {
        found.extend(foreign_account(member));
        found.extend(several_tokens(mesh, &holders, member));
        if is_doubtful(member) {
            continue;
        }
        let mut before = Before::default();
        for (secret, key) in entries(member) {
            let destination = destination(mesh, &whose, member, secret, key);
            if let LeadsTo::Other(target) = destination {
                if is_doubtful(target) {
                    continue;
                }
                led_astray.insert((member.name().to_owned(), target.name().to_owned()));
                found.push(wrong_key(member, secret, key, target));
            } else if matches!(destination, LeadsTo::Unknown)
                && is_secret_key(key)
                && key != DEFAULT_CLUSTER_ID
            {
                found.push(unknown(member, secret, key));
            }
            found.extend(of_key(mesh, member, secret, key));
            found.extend(before.rival(member, secret, key, &destination));
        }
    }
    let is_told = |reader: &Member, target: &Member| {
        is_doubtful(reader)
            || is_doubtful(target)
            || led_astray.contains(&(reader.name().to_owned(), target.name().to_owned()))
    };
    found.extend(missing::findings(mesh, is_told));
    found
}

/// The entries of the Secrets that istiod reads.
fn entries(member: &Member) -> impl Iterator<Item = (&Secret, &str)> {
    let secrets = member.bulk.secrets.iter();
    let read = secrets.filter(|secret| secret.is_read_in(member.istio_namespace()));
    read.flat_map(|secret| secret.keys().map(move |key| (secret, key)))
}

/// Keys that are nobody's ID.
fn of_key(mesh: &Mesh, member: &Member, secret: &Secret, key: &str) -> Option<Finding> {
    // What is wrong with the ID of a cluster is told there.
    if mesh.with_id(key).next().is_some() {
        return None;
    }
    let object = secret.object();
    let (check, text) = if !is_secret_key(key) {
        (&check::KEY, format!("secret {object}: no Secret can have the key {key:?}"))
    } else if key == DEFAULT_CLUSTER_ID {
        let text = "the ID of every cluster without a name".to_owned();
        (&check::DEFAULT_ID, format!("secret {object}: key {key} is {text}"))
    } else {
        return None;
    };
    let fix = remake::remove(member, secret, key);
    Some(member.finding(check, Some(("Secret", &object)), &text, json!({"key": key}), fix))
}

/// Entries before another one: by key, and by the way that they lead.
#[derive(Default)]
struct Before<'a> {
    keys: HashMap<&'a str, &'a Secret>,
    ways: HashMap<(&'a str, &'a str), &'a str>,
}

/// What two entries that lead to one API server have in common: the token, or else the address
/// and the proxy before it.
fn way(remote: &RemoteCluster) -> (&str, &str) {
    match &remote.credential {
        Credential::Token { fingerprint, .. } => ("", fingerprint),
        _ => (&remote.server, remote.proxy_url.as_deref().unwrap_or_default()),
    }
}

impl<'a> Before<'a> {
    /// An entry before this one with the same ID, or that leads to the same API server; notes this
    /// one.
    fn rival(
        &mut self,
        member: &Member,
        secret: &'a Secret,
        key: &'a str,
        destination: &LeadsTo<'_>,
    ) -> Option<Finding> {
        let object = secret.object();
        if let Some(other) = self.keys.insert(key, secret) {
            // The one whose token ends first is the older one.
            let ends = |secret: &Secret| {
                let remote = secret.get(key).and_then(|remote| remote.as_ref().ok());
                let claims = remote.and_then(|remote| remote.credential.claims());
                claims.map(|claims| claims.expires.unwrap_or(Timestamp::MAX))
            };
            let (older, newer) =
                if ends(other) <= ends(secret) { (other, secret) } else { (secret, other) };
            let text = format!(
                "secrets {}/{} and {}/{} both have the key {key}: istiod takes the one that it sees \
                 first",
                older.namespace, older.name, newer.namespace, newer.name
            );
            let fix = remake::remove(member, older, key);
            let object = Some(("Secret", object.as_str()));
            let evidence = json!({"key": key});
            return Some(member.finding(&check::ID_TWICE, object, &text, evidence, fix));
        }
        let remote = secret.get(key)?.as_ref().ok()?;
        let other = self.ways.insert(way(remote), key)?;
        // One under a wrong key is told already.
        if matches!(destination, LeadsTo::Other(_)) {
            return None;
        }
        let text = format!(
            "secret {object}: key {key} leads where {other} leads: every endpoint there counts twice"
        );
        let fix = remake::remove(member, secret, key);
        let evidence = json!({"key": key, "otherKey": other});
        let object = Some(("Secret", object.as_str()));
        Some(member.finding(&check::CLUSTER_TWICE, object, &text, evidence, fix))
    }
}

/// Where an entry leads.
enum LeadsTo<'a> {
    /// To the cluster with this ID, as far as can be seen.
    Right,
    /// To a cluster that has another ID.
    Other(&'a Member),
    /// To none that was looked at.
    Unknown,
    /// It cannot be told.
    Unclear,
}

fn destination<'a>(
    mesh: &'a Mesh,
    whose: &Whose<'_>,
    member: &Member,
    secret: &Secret,
    key: &str,
) -> LeadsTo<'a> {
    let Some(Ok(remote)) = secret.get(key) else { return LeadsTo::Unclear };
    let mut named = mesh.with_id(key);
    if let Some(index) = whose.is(remote) {
        let target = &mesh.members[index];
        if target.ids.is_empty() {
            return LeadsTo::Unclear;
        }
        let is_right = target.ids.iter().any(|id| id == key) && target.name() != member.name();
        return if is_right { LeadsTo::Right } else { LeadsTo::Other(target) };
    }
    if named.next().is_some() {
        return LeadsTo::Right;
    }
    // The name by which people know it, where istiod has another.
    match mesh.find(key).filter(|target| target.name() != member.name()) {
        Some(target) if !target.ids.is_empty() => LeadsTo::Other(target),
        Some(_) => LeadsTo::Unclear,
        None => LeadsTo::Unknown,
    }
}

fn wrong_key(member: &Member, secret: &Secret, key: &str, target: &Member) -> Finding {
    let object = secret.object();
    let ids = target.ids.join(", ");
    let remove = remake::remove(member, secret, key);
    let is_own = member.ids.iter().any(|id| id == key);
    let check = if is_own { &check::OWN_ID } else { &between::WRONG_KEY };
    let (text, fix) = if is_own && target.name() != member.name() {
        let text = format!(
            "secret {object}: key {key} is istiod's own ID, so it ignores the entry, which leads to {}",
            target.name()
        );
        (text, crate::command::then([remove, Remake::of(target).to(&[member])]))
    } else if target.name() == member.name() {
        let text =
            format!("secret {object}: key {key} leads to the cluster itself, which is {ids}");
        (text, remove)
    } else {
        let text = format!(
            "secret {object}: key {key} leads to cluster {}, whose istiod is {ids}",
            target.name()
        );
        let has_right = target.ids.iter().any(|id| member.reads.contains(id.as_str()));
        let make = (!has_right).then(|| Remake::of(target).to(&[member]));
        (text, crate::command::then([remove].into_iter().chain(make)))
    };
    let evidence = json!({"key": key, "leadsTo": target.name(), "clusterId": target.ids});
    member.finding(check, Some(("Secret", &object)), &text, evidence, fix)
}

fn unknown(member: &Member, secret: &Secret, key: &str) -> Finding {
    let object = secret.object();
    let text = format!("secret {object}: cluster {key} is not among those that were looked at");
    let fix = remake::remove(member, secret, key);
    let object = Some(("Secret", object.as_str()));
    member.finding(&between::UNKNOWN_CLUSTER, object, &text, json!({"key": key}), fix)
}

/// What Istio calls the account whose token others read with.
const READER: &str = "istio-reader-service-account";

/// The places of the clusters that have a token, by its fingerprint.
fn holders(mesh: &Mesh) -> HashMap<&str, Vec<usize>> {
    let mut holders: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, member) in mesh.members.iter().enumerate() {
        let entries = member.bulk.secrets.iter().flat_map(|secret| &secret.entries);
        for remote in entries.filter_map(|(_, remote)| remote.as_ref().ok()) {
            let Credential::Token { fingerprint, .. } = &remote.credential else { continue };
            let known = holders.entry(fingerprint).or_default();
            if known.last() != Some(&index) {
                known.push(index);
            }
        }
    }
    holders
}

/// Token Secrets of the reader account, if there are several.
fn several_tokens(
    mesh: &Mesh,
    holders: &HashMap<&str, Vec<usize>>,
    member: &Member,
) -> Option<Finding> {
    let of_reader = member.state.token_secrets.iter();
    let of_reader = of_reader.filter(|secret| secret.account.as_deref() == Some(READER));
    let all: Vec<&TokenSecret> = of_reader.filter(|secret| secret.fingerprint.is_some()).collect();
    if all.len() < 2 {
        return None;
    }
    let readers = |secret: &TokenSecret| -> Vec<&Member> {
        let fingerprint = secret.fingerprint.as_deref().unwrap_or_default();
        let all = holders.get(fingerprint).into_iter().flatten();
        all.map(|&index| &mesh.members[index]).filter(|peer| are_peers(member, peer)).collect()
    };
    let keep = all.iter().find(|secret| !readers(secret).is_empty()).unwrap_or(&all[0]);
    let commands = all.iter().filter(|secret| secret.name != keep.name).flat_map(|secret| {
        let readers = readers(secret);
        let again = Remake::of(member).of_secret(&keep.name);
        let again = (!readers.is_empty()).then(|| again.to(&readers));
        let words = ["delete", "secret", &secret.name, "-n", &secret.namespace];
        again.into_iter().chain([member.way.kubectl(words)])
    });
    let names: Vec<&str> = all.iter().map(|secret| secret.name.as_str()).collect();
    let text = format!("service account {READER} has the token Secrets {}", names.join(", "));
    let object = format!("{}/{READER}", keep.namespace);
    let object = Some(("ServiceAccount", object.as_str()));
    let fix = crate::command::then(commands);
    Some(member.finding(&between::SEVERAL_TOKENS, object, &text, json!({"secrets": names}), fix))
}

/// A reader account without the marks of Helm, where Istio was installed by it.
fn foreign_account(member: &Member) -> Option<Finding> {
    const RELEASE: &str = "meta.helm.sh/release-name";
    let state = &member.state;
    let by_helm = state.control_planes.iter().any(|plane| plane.meta.annotation(RELEASE).is_some());
    let account = state.service_accounts.iter().find(|account| account.meta.name == READER)?;
    if !by_helm || account.meta.annotation(RELEASE).is_some() {
        return None;
    }
    let namespace = &*account.meta.namespace;
    let object = account.meta.object();
    let text = format!(
        "service account {object} has no marks of Helm: an installation of the chart istio-base \
         refuses to take it over"
    );
    let words = |verb: &str, marks: &[&str]| {
        let line = [verb, "serviceaccount", READER, "-n", namespace]
            .into_iter()
            .chain(marks.iter().copied());
        member.way.kubectl(line.chain(["--overwrite"]))
    };
    let release_namespace = format!("meta.helm.sh/release-namespace={namespace}");
    let fix = crate::command::then([
        words("label", &["app.kubernetes.io/managed-by=Helm"]),
        words("annotate", &["meta.helm.sh/release-name=istio-base", &release_namespace]),
    ]);
    let object = Some(("ServiceAccount", object.as_str()));
    Some(member.finding(&between::FOREIGN_ACCOUNT, object, &text, json!({}), fix))
}
