//! What is between clusters: whose certificates each takes, by the public keys of their roots;
//! and between what a cluster's istiod is given and what it has given on.

use crate::check;
use crate::found::Cluster;
use crate::input::Clusters;
use crate::object::{CACERTS, ROOT_MAP};
use crate::parsed::{Bundle, Parsed};
use crate::plan::restart_proxies;
use crate::subject::{Restart, new_root, of_clusters};
use meshcore::finding::Finding;
use meshcore::shell::command_line;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// A cluster and its sets, read.
pub struct Read<'a> {
    /// What to call it.
    pub name: &'a str,
    /// All that was found of it.
    pub cluster: &'a Cluster,
    /// Its sets, in the cluster's order.
    pub sets: Vec<Parsed<'a>>,
}

/// Reads all sets.
#[must_use]
pub fn read(clusters: &Clusters) -> Vec<Read<'_>> {
    clusters
        .iter()
        .map(|(name, cluster)| Read {
            name,
            cluster,
            sets: cluster.sets.iter().map(Parsed::read).collect(),
        })
        .collect()
}

/// What is wrong between the clusters, at a Unix time.
#[must_use]
pub fn findings(clusters: &[Read<'_>], at: i64) -> Vec<Finding> {
    let mut findings = trust(clusters, at);
    findings.extend(shared_keys(clusters));
    findings.extend(clusters.iter().filter_map(not_taken_up));
    findings
}

/// What clusters of one kind have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Trust {
    /// The public key of the root that their certificates lead to, where that is seen.
    anchor: Option<String>,
    /// Those of the roots that they take.
    roots: BTreeSet<String>,
}

impl Trust {
    /// Whether proxies of these clusters take certificates of the others.
    fn takes(&self, other: &Self) -> bool {
        match &other.anchor {
            Some(anchor) => self.roots.contains(anchor),
            None => !self.roots.is_disjoint(&other.roots),
        }
    }
}

/// Clusters that are alike are told together: there may be many.
fn trust(clusters: &[Read<'_>], at: i64) -> Vec<Finding> {
    let mut kinds: BTreeMap<Trust, Vec<&str>> = BTreeMap::new();
    for read in clusters {
        let published = read.cluster.published.values().map(|text| Bundle::read(text));
        let published: BTreeSet<String> =
            published.flat_map(|bundle| bundle.public_keys()).collect();
        let mut trusts: BTreeSet<Trust> = read
            .sets
            .iter()
            .map(|set| Trust {
                anchor: set.anchor(at).map(|root| root.spki_sha256()),
                roots: set.roots.public_keys(),
            })
            .collect();
        if trusts.is_empty() {
            trusts.insert(Trust { anchor: None, roots: published });
        }
        // One whose roots cannot be read is told of by itself.
        for trust in trusts.into_iter().filter(|trust| !trust.roots.is_empty()) {
            kinds.entry(trust).or_default().push(read.name);
        }
    }
    let kinds: Vec<(&Trust, &Vec<&str>)> = kinds.iter().collect();
    let mut findings = Vec::new();
    for (i, (a, of_a)) in kinds.iter().enumerate() {
        for (b, of_b) in &kinds[i + 1..] {
            findings.push(between((a, of_a), (b, of_b)));
        }
    }
    findings.into_iter().flatten().collect()
}

fn between((a, of_a): (&Trust, &[&str]), (b, of_b): (&Trust, &[&str])) -> Option<Finding> {
    let (names_a, names_b) = (of_a.join(", "), of_b.join(", "));
    let refuses =
        |who: &str, whom: &str| format!("proxies of {who} do not know the root of {whom}");
    let mut reasons = Vec::new();
    if !a.takes(b) {
        reasons.push(refuses(&names_a, &names_b));
    }
    if !b.takes(a) {
        reasons.push(refuses(&names_b, &names_a));
    }
    let both: Vec<&str> = of_a.iter().chain(of_b).copied().collect();
    let object = both.join(", ");
    let evidence = json!({"roots": [
        {"clusters": of_a, "publicKeys": a.roots, "leadsTo": a.anchor},
        {"clusters": of_b, "publicKeys": b.roots, "leadsTo": b.anchor},
    ]});
    if !reasons.is_empty() {
        let text = format!("clusters {names_a} and {names_b}: {}", reasons.join(", and "));
        return Some(of_clusters(check::NO_TRUST, (&object, &both), text, evidence, new_root()));
    }
    if a.roots == b.roots {
        return None;
    }
    let text = format!(
        "clusters {names_a} and {names_b}: they trust each other, and have different root bundles: \
         a rotation that did not end?"
    );
    Some(of_clusters(check::ROOTS_DIFFER, (&object, &both), text, evidence, new_root()))
}

fn shared_keys(clusters: &[Read<'_>]) -> Vec<Finding> {
    let mut by_key: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for read in clusters {
        for ca in read.sets.iter().filter_map(Parsed::signing) {
            by_key.entry(ca.spki_sha256()).or_default().insert(read.name);
        }
    }
    let finding = |(key, names): (String, BTreeSet<&str>)| {
        let names: Vec<&str> = names.into_iter().collect();
        let text = format!(
            "clusters {}: one CA key signs for all: who has it from one cluster is in every other",
            names.join(", ")
        );
        let fix = "mesh-cacerts init --root-dir DIR makes an intermediate for each";
        let fix = (Restart::None, fix.to_owned());
        let evidence = json!({"publicKey": key});
        of_clusters(check::SAME_KEY, (&names.join(", "), &names), text, evidence, fix)
    };
    by_key.into_iter().filter(|(_, names)| names.len() > 1).map(finding).collect()
}

/// istiod writes its roots into a config map of each namespace; other ones are those it had when
/// it started.
fn not_taken_up(read: &Read<'_>) -> Option<Finding> {
    let given: Vec<BTreeSet<String>> =
        read.sets.iter().map(|set| set.roots.public_keys()).collect();
    if given.iter().all(BTreeSet::is_empty) {
        return None;
    }
    let is_other = |text: &String| !given.contains(&Bundle::read(text).public_keys());
    let others: Vec<&str> = read
        .cluster
        .published
        .iter()
        .filter(|(_, text)| is_other(text))
        .map(|(namespace, _)| namespace.as_str())
        .collect();
    let first = others.first()?;
    let more = match others.len() {
        1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    let text = format!(
        "cluster {}: config map {ROOT_MAP} of namespace {first}{more} has other roots than \
         {CACERTS}: istiod has not been restarted since",
        read.name
    );
    let namespace = read.sets[0].set.namespace.as_deref().unwrap_or("istio-system");
    let rollout = |what: &str| {
        let words = ["rollout", what, "deployment", "-l", "app=istiod", "-n", namespace];
        command_line(["kubectl", "--context", read.name].into_iter().chain(words))
    };
    let [find, restart] = restart_proxies(&[read.name]);
    let fix = [rollout("restart"), rollout("status"), find, restart].join(" && ");
    let evidence = json!({"namespaces": others});
    let object = format!("{first}/{ROOT_MAP}");
    let fix = (Restart::Proxies, fix);
    Some(of_clusters(check::NOT_TAKEN_UP, (&object, &[read.name]), text, evidence, fix))
}
