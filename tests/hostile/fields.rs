//! Good documents with one field replaced.

use super::inputs::Input;
use super::programs::SECRET;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// A wrong value for a field.
struct Wrong {
    name: &'static str,
    /// JSON text, of which a `Value` could not keep all.
    text: &'static str,
}

/// One of each type, and numbers at the edges.
const TYPES: [Wrong; 6] = [
    Wrong { name: "null", text: "null" },
    Wrong { name: "true", text: "true" },
    Wrong { name: "-1.5", text: "-1.5" },
    Wrong { name: "a string", text: "\"wrong\"" },
    Wrong { name: "a list", text: "[[]]" },
    Wrong { name: "an object", text: "{\"wrong\":{}}" },
];

const NUMBERS: [Wrong; 6] = [
    Wrong { name: "1e999", text: "1e999" },
    Wrong { name: "-0", text: "-0" },
    Wrong { name: "-0.0", text: "-0.0" },
    Wrong { name: "2^64", text: "18446744073709551616" },
    Wrong { name: "2^53+1", text: "9007199254740993" },
    Wrong { name: "5e-324", text: "5e-324" },
];

/// Texts that names would be if somebody meant harm; JSON.
const TEXTS: [Wrong; 8] = [
    Wrong {
        name: "escape sequences",
        text: r#""a\u001b[2J\u001b]0;t\u0007\u009b31m\r\b\u007f\nINJECTED: x""#,
    },
    Wrong { name: "bidi", text: r#""a\u202eb\u2066c\u200fd\u2028e\u061c""# },
    Wrong { name: "a shell's text", text: r#""a'\"$(touch PWNED)`touch PWNED`;|&>PWNED ~ * \\""# },
    Wrong { name: "an option", text: r#""--all""# },
    Wrong { name: "look-alikes", text: "\"\u{441}luster1\"" },
    Wrong { name: "a Windows path", text: r#""C:\\Users\\a b\\.kube\\config""# },
    Wrong { name: "markup", text: r#""</title><script>a]]>%s{{.}}""# },
    Wrong { name: "nothing", text: "\"\"" },
];

/// The texts by themselves, and some that only a command line could have.
pub fn texts() -> Vec<Input> {
    let text = |wrong: &Wrong| serde_json::from_str::<String>(wrong.text).expect("it is JSON");
    let named = |name: &str, text: String| Input {
        name: name.to_owned(),
        bytes: text.into_bytes(),
        is_bad: false,
    };
    let mut all: Vec<Input> = TEXTS.iter().map(|wrong| named(wrong.name, text(wrong))).collect();
    all.push(named("a long text", "a".repeat(100_000)));
    all.push(named("a long number", "9".repeat(1_000)));
    all.push(named("separators", ",:;=/@ ,".to_owned()));
    all
}

const PLACEHOLDER: &str = "\u{1}here\u{1}";

/// Each field of the document with each wrong value; of a long one, with some of them in turn.
pub fn replaced(text: &str) -> Vec<Input> {
    let step = (1 + text.len() / 1000).min(7);
    let mut turn = 0;
    let values: Vec<Value> = serde_json::Deserializer::from_str(text)
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("a sample is JSON");
    let mut all = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let mut paths = Vec::new();
        fields(value, "", &mut paths);
        for path in paths {
            let old = value.pointer(&path).expect("it was there");
            let mut changed = values.clone();
            *changed[index].pointer_mut(&path).expect("it was there") = json!(PLACEHOLDER);
            let lines: String = changed.iter().map(|value| value.to_string() + "\n").collect();
            let hole = Value::from(PLACEHOLDER).to_string();
            for wrong in wrongs(old) {
                turn += 1;
                if turn % step != 0 {
                    continue;
                }
                all.push(Input {
                    name: format!("{path} is {}", wrong.name),
                    bytes: lines.replace(&hole, wrong.text).into_bytes(),
                    is_bad: false,
                });
            }
        }
    }
    all
}

/// The document with a secret where it does not belong: in place of what it is a part of, and in
/// other types.
pub fn misplaced_secrets(text: &str) -> Vec<Input> {
    let values: Vec<Value> = serde_json::Deserializer::from_str(text)
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("a sample is JSON");
    let mut all = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let mut paths = vec![String::new()];
        fields(value, "", &mut paths);
        paths.retain(|path| value.pointer(path).is_some_and(has_secret));
        for (path, wrong) in paths.iter().flat_map(|path| {
            let wrongs = [json!(SECRET), json!([SECRET]), json!({"wrong": SECRET})];
            wrongs.map(|wrong| (path, wrong))
        }) {
            let mut changed = values.clone();
            *changed[index].pointer_mut(path).expect("it was there") = wrong;
            all.push(Input {
                name: format!("a secret at {path:?}"),
                bytes: changed
                    .iter()
                    .map(|value| value.to_string() + "\n")
                    .collect::<String>()
                    .into(),
                is_bad: false,
            });
        }
    }
    all
}

/// As it is, or in base64 wherever it begins there.
pub fn shows_secret(text: &str) -> bool {
    static FORMS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let encoded = |before: usize| {
            let text = STANDARD.encode(" ".repeat(before) + SECRET);
            // Its first and last letters depend on what is beside it.
            text[4..text.len() - 4].to_owned()
        };
        [SECRET.to_owned()].into_iter().chain((0..3).map(encoded)).collect()
    });
    FORMS.iter().any(|form| text.contains(form))
}

fn has_secret(value: &Value) -> bool {
    shows_secret(&value.to_string())
}

fn wrongs(old: &Value) -> impl Iterator<Item = &'static Wrong> {
    let own = match old {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    };
    let types = TYPES.iter().enumerate().filter(move |(kind, _)| *kind != own).map(|(_, w)| w);
    let more: &[Wrong] = match old {
        Value::Number(_) => &NUMBERS,
        Value::String(_) => &TEXTS,
        _ => &[],
    };
    types.chain(more)
}

/// The JSON pointers of all that is in a value. Of a list the first item stands for all alike it,
/// but not where they are objects of different kinds.
fn fields(value: &Value, path: &str, paths: &mut Vec<String>) {
    let mut add = |key: &str, value: &Value| {
        let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
        paths.push(path.clone());
        fields(value, &path, paths);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| add(key, value)),
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                let is_alike = |before: &Value| {
                    before["kind"] == item["kind"]
                        && before["metadata"]["name"] == item["metadata"]["name"]
                };
                if i == 0 || !items[..i].iter().any(is_alike) {
                    add(&i.to_string(), item);
                }
            }
        }
        _ => {}
    }
}
