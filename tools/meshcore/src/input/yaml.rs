//! YAML, written anew as JSON while it is read: every tool takes its fields from JSON.

use crate::{Error, Result};
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Write as _;

/// The documents of a stream, as JSON.
pub(super) fn documents(yaml: &str) -> Result<impl Iterator<Item = Result<String>>> {
    if is_too_deep(yaml) {
        return Err(Error::data(format!("is nested too deeply (more than {MAX_BRACKETS} levels)")));
    }
    // What aliases stand for is written each time; all else is hardly longer than it was.
    let budget = yaml.len().saturating_mul(10).saturating_add(1 << 20);
    Ok(serde_yaml::Deserializer::from_str(yaml).map(move |document| {
        let mut json = Json { text: Vec::new(), budget, is_yaml: false };
        json.deserialize(document).map_err(|error| {
            let not_yaml = if json.is_yaml { "" } else { "is not YAML: " };
            Error::data(format!("{not_yaml}{error}"))
        })?;
        String::from_utf8(json.text).map_err(|error| Error::data(error.to_string()))
    }))
}

/// Brackets that may be open at once, those of texts included. Values may be 128 deep, but the
/// time that libyaml takes to tell grows with the square of their number.
const MAX_BRACKETS: usize = 1000;

fn is_too_deep(text: &str) -> bool {
    // Most texts have few, which is told in no time.
    if text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() <= MAX_BRACKETS {
        return false;
    }
    let mut open = 0usize;
    text.bytes().any(|byte| {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        open > MAX_BRACKETS
    })
}

/// JSON that is being written.
struct Json {
    text: Vec<u8>,
    /// So many bytes may still be read.
    budget: usize,
    /// Whether what ends it is something that YAML may hold.
    is_yaml: bool,
}

impl Json {
    fn refuse<E: serde::de::Error>(&mut self, reason: impl fmt::Display) -> E {
        self.is_yaml = true;
        E::custom(reason)
    }

    fn spend<E: serde::de::Error>(&mut self, bytes: usize) -> Result<(), E> {
        match self.budget.checked_sub(bytes) {
            Some(left) => self.budget = left,
            None => return Err(self.refuse("has aliases that stand for too much")),
        }
        Ok(())
    }

    /// A value that is written in JSON as in Rust.
    fn push<E: serde::de::Error>(&mut self, value: impl fmt::Display) -> Result<(), E> {
        self.spend(1)?;
        write!(self.text, "{value}").map_err(E::custom)
    }

    fn push_text<E: serde::de::Error>(&mut self, text: &str) -> Result<(), E> {
        self.spend(1 + text.len())?;
        serde_json::to_writer(&mut self.text, text).map_err(E::custom)
    }

