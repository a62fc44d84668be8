//! Any value, written as YAML, is the same to two readers that have no code in common.
#![no_main]

use serde_json::{Map, Value};
use yaml_rust2::{Yaml, YamlLoader};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let value = mesh_fuzz::value(&mut &bytes[..], 4);
    let text = meshcore::yaml::document_text(&value);
    let read: Value = serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_same(&read, &value, &text);
    let read = YamlLoader::load_from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!(read.len(), 1, "{text}");
    assert_same(&json(&read[0]), &value, &text);
});

fn assert_same(read: &Value, written: &Value, text: &str) {
    assert!(is_same(read, written), "{read} is not {written}: {text}");
}

/// Numbers may be of another type where they are the same number.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_same(a, b)))
        }
        _ => a == b,
    }
}

fn json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Null => Value::Null,
        Yaml::Boolean(b) => Value::Bool(*b),
        Yaml::Integer(i) => Value::from(*i),
        Yaml::Real(text) => text.parse::<f64>().map_or(Value::Null, Value::from),
        Yaml::String(text) => Value::String(text.clone()),
        Yaml::Array(items) => items.iter().map(json).collect(),
        Yaml::Hash(map) => {
            let key = |key: &Yaml| key.as_str().expect("keys are texts").to_owned();
            Value::Object(map.iter().map(|(k, v)| (key(k), json(v))).collect::<Map<_, _>>())
        }
        other => panic!("{other:?}"),
    }
}
