//! Names as Kubernetes checks them.

use crate::input::verbatim;
use crate::is_treacherous;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::str::FromStr;

/// A DNS-1123 label: what Kubernetes asks of a namespace's name, istioctl of a cluster's name
/// and asmcli of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsLabel(String);

/// An Istio network: the value of the label `topology.istio.io/network`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network(String);

/// The name of an object. Kubernetes takes for one whatever is one segment of a path
/// (`IsValidPathSegmentName`), as role bindings have it; what could end the segment for whoever
/// does not encode it, and what could be an option in a command line, is refused, too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ObjectName(String);

/// The kind of an object: a DNS-1035 label but for its case, as a resource definition checks it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Kind(String);

/// A version of an API, with its group unless it is the core: `v1`, `apps/v1`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ApiVersion(String);

impl DnsLabel {
    /// Checks a name; the error completes "NAME …".
    pub fn parse(text: &str) -> Result<Self, String> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let wrong = |reason: &str| Err(reason.to_owned());
        if text.is_empty() {
            wrong("is empty")
        } else if text.len() > 63 {
            wrong("has more than 63 characters")
        } else if !text.bytes().all(inner) {
            wrong("may have lower-case letters, digits and '-' only")
        } else if text.starts_with('-') || text.ends_with('-') {
            wrong("must begin and end with a letter or digit")
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Network {
    /// What asmcli calls the network of every cluster off Google.
    pub const DEFAULT: &str = "default";

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is asmcli's [`Network::DEFAULT`].
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0 == Self::DEFAULT
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_qualified_name(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err("a network is a label value: at most 63 letters, digits, '-', '_' and '.', \
                 the first and the last a letter or digit")
        }
    }
}

/// What Kubernetes asks of a label's value that is not empty, and of keys after their prefix.
#[must_use]
pub fn is_qualified_name(text: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    text.len() <= 63
        && text.starts_with(ends)
        && text.ends_with(ends)
        && text.bytes().all(is_name_byte)
}

/// What Kubernetes asks of a key in a Secret (`IsConfigMapKey`); so the ID of a cluster has to be
/// one.
#[must_use]
pub fn is_secret_key(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.bytes().all(is_name_byte)
        && text != "."
        && !text.starts_with("..")
}

/// Whether it is a DNS-1035 label: what Kubernetes asks of the version and of the plural of a
/// resource.
#[must_use]
pub fn is_api_word(text: &str) -> bool {
    DnsLabel::parse(text).is_ok() && text.starts_with(|c: char| c.is_ascii_lowercase())
}

/// The name of an object, as documents of the API have it: an [`ObjectName`].
pub fn object_name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    ObjectName::deserialize(from).map(|ObjectName(name)| name)
}

/// The namespace of an object, a [`DnsLabel`], which may be left out or empty.
pub fn object_namespace<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let name = Option::<String>::deserialize(from)?.filter(|name| !name.is_empty());
    let Some(name) = name else { return Ok(None) };
    match DnsLabel::parse(&name) {
        Ok(DnsLabel(name)) => Ok(Some(name)),
        Err(why) => {
            Err(D::Error::custom(format!("{name:?} is not the name of a namespace: it {why}")))
        }
    }
}

/// A text that becomes a name in a command: without NUL, which shells drop, so that the name would
/// be another one.
pub fn without_nul<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.contains('\0') {
        return Err(D::Error::custom("it has the character NUL, which no command can hold"));
    }
    Ok(text)
}

/// The same for a text that may be left out.
pub fn optional_without_nul<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<String>, D::Error> {
    Ok(Option::<WithoutNul>::deserialize(from)?.map(|WithoutNul(text)| text))
}

/// The name of a context, or of the kubeconfig that it stands in: to the letter, or it is another.
pub fn literal_name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    verbatim::<D, WithoutNul>(from).map(|WithoutNul(text)| text)
}

/// The same where it may be left out.
pub fn optional_literal_name<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<String>, D::Error> {
    Ok(verbatim::<D, Option<WithoutNul>>(from)?.map(|WithoutNul(text)| text))
}

#[derive(Deserialize)]
struct WithoutNul(#[serde(deserialize_with = "without_nul")] String);

impl ObjectName {
    /// Checks a name; the error is a whole sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_name = (1..=253).contains(&text.len())
            && !text.starts_with('-')
            && !matches!(text, "." | "..")
            && !text.contains(|c| "/%?#".contains(c) || is_treacherous(c));
        if is_name {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "{text:?} is not the name of an object: it has no '/', '%', '?', '#' and control \
             characters, no '-' at its start, and at most 253 characters"
        ))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ObjectName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl Kind {
    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if is_api_word(&text.to_ascii_lowercase()) {
            return Ok(Self(text));
        }
        Err(format!("{text:?} is not a kind: it has at most 63 letters, digits and '-'"))
    }
}

