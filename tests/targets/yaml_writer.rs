//! Any value, written as YAML, is the same to two readers that have no code in common.

use serde_json::{Map, Value};

pub fn run(bytes: &[u8]) {
    let value = value(&mut &bytes[..], 4);
    let text = meshcore::yaml::document_text(&value);
    let read: Value = serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_same(&read, &value, &text);
    let read: Value = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_same(&read, &value, &text);
}

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

/// A JSON value out of any bytes: a byte says what comes next, text is taken from those after it.
fn value(bytes: &mut &[u8], depth: usize) -> Value {
    let kind = take(bytes);
    match kind % 8 {
        0 => Value::Null,
        1 => Value::Bool(kind >= 128),
        2 => Value::from(i64::from_le_bytes(std::array::from_fn(|_| take(bytes)))),
        3 => serde_json::Number::from_f64(f64::from_le_bytes(std::array::from_fn(|_| take(bytes))))
            .map_or(Value::Null, Value::Number),
        4 | 5 => Value::String(text(bytes)),
        6 if depth > 0 => (0..kind / 8 % 8).map(|_| value(bytes, depth - 1)).collect(),
        7 if depth > 0 => {
            let entries = (0..kind / 8 % 8).map(|_| (text(bytes), value(bytes, depth - 1)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        _ => Value::from(kind),
    }
}

fn take(bytes: &mut &[u8]) -> u8 {
    let Some((first, rest)) = bytes.split_first() else { return 0 };
    *bytes = rest;
    *first
}

/// Up to the next NUL, or all that is left.
fn text(bytes: &mut &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0);
    let (text, rest) = end.map_or((*bytes, &[][..]), |end| (&bytes[..end], &bytes[end + 1..]));
    *bytes = rest;
    String::from_utf8_lossy(text).into_owned()
}
