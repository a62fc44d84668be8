//! The links of the chain.

use crate::command::{piped, then};
use crate::member::{Member, Mesh};
use crate::services;
use crate::table::{self, Check, services as check};
use crate::why::{Name, Question};
use meshcore::finding::{Finding, Severity};
use meshstate::Resource;
use serde_json::json;
use std::fmt;

/// Whether a link holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It does.
    Yes,
    /// It does not, and the rest does not matter.
    No,
    /// The input does not tell.
    Unknown,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        })
    }
}

/// One link.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// What it is about, in a word.
    pub name: &'static str,
    /// Whether it holds.
    pub answer: Answer,
    /// What was asked.
    pub text: String,
    /// What breaks it.
    pub finding: Option<Finding>,
}

/// Two clusters, a service, and what is wrong with them.
pub struct Pair<'a> {
    from: &'a Member,
    to: &'a Member,
    service: &'a Name,
    client: &'a str,
    findings: &'a [Finding],
}

impl<'a> Pair<'a> {
    /// The first member calls the second.
    pub fn new(mesh: &'a Mesh, question: &'a Question, findings: &'a [Finding]) -> Self {
        let service = &question.service;
        Self {
            from: &mesh.members[0],
            to: &mesh.members[1],
            service,
            client: question.client.as_deref().unwrap_or(&service.namespace),
            findings,
        }
    }

    /// The whole chain.
    pub fn links(&self) -> Vec<Link> {
        vec![
            self.captured(),
            self.control_plane(),
            self.credentials(),
            self.trust(),
            self.service(),
            self.name(),
            self.way(),
            self.encryption(),
            self.client(),
            self.locality(),
        ]
    }

    /// The first error of a family, of these members, that is one of those meant.
    fn error(
        &self,
        family: &[Check],
        members: &[&Member],
        is_meant: impl Fn(&Finding) -> bool,
    ) -> Option<Finding> {
        let rank = |finding: &Finding| family.iter().position(|c| c.code == finding.code);
        let of_member = |finding: &&Finding| {
            members.iter().any(|member| finding.evidence["cluster"] == json!(member.name()))
        };
        let found = self.findings.iter().filter(|finding| finding.severity == Severity::Error);
        let found = found.filter(|finding| rank(finding).is_some() && is_meant(finding));
        found.filter(of_member).min_by_key(|finding| rank(finding)).cloned()
    }

    /// A link that holds unless something breaks it, or nobody knows.
    fn link(name: &'static str, text: String, is_known: bool, finding: Option<Finding>) -> Link {
        let answer = match (&finding, is_known) {
            (Some(_), _) => Answer::No,
            (None, true) => Answer::Yes,
            (None, false) => Answer::Unknown,
        };
        Link { name, answer, text, finding }
    }

    fn both(&self) -> [&'a Member; 2] {
        [self.from, self.to]
    }

    fn captured(&self) -> Link {
        let names = self.both().map(Member::name);
        let text = format!("{} and {} could be read", names[0], names[1]);
        let is_known = self.both().iter().all(|member| member.is_known());
        let finding = self.error(table::captures::ALL, &self.both(), |_| true);
        Self::link("captures", text, is_known, finding)
    }

    fn control_plane(&self) -> Link {
        let text = format!(
            "the control plane of {} runs, and each cluster has its own ID",
            self.from.name()
        );
        let is_known = self.from.has_control_plane() && !self.to.ids.is_empty();
        let finding = self
            .error(table::identity::ALL, &self.both(), |finding| {
                finding.code != table::identity::TRUST_DOMAIN.code
            })
            .or_else(|| self.error(table::control_planes::ALL, &[self.from], |_| true));
        Self::link("control plane", text, is_known, finding)
    }

