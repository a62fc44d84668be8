//! Between a text of others and what is read of it: no credential of an address gets through,
//! whatever field it stands in.

use super::field::without_value;
use crate::without_credentials;
use serde::Deserialize;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// How `verbatim` asks for a value. `serde_json` calls its raw values by names with a `$`, too.
const VERBATIM: &str = "$verbatim";

/// Reads a value that was read before.
///
/// # Errors
/// Those of serde, which may have a value of the text in them.
pub fn from_value<T: DeserializeOwned>(value: Value) -> serde_json::Result<T> {
    T::deserialize(Clean(value))
}

/// Reads a text in YAML or JSON.
///
/// # Errors
/// What is wrong and where, without the value.
pub fn from_yaml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    T::deserialize(Clean(serde_yaml::Deserializer::from_str(text))).map_err(|error| {
        let reason = without_value(&error.to_string());
        let reason = without_credentials(&reason);
        match error.location() {
            Some(at) => format!("{reason} at line {} column {}", at.line(), at.column()),
            None => reason.into_owned(),
        }
    })
}

pub(super) fn from_json<'a, T: Deserialize<'a>>(json: &'a str) -> serde_json::Result<T> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let value = T::deserialize(Clean(&mut deserializer))?;
    deserializer.end()?;
    Ok(value)
}

/// For a field that is used and not shown: a credential, or a text that is a document itself. It is
/// read as it stands there.
pub fn verbatim<'de, D: Deserializer<'de>, T: Deserialize<'de>>(field: D) -> Result<T, D::Error> {
    struct Within<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Within<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a value")
        }

        fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
            T::deserialize(from)
        }
    }
    field.deserialize_newtype_struct(VERBATIM, Within(PhantomData))
}

