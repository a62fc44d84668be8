//! Many clusters.

use crate::ClusterState;
use crate::reader::{Origin, Reader};
use meshcore::{Message, Result};

/// What is known of clusters that are, or are to become, one mesh.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mesh {
    /// In the order in which the input first spoke of them; those of which it has a record alone
    /// come last.
    pub clusters: Vec<ClusterState>,
    /// What its sources contradict each other in.
    pub warnings: Vec<Message>,
}

impl Mesh {
    /// What a text tells; plain objects in it are of the cluster of this name.
    pub fn of_text(cluster: &str, text: &str) -> Result<Self> {
        let mut reader = Reader::default();
        reader.read(Origin { name: "stdin", cluster, is_named: false }, text.as_bytes())?;
        reader.finish()
    }

    /// The cluster of this name.
    #[must_use]
    pub fn cluster(&self, name: &str) -> Option<&ClusterState> {
        self.clusters.iter().find(|cluster| cluster.name == name)
    }

    /// The clusters whose own ID this is: more than one where IDs collide.
    pub fn with_id<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a ClusterState> {
        self.clusters.iter().filter(move |cluster| cluster.ids().contains(id))
    }
}
