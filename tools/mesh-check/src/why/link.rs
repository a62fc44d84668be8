//! The links of the chain.

use crate::command::piped;
use crate::member::{Member, Mesh};
use crate::services;
use crate::table::{self, Check, services as check};
use crate::whose;
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
    mesh: &'a Mesh,
    pub(super) from: &'a Member,
    pub(super) to: &'a Member,
    pub(super) service: &'a Name,
    pub(super) client: &'a str,
    pub(super) others: &'a [Member],
    pub(super) findings: &'a [Finding],
}

impl<'a> Pair<'a> {
    /// The first member calls the second.
    pub fn new(
        mesh: &'a Mesh,
        question: &'a Question,
        findings: &'a [Finding],
        others: &'a [Member],
    ) -> Self {
        Self {
            mesh,
            from: &mesh.members[0],
            to: &mesh.members[1],
            service: &question.service,
            client: question.client(),
            others,
            findings,
        }
    }

    /// The whole chain.
    pub fn links(&self) -> Vec<Link> {
        let mut links = vec![
            self.captured(),
            self.control_plane(),
            self.credentials(),
            self.trust(),
            self.service(),
            self.name(),
            self.visibility(),
            self.route(),
        ];
        links.extend(self.way());
        links.extend([self.encryption(), self.authorization(), self.client(), self.locality()]);
        links
    }

    /// The first error of a family, of these members, that is one of those meant.
    pub(super) fn error(
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

    /// The cluster whose istiod the callers have, if the input has it.
    fn reader(&self) -> Option<&'a Member> {
        self.mesh.primary(self.from)
    }

    /// The cluster of the callers' istiod: its rules and its mesh config are the callers'.
    pub(super) fn near_istiod(&self) -> &'a Member {
        self.reader().unwrap_or(self.from)
    }

    /// The cluster of the servers' istiod.
    pub(super) fn far_istiod(&self) -> &'a Member {
        self.mesh.primary(self.to).unwrap_or(self.to)
    }

    /// A link that holds unless something breaks it, or nobody knows.
    pub(super) fn link(
        name: &'static str,
        text: String,
        is_known: bool,
        finding: Option<Finding>,
    ) -> Link {
        let answer = match (&finding, is_known) {
            (Some(_), _) => Answer::No,
            (None, true) => Answer::Yes,
            (None, false) => Answer::Unknown,
        };
        Link { name, answer, text, finding }
    }

    pub(super) fn both(&self) -> [&'a Member; 2] {
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
        let from = self.from.name();
        let reader = self.reader();
        let (whose, member) = match (reader, &self.from.state.external_istiod) {
            (Some(reader), None) => (format!("of {from}"), reader),
            (Some(reader), Some(_)) => {
                (format!("of {}, which serves {from},", reader.name()), reader)
            }
            (None, at) => {
                let at = at.as_deref().unwrap_or_default();
                (
                    format!("at {at}, which serves {from} and is in no cluster of the input,"),
                    self.from,
                )
            }
        };
        let text = format!("the control plane {whose} runs, and each cluster has its own ID");
        let is_known = reader.is_some_and(Member::runs_control_plane) && !self.to.ids.is_empty();
        let finding = self
            .error(table::identity::ALL, &self.both(), |finding| {
                finding.code != table::identity::TRUST_DOMAIN.code
            })
            .or_else(|| self.error(table::control_planes::ALL, &[member], |_| true));
        Self::link("control plane", text, is_known, finding)
    }

    fn credentials(&self) -> Link {
        let (from, to) = (self.reader().unwrap_or(self.from), self.to);
        if from.name() == to.name() {
            let text = format!(
                "{} needs none: the control plane of {} serves it",
                self.from.name(),
                to.name()
            );
            return Self::link("credentials", text, true, None);
        }
        let text = format!("{} has credentials for {} that work", from.name(), to.name());
        let entries = from.bulk.secrets.iter().flat_map(|secret| &secret.entries);
        let is_known = crate::member::reads(from, to)
            && entries
                .filter(|(key, _)| to.ids.iter().any(|id| **id == **key))
                .any(|(_, remote)| remote.as_ref().is_ok_and(|remote| whose::is_at(remote, to)));
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
                && self.mesh.primary(member).is_some_and(|one| !one.state.mesh_configs.is_empty())
        };
        // From 1.29 on istiod takes the other cluster's trust domain from its mesh config.
        let mut planes = self.near_istiod().state.control_planes.iter();
        let is_new = planes.all(|plane| plane.version.is_some_and(|v| v.minor() >= 29));
        let domain = |f: &Finding| !is_new && f.code == table::identity::TRUST_DOMAIN.code;
        let finding = self
            .error(table::roots::ALL, &self.both(), |_| true)
            .or_else(|| self.error(table::identity::ALL, &self.both(), domain));
        Self::link("trust", text, self.both().iter().all(|member| knows(member)), finding)
    }

    pub(super) fn finding(
        &self,
        member: &Member,
        check: &Check,
        text: &str,
        fix: String,
    ) -> Finding {
        let object = self.service.object();
        let evidence = json!({"service": object});
        member.finding(check, Some(("Service", &object)), text, evidence, fix)
    }

    fn service(&self) -> Link {
        let to = self.to;
        let object = self.service.object();
        let Name { namespace, name } = self.service;
        let text = format!("service {object} of {} has ready pods", to.name());
        let link = |is_known, finding| Self::link("service", text.clone(), is_known, finding);
        let broken = |finding| link(true, Some(finding));
        let asked = &to.bulk.asked;
        if asked.service.is_none() {
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
        }
        if asked.pods.is_some() && asked.ready().next().is_none() {
            let text = format!("service {object} has no pods that are ready");
            let words = ["get", "pods", "-n", namespace, "-o", "wide"];
            return broken(self.finding(to, &check::NO_ENDPOINTS, &text, to.way.kubectl(words)));
        }
        if let Some((text, fix)) = self.ports().filter(|_| asked.pods.is_some()) {
            return broken(self.finding(to, &check::DIFFERS, &text, fix));
        }
        link(asked.pods.is_some(), None)
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
        Self::link("client", text, has_sidecars && !from.bulk.asked.has_callers_without, finding)
    }
}
