//! One record from all that is said of one cluster.

use super::Cluster;

/// Records sorted by name, project and location, those of one cluster made into one. Where two
/// say different things, the first said counts.
#[must_use]
pub fn merge(clusters: Vec<Cluster>) -> Vec<Cluster> {
    let mut merged: Vec<Cluster> = Vec::new();
    let mut sorted = clusters;
    // A stable sort: what was said first stays first.
    sorted.sort_by(|a, b| a.identity().cmp(&b.identity()));
    for cluster in sorted {
        match merged.last_mut() {
            Some(last) if last.identity() == cluster.identity() => join(last, cluster),
            _ => merged.push(cluster),
        }
    }
    merged
}

fn join(into: &mut Cluster, from: Cluster) {
    fn fill<T>(into: &mut Option<T>, from: Option<T>) {
        if into.is_none() {
            *into = from;
        }
    }
    fn add<T>(into: &mut Vec<T>, from: Vec<T>, same: impl Fn(&T, &T) -> bool) {
        for item in from {
            if !into.iter().any(|known| same(known, &item)) {
                into.push(item);
            }
        }
    }
    fill(&mut into.id, from.id);
    fill(&mut into.mesh_id, from.mesh_id);
    fill(&mut into.network, from.network);
    fill(&mut into.provider, from.provider);
    fill(&mut into.vpc, from.vpc);
    fill(&mut into.context, from.context);
    fill(&mut into.kubeconfig, from.kubeconfig);
    fill(&mut into.authorized_networks, from.authorized_networks);
    fill(&mut into.global_access, from.global_access);
    add(&mut into.ranges, from.ranges, |a, b| a.cidr == b.cidr && a.kind == b.kind);
    add(&mut into.endpoints, from.endpoints, |a, b| a.url == b.url);
    add(&mut into.node_tags, from.node_tags, String::eq);
    into.node_tags.sort();
    for (key, value) in from.labels {
        into.labels.entry(key).or_insert(value);
    }
    for (key, value) in from.other {
        into.other.entry(key).or_insert(value);
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
        let merged = merge(vec![
            cluster(json!({"name": "b", "project": "p", "location": "l",
                "ranges": [{"cidr": "10.0.0.0/14", "kind": "pod"}],
                "endpoints": [{"url": "https://1", "kind": "public"}]})),
            cluster(json!({"name": "a"})),
            cluster(json!({"name": "b", "project": "p", "location": "l", "context": "gke_p_l_b",
                "endpoints": [{"url": "https://1", "kind": "public"}], "x-team": "blue"})),
        ]);
        assert_eq!(merged.len(), 2);
        assert_eq!(merged[0].name, "a");
        assert_eq!(merged[1].context.as_deref(), Some("gke_p_l_b"));
        assert_eq!(merged[1].ranges.len(), 1);
        assert_eq!(merged[1].endpoints.len(), 1);
        assert_eq!(merged[1].other["x-team"], "blue");
    }

    #[test]
    fn one_name_in_two_places_stays_two_clusters() {
        let merged = merge(vec![
            cluster(json!({"name": "a", "project": "p", "location": "us"})),
            cluster(json!({"name": "a", "project": "p", "location": "eu"})),
        ]);
        assert_eq!(
            merged.iter().map(|c| c.location.as_deref()).collect::<Vec<_>>(),
            [Some("eu"), Some("us")]
        );
    }
}
