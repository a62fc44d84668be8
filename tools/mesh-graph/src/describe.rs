//! A picture in words: the same ones in every form.

use crate::lines::{Between, Lines};
use crate::picture::{Known, Reads};
use crate::text::{Cut, count};
use crate::{Cluster, Gateway, Link, Mark, Network, Picture};
use meshcore::finding::Severity;
use std::collections::{BTreeMap, BTreeSet};

/// One line about a cluster or a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What catches the eye.
    pub sign: Option<Sign>,
    /// The line.
    pub text: String,
    /// More, where the form has room for it.
    pub more: Option<String>,
    /// Where it may be shortened.
    pub cut: Cut,
}

/// Marks that differ in shape, not only in colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Something does not work.
    Error,
    /// Something may surprise.
    Warning,
    /// A gateway with an address.
    Gateway,
}

/// Addresses of one gateway that are shown; the others are counted.
const MOST_ADDRESSES: usize = 2;

impl Fact {
    fn new(text: impl Into<String>) -> Self {
        Self { sign: None, text: text.into(), more: None, cut: Cut::Middle }
    }

    fn sign(self, sign: Sign) -> Self {
        Self { sign: Some(sign), ..self }
    }

    fn more(self, more: impl Into<String>) -> Self {
        Self { more: Some(more.into()), ..self }
    }

    /// Something about something else that has a name.
    #[must_use]
    pub fn name_and(name: &str, what: &str) -> Self {
        Self::new(format!("{name}: {what}"))
    }

    /// A sentence.
    #[must_use]
    pub fn sentence(text: impl Into<String>) -> Self {
        Self { cut: Cut::End, ..Self::new(text) }
    }
}

/// A cluster: its name, then the rest.
#[must_use]
pub fn cluster(cluster: &Cluster) -> Vec<Fact> {
    let mut facts = vec![name(cluster)];
    let id = cluster.id.as_ref().filter(|&id| *id != cluster.name);
    facts.extend(id.map(|id| Fact::new(format!("ID {id}"))));
    facts.extend(cluster.facts.iter().map(Fact::new));
    facts.extend(state(cluster));
    facts.extend(cluster.gateways.iter().map(gateway));
    facts.extend(marks(&cluster.findings));
    facts
}

/// A cluster's name.
#[must_use]
pub fn name(cluster: &Cluster) -> Fact {
    let context = cluster.context.as_ref().filter(|&context| *context != cluster.name);
    let more = context.map(|context| format!("context {context}"));
    Fact { more, ..Fact::new(&cluster.name) }
}

/// What is not as with every other cluster.
#[must_use]
pub fn state(cluster: &Cluster) -> Option<Fact> {
    match (&cluster.known, cluster.reads) {
        (Known::Unreached(why), _) => Some(Fact::sentence("not reached").more(why)),
        (Known::ByName, _) => Some(Fact::sentence("known from remote Secrets only")),
        (Known::Itself, Reads::Nothing) => Some(Fact::sentence("no control plane")),
        (Known::Itself, _) => None,
    }
}

/// A network: its name, then the rest.
#[must_use]
pub fn network(network: &Network) -> Vec<Fact> {
    let mut facts = vec![Fact::new(network_name(network))];
    facts.push(Fact::new(count(network.clusters.len(), "cluster")));
    facts.extend(network.gateways.iter().map(gateway));
    facts.extend(marks(&network.findings));
    facts
}

/// What to call a network.
#[must_use]
pub fn network_name(network: &Network) -> &str {
    network.name.as_deref().unwrap_or("network not known")
}

/// A gateway with its addresses.
#[must_use]
pub fn gateway(gateway: &Gateway) -> Fact {
    let network = gateway.network.as_ref();
    let leads = network.map_or_else(String::new, |network| format!(" into {network}"));
    let name = ["gateway", gateway.name.as_str()].join(" ").trim_end().to_owned();
    let addresses = match gateway.addresses.split_at_checked(MOST_ADDRESSES) {
        _ if gateway.addresses.is_empty() => {
            return Fact::new(format!("{name}: no address{leads}")).sign(Sign::Warning);
        }
        Some((shown, rest)) if !rest.is_empty() => {
            format!("{} and {} more", shown.join(", "), rest.len())
        }
        _ => gateway.addresses.join(", "),
    };
    let all = format!("{name}: {}", gateway.addresses.join(", "));
    Fact::new(format!("gateway {addresses}{leads}")).sign(Sign::Gateway).more(all)
}

