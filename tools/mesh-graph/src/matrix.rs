//! Clusters as the rows of a table, and beside it a matrix: which row holds the credentials of
//! which column. Readable where lines would not be, up to hundreds of clusters.

use crate::cards::length;
use crate::describe::{self, Fact};
use crate::lines::{Between, Grouping, Lines};
use crate::page::{self, Entry, MARGIN, Sample, write_field};
use crate::picture::Reads;
use crate::scene::{Block, FIELD, Rect, Scene, Shape, Size, Stroke, fact_width};
use crate::text::count;
use crate::{Cluster, Link, Picture};
use std::ops::Range;

const PAD: i32 = 8;
/// Between columns of the table.
const GAP: i32 = 16;
/// Between networks.
const SPACE: i32 = 6;
/// The longest name over a column of the matrix.
const UPRIGHT: i32 = 150;
/// Columns of the table: the network, the cluster, what it is, its gateways, its findings; each as
/// wide as needed up to this.
const WIDEST: [i32; 5] = [220, 240, 280, 240, 240];
/// Networks that have a gap between them.
const MOST_APART: usize = 200;
/// Pairs that are told one by one.
const MOST_TOLD: usize = 60;

/// Draws it.
#[must_use]
pub fn draw(picture: &Picture) -> Scene {
    let mut scene = Scene::default();
    let tracks = Tracks::new(picture);
    let table = Table::new(picture);
    let top = page::top(&mut scene, picture);
    let has_matrix = picture.links().next().is_some();
    let names = if has_matrix { table.upright_height() } else { 0 };
    let y = top + names;
    table.write(&mut scene, y, &tracks);
    let mut legend = Vec::new();
    let (mut width, mut sentences) = (table.width(), Vec::new());
    if has_matrix {
        let left = MARGIN + table.width() + GAP;
        let matrix = Matrix { picture, left, top: y, tracks: &tracks };
        matrix.write_names(&mut scene, names - PAD);
        matrix.write_fields(&mut scene);
        width += GAP + tracks.extent;
        legend = matrix.legend();
        sentences = exceptions(picture);
    }
    let bottom = y + tracks.extent + PAD;
    page::bottom(&mut scene, picture, (width, bottom), &legend, &sentences);
    scene
}

/// The places of rows, and of columns, from the first one's.
struct Tracks {
    /// By cluster.
    starts: Vec<i32>,
    /// To the end of the last.
    extent: i32,
    /// Clusters with no gap between them.
    stretches: Vec<Range<usize>>,
}

impl Tracks {
    fn new(picture: &Picture) -> Self {
        let mut tracks = Self { starts: Vec::new(), extent: 0, stretches: Vec::new() };
        let mut was_alone = false;
        let is_dense = picture.networks().len() > MOST_APART;
        for network in picture.networks() {
            let is_alone = network.clusters.len() == 1;
            match tracks.stretches.last_mut() {
                // Many networks of one cluster each are as dense as one network.
                Some(last) if is_dense || (is_alone && was_alone) => {
                    last.end = network.clusters.end;
                }
                last => {
                    tracks.extent += if last.is_some() { SPACE } else { 0 };
                    tracks.stretches.push(network.clusters.clone());
                }
            }
            for _ in network.clusters.clone() {
                tracks.starts.push(tracks.extent);
                tracks.extent += FIELD;
            }
            was_alone = is_alone;
        }
        tracks
    }
}

/// What stands left of the matrix.
struct Table<'a> {
    picture: &'a Picture,
    /// Lines about each network; as many are shown as it has rows.
    networks: Vec<Vec<Fact>>,
    /// The other columns, for each cluster.
    rows: Vec<[Option<Fact>; 4]>,
    widths: [i32; 5],
}

impl<'a> Table<'a> {
    fn new(picture: &'a Picture) -> Self {
        let lines = Lines::grouped(picture, Grouping::Networks);
        let networks: Vec<Vec<Fact>> =
            (0..picture.networks().len()).map(|n| network_lines(picture, n, &lines)).collect();
        let row = |cluster: &Cluster| {
            let mut what = cluster.facts.clone();
            what.extend(describe::state(cluster).map(|fact| fact.text));
            let gateways = cluster.gateways.iter().map(describe::gateway).collect();
            [
                Some(describe::name(cluster)),
                (!what.is_empty()).then(|| Fact::sentence(what.join(" · "))),
                one_line(gateways),
                one_line(describe::marks(&cluster.findings)),
            ]
        };
        let rows: Vec<_> = picture.clusters().iter().map(row).collect();
        let mut widths = [0; 5];
        for fact in networks.iter().flatten() {
            widths[0] = widths[0].max(fact_width(fact, Size::Small));
        }
        for row in &rows {
            for (fact, width) in row.iter().zip(&mut widths[1..]) {
                let needed = fact.as_ref().map_or(0, |fact| fact_width(fact, Size::Small));
                *width = needed.max(*width);
            }
        }
        for (width, widest) in widths.iter_mut().zip(WIDEST) {
            *width = (*width).min(widest);
        }
        Self { picture, networks, rows, widths }
    }

