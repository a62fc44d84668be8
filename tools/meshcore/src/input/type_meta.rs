//! What a document is an object of.

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer as _};
use std::borrow::Cow;
use std::fmt;

/// What tells kinds of objects apart. Both come first in what kubectl writes, so it is cheap to
/// ask before a document is decoded.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TypeMeta<'a> {
    /// `apps/v1`.
    pub api_version: Option<Cow<'a, str>>,
    /// `Deployment`.
    pub kind: Option<Cow<'a, str>>,
}

impl<'a> TypeMeta<'a> {
    pub(super) fn read(json: &'a str) -> Self {
        let mut meta = Self::default();
        // It ends with an error where anything is left, which does not matter.
        let _ = serde_json::Deserializer::from_str(json).deserialize_map(Fields(&mut meta));
        meta
    }

    /// The API group; empty for the core.
    #[must_use]
    pub fn group(&self) -> &str {
        let version = self.api_version.as_deref().unwrap_or_default();
        version.split_once('/').map_or("", |(group, _)| group)
    }
}

struct Fields<'m, 'a>(&'m mut TypeMeta<'a>);

/// Text that is borrowed where it can be.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Visitor<'a> for Fields<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while self.0.api_version.is_none() || self.0.kind.is_none() {
            let Some(Text(key)) = map.next_key()? else { break };
            let mut text = || map.next_value().map(|Text(text)| Some(text));
            match &*key {
                "apiVersion" => self.0.api_version = text()?,
                "kind" => self.0.kind = text()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: &str) -> (Option<String>, Option<String>) {
        let TypeMeta { api_version, kind } = TypeMeta::read(json);
        (api_version.map(Cow::into_owned), kind.map(Cow::into_owned))
    }

    #[test]
    fn both_are_found_wherever_they_stand() {
        let both = (Some("apps/v1".to_owned()), Some("D\"".to_owned()));
        for json in [
            r#"{"apiVersion":"apps/v1","kind":"D\"","x":{}}"#,
            r#"{"x":{"kind":"no"},"kind":"D\"","y":[1,"kind"],"apiVersion":"apps/v1"}"#,
            r#"{"apiVersion":"apps/v1","kind":"D\"", and the rest does not matter"#,
        ] {
            assert_eq!(read(json), both, "{json}");
        }
        assert_eq!(TypeMeta::read(r#"{"apiVersion":"apps/v1"}"#).group(), "apps");
        assert_eq!(TypeMeta::read(r#"{"apiVersion":"v1"}"#).group(), "");
    }

    #[test]
    fn what_is_not_there_is_none() {
        for json in ["{}", "[]", "1", r#"{"kind":null}"#, r#"{"kind":1,"apiVersion":"v1"}"#, ""] {
            assert_eq!(read(json), (None, None), "{json}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(json in "[\\[\\]{}:, \"a1]{0,20}|\\PC{0,20}") {
            let _ = TypeMeta::read(&json);
        }
    }
}