    fn credentials(&self) -> Link {
        let (from, to) = (self.from, self.to);
        let text = format!("{} has credentials for {} that work", from.name(), to.name());
        let is_known = crate::member::reads(from, to);
        let finding = self
            .error(table::secrets::ALL, &[from], |_| true)
            .or_else(|| self.error(table::between::ALL, &[from], |_| true))
            .or_else(|| {
                self.error(table::firewalls::ALL, &[to], |finding| {
                    finding.code < table::firewalls::PODS.code
                })
            });
        Self::link("credentials", text, is_known, finding)
    }

    fn trust(&self) -> Link {
        let text =
            format!("{} and {} trust each other's certificates", self.from.name(), self.to.name());
        let knows = |member: &Member| {
            let roots = &member.state.roots;
            (roots.distributed.is_some() || roots.signer().is_some())
                && !member.state.mesh_configs.is_empty()
        };
        let finding = self.error(table::roots::ALL, &self.both(), |_| true).or_else(|| {
            self.error(table::identity::ALL, &self.both(), |f| {
                f.code == table::identity::TRUST_DOMAIN.code
            })
        });
        Self::link("trust", text, self.both().iter().all(|member| knows(member)), finding)
    }

    fn finding(&self, member: &Member, check: &Check, text: &str, fix: String) -> Finding {
        let object = self.service.object();
        let evidence = json!({"service": object});
        member.finding(check, Some(("Service", &object)), text, evidence, fix)
    }

    fn service(&self) -> Link {
        let to = self.to;
        let object = self.service.object();
        let Name { namespace, name } = self.service;
        let text = format!("service {object} of {} has ready pods, for others, too", to.name());
        let link = |is_known, finding| Self::link("service", text.clone(), is_known, finding);
        let broken = |finding| link(true, Some(finding));
        let Some(asked) = &to.bulk.asked else {
            if !to.state.knows(Resource::Services) {
                return link(false, None);
            }
            let text = format!("it has no service {object}");
            let fix = match self.from.bulk.service(namespace, name) {
                Some(definition) => {
                    piped(&services::manifest((namespace, name), definition), &to.way.apply())
                }
                None => to.way.kubectl(["get", "services", "-n", namespace]),
            };
            return broken(self.finding(to, &check::NOT_THERE, &text, fix));
        };
        if asked.pods.is_some_and(|(_, ready)| ready == 0) {
            let text = format!("service {object} has no pod that is ready");
            let words = ["get", "pods", "-n", namespace, "-o", "wide"];
            return broken(self.finding(to, &check::NO_ENDPOINTS, &text, to.way.kubectl(words)));
        }
        if let Some(export) = asked.export_to.as_ref().filter(|e| !e.contains('*')) {
            let is_seen = export.split(',').any(|one| match one.trim() {
                "." => self.client == namespace,
                other => other == self.client,
            });
            if !is_seen {
                let text = format!("service {object} is exported to {export} alone");
                let annotation = "networking.istio.io/exportTo-";
                let words = ["annotate", "service", name, "-n", namespace, annotation];
                return broken(self.finding(to, &check::KEPT_BACK, &text, to.way.kubectl(words)));
            }
        }
        let local = self
            .both()
            .into_iter()
            .find(|member| services::is_cluster_local(member.mesh_config(), namespace, name));
        if let Some(member) = local {
            let text = format!("its mesh config keeps service {object} within each cluster");
            let map = member
                .mesh_config()
                .map_or("istio", |config| config.object.rsplit('/').next().unwrap_or_default());
            let words = ["edit", "configmap", map, "-n", member.istio_namespace()];
            let fix = member.way.kubectl(words);
            return broken(self.finding(member, &check::KEPT_BACK, &text, fix));
        }
        link(asked.pods.is_some(), None)
    }

    fn name(&self) -> Link {
        let from = self.from;
        let Name { namespace, name } = self.service;
        let text = format!("the name {name}.{namespace} resolves in {}", from.name());
        let is_known = from.state.knows(Resource::Services);
        let resolves = from.bulk.service(namespace, name).is_some() || services::answers_dns(from);
        let definition = self.to.bulk.service(namespace, name);
        let finding = definition.filter(|_| is_known && !resolves).map(|definition| {
            let text =
                format!("it has no service {namespace}/{name}, so its name does not resolve");
            let apply =
                piped(&services::manifest((namespace, name), definition), &from.way.apply());
            let is_new = from.state.namespace(namespace).is_none();
            let make = is_new.then(|| from.way.kubectl(["create", "namespace", namespace]));
            self.finding(from, &check::UNKNOWN_NAME, &text, then(make.into_iter().chain([apply])))
        });
        Self::link("name", text, is_known && resolves, finding)
    }

