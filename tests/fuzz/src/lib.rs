//! What the fuzz targets share.

use meshcore::input::Source;
use serde_json::{Map, Value};

/// Bytes as standard input; nothing where they are refused at once.
#[must_use]
pub fn source(bytes: &[u8]) -> Option<Source> {
    Source::new("stdin".to_owned(), bytes.to_vec()).ok()
}

/// A JSON value out of any bytes: a byte says what comes next, text is taken from those after it.
pub fn value(bytes: &mut &[u8], depth: usize) -> Value {
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
