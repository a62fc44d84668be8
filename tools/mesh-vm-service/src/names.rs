//! Names, labels and places that Kubernetes and Istio will accept.

use meshcore::{DnsLabel, is_qualified_name};
use std::fmt;
use std::str::FromStr;

/// The name of a Service: a DNS-1035 label, which begins with a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceName(DnsLabel);

/// The name of a service account: a DNS name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount(String);

/// The DNS domain of a cluster's Services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDomain(String);

/// A label of machines, none of those that say who made an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// A name, or a DNS name, `/` and a name.
    pub key: String,
    /// At most 63 characters, or none.
    pub value: String,
}

/// An annotation, not the one that names the service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// A name, or a DNS name, `/` and a name.
    pub key: String,
    /// Any text.
    pub value: String,
}

/// Where a machine is, as `REGION`, `REGION/ZONE` or `REGION/ZONE/SUBZONE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locality(String);

/// Label of all that meshutils makes.
pub(crate) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Annotation by which istioctl linked a Service to a service account.
pub(crate) const ACCOUNT: &str = "kubernetes.io/service-account.name";

/// Characters that a DNS name has at most (RFC 1035, section 2.3.4).
const NAME_LENGTH: usize = 253;

/// Characters of the longest cluster domain: `SERVICE.NAMESPACE.svc.DOMAIN` is a DNS name, and
/// the first two are labels of up to 63.
const DOMAIN_LENGTH: usize = NAME_LENGTH - "..svc.".len() - 2 * 63;

impl FromStr for ServiceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = DnsLabel::parse(text)?;
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return Err("must begin with a letter, as a Service's name does".to_owned());
        }
        Ok(Self(name))
    }
}

impl FromStr for ServiceAccount {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() <= NAME_LENGTH && is_dns_name(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err("a service account is a DNS name: lower-case letters, digits, '-' and '.'")
        }
    }
}

impl FromStr for ClusterDomain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > DOMAIN_LENGTH {
            return Err(format!("with more than {DOMAIN_LENGTH} characters Services do not fit"));
        }
        if !is_dns_name(text) {
            return Err("a domain is a DNS name, as cluster.local".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Label {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').ok_or("a label has the form KEY=VALUE")?;
        if key == MANAGED_BY {
            Err("this label says that meshutils made the object, and is set already")
        } else if is_key(key) && (value.is_empty() || is_qualified_name(value)) {
            Ok(Self { key: key.to_owned(), value: value.to_owned() })
        } else {
            Err("the key and the value of a label have at most 63 letters, digits, '-', '_' and \
                 '.', the first and the last a letter or digit; a key may have a DNS name and '/' \
                 in front")
        }
    }
}

impl FromStr for Annotation {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').ok_or("an annotation has the form KEY=VALUE")?;
        if key == ACCOUNT {
            Err("the service account is --service-account")
        } else if is_key(key) {
            Ok(Self { key: key.to_owned(), value: value.to_owned() })
        } else {
            Err("the key of an annotation is a name, as example.com/owner")
        }
    }
}

impl FromStr for Locality {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_place_byte);
        if text.split('/').count() <= 3 && text.split('/').all(is_part) {
            Ok(Self(text.to_owned()))
        } else {
            Err("a locality has the form REGION, REGION/ZONE or REGION/ZONE/SUBZONE")
        }
    }
}

/// What names of regions, zones and racks are made of.
fn is_place_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

/// The key of a label or annotation.
fn is_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => {
            prefix.len() <= NAME_LENGTH && is_dns_name(prefix) && is_qualified_name(name)
        }
        None => is_qualified_name(key),
    }
}

fn is_dns_name(text: &str) -> bool {
    text.split('.').all(|label| DnsLabel::parse(label).is_ok())
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ClusterDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Locality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn services_and_accounts_have_their_own_rules() {
        let long = "a".repeat(64);
        for good in ["a", "productcatalogservice", "a-1", &long[..63]] {
            assert_eq!(good.parse::<ServiceName>().unwrap().to_string(), good);
        }
        for (bad, reason) in [
            ("", "empty"),
            ("1a", "begin with a letter"),
            ("a.b", "lower-case"),
            ("A", "lower-case"),
            ("a-", "begin and end"),
            (long.as_str(), "63"),
        ] {
            let error = bad.parse::<ServiceName>().unwrap_err();
            assert!(error.contains(reason), "{bad:?}: {error}");
        }
        for good in ["default", "1", "a.b", &long[..63]] {
            assert_eq!(good.parse::<ServiceAccount>().unwrap().to_string(), good);
        }
        let longer = "a.".repeat(127) + "a";
        for bad in ["", "A", "a..b", "a_b", "system:a", "stageAdmin", &longer] {
            assert!(bad.parse::<ServiceAccount>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_whole_name_of_a_service_is_a_dns_name() {
        let longest = format!("{}.{}", "a".repeat(63), "b".repeat(DOMAIN_LENGTH - 64));
        let domain: ClusterDomain = longest.parse().unwrap();
        let label = "s".repeat(63);
        assert_eq!(format!("{label}.{label}.svc.{domain}").len(), NAME_LENGTH);
        for bad in ["", "a..b", "Cluster.Local", "a b", &format!("{longest}b")] {
            assert!(bad.parse::<ClusterDomain>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn labels_and_annotations_are_those_of_kubernetes() {
        for (text, key, value) in [
            ("app=catalog", "app", "catalog"),
            ("app=", "app", ""),
            ("security.istio.io/tlsMode=istio", "security.istio.io/tlsMode", "istio"),
        ] {
            let label: Label = text.parse().unwrap();
            assert_eq!((label.key.as_str(), label.value.as_str()), (key, value));
            let annotation: Annotation = text.parse().unwrap();
            assert_eq!((annotation.key.as_str(), annotation.value.as_str()), (key, value));
        }
        assert_eq!("a=b=c d".parse::<Annotation>().unwrap().value, "b=c d");
        for (text, reason) in [
            ("", "KEY=VALUE"),
            ("app", "KEY=VALUE"),
            ("=a", "at most 63"),
            ("a=b=c", "at most 63"),
            ("a=-b", "at most 63"),
            ("a=b c", "at most 63"),
            ("a/b/c=d", "at most 63"),
            ("/a=b", "at most 63"),
            ("A/a=b", "at most 63"),
            ("app.kubernetes.io/managed-by=Helm", "set already"),
        ] {
            assert!(text.parse::<Label>().unwrap_err().contains(reason), "{text:?}");
        }
        assert!(format!("a={}", "b".repeat(64)).parse::<Label>().is_err());
        for (text, reason) in [
            ("a", "KEY=VALUE"),
            ("=a", "a name"),
            ("a b=c", "a name"),
            ("kubernetes.io/service-account.name=a", "--service-account"),
        ] {
            assert!(text.parse::<Annotation>().unwrap_err().contains(reason), "{text:?}");
        }
    }

    #[test]
    fn localities_are_paths() {
        for good in ["us-west2", "us-west2/us-west2-a", "europe/rack_1/R.11"] {
            assert_eq!(good.parse::<Locality>().unwrap().to_string(), good);
        }
        for bad in ["", "/", "a/", "/a", "a//b", "a/b/c/d", "a b", "a/*", "a,b"] {
            assert!(bad.parse::<Locality>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_them_panic(text in "\\PC{0,20}|[a./=-]{0,10}") {
            if let Ok(label) = text.parse::<Label>() {
                prop_assert_eq!(format!("{}={}", label.key, label.value), &text[..]);
            }
            let _ = (text.parse::<Locality>(), text.parse::<ServiceAccount>());
        }
    }
}
