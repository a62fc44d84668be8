//! Names that Kubernetes and istiod will accept.

use meshcore::DnsLabel;
use std::str::FromStr;

/// An Istio network: becomes the value of the label `topology.istio.io/network`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network(String);

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

impl Network {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the name that asmcli gives to every cluster off Google.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0 == "default"
    }
}

impl Identifier {
    /// The ID.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
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

impl FromStr for Identifier {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.is_empty() && text.len() <= 253 && text.chars().all(is_name_char) {
            Ok(Self(text.to_owned()))
        } else {
            Err("an ID has at most 253 letters, digits, '-', '_' and '.'")
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

/// What Kubernetes asks of a label's value, and of keys after their prefix.
fn is_qualified_name(text: &str) -> bool {
    let ends = text.starts_with(is_alphanumeric) && text.ends_with(is_alphanumeric);
    ends && text.len() <= 63 && text.chars().all(is_name_char)
}

fn is_alphanumeric(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
    fn the_id_of_an_asm_cluster_may_be_long() {
        let long = format!("cn-{}-northamerica-northeast1-a-{}", "p".repeat(30), "c".repeat(40));
        for good in ["proj-123", "cn-fleet-global-a", "cluster.local", &long] {
            assert_eq!(good.parse::<Identifier>().unwrap().as_str(), good);
        }
        for bad in ["", "arn:aws:eks:x", "gke/a", "a b", &"c".repeat(254)] {
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

        #[test]
        fn a_network_is_an_identifier(text in "[-a-zA-Z0-9_. é]{0,70}") {
            let network = text.parse::<Network>().is_ok();
            let identifier = text.parse::<Identifier>().is_ok();
            prop_assert!(!network || identifier);
        }
    }
}
