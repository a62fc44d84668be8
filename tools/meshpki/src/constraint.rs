//! Name constraints (RFC 5280 4.2.1.10) of CAs, applied as Go's crypto/x509 applies them.

use crate::San;
use std::net::IpAddr;
use x509_parser::extensions::{GeneralName, GeneralSubtree, NameConstraints};

/// The names that a CA may sign for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Constraints {
    permitted: Vec<Subtree>,
    excluded: Vec<Subtree>,
}

/// Names that are permitted or excluded together.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subtree {
    Dns(String),
    Uri(String),
    Email(String),
    /// An address and its mask.
    Ip(Vec<u8>, Vec<u8>),
}

impl Constraints {
    /// The constraints, and whether all were of a kind that Go knows.
    pub(crate) fn read(constraints: &NameConstraints<'_>) -> (Self, bool) {
        let mut all_known = true;
        let mut read = |list: &Option<Vec<GeneralSubtree<'_>>>| -> Vec<Subtree> {
            let list = list.iter().flatten();
            let known: Vec<Option<Subtree>> = list.map(|tree| Subtree::read(&tree.base)).collect();
            all_known &= known.iter().all(Option::is_some);
            known.into_iter().flatten().collect()
        };
        let this = Self {
            permitted: read(&constraints.permitted_subtrees),
            excluded: read(&constraints.excluded_subtrees),
        };
        (this, all_known)
    }

    /// Whether a certificate below the CA may have this name.
    pub(crate) fn allow(&self, name: &San) -> bool {
        // A name that cannot be compared is refused by Go.
        let Some(host) = host(name) else { return !self.concern(name) };
        let mut permitted = self.permitted.iter().filter(|tree| tree.concerns(name)).peekable();
        !self.excluded.iter().any(|tree| tree.holds(name, host))
            && (permitted.peek().is_none() || permitted.any(|tree| tree.holds(name, host)))
    }

    fn concern(&self, name: &San) -> bool {
        self.permitted.iter().chain(&self.excluded).any(|tree| tree.concerns(name))
    }
}

impl Subtree {
    fn read(base: &GeneralName<'_>) -> Option<Self> {
        match base {
            GeneralName::DNSName(name) => Some(Self::Dns((*name).to_owned())),
            GeneralName::URI(host) => Some(Self::Uri((*host).to_owned())),
            GeneralName::RFC822Name(name) => Some(Self::Email((*name).to_owned())),
            GeneralName::IPAddress(bytes) if matches!(bytes.len(), 8 | 32) => {
                let (ip, mask) = bytes.split_at(bytes.len() / 2);
                Some(Self::Ip(ip.to_vec(), mask.to_vec()))
            }
            _ => None,
        }
    }

    /// Whether it is about names of this kind.
    fn concerns(&self, name: &San) -> bool {
        matches!(
            (self, name),
            (Self::Dns(_), San::Dns(_))
                | (Self::Uri(_), San::Uri(_))
                | (Self::Email(_), San::Email(_))
                | (Self::Ip(..), San::Ip(_))
        )
    }

    /// Whether the name, whose host is given, is one of these.
    fn holds(&self, name: &San, host: &str) -> bool {
        match (self, name) {
            (Self::Dns(domain), San::Dns(_)) | (Self::Uri(domain), San::Uri(_)) => {
                is_within(host, domain)
            }
            // One mailbox, or all of a host.
            (Self::Email(mailbox), San::Email(address)) => match mailbox.rsplit_once('@') {
                Some((local, domain)) => address
                    .rsplit_once('@')
                    .is_some_and(|(l, d)| l == local && d.eq_ignore_ascii_case(domain)),
                None => is_within(host, mailbox),
            },
            (Self::Ip(network, mask), San::Ip(ip)) => {
                let ip = match ip {
                    IpAddr::V4(ip) => ip.octets().to_vec(),
                    IpAddr::V6(ip) => ip.octets().to_vec(),
                };
                let mut bits = ip.iter().zip(network).zip(mask);
                ip.len() == network.len() && bits.all(|((i, n), m)| i & m == n & m)
            }
            _ => false,
        }
    }
}

/// The part of a name that is compared; none if Go would not find it.
fn host(name: &San) -> Option<&str> {
    match name {
        San::Dns(name) => Some(name),
        San::Email(address) => address.rsplit_once('@').map(|(_, host)| host),
        San::Ip(_) => Some(""),
        San::Uri(uri) => {
            let rest = uri.split_once("://")?.1;
            let host = rest.split(['/', '?', '#']).next()?;
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
            (!host.is_empty() && host.parse::<IpAddr>().is_err() && !host.starts_with('['))
                .then_some(host)
        }
    }
}

/// Whether a host is the domain or below it; a domain that begins with a dot is not itself within.
fn is_within(host: &str, domain: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let domain = domain.to_ascii_lowercase();
    match domain.strip_prefix('.') {
        _ if domain.is_empty() => true,
        Some(_) => host.ends_with(&domain),
        None => host == domain || host.ends_with(&format!(".{domain}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> San {
        San::Uri(text.to_owned())
    }

    fn dns(text: &str) -> San {
        San::Dns(text.to_owned())
    }

    #[test]
    fn only_names_of_the_same_kind_are_constrained() {
        let constraints = Constraints {
            permitted: vec![Subtree::Uri("cluster.local".into()), Subtree::Dns("a.b".into())],
            excluded: vec![Subtree::Dns("x.a.b".into())],
        };
        for (name, allowed) in [
            (uri("spiffe://cluster.local/ns/a/sa/b"), true),
            (uri("spiffe://Cluster.Local/ns/a/sa/b"), true),
            (uri("spiffe://west.cluster.local/ns/a/sa/b"), true),
            (uri("spiffe://acluster.local/ns/a/sa/b"), false),
            (uri("spiffe://local/ns/a/sa/b"), false),
            (uri("spiffe:///ns/a/sa/b"), false),
            (uri("urn:x"), false),
            (uri("https://u@cluster.local:1/x"), true),
            (uri("https://10.0.0.1/x"), false),
            (dns("a.b"), true),
            (dns("y.a.b"), true),
            (dns("x.a.b"), false),
            (dns("z.x.a.b"), false),
            (dns("b"), false),
            (San::Email("a@c".into()), true),
            (San::Ip([10, 0, 0, 1].into()), true),
        ] {
            assert_eq!(constraints.allow(&name), allowed, "{name}");
        }
        assert!(Constraints::default().allow(&uri("urn:x")));
    }

    #[test]
    fn a_dot_in_front_means_below() {
        assert!(is_within("x.a.b", ".a.b") && !is_within("a.b", ".a.b") && is_within("a", ""));
    }

    #[test]
    fn addresses_and_mailboxes() {
        let constraints = Constraints {
            permitted: vec![
                Subtree::Ip(vec![10, 1, 0, 0], vec![255, 255, 0, 0]),
                Subtree::Email("me@a.b".into()),
                Subtree::Email("c".into()),
            ],
            excluded: Vec::new(),
        };
        for (name, allowed) in [
            (San::Ip([10, 1, 2, 3].into()), true),
            (San::Ip([10, 2, 2, 3].into()), false),
            (San::Ip("fd00::1".parse().unwrap()), false),
            (San::Email("me@A.b".into()), true),
            (San::Email("you@a.b".into()), false),
            (San::Email("you@c".into()), true),
            (San::Email("nobody".into()), false),
        ] {
            assert_eq!(constraints.allow(&name), allowed, "{name}");
        }
    }
}
