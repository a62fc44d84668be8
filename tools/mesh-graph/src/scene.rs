//! A drawing as shapes at their places, before it is written down. All numbers are pixels.

use crate::Link;
use crate::describe::{Fact, Sign};
use crate::text::{self, Cut};

/// An upright rectangle; right and bottom edge are outside of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// Left edge.
    pub x: i32,
    /// Upper edge.
    pub y: i32,
    /// To the right edge.
    pub width: i32,
    /// To the lower edge.
    pub height: i32,
}

impl Rect {
    /// The right edge.
    #[must_use]
    pub fn right(&self) -> i32 {
        self.x + self.width
    }

    /// The lower edge.
    #[must_use]
    pub fn bottom(&self) -> i32 {
        self.y + self.height
    }
}

/// A drawing.
#[derive(Debug, Default)]
pub struct Scene {
    /// From 0.
    pub width: i32,
    /// From 0.
    pub height: i32,
    /// From back to front.
    pub shapes: Vec<Shape>,
}

/// One shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A rectangle; `title` is what a pointer that rests on it shows.
    Block { rect: Rect, kind: Block, title: Option<String> },
    /// A line of text in the room that it takes up.
    Text { rect: Rect, text: String, size: Size, is_upright: bool, title: Option<String> },
    /// A sign in a square of [`SIGN`] pixels.
    Sign { x: i32, y: i32, sign: Sign },
    /// A line that leaves one end to the side and comes in at the other from the side.
    Curve { from: End, to: End, stroke: Stroke, title: String },
    /// White lines between the fields of a matrix.
    Grid { rect: Rect },
}

/// What a rectangle stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// A network.
    Frame,
    /// A cluster.
    Card,
    /// A cluster of which little is known.
    Ghost,
    /// The field of a matrix where a cluster meets itself.
    Own,
    /// Fields of a matrix of which nothing is known.
    Unread,
    /// Fields of a matrix.
    Cells(Stroke),
}

/// How a line and its heads look, and the fields of a matrix that say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stroke {
    /// Many pairs of clusters.
    Bundle,
    /// Valid credentials.
    Valid,
    /// Expired ones.
    Expired,
    /// Unusable ones.
    Unusable,
    /// Missing ones.
    Missing,
}

impl Stroke {
    /// How a link is drawn.
    #[must_use]
    pub fn of(link: &Link) -> Self {
        match link {
            Link::Valid => Self::Valid,
            Link::Expired(_) => Self::Expired,
            Link::Unusable(_) => Self::Unusable,
            Link::Missing => Self::Missing,
        }
    }
}

/// One end of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Where it touches.
    pub x: i32,
    /// Where it touches.
    pub y: i32,
    /// How far the curve strives away from here before it turns: to the right, or to the left if
    /// negative.
    pub reach: i32,
    /// Whether it has a head.
    pub is_pointed: bool,
}

/// Sizes of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Of the picture.
    Title,
    /// Of clusters and networks.
    Name,
    /// All else.
    Small,
}

impl Size {
    /// The font's size.
    #[must_use]
    pub fn pixels(self) -> i32 {
        match self {
            Self::Title => 16,
            Self::Name => 14,
            Self::Small => 11,
        }
    }

    /// The height that a line of it takes up.
    #[must_use]
    pub fn line(self) -> i32 {
        match self {
            Self::Title => 24,
            Self::Name => 20,
            Self::Small => 15,
        }
    }
}

/// Width and height of a matrix's field.
pub const FIELD: i32 = 16;
/// Width and height of a sign.
pub const SIGN: i32 = 12;
/// Between a sign and its text.
const SIGN_GAP: i32 = 4;

/// The width that a fact needs to be shown whole.
#[must_use]
pub fn fact_width(fact: &Fact, size: Size) -> i32 {
    let sign = fact.sign.map_or(0, |_| SIGN + SIGN_GAP);
    text::width(&text::shown(&fact.text), size.pixels()) + sign
}

impl Scene {
    /// Adds a fact as one line with its sign, shortened to `room`.
    pub fn fact(&mut self, x: i32, y: i32, room: i32, size: Size, fact: &Fact) {
        let mut indent = 0;
        if let Some(sign) = fact.sign {
            self.shapes.push(Shape::Sign { x, y: y + (size.line() - SIGN) / 2, sign });
            indent = SIGN + SIGN_GAP;
        }
        let whole = text::shown(&fact.text);
        let fitted = text::fit(&whole, size.pixels(), room - indent, fact.cut);
        let hidden = (fitted != whole).then_some(&*whole);
        let title: Vec<&str> = hidden.into_iter().chain(fact.more.as_deref()).collect();
        let width = text::width(&fitted, size.pixels());
        self.shapes.push(Shape::Text {
            rect: Rect { x: x + indent, y, width, height: size.line() },
            title: (!title.is_empty()).then(|| title.join("\n")),
            text: fitted.into_owned(),
            size,
            is_upright: false,
        });
    }

    /// Adds a text that runs upwards from (x, bottom), shortened to `room`.
    pub fn upright(&mut self, x: i32, bottom: i32, room: i32, words: &str) {
        let size = Size::Small;
        let whole = text::shown(words);
        let fitted = text::fit(&whole, size.pixels(), room, Cut::Middle);
        let height = text::width(&fitted, size.pixels());
        self.shapes.push(Shape::Text {
            rect: Rect { x, y: bottom - height, width: size.line(), height },
            title: (fitted != whole).then(|| whole.to_string()),
            text: fitted.into_owned(),
            size,
            is_upright: true,
        });
    }

    /// Adds a rectangle.
    pub fn block(&mut self, rect: Rect, kind: Block, title: Option<String>) {
        self.shapes.push(Shape::Block { rect, kind, title });
    }
}
