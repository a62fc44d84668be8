//! Which tags a firewall rule must name to reach every node of every cluster.

use crate::firewall_rule::{MadeRules, is_automatic_tag};
use crate::outsiders::{Outsiders, Reached};
use crate::{Described, Instance, Inventory};
use meshcore::cluster::Cluster;
use meshcore::{Error, Message, Result};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A tag and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tag {
    /// The tag.
    pub tag: String,
    /// The clusters whose nodes it is chosen for.
    pub clusters: BTreeSet<String>,
    /// How many of the given instances are nodes of these clusters and carry it.
    pub nodes: usize,
    /// What says that the nodes carry it.
    pub sources: BTreeSet<Evidence>,
}

/// What says that a cluster's nodes carry a tag; the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Evidence {
    /// The nodes themselves.
    Instances,
    /// The rules that GKE made for these nodes.
    FirewallRules,
    /// The description of every node pool.
    NodePools,
    /// A cluster record, which does not say which pools have the tag.
    Record,
}

/// The chosen tags, and what the user should know.
#[derive(Debug, Default)]
pub struct Selection {
    /// Sorted by tag.
    pub tags: Vec<Tag>,
    /// Instances that a rule would reach besides the nodes.
    pub warnings: Vec<Message>,
}

type Tags = BTreeSet<String>;

/// Chooses for each cluster the tags that reach all its nodes, as narrow as is known.
pub fn select(inventory: &Inventory) -> Result<Selection> {
    let mut nodes_by_name: HashMap<&str, Vec<&Instance>> = HashMap::new();
    for instance in &inventory.instances {
        if let Some(node_of) = &instance.node_of {
            nodes_by_name.entry(&node_of.name).or_default().push(instance);
        }
    }
    let outsiders = Outsiders::of(inventory);
    let rules = MadeRules::of(&inventory.rules);
    let mut chosen: BTreeMap<String, Tag> = BTreeMap::new();
    let mut warnings = Vec::new();
    let mut told = BTreeSet::new();
    for described in &inventory.clusters {
        let cluster = &described.cluster;
        let vpc = cluster.vpc.as_deref();
        let reached = outsiders.reached(vpc);
        let named = nodes_by_name.get(cluster.name.as_str()).map_or(&[][..], Vec::as_slice);
        let nodes = nodes_of(cluster, named)?;
        let found = evidence(described, &nodes, &rules, &reached)?;
        let Some((surest, tags)) = found.first() else { return Err(no_tag(cluster)) };
        if *surest == Evidence::Record {
            warnings.push(uncertain(cluster));
        }
        for tag in tags {
            if !is_tag(tag) {
                let text = format!("cluster {}: {tag:?} is no network tag", cluster.label());
                return Err(Error::data(text));
            }
            let entry = chosen.entry(tag.clone()).or_insert_with(|| Tag {
                tag: tag.clone(),
                clusters: BTreeSet::new(),
                nodes: 0,
                sources: BTreeSet::new(),
            });
            entry.clusters.insert(cluster.label());
            entry.nodes += nodes.iter().filter(|node| node.tags.contains(tag)).count();
            let say = found.iter().filter(|(_, tags)| tags.contains(tag));
            entry.sources.extend(say.map(|(evidence, _)| *evidence));
        }
        // Clusters of a network that share a tag share its outsiders.
        let untold = tags.iter().filter(|tag| told.insert((vpc, (*tag).clone())));
        warnings.extend(untold.filter_map(|tag| reached.beside(tag)));
    }
    // Two networks may be one, written in two ways.
    let mut told = BTreeSet::new();
    warnings.retain(|warning| told.insert(warning.text().to_owned()));
    Ok(Selection { tags: chosen.into_values().collect(), warnings })
}

/// Whether Compute Engine takes it: nothing else goes into a command, or between commas.
fn is_tag(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(inner)
}

/// What is known of the cluster's tags, the surest first.
fn evidence(
    described: &Described,
    nodes: &[&Instance],
    rules: &MadeRules<'_>,
    outsiders: &Reached<'_>,
) -> Result<Vec<(Evidence, Tags)>> {
    let cluster = &described.cluster;
    let carried: Vec<&Tags> = nodes.iter().map(|node| &node.tags).collect();
    let by_nodes = reaching(&carried, cluster, |tag| outsiders.has(tag));
    if by_nodes.is_empty()
        && let Some(node) = nodes.first()
    {
        return Err(Error::data(format!(
            "cluster {}: no tags reach all of its nodes, such as {}",
            cluster.label(),
            node.label()
        ))
        .hint(
            "give its node pools one (gcloud container node-pools update --tags), or let \
             mesh-firewall target their service accounts",
        ));
    }
    let pools: Vec<&Tags> = described.pools.iter().collect();
    let by_pools = reaching(&pools, cluster, |tag| outsiders.has(tag));
    let by_record = if described.pools.is_empty() {
        cluster.node_tags.iter().cloned().collect()
    } else {
        Tags::new()
    };
    let mut found = vec![
        (Evidence::Instances, by_nodes),
        (Evidence::FirewallRules, rules.targets(cluster)),
        (Evidence::NodePools, by_pools),
        (Evidence::Record, by_record),
    ];
    found.retain(|(_, tags)| !tags.is_empty());
    Ok(found)
}

