//! The YAML writer: what it writes, a YAML 1.1 reader (Go's, in kubectl and istioctl) and a
//! YAML 1.2 reader see alike.
//!
//! Keys are sorted and sequences not indented, as kubectl prints them. A string is written plain
//! only when no reader could take it for anything else, as a literal block when it is ordinary
//! text of several lines, and in double quotes otherwise.

use serde_json::Value;
use std::fmt::Write as _;

/// Documents as one YAML stream, separated by `---`, each ending with a line feed.
#[must_use]
pub fn stream<'a>(documents: impl IntoIterator<Item = &'a Value>) -> String {
    let mut out = String::new();
    for document in documents {
        if !out.is_empty() {
            out += "---\n";
        }
        out += &document_text(document);
    }
    out
}

/// One document, ending with a line feed.
#[must_use]
pub fn document_text(value: &Value) -> String {
    let mut out = String::new();
    write_block(&mut out, value, 0);
    out
}

/// Writes a value that starts at the beginning of a line.
fn write_block(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (i, (key, value)) in map.iter().enumerate() {
                if i > 0 {
                    pad(out, indent);
                }
                write_key(out, key, indent);
                write_entry(out, value, indent);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    pad(out, indent);
                }
                out.push_str("- ");
                write_block(out, item, indent + 2);
            }
        }
        scalar => {
            write_scalar(out, scalar, indent);
            out.push('\n');
        }
    }
}

/// Writes what follows `key:`, up to and including the line feed.
fn write_entry(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            pad(out, indent + 2);
            write_block(out, value, indent + 2);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            pad(out, indent);
            write_block(out, value, indent);
        }
        scalar => {
            out.push(' ');
            write_scalar(out, scalar, indent + 2);
            out.push('\n');
        }
    }
}

fn write_key(out: &mut String, key: &str, indent: usize) {
    let mut text = String::new();
    if is_plain(key) {
        text.push_str(key);
    } else {
        write_quoted(&mut text, key);
    }
    // YAML ends its search for the colon of a simple key after 1024 characters, escapes included.
    if text.len() > 1000 {
        out.push_str("? ");
        out.push_str(&text);
        out.push('\n');
        pad(out, indent);
    } else {
        out.push_str(&text);
    }
    out.push(':');
}

fn write_scalar(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::String(text) if is_plain(text) => out.push_str(text),
        Value::String(text) if is_literal(text) => write_literal(out, text, indent),
        Value::String(text) => write_quoted(out, text),
        // Null, booleans, numbers, `{}` and `[]` are the same in JSON.
        other => write!(out, "{other}").expect("a String takes all"),
    }
}

/// Words that YAML 1.1 or 1.2 reads as a boolean, null or number, in lower case.
const WORDS: [&str; 12] =
    ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity"];

/// Whether `text` is a string to every reader without quotes.
///
/// It must begin with a letter or `/`, which no number, date, sign, indicator or merge key does.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else { return false };
    (first.is_ascii_alphabetic() || first == b'/')
        && last != b':'
        && last != b' '
        && bytes.len() <= 1000
        && bytes.iter().all(|&b| b.is_ascii_alphanumeric() || b" _./:@,+=()-".contains(&b))
        && !text.contains(": ")
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

/// Whether `text` is ordinary text of several lines: readable as a literal block, and read back
/// by every reader byte for byte. go-yaml refuses a block whose first line begins with a tab.
fn is_literal(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.contains('\n')
        && !body.ends_with('\n')
        && body.bytes().all(|b| (b' '..=b'~').contains(&b) || b == b'\n')
        && !body.starts_with([' ', '\n'])
        && body.lines().all(|line| line.is_empty() || line.bytes().any(|b| b != b' '))
}

fn write_literal(out: &mut String, text: &str, indent: usize) {
    out.push_str(if text.ends_with('\n') { "|" } else { "|-" });
    for line in text.lines() {
        out.push('\n');
        if !line.is_empty() {
            pad(out, indent.max(2));
            out.push_str(line);
        }
    }
}

