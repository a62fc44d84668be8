//! Names that Kubernetes and Istio will accept.

use meshcore::DnsLabel;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// Characters that a DNS name has at most (RFC 1035, section 2.3.4).
const NAME_LENGTH: usize = 253;

/// Characters of the longest cluster domain: `SERVICE.NAMESPACE.svc.DOMAIN` is a DNS name, and
/// the first two are labels of up to 63.
const DOMAIN_LENGTH: usize = NAME_LENGTH - "..svc.".len() - 2 * 63;

/// Characters of the longest revision: `istiod-REVISION` is the name of a Service, a label.
const REVISION_LENGTH: usize = 63 - "istiod-".len();

/// A DNS name: labels joined by dots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsName(String);

/// The DNS domain of a cluster's Services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDomain(DnsName);

/// A revision of the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision(DnsLabel);

/// What a gateway lets pass: a whole DNS name, or `*.` and a DNS name for all names below it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host(String);

/// A label by which a gateway's pods are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    key: String,
    value: String,
}

impl DnsName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DnsName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > NAME_LENGTH {
            return Err(format!("a DNS name has at most {NAME_LENGTH} characters"));
        }
        // No client asks for a certificate of an address by SNI.
        if text.parse::<Ipv4Addr>().is_ok() {
            return Err("it is an address, not a DNS name".to_owned());
        }
        for label in text.split('.') {
            DnsLabel::parse(label).map_err(|reason| format!("the DNS label '{label}' {reason}"))?;
        }
        Ok(Self(text.to_owned()))
    }
}

impl ClusterDomain {
    /// The hosts that are exposed unless others are named. Istio's sample has `*.local`, which is
    /// right for `cluster.local` alone.
    #[must_use]
    pub fn all_services(&self) -> Host {
        match self.0.as_str() {
            "cluster.local" => Host("*.local".to_owned()),
            domain => Host(format!("*.{domain}")),
        }
    }

    /// The Services of a namespace.
    #[must_use]
    pub fn services_of(&self, namespace: &DnsLabel) -> Host {
        Host(format!("*.{namespace}.svc.{self}"))
    }
}

impl fmt::Display for ClusterDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl FromStr for ClusterDomain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > DOMAIN_LENGTH {
            return Err(format!("with more than {DOMAIN_LENGTH} characters Services do not fit"));
        }
        text.parse().map(Self)
    }
}

impl Revision {
    /// Whether it is that of an installation without one.
    pub(crate) fn is_default(&self) -> bool {
        self.0.as_str() == "default"
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Revision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > REVISION_LENGTH {
            return Err(format!("a revision has at most {REVISION_LENGTH} characters"));
        }
        DnsLabel::parse(text).map(Self)
    }
}