    /// Ends an object: first come the fields that it has from others (`<<`) and not itself.
    fn end_object<E: serde::de::Error>(
        &mut self,
        mut keys: BTreeSet<String>,
        merged: &[u8],
    ) -> Result<(), E> {
        type Fields<'a> = BTreeMap<String, &'a RawValue>;
        let objects: Vec<Fields<'_>> = match merged.first() {
            None => Vec::new(),
            Some(b'{') => vec![serde_json::from_slice(merged).map_err(E::custom)?],
            _ => serde_json::from_slice(merged)
                .map_err(|_| self.refuse("has a merge key << without a mapping"))?,
        };
        for (key, value) in objects.into_iter().flatten() {
            if !keys.contains(&key) {
                self.begin_field(&key)?;
                self.text.extend_from_slice(value.get().as_bytes());
                keys.insert(key);
            }
        }
        self.text.push(b'}');
        Ok(())
    }

    fn begin_field<E: serde::de::Error>(&mut self, key: &str) -> Result<(), E> {
        if !self.text.ends_with(b"{") {
            self.text.push(b',');
        }
        self.push_text(key)?;
        self.text.push(b':');
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Json {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Json {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.push("null")
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<(), E> {
        self.push("null")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.push(value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.push(value)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.push(value)
    }

    fn visit_u128<E: serde::de::Error>(self, value: u128) -> Result<(), E> {
        self.push(value)
    }

    fn visit_i128<E: serde::de::Error>(self, value: i128) -> Result<(), E> {
        self.push(value)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        match serde_json::Number::from_f64(value) {
            Some(number) => self.push(number),
            None => Err(self.refuse("has a number without a form in JSON: .inf or .nan")),
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.push_text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.spend(1)?;
        self.text.push(b'[');
        while items.next_element_seed(&mut *self)?.is_some() {
            self.text.push(b',');
        }
        if self.text.ends_with(b",") {
            self.text.pop();
        }
        self.text.push(b']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        self.spend(1)?;
        self.text.push(b'{');
        let mut keys = BTreeSet::new();
        let mut merged = Vec::new();
        while let Some(key) = fields.next_key_seed(Key(self))? {
            if keys.contains(&key) {
                return Err(self.refuse(format!("has the key {key:?} twice")));
            }
            if key == "<<" {
                let start = self.text.len();
                fields.next_value_seed(&mut *self)?;
                merged = self.text.split_off(start);
            } else {
                self.begin_field(&key)?;
                fields.next_value_seed(&mut *self)?;
            }
            keys.insert(key);
        }
        self.end_object(keys, &merged)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<(), A::Error> {
        let (tag, _) = tagged.variant::<String>()?;
        Err(self.refuse(format!("has a value with the tag !{}", tag.trim_start_matches('!'))))
    }
}

/// A key. Go's reader, and so kubectl, makes text of all scalars.
struct Key<'j>(&'j mut Json);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key that is a scalar")
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok("null".to_owned())
    }

    fn visit_bool<E>(self, key: bool) -> Result<String, E> {
        Ok(key.to_string())
    }

    fn visit_u64<E>(self, key: u64) -> Result<String, E> {
        Ok(key.to_string())
    }

    fn visit_i64<E>(self, key: i64) -> Result<String, E> {
        Ok(key.to_string())
    }

    fn visit_f64<E>(self, key: f64) -> Result<String, E> {
        Ok(serde_yaml::Number::from(key).to_string())
    }

    fn visit_str<E>(self, key: &str) -> Result<String, E> {
        Ok(key.to_owned())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(self.0.refuse("has a mapping key that is not a scalar"))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(self.0.refuse("has a mapping key that is not a scalar"))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<String, A::Error> {
        self.0.visit_enum(tagged).map(|()| String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize as _;
    use serde_json::{Value, json};

    fn read(yaml: &str) -> Result<Vec<Value>> {
        documents(yaml)?.map(|json| Ok(serde_json::from_str(&json?).expect("JSON"))).collect()
    }

    fn message(yaml: &str) -> String {
        read(yaml).unwrap_err().message().text().to_owned()
    }

    #[test]
    fn each_value_has_its_form_in_json() {
        let yaml = "null: [~, true, 1, -2, 0x10, 1.50, 1e3, 18446744073709551616]\n\
            true: {}\n1: []\n1.5: \"\\u0001\\\"\"\n\"s\": |\n  a\n\n  é\n? |\n  k\n: {a: [[], {}, [{}]]}\n\
            01: 010\n";
        let expected = json!({
            "null": [null, true, 1, -2, 16, 1.5, 1000.0, 18_446_744_073_709_551_616.0],
            "true": {}, "1": [], "1.5": "\u{1}\"", "s": "a\n\né\n", "k\n": {"a": [[], {}, [{}]]},
            "01": "010",
        });
        assert_eq!(read(yaml).unwrap(), [expected]);
        assert_eq!(read("# nothing\n").unwrap(), [json!(null)]);
        assert_eq!(read("a\n---\n...\n---\n- 1\n").unwrap(), [json!("a"), json!(null), json!([1])]);
    }

    #[test]
    fn merge_keys_give_what_is_not_there() {
        let yaml = "a: &a {x: 1, y: {z: 1}}\nb: &b {<<: *a, x: 2, v: \"<<\"}\n\
            c: {y: 3, <<: [*b, *a, {w: 4}]}\nd: {<<: {}}\ne: {<<: []}\n";
        let expected = json!({
            "a": {"x": 1, "y": {"z": 1}}, "b": {"x": 2, "y": {"z": 1}, "v": "<<"},
            "c": {"y": 3, "x": 2, "v": "<<", "w": 4}, "d": {}, "e": {},
        });
        assert_eq!(read(yaml).unwrap(), [expected]);
        for yaml in ["<<: 1", "<<: [1]", "<<: [[{}]]", "<<: text", "<<:"] {
            let expected = "has a merge key << without a mapping";
            assert!(message(yaml).starts_with(expected), "{yaml}: {}", message(yaml));
        }
    }

    #[test]
    fn what_json_cannot_hold_is_refused() {
        for (yaml, expected) in [
            ("a: b: c", "is not YAML: mapping values are not allowed in this context at line 1"),
            ("a: .nan", "a: has a number without a form in JSON: .inf or .nan at line 1 column 4"),
            ("- -.inf", ".[0]: has a number without a form"),
            ("a: 1\nb:\n  - !x 1", "b[0]: has a value with the tag !x at line 3 column 5"),
            ("a: !x {}", "a: has a value with the tag !x"),
            ("!x a: 1", "has a value with the tag !x"),
            ("a: 1\na: 2", "has the key \"a\" twice"),
            ("1: 1\n\"1\": 2", "has the key \"1\" twice"),
            ("<<: {}\n<<: {}", "has the key \"<<\" twice"),
            ("[a]: 1", "has a mapping key that is not a scalar"),
            ("{a: 1}: 1", "has a mapping key that is not a scalar"),
            ("a: *a", "is not YAML: unknown anchor"),
            ("a: &a [*a]", "is not YAML: recursion limit"),
            ("a: &a {<<: *a}", "is not YAML: recursion limit"),
        ] {
            assert!(message(yaml).starts_with(expected), "{yaml}: {}", message(yaml));
        }
    }

    #[test]
    fn depth_and_aliases_are_bounded() {
        assert!(message(&"[".repeat(100_000)).ends_with("(more than 1000 levels)"));
        assert!(
            message(&format!("a: {}", "{a: ".repeat(100_000))).ends_with("(more than 1000 levels)")
        );
        assert!(message(&"- ".repeat(1000)).contains("recursion limit"));
        let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for i in b'b'..=b'z' {
            let (this, last) = (char::from(i), char::from(i - 1));
            bomb += &format!("{this}: &{this} [{}]\n", vec![format!("*{last}"); 9].join(","));
        }
        assert!(message(&bomb).contains("limit exceeded"));
        // Few aliases, but of long things; and what is merged into nothing.
        let text = "x".repeat(100_000);
        let many = |item: &str| vec![item; 1000].join(",");
        for bomb in [
            format!("a: &a {text}\nb: [{}]", many("*a")),
            format!("a: &a {{x: {text}}}\nb: [{}]", many("{<<: *a, x: 1}")),
        ] {
            let message = message(&bomb);
            assert!(message.contains("has aliases that stand for too much"), "{message}");
        }
    }

    /// The same by way of `serde_yaml`'s own values.
    fn by_value(value: serde_yaml::Value) -> Value {
        use serde_yaml::Value as Yaml;
        match value {
            Yaml::Null => Value::Null,
            Yaml::Bool(value) => json!(value),
            Yaml::Number(number) => json!(number),
            Yaml::String(text) => json!(text),
            Yaml::Sequence(items) => items.into_iter().map(by_value).collect(),
            Yaml::Mapping(fields) => {
                let key = |key| match by_value(key) {
                    Value::String(key) => key,
                    key => key.to_string(),
                };
                fields.into_iter().map(|(name, value)| (key(name), by_value(value))).collect()
            }
            Yaml::Tagged(tagged) => panic!("{} is refused", tagged.tag),
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
            "\\PC{0,8}|[a \n\"\\\\:#-]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 30, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map("[a-z~0-9.]{1,4}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_we_write_is_read_as_it_was(values in prop::collection::vec(value(), 1..4)) {
            prop_assert_eq!(read(&crate::yaml::stream(&values)), Ok(values));
        }

        #[test]
        fn what_is_read_is_what_serde_yaml_reads(
            yaml in "([a-c]: |- |\n|  |[\\[\\]{},'\"1.&*!#|~<-]|\\PC){0,30}"
        ) {
            if let Ok(all) = read(&yaml) {
                let documents = serde_yaml::Deserializer::from_str(&yaml);
                let theirs = documents.map(|one| {
                    let mut value = serde_yaml::Value::deserialize(one).expect("ours reads it");
                    value.apply_merge().expect("ours merges it");
                    by_value(value)
                });
                prop_assert_eq!(all, theirs.collect::<Vec<_>>());
            }
        }
    }
}
