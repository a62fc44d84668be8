//! Who is let in: to API servers by authorized networks, to nodes by rules of the VPC network.

use crate::member::{Member, Mesh};
use crate::networks::site;
use crate::table::firewalls as check;
use ipnet::IpNet;
use mesh_authnets::{Options, Peers, Plan};
use mesh_firewall::{
    Allow, Existing, Limits, Network, Opening, Protocol, ResourceName, Step, Targets, Vpc,
    difference, kept_in, rules,
};
use meshcore::cidr::{self, CidrError, Joined};
use meshcore::cluster::{Cluster, Provider, RangeKind};
use meshcore::finding::Finding;
use meshcore::{Error, Result, route};
use serde_json::json;
use std::collections::BTreeSet;

/// Google Cloud's limits for one rule.
const LIMITS: Limits = Limits { ranges: 5000, tags: 70 };
/// The priority that mesh-firewall gives its rules.
const PRIORITY: u16 = 900;

/// Findings of GKE's clusters; of firewalls where their rules are given.
pub fn findings(mesh: &Mesh, existing: Option<&[Existing]>) -> Result<Vec<Finding>> {
    let mut found = authorized(mesh);
    if let Some(existing) = existing {
        for member in &mesh.members {
            found.extend(of_nodes(mesh, member, existing)?);
        }
    }
    Ok(found)
}

/// What mesh-authnets finds, for clusters of which enough is known.
fn authorized(mesh: &Mesh) -> Vec<Finding> {
    let of_record = |member: &Member| {
        member.state.record.as_ref()?;
        Some((
            member.name().to_owned(),
            mesh_authnets::Member::new(&site(member), &[RangeKind::Pod]).ok()?,
        ))
    };
    let known: Vec<_> = mesh.members.iter().filter_map(of_record).collect();
    let (names, members): (Vec<String>, Vec<mesh_authnets::Member>) = known.into_iter().unzip();
    let peers = Peers::of(&members);
    let mut found = Vec::new();
    for (name, member) in names.iter().zip(&members) {
        let Some(server) = &member.server else { continue };
        let plan = Plan::new(member, server, &peers, Options::default());
        let findings = mesh_authnets::findings(&plan);
        // What does not fit into the list cannot be added to it.
        let is_full = findings.iter().any(|finding| finding.code == check::TOO_MANY.code);
        let findings = findings.into_iter();
        let (kept_out, mut findings): (Vec<_>, Vec<_>) =
            findings.partition(|finding| finding.code == check::NOT_LET_IN.code);
        findings.splice(..0, as_one(kept_out, name).filter(|_| !is_full));
        let is_command = |fix: &str| fix.starts_with("gcloud ");
        found.extend(findings.into_iter().map(|mut finding| {
            if !is_command(&finding.fix) {
                finding.message = format!("{}: {}", finding.message, finding.fix);
                finding.fix.clear();
            }
            finding.object.clone_from(name);
            finding.evidence["cluster"] = json!(name);
            finding
        }));
    }
    found
}

/// One finding of those that have one fix; of many ranges mesh-authnets makes one itself.
fn as_one(findings: Vec<Finding>, name: &str) -> Option<Finding> {
    let count = findings.len();
    let peers: BTreeSet<String> = findings
        .iter()
        .filter_map(|finding| Some(finding.evidence["peer"].as_str()?.to_owned()))
        .collect();
    let mut finding = findings.into_iter().next()?;
    if count > 1 {
        let named: Vec<&str> = peers.iter().map(String::as_str).collect();
        finding.message = format!(
            "cluster {name} does not let in {count} ranges of other clusters: {}",
            named.join(", ")
        );
        finding.evidence = json!({"ranges": count, "peers": named});
    }
    Some(finding)
}

fn nets(site: &Cluster, kind: RangeKind) -> BTreeSet<IpNet> {
    let of_kind = site.ranges.iter().filter(|range| range.kind == kind);
    let parse = |text: &str| match cidr::parse(text) {
        Ok(net) | Err(CidrError::HostBits { network: net }) => Some(net),
        Err(_) => None,
    };
    of_kind.filter_map(|range| parse(&range.cidr)).collect()
}