impl Host {
    /// The name as Istio takes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The one name it stands for, or none if it has a wildcard.
    #[must_use]
    pub fn exact(&self) -> Option<DnsName> {
        (!self.0.starts_with("*.")).then(|| DnsName(self.0.clone()))
    }
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        name.parse::<DnsName>()?;
        // It would be taken, and match nothing.
        if !text.contains('.') {
            return Err(format!(
                "it is a short name; a whole one is {text}.sample.svc.cluster.local"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Selector {
    /// The key of the label.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value of the label.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl FromStr for Selector {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').ok_or("a label has the form KEY=VALUE")?;
        let (prefix, name) = match key.split_once('/') {
            Some((prefix, name)) => (Some(prefix), name),
            None => (None, key),
        };
        if prefix.is_some_and(|prefix| prefix.parse::<DnsName>().is_err()) {
            Err("what stands before the '/' of a label's key is a DNS name")
        } else if is_label_text(name) && is_label_text(value) {
            Ok(Self { key: key.to_owned(), value: value.to_owned() })
        } else {
            Err("key and value of a label have at most 63 letters, digits, '-', '_' and '.', \
                 the first and the last a letter or digit")
        }
    }
}

fn is_label_text(text: &str) -> bool {
    let is_alphanumeric = |c: char| c.is_ascii_alphanumeric();
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.len() <= 63
        && text.starts_with(is_alphanumeric)
        && text.ends_with(is_alphanumeric)
        && text.chars().all(is_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hosts_are_dns_names() {
        let whole = "httpbin.sample.svc.cluster.local";
        for text in [whole, "*.local", "*.sample.svc.cluster.local", "a.b", "1.a"] {
            assert_eq!(text.parse::<Host>().unwrap().as_str(), text);
        }
        let long = format!("{}a", "a.".repeat(127));
        for (text, reason) in [
            ("", "'' is empty"),
            ("*", "'*' may have lower-case"),
            ("*.", "'' is empty"),
            ("a.*.b", "'*' may have"),
            ("*a.b", "'*a' may have"),
            ("*.*.b", "'*' may have"),
            ("a..b", "'' is empty"),
            ("a.b.", "'' is empty"),
            ("A.b", "lower-case"),
            ("a_b.c", "lower-case"),
            ("-a.b", "begin and end"),
            ("sample/a.b", "'sample/a' may have"),
            ("a.b:443", "'b:443' may have"),
            ("https://a.b", "may have"),
            ("a b.c", "may have"),
            ("httpbin", "short name"),
            ("10.0.0.1", "an address"),
            (&long, "at most 253"),
        ] {
            let error = text.parse::<Host>().unwrap_err();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_wildcard_stands_for_no_single_name() {
        let exact = |text: &str| text.parse::<Host>().unwrap().exact();
        assert_eq!(exact("a.b"), Some(DnsName("a.b".to_owned())));
        assert_eq!(exact("*.a.b"), None);
    }

    #[test]
    fn only_cluster_local_is_abbreviated() {
        for (domain, expected) in [
            ("cluster.local", "*.local"),
            ("local", "*.local"),
            ("a.local", "*.a.local"),
            ("k8s.example.com", "*.k8s.example.com"),
        ] {
            let domain: ClusterDomain = domain.parse().unwrap();
            assert_eq!(domain.all_services().as_str(), expected);
        }
    }

    #[test]
    fn names_made_of_the_longest_parts_are_valid() {
        let label = "n".repeat(63);
        let namespace = DnsLabel::parse(&label).unwrap();
        let domain = format!("{label}.{}", "d".repeat(DOMAIN_LENGTH - 64));
        let services = domain.parse::<ClusterDomain>().unwrap().services_of(&namespace);
        assert!(services.as_str().parse::<Host>().is_ok());
        assert_eq!(services.as_str().replacen('*', &label, 1).len(), NAME_LENGTH);
        assert!(format!("{domain}d").parse::<ClusterDomain>().unwrap_err().contains("121"));

        let revision = "r".repeat(REVISION_LENGTH);
        assert!(DnsLabel::parse(&format!("istiod-{revision}")).is_ok());
        assert_eq!(revision.parse::<Revision>().unwrap().to_string(), revision);
        assert!(format!("{revision}r").parse::<Revision>().unwrap_err().contains("56"));
        assert!("1.19".parse::<Revision>().unwrap_err().contains("lower-case"));
    }

    #[test]
    fn selectors_are_labels() {
        for (text, key, value) in [
            ("istio=eastwestgateway", "istio", "eastwestgateway"),
            ("example.com/gateway=East_West.1", "example.com/gateway", "East_West.1"),
        ] {
            let selector: Selector = text.parse().unwrap();
            assert_eq!((selector.key(), selector.value()), (key, value));
        }
        for (text, reason) in [
            ("", "KEY=VALUE"),
            ("istio", "KEY=VALUE"),
            ("istio=", "at most 63"),
            ("=a", "at most 63"),
            ("a=b=c", "at most 63"),
            ("a=b,c=d", "at most 63"),
            ("a =b", "at most 63"),
            ("a/b/c=d", "at most 63"),
            ("/a=b", "DNS name"),
            ("A/a=b", "DNS name"),
        ] {
            assert!(text.parse::<Selector>().unwrap_err().contains(reason), "{text:?}");
        }
        assert!(format!("a={}", "b".repeat(64)).parse::<Selector>().is_err());
    }

    proptest! {
        #[test]
        fn a_whole_host_is_a_dns_name(text in "[-*a-z0-9.]{0,12}|\\PC{0,9}") {
            if let Ok(host) = text.parse::<Host>() {
                prop_assert_eq!(host.as_str(), &text);
                prop_assert_eq!(host.exact().is_none(), text.starts_with('*'));
            }
        }
    }
}
