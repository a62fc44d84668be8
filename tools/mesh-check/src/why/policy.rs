//! Encryption, authorization and locality on the way of a request.

use super::link::{Answer, Link, Pair};
use crate::member::Member;
use crate::table::services as check;
use crate::traffic::keeps_local;
use meshcore::selector::selects;
use meshstate::{MtlsMode, Pod, Resource, TlsMode};
use std::collections::BTreeSet;

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Speech {
    Plain,
    Mutual,
    /// TLS of somebody else's.
    Other,
}

impl Pair<'_> {
    /// What a server asks for, by the rules of a cluster: of its pod, of its namespace, of the mesh.
    fn mode(&self, member: &Member, pod: &Pod) -> MtlsMode {
        let all = &member.state.peer_authentications;
        let ports: Vec<u16> = self.targets();
        let own = all.iter().find(|one| {
            *one.meta.namespace == *self.service.namespace
                && one.selector.as_ref().is_some_and(|labels| selects(labels, &pod.meta.labels))
        });
        let wide = |namespace: &str| {
            let is_it = |one: &&meshstate::PeerAuthentication| {
                *one.meta.namespace == *namespace && one.selector.is_none()
            };
            all.iter().find(is_it).and_then(|one| one.mode)
        };
        let of_port = own.and_then(|one| ports.iter().find_map(|port| one.port_modes.get(port)));
        of_port
            .copied()
            .or_else(|| own.and_then(|one| one.mode))
            .or_else(|| wide(&self.service.namespace))
            .or_else(|| wide(member.istio_namespace()))
            .unwrap_or(MtlsMode::Permissive)
    }

    /// Ports of pods that the service leads to.
    fn targets(&self) -> Vec<u16> {
        let service = self.to.bulk.asked.service.iter();
        let target = |port: &meshstate::ServicePort| match &port.target {
            Some(target) => target.parse().ok(),
            None => Some(port.port),
        };
        service.flat_map(|service| service.ports.iter()).filter_map(target).collect()
    }

    /// What the caller speaks to a pod.
    fn speech(&self, pod: &Pod) -> BTreeSet<Speech> {
        let service = self.from.bulk.asked.service.as_ref().or(self.to.bulk.asked.service.as_ref());
        let ports = service.into_iter().flat_map(|service| service.ports.iter());
        let rules = self.rules().unwrap_or_default();
        let ask = |port: &meshstate::ServicePort| {
            let rule =
                rules.iter().find_map(|rule| rule.port_tls.get(&port.port).copied().or(rule.tls));
            match rule {
                Some(TlsMode::Disable) => Speech::Plain,
                Some(TlsMode::IstioMutual) => Speech::Mutual,
                Some(TlsMode::Simple | TlsMode::Mutual) => Speech::Other,
                None => {
                    let is_auto =
                        self.near_istiod().mesh_config().is_none_or(|config| config.is_auto_mtls);
                    let is_off = self.mode(self.near_istiod(), pod) == MtlsMode::Disable;
                    if is_auto && !is_off && pod.sidecar.is_some() {
                        Speech::Mutual
                    } else {
                        Speech::Plain
                    }
                }
            }
        };
        ports.map(ask).collect()
    }

    /// Whether client and server speak the same.
    pub(super) fn encryption(&self) -> Link {
        let object = self.service.object();
        let text = format!("client and server agree on mutual TLS for {object}");
        let link =
            |answer, finding| Link { name: "encryption", answer, text: text.clone(), finding };
        let knows = |member: &Member| {
            member.state.knows(Resource::DestinationRules)
                && member.state.knows(Resource::PeerAuthentications)
                && member.mesh_config().is_some()
        };
        if ![self.near_istiod(), self.far_istiod()].iter().all(|member| knows(member)) {
            return link(Answer::Unknown, None);
        }
        let is_routed = self.rules().is_none_or(|rules| {
            rules.iter().any(|rule| rule.subsets.iter().any(|subset| subset.tls.is_some()))
        });
        let is_direct = self.is_direct();
        let mut answers = BTreeSet::new();
        let mut reason = None;
        for pod in self.to.bulk.asked.ready() {
            for speech in self.speech(pod) {
                let problem = self.refused(pod, speech, is_direct == Some(true));
                answers.insert(problem.is_none());
                reason = reason.or(problem);
            }
        }
        match (answers.len(), reason) {
            _ if is_direct.is_none() || is_routed => link(Answer::Unknown, None),
            (0 | 1, None) => link(Answer::Yes, None),
            (1, Some((member, text, fix))) => {
                link(Answer::No, Some(self.finding(member, &check::PLAIN_TEXT, &text, fix)))
            }
            _ => link(Answer::Unknown, None),
        }
    }

    /// What is wrong with how a pod is spoken to, where, and what to do about it.
    fn refused(
        &self,
        pod: &Pod,
        speech: Speech,
        is_direct: bool,
    ) -> Option<(&Member, String, String)> {
        let (from, to) = (self.from, self.to);
        let name = format!("{}/{}", pod.meta.namespace, pod.meta.name);
        let rule = |text: &str| {
            let rules = self.rules().unwrap_or_default();
            let plain = rules.iter().find(|rule| rule.tls.is_some() || !rule.port_tls.is_empty());
            let (what, fix) = match plain {
                Some(rule) => (
                    format!("DestinationRule {}", rule.meta.object()),
                    crate::traffic::set_mode(
                        self.near_istiod(),
                        "destinationrule",
                        &rule.meta,
                        "ISTIO_MUTUAL",
                    ),
                ),
                None => ("its mesh config or a PeerAuthentication".to_owned(), {
                    from.way.kubectl(["get", "peerauthentications", "-A"])
                }),
            };
            (
                from,
                format!("{what} switches mutual TLS off for {}: {text}", self.service.object()),
                fix,
            )
        };
        if !is_direct {
            if pod.sidecar.is_none() {
                let text =
                    format!("pod {name} has no sidecar, so istiod gives it to no other network");
                let words = ["get", "pod", &pod.meta.name, "-n", &pod.meta.namespace, "-o", "yaml"];
                return Some((to, text, to.way.kubectl(words)));
            }
            if speech != Speech::Mutual {
                return Some(rule("the gateway of another network routes the mesh's TLS only"));
            }
        }
        let mode = self.mode(self.far_istiod(), pod);
        let policy = |text: &str| {
            let words = ["get", "peerauthentications", "-n", &self.service.namespace, "-o", "yaml"];
            Some((to, format!("a PeerAuthentication for pod {name} {text}"), to.way.kubectl(words)))
        };
        match (pod.sidecar.is_some(), speech, mode) {
            (true, Speech::Mutual, MtlsMode::Disable) => {
                policy("switches mutual TLS off, and clients speak it")
            }
            (true, Speech::Plain, MtlsMode::Strict) => {
                policy("wants mutual TLS, and clients speak plain text")
            }
            (_, Speech::Other, _) => Some(rule("clients speak another TLS")),
            (false, Speech::Mutual, _) => Some(rule("the server has no sidecar")),
            _ => None,
        }
    }

    /// Whether the server lets the caller in.
    pub(super) fn authorization(&self) -> Link {
        let to = self.to;
        let object = self.service.object();
        let text = format!("{} authorizes requests for {object}", to.name());
        let link =
            |answer, finding| Link { name: "authorization", answer, text: text.clone(), finding };
        let istiod = self.far_istiod();
        if !istiod.state.knows(Resource::AuthorizationPolicies) {
            return link(Answer::Unknown, None);
        }
        let is_here = |one: &&meshstate::AuthorizationPolicy| {
            let namespace = &*one.meta.namespace;
            let selected = one.selector.as_ref().is_none_or(|labels| {
                to.bulk.asked.ready().any(|pod| selects(labels, &pod.meta.labels))
            });
            let is_wide = namespace == istiod.istio_namespace() && one.selector.is_none();
            (namespace == self.service.namespace || is_wide)
                && selected
                && !one.has_targets
                && one.action != "AUDIT"
                && (one.has_rules || one.action != "DENY")
        };
        let all: Vec<_> = istiod.state.authorization_policies.iter().filter(is_here).collect();
        match all.iter().find(|one| one.action == "ALLOW" && !one.has_rules) {
            Some(nobody) if all.iter().all(|one| !one.has_rules) => {
                let text = format!("AuthorizationPolicy {} allows nobody", nobody.meta.object());
                let words = [
                    "edit",
                    "authorizationpolicy",
                    &nobody.meta.name,
                    "-n",
                    &nobody.meta.namespace,
                ];
                link(
                    Answer::No,
                    Some(self.finding(istiod, &check::DENIED, &text, istiod.way.kubectl(words))),
                )
            }
            // Rules go by who calls, from where and for what.
            _ => link(if all.is_empty() { Answer::Yes } else { Answer::Unknown }, None),
        }
    }

    /// Whether requests leave the caller's locality.
    pub(super) fn locality(&self) -> Link {
        let (from, to) = (self.from, self.to);
        let object = self.service.object();
        let text = format!("nothing keeps requests for {object} in their locality");
        let link = |answer, finding| Link { name: "locality", answer, text: text.clone(), finding };
        let (near, far) = (&from.bulk.asked.localities, &to.bulk.asked.localities);
        let rules = self.rules();
        let istiod = self.near_istiod();
        let config = istiod.mesh_config();
        let is_known = istiod.state.knows(Resource::DestinationRules) && config.is_some();
        let Some(rules) = rules.filter(|_| is_known) else { return link(Answer::Unknown, None) };
        if config.is_some_and(|config| config.has_locality_rules) {
            return link(Answer::Unknown, None);
        }
        let asked = &from.bulk.asked;
        if let Some(service) = &asked.service
            && service.is_node_local
        {
            let text = format!(
                "service {object} has internalTrafficPolicy Local: requests stay on their node"
            );
            let patch = r#"{"spec":{"internalTrafficPolicy":"Cluster"}}"#;
            let words = [
                "patch",
                "service",
                &self.service.name,
                "-n",
                &self.service.namespace,
                "--type=merge",
                "-p",
                patch,
            ];
            return link(
                Answer::No,
                Some(self.finding(from, &check::STAYS_LOCAL, &text, from.way.kubectl(words))),
            );
        }
        let distributes = rules.iter().find(|rule| {
            rule.locality_lb
                .as_ref()
                .is_some_and(|one| one.is_enabled && !one.distribute.is_empty())
        });
        if let Some(rule) = distributes {
            let answer = Self::distributed(rule, near, far);
            let text = format!(
                "DestinationRule {} distributes requests for {object} to other localities",
                rule.meta.object()
            );
            let fix = crate::traffic::balance_everywhere(istiod, rule);
            let finding =
                (answer == Answer::No).then(|| self.finding(from, &check::STAYS_LOCAL, &text, fix));
            return link(answer, finding);
        }
        let owner = asked.service.as_ref().or(to.bulk.asked.service.as_ref());
        let prefers = owner.is_some_and(|service| {
            service.traffic_distribution.is_some()
                || service.meta.annotation("networking.istio.io/traffic-distribution").is_some()
        });
        let rule = rules.iter().find(|rule| keeps_local(istiod, rule));
        let has_failover =
            rule.is_some_and(|rule| rule.locality_lb.as_ref().is_some_and(|one| one.has_failover));
        if (rule.is_none() && !prefers) || asked.ready().next().is_none() {
            return link(Answer::Yes, None);
        }
        // The same network comes before the same locality.
        let is_nearer = prefers && self.is_direct() != Some(true);
        let are_one = near.len() == 1 && near == far;
        if !is_nearer && (has_failover || !are_one && !near.is_disjoint(far)) {
            return link(Answer::Unknown, None);
        }
        if are_one && !is_nearer {
            return link(Answer::Yes, None);
        }
        let (text, fix) = match rule {
            Some(rule) => (
                format!(
                    "DestinationRule {} keeps requests for {object} with the healthy endpoints nearest to the caller",
                    rule.meta.object()
                ),
                crate::traffic::balance_everywhere(istiod, rule),
            ),
            None => (
                format!(
                    "service {object} has a trafficDistribution that prefers endpoints near the caller"
                ),
                from.way.kubectl([
                    "edit",
                    "service",
                    &self.service.name,
                    "-n",
                    &self.service.namespace,
                ]),
            ),
        };
        link(Answer::No, Some(self.finding(from, &check::STAYS_LOCAL, &text, fix)))
    }

    /// Whether `distribute` sends requests of the caller's locality to the other cluster's.
    fn distributed(
        rule: &meshstate::DestinationRule,
        near: &BTreeSet<(String, String)>,
        far: &BTreeSet<(String, String)>,
    ) -> Answer {
        let is_in = |pattern: &str, (region, zone): &(String, String)| {
            let mut parts = pattern.split('/');
            let fits =
                |part: Option<&str>, own: &str| part.is_none_or(|part| part == "*" || part == own);
            fits(parts.next(), region) && fits(parts.next(), zone)
        };
        let mut entries = rule.locality_lb.iter().flat_map(|one| &one.distribute);
        let Some(entry) = entries.find(|one| near.iter().all(|place| is_in(&one.from, place)))
        else {
            return Answer::Unknown;
        };
        let gets = |place: &(String, String)| entry.to.iter().any(|to| is_in(to, place));
        match (far.iter().all(gets), far.iter().any(gets)) {
            (true, true) => Answer::Yes,
            (false, false) => Answer::No,
            _ => Answer::Unknown,
        }
    }
}