/// Findings: how many of each severity, and their codes.
#[must_use]
pub fn marks(findings: &[Mark]) -> Vec<Fact> {
    let of = |severity: Severity, sign: Sign, what: &str| {
        let found: Vec<&Mark> =
            findings.iter().filter(|mark| mark.severity.0 == severity).collect();
        let codes: BTreeSet<&str> = found.iter().map(|mark| mark.code.as_str()).collect();
        let codes = codes.into_iter().collect::<Vec<_>>().join(", ");
        let all: BTreeSet<String> =
            found.iter().map(|mark| format!("{}: {}", mark.code, mark.message)).collect();
        let all = all.into_iter().collect::<Vec<_>>().join("\n");
        let text = format!("{}: {codes}", count(found.len(), what));
        (!found.is_empty()).then(|| Fact::sentence(text).sign(sign).more(all))
    };
    let error = of(Severity::Error, Sign::Error, "error");
    error.into_iter().chain(of(Severity::Warning, Sign::Warning, "warning")).collect()
}

/// All findings of a picture, by code, the worst first.
#[must_use]
pub fn findings(picture: &Picture) -> Vec<Fact> {
    let mut by_code: BTreeMap<(_, &str), BTreeSet<&str>> = BTreeMap::new();
    for mark in all_marks(picture) {
        by_code.entry((mark.severity, &mark.code)).or_default().insert(&mark.message);
    }
    let fact =
        |((severity, code), messages): ((std::cmp::Reverse<Severity>, &str), BTreeSet<&str>)| {
            let (sign, what) = match severity.0 {
                Severity::Error => (Sign::Error, "error"),
                Severity::Warning => (Sign::Warning, "warning"),
            };
            let first = messages.first().copied().unwrap_or_default();
            let others = match messages.len() - 1 {
                0 => String::new(),
                others => format!(" (and {others} more)"),
            };
            let all = messages.into_iter().collect::<Vec<_>>().join("\n");
            Fact::sentence(format!("{what} {code}{others}: {first}")).sign(sign).more(all)
        };
    by_code.into_iter().map(fact).collect()
}

fn all_marks(picture: &Picture) -> impl Iterator<Item = &Mark> {
    let of_clusters = picture.clusters().iter().flat_map(|cluster| &cluster.findings);
    let of_networks = picture.networks().iter().flat_map(|network| &network.findings);
    of_clusters.chain(of_networks).chain(&picture.findings)
}

/// What there is, what they hold of each other, what is wrong.
#[must_use]
pub fn summary(picture: &Picture) -> Vec<String> {
    let networks = picture.networks().iter().filter(|network| network.name.is_some()).count();
    let mut there_is = count(picture.clusters().len(), "cluster");
    if networks > 0 {
        there_is += &format!(" in {}", count(networks, "network"));
    }
    let of = |is: fn(&Link) -> bool| picture.links().filter(|(_, link)| is(link)).count();
    let links = [
        (of(|link| *link == Link::Valid), "valid"),
        (of(|link| matches!(link, Link::Expired(_))), "expired"),
        (of(|link| matches!(link, Link::Unusable(_))), "unusable"),
        (of(|link| *link == Link::Missing), "missing"),
    ];
    let links = links.into_iter().filter(|&(number, _)| number > 0);
    let links: Vec<_> = links.map(|(number, what)| format!("{number} {what}")).collect();
    let found = [(Severity::Error, "error"), (Severity::Warning, "warning")];
    let found = found.into_iter().filter_map(|(severity, what)| {
        let of_it = all_marks(picture).filter(|mark| mark.severity.0 == severity);
        let number = of_it.collect::<BTreeSet<_>>().len();
        (number > 0).then(|| count(number, what))
    });
    let found = found.collect::<Vec<_>>().join(", ");
    let held = if links.is_empty() {
        String::new()
    } else {
        format!("credentials of each other: {}", links.join(", "))
    };
    [there_is, held, found].into_iter().filter(|part| !part.is_empty()).collect()
}

/// Which pairs of a network's own clusters hold each other's credentials, where that is told of
/// all at once.
pub fn within(network: usize, lines: &Lines) -> impl Iterator<Item = String> {
    told_of(Between::Network(network), lines)
}

/// The same of all clusters.
pub fn about_all(lines: &Lines) -> impl Iterator<Item = String> {
    told_of(Between::All, lines)
}

fn told_of(between: Between, lines: &Lines) -> impl Iterator<Item = String> {
    let bundles = lines.bundles.iter().filter(move |bundle| bundle.between == between);
    bundles.map(|bundle| format!("{} hold each other's credentials", bundle.extent()))
}

