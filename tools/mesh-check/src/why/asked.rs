//! What is kept of a cluster for one question: the service, its pods, and who calls it.

use crate::why::Question;
use meshstate::{ClusterState, Pod, Resource, Service, VirtualService};
use std::collections::BTreeSet;

/// A service that somebody wants to know more about.
#[derive(Debug, Default)]
pub struct Asked {
    /// The service, where the cluster has it.
    pub service: Option<Service>,
    /// Its pods; none where they are not known.
    pub pods: Option<Vec<Pod>>,
    /// Pods of the callers' namespace that have a proxy.
    pub callers: Vec<Pod>,
    /// Whether others of that namespace have none.
    pub has_callers_without: bool,
    /// All routes.
    pub routes: Vec<VirtualService>,
    /// Regions and zones of its nodes.
    pub localities: BTreeSet<(String, String)>,
}

impl Asked {
    /// Takes it out of a cluster.
    #[must_use]
    pub fn of(state: &ClusterState, question: &Question) -> Self {
        let name = &question.service;
        let service = state.service(&name.namespace, &name.name);
        let selecting = service.filter(|service| service.selector.is_some());
        let pods = selecting
            .filter(|_| state.knows(Resource::Pods))
            .map(|service| state.pods_of(service).filter(|pod| pod.is_live()).cloned().collect());
        let client = question.client();
        let live = state.pods.iter().filter(|pod| *pod.meta.namespace == *client && pod.is_live());
        let (callers, others): (Vec<&Pod>, Vec<&Pod>) = live.partition(|pod| pod.sidecar.is_some());
        let text = |label: Option<&str>| label.unwrap_or_default().to_owned();
        let localities = state.nodes.iter().map(|node| (text(node.region()), text(node.zone())));
        Self {
            service: service.cloned(),
            pods,
            callers: callers.into_iter().cloned().collect(),
            has_callers_without: !others.is_empty(),
            routes: state.virtual_services.clone(),
            localities: localities.collect(),
        }
    }

    /// Pods that get requests: those that are ready, or all where the service publishes these.
    pub fn ready(&self) -> impl Iterator<Item = &Pod> {
        let all = self.service.as_ref().is_some_and(|service| service.publishes_not_ready);
        self.pods.iter().flatten().filter(move |pod| all || pod.is_ready)
    }
}
