//! All checks of all clusters.

use crate::across::{self, Read};
use crate::beyond;
use crate::check;
use crate::folder::OpenKey;
use crate::found::Key;
use crate::input::Clusters;
use crate::istiod;
use crate::subject::{Restart, Subject, of_clusters};
use meshcore::finding::Finding;
use meshcore::shell;
use meshpki::Lifetime;
use serde_json::json;

/// From how long before its end a certificate is told of, or made anew.
pub const WITHIN: Lifetime = Lifetime::MONTH;

/// When certificates are judged.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// Unix time.
    pub at: i64,
    /// Seconds from then on in which a certificate should not end.
    pub within: i64,
}

/// What is wrong, in order.
#[must_use]
pub fn verify(clusters: &Clusters, open_keys: &[OpenKey], when: When) -> Vec<Finding> {
    let read = across::read(clusters);
    let mut findings: Vec<Finding> = read.iter().flat_map(|read| of_cluster(read, when)).collect();
    findings.extend(across::findings(&read, when.at));
    findings.extend(open_keys.iter().map(file_mode));
    findings.sort_by(|a, b| (a.code, &a.message).cmp(&(b.code, &b.message)));
    findings
}

fn of_cluster(read: &Read<'_>, when: When) -> Vec<Finding> {
    let of_set = |parsed| {
        let parsed: &crate::parsed::Parsed<'_> = parsed;
        let subject = Subject { cluster: read.name, set: parsed.set };
        let mut findings = istiod::findings(subject, parsed, when.at);
        findings.extend(beyond::findings(subject, parsed, when.at, when.within));
        findings
    };
    read.sets.iter().flat_map(of_set).collect()
}

fn file_mode(key: &OpenKey) -> Finding {
    let path = key.path.display().to_string();
    let text = format!("{path}: others than its owner can read this key (mode {:04o})", key.mode);
    let fix = (Restart::None, shell::chmod("600", &key.path));
    let evidence = json!({"mode": format!("{:04o}", key.mode)});
    let cluster = key.cluster.as_deref();
    of_clusters(check::FILE_MODE, (&path, cluster.as_slice()), text, evidence, fix)
}

/// The clusters whose keys are redacted without a word on which they were: nothing can be said of
/// them.
#[must_use]
pub fn without_keys(clusters: &Clusters) -> Vec<&str> {
    let is_hidden = |key: &Option<Key>| matches!(key, Some(Key::Redacted { public_key: None }));
    clusters
        .iter()
        .filter(|(_, cluster)| cluster.sets.iter().any(|set| is_hidden(&set.ca_key)))
        .map(|(name, _)| name.as_str())
        .collect()
}