fn of_nodes(mesh: &Mesh, member: &Member, existing: &[Existing]) -> Result<Vec<Finding>> {
    let own = site(member);
    let network = own.vpc.as_deref().filter(|_| own.provider == Some(Provider::Gke));
    let network: Option<Network> = network.and_then(|path| path.parse().ok());
    let tags: BTreeSet<ResourceName> =
        own.node_tags.iter().filter_map(|t| t.parse().ok()).collect();
    let (Some(network), false) = (network, tags.is_empty()) else { return Ok(Vec::new()) };
    let nodes = Nodes { network, targets: Targets::Tags(tags), existing };
    let mut found = Vec::new();
    let mut peers = Vec::new();
    let mut sources = BTreeSet::new();
    for peer in mesh.peers(member).filter(|peer| peer.network() == member.network()) {
        let other = site(peer);
        if route::between(&own, &other)? == route::Route::Known {
            sources.extend(nets(&other, RangeKind::Pod));
            peers.push(peer.name());
        }
    }
    let name = format!("istio-multicluster-pods-{}", member.name());
    if let Some((fix, but)) = nodes.opening(&name, &["tcp"], &Allow::GUIDES, sources.clone())? {
        let peers_named = peers.join(", ");
        let text = format!("no firewall rule lets pods of {peers_named} reach its nodes{but}");
        let evidence = json!({"peers": peers, "nodeTags": own.node_tags});
        found.push(member.finding(&check::PODS, None, &text, evidence, fix));
    }
    found.extend(nodes.not_let_out(member, &peers, &sources));
    let webhook: Allow = "tcp:15017".parse().map_err(Error::data)?;
    let masters = nets(&own, RangeKind::ControlPlane);
    let name = format!("istio-webhook-{}", member.name());
    if let Some((fix, but)) = nodes.opening(&name, &["tcp:15017"], &[webhook], masters)? {
        let text = format!(
            "no firewall rule lets its private control plane reach istiod's webhook, port 15017 of \
             its nodes{but}"
        );
        let evidence = json!({"nodeTags": own.node_tags});
        found.push(member.finding(&check::WEBHOOK, None, &text, evidence, fix));
    }
    Ok(found)
}

/// The nodes of a cluster and the rules of their network.
struct Nodes<'a> {
    network: Network,
    targets: Targets,
    existing: &'a [Existing],
}

impl Nodes<'_> {
    /// A rule that keeps what the pods send to those of its peers.
    fn not_let_out(
        &self,
        member: &Member,
        peers: &[&str],
        destinations: &BTreeSet<IpNet>,
    ) -> Option<Finding> {
        let Targets::Tags(tags) = &self.targets else { return None };
        let allow = Allow::all(Protocol::TCP);
        let deny = kept_in(&self.network, &self.targets, allow, destinations, self.existing)?;
        let (rule, priority) = (&deny.name, deny.priority);
        let text = format!(
            "rule {rule} (priority {priority}) lets nothing out of its nodes to pods of {}",
            peers.join(", ")
        );
        let vpc = Vpc { network: self.network.clone() };
        let name = format!("istio-multicluster-egress-{}", member.name());
        // No rule comes before one of priority 0.
        let before = priority.checked_sub(1);
        let fix = before.map(|before| vpc.let_out(&name, before, destinations, tags));
        let evidence = json!({"peers": peers, "rule": rule, "priority": priority});
        Some(member.finding(&check::EGRESS, None, &text, evidence, fix.unwrap_or_default()))
    }

    /// The command that lets these sources in with `wide`, if they are not let in with `needed`, and
    /// why there is none.
    fn opening(
        &self,
        name: &str,
        needed: &[&str],
        wide: &[Allow],
        sources: BTreeSet<IpNet>,
    ) -> Result<Option<(String, String)>> {
        let Ok(name) = name.parse::<ResourceName>() else { return Ok(None) };
        if sources.is_empty() {
            return Ok(None);
        }
        let needed: Vec<Allow> = needed.iter().filter_map(|text| text.parse().ok()).collect();
        let opening = |allow: &[Allow]| Opening {
            name: name.clone(),
            allow: allow.to_vec(),
            sources: sources.clone(),
        };
        // Only what is let in matters, not by rules of which name.
        let narrow =
            [Opening { name: "mesh-check".parse().map_err(Error::data)?, ..opening(&needed) }];
        let wanted = rules(&narrow, &self.targets, PRIORITY, LIMITS)?;
        let found = difference(wanted, &narrow, self.existing.to_vec(), &self.network)?;
        if found.steps.is_empty() {
            return Ok(None);
        }
        if let Err(strangers) = cidr::refuse_wide(&Joined::of(&sources), &[]) {
            return Ok(Some((String::new(), format!(": {}", strangers.message().text()))));
        }
        let wide = [opening(wide)];
        let wanted = rules(&wide, &self.targets, PRIORITY, LIMITS)?;
        let steps = difference(wanted, &wide, self.existing.to_vec(), &self.network)?.steps;
        let vpc = Vpc { network: self.network.clone() };
        let line = |step: &Step| vpc.gcloud(step).trim_end().to_owned();
        Ok(Some((crate::command::then(steps.iter().map(line)), String::new())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshcore::finding::Severity;

    #[test]
    fn a_cluster_of_many_peers_has_one_finding() {
        let one = |peer: usize| Finding {
            code: check::NOT_LET_IN.code,
            severity: Severity::Error,
            object: "a".to_owned(),
            message: format!("cluster a does not let in c{peer}"),
            evidence: json!({"peer": format!("c{peer:03}")}),
            fix: "gcloud container clusters update a".to_owned(),
        };
        assert_eq!(as_one(Vec::new(), "a"), None);
        assert_eq!(as_one(vec![one(1)], "a"), Some(one(1)));
        let all = as_one((0..9).map(one).collect(), "a").unwrap();
        assert!(
            all.message.ends_with(
                "9 ranges of other clusters: c000, c001, c002, c003, c004, c005, c006, c007, c008"
            ),
            "{}",
            all.message
        );
        assert_eq!(all.evidence["peers"].as_array().unwrap().len(), 9);
        assert_eq!(all.fix, one(1).fix);
    }
}
