//! Our YAML, read by the real kubectl.

use crate::clusters::{get, kubectl, unique};
use crate::{Needs, Test};
use mesh_tests::{programs, run};
use serde_json::{Map, Value, json};
use std::process::Command;

pub const TESTS: &[Test] = &[
    ("yaml_awkward_strings_through_kubectl", Needs::Kubectl, through_kubectl),
    ("yaml_awkward_strings_through_an_api_server", Needs::Clusters, through_an_api_server),
];

/// Strings that one YAML reader or another takes for something else, or cannot read at all.
fn awkward() -> Vec<String> {
    let words = "y Y n N yes Yes YES no No NO on On ON off Off OFF true True TRUE tRuE false False \
        FALSE null Null NULL nUlL ~ none None nil undefined NaN nan .nan .NaN .NAN inf .inf .Inf \
        .INF +.inf -.inf Infinity 0 00 01 007 08 0777 0o7 0o777 0x1f 0X1F 0xdeadbeef 0b101 0B1 \
        +1 -1 +0x1 -0b1 1_000 1_0 0_7 1__0 _1 1_ 1. .5 -.5 +.5 1.5 1e3 1E3 1e+3 1.e3 1e-3 -1e3 \
        1e999 123456789012345678901234567890 12:30 12:30:45 190:20:30 1:2 -1:30 2001-01-01 \
        2001-1-1 2001-12-14t21:59:43.10-05:00 2001-12-14T21:59:43Z << = - -- --- ... -a ? ?a : :a \
        a: , [ ] { } [a] {a} {a: [a, & &a * *a ! !a !!str !!binary # #a a#b | |- |2 > >- % %a %YAML \
        @ @a ` `a ' '' 'a' \" \"\" \"a\" \\ \\n \\u0041 \\x41 a\\ /a // ~a a~ $a ${a} $(a) a=b \
        a,b a;b <a> é ü ß 日本語 עברית 🙂 𝕏";
    let mut strings: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    strings.extend(
        [
            "",
            " ",
            "  ",
            " a",
            "a ",
            "a b",
            "a  b",
            "\t",
            "\ta",
            "a\t",
            "a\tb",
            "\n",
            "\n\n",
            "a\n",
            "a\n\n",
            "\na",
            "a\nb",
            "a\nb\n",
            "a\n\nb",
            " a\nb",
            "a\n b",
            "\ta\nb",
            "a\n\tb",
            "a \nb",
            "a\n  \nb",
            "a\r",
            "a\r\nb",
            "\r\n",
            "a: b",
            "a:b",
            "a :b",
            "a : b",
            "a #b",
            "a# b",
            "- a",
            "? a",
            "- - a",
            "key: [a, b]",
            "--- a",
            "---\na",
            "a\n---\nb",
            "a\n...\n",
            "%TAG !",
            "a\u{7}b",
            "\u{1b}[31m",
            "\u{7f}",
            "\u{85}",
            "a\u{a0}b",
            "\u{2028}",
            "a\u{2029}b",
            "\u{feff}a",
            "a\u{fffd}b",
            "\u{200b}",
            "\u{e000}",
            "\u{10ffff}",
            "& a",
            "! a",
            "{a: b}",
            "[a]: b",
            "\"a\": b",
            "true ",
            " true",
            "yes\n",
            "0 ",
            "| a",
            "> a",
            "a | b",
            "a > b",
            "# a",
            "@ a",
            "'a",
            "\"a",
            "a'b\"c",
            "C:\\dir\\file",
            "🙂: 🙂",
        ]
        .map(str::to_owned),
    );
    strings.push("x".repeat(2000));
    strings.push("word ".repeat(400));
    strings
}

/// An object that has every string as a label's and as an annotation's value.
fn object(strings: &[String], also_labels: bool) -> Value {
    let map: Map<String, Value> =
        strings.iter().enumerate().map(|(i, s)| (format!("s{i}"), json!(s))).collect();
    let labels = if also_labels { json!(map) } else { json!({}) };
    json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "awkward", "labels": labels, "annotations": map},
    })
}

/// JSON in, our YAML out.
fn to_yaml(object: &Value) -> String {
    let mut tool = Command::new(&programs()["mesh-label-ns"]);
    run(tool.args(["--remove", "-o", "yaml"]), &object.to_string()).ok()
}

fn through_kubectl() {
    let strings = awkward();
    assert!(strings.len() >= 168, "only {} strings", strings.len());
    let object = object(&strings, true);
    let mut kubectl = Command::new("kubectl");
    kubectl.args(["annotate", "--local", "-f", "-", "s0=y", "--overwrite", "-o", "json"]);
    let back = run(kubectl.env("KUBECONFIG", "/dev/null"), &to_yaml(&object)).ok();
    let back: Value = serde_json::from_str(&back).expect("kubectl writes JSON");
    for field in ["labels", "annotations"] {
        for (i, string) in strings.iter().enumerate() {
            let seen = &back["metadata"][field][format!("s{i}")];
            assert_eq!(seen, &json!(string), "{field}: {string:?}");
        }
    }
}

fn through_an_api_server() {
    let strings = awkward();
    let name = unique("awkward");
    let mut object = object(&strings, false);
    object["metadata"]["name"] = json!(name);
    let is_label = |s: &&String| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let ends = |b: Option<&u8>| b.is_none_or(u8::is_ascii_alphanumeric);
        let bytes = s.as_bytes();
        s.len() <= 63
            && bytes.iter().all(|&b| inner(b))
            && ends(bytes.first())
            && ends(bytes.last())
    };
    let labels: Map<String, Value> = strings
        .iter()
        .filter(is_label)
        .enumerate()
        .map(|(i, s)| (format!("l{i}"), json!(s)))
        .collect();
    assert!(labels.len() > 40, "{}", labels.len());
    object["metadata"]["labels"] = json!(labels);
    // Not apply: kubectl sends that as YAML, and writes U+007F into it raw.
    let mut create = kubectl(&["--context", "cluster1", "create", "-f", "-"]);
    let _ = run(&mut create, &to_yaml(&object)).ok();
    let back = get("cluster1", &["namespace", &name]);
    for field in ["labels", "annotations"] {
        for (key, value) in object["metadata"][field].as_object().expect("a map") {
            assert_eq!(&back["metadata"][field][key], value, "{field}");
        }
    }
}
