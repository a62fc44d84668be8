//! One cluster, object by object.

use crate::object::{Pool, RawMeta};
use crate::workload::RawWorkload;
use crate::{ClusterState, Meta, RemoteSecret, Resource, TokenSecret, config_map, secret};
use crate::{control_plane, istio_config, node, service, traffic_policy, webhook, workload};
use meshcore::Result;
use meshcore::input::Document;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Where istiod is, unless somebody moved it.
const ISTIO_NAMESPACE: &str = "istio-system";

/// A cluster in the making.
pub(crate) struct Builder {
    pub state: ClusterState,
    facts: config_map::Facts,
}

/// An object of which only the metadata is of interest.
#[derive(Deserialize)]
struct Bare {
    metadata: RawMeta,
}

impl Builder {
    pub fn new(name: &str) -> Self {
        let state = ClusterState {
            name: name.to_owned(),
            istio_namespace: ISTIO_NAMESPACE.to_owned(),
            ..ClusterState::default()
        };
        Self { state, facts: config_map::Facts::default() }
    }

    /// Adds an object; kinds that say nothing of the mesh are passed over.
    pub fn add(
        &mut self,
        group: &str,
        kind: &str,
        document: &Document<'_>,
        pool: &mut Pool,
    ) -> Result<()> {
        let Some(resource) = Resource::of(group, kind) else { return Ok(()) };
        self.state.seen.insert(resource);
        let state = &mut self.state;
        match resource {
            Resource::Namespaces => {
                state
                    .namespaces
                    .push(crate::Namespace::of(document.decode::<Bare>()?.metadata, pool));
            }
            Resource::ServiceAccounts => {
                let account = crate::ServiceAccount::of(document.decode::<Bare>()?.metadata, pool);
                state.service_accounts.push(account);
            }
            Resource::Nodes => state.nodes.push(node::read(document.decode()?, pool)),
            Resource::Services => state.services.push(service::read(document.decode()?, pool)),
            Resource::Endpoints => state.api_servers.extend(node::api_servers(document.decode()?)),
            Resource::ServiceCidrs => self.facts.add_service_cidr(document.decode()?),
            Resource::Pods => state.pods.push(workload::pod(document.decode()?, pool)),
            Resource::Deployments | Resource::StatefulSets | Resource::DaemonSets => {
                let workload: RawWorkload = document.decode()?;
                if resource == Resource::Deployments && control_plane::is_istiod(&workload) {
                    state.control_planes.push(control_plane::read(document.decode()?, pool));
                }
                state.workloads.push(workload::workload(workload, resource, pool));
            }
            Resource::ConfigMaps => self.facts.add(document.decode()?, document, pool)?,
            Resource::Secrets => secret::add(state, &mut self.facts, document.decode()?, pool),
            Resource::MutatingWebhookConfigurations => {
                state.injectors.0.extend(webhook::read(document.decode()?));
            }
            Resource::ControlPlaneRevisions => {
                state.managed.push(control_plane::managed(document.decode()?, pool));
            }
            Resource::IstioGateways => {
                state.istio_gateways.push(istio_config::istio_gateway(document.decode()?, pool));
            }
            Resource::Gateways => {
                state.gateways.push(istio_config::gateway(document.decode()?, pool));
            }
            Resource::VirtualServices => {
                state
                    .virtual_services
                    .push(istio_config::virtual_service(document.decode()?, pool));
            }
            Resource::ServiceEntries => {
                state.service_entries.push(istio_config::service_entry(document.decode()?, pool));
            }
            Resource::WorkloadEntries => {
                state.workload_entries.push(istio_config::workload_entry(document.decode()?, pool));
            }
            Resource::WorkloadGroups => {
                state.workload_groups.push(istio_config::workload_group(document.decode()?, pool));
            }
            Resource::DestinationRules => {
                let rule = traffic_policy::destination_rule(document.decode()?, pool);
                state.destination_rules.push(rule);
            }
            Resource::PeerAuthentications => {
                let peer = traffic_policy::peer_authentication(document.decode()?, pool);
                state.peer_authentications.push(peer);
            }
            Resource::AuthorizationPolicies => {
                let policy = traffic_policy::authorization_policy(document.decode()?, pool);
                state.authorization_policies.push(policy);
            }
            Resource::Sidecars => {
                state.egress_scopes.push(istio_config::egress_scope(document.decode()?, pool));
            }
        }
        Ok(())
    }