impl ApiVersion {
    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ApiVersion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (group, version) = text.split_once('/').unwrap_or(("core", &text));
        let is_group = group.len() <= 253 && group.split('.').all(|l| DnsLabel::parse(l).is_ok());
        if is_group && is_api_word(version) {
            return Ok(Self(text));
        }
        Err(format!("{text:?} is not a version of an API, such as v1 or apps/v1"))
    }
}

fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-_.".contains(&b)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for DnsLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_objects_are_neither_paths_nor_flags() {
        #[derive(Debug, Deserialize)]
        struct Meta {
            #[serde(deserialize_with = "object_name")]
            name: String,
            #[serde(default, deserialize_with = "object_namespace")]
            namespace: Option<String>,
        }
        let read = |text: &str| serde_json::from_str::<Meta>(text);
        let meta = read(r#"{"name": "system:a-b.c", "namespace": null}"#).unwrap();
        assert_eq!((meta.name.as_str(), meta.namespace), ("system:a-b.c", None));
        assert_eq!(
            read(r#"{"name": "a", "namespace": "n"}"#).unwrap().namespace.as_deref(),
            Some("n")
        );
        let empty = read(r#"{"name": "a", "namespace": ""}"#).unwrap();
        assert_eq!(empty.namespace, None);
        let long = "a".repeat(254);
        for wrong in [
            "--all",
            "a/b",
            "a%2fb",
            "a?x=",
            "a#",
            "",
            ".",
            "..",
            "a\\nb",
            "a\u{202e}",
            long.as_str(),
        ] {
            let error = read(&format!(r#"{{"name": "{wrong}"}}"#)).unwrap_err().to_string();
            assert!(error.contains("is not the name of an object"), "{error}");
        }
        for wrong in ["-n", "victim?x=", "v/secrets", "A", "a.b"] {
            let text = format!(r#"{{"name": "a", "namespace": "{wrong}"}}"#);
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains("is not the name of a namespace"), "{error}");
        }
    }

    #[test]
    fn kinds_and_versions_are_words_of_a_path() {
        let kind = |text: &str| Kind::try_from(text.to_owned());
        let version = |text: &str| ApiVersion::try_from(text.to_owned());
        assert!(kind("ConfigMap").is_ok_and(|kind| kind.as_str() == "ConfigMap"));
        for wrong in ["", "a/b", "1a", "a.b", "Secret?x=", &"a".repeat(64)] {
            assert!(kind(wrong).is_err(), "{wrong}");
        }
        for good in ["v1", "apps/v1", "gateway.networking.k8s.io/v1beta1"] {
            assert_eq!(version(good).unwrap().as_str(), good);
        }
        for wrong in ["", "/v1", "apps/", "a/b/c", "v1/namespaces/kube-system?x=", "../v1", "a/1"] {
            assert!(version(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_dns_labels() {
        for name in ["a", "cn-my-proj-us-west2-a-asm-a", "0f5e1a9c-1111-4222-8333-944444444444"] {
            assert_eq!(DnsLabel::parse(name).unwrap().as_str(), name);
        }
        let long = "a".repeat(64);
        for (name, reason) in [
            ("", "empty"),
            (long.as_str(), "63"),
            ("A", "lower-case"),
            ("a.b", "lower-case"),
            ("a?", "lower-case"),
            ("arn:aws:eks:us-east-1:1:cluster/a", "lower-case"),
            ("-a", "begin and end"),
            ("a-", "begin and end"),
        ] {
            let error = DnsLabel::parse(name).unwrap_err();
            assert!(error.contains(reason), "{name}: {error}");
        }
    }

    #[test]
    fn networks_are_label_values() {
        for good in ["n", "network1", "my-proj-default", "a.b_c-D", "1", &"n".repeat(63)] {
            assert_eq!(good.parse::<Network>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a-", ".a", "a b", "a/b", "ä", "a\n", &"n".repeat(64)] {
            assert!(bad.parse::<Network>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn keys_of_secrets_are_names_of_files() {
        for good in ["cluster1", "cn-my-proj-us-west2-a-asm-a", ".a", "1", &"a".repeat(253)] {
            assert!(is_secret_key(good), "{good}");
        }
        for bad in ["", ".", "..", "..a", "a b", "a/b", "arn:aws:eks:x", "ä", &"a".repeat(254)] {
            assert!(!is_secret_key(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_label_and_a_network_can_be_keys(text in "[-a-zA-Z0-9_. é]{0,70}") {
            prop_assert!(DnsLabel::parse(&text).is_err() || is_qualified_name(&text));
            prop_assert!(text.parse::<Network>().is_err() || is_secret_key(&text));
        }
    }
}
