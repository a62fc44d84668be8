//! Which lines say what clusters hold of each other: one for each pair, or, where most pairs are
//! alike, one for all of them and one for each exception.

use crate::{Link, Picture};

/// A line between two clusters, or between two groups of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Both hold the other's credentials.
    Mutual(usize, usize),
    /// What the first holds of the second's.
    One(usize, usize, Link),
}

/// Pairs of clusters that mostly hold each other's credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Whose pairs these are.
    pub between: Between,
    /// Pairs that do.
    pub mutual: usize,
    /// All pairs.
    pub pairs: usize,
}

/// Groups of clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// The clusters of one network and those of another, by number.
    Networks(usize, usize),
    /// The clusters of one network.
    Network(usize),
    /// All clusters.
    All,
}

/// How much is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// Nothing.
    Pairs,
    /// The pairs of each two networks, and those in one.
    Networks,
    /// All pairs.
    All,
}

/// All lines of a picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// What holds for many pairs.
    pub bundles: Vec<Bundle>,
    /// Pairs of their own.
    pub lines: Vec<Line>,
}

/// More lines than these, each pair by itself, are put together.
const MOST_PAIRS: usize = 10;
/// More lines than these are not drawn as lines if there is another form.
const MOST_LINES: usize = 40;

impl Lines {
    /// As few lines as are needed to stay readable.
    #[must_use]
    pub fn of(picture: &Picture) -> Self {
        let pairs = Self::grouped(picture, Grouping::Pairs);
        if pairs.count() <= MOST_PAIRS {
            return pairs;
        }
        let networks = Self::grouped(picture, Grouping::Networks);
        if networks.count() <= MOST_LINES {
            return networks;
        }
        let all = Self::grouped(picture, Grouping::All);
        if all.count() < networks.count() { all } else { networks }
    }

    /// Whether people can follow them.
    #[must_use]
    pub fn are_readable(&self) -> bool {
        self.count() <= MOST_LINES && !self.bundles.iter().any(|b| b.between == Between::All)
    }

    fn count(&self) -> usize {
        let is_drawn = |bundle: &&Bundle| matches!(bundle.between, Between::Networks(..));
        self.lines.len() + self.bundles.iter().filter(is_drawn).count()
    }

    /// The lines with this much put together.
    #[must_use]
    pub fn grouped(picture: &Picture, grouping: Grouping) -> Self {
        let mut all = Self::default();
        if picture.links().next().is_none() {
            return all;
        }
        let clusters = picture.clusters().len();
        if grouping == Grouping::All {
            all.add(picture, Between::All, pairs_in(0..clusters));
            return all;
        }
        if grouping == Grouping::Pairs {
            let lines = pairs_in(0..clusters).flat_map(|(a, b)| of_pair(picture, a, b));
            return Self { lines: lines.collect(), ..all };
        }
        let networks = picture.networks();
        for (i, one) in networks.iter().enumerate() {
            all.add(picture, Between::Network(i), pairs_in(one.clusters.clone()));
            for (j, other) in networks.iter().enumerate().skip(i + 1) {
                let pairs =
                    one.clusters.clone().flat_map(|a| other.clusters.clone().map(move |b| (a, b)));
                all.add(picture, Between::Networks(i, j), pairs);
            }
        }
        all
    }

    /// Adds a group's pairs, as one bundle if at least two and at least half of them are alike.
    fn add(
        &mut self,
        picture: &Picture,
        between: Between,
        pairs: impl Iterator<Item = (usize, usize)> + Clone,
    ) {
        let count = pairs.clone().count();
        let mutual = pairs.clone().filter(|&(a, b)| picture.is_mutual(a, b)).count();
        if count < 2 || mutual * 2 < count {
            self.lines.extend(pairs.flat_map(|(a, b)| of_pair(picture, a, b)));
            return;
        }
        self.bundles.push(Bundle { between, mutual, pairs: count });
        let exceptions = pairs.filter(|&(a, b)| !picture.is_mutual(a, b));
        self.lines.extend(exceptions.flat_map(|(a, b)| of_pair(picture, a, b)));
    }
}

fn pairs_in(clusters: std::ops::Range<usize>) -> impl Iterator<Item = (usize, usize)> + Clone {
    let end = clusters.end;
    clusters.flat_map(move |a| (a + 1..end).map(move |b| (a, b)))
}