impl Link {
    /// What is wrong with it, in short.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        match self {
            Self::Valid => None,
            Self::Expired(on) => Some(format!("expired {on}")),
            Self::Unusable(why) => Some(format!("unusable: {why}")),
            Self::Missing => Some("missing".to_owned()),
        }
    }
}

/// A link as a sentence.
#[must_use]
pub fn link(holder: &str, other: &str, link: &Link) -> String {
    match (link, link.trouble()) {
        (Link::Missing, _) => format!("{holder} holds no credentials of {other}"),
        (_, None) => format!("{holder} holds credentials of {other}"),
        (_, Some(told)) => format!("{holder} holds credentials of {other}: {told}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{clusters, full_mesh};
    use std::cmp::Reverse;

    fn mark(severity: Severity, code: &str, message: &str) -> Mark {
        Mark { severity: Reverse(severity), code: code.to_owned(), message: message.to_owned() }
    }

    fn texts(facts: &[Fact]) -> Vec<&str> {
        facts.iter().map(|fact| fact.text.as_str()).collect()
    }

    #[test]
    fn clusters_tell_what_matters() {
        let gateway = |addresses: &[&str]| Gateway {
            name: "istio-system/gw".to_owned(),
            addresses: addresses.iter().map(|&a| a.to_owned()).collect(),
            network: None,
        };
        let one = Cluster {
            name: "a".to_owned(),
            id: Some("cn-a".to_owned()),
            facts: vec!["Istio 1.26.2".to_owned()],
            reads: Reads::Nothing,
            gateways: vec![
                gateway(&["192.0.2.1:15443"]),
                gateway(&["1.1.1.1", "1.1.1.2", "1.1.1.3"]),
                Gateway { network: Some("n".to_owned()), ..gateway(&[]) },
            ],
            findings: vec![
                mark(Severity::Warning, "MESH0002", "w"),
                mark(Severity::Error, "MESH0003", "y"),
                mark(Severity::Error, "MESH0001", "x"),
                mark(Severity::Error, "MESH0001", "z"),
            ],
            ..Cluster::default()
        };
        let facts = cluster(&one);
        assert_eq!(
            texts(&facts),
            [
                "a",
                "ID cn-a",
                "Istio 1.26.2",
                "no control plane",
                "gateway 192.0.2.1:15443",
                "gateway 1.1.1.1, 1.1.1.2 and 1 more",
                "gateway istio-system/gw: no address into n",
                "3 errors: MESH0001, MESH0003",
                "1 warning: MESH0002",
            ]
        );
        assert_eq!(facts[7].more.as_deref(), Some("MESH0001: x\nMESH0001: z\nMESH0003: y"));
    }

    #[test]
    fn what_is_hardly_known_says_so() {
        let unreached = Known::Unreached("timed out".to_owned());
        for (known, text) in
            [(unreached, "not reached"), (Known::ByName, "known from remote Secrets only")]
        {
            let one = Cluster { name: "a".to_owned(), known, ..Cluster::default() };
            assert_eq!(texts(&cluster(&one)), ["a", text]);
        }
    }

    #[test]
    fn findings_are_listed_once_by_code() {
        let mut picture = full_mesh(&[2]);
        picture.mark(&mark(Severity::Warning, "MESH0001", "w"), &[0], &[]);
        picture.mark(&mark(Severity::Error, "MESH0002", "of both"), &[0, 1], &[0]);
        picture.mark(&mark(Severity::Error, "MESH0002", "a third"), &[], &[]);
        assert_eq!(
            texts(&findings(&picture)),
            ["error MESH0002 (and 1 more): a third", "warning MESH0001: w"]
        );
        assert_eq!(
            summary(&picture),
            [
                "2 clusters in 1 network",
                "credentials of each other: 2 valid",
                "2 errors, 1 warning"
            ]
        );
        assert_eq!(
            texts(&network(&picture.networks()[0])),
            ["network000", "2 clusters", "1 error: MESH0002"]
        );
    }

    #[test]
    fn links_are_sentences() {
        for (is, text) in [
            (Link::Valid, "a holds credentials of b"),
            (Link::Expired("2026-01-31".into()), "a holds credentials of b: expired 2026-01-31"),
            (Link::Unusable("no token".into()), "a holds credentials of b: unusable: no token"),
            (Link::Missing, "a holds no credentials of b"),
        ] {
            assert_eq!(link("a", "b", &is), text);
        }
        let mut all = clusters(&[1]);
        all[0].network = None;
        let picture = Picture::new(all, [], BTreeMap::new());
        assert_eq!(summary(&picture), ["1 cluster"]);
    }
}
