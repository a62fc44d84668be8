//! What the others' remote Secrets say of a cluster, for those that are still to be made.

use crate::member::Member;
use meshcore::Server;
use std::collections::{BTreeMap, HashMap};

/// What others were given so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// The address to give to others, where the one that the context has leads nowhere for them.
    pub server: Option<String>,
    /// For how many hours tokens are good; none where they have no end.
    pub hours: Option<i64>,
}

/// How often something was given.
type Counts<T> = BTreeMap<T, usize>;

/// Of each of these clusters.
#[must_use]
pub fn of(members: &[Member]) -> Vec<Given> {
    let mut seen: HashMap<&str, (Counts<&str>, Counts<Option<i64>>)> = HashMap::new();
    let secrets = members.iter().flat_map(|member| &member.bulk.secrets);
    for (key, remote) in secrets.flat_map(|secret| &secret.entries) {
        let Ok(remote) = remote else { continue };
        let (servers, lives) = seen.entry(key).or_default();
        if is_usable(&remote.server) {
            *servers.entry(&remote.server).or_default() += 1;
        }
        if let Some(claims) = remote.credential.claims() {
            *lives.entry(claims.hours()).or_default() += 1;
        }
    }
    let given = |member: &Member| {
        let known = member.ids.iter().find_map(|id| seen.get(id.as_str()));
        let given = known.and_then(|(servers, _)| most(servers)).map(|url| (*url).to_owned());
        let hours = known.and_then(|(_, lives)| most(lives)).copied().flatten();
        Given { server: server(member, given), hours }
    };
    members.iter().map(given).collect()
}

fn most<T>(counts: &Counts<T>) -> Option<&T> {
    counts.iter().rev().max_by_key(|(_, count)| **count).map(|(given, _)| given)
}

/// What the Secrets of most others have, or else its record, or else the cluster's own network.
fn server(member: &Member, most: Option<String>) -> Option<String> {
    let known = member.state.header.as_ref()?.server.as_deref()?;
    if is_usable(known) {
        return None;
    }
    let recorded = member.state.record.iter().flat_map(|record| &record.endpoints);
    let recorded = recorded.map(|endpoint| endpoint.url.clone());
    let within = member.state.api_servers.iter().map(|address| format!("https://{address}"));
    most.into_iter().chain(recorded).chain(within).find(|url| is_usable(url))
}

fn is_usable(url: &str) -> bool {
    Server::parse(url).is_ok_and(|server| server.unreachable_because().is_none())
}
