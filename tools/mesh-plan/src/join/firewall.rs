//! What lets istiods reach API servers, and pods each other: authorized networks of GKE, and
//! firewall rules of Google Cloud.

use super::Plan;
use crate::file::Firewall;
use crate::step::{Stage, Step};
use crate::wanted::{Member, Wanted};
use ipnet::IpNet;
use mesh_authnets as authnets;
use mesh_firewall::{Allow, Existing, Limits, Opening, ResourceName, Rule, Targets, Vpc};
use meshcore::cidr::{self, Joined};
use meshcore::cluster::{Cluster, Provider, RangeKind};
use meshcore::input::{self, Source};
use meshcore::shell::command_line;
use meshcore::{Error, Message, Result};
use std::collections::BTreeSet;

/// mesh-firewall's name for them.
const NAME: &str = "istio-multicluster-pods";
/// As mesh-firewall has it.
const PRIORITY: u16 = 900;
/// Quotas of Google Cloud's VPC firewalls.
const LIMITS: Limits = Limits { ranges: 5000, tags: 70 };

/// The rules that a project has.
#[derive(Debug)]
pub struct Rules(pub Vec<Existing>);

impl Rules {
    /// Reads what `gcloud compute firewall-rules list --format=json` prints.
    pub fn read(sources: &[Source]) -> Result<Self> {
        // A project without any rule is one that needs them all.
        if sources.iter().all(|source| source.text.trim() == "[]") {
            return Ok(Self(Vec::new()));
        }
        input::decode_all(sources).map(Self)
    }

    /// Those that mesh-firewall made in a network.
    pub fn ours<'r>(&'r self, firewall: &'r Firewall) -> impl Iterator<Item = &'r Existing> {
        self.0.iter().filter(|rule| {
            let number =
                rule.name.strip_prefix(NAME).map(|rest| rest.strip_prefix('-').unwrap_or(rest));
            number.is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
                && rule.network.name == firewall.network.name
        })
    }
}

/// What is not let in and has to be.
pub fn plan(wanted: &Wanted<'_>, rules: Option<&Rules>, plan: &mut Plan) -> Result<()> {
    match authorized(wanted) {
        Ok(steps) => plan.steps.extend(steps),
        Err(error) => plan.warn(Stage::Firewall, not_planned(&error)),
    }
    let Some(firewall) = &wanted.firewall else { return Ok(()) };
    let members: Vec<&Member<'_>> = wanted.members.iter().collect();
    let (steps, warnings) = opened(firewall, &members, required(rules)?)?;
    plan.steps.extend(steps);
    plan.warnings.extend(warnings.into_iter().map(|warning| (Stage::Firewall, warning)));
    Ok(())
}

/// Why authorized networks stay as they are.
pub fn not_planned(error: &Error) -> Message {
    let text = format!("authorized networks are not planned: {}", error.message().text());
    Message::new(text).hint(
        "pipe in records of all clusters: gcloud container clusters list --format=json | \
         mesh-clusters",
    )
}

/// Without the rules that are there, nobody knows which are missing.
pub fn required(rules: Option<&Rules>) -> Result<&Rules> {
    rules.ok_or_else(|| {
        Error::usage("the file has a firewall, and the rules that are there are not given")
            .hint("gcloud compute firewall-rules list --format=json > rules.json")
            .hint("--firewall-rules rules.json")
    })
}

/// The records of GKE's clusters, when any of them restricts who reaches its API server.
fn records(wanted: &Wanted<'_>) -> Vec<Cluster> {
    let record = |member: &Member<'_>| {
        let mut record = member.state?.record.clone()?;
        if !record.ranges.iter().any(|range| range.kind == RangeKind::Pod) {
            record.ranges.extend(member.pod_ranges().cloned());
        }
        Some(record)
    };
    let records: Vec<Cluster> = wanted.members.iter().filter_map(record).collect();
    let is_gke = |record: &Cluster| record.provider == Some(Provider::Gke);
    if records.iter().any(is_gke) { records } else { Vec::new() }
}

/// The clusters as mesh-authnets sees them; none where there is nothing to plan.
pub fn servers(wanted: &Wanted<'_>) -> Result<Vec<authnets::Member>> {
    records(wanted).iter().map(|record| authnets::Member::new(record, &[RangeKind::Pod])).collect()
}

fn authorized(wanted: &Wanted<'_>) -> Result<Vec<Step>> {
    let members = servers(wanted)?;
    let peers = authnets::Peers::of(&members);
    let mut steps = Vec::new();
    for member in &members {
        let Some(server) = &member.server else { continue };
        let plan = authnets::Plan::new(member, server, &peers, authnets::Options::default());
        let findings = authnets::findings(&plan);
        let Some(first) = findings.first() else { continue };
        if let Some(wide) = &plan.wide {
            return Err(wide.clone().at(format!("cluster {}", member.name)));
        }
        if plan.exceeded().is_some() {
            return Err(Error::data(format!("{}; {}", first.message, first.fix)));
        }
        let commands = [authnets::list_command(&plan), authnets::global_access_command(&plan)];
        let why: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
        let undo = authnets::list_command(&plan).map(|_| list(server, &server.blocks));
        steps.push(Step {
            stage: Stage::Firewall,
            cluster: Some(member.name.clone()),
            what: "let the other clusters reach its API server".to_owned(),
            why: why.join("; "),
            command: commands.into_iter().flatten().collect::<Vec<_>>().join("\n"),
            undo,
            waits_for: None,
        });
    }
    Ok(steps)
}

