//! The ranges of the input, and whose they are.

use crate::Set;
use ipnet::IpNet;
use meshcore::cidr::{self, CidrError};
use meshcore::cluster::{self, Cluster, Descriptions, Merged, RangeKind};
use meshcore::input::{Document, Input, Source};
use meshcore::list::{Item, is_list, ranges};
use meshcore::{Error, Message, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Everything read, to look owners up in.
#[derive(Debug, Default)]
pub struct Inventory {
    clusters: Vec<Cluster>,
    lists: Vec<Source>,
    documents: Vec<RangeDocument>,
    warnings: Vec<Message>,
}

/// A JSON document that is ranges: a line of this tool's own output, or a firewall rule.
#[derive(Debug)]
struct RangeDocument {
    place: String,
    cidrs: Vec<String>,
}

/// A range with a small handle of its owner; ordered by address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnedRange {
    /// The range itself.
    pub net: IpNet,
    origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Cluster { cluster: u32, range: u32 },
    List { list: u32, line: u32 },
    Document { document: u32 },
}

/// Whose a range is.
#[derive(Debug, Serialize)]
pub struct Owner<'a> {
    /// The cluster, or the file of a plain list.
    pub cluster: String,
    /// What its addresses are for; plain lists do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<RangeKind>,
    /// The range as this owner has it.
    pub cidr: IpNet,
    /// The field or line that says so.
    pub source: std::borrow::Cow<'a, str>,
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.map_or("", RangeKind::as_str);
        let space = if kind.is_empty() { "" } else { " " };
        write!(f, "{kind}{space}range {} of {} ({})", self.cidr, self.cluster, self.source)
    }
}

impl OwnedRange {
    /// Tells the ranges of one cluster (or list) from those of another.
    pub(crate) fn cluster(&self) -> impl PartialEq + use<> {
        match self.origin {
            Origin::Cluster { cluster, .. } => (true, cluster),
            Origin::List { list, .. } => (false, list),
            // All documents are one list of ranges.
            Origin::Document { .. } => (false, u32::MAX),
        }
    }
}

impl Inventory {
    /// Takes cluster descriptions and plain lists apart.
    pub fn read(sources: Vec<Source>) -> Result<Self> {
        let (lists, described): (Vec<_>, Vec<_>) =
            sources.into_iter().partition(|source| is_list(&source.text));
        let mut documents = Vec::new();
        let Descriptions { clusters, mut warnings } = cluster::read_with(&described, |document| {
            let found = read_ranges(document)?;
            let known = found.is_some();
            documents.extend(found);
            Ok(known)
        })?;
        let Merged { clusters, contradictions } = cluster::merge(clusters);
        warnings.extend(contradictions);
        Ok(Self { clusters, lists, documents, warnings })
    }

    /// What the descriptions leave open.
    #[must_use]
    pub fn warnings(&self) -> &[Message] {
        &self.warnings
    }

    /// The ranges of these kinds and of all lists, in order, with their owners. With `trunc`,
    /// host bits are cut off; otherwise they are an error.
    pub fn ranges(&self, kinds: &[RangeKind], trunc: bool) -> Result<Vec<OwnedRange>> {
        let mut ranges = Vec::new();
        self.each(kinds, trunc, |net, origin| ranges.push(OwnedRange { net, origin }))?;
        ranges.sort_unstable();
        Ok(ranges)
    }

    fn each(
        &self,
        kinds: &[RangeKind],
        trunc: bool,
        mut take: impl FnMut(IpNet, Origin),
    ) -> Result<()> {
        for (c, cluster) in (0..).zip(&self.clusters) {
            for (r, range) in (0..).zip(&cluster.ranges) {
                if kinds.contains(&range.kind) {
                    let net = parse(&range.cidr, trunc).map_err(|e| {
                        let field = if range.source.is_empty() { "ranges" } else { &range.source };
                        e.at(format!("cluster {}: {field}", cluster.label()))
                    })?;
                    take(net, Origin::Cluster { cluster: c, range: r });
                }
            }
        }
        for (list, source) in (0..).zip(&self.lists) {
            for item in ranges(&source.text) {
                let line = item.line;
                take(range(item, &source.name, trunc)?, Origin::List { list, line });
            }
        }
        for (i, document) in (0..).zip(&self.documents) {
            for cidr in &document.cidrs {
                let net = parse(cidr, trunc).map_err(|e| e.at(&document.place))?;
                take(net, Origin::Document { document: i });
            }
        }
        Ok(())
    }