    fn way(&self) -> Link {
        let (from, to) = (self.from, self.to);
        let networks = self.error(table::networks::ALL, &self.both(), |_| true);
        if from.network() == to.network() {
            let network = to.network().unwrap_or("no named network");
            let text = format!("both are in {network}, and pods reach each other");
            let finding = networks
                .or_else(|| self.error(table::ranges::ALL, &self.both(), |_| true))
                .or_else(|| self.error(table::firewalls::ALL, &[to], |_| true));
            let sites = [from, to].map(crate::networks::site);
            let route = meshcore::route::between(&sites[0], &sites[1]);
            let is_known = route.is_ok_and(|route| route == meshcore::route::Route::Known);
            return Self::link("network", text, is_known, finding);
        }
        let text = format!(
            "a gateway leads from {} into {} of {}",
            from.network().unwrap_or("no named network"),
            to.network().unwrap_or("no named network"),
            to.name()
        );
        let finding = networks.or_else(|| self.error(table::gateways::ALL, &[to], |_| true));
        let is_known = to
            .bulk
            .gateways
            .iter()
            .any(|gateway| !gateway.addresses.is_empty() && gateway.pods.is_some());
        Self::link("gateway", text, is_known, finding)
    }

    fn encryption(&self) -> Link {
        let text = format!("no rule switches mutual TLS off for {}", self.service.object());
        let Name { namespace, name } = self.service;
        let is_meant = |finding: &Finding| {
            if finding.code != check::PLAIN_TEXT.code {
                return false;
            }
            let Some(host) = finding.evidence["host"].as_str() else { return true };
            let service = meshcore::service_of(host, namespace);
            service.is_none_or(|found| found == (namespace.clone(), name.clone()))
        };
        let knows = |member: &Member| {
            member.state.knows(Resource::DestinationRules)
                && member.state.knows(Resource::PeerAuthentications)
        };
        let finding = self.error(table::services::ALL, &self.both(), is_meant);
        Self::link("encryption", text, self.both().iter().all(|member| knows(member)), finding)
    }

    fn client(&self) -> Link {
        let from = self.from;
        let text = format!("pods of namespace {} in {} have sidecars", self.client, from.name());
        let name = format!("{}: Namespace {}", from.name(), self.client);
        let finding = self.error(table::injection::ALL, &[from], |finding| finding.object == name);
        let has_sidecars = from.bulk.meshed.contains(self.client);
        let without = self.findings.iter().find(|finding| {
            finding.object == name && finding.code == table::injection::NO_SIDECAR.code
        });
        let finding = finding.or_else(|| without.filter(|_| !has_sidecars).cloned());
        Self::link("client", text, has_sidecars, finding)
    }

    fn locality(&self) -> Link {
        let text =
            format!("nothing keeps requests for {} in their locality", self.service.object());
        let Name { namespace, name } = self.service;
        let is_it = |finding: &&Finding| {
            let host = finding.evidence["host"].as_str().unwrap_or_default();
            finding.code == check::STAYS_LOCAL.code
                && finding.evidence["cluster"] == json!(self.from.name())
                && meshcore::service_of(host, namespace) == Some((namespace.clone(), name.clone()))
        };
        let own = self.from.bulk.asked.as_ref().and_then(|asked| asked.pods);
        let has_own = own.is_some_and(|(_, ready)| ready > 0);
        let finding = self.findings.iter().find(is_it).filter(|_| has_own).cloned();
        let is_known = self.from.state.knows(Resource::DestinationRules);
        Self::link("locality", text, is_known, finding)
    }
}
