//! Names that Kubernetes and istiod will accept.

use meshcore::{DnsLabel, is_qualified_name, is_secret_key};
use std::str::FromStr;

/// The ID of a cluster or a mesh. istiod takes any that can be a key of a Secret, and ASM's
/// `cn-PROJECT-LOCATION-NAME` is longer than a label at times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier(String);

/// An annotation of a Kubernetes object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// A name, or a DNS name, `/` and a name.
    pub key: String,
    /// Any text.
    pub value: String,
}

impl Identifier {
    /// The ID.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Identifier {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_secret_key(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err("an ID has at most 253 letters, digits, '-', '_' and '.', and not \"..\" in front")
        }
    }
}

impl FromStr for Annotation {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').ok_or("an annotation has the form KEY=VALUE")?;
        let (prefix, name) = key.split_once('/').map_or((None, key), |(p, n)| (Some(p), n));
        let is_dns_name = |prefix: &str| {
            prefix.len() <= 253 && prefix.split('.').all(|label| DnsLabel::parse(label).is_ok())
        };
        if is_qualified_name(name) && prefix.is_none_or(is_dns_name) {
            Ok(Self { key: key.to_owned(), value: value.to_owned() })
        } else {
            Err("the key of an annotation is a name, as metallb.io/address-pool")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_id_of_an_asm_cluster_may_be_long() {
        let long = format!("cn-{}-northamerica-northeast1-a-{}", "p".repeat(30), "c".repeat(40));
        for good in ["proj-123", "cn-fleet-global-a", "cluster.local", &long] {
            assert_eq!(good.parse::<Identifier>().unwrap().as_str(), good);
        }
        for bad in ["", "arn:aws:eks:x", "gke/a", "a b", "..a", &"c".repeat(254)] {
            assert!(bad.parse::<Identifier>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn annotations_have_keys_that_kubernetes_takes() {
        for (text, key, value) in [
            ("metallb.io/address-pool=east", "metallb.io/address-pool", "east"),
            ("a=b=c d", "a", "b=c d"),
            ("a=", "a", ""),
        ] {
            let annotation: Annotation = text.parse().unwrap();
            assert_eq!((annotation.key.as_str(), annotation.value.as_str()), (key, value));
        }
        for bad in ["", "a", "=b", "a b=c", "/a=b", "A.b/c=d", "a/b/c=d", "a/=b"] {
            assert!(bad.parse::<Annotation>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_annotation_makes_it_panic(text in "\\PC{0,20}|[a./=-]{0,10}") {
            if let Ok(annotation) = text.parse::<Annotation>() {
                prop_assert_eq!(format!("{}={}", annotation.key, annotation.value), text);
            }
        }
    }
}