    fn width(&self) -> i32 {
        let columns = self.widths.iter().filter(|&&width| width > 0);
        PAD + columns.map(|width| width + GAP).sum::<i32>() - GAP + PAD
    }

    /// Room over the matrix for the longest name.
    fn upright_height(&self) -> i32 {
        let names = self.rows.iter().filter_map(|row| row[0].as_ref());
        names.map(|name| fact_width(name, Size::Small)).max().unwrap_or(0).min(UPRIGHT) + PAD
    }

    fn write(&self, scene: &mut Scene, top: i32, tracks: &Tracks) {
        for (n, network) in self.picture.networks().iter().enumerate() {
            let y = top + tracks.starts[network.clusters.start];
            let height = length(network.clusters.len()) * FIELD;
            let frame = Rect { x: MARGIN, y, width: self.width(), height };
            scene.block(frame, Block::Frame, None);
            self.write_network(scene, n, y);
        }
        for (i, row) in self.rows.iter().enumerate() {
            let y = top + tracks.starts[i];
            let mut x = MARGIN + PAD;
            for (column, width) in self.widths.into_iter().enumerate() {
                if let Some(Some(fact)) = column.checked_sub(1).map(|cell| &row[cell]) {
                    scene.fact(x, y, width, Size::Small, fact);
                }
                x += if width > 0 { width + GAP } else { 0 };
            }
        }
    }

    /// As many lines as there are rows; the last has what is left over.
    fn write_network(&self, scene: &mut Scene, n: usize, top: i32) {
        let rows = self.picture.networks()[n].clusters.len();
        let (shown, left_over) = self.networks[n].split_at(rows.min(self.networks[n].len()));
        for (i, fact) in shown.iter().enumerate() {
            let mut fact = fact.clone();
            if i + 1 == shown.len() && !left_over.is_empty() {
                let rest = left_over.iter().map(|fact| fact.text.as_str());
                let more = fact.more.iter().map(String::as_str).chain(rest);
                fact.more = Some(more.collect::<Vec<_>>().join("\n"));
            }
            let y = top + length(i) * FIELD;
            scene.fact(MARGIN + PAD, y, self.widths[0], Size::Small, &fact);
        }
    }
}

/// What is told of a network: itself, then which of its pairs hold each other's credentials.
fn network_lines(picture: &Picture, n: usize, lines: &Lines) -> Vec<Fact> {
    let mut facts = describe::network(&picture.networks()[n]);
    let name = |n: usize| describe::network_name(&picture.networks()[n]);
    let other = |between| match between {
        Between::Network(a) if a == n => Some("within"),
        Between::Networks(a, b) if a == n => Some(name(b)),
        Between::Networks(a, b) if b == n => Some(name(a)),
        _ => None,
    };
    let told = lines.bundles.iter().filter_map(|bundle| Some((other(bundle.between)?, bundle)));
    let mut told: Vec<_> = told.collect();
    told.sort_by_key(|(_, bundle)| bundle.between != Between::Network(n));
    facts.extend(told.into_iter().map(|(other, bundle)| Fact::name_and(other, &bundle.extent())));
    facts
}

/// Facts in one cell, with the first one's sign.
fn one_line(facts: Vec<Fact>) -> Option<Fact> {
    let text: Vec<&str> = facts.iter().map(|fact| fact.text.as_str()).collect();
    let more: Vec<&str> = facts.iter().filter_map(|fact| fact.more.as_deref()).collect();
    let (text, more) = (text.join("; "), more.join("\n"));
    let first = facts.into_iter().next()?;
    Some(Fact { text, more: Some(more).filter(|more| !more.is_empty()), ..first })
}

/// Who holds whose credentials.
struct Matrix<'a> {
    picture: &'a Picture,
    left: i32,
    top: i32,
    tracks: &'a Tracks,
}

