//! What a cluster can be called in a remote Secret.

use meshcore::DnsLabel;
use meshcore::remote_secret::{NAME_PREFIX, name_of};
use std::fmt;

/// What Kubernetes allows in a Secret's name.
const MAX_SECRET_NAME: usize = 253;

/// A cluster's ID as it stands in a remote Secret: the key of its kubeconfig, and with a prefix
/// the Secret's name, so a DNS-1123 subdomain. istiod takes any key; istioctl makes Secrets for
/// DNS-1123 labels only, of which the `cn-PROJECT-LOCATION-NAME` of ASM can be too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterId(String);

impl ClusterId {
    /// Checks an ID; the error completes "ID …".
    pub fn parse(text: &str) -> Result<Self, String> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        let bounded =
            |part: &str| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-');
        let max = MAX_SECRET_NAME - NAME_PREFIX.len();
        if text.is_empty() {
            Err("is empty".to_owned())
        } else if text.len() > max {
            Err(format!("has more than {max} characters: no Secret can be named after it"))
        } else if !text.bytes().all(allowed) {
            Err("may have lower-case letters, digits, '-' and '.' only".to_owned())
        } else if !text.split('.').all(bounded) {
            Err("must begin and end with a letter or digit, also next to a '.'".to_owned())
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The ID.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of its Secret, istioctl's.
    #[must_use]
    pub fn secret_name(&self) -> String {
        name_of(&self.0)
    }

    /// Whether istioctl would not make a Secret for it.
    #[must_use]
    pub fn is_beyond_istioctl(&self) -> bool {
        DnsLabel::parse(&self.0).is_err()
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_are_what_a_secret_can_be_named_after() {
        let long = "cn-".to_owned() + &"a".repeat(77);
        let longest = "a".repeat(233);
        for (id, beyond) in [
            ("a", false),
            ("cn-my-proj-us-west2-a-asm-a", false),
            ("0f5e1a9c-1111-4222-8333-944444444444", false),
            ("a.b", true),
            (long.as_str(), true),
            (longest.as_str(), true),
        ] {
            let id = ClusterId::parse(id).unwrap();
            assert_eq!(id.is_beyond_istioctl(), beyond, "{id}");
            assert!(id.secret_name().len() <= 253);
        }
        let too_long = "a".repeat(234);
        for (id, reason) in [
            ("", "is empty"),
            (too_long.as_str(), "more than 233"),
            ("A", "lower-case"),
            ("a_b", "lower-case"),
            // The case of istioctl's own test.
            ("?-invalid-name", "lower-case"),
            ("arn:aws:eks:us-east-1:1:cluster/a", "lower-case"),
            ("-a", "begin and end"),
            ("a-", "begin and end"),
            ("a..b", "begin and end"),
            ("a.-b", "begin and end"),
        ] {
            let error = ClusterId::parse(id).unwrap_err();
            assert!(error.contains(reason), "{id}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_is_a_dns_subdomain(id in "[a-zA-Z0-9._-]{0,12}|\\PC{0,6}") {
            let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            let subdomain = id.split('.').all(|part| {
                part.starts_with(alphanumeric)
                    && part.ends_with(alphanumeric)
                    && part.chars().all(|c| alphanumeric(c) || c == '-')
            });
            prop_assert_eq!(ClusterId::parse(&id).is_ok(), subdomain);
        }
    }
}
