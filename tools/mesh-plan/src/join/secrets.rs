//! Remote Secrets: each istiod's credentials for the other clusters' API servers.

use super::Plan;
use super::roots::namespace_flag;
use crate::command::{on, pipe};
use crate::step::{Stage, Step};
use crate::wanted::{Member, Wanted};
use jiff::Timestamp;
use meshcore::jwt::JwtClaims;
use meshstate::{RemoteCluster, RemoteSecret, Resource};
use std::collections::BTreeMap;

/// The account whose token others are given.
const READER: &str = "istio-reader-service-account";

/// What a cluster holds of others, by their IDs.
#[derive(Debug, Default)]
pub struct Held<'a> {
    /// What its istiod reads.
    read: BTreeMap<&'a str, &'a Result<RemoteCluster, String>>,
    /// All, whether istiod reads it or not.
    all: BTreeMap<&'a str, &'a RemoteSecret>,
}

impl<'a> Held<'a> {
    /// What a cluster holds; otherwise why that is not known.
    pub fn by(wanted: &Wanted<'_>, holder: &Member<'a>) -> Result<Self, String> {
        let state = holder.knows_in(Resource::Secrets, &wanted.namespace)?;
        let mut held = Self::default();
        for secret in &state.remote_secrets {
            for (id, cluster) in &secret.entries {
                held.all.entry(id).or_insert(secret);
                // istiod takes the first of two.
                if secret.is_read_in(&wanted.namespace) {
                    held.read.entry(id).or_insert(cluster);
                }
            }
        }
        Ok(held)
    }

    /// The IDs of the clusters that it has credentials for.
    pub fn ids(&self) -> impl Iterator<Item = &'a str> {
        self.all.keys().copied()
    }

    /// Whether it has credentials for the cluster of this ID.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.all.contains_key(id)
    }
}

/// Every cluster holds working credentials for every other.
pub fn plan(wanted: &Wanted<'_>, now: Timestamp, plan: &mut Plan) {
    let readers = wanted.members.iter().filter(|holder| !holder.is_remote());
    let all = readers.map(|holder| (holder, Held::by(wanted, holder)));
    let all: Vec<(&Member<'_>, Result<Held<'_>, String>)> = all.collect();
    for of in &wanted.members {
        let lacking: Vec<(&Member<'_>, String)> = all
            .iter()
            .filter(|(holder, _)| holder.id != of.id)
            .filter_map(|(holder, held)| Some((*holder, fault(wanted, held, of, now)?)))
            .collect();
        if of.is_silent() {
            // Only it can give them.
            plan.steps.extend(share(wanted, of, &lacking, of.waits()));
            continue;
        }
        let (silent, there): (Vec<_>, Vec<_>) =
            lacking.into_iter().partition(|(holder, _)| holder.is_silent());
        plan.steps.extend(share(wanted, of, &there, None));
        for one in silent {
            let waits_for = one.0.waits();
            plan.steps.extend(share(wanted, of, &[one], waits_for));
        }
    }
}

/// Gives a cluster's credentials to others, in one go.
fn share(
    wanted: &Wanted<'_>,
    of: &Member<'_>,
    to: &[(&Member<'_>, String)],
    waits_for: Option<String>,
) -> Option<Step> {
    let first = to.first()?;
    let mut make = vec!["mesh-remote-secret", "--name", &of.id];
    if let Some(server) = &of.server {
        make.extend(["--server", server]);
    }
    if lacks_reader(wanted, of) {
        make.push("--create-service-account");
    }
    make.extend(namespace_flag(wanted));
    let holders: Vec<&Member<'_>> = to.iter().map(|(holder, _)| *holder).collect();
    let names: Vec<&str> = holders.iter().map(|holder| holder.name.as_str()).collect();
    let is_one_reason = to.iter().all(|(_, why)| *why == first.1);
    let why = if is_one_reason {
        first.1.clone()
    } else {
        let all: Vec<String> =
            to.iter().map(|(holder, why)| format!("{}: {why}", holder.name)).collect();
        all.join("; ")
    };
    let leave = ["mesh-apply", "--leave", &of.id].into_iter().chain(namespace_flag(wanted));
    let what = format!("give {} its credentials", names.join(", "));
    // Quiet: it would warn of a cluster that is not among its own, which is as it should be.
    let command = pipe([on(&[of], make), on(&holders, ["mesh-apply", "-q"])]);
    let step = Step::on(of, Stage::Secrets, what, why, command).undone_by(on(&holders, leave));
    Some(Step { waits_for, ..step })
}

/// Whether istiod is there and the account that its chart makes is not.
fn lacks_reader(wanted: &Wanted<'_>, of: &Member<'_>) -> bool {
    of.knows_in(Resource::ServiceAccounts, &wanted.namespace).is_ok_and(|state| {
        !state.control_planes.is_empty()
            && !state.service_accounts.iter().any(|account| account.meta.name == READER)
    })
}

/// Why a cluster cannot read another one; none when it can, as far as this is to be seen.
fn fault(
    wanted: &Wanted<'_>,
    held: &Result<Held<'_>, String>,
    of: &Member<'_>,
    now: Timestamp,
) -> Option<String> {
    let held = match held {
        Ok(held) => held,
        Err(reason) => return Some(format!("whether it has them is not known: {reason}")),
    };
    match (held.read.get(of.id.as_str()), held.all.get(of.id.as_str())) {
        (Some(Ok(cluster)), _) => dead(cluster, wanted, of, now),
        (Some(Err(reason)), _) => Some(format!("the kubeconfig in the remote Secret {reason}")),
        (None, Some(secret)) => Some(format!(
            "istiod does not read the Secret {}/{}: its namespace or its label is wrong",
            secret.namespace, secret.name
        )),
        (None, None) => Some("there is no remote Secret of it".to_owned()),
    }
}

/// Why a token does not work any more.
fn dead(
    cluster: &RemoteCluster,
    wanted: &Wanted<'_>,
    of: &Member<'_>,
    now: Timestamp,
) -> Option<String> {
    let claims: &JwtClaims = cluster.credential.claims()?;
    if let Some(expires) = claims.expires.filter(|expires| *expires <= now) {
        return Some(format!("the token ended at {expires}"));
    }
    let account = claims.account.as_ref().filter(|one| one.namespace == wanted.namespace)?;
    if let Ok(state) = of.knows_in(Resource::ServiceAccounts, &account.namespace) {
        let mut accounts = state.service_accounts.iter();
        let found = accounts.find(|one| one.meta.name == account.name);
        match (found, &account.uid) {
            (None, _) => return Some(format!("its service account {} is gone", account.name)),
            (Some(found), Some(uid)) if found.uid.as_ref().is_some_and(|now| now != uid) => {
                return Some(format!("its service account {} was made anew", account.name));
            }
            _ => {}
        }
    }
    // A token without an end lives as long as its Secret.
    let secret = claims.secret.as_ref().filter(|_| claims.expires.is_none())?;
    let state = of.knows_in(Resource::Secrets, &account.namespace).ok()?;
    let mut tokens = state.token_secrets.iter();
    let is_there = tokens.any(|one| one.namespace == account.namespace && one.name == *secret);
    (!is_there).then(|| format!("the token's Secret {secret} is gone"))
}
