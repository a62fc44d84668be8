//! A picture for Graphviz.

use crate::describe::{self, Fact};
use crate::lines::{Between, Line, Lines};
use crate::picture::Known;
use crate::scene::Stroke;
use crate::{Cluster, Picture, text};
use meshcore::finding::Severity;

/// Writes it as one directed graph: an edge from A to B says that A holds credentials of B.
#[must_use]
pub fn write(picture: &Picture) -> String {
    let lines = Lines::of(picture);
    let mut head = describe::summary(picture);
    head.extend(describe::about_all(&lines));
    head.extend(describe::findings(picture).into_iter().map(|fact| fact.text));
    let mut out = format!(
        "digraph mesh {{\n  graph [compound=true, rankdir=LR, fontname=\"Helvetica\", \
         labelloc=t, labeljust=l, label={}];\n  node [shape=box, style=\"rounded,filled\", \
         fillcolor=\"#ffffff\", color=\"#57606a\", fontname=\"Helvetica\", fontsize=11];\n  \
         edge [fontname=\"Helvetica\", fontsize=10];\n",
        label(&head)
    );
    for (n, network) in picture.networks().iter().enumerate() {
        let mut facts = texts(describe::network(network));
        facts.extend(describe::within(n, &lines));
        out += &format!(
            "  subgraph cluster_{n} {{\n    label={};\n    style=\"rounded,filled\"; \
             fillcolor=\"#f2f5f8\"; color=\"#8c959f\";\n",
            label(&facts)
        );
        for i in network.clusters.clone() {
            out += &format!("    c{i} [{}];\n", cluster(&picture.clusters()[i]));
        }
        out += "  }\n";
    }
    for bundle in &lines.bundles {
        if let Between::Networks(a, b) = bundle.between {
            let first = |n: usize| picture.networks()[n].clusters.start;
            out += &format!(
                "  c{} -> c{} [ltail=cluster_{a}, lhead=cluster_{b}, label={}, {}];\n",
                first(a),
                first(b),
                quoted(&bundle.extent()),
                style(Stroke::Bundle)
            );
        }
    }
    for line in &lines.lines {
        match line {
            Line::Mutual(a, b) => {
                out += &format!("  c{a} -> c{b} [dir=both, {}];\n", style(Stroke::Valid));
            }
            Line::One(a, b, link) => {
                let style = style(Stroke::of(link));
                let told = link.trouble().map(|told| format!("label={}, ", quoted(&told)));
                out += &format!("  c{a} -> c{b} [{}{style}];\n", told.unwrap_or_default());
            }
        }
    }
    out + "}\n"
}

fn cluster(cluster: &Cluster) -> String {
    let facts = describe::cluster(cluster);
    let more: Vec<String> = facts.iter().filter_map(|fact| fact.more.clone()).collect();
    let mut attributes = vec![format!("label={}", label(&texts(facts)))];
    if !more.is_empty() {
        attributes.push(format!("tooltip={}", quoted(&more.join("\n"))));
    }
    let worst = cluster.findings.iter().map(|mark| mark.severity.0).max();
    attributes.extend(worst.map(|severity| match severity {
        Severity::Error => "color=\"#b3261e\", penwidth=2".to_owned(),
        Severity::Warning => "color=\"#8a5200\", penwidth=2".to_owned(),
    }));
    if cluster.known != Known::Itself {
        attributes.push("style=\"rounded,dashed\"".to_owned());
    }
    attributes.join(", ")
}

fn texts(facts: Vec<Fact>) -> Vec<String> {
    facts.into_iter().map(|fact| fact.text).collect()
}

fn style(stroke: Stroke) -> &'static str {
    match stroke {
        Stroke::Bundle => "dir=both, color=\"#0b5cad\", penwidth=4",
        Stroke::Valid => "color=\"#0b5cad\"",
        Stroke::Expired => "color=\"#8a5200\", style=dashed, arrowhead=empty",
        Stroke::Unusable => "color=\"#8e2a8e\", style=dashed, arrowhead=tee",
        Stroke::Missing => "color=\"#b3261e\", style=dotted, arrowhead=odot",
    }
}