/// Tags of which every carrier (a node, or the nodes of a pool) has at least one; none when there
/// are no such tags.
fn reaching(carriers: &[&Tags], cluster: &Cluster, is_foreign: impl Fn(&str) -> bool) -> Tags {
    let Some((first, rest)) = carriers.split_first() else { return Tags::new() };
    let shared: Tags =
        first.iter().filter(|&tag| rest.iter().all(|tags| tags.contains(tag))).cloned().collect();
    // In order, the tag with the cluster's hash comes before the one without.
    if let Some(automatic) = shared.iter().find(|tag| is_automatic_tag(tag, &cluster.name)) {
        return [automatic.clone()].into();
    }
    let listed: BTreeSet<&String> = cluster.node_tags.iter().collect();
    let of_user =
        |tags: &Tags| tags.iter().filter(|tag| listed.contains(tag)).cloned().collect::<Tags>();
    let of_all: Tags = carriers.iter().flat_map(|tags| of_user(tags)).collect();
    let candidates = [of_user(&shared), shared, of_all];
    let Some(tags) = candidates
        .into_iter()
        .find(|candidate| carriers.iter().all(|tags| !tags.is_disjoint(candidate)))
    else {
        return Tags::new();
    };
    // Some pools' nodes may be reached by one of these alone: leave out only what can be spared.
    let own: Tags = tags.iter().filter(|tag| !is_foreign(tag)).cloned().collect();
    if carriers.iter().all(|tags| !tags.is_disjoint(&own)) { own } else { tags }
}

/// The instances that are nodes of this cluster and of no other that the record could mean.
fn nodes_of<'a>(cluster: &Cluster, named: &[&'a Instance]) -> Result<Vec<&'a Instance>> {
    let nodes: Vec<&Instance> = named.iter().copied().filter(|i| i.belongs(cluster)).collect();
    let places: BTreeSet<_> = nodes
        .iter()
        .map(|node| {
            (node.project.as_deref(), node.node_of.as_ref().and_then(|n| n.location.as_deref()))
        })
        .collect();
    let apart = |places: BTreeSet<&str>| places.len() > 1;
    if apart(places.iter().filter_map(|(project, _)| *project).collect())
        || apart(places.iter().filter_map(|(_, location)| *location).collect())
    {
        return Err(Error::data(format!(
            "cluster {}: the instances are nodes of several clusters of this name",
            cluster.label()
        ))
        .hint(
            "describe the cluster with its project and location, as gcloud and mesh-clusters do",
        ));
    }
    Ok(nodes)
}

fn uncertain(cluster: &Cluster) -> Message {
    Message::new(format!(
        "cluster {}: its record does not say whether every node pool has one of its tags",
        cluster.label()
    ))
    .hint("add gcloud container clusters list --format=json, or compute instances list")
}

