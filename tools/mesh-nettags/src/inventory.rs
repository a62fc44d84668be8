//! What the input holds: clusters, instances, firewall rules.

use crate::{FirewallRule, Instance};
use meshcore::cluster::{self, Cluster, Descriptions, Merged};
use meshcore::input::{Document, Source};
use meshcore::{Message, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Everything read.
#[derive(Debug, Default)]
pub struct Inventory {
    /// Sorted by name, project and location.
    pub clusters: Vec<Described>,
    /// In the order of the input.
    pub instances: Vec<Instance>,
    /// In the order of the input.
    pub rules: Vec<FirewallRule>,
    /// What the input leaves open.
    pub warnings: Vec<Message>,
}

/// A cluster, and the tags of each of its node pools where its description lists them.
#[derive(Debug, Default)]
pub struct Described {
    /// Its record; `node_tags` holds the tags of all pools together.
    pub cluster: Cluster,
    /// A set of tags for each node pool.
    pub pools: Vec<BTreeSet<String>>,
}

impl Inventory {
    /// Takes the documents apart by what they are.
    pub fn read(mut sources: Vec<Source>) -> Result<Self> {
        // A project may well have no instance of its own (Autopilot), and gcloud then says "[]".
        if sources.iter().any(|source| !is_empty_list(source)) {
            sources.retain(|source| !is_empty_list(source));
        }
        let mut pools = BTreeMap::new();
        for source in &sources {
            for document in source.documents()? {
                if let Some((identity, tags)) = document.decode::<Pooled>()?.tags() {
                    pools.insert(identity, tags);
                }
            }
        }
        let mut inventory = Self::default();
        let Descriptions { clusters, warnings } =
            cluster::read_with(&sources, |document| inventory.take(document))?;
        let Merged { clusters, contradictions } = cluster::merge(clusters);
        inventory.warnings = warnings.into_iter().chain(contradictions).collect();
        inventory.clusters = clusters
            .into_iter()
            .map(|cluster| {
                let (name, project, location) = cluster.identity();
                let identity = [name, project, location].map(str::to_owned);
                Described { pools: pools.remove(&identity).unwrap_or_default(), cluster }
            })
            .collect();
        Ok(inventory)
    }

    /// Takes an instance or a firewall rule.
    fn take(&mut self, document: &Document<'_>) -> Result<bool> {
        let probe: Probe = document.decode()?;
        let link = probe.self_link.as_deref().unwrap_or("");
        let is = |kind: &str, folder: &str| {
            probe.kind.as_deref().map_or_else(|| link.contains(folder), |found| found == kind)
        };
        if is("compute#instance", "/instances/")
            || (probe.kind.is_none() && probe.network_interfaces.is_some())
        {
            self.instances.push(document.decode()?);
        } else if is("compute#firewall", "/firewalls/") {
            self.rules.push(document.decode()?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

fn is_empty_list(source: &Source) -> bool {
    source.text.split_whitespace().flat_map(str::chars).eq("[]".chars())
}

/// As little as tells instances and firewall rules from anything else.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe {
    kind: Option<String>,
    self_link: Option<String>,
    network_interfaces: Option<serde::de::IgnoredAny>,
}

/// The tags that the nodes of each pool get, from the `Cluster` of the Kubernetes Engine API v1.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pooled {
    #[serde(default)]
    name: serde_json::Value,
    location: Option<String>,
    zone: Option<String>,
    self_link: Option<String>,
    node_pools: Option<Vec<NodePool>>,
    #[serde(default)]
    autopilot: Autopilot,
    #[serde(default)]
    node_pool_auto_config: NodePoolAutoConfig,
}

#[derive(Deserialize)]
struct NodePool {
    #[serde(default)]
    config: Tags,
}

#[derive(Default, Deserialize)]
struct Autopilot {
    #[serde(default)]
    enabled: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodePoolAutoConfig {
    #[serde(default)]
    network_tags: Tags,
}

#[derive(Default, Deserialize)]
struct Tags {
    #[serde(default)]
    tags: BTreeSet<String>,
}

impl Pooled {
    /// The cluster's name, project and location as in its record, and the tags of each pool.
    fn tags(self) -> Option<([String; 3], Vec<BTreeSet<String>>)> {
        let name = self.name.as_str()?.to_owned();
        let mut pools: Vec<_> =
            self.node_pools.unwrap_or_default().into_iter().map(|pool| pool.config.tags).collect();
        // Every pool of Autopilot gets these, listed or not yet made.
        let automatic = self.node_pool_auto_config.network_tags.tags;
        if self.autopilot.enabled && !automatic.is_empty() {
            for pool in &mut pools {
                pool.extend(automatic.iter().cloned());
            }
            pools.push(automatic);
        }
        let link = self.self_link.as_deref().unwrap_or("");
        let project = crate::segment_after(link, "projects").unwrap_or("").to_owned();
        let location = self.location.or(self.zone).unwrap_or_default();
        (!pools.is_empty()).then_some(([name, project, location], pools))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> Result<Inventory> {
        let source = |text: &&str| Source::new("in.json".to_owned(), text.as_bytes().to_vec());
        Inventory::read(texts.iter().map(source).collect::<Result<_>>()?)
    }

    #[test]
    fn documents_are_told_by_what_they_are() {
        let inventory = read(&[
            r#"[{"kind": "compute#instance", "name": "i"},
                {"name": "j", "networkInterfaces": []},
                {"name": "k", "selfLink": "https://x.example/projects/p/zones/z/instances/k"}]"#,
            r#"{"name": "a", "clusterIpv4Cidr": "10.0.0.0/14"}
               {"kind": "compute#firewall", "name": "r"}"#,
            "apiVersion: meshutils/v1alpha1\nkind: Cluster\nname: b\nnodeTags: [t]\n",
        ])
        .unwrap();
        let names: Vec<&str> = inventory.instances.iter().map(|i| i.name.as_str()).collect();
        assert_eq!(names, ["i", "j", "k"]);
        assert_eq!(inventory.rules[0].name, "r");
        let names: Vec<&str> = inventory.clusters.iter().map(|c| c.cluster.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let error = read(&[r#"{"kind": "compute#disk"}"#]).unwrap_err();
        assert!(error.message().text().contains("compute#disk"), "{error:?}");
    }

    #[test]
    fn an_empty_list_among_others_is_no_error() {
        let cluster = r#"{"name": "a", "clusterIpv4Cidr": "10.0.0.0/14"}"#;
        assert_eq!(read(&[cluster, "[]\n", "[ ]"]).unwrap().clusters.len(), 1);
        assert!(read(&["[]"]).is_err());
    }

    #[test]
    fn tags_are_known_by_pool() {
        let pools = |rest: &str| {
            let link = "https://x.example/v1/projects/p/locations/l/clusters/a";
            let text = format!(
                r#"{{"name": "a", "location": "l", "selfLink": "{link}",
                    "nodePools": [{{"config": {{"tags": ["x"]}}}}, {{}}]{rest}}}"#
            );
            read(&[&text]).unwrap().clusters.remove(0).pools
        };
        let set = |tags: &[&str]| tags.iter().map(|&tag| tag.to_owned()).collect::<BTreeSet<_>>();
        let auto = r#", "nodePoolAutoConfig": {"networkTags": {"tags": ["t"]}}"#;
        assert_eq!(pools(""), [set(&["x"]), set(&[])]);
        assert_eq!(pools(auto), [set(&["x"]), set(&[])]);
        assert_eq!(
            pools(&format!(r#"{auto}, "autopilot": {{"enabled": true}}"#)),
            [set(&["t", "x"]), set(&["t"]), set(&["t"])]
        );
    }
}