/// Lines of text, each from the left edge.
fn label(lines: &[String]) -> String {
    let lines = lines.iter().map(|line| escape(&text::shown(line)) + "\\l");
    format!("\"{}\"", lines.collect::<String>())
}

fn quoted(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| escape(&text::shown(line))).collect();
    format!("\"{}\"", lines.join("\\n"))
}

/// Quotes end strings, a backslash begins an escape such as `\N` for the node's name, and `&`
/// an entity of HTML, in plain labels, too.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('&', "&amp;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{named, picture, sample};
    use proptest::prelude::*;

    /// A word of DOT.
    #[derive(Debug, Clone, PartialEq)]
    enum Token {
        Word(String),
        Text(String),
        Mark(&'static str),
    }

    /// A reader of DOT's tokens, written from its grammar.
    fn tokens(dot: &str) -> Result<Vec<Token>, String> {
        let mut all = Vec::new();
        let mut rest = dot;
        'tokens: while let Some(c) = rest.chars().next() {
            for mark in ["->", "{", "}", "[", "]", "=", ",", ";"] {
                if let Some(after) = rest.strip_prefix(mark) {
                    all.push(Token::Mark(mark));
                    rest = after;
                    continue 'tokens;
                }
            }
            if c.is_whitespace() {
                rest = &rest[1..];
            } else if c == '"' {
                let mut text = String::new();
                let mut chars = rest[1..].char_indices();
                loop {
                    match chars.next().ok_or("a string does not end")? {
                        (i, '"') => {
                            rest = &rest[i + 2..];
                            break;
                        }
                        (_, '\\') => match chars.next().ok_or("a string does not end")?.1 {
                            'l' | 'n' => text.push('\n'),
                            c @ ('"' | '\\') => text.push(c),
                            c => return Err(format!("\\{c} means something")),
                        },
                        (_, c) => text.push(c),
                    }
                }
                all.push(Token::Text(entities(&text)?));
            } else {
                let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                if end == 0 {
                    return Err(format!("{c:?} begins no token"));
                }
                all.push(Token::Word(rest[..end].to_owned()));
                rest = &rest[end..];
            }
        }
        Ok(all)
    }

    fn entities(text: &str) -> Result<String, String> {
        let mut parts = text.split('&');
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let rest = part.strip_prefix("amp;").ok_or(format!("&{part}"))?;
            out = out + "&" + rest;
        }
        Ok(out)
    }

    /// The labels of the nodes, in their order; an error where the graph is none.
    fn node_labels(dot: &str) -> Result<Vec<String>, String> {
        let all = tokens(dot)?;
        let depth = all.iter().try_fold(0_i32, |depth, token| match token {
            Token::Mark("{") => Ok(depth + 1),
            Token::Mark("}") if depth == 0 => Err("closes too much"),
            Token::Mark("}") => Ok(depth - 1),
            _ => Ok(depth),
        })?;
        if depth != 0 || all.first() != Some(&Token::Word("digraph".to_owned())) {
            return Err("is no graph".to_owned());
        }
        let arrow = Token::Mark("->");
        let labels = (1..all.len()).filter_map(|i| match &all[i..] {
            [
                Token::Word(_),
                Token::Mark("["),
                Token::Word(key),
                Token::Mark("="),
                Token::Text(text),
                ..,
            ] if key == "label" && all[i - 1] != arrow => Some(text.clone()),
            _ => None,
        });
        Ok(labels.collect())
    }

    #[test]
    fn a_mesh_with_faults() {
        assert_eq!(write(&sample()), include_str!("../tests/fixtures/faults.dot"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_name_comes_back(name in any::<String>()) {
            let dot = write(&named(&name));
            let labels = node_labels(&dot).map_err(|e| TestCaseError::fail(format!("{e}: {dot}")))?;
            let first = labels[0].split('\n').next();
            prop_assert_eq!(first, Some(&*text::shown(&name)));
        }

        #[test]
        fn any_mesh_is_a_graph_with_all_clusters(picture in picture(12)) {
            let labels = node_labels(&write(&picture)).map_err(TestCaseError::fail)?;
            prop_assert_eq!(labels.len(), picture.clusters().len());
        }
    }
}
