//! What the caller's istiod makes of a request: whether its proxies see the service, by which name
//! and at which ports.

use super::link::{Answer, Link, Pair};
use crate::command::{piped, then};
use crate::member::Member;
use crate::services;
use crate::table::services as check;
use meshcore::selector::{Labels, selects};
use meshstate::{DestinationRule, EgressScope, Resource};

/// Whether a namespace is among those that a list of `exportTo` names; an empty one names all.
pub fn is_exported(to: &[String], own: &str, namespace: &str) -> bool {
    to.is_empty()
        || to.iter().any(|one| match one.trim() {
            "*" => true,
            "." => own == namespace,
            other => other == namespace,
        })
}

/// Whether a host of a rule means the host of a service; short names are completed with the
/// rule's namespace. `helloworld.sample` is not completed.
pub fn means(pattern: &str, namespace: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => host.ends_with(suffix),
        None if pattern.contains('.') => pattern == host,
        None => format!("{pattern}.{namespace}.svc.cluster.local") == host,
    }
}

impl Pair<'_> {
    /// The full name of the service.
    pub(super) fn host(&self) -> String {
        format!("{}.{}.svc.cluster.local", self.service.name, self.service.namespace)
    }

    /// Who sees the service in a cluster: `exportTo` of its annotation, or else of the mesh config.
    fn exports(member: &Member) -> Vec<String> {
        let service = member.bulk.asked.service.as_ref();
        let annotation = service.and_then(|it| it.meta.annotation("networking.istio.io/exportTo"));
        match (annotation, member.mesh_config()) {
            (Some(list), _) => list.split(',').map(|one| one.trim().to_owned()).collect(),
            (None, Some(config)) => config.service_export_to.clone(),
            (None, None) => Vec::new(),
        }
    }

    /// Whether a cluster's istiod shows the service to a namespace; if not, what says so.
    pub(super) fn hidden_from(&self, member: &Member, namespace: &str) -> Option<(String, String)> {
        let object = self.service.object();
        let exports = Self::exports(member);
        if !is_exported(&exports, &self.service.namespace, namespace) {
            let text = format!(
                "service {object} is exported to {}, and not to namespace {namespace}",
                exports.join(", ")
            );
            let annotation = "networking.istio.io/exportTo-";
            let words = [
                "annotate",
                "service",
                &self.service.name,
                "-n",
                &self.service.namespace,
                annotation,
            ];
            return Some((text, member.way.kubectl(words)));
        }
        let config = member.mesh_config()?;
        let selectors = &config.discovery_selectors;
        for name in [&*self.service.namespace, namespace] {
            let none = Labels::new();
            let labels = member.state.namespace(name).map_or(&none, |found| &*found.meta.labels);
            if !selectors.is_empty() && !selectors.iter().any(|one| one.matches(labels)) {
                let text = format!("its discoverySelectors leave out namespace {name}");
                let fix = match &selectors[..] {
                    [one] => one.labels(),
                    _ => None,
                };
                let label = |labels: &Labels| {
                    let labels = labels.iter().map(|(key, value)| format!("{key}={value}"));
                    let words = ["label", "namespace", name].map(str::to_owned);
                    member.way.change(words.into_iter().chain(labels))
                };
                return Some((text, fix.map_or_else(|| Self::edit_config(member), label)));
            }
        }
        None
    }

    /// Opens the mesh config.
    fn edit_config(member: &Member) -> String {
        let object = member
            .mesh_config()
            .map_or("istio", |config| config.object.rsplit('/').next().unwrap_or_default());
        member.way.kubectl(["edit", "configmap", object, "-n", member.istio_namespace()])
    }

    /// Whether the caller's proxies are told of the service in the other cluster.
    pub(super) fn visibility(&self) -> Link {
        let from = self.from;
        let object = self.service.object();
        let text =
            format!("proxies of namespace {} in {} see service {object}", self.client, from.name());
        let link =
            |answer, finding| Link { name: "visibility", answer, text: text.clone(), finding };
        let broken = |member: &Member, text: &str, fix: String| {
            link(Answer::No, Some(self.finding(member, &check::KEPT_BACK, text, fix)))
        };
        // istiod takes the service from its own cluster, and from another where it has none.
        let has_own = from.bulk.asked.service.is_some();
        let owner = if has_own { from } else { self.to };
        if let Some((text, fix)) = self.hidden_from(owner, self.client) {
            return broken(owner, &text, fix);
        }
        if !has_own && let Some((text, fix)) = self.hidden_from(from, self.client) {
            return broken(from, &text, fix);
        }
        let Self { service, .. } = self;
        let istiod = self.near_istiod();
        if services::is_cluster_local(istiod.mesh_config(), &service.namespace, &service.name) {
            let text = format!("its mesh config keeps service {object} within each cluster");
            return broken(istiod, &text, Self::edit_config(istiod));
        }
        if !istiod.state.knows(Resource::Sidecars) || istiod.mesh_config().is_none() {
            return link(Answer::Unknown, None);
        }
        let scopes = self.scopes();
        let hides = |scope: &&EgressScope| !self.shows(scope);
        if let Some(scope) = scopes.iter().flatten().copied().find(hides) {
            let name = scope.meta.object();
            if !scopes.iter().all(|scope| scope.as_ref().is_some_and(|scope| !self.shows(scope))) {
                return link(Answer::Unknown, None);
            }
            let text = format!(
                "Sidecar {name} does not let namespace {} see service {object}",
                self.client
            );
            let words = ["edit", "sidecar", &scope.meta.name, "-n", &scope.meta.namespace];
            return broken(from, &text, from.way.kubectl(words));
        }
        let is_certain = scopes.iter().flatten().all(|scope| !scope.has_ports);
        link(if is_certain { Answer::Yes } else { Answer::Unknown }, None)
    }

    /// The `Sidecar` of each caller: its own, its namespace's, or the mesh's.
    fn scopes(&self) -> Vec<Option<&EgressScope>> {
        let all = &self.near_istiod().state.egress_scopes;
        let of = |namespace: &str, labels: Option<&Labels>| {
            let in_it = |scope: &&EgressScope| *scope.meta.namespace == *namespace;
            let own = all.iter().filter(in_it).find(|scope| {
                let selector = scope.workload_selector.as_ref();
                selector
                    .is_some_and(|selector| labels.is_some_and(|labels| selects(selector, labels)))
            });
            own.or_else(|| all.iter().filter(in_it).find(|scope| scope.workload_selector.is_none()))
        };
        let for_one = |labels: Option<&Labels>| {
            of(self.client, labels).or_else(|| of(self.from.istio_namespace(), None))
        };
        let callers = &self.from.bulk.asked.callers;
        if callers.is_empty() {
            return vec![for_one(None)];
        }
        callers.iter().map(|pod| for_one(Some(&pod.meta.labels))).collect()
    }

    fn shows(&self, scope: &EgressScope) -> bool {
        let host = self.host();
        scope.hosts.is_empty()
            || scope.hosts.iter().any(|one| {
                let (namespace, pattern) = one.split_once('/').unwrap_or(("*", one));
                let is_in = match namespace {
                    "*" => true,
                    "." => *scope.meta.namespace == *self.service.namespace,
                    other => other == self.service.namespace,
                };
                is_in && means(pattern, "", &host)
            })
    }

    /// The rules for the service that the caller's proxies follow.
    pub(super) fn rules(&self) -> Option<Vec<&DestinationRule>> {
        self.rules_of(self.near_istiod(), self.client)
    }

    /// The rules for the service that proxies in a namespace of a cluster follow: those of the first
    /// namespace that has any, their own, the service's, Istio's. `None` where rules are for some
    /// proxies only.
    pub(super) fn rules_of<'m>(
        &self,
        member: &'m Member,
        client: &str,
    ) -> Option<Vec<&'m DestinationRule>> {
        let host = self.host();
        for namespace in [client, &self.service.namespace, member.istio_namespace()] {
            let mut found: Vec<&DestinationRule> = member
                .state
                .destination_rules
                .iter()
                .filter(|rule| *rule.meta.namespace == *namespace)
                .filter(|rule| means(&rule.host, &rule.meta.namespace, &host))
                .filter(|rule| is_exported(&rule.export_to, namespace, client))
                .collect();
            if found.iter().any(|rule| rule.workload_selector.is_some()) {
                return None;
            }
            // The most specific host counts.
            let longest = found.iter().map(|rule| rank(&rule.host)).max();
            found.retain(|rule| Some(rank(&rule.host)) == longest);
            if !found.is_empty() {
                return Some(found);
            }
        }
        Some(Vec::new())
    }

    /// Whether the two clusters mean the same by the ports of the service.
    pub(super) fn ports(&self) -> Option<(String, String)> {
        let (from, to) = (self.from, self.to);
        let Some(wanted) = &from.bulk.asked.service else { return None };
        let offered = to.bulk.asked.service.as_ref()?;
        let fits = |port: &&meshstate::ServicePort| {
            offered.ports.iter().any(|other| {
                let is_named = |name: &str| {
                    to.bulk.asked.ready().any(|pod| {
                        pod.containers
                            .iter()
                            .any(|one| one.ports.iter().any(|port| &**port == name))
                    })
                };
                let leads = other
                    .target
                    .as_deref()
                    .is_none_or(|to| to.parse::<u16>().is_ok() || is_named(to));
                other.name == port.name
                    && leads
                    // The gateway knows ports by the numbers of its own cluster.
                    && (other.port == port.port || self.is_direct() == Some(true))
            })
        };
        if wanted.ports.iter().any(|port| fits(&port)) {
            return None;
        }
        let key = (&*self.service.namespace, &*self.service.name);
        let definitions = (from.bulk.service(key.0, key.1)?, to.bulk.service(key.0, key.1)?);
        let text = format!(
            "service {} has no port there that leads to a pod and has name and number of one of {}",
            self.service.object(),
            from.name()
        );
        let fix = if definitions.0 == definitions.1 {
            let words = ["get", "pods", "-n", key.0, "-o", "yaml"];
            to.way.kubectl(words)
        } else {
            services::align(to, key, definitions.1, definitions.0)
        };
        Some((text, fix))
    }

    /// Whether the name leads to the proxy.
    pub(super) fn name(&self) -> Link {
        let from = self.from;
        let super::Name { namespace, name } = self.service;
        let text = format!("the name {name}.{namespace} resolves in {}", from.name());
        let link = |answer, finding| Link { name: "name", answer, text: text.clone(), finding };
        if !from.state.knows(Resource::Services) {
            return link(Answer::Unknown, None);
        }
        let answers = services::answers_dns(self.near_istiod());
        let definition = self.to.bulk.service(namespace, name);
        match from.bulk.service(namespace, name) {
            // Which of the addresses a proxy answers with, and whether they are reached, is its own.
            Some(own) if own.is_alias || own.is_headless && answers => link(Answer::Unknown, None),
            Some(own) if own.is_headless => {
                let text = format!(
                    "service {namespace}/{name} is headless, so its name leads to pods of this cluster alone"
                );
                let fix = match definition.filter(|theirs| !theirs.is_headless) {
                    Some(theirs) => services::align(from, (namespace, name), own, theirs),
                    None => from.way.kubectl(["edit", "service", name, "-n", namespace]),
                };
                link(Answer::No, Some(self.finding(from, &check::OWN_PODS, &text, fix)))
            }
            Some(_) => link(Answer::Yes, None),
            None if answers => link(Answer::Yes, None),
            None => {
                let Some(definition) = definition else { return link(Answer::Unknown, None) };
                let text =
                    format!("it has no service {namespace}/{name}, so its name does not resolve");
                let apply =
                    piped(&services::manifest((namespace, name), definition), &from.way.apply());
                let is_new = from.state.namespace(namespace).is_none();
                let make = is_new.then(|| from.way.change(["create", "namespace", namespace]));
                let fix = then(make.into_iter().chain([apply]));
                link(Answer::No, Some(self.finding(from, &check::UNKNOWN_NAME, &text, fix)))
            }
        }
    }
}

/// How specific a host is.
fn rank(host: &str) -> (bool, usize) {
    (!host.starts_with('*'), host.len())
}
