//! A picture for Mermaid, as GitHub and GitLab draw it in a README.

use crate::describe::{self, Fact};
use crate::lines::{Between, Line, Lines};
use crate::picture::Known;
use crate::scene::Stroke;
use crate::{Cluster, Picture, text};
use meshcore::finding::Severity;

/// Mermaid's limits as they are unless a page raises them (`maxEdges`, `maxTextSize`).
const MOST_EDGES: usize = 500;
const LONGEST: usize = 50_000;

/// A flowchart, and why Mermaid will not draw it, if so.
pub struct Flowchart {
    /// The text.
    pub text: String,
    /// Completes "Mermaid draws no more than …".
    pub excess: Option<String>,
}

/// Writes it: an arrow from A to B says that A holds credentials of B.
#[must_use]
pub fn write(picture: &Picture) -> Flowchart {
    let lines = Lines::of(picture);
    let mut text = format!("flowchart LR\n  accTitle: {}\n", describe::summary(picture).join(", "));
    for (n, network) in picture.networks().iter().enumerate() {
        let mut facts = describe::network(network);
        facts.extend(describe::within(n, &lines).map(Fact::sentence));
        text += &format!("  subgraph n{n}[{}]\n", label(&facts));
        for i in network.clusters.clone() {
            text += &format!("    c{i}[{}]\n", label(&describe::cluster(&picture.clusters()[i])));
        }
        text += "  end\n";
    }
    let mut about_all: Vec<Fact> = describe::about_all(&lines).map(Fact::sentence).collect();
    about_all.extend(describe::findings(picture));
    if !about_all.is_empty() {
        text += &format!("  mesh[{}]\n", label(&about_all));
    }
    let edges = edges(&lines);
    for (_, edge) in &edges {
        text += &format!("  {edge}\n");
    }
    for stroke in [Stroke::Valid, Stroke::Expired, Stroke::Unusable, Stroke::Missing] {
        let numbers: Vec<String> = (0..edges.len())
            .filter(|&i| edges[i].0 == stroke)
            .map(|number| number.to_string())
            .collect();
        if !numbers.is_empty() {
            text += &format!("  linkStyle {} stroke:{}\n", numbers.join(","), colour(stroke));
        }
    }
    text += &classes(picture);
    let excess = if edges.len() > MOST_EDGES {
        Some(format!("{MOST_EDGES} arrows: there are {}", edges.len()))
    } else if text.len() > LONGEST {
        Some(format!("{LONGEST} characters: there are {}", text.len()))
    } else {
        None
    };
    Flowchart { text, excess }
}

/// All arrows with what they mean.
fn edges(lines: &Lines) -> Vec<(Stroke, String)> {
    let bundles = lines.bundles.iter().filter_map(|bundle| match bundle.between {
        Between::Networks(a, b) => {
            let extent = quoted(&[bundle.extent()]);
            Some((Stroke::Valid, format!("n{a} <==>|{extent}| n{b}")))
        }
        _ => None,
    });
    let singles = lines.lines.iter().map(|line| match line {
        Line::Mutual(a, b) => (Stroke::Valid, format!("c{a} <--> c{b}")),
        Line::One(a, b, link) => {
            let stroke = Stroke::of(link);
            let arrow = match stroke {
                Stroke::Bundle | Stroke::Valid => "-->",
                Stroke::Expired => "-.->",
                Stroke::Unusable => "--x",
                Stroke::Missing => "-.-o",
            };
            let told = link.trouble().map(|told| format!("|{}|", quoted(&[told])));
            (stroke, format!("c{a} {arrow}{} c{b}", told.unwrap_or_default()))
        }
    });
    bundles.chain(singles).collect()
}

/// Borders of clusters that something is wrong with, or of which little is known.
fn classes(picture: &Picture) -> String {
    let class = |cluster: &Cluster| match cluster.findings.iter().map(|mark| mark.severity.0).max()
    {
        Some(Severity::Error) => Some(0),
        Some(Severity::Warning) => Some(1),
        None => (cluster.known != Known::Itself).then_some(2),
    };
    let styles = [
        ("error", "stroke:#b3261e,stroke-width:3px"),
        ("warning", "stroke:#8a5200,stroke-width:3px"),
        ("ghost", "stroke-dasharray:4 3"),
    ];
    let mut text = String::new();
    for (number, (name, style)) in styles.into_iter().enumerate() {
        let clusters = picture.clusters().iter().enumerate();
        let of_class = clusters.filter(|(_, cluster)| class(cluster) == Some(number));
        let ids: Vec<String> = of_class.map(|(i, _)| format!("c{i}")).collect();
        if !ids.is_empty() {
            text += &format!("  classDef {name} {style}\n  class {} {name}\n", ids.join(","));
        }
    }
    text
}

