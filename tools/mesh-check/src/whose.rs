//! Whose API server a remote Secret leads to, by what the clusters tell of themselves.

use crate::bulk::Entry;
use crate::member::{Member, Mesh};
use meshstate::{Credential, RemoteCluster};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What tells clusters apart, and the cluster (none where several have it).
#[derive(Debug, Default)]
pub struct Whose<'a> {
    marks: HashMap<Mark<'a>, Option<usize>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Mark<'a> {
    /// A token that a Secret of the cluster holds.
    Token(&'a str),
    /// The UID of a service account.
    Account(&'a str),
    /// The CA that its pods are given.
    Authority(&'a str),
    /// An address of its API server.
    Server(String),
}

impl<'a> Whose<'a> {
    /// Reads the marks of all clusters.
    #[must_use]
    pub fn of(mesh: &'a Mesh) -> Self {
        let mut whose = Self::default();
        for (index, member) in mesh.members.iter().enumerate() {
            let state = &member.state;
            for secret in &state.token_secrets {
                whose.note(secret.fingerprint.as_deref().map(Mark::Token), index);
                whose.note(secret.ca.as_deref().map(Mark::Authority), index);
            }
            for account in &state.service_accounts {
                whose.note(account.uid.as_deref().map(Mark::Account), index);
            }
            for server in servers(member) {
                whose.note(Some(Mark::Server(server)), index);
            }
        }
        whose
    }

    fn note(&mut self, mark: Option<Mark<'a>>, index: usize) {
        let Some(mark) = mark else { return };
        let known = self.marks.entry(mark).or_insert(Some(index));
        if *known != Some(index) {
            *known = None;
        }
    }

    /// The place in [`Mesh::members`] of the cluster that is meant, by the strongest mark.
    #[must_use]
    pub fn is(&self, remote: &RemoteCluster) -> Option<usize> {
        let (mut token, mut account) = (None, None);
        if let Credential::Token { claims, fingerprint, .. } = &remote.credential {
            token = Some(Mark::Token(fingerprint));
            let of = claims.as_ref().and_then(|claims| claims.account.as_ref());
            account = of.and_then(|account| account.uid.as_deref()).map(Mark::Account);
        }
        let authority = remote.ca.as_deref().map(Mark::Authority);
        let server = Some(Mark::Server(plain(&remote.server)));
        let mut marks = [token, account, authority, server].into_iter().flatten();
        marks.find_map(|mark| self.marks.get(&mark).copied().flatten())
    }
}

/// Keys of a cluster's Secrets that are for others than this one: those by which others are known,
/// and those that lead to others.
#[must_use]
pub fn strangers(mesh: &Mesh, reader: &str, target: &str) -> BTreeSet<Arc<str>> {
    let whose = Whose::of(mesh);
    let is_target = |index: usize| mesh.members[index].name() == target;
    let of_reader = mesh.members.iter().filter(|member| member.name() == reader);
    let entries = of_reader.flat_map(|member| &member.bulk.secrets);
    let is_strange = |(key, remote): &&Entry| {
        let leads_to = remote.as_ref().ok().and_then(|remote| whose.is(remote));
        let mut named = mesh.with_id(key).peekable();
        match leads_to {
            Some(index) => !is_target(index) && mesh.members[index].name() != reader,
            None => named.peek().is_some() && named.all(|member| member.name() != target),
        }
    };
    let strange = entries.flat_map(|secret| &secret.entries).filter(is_strange);
    strange.map(|(key, _)| key.clone()).collect()
}

/// Whether an entry leads to an address that a cluster's API server is known to have.
#[must_use]
pub fn is_at(remote: &RemoteCluster, member: &Member) -> bool {
    servers(member).contains(&plain(&remote.server))
}

/// The addresses of a cluster's API server, in one spelling.
fn servers(member: &Member) -> Vec<String> {
    let state = &member.state;
    let captured = state.header.iter().filter_map(|header| header.server.as_deref().map(plain));
    let recorded = state.record.iter().flat_map(|record| &record.endpoints);
    let recorded = recorded.map(|endpoint| plain(&endpoint.url));
    let within = state.api_servers.iter().map(|address| plain(&format!("https://{address}")));
    captured.chain(recorded).chain(within).collect()
}

fn plain(url: &str) -> String {
    let url = url.trim_end_matches('/').to_ascii_lowercase();
    url.strip_suffix(":443").map_or_else(|| url.clone(), str::to_owned)
}
