//! Clusters as cards in two columns, and lines in the channel between them: no line ever crosses
//! a card or a text.

use crate::describe::{self, Fact};
use crate::lines::{Between, Bundle, Line, Lines};
use crate::page::{self, Entry, MARGIN, Sample};
use crate::scene::{Block, End, Rect, Scene, Shape, Size, Stroke, fact_width};
use crate::{Cluster, Picture, picture::Known};
use std::collections::BTreeSet;

const PAD: i32 = 10;
const GAP: i32 = 12;
/// Between the ends of two lines at one card.
const PORT: i32 = 12;
/// Cards are as wide as their texts need within these bounds.
const CARD: std::ops::RangeInclusive<i32> = 150..=380;

/// Draws it.
#[must_use]
pub fn draw(picture: &Picture, lines: &Lines) -> Scene {
    let mut sheet = Sheet::new(picture, lines);
    let mut scene = Scene::default();
    let top = page::top(&mut scene, picture);
    let (width, bottom) = sheet.place(top);
    sheet.write(&mut scene);
    page::bottom(&mut scene, picture, (width, bottom), &sheet.legend(), &[]);
    scene
}

/// Which column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// A card, or the head of a network's frame: where lines end.
struct Node {
    block: Option<Block>,
    facts: Vec<Fact>,
    /// Ends of lines that have a text beside them.
    told: Vec<(Tip, Fact)>,
    /// Ends of other lines.
    plain: Vec<Tip>,
    side: Side,
    rect: Rect,
}

/// One end of a line: the line's number, and whether it is the end that it starts from.
type Tip = (usize, bool);

/// A line to be drawn: between two nodes, by number.
struct Wire {
    ends: [usize; 2],
    heads: [bool; 2],
    stroke: Stroke,
    title: String,
}

/// Everything with its place. Clusters' nodes come first, then networks'.
struct Sheet<'a> {
    picture: &'a Picture,
    nodes: Vec<Node>,
    wires: Vec<Wire>,
    frames: Vec<Rect>,
}

impl Node {
    fn new(block: Option<Block>, facts: Vec<Fact>) -> Self {
        let rect = Rect { x: 0, y: 0, width: 0, height: 0 };
        Self { block, facts, told: Vec::new(), plain: Vec::new(), side: Side::Left, rect }
    }

    fn pad(&self) -> i32 {
        if self.block.is_some() { PAD } else { 0 }
    }

    /// The height of its facts, and of the room for the ends of lines beside them.
    fn facts_height(&self) -> i32 {
        let small = self.facts.len().saturating_sub(1);
        (Size::Name.line() + length(small) * Size::Small.line())
            .max(length(self.plain.len()) * PORT)
    }

    fn height(&self) -> i32 {
        self.facts_height() + length(self.told.len()) * Size::Small.line() + 2 * self.pad()
    }

    fn width(&self) -> i32 {
        let sizes = std::iter::once(Size::Name).chain(std::iter::repeat(Size::Small));
        let facts = self.facts.iter().zip(sizes).map(|(fact, size)| fact_width(fact, size));
        let told = self.told.iter().map(|(_, fact)| fact_width(fact, Size::Small));
        facts.chain(told).max().unwrap_or(0) + 2 * self.pad()
    }
}

impl<'a> Sheet<'a> {
    fn new(picture: &'a Picture, lines: &Lines) -> Self {
        let card = |cluster: &Cluster| {
            let block = if cluster.known == Known::Itself { Block::Card } else { Block::Ghost };
            Node::new(Some(block), describe::cluster(cluster))
        };
        let mut nodes: Vec<Node> = picture.clusters().iter().map(card).collect();
        for (n, network) in picture.networks().iter().enumerate() {
            let mut facts = describe::network(network);
            facts.extend(describe::within(n, lines).map(Fact::sentence));
            nodes.push(Node::new(None, facts));
        }
        let frames = vec![Rect { x: 0, y: 0, width: 0, height: 0 }; picture.networks().len()];
        let mut sheet = Self { picture, nodes, wires: Vec::new(), frames };
        for bundle in &lines.bundles {
            sheet.add_bundle(bundle);
        }
        for line in &lines.lines {
            sheet.add_line(line);
        }
        sheet
    }

    fn add_bundle(&mut self, bundle: &Bundle) {
        let first = self.picture.clusters().len();
        let name = |n: usize| describe::network_name(&self.picture.networks()[n]);
        match bundle.between {
            Between::Networks(a, b) => {
                let extent = bundle.extent();
                let told = [Fact::name_and(name(b), &extent), Fact::name_and(name(a), &extent)];
                let title = format!("{} and {}: {extent}", name(a), name(b));
                let wire = self.wires.len();
                for ((node, is_start), fact) in [(a, true), (b, false)].into_iter().zip(told) {
                    self.nodes[first + node].told.push(((wire, is_start), fact));
                }
                let ends = [first + a, first + b];
                self.wires.push(Wire { ends, heads: [true; 2], stroke: Stroke::Bundle, title });
            }
            // Told in words; and a matrix is drawn rather than all in one.
            Between::Network(_) | Between::All => {}
        }
    }

