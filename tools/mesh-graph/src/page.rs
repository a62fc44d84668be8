//! What every drawing has above and below: a summary, a legend, the findings.

use crate::Picture;
use crate::cards::length;
use crate::describe::{self, Fact};
use crate::scene::{Block, End, FIELD, Rect, Scene, Shape, Size, Stroke, fact_width};

/// Around everything.
pub const MARGIN: i32 = 16;
/// Sentences are given at least this room.
const SENTENCE: i32 = 640;
/// Width of a legend's sample.
const SAMPLE: i32 = 40;
const GAP: i32 = 8;

/// A line of the legend: how something looks, and what it is.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// How it looks.
    pub sample: Sample,
    /// What it is.
    pub text: &'static str,
}

/// How something looks.
#[derive(Debug, Clone, Copy)]
pub enum Sample {
    /// As a line, with heads at one or both ends.
    Line(Stroke, bool),
    /// As a field of a matrix.
    Field(Block),
}

/// Writes the summary; gives where the drawing begins.
pub fn top(scene: &mut Scene, picture: &Picture) -> i32 {
    let mut y = MARGIN;
    for (i, part) in describe::summary(picture).into_iter().enumerate() {
        let size = if i == 0 { Size::Title } else { Size::Small };
        let part = Fact::sentence(part);
        scene.fact(MARGIN, y, fact_width(&part, size), size, &part);
        y += size.line();
    }
    y + GAP
}

/// Writes legend, other sentences and findings from `y` on, and gives the scene its size; `width`
/// is that of the drawing.
pub fn bottom(
    scene: &mut Scene,
    picture: &Picture,
    (width, mut y): (i32, i32),
    legend: &[Entry],
    sentences: &[Fact],
) {
    let findings = describe::findings(picture);
    let needed = sentences.iter().chain(&findings).map(|fact| fact_width(fact, Size::Small)).max();
    let room = width.max(needed.unwrap_or(0).min(SENTENCE)).max(widest(scene) - MARGIN);
    y += GAP;
    y = write_legend(scene, legend, room, y) + GAP;
    y = write_columns(scene, sentences, room, y);
    for fact in &findings {
        scene.fact(MARGIN, y, room, Size::Small, fact);
        y += Size::Small.line();
    }
    scene.width = MARGIN + room + MARGIN;
    scene.height = y + MARGIN;
}

/// Writes sentences in as many columns as there is room for.
fn write_columns(scene: &mut Scene, sentences: &[Fact], room: i32, y: i32) -> i32 {
    let Some(widest) = sentences.iter().map(|fact| fact_width(fact, Size::Small)).max() else {
        return y;
    };
    let column = widest + 3 * GAP;
    let columns = usize::try_from((room + 3 * GAP) / column).unwrap_or(1).max(1);
    let rows = sentences.len().div_ceil(columns);
    for (i, fact) in sentences.iter().enumerate() {
        let x = MARGIN + length(i / rows) * column;
        scene.fact(x, y + length(i % rows) * Size::Small.line(), room, Size::Small, fact);
    }
    y + length(rows) * Size::Small.line() + GAP
}

/// The right edge of all texts.
fn widest(scene: &Scene) -> i32 {
    let right = |shape: &Shape| match shape {
        Shape::Text { rect, .. } => rect.right(),
        _ => 0,
    };
    scene.shapes.iter().map(right).max().unwrap_or(0)
}

fn write_legend(scene: &mut Scene, legend: &[Entry], room: i32, mut y: i32) -> i32 {
    let line = Size::Small.line() + 2;
    let mut x = MARGIN;
    for entry in legend {
        let text = Fact::sentence(entry.text);
        let width = SAMPLE + GAP + fact_width(&text, Size::Small);
        if x > MARGIN && x + width > MARGIN + room {
            x = MARGIN;
            y += line;
        }
        let sample = Rect { x, y, width: SAMPLE, height: Size::Small.line() };
        write_sample(scene, sample, entry.sample);
        scene.fact(x + SAMPLE + GAP, y, room, Size::Small, &text);
        x += width + 3 * GAP;
    }
    if legend.is_empty() { y } else { y + line }
}

fn write_sample(scene: &mut Scene, rect: Rect, sample: Sample) {
    match sample {
        Sample::Line(stroke, is_mutual) => {
            let y = rect.y + rect.height / 2;
            let from = End { x: rect.x, y, reach: 10, is_pointed: is_mutual };
            let to = End { x: rect.right(), y, reach: -10, is_pointed: true };
            scene.shapes.push(Shape::Curve { from, to, stroke, title: String::new() });
        }
        Sample::Field(block) => {
            let field = Rect { x: rect.right() - FIELD, width: FIELD, ..rect };
            write_field(scene, field, block, None);
        }
    }
}

/// A field of a matrix with the letter that says the same as its colour.
pub fn write_field(scene: &mut Scene, rect: Rect, block: Block, title: Option<String>) {
    let letter = match block {
        Block::Cells(Stroke::Expired) => "E",
        Block::Cells(Stroke::Unusable) => "U",
        Block::Cells(Stroke::Missing) => "M",
        _ => "",
    };
    scene.block(rect, block, title);
    if !letter.is_empty() {
        let letter = Fact::sentence(letter);
        let width = fact_width(&letter, Size::Small);
        scene.fact(rect.x + (rect.width - width + 1) / 2, rect.y, width, Size::Small, &letter);
    }
}
