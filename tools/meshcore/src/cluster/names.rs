//! Which name means one cluster alone.

use super::Cluster;
use std::collections::HashMap;

/// By what clusters are called, names and IDs, and how many of them each could mean.
#[derive(Debug)]
pub struct Names<'a>(HashMap<&'a str, usize>);

impl<'a> Names<'a> {
    /// Counts those of clusters that are peers.
    #[must_use]
    pub fn of(all: impl IntoIterator<Item = &'a Cluster>) -> Self {
        let mut counts = HashMap::new();
        for cluster in all {
            *counts.entry(cluster.name.as_str()).or_default() += 1;
            if let Some(id) = cluster.id.as_deref().filter(|id| *id != cluster.name) {
                *counts.entry(id).or_default() += 1;
            }
        }
        Self(counts)
    }

    /// What an object that is for one of them alone calls it (the annotation `meshutils/cluster`):
    /// its name, or its ID where the name could mean another, too. None where that is not known.
    #[must_use]
    pub fn unique<'c>(&self, cluster: &'c Cluster) -> Option<&'c str> {
        match self.0.get(cluster.name.as_str()) {
            None | Some(0 | 1) => Some(&cluster.name),
            _ => cluster.id.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_mean_two_clusters_is_not_used() {
        let cluster = |name: &str, id: Option<&str>| Cluster {
            name: name.to_owned(),
            id: id.map(str::to_owned),
            ..Cluster::default()
        };
        let all = [
            cluster("a", Some("a")),
            cluster("b", Some("1")),
            cluster("b", None),
            cluster("c", Some("2")),
            cluster("d", Some("c")),
        ];
        let known = Names::of(&all);
        let names: Vec<_> = all.iter().map(|cluster| known.unique(cluster)).collect();
        assert_eq!(names, [Some("a"), Some("1"), None, Some("2"), Some("d")]);
    }
}
