//! One record from all that is said of one cluster.

use super::{Cluster, Range, RangeKind};
use crate::Message;
use std::collections::{BTreeSet, HashMap};
use std::fmt::{self, Debug, Display, Write as _};

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
    let mut sorted = sorted.into_iter().peekable();
    while let Some(first) = sorted.next() {
        if sorted.peek().is_none_or(|next| next.identity() != first.identity()) {
            merged.clusters.push(first);
            continue;
        }
        let mut joined = Joined::of(first);
        while let Some(next) = sorted.next_if(|next| next.identity() == joined.cluster.identity()) {
            joined.add(next, &mut merged.contradictions);
        }
        joined.cluster.node_tags.sort();
        if joined.told > MOST_TOLD {
            let text = format!("sources differ in {} more", joined.told - MOST_TOLD);
            let place = format!("cluster {}", joined.cluster.label());
            merged.contradictions.push(Message::new(text).at(place));
        }
        merged.clusters.push(joined.cluster);
    }
    merged
}

/// Contradictions that are told of one cluster: each is with all that the first source says.
const MOST_TOLD: usize = 100;

/// What was said so far of one cluster, and what its lists have.
struct Joined {
    cluster: Cluster,
    ranges: BTreeSet<(String, RangeKind)>,
    /// Places in the list, by address.
    endpoints: HashMap<String, usize>,
    tags: BTreeSet<String>,
    /// Contradictions so far.
    told: usize,
}

impl Joined {
    fn of(cluster: Cluster) -> Self {
        let endpoints = cluster.endpoints.iter().enumerate().rev();
        Self {
            ranges: cluster.ranges.iter().map(|range| (range.cidr.clone(), range.kind)).collect(),
            endpoints: endpoints.map(|(i, endpoint)| (endpoint.url.clone(), i)).collect(),
            tags: cluster.node_tags.iter().cloned().collect(),
            told: 0,
            cluster,
        }
    }

    fn add(&mut self, from: Cluster, contradictions: &mut Vec<Message>) {
        let into = &mut self.cluster;
        let label = into.label();
        let mut differ = |field: &str, first: &dyn Display, second: &dyn Display| {
            self.told += 1;
            if self.told > MOST_TOLD {
                return;
            }
            let (first, second) = (brief(first), brief(second));
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
        for endpoint in from.endpoints {
            let Some(&known) = self.endpoints.get(&endpoint.url) else {
                self.endpoints.insert(endpoint.url.clone(), into.endpoints.len());
                into.endpoints.push(endpoint);
                continue;
            };
            let both = into.endpoints[known].ca_data.as_ref().zip(endpoint.ca_data.as_ref());
            if both.is_some_and(|(first, second)| first != second) {
                let field = format!("the CA of {}", endpoint.url);
                differ(&field, &"the first", &"the second");
            }
        }
        let is_new = |range: &Range| self.ranges.insert((range.cidr.clone(), range.kind));
        into.ranges.extend(from.ranges.into_iter().filter(is_new));
        let tags = from.node_tags.into_iter();
        into.node_tags.extend(tags.filter(|tag| self.tags.insert(tag.clone())));
        for (key, value) in from.labels {
            let known = into.labels.entry(key.clone()).or_insert_with(|| value.clone());
            if *known != value {
                differ(&format!("label {key}"), known, &value);
            }
        }
        for (key, value) in from.other {
            let known = into.other.entry(key.clone()).or_insert_with(|| value.clone());
            if *known != value {
                differ(&key, known, &value);
            }
        }
    }
}

/// Fills in what is not known yet; tells of a second, different value.
fn fill<T: PartialEq + Debug>(
    into: &mut Option<T>,
    from: Option<T>,
    field: &str,
    differ: &mut impl FnMut(&str, &dyn Display, &dyn Display),
) {
    match (into.as_ref(), &from) {
        (None, _) => *into = from,
        (Some(first), Some(second)) if first != second => {
            differ(field, &format_args!("{first:?}"), &format_args!("{second:?}"));
        }
        _ => {}
    }
}

/// A value's first characters: it is told of again for each source that has another.
fn brief(value: &dyn Display) -> String {
    struct Beginning(String, usize);
    impl fmt::Write for Beginning {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for c in text.chars() {
                self.1 = self.1.checked_sub(1).ok_or(fmt::Error)?;
                self.0.push(c);
            }
            Ok(())
        }
    }
    let mut beginning = Beginning(String::new(), 200);
    match write!(beginning, "{value}") {
        Ok(()) => beginning.0,
        Err(_) => beginning.0 + "…",
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

    #[test]
    fn many_sources_of_one_cluster_are_one_record() {
        let long = "x".repeat(100_000);
        let source = |i: usize| {
            cluster(json!({"name": "a", "note": if i == 0 { json!(long) } else { json!(i) },
                "ranges": [{"cidr": format!("10.{}.{}.0/24", i / 256, i % 256), "kind": "pod"}],
                "endpoints": [{"url": format!("https://{i}"), "kind": "public"}],
                "nodeTags": [format!("t{i}")]}))
        };
        let merged = merge((0..20_000).chain(0..20_000).map(source).collect());
        let [one] = &merged.clusters[..] else { panic!("{}", merged.clusters.len()) };
        let lengths = [one.ranges.len(), one.endpoints.len(), one.node_tags.len()];
        assert_eq!(lengths, [20_000; 3]);
        assert!(one.node_tags.is_sorted());
        assert_eq!(merged.contradictions.len(), MOST_TOLD + 1);
        assert!(merged.contradictions[MOST_TOLD].text().ends_with("differ in 39898 more"));
        assert!(merged.contradictions.iter().all(|message| message.text().len() < 300));
    }
}
