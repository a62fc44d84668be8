//! One record from all that is said of one cluster.

use super::{Cluster, EndpointKind, Range, RangeKind};
use crate::Message;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::{self, Debug};
use std::net::IpAddr;

/// Records, one for each cluster, and where their sources contradict each other.
#[derive(Debug, Default)]
pub struct Merged {
    /// Sorted by name, project and location.
    pub clusters: Vec<Cluster>,
    /// One for each field that two sources fill in differently; the first one's value is kept.
    pub contradictions: Vec<Message>,
}

/// How many contradictions about one cluster are told.
const TOLD: usize = 20;

/// Makes one record of those that describe the same cluster.
#[must_use]
pub fn merge(clusters: Vec<Cluster>) -> Merged {
    let mut merged = Merged::default();
    let mut sorted = clusters;
    recognise(&mut sorted);
    // A stable sort: what was said first stays first.
    sorted.sort_by(|a, b| a.identity().cmp(&b.identity()));
    // What the last cluster has, once a second record speaks of it.
    let mut has: Option<Has> = None;
    for cluster in sorted {
        match merged.clusters.last_mut() {
            Some(last) if last.identity() == cluster.identity() => {
                let has = has.get_or_insert_with(|| Has::of(last));
                join(last, cluster, has, &mut merged.contradictions);
            }
            _ => {
                if let Some(has) = has.take() {
                    has.end(&mut merged);
                }
                merged.clusters.push(cluster);
            }
        }
    }
    if let Some(has) = has {
        has.end(&mut merged);
    }
    merged
}

/// Gives contexts of AWS and Azure, which have names of their own, the identity of the cluster that
/// the cloud describes with the same server. Only names count: no two servers share one, and private
/// addresses many do.
fn recognise(clusters: &mut [Cluster]) {
    // None for a name that two have.
    let mut described: HashMap<String, Option<usize>> = HashMap::new();
    for (i, cluster) in clusters.iter().enumerate().filter(|(_, one)| one.provider.is_some()) {
        for host in cluster.endpoints.iter().filter_map(|one| host_name(&one.url)) {
            let known = described.entry(host.to_owned()).or_insert(Some(i));
            if known.is_some_and(|known| clusters[known].identity() != cluster.identity()) {
                *known = None;
            }
        }
    }
    for i in 0..clusters.len() {
        let of_context = &clusters[i];
        if of_context.provider.is_some() || of_context.context.is_none() {
            continue;
        }
        let host = of_context.endpoints.first().and_then(|one| host_name(&one.url));
        let Some(host) = host else { continue };
        let Some(&Some(known)) = described.get(host) else { continue };
        let Cluster { name, project, location, endpoints, .. } = &clusters[known];
        let url = endpoints.iter().find(|one| host_name(&one.url) == Some(host));
        let url = url.map(|one| one.url.clone());
        let identity = (name.clone(), project.clone(), location.clone());
        let of_context = &mut clusters[i];
        (of_context.name, of_context.project, of_context.location) = identity;
        for (endpoint, url) in of_context.endpoints.iter_mut().zip(url) {
            endpoint.url = url;
        }
    }
}

/// The name of a server at the usual port of HTTPS.
fn host_name(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let host = authority.strip_suffix(":443").unwrap_or(authority);
    let is_name = host.contains('.') && !host.contains([':', '/']);
    (is_name && host.parse::<IpAddr>().is_err()).then_some(host)
}

/// What a cluster has already: of many records of one cluster each adds to the lists of it.
struct Has {
    ranges: BTreeSet<(String, RangeKind)>,
    /// By URL, where it stands.
    endpoints: BTreeMap<String, usize>,
    node_tags: BTreeSet<String>,
    contradictions: usize,
}

impl Has {
    fn of(cluster: &Cluster) -> Self {
        let endpoints = cluster.endpoints.iter().enumerate().rev();
        Self {
            ranges: cluster.ranges.iter().map(|range| (range.cidr.clone(), range.kind)).collect(),
            // Of two the first counts.
            endpoints: endpoints.map(|(i, endpoint)| (endpoint.url.clone(), i)).collect(),
            node_tags: cluster.node_tags.iter().cloned().collect(),
            contradictions: 0,
        }
    }

    /// All records of the last cluster are read.
    fn end(self, merged: &mut Merged) {
        let Some(last) = merged.clusters.last_mut() else { return };
        last.node_tags = self.node_tags.into_iter().collect();
        if let more @ 1.. = self.contradictions.saturating_sub(TOLD) {
            let text = format!("sources differ in {more} more fields");
            merged.contradictions.push(Message::new(text).at(format!("cluster {}", last.label())));
        }
    }
}