fn colour(stroke: Stroke) -> &'static str {
    match stroke {
        Stroke::Bundle | Stroke::Valid => "#0b5cad",
        Stroke::Expired => "#8a5200",
        Stroke::Unusable => "#8e2a8e",
        Stroke::Missing => "#b3261e",
    }
}

fn label(facts: &[Fact]) -> String {
    let lines: Vec<String> = facts.iter().map(|fact| fact.text.clone()).collect();
    quoted(&lines)
}

fn quoted(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| escape(&text::shown(line))).collect();
    format!("\"{}\"", lines.join("<br/>"))
}

/// Everything that Mermaid, or the Markdown and HTML within it, could take for its own becomes an
/// entity. So does one letter of the two words at which Mermaid begins to look for styles, even
/// within strings (`encodeEntities`).
fn escape(text: &str) -> String {
    let escape = |mut out: String, c: char| {
        if c.is_alphanumeric() || matches!(c, ' ' | '-' | '.' | '/' | ':' | ',' | '(' | ')' | '_') {
            out.push(c);
        } else {
            out += &format!("#{};", u32::from(c));
        }
        out
    };
    let text = text.chars().fold(String::new(), escape);
    text.replace("style", "#115;tyle").replace("classDef", "#99;lassDef")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Link;
    use crate::samples::{clusters, full_mesh, named, picture, sample};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_mesh_with_faults() {
        let chart = write(&sample());
        assert_eq!(chart.text, include_str!("../tests/fixtures/faults.mmd"));
        assert_eq!(chart.excess, None);
    }

    #[test]
    fn too_much_for_mermaid_is_told() {
        assert_eq!(write(&full_mesh(&[300])).excess, None);
        let long = write(&named(&"x".repeat(20_000))).excess.unwrap();
        assert!(long.starts_with("50000 characters: there are"), "{long}");
        let one_way = (0..40).flat_map(|a| (0..a).map(move |b| ((a, b), Link::Valid)));
        let one_way = Picture::new(clusters(&[40]), one_way, BTreeMap::new());
        assert_eq!(write(&one_way).excess.unwrap(), "500 arrows: there are 1560");
    }

    /// Undoes entities; nothing else may be special.
    fn unescape(text: &str) -> String {
        let mut parts = text.split('#');
        let mut out = parts.next().unwrap().to_owned();
        for part in parts {
            let (number, rest) = part.split_once(';').expect("an entity ends");
            out.push(char::from_u32(number.parse().expect("a number")).expect("a character"));
            out += rest;
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_name_comes_back(name in any::<String>()) {
            let text = write(&named(&name)).text;
            let node = text.lines().find_map(|line| line.trim().strip_prefix("c0[\"")).unwrap();
            let label = node.strip_suffix("\"]").unwrap();
            let first = label.split("<br/>").next().unwrap();
            let is_special = first.contains(|c| "\"<>&`\\|[]{}$*".contains(c));
            prop_assert!(!is_special, "{}", first);
            prop_assert_eq!(unescape(first), text::shown(&name));
        }

        #[test]
        fn every_line_is_of_a_known_form(picture in picture(12)) {
            let text = write(&picture).text;
            for line in text.lines() {
                let outside: String = line.split('"').step_by(2).collect();
                let words = ["flowchart LR", "accTitle: ", "subgraph n", "end", "c", "n", "mesh[", "linkStyle ", "classDef ", "class "];
                prop_assert!(words.iter().any(|word| line.trim().starts_with(word)), "{}", line);
                prop_assert!(outside.is_ascii() && line.matches('"').count() % 2 == 0, "{}", line);
            }
            let clusters = text.lines().filter(|line| line.starts_with("    c")).count();
            prop_assert_eq!(clusters, picture.clusters().len());
        }
    }
}
