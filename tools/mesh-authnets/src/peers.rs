//! Where the clusters of a mesh call from, so ordered that what one API server lacks is found
//! without a look at every range: a mesh of twenty thousand clusters has as many servers.

use crate::block::Block;
use crate::mesh::{CallerRange, Member};
use ipnet::IpNet;
use meshcore::cidr::{Joined, before, span};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;
use std::ptr;

/// How many ranges of a block are looked at for its name, which has room for fewer.
const NAMED: usize = 64;

/// The clusters of a mesh by the ranges that they call from, and by their regions.
#[derive(Debug)]
pub struct Peers<'a> {
    /// In the order of the ranges.
    calls: Vec<Call<'a>>,
    /// Each range once, in the same order: one that holds others stands just before them.
    nets: Vec<Node<'a>>,
    /// Clusters on GKE.
    regions: BTreeMap<&'a str, Vec<&'a Member>>,
}

/// A range that a cluster calls from.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The cluster.
    pub peer: &'a Member,
    /// The range.
    pub range: &'a CallerRange,
}

#[derive(Debug)]
struct Node<'a> {
    net: IpNet,
    /// The cluster that calls from it, if it is one alone.
    owner: Option<&'a Member>,
    /// The smallest range that holds this one.
    parent: Option<usize>,
    /// Where the row ends that begins here: of ranges of which each begins where another ends.
    end: usize,
    /// The last address of that row.
    last: IpAddr,
}

/// What one API server lacks.
#[derive(Debug)]
pub struct Lacking<'p, 'a> {
    peers: &'p Peers<'a>,
    own: &'a Member,
    there: Joined,
    /// Of the calls, those that are let in.
    let_in: Vec<Range<usize>>,
}

impl<'a> Peers<'a> {
    /// Puts the clusters in order.
    #[must_use]
    pub fn of(members: &'a [Member]) -> Self {
        let of_member =
            |peer: &'a Member| peer.callers.iter().map(move |range| Call { peer, range });
        let mut calls: Vec<Call<'a>> = members.iter().flat_map(of_member).collect();
        calls.sort_by_key(|call| call.range.net);
        let mut regions: BTreeMap<&str, Vec<&Member>> = BTreeMap::new();
        for member in members {
            if let Some(server) = &member.server {
                regions.entry(server.path.region()).or_default().push(member);
            }
        }
        Self { nets: nodes(&calls), calls, regions }
    }

    /// Clusters on GKE in other regions: the first ones, and how many there are.
    #[must_use]
    pub fn far_from(&self, region: &str, first: usize) -> (Vec<&'a Member>, usize) {
        let others = || self.regions.iter().filter(|(other, _)| **other != region);
        let near = self.regions.get(region).map_or(0, Vec::len);
        let all = self.regions.values().map(Vec::len).sum::<usize>();
        (
            others().flat_map(|(_, members)| members.iter().copied()).take(first).collect(),
            all - near,
        )
    }

    /// What a server lacks that lets in these ranges. `own` is one of the clusters.
    #[must_use]
    pub fn lacking<'p>(&'p self, own: &'a Member, there: Joined) -> Lacking<'p, 'a> {
        let calls = there.ranges().iter().map(|net| within(&self.calls, net, |c| c.range.net));
        let let_in = calls.filter(|calls| !calls.is_empty()).collect();
        Lacking { peers: self, own, there, let_in }
    }
}

/// Which items lie in a range.
fn within<T>(sorted: &[T], outer: &IpNet, net: impl Fn(&T) -> IpNet) -> Range<usize> {
    let start = sorted.partition_point(|item| net(item) < *outer);
    start..start + sorted[start..].partition_point(|item| outer.contains(&net(item)))
}

fn nodes<'a>(calls: &[Call<'a>]) -> Vec<Node<'a>> {
    let mut nodes: Vec<Node<'a>> = Vec::new();
    // The ranges that hold the current one, from the largest to the smallest.
    let mut around: Vec<usize> = Vec::new();
    for &Call { peer, range: CallerRange { net, .. } } in calls {
        if let Some(last) = nodes.last_mut().filter(|last| last.net == *net) {
            last.owner = last.owner.filter(|owner| ptr::eq(*owner, peer));
            continue;
        }
        while around.last().is_some_and(|&outer| !nodes[outer].net.contains(net)) {
            around.pop();
        }
        let parent = around.last().copied();
        around.push(nodes.len());
        let (owner, last) = (Some(peer), net.broadcast());
        nodes.push(Node { net: *net, owner, parent, end: nodes.len() + 1, last });
    }
    for i in (0..nodes.len()).rev() {
        let net = nodes[i].net;
        let next = i + 1 + nodes[i + 1..].partition_point(|node| net.contains(&node.net));
        nodes[i].end = next;
        if let Some(row) = nodes.get(next).filter(|row| follows(row.net.network(), net.broadcast()))
        {
            (nodes[i].end, nodes[i].last) = (row.end, row.last);
        }
    }
    nodes
}

