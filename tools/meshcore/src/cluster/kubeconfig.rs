//! The part of a kubeconfig that describes clusters. Users, who hold the credentials, are not
//! even read.

use super::{Cluster, Endpoint, EndpointKind, Provider};
use crate::literal_name;
use serde::{Deserialize, Deserializer};
use std::collections::{HashMap, HashSet};

/// A kubeconfig (`kind: Config`), without its users.
#[derive(Debug, Default, Deserialize)]
pub struct Kubeconfig {
    /// In the file's order.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub clusters: Vec<NamedCluster>,
    /// In the file's order.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub contexts: Vec<NamedContext>,
}

/// An entry of `clusters`.
#[derive(Debug, Clone, Deserialize)]
pub struct NamedCluster {
    /// What contexts call it.
    #[serde(deserialize_with = "literal_name")]
    pub name: String,
    cluster: ClusterEntry,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterEntry {
    #[serde(default)]
    server: String,
    certificate_authority_data: Option<String>,
}

/// An entry of `contexts`.
#[derive(Debug, Clone, Deserialize)]
pub struct NamedContext {
    /// What the user calls it.
    #[serde(deserialize_with = "literal_name")]
    pub name: String,
    context: ContextEntry,
}

#[derive(Debug, Clone, Deserialize)]
struct ContextEntry {
    #[serde(default, deserialize_with = "literal_name")]
    cluster: String,
}

/// kubectl writes `"clusters": null` where there are none.
fn null_as_empty<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    field: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(field)?.unwrap_or_default())
}

impl Kubeconfig {
    /// Adds what `other` names and `self` does not: of two entries with one name the first
    /// file's counts, as kubectl reads a `KUBECONFIG` list.
    pub fn merge(&mut self, other: Self) {
        add_new(&mut self.clusters, other.clusters, |cluster| &cluster.name);
        add_new(&mut self.contexts, other.contexts, |context| &context.name);
    }

    /// A record for each context; `file` is where the contexts stand, if that is worth saying.
    #[must_use]
    pub fn clusters(&self, file: Option<&str>) -> Vec<Cluster> {
        // Of two with one name the first counts.
        let clusters: HashMap<&str, &NamedCluster> =
            self.clusters.iter().rev().map(|cluster| (cluster.name.as_str(), cluster)).collect();
        let entry = |context: &NamedContext| clusters.get(&*context.context.cluster).copied();
        self.contexts.iter().map(|context| record(context, entry(context), file)).collect()
    }
}

fn record(context: &NamedContext, entry: Option<&NamedCluster>, file: Option<&str>) -> Cluster {
    let mut record = Cluster {
        name: context.name.clone(),
        context: Some(context.name.clone()),
        kubeconfig: file.map(str::to_owned),
        ..Cluster::default()
    };
    // A renamed context's cluster entry keeps the name that gcloud gave it.
    let named = gke_context(&context.name).or_else(|| gke_context(&context.context.cluster));
    if let Some((project, location, name)) = named {
        record.name = name.to_owned();
        record.provider = Some(Provider::Gke);
        record.project = Some(project.to_owned());
        record.location = Some(location.to_owned());
    }
    let entry = entry.filter(|entry| !entry.cluster.server.is_empty());
    record.endpoints.extend(entry.map(|NamedCluster { cluster, .. }| {
        let ca = cluster.certificate_authority_data.clone();
        Endpoint::new(&cluster.server, endpoint_kind(&cluster.server), ca)
    }));
    record
}

/// Adds those whose names are not there before.
fn add_new<T>(into: &mut Vec<T>, from: Vec<T>, name: fn(&T) -> &String) {
    let mut known: HashSet<String> = into.iter().map(|entry| name(entry).clone()).collect();
    into.extend(from.into_iter().filter(|entry| known.insert(name(entry).clone())));
}

/// `gke_PROJECT_LOCATION_NAME`, as `gcloud container clusters get-credentials` names contexts.
/// None of the three can hold an underscore.
fn gke_context(name: &str) -> Option<(&str, &str, &str)> {
    let mut parts = name.strip_prefix("gke_")?.split('_');
    let parts = (parts.next()?, parts.next()?, parts.next()?, parts.next());
    match parts {
        (project, location, name, None)
            if !project.is_empty() && !location.is_empty() && !name.is_empty() =>
        {
            Some((project, location, name))
        }
        _ => None,
    }
}