impl Matrix<'_> {
    fn write_names(&self, scene: &mut Scene, room: i32) {
        for (i, cluster) in self.picture.clusters().iter().enumerate() {
            let x = self.left + self.tracks.starts[i];
            scene.upright(x, self.top - PAD / 2, room, &cluster.name);
        }
    }

    fn write_fields(&self, scene: &mut Scene) {
        for row in 0..self.picture.clusters().len() {
            for stretch in &self.tracks.stretches {
                // What is alike is one rectangle: of a full mesh there are as many as rows.
                let mut columns = stretch.clone();
                while let Some(first) = columns.next() {
                    let Some(block) = self.block(row, first) else { continue };
                    let mut end = first + 1;
                    while is_plain(block)
                        && end < stretch.end
                        && self.block(row, end) == Some(block)
                    {
                        end += 1;
                    }
                    columns.start = end;
                    self.write_run(scene, row, first..end, block);
                }
            }
        }
        let side = |stretch: &Range<usize>| length(stretch.len()) * FIELD;
        for rows in &self.tracks.stretches {
            for columns in &self.tracks.stretches {
                let x = self.left + self.tracks.starts[columns.start];
                let y = self.top + self.tracks.starts[rows.start];
                let rect = Rect { x, y, width: side(columns), height: side(rows) };
                scene.shapes.push(Shape::Grid { rect });
            }
        }
    }

    /// Fields of one row that are alike.
    fn write_run(&self, scene: &mut Scene, row: usize, columns: Range<usize>, block: Block) {
        let name = |i: usize| self.picture.clusters()[i].name.as_str();
        let title = match self.picture.link(row, columns.start) {
            Some(_) if columns.len() > 1 => {
                format!("{} holds credentials of {}", name(row), count(columns.len(), "cluster"))
            }
            Some(link) => describe::link(name(row), name(columns.start), link),
            None if block == Block::Unread => {
                format!("what {} holds is not known", name(row))
            }
            None => name(row).to_owned(),
        };
        let rect = Rect {
            x: self.left + self.tracks.starts[columns.start],
            y: self.top + self.tracks.starts[row],
            width: length(columns.len()) * FIELD,
            height: FIELD,
        };
        write_field(scene, rect, block, Some(title));
    }

    /// What is in a field: none where a cluster needs no credentials.
    fn block(&self, row: usize, column: usize) -> Option<Block> {
        if row == column {
            return Some(Block::Own);
        }
        match self.picture.link(row, column) {
            Some(link) => Some(Block::Cells(Stroke::of(link))),
            None => (self.picture.clusters()[row].reads == Reads::Unknown).then_some(Block::Unread),
        }
    }

    fn legend(&self) -> Vec<Entry> {
        let clusters = self.picture.clusters();
        let is = |of: Stroke| self.picture.links().any(|(_, link)| Stroke::of(link) == of);
        let strokes = [
            (Stroke::Valid, "row holds credentials of column"),
            (Stroke::Expired, "expired ones"),
            (Stroke::Unusable, "unusable ones"),
            (Stroke::Missing, "none"),
        ];
        let strokes = strokes.into_iter().filter(|&(stroke, _)| is(stroke));
        let fields = strokes.map(|(stroke, text)| (Block::Cells(stroke), text));
        let is_unread = clusters.iter().any(|cluster| cluster.reads == Reads::Unknown);
        let unread = is_unread.then_some((Block::Unread, "not known"));
        let entry = |(block, text)| Entry { sample: Sample::Field(block), text };
        fields.chain(unread).chain([(Block::Own, "itself")]).map(entry).collect()
    }
}

/// Whether a field has no letter, so that its neighbours can be one rectangle with it.
fn is_plain(block: Block) -> bool {
    matches!(block, Block::Unread | Block::Cells(Stroke::Valid))
}

/// The pairs that do not hold each other's credentials, one by one, as far as they can be told.
fn exceptions(picture: &Picture) -> Vec<Fact> {
    let name = |i: usize| picture.clusters()[i].name.as_str();
    let mut wrong = picture.links().filter(|(_, link)| **link != Link::Valid);
    let mut told: Vec<Fact> = wrong
        .by_ref()
        .take(MOST_TOLD)
        .map(|((a, b), link)| Fact::sentence(describe::link(name(a), name(b), link)))
        .collect();
    let left_over = wrong.count();
    if left_over > 0 {
        told.push(Fact::sentence(format!("… and {left_over} more")));
    }
    told
}