    fn add_line(&mut self, line: &Line) {
        let name = |i: usize| self.picture.clusters()[i].name.as_str();
        let (ends, heads, stroke, title) = match line {
            Line::Mutual(a, b) => {
                let title = format!("{} and {} hold each other's credentials", name(*a), name(*b));
                ([*a, *b], [true; 2], Stroke::Valid, title)
            }
            Line::One(a, b, link) => {
                let title = describe::link(name(*a), name(*b), link);
                ([*a, *b], [false, true], Stroke::of(link), title)
            }
        };
        let wire = self.wires.len();
        let told = match line {
            Line::One(_, b, link) => link.trouble().map(|told| Fact::name_and(name(*b), &told)),
            Line::Mutual(..) => None,
        };
        match told {
            Some(fact) => self.nodes[ends[0]].told.push(((wire, true), fact)),
            None => self.nodes[ends[0]].plain.push((wire, true)),
        }
        self.nodes[ends[1]].plain.push((wire, false));
        self.wires.push(Wire { ends, heads, stroke, title });
    }

    /// Gives everything its place from `top` down; the drawing's width and lower edge.
    fn place(&mut self, top: i32) -> (i32, i32) {
        let clusters = self.picture.clusters().len();
        if let [one] = self.picture.networks() {
            let half = one.clusters.len().div_ceil(2);
            for node in &mut self.nodes[half..clusters] {
                node.side = Side::Right;
            }
            return self.place_one_network(top);
        }
        let mut ys = [top; 2];
        let mut sides = Vec::new();
        for (n, network) in self.picture.networks().iter().enumerate() {
            let side = if ys[0] <= ys[1] { Side::Left } else { Side::Right };
            let cards = network.clusters.clone();
            for node in cards.clone().chain([clusters + n]) {
                self.nodes[node].side = side;
            }
            let frame = self.frame_height(n);
            sides.push((side, ys[side as usize], frame));
            ys[side as usize] += frame + GAP;
        }
        let cards = [Side::Left, Side::Right].map(|side| widest(&self.nodes, side));
        let frames = cards.map(|card| if card == 0 { 0 } else { card + 2 * PAD });
        let channel = if frames[1] == 0 { 0 } else { self.channel() };
        let xs = [MARGIN, MARGIN + frames[0] + channel];
        for (n, (side, y, height)) in sides.into_iter().enumerate() {
            let s = side as usize;
            self.frames[n] = Rect { x: xs[s], y, width: frames[s], height };
            let head = self.nodes[clusters + n].height();
            let x = xs[s] + PAD;
            self.nodes[clusters + n].rect = Rect { x, y: y + PAD, width: cards[s], height: head };
            let cards_of_it = self.picture.networks()[n].clusters.clone();
            self.stack(cards_of_it, x, y + PAD + head + PAD, cards[s]);
        }
        (frames[0] + channel + frames[1], ys[0].max(ys[1]))
    }

    /// One network spans both columns.
    fn place_one_network(&mut self, top: i32) -> (i32, i32) {
        let clusters = self.picture.clusters().len();
        let head = widest(&self.nodes[clusters..], Side::Left);
        let mut cards = [Side::Left, Side::Right].map(|side| widest(&self.nodes[..clusters], side));
        let channel = match cards[1] {
            0 => 0,
            right => self.channel().max(head - cards[0] - right),
        };
        if channel == 0 {
            cards[0] = cards[0].max(head);
        }
        let inner = cards[0] + channel + cards[1];
        let head = self.nodes[clusters].height();
        let x = MARGIN + PAD;
        self.nodes[clusters].rect = Rect { x, y: top + PAD, width: inner, height: head };
        let y = top + PAD + head + PAD;
        let half = clusters.div_ceil(2);
        let left = self.stack(0..half, x, y, cards[0]);
        let right = self.stack(half..clusters, x + cards[0] + channel, y, cards[1]);
        let bottom = left.max(right);
        let (width, height) = (inner + 2 * PAD, bottom + PAD - top);
        self.frames[0] = Rect { x: MARGIN, y: top, width, height };
        (width, bottom + PAD + GAP)
    }

    /// Puts cards below each other; gives the lower edge of the last.
    fn stack(&mut self, cards: std::ops::Range<usize>, x: i32, top: i32, width: i32) -> i32 {
        let mut y = top;
        for node in &mut self.nodes[cards] {
            let height = node.height();
            node.rect = Rect { x, y, width, height };
            y += height + GAP;
        }
        y - GAP
    }

