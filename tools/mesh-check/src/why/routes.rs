//! Where the caller's routes lead a request.

use super::link::{Answer, Link, Pair};
use super::request::{is_exported, means};
use crate::table::services as check;
use meshcore::selector::selects;
use meshstate::{Meta, Resource, Subset, VirtualService};
use std::collections::BTreeSet;

impl Pair<'_> {
    /// Whether the caller's routes lead to pods in the other cluster.
    pub(super) fn route(&self) -> Link {
        let from = self.from;
        let object = self.service.object();
        let text = format!(
            "routes in {} lead requests for {object} to pods in {}",
            from.name(),
            self.to.name()
        );
        let link = |answer, finding| Link { name: "routes", answer, text: text.clone(), finding };
        let routes = self.routes();
        let istiod = self.near_istiod();
        let config = istiod.mesh_config();
        if !istiod.state.knows(Resource::VirtualServices) {
            return link(Answer::Unknown, None);
        }
        let Some(first) = routes.first() else { return link(Answer::Yes, None) };
        if config.is_none_or(|config| config.has_rule_exports)
            || routes.iter().any(|one| !one.is_plain)
        {
            return link(Answer::Unknown, None);
        }
        let mut outcomes = BTreeSet::new();
        let mut reason = None;
        for one in &routes {
            for to in &one.destinations {
                let blocked = self.blocked(one, &to.host, to.subset.as_deref());
                outcomes.insert(blocked.is_none());
                reason = reason.or(blocked);
            }
        }
        match (outcomes.len(), reason) {
            (1, None) => link(Answer::Yes, None),
            (1, Some((reason, fix))) => {
                let text = format!("VirtualService {} {reason}", first.meta.object());
                let words =
                    ["edit", "virtualservice", &first.meta.name, "-n", &first.meta.namespace];
                let fix = fix.unwrap_or_else(|| istiod.way.kubectl(words));
                let finding = self.finding(istiod, &check::LED_AWAY, &text, fix);
                link(Answer::No, Some(finding))
            }
            // Some requests may get there: which ones, the routes' conditions say.
            _ => link(Answer::Unknown, None),
        }
    }

    fn routes(&self) -> Vec<&VirtualService> {
        let host = self.host();
        let short = format!("{}.{}", self.service.name, self.service.namespace);
        let routes = self.near_istiod().bulk.asked.routes.iter();
        routes
            .filter(|one| one.gateways.is_empty() || one.gateways.iter().any(|one| one == "mesh"))
            .filter(|one| is_exported(&one.export_to, &one.meta.namespace, self.client))
            .filter(|one| {
                one.hosts.iter().any(|pattern| {
                    means(pattern, &one.meta.namespace, &host) || pattern.starts_with(&short)
                })
            })
            .collect()
    }

    /// Why a destination has no pod in the other cluster, and what changes that if it is not the
    /// route.
    fn blocked(
        &self,
        route: &VirtualService,
        host: &str,
        subset: Option<&str>,
    ) -> Option<(String, Option<String>)> {
        let by_route = |text: String| Some((text, None));
        if !means(host, &route.meta.namespace, &self.host()) {
            return by_route(format!("routes to {host}"));
        }
        let name = subset?;
        let is_it = |one: &&Subset| one.name == name;
        let own_rules = self.rules().into_iter().flatten();
        let mut own = own_rules.flat_map(|rule| rule.subsets.iter().map(move |one| (rule, one)));
        let Some((rule, own)) = own.find(|(_, one)| is_it(one)) else {
            return by_route(format!("routes to subset {name}, which no DestinationRule has"));
        };
        let has = |subset: &Subset| {
            self.to.bulk.asked.ready().any(|pod| selects(&subset.labels, &pod.meta.labels))
        };
        if !has(own) {
            return by_route(format!(
                "routes to subset {name}, of which {} has no pod",
                self.to.name()
            ));
        }
        if self.is_direct() == Some(true) {
            return None;
        }
        // The gateway's istiod knows its own rules only.
        let host = self.host();
        let far = self.far_istiod();
        let rules = far.state.destination_rules.iter();
        let mut rules =
            rules.filter(|rule| means(&rule.host, &rule.meta.namespace, &host)).peekable();
        let has_none = rules.peek().is_none();
        if rules.flat_map(|rule| &rule.subsets).find(is_it).is_some_and(has) {
            return None;
        }
        let text = format!(
            "routes to subset {name}, which no DestinationRule in {} has, and so its gateway lets no \
             such request through",
            self.to.name()
        );
        // Where there is another one, only its owner knows what belongs into it.
        let Meta { name, namespace, .. } = &rule.meta;
        let words = ["get", "destinationrule", name, "-n", namespace, "-o", "yaml"];
        let get = self.near_istiod().way.kubectl(words);
        let apply = far.way.run("mesh-apply", [] as [&str; 0]);
        Some((text, has_none.then(|| format!("{get} | {apply}"))))
    }
}