fn write_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            // Not printable in YAML, a line break in YAML 1.1 alone, or obeyed by a terminal.
            '\0'..='\u{1f}' | '\u{7f}'..='\u{a0}' | '\u{fffe}' | '\u{ffff}' => {
                write!(out, "\\u{:04x}", c as u32).expect("a String takes all");
            }
            c if crate::is_treacherous(c) => {
                write!(out, "\\U{:08x}", c as u32).expect("a String takes all");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn keys_are_as_long_as_their_escapes() {
        let value = serde_json::json!({"a": {"\u{13}".repeat(400): 1, "b": 2}});
        let text = document_text(&value);
        assert!(text.contains("\n  ? \""), "{text}");
        assert_eq!(serde_yaml::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn a_manifest_looks_as_kubectl_prints_it() {
        let value = json!({
            "kind": "Service",
            "metadata": {"name": "a", "labels": {"istio/multiCluster": "true", "n": "1"}},
            "spec": {"ports": [{"port": 1, "name": "x"}, {"port": 2}], "sel": {}, "l": [[1], []]},
        });
        assert_eq!(
            document_text(&value),
            "kind: Service\nmetadata:\n  labels:\n    istio/multiCluster: \"true\"\n    \"n\": \
             \"1\"\n  name: a\nspec:\n  l:\n  - - 1\n  - []\n  ports:\n  - name: x\n    port: 1\n  \
             - port: 2\n  sel: {}\n"
        );
    }

    #[test]
    fn text_of_several_lines_is_a_literal_block() {
        assert_eq!(document_text(&json!({"a": "x: 1\n\n  y\n"})), "a: |\n  x: 1\n\n    y\n");
        assert_eq!(document_text(&json!(["x\ny"])), "- |-\n  x\n  y\n");
        assert_eq!(document_text(&json!("x\ny\n")), "|\n  x\n  y\n");
    }

    #[test]
    fn what_a_reader_could_mistake_is_quoted() {
        for text in [
            "",
            "y",
            "No",
            "ON",
            "~",
            "null",
            "1",
            "1e3",
            "0x1f",
            "1_000",
            "12:30",
            "010",
            ".5",
            "-",
            "<<",
            "=",
            "a: b",
            "a:",
            " a",
            "a ",
            "a #b",
            "2001-01-01",
            "!x",
            "&x",
            "*x",
            "\ta\nb",
            "é",
            "a\u{85}b",
            "@a",
            "`a",
            "%a",
            "'a'",
            "{a}",
            "[a]",
            "?",
            "a\r\nb",
        ] {
            let yaml = document_text(&json!({ "k": text }));
            assert!(yaml.starts_with("k: \""), "{yaml}");
        }
    }

    #[test]
    fn documents_are_separated() {
        assert_eq!(stream([&json!({"a": 1}), &json!({"b": 2})]), "a: 1\n---\nb: 2\n");
        assert_eq!(stream([]), "");
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![any::<String>(), "[ -~\n]{0,20}", "[yYnN0-9xe:. ~<-]{0,4}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_yaml_1_2_reader_sees_the_same_value(value in value()) {
            let yaml = document_text(&value);
            let back: Value = serde_yaml::from_str(&yaml).map_err(|e| {
                TestCaseError::fail(format!("{e}\n{yaml}"))
            })?;
            prop_assert_eq!(back, value, "{}", yaml);
        }

        #[test]
        fn a_stream_holds_every_document(values in prop::collection::vec(value(), 1..4)) {
            let text = stream(&values);
            let back: Vec<Value> = serde_yaml::Deserializer::from_str(&text)
                .map(|document| serde::Deserialize::deserialize(document).unwrap())
                .collect();
            prop_assert_eq!(back, values, "{}", text);
        }
    }
}