fn of_pair(picture: &Picture, a: usize, b: usize) -> Vec<Line> {
    if picture.is_mutual(a, b) {
        return vec![Line::Mutual(a, b)];
    }
    let one = |a, b| picture.link(a, b).map(|link| Line::One(a, b, link.clone()));
    [one(a, b), one(b, a)].into_iter().flatten().collect()
}

impl Bundle {
    /// Which pairs hold each other's credentials; the exceptions are drawn.
    #[must_use]
    pub fn extent(&self) -> String {
        match (self.pairs, self.pairs - self.mutual) {
            (pairs, 0) => format!("all {pairs} pairs"),
            (pairs, exceptions) => format!("all but {exceptions} of {pairs} pairs"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{clusters, full_mesh};
    use std::collections::BTreeMap;

    #[test]
    fn few_pairs_have_lines_of_their_own() {
        let lines = Lines::of(&full_mesh(&[1, 2]));
        assert!(lines.bundles.is_empty());
        assert_eq!(lines.lines, [Line::Mutual(0, 1), Line::Mutual(0, 2), Line::Mutual(1, 2)]);
    }

    #[test]
    fn many_pairs_are_put_together_by_network() {
        let lines = Lines::of(&full_mesh(&[5, 5, 1]));
        assert!(lines.lines.is_empty());
        let told: Vec<_> =
            lines.bundles.iter().map(|bundle| (bundle.between, bundle.extent())).collect();
        let told: Vec<_> = told.iter().map(|(between, text)| (*between, text.as_str())).collect();
        assert_eq!(
            told,
            [
                (Between::Network(0), "all 10 pairs"),
                (Between::Networks(0, 1), "all 25 pairs"),
                (Between::Networks(0, 2), "all 5 pairs"),
                (Between::Network(1), "all 10 pairs"),
                (Between::Networks(1, 2), "all 5 pairs"),
            ]
        );
        assert!(lines.are_readable());
    }

    #[test]
    fn a_hundred_networks_are_one_statement() {
        let lines = Lines::of(&full_mesh(&[1; 100]));
        assert_eq!(lines.bundles.len(), 1);
        assert_eq!(lines.bundles[0].between, Between::All);
        assert!(lines.lines.is_empty() && !lines.are_readable());
    }

    #[test]
    fn exceptions_are_drawn_whether_one_way_or_none() {
        let sizes = [4, 4];
        let n = 8;
        let held = (0..n).flat_map(|a| (0..n).map(move |b| ((a, b), Link::Valid)));
        let held = held.filter(|(pair, _)| ![(0, 1), (1, 0), (2, 3), (0, 7)].contains(pair));
        let mut held: BTreeMap<_, _> = held.collect();
        held.insert((4, 3), Link::Expired("2026-01-01".to_owned()));
        let picture = Picture::new(clusters(&sizes), held, BTreeMap::new());
        let lines = Lines::grouped(&picture, Grouping::Networks);
        assert_eq!(
            lines.lines,
            [
                Line::One(0, 1, Link::Missing),
                Line::One(1, 0, Link::Missing),
                Line::One(2, 3, Link::Missing),
                Line::One(3, 2, Link::Valid),
                Line::One(0, 7, Link::Missing),
                Line::One(7, 0, Link::Valid),
                Line::One(3, 4, Link::Valid),
                Line::One(4, 3, Link::Expired("2026-01-01".to_owned())),
            ]
        );
        assert_eq!(lines.bundles[0].extent(), "all but 2 of 6 pairs");
        assert_eq!(lines.bundles[1].extent(), "all but 2 of 16 pairs");
    }

    #[test]
    fn what_mostly_is_not_so_is_no_bundle() {
        let held = [((0, 1), Link::Valid), ((1, 0), Link::Valid)];
        let mut all = clusters(&[2, 4]);
        for cluster in &mut all {
            cluster.reads = crate::Reads::Unknown;
        }
        let picture = Picture::new(all, held, BTreeMap::new());
        let lines = Lines::grouped(&picture, Grouping::All);
        assert_eq!(lines, Lines { bundles: vec![], lines: vec![Line::Mutual(0, 1)] });
    }
}
