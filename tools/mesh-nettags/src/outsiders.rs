//! Instances that are nodes of none of the clusters, and which of them a rule in a network reaches.

use crate::{Instance, Inventory, segment_after};
use meshcore::Message;
use meshcore::cluster::Cluster;
use std::collections::HashMap;

/// All of them, by the networks that they may be in (`same_network`).
pub(crate) struct Outsiders<'a> {
    all: Vec<&'a Instance>,
    everybody: Carriers<'a>,
    /// Their networks are not known.
    anywhere: Carriers<'a>,
    /// By the network's name alone.
    by_name: HashMap<&'a str, Carriers<'a>>,
    /// By its name, where its project is not known.
    of_no_project: HashMap<&'a str, Carriers<'a>>,
    by_project: HashMap<(&'a str, &'a str), Carriers<'a>>,
}

/// The instances that carry a tag, by number.
#[derive(Default)]
struct Carriers<'a>(HashMap<&'a str, Vec<usize>>);

/// Those that a rule in one network holds for.
pub(crate) struct Reached<'o> {
    all: &'o [&'o Instance],
    parts: [Option<&'o Carriers<'o>>; 3],
}

impl<'a> Carriers<'a> {
    fn add(&mut self, number: usize, instance: &'a Instance) {
        for tag in &instance.tags {
            let carriers = self.0.entry(tag).or_default();
            // It may have two interfaces in one network.
            if carriers.last() != Some(&number) {
                carriers.push(number);
            }
        }
    }
}

fn last_part(network: &str) -> &str {
    network.rsplit('/').next().unwrap_or(network)
}

impl<'a> Outsiders<'a> {
    pub fn of(inventory: &'a Inventory) -> Self {
        let mut clusters: HashMap<&str, Vec<&Cluster>> = HashMap::new();
        for described in &inventory.clusters {
            clusters.entry(&described.cluster.name).or_default().push(&described.cluster);
        }
        let is_node = |instance: &Instance| {
            let named = instance.node_of.as_ref().and_then(|of| clusters.get(of.name.as_str()));
            named.into_iter().flatten().any(|cluster| instance.belongs(cluster))
        };
        let mut outsiders = Self {
            all: inventory.instances.iter().filter(|instance| !is_node(instance)).collect(),
            everybody: Carriers::default(),
            anywhere: Carriers::default(),
            by_name: HashMap::new(),
            of_no_project: HashMap::new(),
            by_project: HashMap::new(),
        };
        for (number, &instance) in outsiders.all.iter().enumerate() {
            outsiders.everybody.add(number, instance);
            if instance.networks.is_empty() || instance.networks.iter().any(String::is_empty) {
                outsiders.anywhere.add(number, instance);
                continue;
            }
            for network in &instance.networks {
                let name = last_part(network);
                outsiders.by_name.entry(name).or_default().add(number, instance);
                let known = match segment_after(network, "projects") {
                    Some(project) => outsiders.by_project.entry((project, name)).or_default(),
                    None => outsiders.of_no_project.entry(name).or_default(),
                };
                known.add(number, instance);
            }
        }
        outsiders
    }

    /// Those that a rule in this network holds for; all where it is not known.
    pub fn reached<'o>(&'o self, vpc: Option<&'o str>) -> Reached<'o> {
        let parts = match vpc.filter(|vpc| !vpc.is_empty()) {
            None => [Some(&self.everybody), None, None],
            Some(vpc) => {
                let name = last_part(vpc);
                let [one, other] = match segment_after(vpc, "projects") {
                    Some(project) => {
                        [self.of_no_project.get(name), self.by_project.get(&(project, name))]
                    }
                    None => [self.by_name.get(name), None],
                };
                [Some(&self.anywhere), one, other]
            }
        };
        Reached { all: &self.all, parts }
    }
}

impl Reached<'_> {
    /// Whether any of them carries the tag.
    pub fn has(&self, tag: &str) -> bool {
        self.carriers(tag).next().is_some()
    }

    fn carriers<'t>(&'t self, tag: &'t str) -> impl Iterator<Item = &'t Vec<usize>> {
        self.parts.iter().flatten().filter_map(move |part| part.0.get(tag))
    }

    /// What to say of those that a rule for this tag reaches, too.
    pub fn beside(&self, tag: &str) -> Option<Message> {
        const NAMED: usize = 5;
        let mut first: Vec<usize> =
            self.carriers(tag).flat_map(|part| part.iter().take(NAMED).copied()).collect();
        first.sort_unstable();
        let labels: Vec<String> =
            first.into_iter().take(NAMED).map(|number| self.all[number].label()).collect();
        let count: usize = self.carriers(tag).map(Vec::len).sum();
        let mut named = labels.join(", ");
        if count > NAMED {
            named += &format!(" and {} more", count - NAMED);
        }
        (count > 0).then(|| {
            Message::new(format!(
                "tag {tag} is also carried by {named}, no node of the given clusters: a firewall \
                 rule for the tag reaches it too"
            ))
            .hint("take the tag off what is no node, or give the nodes a tag of their own")
        })
    }
}