fn follows(address: IpAddr, other: IpAddr) -> bool {
    before(address) == Some(other)
}

impl<'a> Lacking<'_, 'a> {
    /// The ranges that are not let in, in order.
    pub fn calls(&self) -> impl Iterator<Item = Call<'a>> {
        self.calls_in(0..self.peers.calls.len())
    }

    /// How many these are.
    #[must_use]
    pub fn count(&self) -> usize {
        let own = self.own.callers.iter().filter(|range| !self.there.holds(&range.net)).count();
        self.peers.calls.len() - self.let_in.iter().map(Range::len).sum::<usize>() - own
    }

    fn calls_in(&self, part: Range<usize>) -> impl Iterator<Item = Call<'a>> {
        let Range { start: mut at, end } = part;
        let first = self.let_in.partition_point(|calls| calls.end <= at);
        let mut let_in = self.let_in[first..].iter().peekable();
        let next = move || {
            while at < end {
                if let Some(calls) = let_in.next_if(|calls| calls.start <= at) {
                    at = calls.end;
                    continue;
                }
                at += 1;
                let call = self.peers.calls[at - 1];
                if !ptr::eq(call.peer, self.own) {
                    return Some(call);
                }
            }
            None
        };
        std::iter::from_fn(next)
    }

    /// The fewest blocks that let in exactly these ranges, each named after its clusters. Once there
    /// are more than `most`, the rest may be left out.
    #[must_use]
    pub fn blocks(&self, most: usize) -> Vec<Block> {
        let mut nets = Vec::new();
        let mut rows = self.rows().peekable();
        while let Some((first, mut last)) = rows.next().filter(|_| nets.len() <= most) {
            // What lies in a range of its own cluster may go on behind it.
            while let Some((_, end)) = rows.next_if(|(start, _)| follows(*start, last)) {
                last = end;
            }
            nets.extend(span(first, last));
        }
        nets.truncate(most.saturating_add(1));
        nets.into_iter().map(|net| self.block(net)).collect()
    }

    fn block(&self, net: IpNet) -> Block {
        let mut calls = self.calls_in(within(&self.peers.calls, &net, |call| call.range.net));
        let named = calls.by_ref().take(NAMED).map(|call| call.peer.name.as_str());
        let names: BTreeSet<&str> = named.collect();
        Block::of(net, &names, calls.next().is_some())
    }

    /// The addresses of these ranges, from and to, in order; one may begin where another ends.
    fn rows(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> {
        let nets = &self.peers.nets;
        let mut holes = self.holes().into_iter().peekable();
        let mut at = 0;
        let next = move || {
            while let Some(hole) = holes.next_if(|hole| hole.start <= at) {
                at = at.max(hole.end);
            }
            let row = nets.get(at)?;
            let first = row.net.network();
            // What lies in a range that is lacking makes no hole in it.
            let is_held = |hole: &Range<usize>| nets[hole.start].parent.is_some_and(|p| p >= at);
            while holes.next_if(|hole| hole.start < row.end && is_held(hole)).is_some() {}
            let cut = holes.peek().map(|hole| hole.start).filter(|cut| *cut < row.end);
            at = cut.unwrap_or(row.end);
            let last = cut.map_or(Some(row.last), |cut| before(nets[cut].net.network()))?;
            Some((first, last))
        };
        std::iter::from_fn(next)
    }

    /// Of the ranges, those that are let in and those that nobody but the own cluster has.
    fn holes(&self) -> Vec<Range<usize>> {
        let nets = &self.peers.nets;
        let let_in = self.there.ranges().iter().map(|net| within(nets, net, |node| node.net));
        let missing = self.own.callers.iter().filter(|range| !self.there.holds(&range.net));
        let own = missing.filter_map(|range| {
            let i = nets.binary_search_by_key(&range.net, |node| node.net).ok()?;
            nets[i].owner.filter(|owner| ptr::eq(*owner, self.own)).map(|_| i..i + 1)
        });
        let mut holes: Vec<_> = let_in.filter(|nets| !nets.is_empty()).chain(own).collect();
        holes.sort_unstable_by_key(|hole| hole.start);
        holes.dedup();
        holes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshcore::cluster::RangeKind;
    use proptest::prelude::*;

    fn member(name: String, nets: &[IpNet]) -> Member {
        let caller =
            |net: &IpNet| CallerRange { net: *net, kind: RangeKind::Pod, source: String::new() };
        let callers = nets.iter().map(caller).collect();
        Member { label: name.clone(), name, mesh_id: None, callers, server: None }
    }

    fn members(lists: &[&[&str]]) -> Vec<Member> {
        let nets =
            |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        let names = ('a'..).map(String::from);
        names.zip(lists).map(|(name, list)| member(name, &nets(list))).collect()
    }

    fn named(members: &[Member], there: &[&str]) -> Vec<(String, String)> {
        let there: Vec<IpNet> = there.iter().map(|text| text.parse().unwrap()).collect();
        let blocks = Peers::of(members).lacking(&members[0], Joined::of(&there)).blocks(9);
        blocks.into_iter().map(|block| (block.cidr, block.display_name.unwrap())).collect()
    }

    #[test]
    fn neighbours_become_one_block_with_both_names() {
        let all =
            members(&[&["10.8.0.0/14"], &["10.4.0.0/14"], &["10.64.0.0/14"], &["10.0.0.0/14"]]);
        let both = ("10.0.0.0/13".to_owned(), "mesh-b-d".to_owned());
        let third = ("10.64.0.0/14".to_owned(), "mesh-c".to_owned());
        assert_eq!(named(&all, &[]), [both.clone(), third.clone()]);
        assert_eq!(named(&all, &["10.64.0.0/15", "10.66.0.0/15"]), [both]);
        assert_eq!(named(&all, &["10.0.0.0/8"]), []);
    }

    #[test]
    fn what_lies_in_ones_own_range_is_lacking() {
        let all = members(&[&["10.0.0.0/8"], &["10.0.0.0/24", "11.0.0.0/8"], &["10.255.255.0/24"]]);
        let nets: Vec<String> = named(&all, &[]).into_iter().map(|(net, _)| net).collect();
        assert_eq!(nets, ["10.0.0.0/24", "10.255.255.0/24", "11.0.0.0/8"]);
        // Another has the same.
        let all = members(&[&["10.0.0.0/8"], &["10.0.0.0/24"], &["10.0.0.0/8"]]);
        assert_eq!(named(&all, &[]), [("10.0.0.0/8".to_owned(), "mesh-b-c".to_owned())]);
    }

    #[test]
    fn no_more_blocks_are_made_than_are_asked_for() {
        let nets: Vec<String> = (0..100).map(|i| format!("10.0.{}.0/24", 2 * i)).collect();
        let nets: Vec<&str> = nets.iter().map(String::as_str).collect();
        let all = members(&[&["10.1.0.0/16"], &nets]);
        let peers = Peers::of(&all);
        let lacking = peers.lacking(&all[0], Joined::default());
        assert_eq!((lacking.blocks(50).len(), lacking.count()), (51, 100));
        assert_eq!((lacking.blocks(99).len(), lacking.blocks(usize::MAX).len()), (100, 100));
    }

    fn nets(max: usize) -> impl Strategy<Value = Vec<IpNet>> {
        let v4 = (any::<u8>(), 24u8..=32).prop_map(|(last, length)| {
            IpNet::new([10, 0, 0, last].into(), length).unwrap().trunc()
        });
        let v6 = (any::<u8>(), 120u8..=128).prop_map(|(last, length)| {
            IpNet::new(std::net::Ipv6Addr::from(u128::from(last)).into(), length).unwrap().trunc()
        });
        prop::collection::vec(prop_oneof![9 => v4, 1 => v6], 0..max)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// As by a look at every range of every cluster.
        #[test]
        fn what_is_lacking_is_found(
            lists in prop::collection::vec(nets(12), 1..6), there in nets(6)
        ) {
            let name = |(i, list): (usize, &Vec<IpNet>)| member(format!("c{i}"), list);
            let all: Vec<Member> = lists.iter().enumerate().map(name).collect();
            let there = Joined::of(&there);
            let peers = Peers::of(&all);
            for own in &all {
                let lacking = peers.lacking(own, there.clone());
                let others = all.iter().filter(|peer| peer.name != own.name);
                let mut missing: Vec<(IpNet, &str)> = others
                    .flat_map(|peer| peer.callers.iter().map(|r| (r.net, peer.name.as_str())))
                    .filter(|(net, _)| !there.ranges().iter().any(|known| known.contains(net)))
                    .collect();
                missing.sort_unstable();
                let mut calls: Vec<(IpNet, &str)> =
                    lacking.calls().map(|call| (call.range.net, call.peer.name.as_str())).collect();
                calls.sort_unstable();
                prop_assert_eq!(&calls, &missing);
                prop_assert_eq!(lacking.count(), missing.len());
                let nets: Vec<IpNet> = missing.iter().map(|(net, _)| *net).collect();
                let blocks = lacking.blocks(usize::MAX);
                let found: Vec<IpNet> = blocks.iter().map(|block| block.net).collect();
                prop_assert_eq!(&found, &IpNet::aggregate(&nets));
                for block in &blocks {
                    let within = missing.iter().filter(|(net, _)| block.net.contains(net));
                    let names: BTreeSet<&str> = within.map(|(_, name)| *name).collect();
                    prop_assert_eq!(block, &Block::of(block.net, &names, false));
                }
                let few = lacking.blocks(2);
                prop_assert_eq!(&few[..], &blocks[..blocks.len().min(3)]);
            }
        }
    }
}
