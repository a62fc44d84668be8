//! Which field an error of reading JSON is about.
//!
//! `serde_json` tells the line and the column; only then are the fields on the way there looked
//! for. To keep track of them all the while costs every type a second reader, and every read its
//! time.

use super::clean::from_json;
use crate::{Error, without_credentials};
use serde::Deserialize;
use std::borrow::Cow;

/// Why a text is not what was asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct FieldError {
    /// `.items[3].spec`; empty for the text as a whole.
    pub(super) path: String,
    /// The reason, without the value, which may be a secret.
    pub(super) reason: String,
}

impl FieldError {
    /// What `error`, that reading `json` as `T` gave, is about.
    #[must_use]
    pub fn new<'a, T: Deserialize<'a>>(json: &'a str, error: &serde_json::Error) -> Self {
        Self {
            path: without_credentials(&path_at(json, error_index::<T>(json, error))).into_owned(),
            reason: without_credentials(&without_value(&error.to_string())).into_owned(),
        }
    }

    /// The same for people.
    #[must_use]
    pub fn into_error(self) -> Error {
        let reason = Error::data(self.reason);
        if self.path.is_empty() { reason } else { reason.at(self.path) }
    }
}

/// Reads one JSON value, without credentials in addresses; an error names the field.
pub fn decode<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, FieldError> {
    from_json(json).map_err(|error| FieldError::new::<T>(json, &error))
}

/// The same to the letter.
pub(super) fn decode_verbatim<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, FieldError> {
    serde_json::from_str(json).map_err(|error| FieldError::new::<T>(json, &error))
}

/// The byte in or behind the value that `error` is about.
fn error_index<'a, T: Deserialize<'a>>(json: &'a str, error: &serde_json::Error) -> usize {
    let before = error.line().saturating_sub(1);
    let lines = json.split_inclusive('\n').take(before).map(str::len).sum::<usize>();
    let index = (lines + error.column()).min(json.len());
    if index == 0 {
        return index;
    }
    // An error of syntax may point behind the byte that is wrong.
    if error.is_syntax() {
        return index - 1;
    }
    // Behind an object, an array or an item: is it about that, or about the value that comes last
    // there, and was refused when it had been read? Without the bracket or comma, only the latter
    // is refused for more than its end.
    let known = json.get(..index).unwrap_or_default().trim_end();
    match known.strip_suffix(['}', ']', ',']) {
        Some(cut) if serde_json::from_str::<T>(cut).is_err_and(|error| !error.is_eof()) => {
            cut.len()
        }
        _ => index,
    }
}

/// A step from a value to one in it.
enum Step<'a> {
    /// The key as it is written; none between fields.
    Field(Option<&'a str>),
    Item(usize),
}