    /// What a range is for, where its source says so.
    #[must_use]
    pub fn kind(&self, range: &OwnedRange) -> Option<RangeKind> {
        match range.origin {
            Origin::Cluster { cluster, range } => {
                Some(self.clusters[cluster as usize].ranges[range as usize].kind)
            }
            Origin::List { .. } | Origin::Document { .. } => None,
        }
    }

    /// Looks up whose a range is.
    #[must_use]
    pub fn owner(&self, range: &OwnedRange) -> Owner<'_> {
        let cidr = range.net;
        match range.origin {
            Origin::Cluster { cluster, range } => {
                let cluster = &self.clusters[cluster as usize];
                let range = &cluster.ranges[range as usize];
                let source = range.source.as_str().into();
                Owner { cluster: cluster.label(), kind: Some(range.kind), cidr, source }
            }
            Origin::List { list, line } => Owner {
                cluster: self.lists[list as usize].name.clone(),
                kind: None,
                cidr,
                source: format!("line {line}").into(),
            },
            Origin::Document { document } => {
                let place = self.documents[document as usize].place.as_str();
                let (file, source) = place.split_once(": ").unwrap_or((place, ""));
                Owner { cluster: file.to_owned(), kind: None, cidr, source: source.into() }
            }
        }
    }
}

/// The ranges of a document that is no cluster, if it is one of ranges.
fn read_ranges(document: &Document<'_>) -> Result<Option<RangeDocument>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Ranges {
        #[serde(default)]
        cidr: Option<String>,
        #[serde(default)]
        source_ranges: Option<Vec<String>>,
    }
    let Ranges { cidr, source_ranges } = document.decode()?;
    let place = document.place().to_owned();
    Ok(match (cidr, source_ranges) {
        (Some(cidr), _) => Some(RangeDocument { place, cidrs: vec![cidr] }),
        (None, Some(cidrs)) => Some(RangeDocument { place, cidrs }),
        (None, None) => None,
    })
}

/// Adds the ranges of these kinds and of all lists to `set`, where nobody asks for the owners.
/// Lists may be longer than memory: they are read in pieces. Gives back the clusters.
pub fn read_set(
    input: &Input,
    kinds: &[RangeKind],
    trunc: bool,
    set: &mut Set,
) -> Result<Inventory> {
    let described = input.read_but_lists(|name, ranges| {
        ranges.try_for_each(|item| {
            // Almost all are in order, and nothing is moved about for them.
            let net = if let Ok(net) = item.range { net } else { range(item, name, trunc)? };
            set.insert(net);
            Ok(())
        })
    })?;
    let inventory = Inventory::read(described)?;
    inventory.each(kinds, trunc, |net, _| set.insert(net))?;
    Ok(inventory)
}

/// One range of a list.
fn range(item: Item<'_>, name: &str, trunc: bool) -> Result<IpNet> {
    let Item { line, text, range } = item;
    or_network(range, text, trunc).map_err(|e| e.at(format!("{name}: line {line}")))
}

/// Reads a range; `trunc` cuts host bits off.
pub(crate) fn parse(text: &str, trunc: bool) -> Result<IpNet> {
    or_network(cidr::parse(text), text, trunc)
}

fn or_network(range: Result<IpNet, CidrError>, text: &str, trunc: bool) -> Result<IpNet> {
    match range {
        Ok(net) => Ok(net),
        Err(CidrError::HostBits { network }) if trunc => Ok(network),
        Err(error) => {
            let message = Error::data(format!("{text:?} {error}"));
            Err(match error {
                CidrError::HostBits { .. } => message.hint("correct it, or pass --trunc"),
                CidrError::Syntax(_) => message,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_found_again() {
        let source = |name: &str, text: &str| {
            Source::new(name.to_owned(), text.as_bytes().to_vec()).unwrap()
        };
        let inventory = Inventory::read(vec![
            source("list", "# x\n10.9.0.0/16;10.8.0.0/16"),
            source("stdin", "{\"name\": \"a\", \"clusterIpv4Cidr\": \"10.4.0.0/14\"}"),
        ])
        .unwrap();
        let ranges = inventory.ranges(&[RangeKind::Pod], false).unwrap();
        let owners: Vec<String> = ranges.iter().map(|r| inventory.owner(r).to_string()).collect();
        assert_eq!(
            owners,
            [
                "pod range 10.4.0.0/14 of a (clusterIpv4Cidr)",
                "range 10.8.0.0/16 of list (line 2)",
                "range 10.9.0.0/16 of list (line 2)",
            ]
        );
        assert!(inventory.ranges(&[RangeKind::Service], false).unwrap().len() == 2);
    }
}