    fn frame_height(&self, n: usize) -> i32 {
        let head = self.nodes[self.picture.clusters().len() + n].height();
        let cards = self.nodes[self.picture.networks()[n].clusters.clone()].iter();
        PAD + head + PAD + cards.map(|card| card.height() + GAP).sum::<i32>() - GAP + PAD
    }

    fn channel(&self) -> i32 {
        match length(self.wires.len()) {
            0 => 2 * GAP,
            lines => (120 + lines * 8).min(320),
        }
    }

    fn write(&self, scene: &mut Scene) {
        for frame in &self.frames {
            scene.block(*frame, Block::Frame, None);
        }
        self.write_wires(scene);
        for node in &self.nodes {
            if let Some(block) = node.block {
                scene.block(node.rect, block, None);
            }
            let pad = node.pad();
            let (x, room) = (node.rect.x + pad, node.rect.width - 2 * pad);
            let mut y = node.rect.y + pad;
            let mut size = Size::Name;
            for fact in &node.facts {
                scene.fact(x, y, room, size, fact);
                y += size.line();
                size = Size::Small;
            }
            y = node.rect.y + pad + node.facts_height();
            for (_, fact) in &node.told {
                scene.fact(x, y, room, Size::Small, fact);
                y += Size::Small.line();
            }
        }
    }

    fn write_wires(&self, scene: &mut Scene) {
        let channel = self.channel();
        for (i, wire) in self.wires.iter().enumerate() {
            let [a, b] = wire.ends;
            let ys = [self.tip_height(a, (i, true)), self.tip_height(b, (i, false))];
            let is_across = self.nodes[a].side != self.nodes[b].side;
            let reach =
                if is_across { channel / 2 } else { (30 + (ys[0] - ys[1]).abs() / 3).min(channel) };
            let end = |k: usize| {
                let node = &self.nodes[wire.ends[k]];
                let frame = self.outer(wire.ends[k]);
                let (x, reach) = match node.side {
                    Side::Left => (frame.right(), reach),
                    Side::Right => (frame.x, -reach),
                };
                End { x, y: ys[k], reach, is_pointed: wire.heads[k] }
            };
            let (from, to) = (end(0), end(1));
            let (stroke, title) = (wire.stroke, wire.title.clone());
            scene.shapes.push(Shape::Curve { from, to, stroke, title });
        }
    }

    /// What a node's lines end at: a card, or the frame of a network.
    fn outer(&self, node: usize) -> Rect {
        match node.checked_sub(self.picture.clusters().len()) {
            Some(network) => self.frames[network],
            None => self.nodes[node].rect,
        }
    }

    /// The height at which a line ends: beside its text, or among the other lines in the order of
    /// where they lead.
    fn tip_height(&self, node: usize, tip: Tip) -> i32 {
        let node = &self.nodes[node];
        let top = node.rect.y + node.pad();
        let facts = node.facts_height();
        if let Some(i) = node.told.iter().position(|(told, _)| *told == tip) {
            return top + facts + length(i) * Size::Small.line() + Size::Small.line() / 2;
        }
        let far_end = |&(wire, is_start): &Tip| {
            let far = &self.nodes[self.wires[wire].ends[usize::from(is_start)]];
            (far.rect.y, wire, is_start)
        };
        let place = node.plain.iter().filter(|other| far_end(other) < far_end(&tip)).count();
        top + facts * (2 * length(place) + 1) / (2 * length(node.plain.len()))
    }

    fn legend(&self) -> Vec<Entry> {
        let strokes: BTreeSet<(Stroke, bool)> =
            self.wires.iter().map(|wire| (wire.stroke, wire.heads[0])).collect();
        let entry = |(stroke, is_mutual): (Stroke, bool)| {
            let text = match (stroke, is_mutual) {
                (Stroke::Bundle, _) => "pairs that hold each other's credentials",
                (Stroke::Valid, true) => "each holds the other's credentials",
                (Stroke::Valid, false) => "holds the other's credentials",
                (Stroke::Expired, _) => "holds expired ones",
                (Stroke::Unusable, _) => "holds unusable ones",
                (Stroke::Missing, _) => "lacks them",
            };
            Entry { sample: Sample::Line(stroke, is_mutual), text }
        };
        strokes.into_iter().map(entry).collect()
    }
}

/// Width of what is on one side, 0 if there is nothing.
fn widest(nodes: &[Node], side: Side) -> i32 {
    let of_side = nodes.iter().filter(|node| node.side == side);
    let widest = of_side.map(Node::width).max();
    widest.map_or(0, |width| width.clamp(*CARD.start(), *CARD.end()))
}

/// Numbers of things as numbers of pixels.
pub(crate) fn length(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
