//! A drawing as SVG that needs no font, script or style from elsewhere.

use crate::describe::Sign;
use crate::scene::{Block, End, FIELD, Rect, Scene, Shape, Size, Stroke};
use crate::text;
use std::fmt::Write as _;

/// Colours of Okabe and Ito where they differ by meaning, darkened until they stand out from
/// white; what differs in colour differs in shape or word, too.
const STYLE: &str = "\
text{fill:#1b1f24}
.title{font-size:16px}.name{font-size:14px}.small{font-size:11px}
.frame{fill:#f2f5f8;stroke:#8c959f}
.card{fill:#fff;stroke:#57606a}.ghost{fill:#fff;stroke:#57606a;stroke-dasharray:4 3}
.own{fill:#8c959f}.unread{fill:#dfe3e8}
.valid,.bundle,.expired,.unusable,.missing{fill:none;stroke-width:1.5}
.valid,.bundle{stroke:#0b5cad}.bundle{stroke-width:4}
.expired{stroke:#8a5200;stroke-dasharray:7 3}
.unusable{stroke:#8e2a8e;stroke-dasharray:9 3 2 3}
.missing{stroke:#b3261e;stroke-dasharray:2 3}
.head{stroke-dasharray:none;stroke-width:1.5}
.valid.head,.bundle.head{fill:#0b5cad}.expired.head,.missing.head{fill:#fff}
.cell-valid{fill:#7fb2e5}.cell-expired{fill:#ffd28a}.cell-unusable{fill:#e8bfe8}.cell-missing{fill:#ffc4be}
.error{fill:#b3261e}.warning{fill:#8a5200}.gateway{fill:#0b5cad}.on{fill:none;stroke:#fff;stroke-width:1.6}
.grid{stroke:#fff;fill:none}
";

/// Writes a drawing; `summary` is its title for those who cannot see it.
#[must_use]
pub fn write(scene: &Scene, summary: &str) -> String {
    let (width, height) = (scene.width, scene.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" \
         font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n",
        escape(summary)
    );
    for shape in &scene.shapes {
        write_shape(&mut out, shape);
    }
    out + "</svg>\n"
}

fn write_shape(out: &mut String, shape: &Shape) {
    match shape {
        Shape::Block { rect: Rect { x, y, width, height }, kind, title } => {
            let round = if matches!(kind, Block::Frame | Block::Card | Block::Ghost) {
                " rx=\"4\""
            } else {
                ""
            };
            let class = block_class(*kind);
            let start = format!(
                "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" \
                 height=\"{height}\"{round}"
            );
            element(out, &start, "rect", "", title.as_deref());
        }
        Shape::Text { rect, text, size, is_upright, title } => {
            write_text(out, rect, text, *size, *is_upright, title.as_deref());
        }
        Shape::Sign { x, y, sign } => {
            let _ = writeln!(out, "<g transform=\"translate({x} {y})\">{}</g>", sign_path(*sign));
        }
        Shape::Curve { from, to, stroke, title } => write_curve(out, from, to, *stroke, title),
        Shape::Grid { rect } => {
            let mut path = String::new();
            for x in (rect.x..rect.right()).step_by(FIELD as usize).skip(1) {
                let _ = write!(path, "M{x} {}V{}", rect.y, rect.bottom());
            }
            for y in (rect.y..rect.bottom()).step_by(FIELD as usize).skip(1) {
                let _ = write!(path, "M{} {y}H{}", rect.x, rect.right());
            }
            let _ = writeln!(out, "<path class=\"grid\" d=\"{path}\"/>");
        }
    }
}

fn write_text(
    out: &mut String,
    rect: &Rect,
    text: &str,
    size: Size,
    is_upright: bool,
    title: Option<&str>,
) {
    let class = match size {
        Size::Title => "title",
        Size::Name => "name",
        Size::Small => "small",
    };
    // From the upper edge of the line to where letters stand.
    let baseline = i32::midpoint(size.line(), size.pixels() * 7 / 10);
    let (place, length) = if is_upright {
        let (x, y) = (rect.x + baseline, rect.bottom());
        (format!("x=\"{x}\" y=\"{y}\" transform=\"rotate(-90 {x} {y})\""), rect.height)
    } else {
        (format!("x=\"{}\" y=\"{}\"", rect.x, rect.y + baseline), rect.width)
    };
    let length = if text::is_measured(text) {
        String::new()
    } else {
        format!(" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\"")
    };
    let start = format!("<text class=\"{class}\" {place}{length}");
    element(out, &start, "text", &escape(text), title);
}

fn write_curve(out: &mut String, from: &End, to: &End, stroke: Stroke, title: &str) {
    let class = stroke_class(stroke);
    let title = escape(title);
    let _ = writeln!(
        out,
        "<g><title>{title}</title><path class=\"{class}\" d=\"M{} {}C{} {} {} {} {} {}\"/>{}{}</g>",
        from.line_start(),
        from.y,
        from.x + from.reach,
        from.y,
        to.x + to.reach,
        to.y,
        to.line_start(),
        to.y,
        head(from, stroke),
        head(to, stroke),
    );
}

/// Length of a head.
const HEAD: i32 = 9;

impl End {
    fn side(&self) -> i32 {
        self.reach.signum()
    }

    /// Where the line itself starts: behind the head.
    fn line_start(&self) -> i32 {
        if self.is_pointed { self.x + self.side() * HEAD } else { self.x }
    }
}

fn head(end: &End, stroke: Stroke) -> String {
    if !end.is_pointed {
        return String::new();
    }
    let (x, y, back) = (end.x, end.y, end.line_start());
    let half = if stroke == Stroke::Bundle { 6 } else { 4 };
    let (up, down) = (y - half, y + half);
    let class = stroke_class(stroke);
    match stroke {
        Stroke::Bundle | Stroke::Valid | Stroke::Expired => {
            format!("<path class=\"{class} head\" d=\"M{x} {y}L{back} {up}V{down}Z\"/>")
        }
        Stroke::Unusable => {
            let near = x + end.side();
            format!(
                "<path class=\"{class} head\" d=\"M{near} {up}L{back} {down}M{near} {down}L{back} {up}\"/>"
            )
        }
        Stroke::Missing => {
            let centre = x + end.side() * HEAD / 2;
            format!("<circle class=\"{class} head\" cx=\"{centre}\" cy=\"{y}\" r=\"4\"/>")
        }
    }
}

fn element(out: &mut String, start: &str, name: &str, content: &str, title: Option<&str>) {
    let title = title.map_or(String::new(), |title| format!("<title>{}</title>", escape(title)));
    let _ = if content.is_empty() && title.is_empty() {
        writeln!(out, "{start}/>")
    } else {
        writeln!(out, "{start}>{content}{title}</{name}>")
    };
}

fn stroke_class(stroke: Stroke) -> &'static str {
    match stroke {
        Stroke::Bundle => "bundle",
        Stroke::Valid => "valid",
        Stroke::Expired => "expired",
        Stroke::Unusable => "unusable",
        Stroke::Missing => "missing",
    }
}

fn block_class(kind: Block) -> &'static str {
    match kind {
        Block::Frame => "frame",
        Block::Card => "card",
        Block::Ghost => "ghost",
        Block::Own => "own",
        Block::Unread => "unread",
        Block::Cells(Stroke::Bundle | Stroke::Valid) => "cell-valid",
        Block::Cells(Stroke::Expired) => "cell-expired",
        Block::Cells(Stroke::Unusable) => "cell-unusable",
        Block::Cells(Stroke::Missing) => "cell-missing",
    }
}

/// A round cross, a triangle with an exclamation mark, a gate.
fn sign_path(sign: Sign) -> &'static str {
    match sign {
        Sign::Error => {
            "<circle class=\"error\" cx=\"6\" cy=\"6\" r=\"6\"/>\
             <path class=\"on\" d=\"M3.5 3.5L8.5 8.5M8.5 3.5L3.5 8.5\"/>"
        }
        Sign::Warning => {
            "<path class=\"warning\" d=\"M6 0L12 12H0Z\"/><path class=\"on\" d=\"M6 4V8M6 9V10.6\"/>"
        }
        Sign::Gateway => {
            "<path class=\"gateway\" d=\"M0 12V6A6 6 0 0 1 12 6V12H8.5V6A2.5 2.5 0 0 0 3.5 6V12Z\"/>"
        }
    }
}

/// Text as XML.
fn escape(text: &str) -> String {
    let lines = text.split('\n').map(text::shown);
    let mut out = String::with_capacity(text.len());
    for (i, line) in lines.enumerate() {
        if i > 0 {
            out.push('\n');
        }
        for c in line.chars() {
            match c {
                '&' => out += "&amp;",
                '<' => out += "&lt;",
                '>' => out += "&gt;",
                '"' => out += "&quot;",
                '\'' => out += "&#39;",
                c => out.push(c),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::samples::{named, picture, sample};
    use crate::xml::{Event, contents, read};
    use crate::{Picture, svg as draw, text};
    use proptest::prelude::*;

    fn events(picture: &Picture) -> Vec<Event> {
        let xml = draw(picture);
        read(&xml).unwrap_or_else(|error| panic!("{error}: {xml}"))
    }

    #[test]
    fn everything_worth_knowing_is_in_words() {
        let events = events(&sample());
        let (texts, titles) = (contents(&events, "text"), contents(&events, "title"));
        for text in [
            "4 clusters in 2 networks",
            "credentials of each other: 4 valid, 1 expired, 1 unusable, 1 missing",
            "3 errors, 1 warning",
            "network1",
            "network not known",
            "asm-a",
            "gateway 203.0.113.7:15443",
            "gateway istio-system/istio-eastwestgateway: no address",
            "asm-c: expired 2026-01-31",
            "asm-b: unusable: it runs a program",
            "asm-a: missing",
            "1 error: MESH0434",
            "error MESH0101: two clusters have one ID",
            "lacks them",
        ] {
            assert!(texts.iter().any(|found| found == text), "{text}: {texts:#?}");
        }
        for title in [
            "asm-b holds no credentials of asm-a",
            "asm-a holds credentials of asm-c: expired 2026-01-31",
            "MESH0303: Istio 1.26 and 1.28",
        ] {
            assert!(titles.iter().any(|found| found == title), "{title}: {titles:#?}");
        }
    }

    #[test]
    fn the_same_picture_is_the_same_bytes() {
        assert_eq!(draw(&sample()), draw(&sample()));
        assert!(draw(&sample()).is_ascii());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_name_comes_back(name in any::<String>()) {
            let events = events(&named(&name));
            let whole = text::shown(&name);
            let texts = contents(&events, "text");
            let titles = contents(&events, "title");
            let is_whole = |found: &String| found.lines().next().unwrap_or_default() == whole;
            prop_assert!(texts.iter().chain(&titles).any(is_whole), "{:?}", texts);
        }

        #[test]
        fn any_mesh_is_xml(picture in picture(30)) {
            events(&picture);
        }
    }
}
