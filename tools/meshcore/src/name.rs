//! Names as Kubernetes checks them.

use std::fmt;

/// A DNS-1123 label: what Kubernetes asks of a namespace's name, istioctl of a cluster's name
/// and asmcli of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsLabel(String);

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

impl fmt::Display for DnsLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