/// gcloud's command that makes a list of these blocks.
#[must_use]
pub fn list(server: &authnets::ApiServer, blocks: &[authnets::Block]) -> String {
    let path = &server.path;
    let mut line = vec![
        "gcloud".to_owned(),
        "container".to_owned(),
        "clusters".to_owned(),
        "update".to_owned(),
        path.cluster.to_string(),
        format!("--location={}", path.location),
        format!("--project={}", path.project),
        "--enable-master-authorized-networks".to_owned(),
    ];
    // gcloud refuses an empty list.
    if !blocks.is_empty() {
        let cidrs: Vec<&str> = blocks.iter().map(|block| block.cidr.as_str()).collect();
        line.push(format!("--master-authorized-networks={}", cidrs.join(",")));
    }
    command_line(line)
}

/// The addresses of all pods of these clusters.
pub fn pods(members: &[&Member<'_>]) -> Result<BTreeSet<IpNet>> {
    let mut all = BTreeSet::new();
    for member in members {
        let at = |error: Error| error.at(format!("cluster {}", member.name));
        let before = all.len();
        for range in member.pod_ranges() {
            let read = cidr::parse(&range.cidr);
            all.insert(
                read.map_err(|error| {
                    at(Error::data(format!("pod range {:?} {error}", range.cidr)))
                })?,
            );
        }
        if all.len() == before {
            return Err(at(Error::data(
                "its pods' ranges are not known, and the firewall is for them",
            )
            .hint("pipe its record in: mesh-clusters")));
        }
    }
    Ok(all)
}

/// The steps to a firewall that lets in the pods of these clusters, and no others.
pub fn opened(
    firewall: &Firewall,
    members: &[&Member<'_>],
    rules: &Rules,
) -> Result<(Vec<Step>, Vec<Message>)> {
    let name: ResourceName = NAME.parse().map_err(|reason: &str| Error::data(reason))?;
    let openings = [Opening { name, allow: Allow::GUIDES.to_vec(), sources: pods(members)? }];
    cidr::refuse_wide(&Joined::of(&openings[0].sources), &[])
        .map_err(|error| error.at("the pods' ranges"))?;
    let targets = Targets::Tags(firewall.tags.iter().cloned().collect());
    let wanted = mesh_firewall::rules(&openings, &targets, PRIORITY, LIMITS)?;
    let found = mesh_firewall::difference(wanted, &openings, rules.0.clone(), &firewall.network)?;
    let vpc = Vpc { network: firewall.network.clone() };
    let steps = found.steps.iter().map(|step| change(&vpc, step, rules)).collect();
    Ok((steps, found.warnings))
}

fn change(vpc: &Vpc, step: &mesh_firewall::Step, rules: &Rules) -> Step {
    let command = vpc.gcloud(step).trim_end().to_owned();
    let (what, why, command, undo) = match step {
        mesh_firewall::Step::Create(rule) => (
            format!("make the firewall rule {}", rule.name),
            format!("no rule of network {} lets the pods in", vpc.network.name),
            // gcloud refuses to make what is there.
            format!("{} >/dev/null 2>&1 || {command}", gcloud(vpc, "describe", rule.name.as_str())),
            Some(format!("{} --quiet", gcloud(vpc, "delete", rule.name.as_str()))),
        ),
        mesh_firewall::Step::Update(rule, changes) => (
            format!("change the firewall rule {}", rule.name),
            format!("it lets in others than network {} needs", vpc.network.name),
            command,
            rules.0.iter().find(|old| old.name == rule.name.as_str()).and_then(as_rule).map(
                |old| {
                    let back = mesh_firewall::Step::Update(old, changes.clone());
                    vpc.gcloud(&back).trim_end().to_owned()
                },
            ),
        ),
    };
    Step { stage: Stage::Firewall, cluster: None, what, why, command, undo, waits_for: None }
}

/// A command about a rule by its name.
#[must_use]
pub fn gcloud(vpc: &Vpc, verb: &str, name: &str) -> String {
    let project = vpc.network.project.as_ref().map(|project| format!("--project={project}"));
    let words = ["gcloud", "compute", "firewall-rules", verb, name].map(str::to_owned);
    command_line(words.into_iter().chain(project))
}

/// A rule as it is, where mesh-firewall could have made it.
fn as_rule(old: &Existing) -> Option<Rule> {
    let mesh_firewall::Action::Allow(allow) = &old.action else { return None };
    let tags = old.target_tags.iter().map(|tag| tag.parse().ok());
    Some(Rule {
        name: old.name.parse().ok()?,
        priority: old.priority,
        part: mesh_firewall::Part {
            allow: allow.iter().copied().collect(),
            sources: old.source_ranges.iter().copied().collect(),
        },
        targets: Targets::Tags(tags.collect::<Option<_>>()?),
    })
}