/// The path of the innermost value that `index` is in or just behind.
fn path_at(json: &str, index: usize) -> String {
    let mut steps = Vec::new();
    let mut at = 0;
    while at < index {
        match json.as_bytes()[at] {
            b'{' => steps.push(Step::Field(None)),
            b'[' => steps.push(Step::Item(0)),
            b'}' | b']' => drop(steps.pop()),
            b',' => match steps.last_mut() {
                Some(Step::Field(key)) => *key = None,
                Some(Step::Item(number)) => *number += 1,
                None => {}
            },
            b'"' => {
                let length = text_length(&json.as_bytes()[at..]);
                if let Some(Step::Field(key @ None)) = steps.last_mut()
                    && at + length <= index
                {
                    *key = Some(&json[at..at + length]);
                }
                at += length;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Field(None) => {}
            Step::Field(Some(key)) => {
                let text = serde_json::from_str::<Text<'_>>(key);
                path += ".";
                path += &text.map_or(Cow::Borrowed(key), |Text(text)| text);
            }
            Step::Item(number) => path += &format!("[{number}]"),
        }
    }
    path
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// How long the text is that begins here, quotes included.
fn text_length(json: &[u8]) -> usize {
    let mut escaped = false;
    let end = json[1..].iter().position(|&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(json.len(), |end| end + 2)
}

/// serde's message without the offending value, which may be a secret, and without the line
/// and column, which count from the start of the document and not of the file.
pub(super) fn without_value(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(text, _)| text);
    let (Some(start), Some(expected)) = (message.find(": "), message.rfind(", expected ")) else {
        return message.to_owned();
    };
    let found = &message[start..expected];
    match found.find(['"', '`']) {
        Some(quote) => {
            let kind = found[..quote].trim_end();
            format!("{}{kind}{}", &message[..start], &message[expected..])
        }
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
    use serde_json::{Value, json};
    use std::collections::BTreeMap;
    use std::fmt;

    fn path<'a, T: Deserialize<'a>>(json: &'a str) -> String {
        let Err(error) = decode::<T>(json) else { panic!("{json} is read") };
        error.path
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[expect(dead_code, reason = "only errors matter")]
    struct Port {
        number: u16,
        protocol: Option<Protocol>,
    }

    #[derive(Deserialize)]
    enum Protocol {
        Http,
        Other(Even),
    }

    #[derive(Deserialize)]
    #[serde(try_from = "u8")]
    struct Even;

    impl TryFrom<u8> for Even {
        type Error = &'static str;

        fn try_from(number: u8) -> Result<Self, Self::Error> {
            if number.is_multiple_of(2) { Ok(Self) } else { Err("is odd") }
        }
    }

    #[test]
    fn each_kind_of_error_names_its_field() {
        type Ports = BTreeMap<String, Vec<Port>>;
        for (json, expected) in [
            (r#"{"a": [{"number": 1}, {"number": true, "x": 1}]}"#, ".a[1].number"),
            (r#"{"a": [{"number": 70000}]}"#, ".a[0].number"),
            (r#"{"a": [{"number": 1e999}]}"#, ".a[0].number"),
            (r#"{"a": [{"number": "}]\"\\"}]}"#, ".a[0].number"),
            (r#"{"a": [{"number": {}}]}"#, ".a[0].number"),
            (r#"{"a": [{"number": [1]}]}"#, ".a[0].number"),
            (r#"{"a": [ {}, 1]}"#, ".a[0]"),
            (r#"{"a": [ {"number": 1} , 1 ]}"#, ".a[1]"),
            (r#"{"a": [], "b.\"c\u0065": 1}"#, ".b.\"ce"),
            (r#"{"a": [{"nmber": 1}]}"#, ".a[0].nmber"),
            (r#"{"a": [{"number": 1, "number": 1}]}"#, ".a[0].number"),
            (r#"{"a": [{"number": 1, "protocol": "Ftp"}]}"#, ".a[0].protocol"),
            (r#"{"a": [{"number": 1, "protocol": [1]}]}"#, ".a[0].protocol"),
            (r#"{"a": [{"number": 1, "protocol": {"Other": 1}}]}"#, ".a[0].protocol.Other"),
            (r#"{"a": [{"number": 1, "protocol": {"Other": 1}}, {}]}"#, ".a[0].protocol.Other"),
            ("{\"é\":\n\n [{\"number\": 1},\r\n\t{\"é\\\\\":\n\n\"\"}]}", ".é[1].é\\"),
            ("1", ""),
            ("[]", ""),
        ] {
            assert_eq!(path::<Ports>(json), expected, "{json}");
        }
        assert_eq!(path::<Vec<Even>>("[2, 3]"), "[1]");
        assert_eq!(path::<Vec<Even>>("[3, 2]"), "[0]");
        assert_eq!(path::<Even>("3"), "");
        assert_eq!(path::<(u8, u8)>("[1]"), "");
        assert_eq!(path::<Value>(r#"{"a": "\ud800"}"#), ".a");
    }

    #[test]
    fn values_are_not_in_reasons() {
        let error = decode::<BTreeMap<String, Port>>(r#"{"a": "a secret, expected \" token"}"#);
        let reason = "invalid type: string, expected struct Port";
        assert_eq!(error.map(|_| ()), Err(FieldError { path: ".a".into(), reason: reason.into() }));
    }

    /// Anything but what is refused: a text when it is come to; `{"refused": …}`, `[true, …]` and
    /// `true` once they are read; what has a field `wanting` by itself, at its end.
    struct Picky;

    impl<'de> Deserialize<'de> for Picky {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            if deserializer.deserialize_any(Self)? {
                Err(D::Error::custom("bad"))
            } else {
                Ok(Self)
            }
        }
    }

    impl<'de> Visitor<'de> for Picky {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no text")
        }

        fn visit_bool<E>(self, refused: bool) -> Result<bool, E> {
            Ok(refused)
        }

        fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
            Ok(false)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
            while items.next_element::<Self>()?.is_some() {}
            Ok(false)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<bool, A::Error> {
            let (mut refused, mut wanting) = (false, false);
            while let Some((key, _)) = fields.next_entry::<String, Self>()? {
                refused |= key == "refused";
                wanting |= key == "wanting";
            }
            if wanting { Err(A::Error::missing_field("wanted")) } else { Ok(refused) }
        }
    }

    fn good() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(json!(false)), any::<u8>().prop_map(|n| json!(n))];
        leaf.prop_recursive(4, 30, 4, |inner| {
            let key = "[a-z.,:{}\\[\\]\"\\\\\n é]{0,5}";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map(key, inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// The path of each value in it.
    fn paths(value: &Value, path: &str, all: &mut Vec<String>) {
        all.push(path.to_owned());
        match value {
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    paths(item, &format!("{path}[{i}]"), all);
                }
            }
            Value::Object(fields) => {
                for (key, field) in fields {
                    paths(field, &format!("{path}.{key}"), all);
                }
            }
            _ => {}
        }
    }

    /// The values in the same order.
    fn nth<'v>(value: &'v mut Value, left: &mut usize) -> Option<&'v mut Value> {
        if *left == 0 {
            return Some(value);
        }
        *left -= 1;
        match value {
            Value::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
            Value::Object(fields) => fields.values_mut().find_map(|field| nth(field, left)),
            _ => None,
        }
    }

    proptest! {
        #[test]
        fn the_one_value_that_is_refused_is_named(
            good in good(),
            bad in prop::sample::select(vec![
                json!("text"), json!(""), json!("}]\",\\"), json!(true), json!({"refused": [1, {}]}),
                json!({"wanting": {"a": 1}, "z": []}), json!({"wanting": 1}),
            ]),
            which: prop::sample::Index,
            spaced: bool,
        ) {
            let mut all = Vec::new();
            paths(&good, "", &mut all);
            let which = which.index(all.len());
            let mut value = good;
            *nth(&mut value, &mut which.clone()).unwrap() = bad;
            let json = if spaced { format!("{value:#}") } else { value.to_string() };
            prop_assert_eq!(path::<Picky>(&json), all[which].as_str(), "{}", json);
        }

        #[test]
        fn no_text_and_no_index_makes_it_panic(
            json in "[\\[\\]{}:,\"\\\\ae1 \n-]{0,30}|\\PC{0,20}", index: prop::sample::Index
        ) {
            path_at(&json, index.index(json.len() + 1));
            let _ = decode::<Picky>(&json);
            let _ = decode::<Vec<Port>>(&json);
        }
    }
}