fn no_tag(cluster: &Cluster) -> Error {
    Error::data(format!(
        "cluster {}: no tag of all its nodes is known, and a firewall rule would not reach them",
        cluster.label()
    ))
    .hint(
        "add its nodes with -f: gcloud compute instances list --format=json; for Autopilot, whose \
         nodes are not listed, gcloud compute firewall-rules list --format=json of its network",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeOf;
    use proptest::prelude::*;

    fn set(tags: &[&str]) -> Tags {
        tags.iter().map(|&tag| tag.to_owned()).collect()
    }

    fn node(cluster: &str, tags: &[&str]) -> Instance {
        Instance {
            name: "i".into(),
            zone: None,
            project: None,
            tags: set(tags),
            networks: Vec::new(),
            node_of: (!cluster.is_empty()).then(|| NodeOf { name: cluster.into(), location: None }),
        }
    }

    fn prod(node_tags: &[&str], pools: &[&[&str]], instances: Vec<Instance>) -> Inventory {
        let cluster = Cluster {
            name: "prod".into(),
            node_tags: node_tags.iter().map(|&tag| tag.to_owned()).collect(),
            ..Cluster::default()
        };
        let pools = pools.iter().map(|tags| set(tags)).collect();
        let clusters = vec![Described { cluster, pools }];
        Inventory { clusters, instances, ..Inventory::default() }
    }

    fn tags(inventory: &Inventory) -> Vec<String> {
        select(inventory).unwrap().tags.into_iter().map(|tag| tag.tag).collect()
    }

    #[test]
    fn the_automatic_tag_is_preferred() {
        let tagged = ["web", "gke-prod-node", "gke-prod-1a2b3c4d-node"];
        let nodes = vec![node("prod", &tagged), node("prod", &tagged)];
        assert_eq!(tags(&prod(&["web"], &[], nodes)), ["gke-prod-1a2b3c4d-node"]);
    }

    #[test]
    fn every_node_is_reached() {
        let two = |a: &[&str], b: &[&str]| vec![node("prod", a), node("prod", b)];
        assert_eq!(tags(&prod(&["mesh"], &[], two(&["mesh", "x"], &["mesh", "x"]))), ["mesh"]);
        assert_eq!(tags(&prod(&[], &[], two(&["x", "y"], &["x"]))), ["x"]);
        assert_eq!(tags(&prod(&["a", "b"], &[], two(&["a"], &["b"]))), ["a", "b"]);
        let error = select(&prod(&["a"], &[&["a"]], two(&["a"], &[]))).unwrap_err();
        assert!(error.message().text().contains("cluster prod: no tags reach all"), "{error:?}");
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        for tag in ["", "a,b", "A", "1a", "a-", "a\nb", "$(a)", &"a".repeat(64)] {
            let error = select(&prod(&[tag], &[], vec![])).unwrap_err();
            assert!(error.message().text().ends_with("is no network tag"), "{error:?}");
        }
    }

    #[test]
    fn without_nodes_every_pool_must_have_a_tag() {
        assert_eq!(tags(&prod(&["a", "b"], &[&["a", "b"], &["b"]], vec![])), ["b"]);
        assert_eq!(tags(&prod(&["a", "b"], &[&["a"], &["b"]], vec![])), ["a", "b"]);
        assert!(select(&prod(&["a"], &[&["a"], &[]], vec![])).is_err());
        let selection = select(&prod(&["a"], &[], vec![])).unwrap();
        assert_eq!(selection.tags[0].sources, [Evidence::Record].into());
        assert!(selection.warnings[0].text().contains("every node pool"));
    }

    #[test]
    fn tags_of_the_nodes_alone_come_before_shared_ones() {
        let with = |bastion: Instance| {
            let both = ["mesh", "web"];
            prod(&both, &[], vec![node("prod", &both), bastion])
        };
        assert_eq!(tags(&with(node("", &[]))), ["mesh", "web"]);
        assert_eq!(tags(&with(node("", &["web"]))), ["mesh"]);
        let selection = select(&with(node("", &["mesh", "web"]))).unwrap();
        assert_eq!(selection.tags.len(), 2);
        assert_eq!(selection.warnings.len(), 2);
        let mut elsewhere = node("", &["web"]);
        elsewhere.networks = vec!["projects/p/global/networks/other".into()];
        let mut inventory = with(elsewhere);
        inventory.clusters[0].cluster.vpc = Some("projects/p/global/networks/default".into());
        assert_eq!(tags(&inventory), ["mesh", "web"]);
    }

    #[test]
    fn a_name_that_two_clusters_have_is_not_guessed_about() {
        let at = |location: &str| {
            let mut node = node("prod", &["a"]);
            node.node_of.as_mut().unwrap().location = Some(location.into());
            node
        };
        let error = select(&prod(&["a"], &[], vec![at("us"), at("eu")])).unwrap_err();
        assert!(error.message().text().contains("several clusters of this name"), "{error:?}");
    }

    proptest! {
        #[test]
        fn chosen_tags_reach_every_node_and_are_its_own(
            nodes in prop::collection::vec(prop::collection::btree_set("[a-d]", 0..4), 1..5),
            foreign in prop::collection::btree_set("[a-d]", 0..3),
            listed in prop::collection::btree_set("[a-d]", 0..4),
        ) {
            let cluster =
                Cluster { node_tags: listed.into_iter().collect(), ..Cluster::default() };
            let carriers: Vec<&Tags> = nodes.iter().collect();
            let chosen = reaching(&carriers, &cluster, |tag| foreign.contains(tag));
            for tag in &chosen {
                prop_assert!(nodes.iter().any(|tags| tags.contains(tag)));
            }
            if !chosen.is_empty() {
                prop_assert!(nodes.iter().all(|tags| !tags.is_disjoint(&chosen)));
            }
            let mut backwards = carriers.clone();
            backwards.reverse();
            prop_assert_eq!(reaching(&backwards, &cluster, |tag| foreign.contains(tag)), chosen);
        }
    }
}
