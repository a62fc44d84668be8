//! Identities of workloads: `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT`.

use meshcore::DnsLabel;
use std::fmt;
use std::str::FromStr;

/// The identity that Istio gives a workload (Istio `pkg/spiffe`), as the SPIFFE standard writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpiffeId {
    trust_domain: String,
    namespace: DnsLabel,
    service_account: String,
}

impl SpiffeId {
    /// An identity from its parts; the error names the part that cannot be.
    pub fn new(trust_domain: &str, namespace: &str, service_account: &str) -> Result<Self, String> {
        check_trust_domain(trust_domain)?;
        let namespace = DnsLabel::parse(namespace)
            .map_err(|reason| format!("the namespace '{namespace}' {reason}"))?;
        check_service_account(service_account)?;
        Ok(Self {
            trust_domain: trust_domain.to_owned(),
            namespace,
            service_account: service_account.to_owned(),
        })
    }

    /// Whose certificates are believed: `cluster.local`.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        &self.trust_domain
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.namespace.as_str()
    }

    /// The service account.
    #[must_use]
    pub fn service_account(&self) -> &str {
        &self.service_account
    }
}

/// Checks a trust domain (SPIFFE-ID 2.1); the error is a sentence.
pub fn check_trust_domain(text: &str) -> Result<(), String> {
    let wrong = |reason: &str| Err(format!("the trust domain '{text}' {reason}"));
    if text.is_empty() {
        Err("the trust domain is empty".to_owned())
    } else if text.len() > 255 {
        wrong("has more than 255 characters")
    } else if text.bytes().any(|b| b.is_ascii_uppercase()) {
        wrong("has upper-case letters, and a trust domain has none")
    } else if text
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b))
    {
        Ok(())
    } else {
        wrong("may have letters, digits, '.', '-' and '_' only")
    }
}

/// A service account's name is a DNS subdomain.
fn check_service_account(text: &str) -> Result<(), String> {
    if text.len() > 253 {
        return Err(format!("the service account '{text}' has more than 253 characters"));
    }
    text.split('.')
        .try_for_each(|label| DnsLabel::parse(label).map(drop))
        .map_err(|reason| format!("the service account '{text}' {reason}"))
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "spiffe://{}/ns/{}/sa/{}",
            self.trust_domain,
            self.namespace.as_str(),
            self.service_account
        )
    }
}

impl FromStr for SpiffeId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "an identity is spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT";
        let rest = match text.split_once("://") {
            Some(("spiffe", rest)) => rest,
            Some((scheme, _)) => {
                return Err(format!(
                    "begins with {scheme}://, and an identity with spiffe://; Istio takes any other \
                     beginning for a DNS name"
                ));
            }
            None => return Err(FORM.to_owned()),
        };
        match rest.split('/').collect::<Vec<_>>()[..] {
            [trust_domain, "ns", namespace, "sa", service_account] => {
                Self::new(trust_domain, namespace, service_account)
            }
            _ => Err(FORM.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn identities_are_written_as_they_are_read() {
        for text in [
            "spiffe://cluster.local/ns/default/sa/default",
            "spiffe://my-proj.svc.id.goog/ns/vm/sa/a.b-c",
            "spiffe://td_1/ns/n/sa/s",
        ] {
            assert_eq!(text.parse::<SpiffeId>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn others_are_refused_with_the_reason() {
        for (text, reason) in [
            ("spiffee://cluster.local/ns/vm/sa/vm", "begins with spiffee://"),
            ("SPIFFE://cluster.local/ns/vm/sa/vm", "begins with SPIFFE://"),
            ("https://cluster.local/ns/vm/sa/vm", "begins with https://"),
            ("cluster.local/ns/vm/sa/vm", "an identity is spiffe://"),
            ("", "an identity is"),
            ("spiffe://", "an identity is"),
            ("spiffe://a/ns/b", "an identity is"),
            ("spiffe://a/ns/b/sa/c/d", "an identity is"),
            ("spiffe://a/ns/b/sa/c/", "an identity is"),
            ("spiffe://a/sa/b/ns/c", "an identity is"),
            ("spiffe:///ns/b/sa/c", "the trust domain is empty"),
            ("spiffe://A/ns/b/sa/c", "the trust domain 'A' has upper-case"),
            ("spiffe://a:1/ns/b/sa/c", "'a:1' may have"),
            ("spiffe://a@b/ns/b/sa/c", "'a@b' may have"),
            ("spiffe://a/ns//sa/c", "the namespace '' is empty"),
            ("spiffe://a/ns/b.c/sa/c", "the namespace 'b.c' may have"),
            ("spiffe://a/ns/b/sa/", "the service account '' is empty"),
            ("spiffe://a/ns/b/sa/C", "the service account 'C' may have"),
            ("spiffe://a/ns/b/sa/c?d", "the service account 'c?d' may have"),
            ("spiffe://a/ns/b/sa/..", "the service account '..' is empty"),
            ("spiffe://a/ns/b/sa/%41", "the service account '%41' may have"),
        ] {
            let error = text.parse::<SpiffeId>().unwrap_err();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
        let long = "a".repeat(256);
        assert!(SpiffeId::new(&long, "b", "c").unwrap_err().contains("255"));
        assert!(SpiffeId::new("a", "b", &"c.".repeat(127)).unwrap_err().contains("253"));
    }

    proptest! {
        #[test]
        fn what_is_taken_is_the_same_again(text in "(spiffee?://)?[a-cA-B./_:-]{0,6}/ns/[a-c./-]{0,4}/sa/[a-c./-]{0,4}|\\PC{0,20}") {
            if let Ok(id) = text.parse::<SpiffeId>() {
                prop_assert_eq!(&id.to_string(), &text);
                let again = SpiffeId::new(id.trust_domain(), id.namespace(), id.service_account());
                prop_assert_eq!(again, Ok(id));
            }
        }
    }
}
