//! Nothing in a drawing lies over anything else: for any mesh, by the rectangles of its layout.

use crate::samples::{clusters, full_mesh, link, picture};
use crate::scene::{Block, Rect, SIGN, Scene, Shape};
use crate::{Link, Picture};
use proptest::prelude::*;
use std::collections::BTreeMap;

impl Rect {
    fn meets(&self, other: &Self) -> bool {
        self.x < other.right()
            && other.x < self.right()
            && self.y < other.bottom()
            && other.y < self.bottom()
    }

    fn holds(&self, other: &Self) -> bool {
        self.x <= other.x
            && self.y <= other.y
            && self.right() >= other.right()
            && self.bottom() >= other.bottom()
    }
}

/// What a rectangle of a layout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    /// A text or a sign: it may lie in blocks, whole.
    Word(&'a str),
    Block(Block),
    /// All that a curve can touch: it may lie in frames.
    Curve(&'a str),
}

fn parts(scene: &Scene) -> Vec<(Rect, Part<'_>)> {
    let part = |shape: &'_ Shape| match shape {
        Shape::Sign { x, y, .. } => {
            Some((Rect { x: *x, y: *y, width: SIGN, height: SIGN }, Part::Word("a sign")))
        }
        Shape::Block { rect, kind, .. } => Some((*rect, Part::Block(*kind))),
        _ => None,
    };
    let mut all: Vec<_> = scene.shapes.iter().filter_map(part).collect();
    for shape in &scene.shapes {
        match shape {
            Shape::Text { rect, text, .. } => all.push((*rect, Part::Word(text))),
            Shape::Curve { from, to, title, .. } => {
                let xs = [from.x, from.x + from.reach, to.x, to.x + to.reach];
                let (left, right) = (xs.iter().min().unwrap(), xs.iter().max().unwrap());
                let (up, down) = (from.y.min(to.y) - 5, from.y.max(to.y) + 5);
                let hull = Rect { x: *left, y: up, width: right - left, height: down - up };
                all.push((hull, Part::Curve(title)));
            }
            _ => {}
        }
    }
    all
}

/// All that is wrong with a layout.
fn defects(scene: &Scene) -> Vec<String> {
    let mut parts = parts(scene);
    parts.sort_by_key(|(rect, _)| rect.y);
    let canvas = Rect { x: 0, y: 0, width: scene.width, height: scene.height };
    let outside = parts.iter().filter(|(rect, _)| !canvas.holds(rect));
    let mut found: Vec<String> = outside.map(|part| format!("outside: {part:?}")).collect();
    for (i, (rect, part)) in parts.iter().enumerate() {
        // Those further on begin below it.
        let near = parts[i + 1..].iter().take_while(|(other, _)| other.y < rect.bottom());
        let over = near.filter(|(other, other_part)| {
            rect.meets(other) && !is_allowed((rect, part), (other, other_part))
        });
        found.extend(over.map(|other| format!("{part:?} lies over {other:?}")));
    }
    found
}

fn is_allowed(one: (&Rect, &Part<'_>), other: (&Rect, &Part<'_>)) -> bool {
    let lies_in =
        |(inner, part): (&Rect, &Part<'_>), (outer, block): (&Rect, &Part<'_>)| match (part, block)
        {
            (Part::Word(_), Part::Block(_)) => outer.holds(inner),
            (Part::Block(kind), Part::Block(Block::Frame)) => {
                *kind != Block::Frame && outer.holds(inner)
            }
            (Part::Curve(_), Part::Curve(_) | Part::Block(Block::Frame)) => true,
            _ => false,
        };
    lies_in(one, other) || lies_in(other, one)
}

fn assert_readable(picture: &Picture) {
    let found = defects(&crate::scene_of(picture));
    assert!(found.is_empty(), "{:#?}", &found[..found.len().min(10)]);
}

#[test]
fn full_meshes_of_1_to_120_clusters_are_readable() {
    for n in 1..=120 {
        assert_readable(&full_mesh(&[n]));
        assert_readable(&full_mesh(&[n, 1]));
        assert_readable(&full_mesh(&[n / 3 + 1, n / 2, 2]));
        assert_readable(&full_mesh(&vec![1; n]));
    }
}

#[test]
fn a_defect_would_be_seen() {
    let mut scene = crate::scene_of(&full_mesh(&[2, 1]));
    let card = scene.shapes.iter().find_map(|shape| match shape {
        Shape::Block { rect, kind: Block::Card, .. } => Some(*rect),
        _ => None,
    });
    let card = card.expect("there are cards");
    scene.block(Rect { x: card.x + 20, y: card.y + 15, ..card }, Block::Card, None);
    let found = defects(&scene);
    for parts in [["Block(Card)", "Block(Card)"], ["Word(", "Block(Card)"], ["Block(", "Curve("]] {
        let is_of = |text: &&String| parts.iter().all(|part| text.contains(part));
        assert!(found.iter().any(|text| is_of(&text)), "{parts:?}: {found:#?}");
    }
    scene.width = 100;
    assert!(defects(&scene).iter().any(|text| text.starts_with("outside")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn small_meshes_are_readable(picture in picture(9)) {
        assert_readable(&picture);
    }

    #[test]
    fn large_meshes_are_readable(picture in picture(40)) {
        assert_readable(&picture);
    }

    /// Networks of any size, with a few pairs that are not like the others.
    #[test]
    fn exceptions_are_readable(
        sizes in prop::collection::vec(1..12_usize, 1..9),
        odd in prop::collection::vec((0..99_usize, 0..99_usize, link()), 0..25),
    ) {
        let n = sizes.iter().sum::<usize>();
        let all = (0..n).flat_map(|a| (0..n).map(move |b| ((a, b), Some(Link::Valid))));
        let mut held: BTreeMap<_, _> = all.collect();
        for (a, b, link) in odd {
            held.insert((a % n, b % n), link);
        }
        let held = held.into_iter().filter_map(|(pair, link)| link.map(|link| (pair, link)));
        assert_readable(&Picture::new(clusters(&sizes), held, BTreeMap::new()));
    }
}
