//! One record from all that is said of one cluster.

use super::Cluster;
use crate::Message;
use std::fmt::Debug;

/// Records, one for each cluster, and where their sources contradict each other.
#[derive(Debug, Default)]
pub struct Merged {
    /// Sorted by name, project and location.
    pub clusters: Vec<Cluster>,
    /// One for each field that two sources fill in differently; the first one's value is kept.
    pub contradictions: Vec<Message>,
}

/// Makes one record of those that describe the same cluster.
#[must_use]
pub fn merge(clusters: Vec<Cluster>) -> Merged {
    let mut merged = Merged::default();
    let mut sorted = clusters;
    // A stable sort: what was said first stays first.
    sorted.sort_by(|a, b| a.identity().cmp(&b.identity()));
    for cluster in sorted {
        match merged.clusters.last_mut() {
            Some(last) if last.identity() == cluster.identity() => {
                join(last, cluster, &mut merged.contradictions);
            }
            _ => merged.clusters.push(cluster),
        }
    }
    merged
}

fn join(into: &mut Cluster, from: Cluster, contradictions: &mut Vec<Message>) {
    fn add<T>(into: &mut Vec<T>, from: Vec<T>, same: impl Fn(&T, &T) -> bool) {
        for item in from {
            if !into.iter().any(|known| same(known, &item)) {
                into.push(item);
            }
        }
    }
    let label = into.label();
    let mut differ = |field: &str, first: String, second: String| {
        let text = format!("sources differ in {field}: {first} is kept, {second} is not");
        contradictions.push(Message::new(text).at(format!("cluster {label}")));
    };
    fill(&mut into.id, from.id, "id", &mut differ);
    fill(&mut into.uid, from.uid, "uid", &mut differ);
    fill(&mut into.mesh_id, from.mesh_id, "meshId", &mut differ);
    fill(&mut into.network, from.network, "network", &mut differ);
    fill(&mut into.provider, from.provider, "provider", &mut differ);
    fill(&mut into.vpc, from.vpc, "vpc", &mut differ);
    fill(&mut into.context, from.context, "context", &mut differ);
    fill(&mut into.kubeconfig, from.kubeconfig, "kubeconfig", &mut differ);
    fill(&mut into.global_access, from.global_access, "globalAccess", &mut differ);
    fill(
        &mut into.authorized_networks,
        from.authorized_networks,
        "authorizedNetworks",
        &mut differ,
    );
    for endpoint in &from.endpoints {
        let known = into.endpoints.iter().find(|known| known.url == endpoint.url);
        let both = known.and_then(|known| known.ca_data.as_ref()).zip(endpoint.ca_data.as_ref());
        if both.is_some_and(|(first, second)| first != second) {
            let field = format!("the CA of {}", endpoint.url);
            differ(&field, "the first".to_owned(), "the second".to_owned());
        }
    }
    add(&mut into.ranges, from.ranges, |a, b| a.cidr == b.cidr && a.kind == b.kind);
    add(&mut into.endpoints, from.endpoints, |a, b| a.url == b.url);
    add(&mut into.node_tags, from.node_tags, String::eq);
    into.node_tags.sort();
    for (key, value) in from.labels {
        let known = into.labels.entry(key.clone()).or_insert_with(|| value.clone());
        if *known != value {
            differ(&format!("label {key}"), known.clone(), value);
        }
    }
    for (key, value) in from.other {
        let known = into.other.entry(key.clone()).or_insert_with(|| value.clone());
        if *known != value {
            differ(&key, known.to_string(), value.to_string());
        }
    }
}

/// Fills in what is not known yet; tells of a second, different value.
fn fill<T: PartialEq + Debug>(
    into: &mut Option<T>,
    from: Option<T>,
    field: &str,
    differ: &mut impl FnMut(&str, String, String),
) {
    match (into.as_ref(), &from) {
        (None, _) => *into = from,
        (Some(first), Some(second)) if first != second => {
            differ(field, format!("{first:?}"), format!("{second:?}"));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn cluster(value: Value) -> Cluster {
        let mut value = value;
        value["apiVersion"] = json!("meshutils/v1alpha1");
        value["kind"] = json!("Cluster");
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_context_and_a_gcloud_cluster_of_one_name_are_one() {
        let Merged { clusters, contradictions } = merge(vec![
            cluster(json!({"name": "b", "project": "p", "location": "l",
                "ranges": [{"cidr": "10.0.0.0/14", "kind": "pod"}],
                "endpoints": [{"url": "https://1", "kind": "public"}]})),
            cluster(json!({"name": "a"})),
            cluster(json!({"name": "b", "project": "p", "location": "l", "context": "gke_p_l_b",
                "endpoints": [{"url": "https://1", "kind": "public"}], "x-team": "blue"})),
        ]);
        assert_eq!(contradictions, []);
        assert_eq!(clusters.len(), 2);
        assert_eq!(clusters[0].name, "a");
        assert_eq!(clusters[1].context.as_deref(), Some("gke_p_l_b"));
        assert_eq!(clusters[1].ranges.len(), 1);
        assert_eq!(clusters[1].endpoints.len(), 1);
        assert_eq!(clusters[1].other["x-team"], "blue");
    }

    #[test]
    fn one_name_in_two_places_stays_two_clusters() {
        let merged = merge(vec![
            cluster(json!({"name": "a", "project": "p", "location": "us"})),
            cluster(json!({"name": "a", "project": "p", "location": "eu"})),
        ]);
        let locations: Vec<_> = merged.clusters.iter().map(|c| c.location.as_deref()).collect();
        assert_eq!(locations, [Some("eu"), Some("us")]);
    }

    #[test]
    fn contradictions_are_told_and_the_first_word_counts() {
        let merged = merge(vec![
            cluster(json!({"name": "a", "network": "n1", "labels": {"x": "1"}})),
            cluster(json!({"name": "a", "network": "n2", "labels": {"x": "2"}})),
        ]);
        assert_eq!(merged.clusters[0].network.as_deref(), Some("n1"));
        let texts: Vec<&str> = merged.contradictions.iter().map(Message::text).collect();
        assert_eq!(
            texts,
            [
                "cluster a: sources differ in network: \"n1\" is kept, \"n2\" is not",
                "cluster a: sources differ in label x: 1 is kept, 2 is not"
            ]
        );
    }
}