fn join(into: &mut Cluster, from: Cluster, has: &mut Has, contradictions: &mut Vec<Message>) {
    let label = into.label();
    let told = &mut has.contradictions;
    let mut differ = |field: &str, first: fmt::Arguments<'_>, second: fmt::Arguments<'_>| {
        *told += 1;
        if *told > TOLD {
            return;
        }
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
        let Some(&known) = has.endpoints.get(&endpoint.url) else {
            has.endpoints.insert(endpoint.url.clone(), into.endpoints.len());
            into.endpoints.push(endpoint);
            continue;
        };
        // A kubeconfig has a name, which does not tell who reaches it.
        if into.endpoints[known].kind == EndpointKind::Public {
            into.endpoints[known].kind = endpoint.kind;
        }
        let both = into.endpoints[known].ca_data.as_ref().zip(endpoint.ca_data.as_ref());
        if both.is_some_and(|(first, second)| first != second) {
            let field = format!("the CA of {}", endpoint.url);
            differ(&field, format_args!("the first"), format_args!("the second"));
        }
    }
    let is_new = |range: &Range| has.ranges.insert((range.cidr.clone(), range.kind));
    into.ranges.extend(from.ranges.into_iter().filter(is_new));
    has.node_tags.extend(from.node_tags);
    for (key, value) in from.labels {
        let known = into.labels.entry(key.clone()).or_insert_with(|| value.clone());
        if *known != value {
            differ(&format!("label {key}"), format_args!("{known}"), format_args!("{value}"));
        }
    }
    for (key, value) in from.other {
        let known = into.other.entry(key.clone()).or_insert_with(|| value.clone());
        if *known != value {
            differ(&key, format_args!("{known}"), format_args!("{value}"));
        }
    }
}

/// Fills in what is not known yet; tells of a second, different value.
fn fill<T: PartialEq + Debug>(
    into: &mut Option<T>,
    from: Option<T>,
    field: &str,
    differ: &mut impl FnMut(&str, fmt::Arguments<'_>, fmt::Arguments<'_>),
) {
    match (into.as_ref(), &from) {
        (None, _) => *into = from,
        (Some(first), Some(second)) if first != second => {
            differ(field, format_args!("{first:?}"), format_args!("{second:?}"));
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
    fn a_context_is_the_described_cluster_with_its_server() {
        let described = |name: &str, url: &str| {
            cluster(json!({"name": name, "project": "1112", "location": "eu-west-1",
                "provider": "eks", "endpoints": [{"url": url, "kind": "private"}]}))
        };
        let context = |url: &str| {
            cluster(json!({"name": "arn:aws:eks:eu-west-1:1112:cluster/a", "context": "c",
                "endpoints": [{"url": url, "kind": "public"}]}))
        };
        let name = "https://0A1B.gr7.eu-west-1.eks.amazonaws.com";
        for (all, is_one) in [
            (vec![context(name), described("a", name)], true),
            (vec![context(&format!("{name}:443")), described("a", name)], true),
            (vec![context(&format!("{name}:8443")), described("a", name)], false),
            (vec![context("https://10.0.0.2"), described("a", "https://10.0.0.2")], false),
            (vec![context(name), described("a", name), described("b", name)], false),
        ] {
            let described = all.len() - 1;
            let Merged { clusters, contradictions } = merge(all);
            assert_eq!(contradictions, []);
            assert_eq!(clusters.len(), described + usize::from(!is_one), "{clusters:?}");
            if is_one {
                let [one] = &clusters[..] else { panic!("one") };
                assert_eq!((one.name.as_str(), one.context.as_deref()), ("a", Some("c")));
                let [endpoint] = &one.endpoints[..] else { panic!("one") };
                assert_eq!((endpoint.url.as_str(), endpoint.kind), (name, EndpointKind::Private));
            }
        }
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
    fn thousands_of_records_of_one_cluster_are_one() {
        let record = |i: usize| {
            let cidr = format!("10.{}.{}.0/24", i / 256, i % 256);
            cluster(
                json!({"name": "a", "network": format!("n{i}"), "nodeTags": [format!("t{i:05}")],
                "ranges": [{"cidr": cidr, "kind": "pod"}, {"cidr": "10.200.0.0/24", "kind": "pod"}],
                "endpoints": [{"url": format!("https://{i}"), "kind": "public"}]}),
            )
        };
        let merged = merge((0..20_000).map(record).collect());
        let [one] = &merged.clusters[..] else { panic!("it is one cluster") };
        assert_eq!(
            (one.ranges.len(), one.endpoints.len(), one.node_tags.len()),
            (20_001, 20_000, 20_000)
        );
        assert_eq!(
            (&*one.ranges[20_000].cidr, &*one.node_tags[19_999]),
            ("10.78.31.0/24", "t19999")
        );
        assert_eq!(merged.contradictions.len(), TOLD + 1);
        assert!(merged.contradictions[TOLD].text().ends_with("differ in 19979 more fields"));
    }
}