/// Who can reach an address, as far as the address tells.
pub(super) fn endpoint_kind(url: &str) -> EndpointKind {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or(host);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => host.split(':').next().unwrap_or(host),
    };
    if host.ends_with(".gke.goog") {
        return EndpointKind::Dns;
    }
    let private = match host.parse() {
        Ok(std::net::IpAddr::V4(a)) => a.is_private() || a.is_loopback() || a.is_link_local(),
        Ok(std::net::IpAddr::V6(a)) => {
            a.is_unique_local() || a.is_loopback() || a.is_unicast_link_local()
        }
        Err(_) => host == "localhost",
    };
    if private { EndpointKind::Private } else { EndpointKind::Public }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(contexts: &[&str], server: &str) -> Kubeconfig {
        let contexts: Vec<_> = contexts
            .iter()
            .map(|name| json!({"name": name, "context": {"cluster": "c", "user": "u"}}))
            .collect();
        serde_json::from_value(json!({
            "contexts": contexts,
            "clusters": [{"name": "c", "cluster": {"server": server}}],
        }))
        .unwrap()
    }

    #[test]
    fn gke_contexts_tell_project_location_and_name() {
        let records =
            config(&["gke_my-proj_us-west2-a_asm-a", "gke_x", "a"], "https://h").clusters(None);
        let names: Vec<_> = records.iter().map(Cluster::identity).collect();
        assert_eq!(names, [("asm-a", "my-proj", "us-west2-a"), ("gke_x", "", ""), ("a", "", "")]);
    }

    #[test]
    fn a_renamed_context_keeps_its_cluster() {
        let config: Kubeconfig = serde_json::from_value(json!({
            "contexts": [{"name": "asma", "context": {"cluster": "gke_p_l_asm-a"}}],
        }))
        .unwrap();
        let record = &config.clusters(None)[0];
        assert_eq!(record.identity(), ("asm-a", "p", "l"));
        assert_eq!(record.context.as_deref(), Some("asma"));
    }

    #[test]
    fn servers_are_classified() {
        for (server, kind) in [
            ("https://10.0.0.2", EndpointKind::Private),
            ("https://127.0.0.1:6443", EndpointKind::Private),
            ("https://[fd00::1]:6443", EndpointKind::Private),
            ("https://34.1.1.1", EndpointKind::Public),
            ("https://api.example.com:6443/x", EndpointKind::Public),
            ("https://gke-1-2.us-west2-a.gke.goog", EndpointKind::Dns),
        ] {
            assert_eq!(
                config(&["a"], server).clusters(None)[0].endpoints[0].kind,
                kind,
                "{server}"
            );
        }
    }

    #[test]
    fn an_empty_kubeconfig_has_no_clusters() {
        let empty = json!({"kind": "Config", "clusters": null, "contexts": null, "users": null});
        assert!(serde_json::from_value::<Kubeconfig>(empty).unwrap().clusters(None).is_empty());
    }

    #[test]
    fn many_contexts_cost_no_more_than_their_number() {
        let many = || {
            let names = || (0..20_000).map(|i| format!("c{i}"));
            let clusters: Vec<_> = names()
                .map(|name| json!({"name": name, "cluster": {"server": "https://1"}}))
                .collect();
            let contexts: Vec<_> = names()
                .map(|name| json!({"name": name, "context": {"cluster": name, "user": "u"}}))
                .collect();
            let all = json!({"kind": "Config", "clusters": clusters, "contexts": contexts});
            serde_json::from_value::<Kubeconfig>(all).unwrap()
        };
        let (mut first, second) = (many(), many());
        first.merge(second);
        let records = first.clusters(None);
        assert_eq!(records.len(), 20_000);
        assert!(records.iter().all(|record| record.endpoints.len() == 1));
    }

    #[test]
    fn the_first_file_wins() {
        let mut first = config(&["a"], "https://1");
        first.merge(config(&["a", "b"], "https://2"));
        let records = first.clusters(Some("f"));
        assert_eq!(records.len(), 2);
        assert!(records.iter().all(|record| record.endpoints[0].url == "https://1"));
    }
}
