//! From contexts and records to clusters that can be reached.

use crate::placement::Target;
use meshcore::cluster::Cluster;
use meshcore::{Error, Result};
use meshkube::kube::config::Kubeconfig;
use meshkube::{Access, Connection};
use std::collections::HashMap;

/// The kubeconfigs of all targets, each read once.
pub struct Kubeconfigs<'a> {
    access: &'a Access,
    read: HashMap<Option<String>, Kubeconfig>,
}

impl<'a> Kubeconfigs<'a> {
    /// None is read yet.
    pub fn new(access: &'a Access) -> Self {
        Self { access, read: HashMap::new() }
    }

    fn get(&mut self, file: Option<&String>) -> Result<&Kubeconfig> {
        // The flag stands in for all files.
        let file = file.filter(|_| self.access.kubeconfig.is_none()).cloned();
        if !self.read.contains_key(&file) {
            let kubeconfig = self.access.read_kubeconfig(file.as_deref())?;
            self.read.insert(file.clone(), kubeconfig);
        }
        Ok(&self.read[&file])
    }

    /// All contexts of the kubeconfig, as clusters of their names.
    pub fn contexts(&mut self) -> Result<Vec<Target>> {
        let kubeconfig = self.get(None)?;
        let target = |context: &str| Target {
            name: context.to_owned(),
            id: None,
            context: context.to_owned(),
            kubeconfig: None,
            server: meshkube::server_of(kubeconfig, context).into_string(),
        };
        Ok(kubeconfig.contexts.iter().map(|named| target(&named.name)).collect())
    }

    /// The cluster of a record, which has to say its context.
    pub fn target_of(&mut self, cluster: &Cluster) -> Result<Target> {
        let context = cluster.context.as_ref().ok_or_else(|| {
            Error::data("the record has no context, so there is no way to reach the cluster")
                .at(format!("cluster {}", cluster.label()))
                .hint("mesh-clusters adds it with --contexts or --kubeconfig")
        })?;
        let file = cluster.kubeconfig.as_ref();
        self.target(context, cluster.id.clone(), cluster.name.clone(), file)
    }

    /// The cluster of a context, which has to be in the kubeconfig.
    pub fn target(
        &mut self,
        context: &str,
        id: Option<String>,
        name: String,
        file: Option<&String>,
    ) -> Result<Target> {
        let kubeconfig = self.get(file)?;
        meshkube::require_context(kubeconfig, context)?;
        Ok(Target {
            name,
            id,
            context: context.to_owned(),
            kubeconfig: file.cloned(),
            server: meshkube::server_of(kubeconfig, context).into_string(),
        })
    }

    /// Connects to a target; nothing is sent yet.
    pub async fn connect(&self, target: &Target) -> Result<Connection> {
        let file = target.kubeconfig.clone().filter(|_| self.access.kubeconfig.is_none());
        self.access.connect(&self.read[&file], &target.context).await
    }
}