/// A text that is read so within a map, whose keys are not. No `Debug`: it may be a credential.
#[derive(Deserialize)]
pub struct Verbatim(#[serde(deserialize_with = "verbatim")] pub String);

/// A part of reading; every text that passes through it is cleaned.
struct Clean<T>(T);

macro_rules! ask {
    ($($method:ident($($arg:ident: $type:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($arg: $type,)* to: V) -> Result<V::Value, D::Error> {
            self.0.$method($($arg,)* Clean(to))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Clean<D> {
    type Error = D::Error;

    ask! {
        deserialize_any() deserialize_bool() deserialize_char()
        deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_str() deserialize_string()
        deserialize_bytes() deserialize_byte_buf() deserialize_option() deserialize_unit()
        deserialize_unit_struct(name: &'static str) deserialize_seq()
        deserialize_tuple(len: usize) deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_map() deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
        deserialize_identifier()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        to: V,
    ) -> Result<V::Value, D::Error> {
        if name.starts_with('$') {
            return self.0.deserialize_newtype_struct(name, to);
        }
        self.0.deserialize_newtype_struct(name, Clean(to))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, to: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_ignored_any(to)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! give {
    ($($method:ident($type:ty))*) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.0.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Clean<V> {
    type Value = V::Value;

    give! {
        visit_bool(bool) visit_char(char) visit_i64(i64) visit_i128(i128) visit_u64(u64)
        visit_u128(u128) visit_f64(f64) visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8])
        visit_byte_buf(Vec<u8>)
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        self.0.visit_str(&without_credentials(text))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<V::Value, E> {
        match without_credentials(text) {
            Cow::Borrowed(text) => self.0.visit_borrowed_str(text),
            Cow::Owned(text) => self.0.visit_string(text),
        }
    }

    fn visit_string<E: Error>(self, text: String) -> Result<V::Value, E> {
        match without_credentials(&text) {
            Cow::Borrowed(_) => self.0.visit_string(text),
            Cow::Owned(text) => self.0.visit_string(text),
        }
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Clean(from))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Clean(from))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Clean(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Clean(fields))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(Clean(variant))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Clean<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Clean(from))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Clean<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        item: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Clean(item))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Clean<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        key: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(Clean(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, value: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Clean(value))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Clean<A> {
    type Error = A::Error;
    type Variant = Clean<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        name: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let (name, variant) = self.0.variant_seed(Clean(name))?;
        Ok((name, Clean(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Clean<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Clean(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, to: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(len, Clean(to))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        to: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, Clean(to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Serialize;
    use serde_json::json;
    use serde_json::value::RawValue;
    use std::collections::BTreeMap;

    const LEAK: &str = "https://u:SECRET@h/?t=SECRET";

    #[derive(Serialize, Deserialize)]
    struct Everything<'a> {
        #[serde(borrow)]
        text: Cow<'a, str>,
        list: Vec<String>,
        map: BTreeMap<String, Option<String>>,
        either: Either,
        one: One,
        wrapped: Wrapped,
        any: Value,
        #[serde(deserialize_with = "verbatim")]
        token: Option<String>,
        #[serde(borrow, skip_serializing)]
        raw: &'a RawValue,
        #[serde(flatten)]
        other: serde_json::Map<String, Value>,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u8),
        Text(String),
    }

    #[derive(Debug, Serialize, Deserialize)]
    enum One {
        Text(String),
    }

    #[derive(Serialize, Deserialize)]
    struct Wrapped(String);

    #[test]
    fn no_field_of_any_form_lets_one_through() {
        let json = json!({
            "text": LEAK, "list": [LEAK, "u:SECRET@h"], "map": {LEAK: LEAK}, "either": LEAK,
            "one": {"Text": LEAK}, "wrapped": LEAK, "any": {LEAK: [LEAK, 1, null, true, -1, 0.5]},
            "token": "a:b@c", "raw": {"a": "b:c@d"}, "more": {"x": LEAK}, "u:SECRET@h": 1,
        });
        // A character may be written as its number.
        let escaped = json.to_string().replace('@', "\\u0040");
        for json in [json.to_string(), escaped] {
            let read: Everything<'_> = from_json(&json).unwrap();
            let shown = serde_json::to_string(&read).unwrap();
            assert!(!shown.contains("SECRET"), "{shown}");
            assert_eq!(read.token.as_deref(), Some("a:b@c"));
            assert!(read.raw.get().contains("b:c"), "{}", read.raw);
        }
        let value: Value = from_value(json.clone()).unwrap();
        assert_eq!(value["any"], json!({"https://h/": ["https://h/", 1, null, true, -1, 0.5]}));
        let yaml = "a: \"u:SECRET\\x40h\"\nu:SECRET@h: {b: u:SECRET@h}\n";
        let value: Value = from_yaml(yaml).unwrap();
        assert!(!value.to_string().contains("SECRET"), "{value}");
    }

    #[test]
    fn errors_have_no_value() {
        type Numbers = BTreeMap<String, u8>;
        let json = json!({"a": LEAK}).to_string();
        let Err(error) = super::super::decode::<Numbers>(&json) else { panic!("it is read") };
        assert_eq!(error.into_error().message().text(), ".a: invalid type: string, expected u8");
        let error = from_yaml::<Numbers>("b: 1\na: anything\n").unwrap_err();
        assert_eq!(error, "a: invalid type: string, expected u8 at line 2 column 4");
        let error = from_yaml::<BTreeMap<String, One>>("b: {u:SECRET@h: 1}").unwrap_err();
        assert!(!error.contains("SECRET"), "{error}");
    }

    proptest! {
        /// Where there is no address, all is as it was.
        #[test]
        fn what_has_no_credential_is_read_as_ever(text in "[a-z:/ \\PC&&[^@?#]]{0,12}", n: i64, x: f64) {
            let value = json!({"t": text, &text: [n, x, null, {"a": [true]}]});
            prop_assert_eq!(&from_json::<Value>(&value.to_string()).unwrap(), &value);
            prop_assert_eq!(&from_value::<Value>(value.clone()).unwrap(), &value);
        }
    }
}