    /// The cluster, with everything in order and nothing twice.
    pub fn finish(self) -> ClusterState {
        let Self { mut state, facts } = self;
        let of_header = state.header.as_ref().and_then(|header| header.istio_namespace.clone());
        let of_istiod = || {
            // Where istiod is in several namespaces, the usual one counts.
            let all = state.control_planes.iter().map(|plane| plane.meta.namespace.to_string());
            let all: BTreeSet<String> = all.collect();
            if all.contains(ISTIO_NAMESPACE) { None } else { all.into_iter().next() }
        };
        if let Some(namespace) = of_header.or_else(of_istiod) {
            state.istio_namespace = namespace;
        }
        facts.put_into(&mut state);
        sort(&mut state.control_planes, |plane| &plane.meta);
        sort(&mut state.managed, |plane| &plane.meta);
        sort(&mut state.service_accounts, |account| &account.meta);
        sort(&mut state.namespaces, |namespace| &namespace.meta);
        sort(&mut state.services, |service| &service.meta);
        sort(&mut state.pods, |pod| &pod.meta);
        sort(&mut state.nodes, |node| &node.meta);
        sort(&mut state.istio_gateways, |gateway| &gateway.meta);
        sort(&mut state.gateways, |gateway| &gateway.meta);
        sort(&mut state.virtual_services, |service| &service.meta);
        sort(&mut state.destination_rules, |rule| &rule.meta);
        sort(&mut state.service_entries, |entry| &entry.meta);
        sort(&mut state.workload_entries, |entry| &entry.meta);
        sort(&mut state.workload_groups, |group| &group.meta);
        sort(&mut state.peer_authentications, |peer| &peer.meta);
        sort(&mut state.authorization_policies, |policy| &policy.meta);
        sort(&mut state.egress_scopes, |scope| &scope.meta);
        state.workloads.sort_by(|a, b| (key(&a.meta), a.kind).cmp(&(key(&b.meta), b.kind)));
        state.workloads.dedup_by(|b, a| (key(&a.meta), a.kind) == (key(&b.meta), b.kind));
        let name = |secret: &RemoteSecret| (secret.namespace.clone(), secret.name.clone());
        state.remote_secrets.sort_by_key(name);
        state.remote_secrets.dedup_by_key(|secret| name(secret));
        let name = |secret: &TokenSecret| (secret.namespace.clone(), secret.name.clone());
        state.token_secrets.sort_by_key(name);
        state.token_secrets.dedup_by_key(|secret| name(secret));
        // The API server calls configurations in the order of their names, and the webhooks of
        // each in theirs.
        state.injectors.0.sort_by(|a, b| a.configuration.cmp(&b.configuration));
        let mut known = BTreeSet::new();
        state.injectors.0.retain(|one| known.insert((one.configuration.clone(), one.name.clone())));
        state.api_servers.sort();
        state.api_servers.dedup();
        state.external_istiod = state.find_external_istiod();
        let ClusterState { control_planes, pods, .. } = &mut state;
        for plane in control_planes {
            plane.note_start(pods);
        }
        state
    }
}

fn key(meta: &Meta) -> (&str, &str) {
    (&meta.namespace, &meta.name)
}

/// Brings objects into order and drops what two dumps hold.
fn sort<T>(objects: &mut Vec<T>, meta: fn(&T) -> &Meta) {
    objects.sort_by(|a, b| key(meta(a)).cmp(&key(meta(b))));
    objects.dedup_by(|b, a| key(meta(a)) == key(meta(b)));
    objects.shrink_to_fit();
}
