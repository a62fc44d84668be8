//! Which Istio a cluster runs, and what its Services are called.

use std::fmt;
use std::str::FromStr;

/// An Istio release. ASM's `1.19.10-asm.9` is built from Istio 1.19.10 and is taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IstioVersion {
    minor: u16,
    /// Without one the newest of the minor version is meant.
    patch: Option<u16>,
}

impl IstioVersion {
    /// The number after `1.`; there is no Istio 2.
    #[must_use]
    pub fn minor(self) -> u16 {
        self.minor
    }

    /// The third number, if it was given.
    #[must_use]
    pub fn patch(self) -> Option<u16> {
        self.patch
    }
}

impl fmt::Display for IstioVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.patch {
            Some(patch) => write!(f, "1.{}.{patch}", self.minor),
            None => write!(f, "1.{}", self.minor),
        }
    }
}

impl FromStr for IstioVersion {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or("a version has the form 1.19, 1.19.10 or 1.19.10-asm.9")
    }
}

/// Reads `[v]1.MINOR[.PATCH][-SUFFIX]`.
fn parse(text: &str) -> Option<IstioVersion> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let numbers = match text.split_once('-') {
        Some((numbers, suffix)) if is_suffix(suffix) => numbers,
        Some(_) => return None,
        None => text,
    };
    let rest = numbers.strip_prefix("1.")?;
    Some(match rest.split_once('.') {
        Some((minor, patch)) => IstioVersion { minor: number(minor)?, patch: Some(number(patch)?) },
        None => IstioVersion { minor: number(rest)?, patch: None },
    })
}

/// The namespace and name of the Service that a host means, written in a namespace.
#[must_use]
pub fn service_of(host: &str, namespace: &str) -> Option<(String, String)> {
    let mut parts = host.split('.');
    let name = parts.next().filter(|name| !name.is_empty() && !name.contains('*'))?;
    let namespace = match (parts.next(), parts.next()) {
        (None, _) => namespace,
        // Another name than a service's.
        (Some(_), Some(third)) if third != "svc" => return None,
        (Some(own), _) => own,
    };
    Some((namespace.to_owned(), name.to_owned()))
}

/// Whether a Service of this name is an istiod's: of a revision, a tag, or another cluster.
#[must_use]
pub fn is_istiod(service: &str) -> bool {
    service == "istiod" || service.starts_with("istiod-")
}

/// The revision whose istiod has a Service of this name.
#[must_use]
pub fn istiod_revision(service: &str) -> Option<&str> {
    match service {
        "istiod" => Some("default"),
        // That of another cluster.
        "istiod-remote" => None,
        _ => service.strip_prefix("istiod-").filter(|name| !name.starts_with("revision-tag-")),
    }
}

fn is_suffix(text: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
    !text.is_empty() && text.bytes().all(is_inner)
}

/// A number without sign or leading zeros.
fn number(text: &str) -> Option<u16> {
    let number: u16 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hosts_are_services_where_they_can_be() {
        let of =
            |host| service_of(host, "own").map(|(namespace, name)| format!("{namespace}/{name}"));
        assert_eq!(of("a").as_deref(), Some("own/a"));
        assert_eq!(of("a.b").as_deref(), Some("b/a"));
        assert_eq!(of("a.b.svc.cluster.local").as_deref(), Some("b/a"));
        assert_eq!(of("www.example.com"), None);
        assert_eq!(of("*.local"), None);
    }

    #[test]
    fn services_of_istiod_are_known_by_name() {
        for (service, is, revision) in [
            ("istiod", true, Some("default")),
            ("istiod-1-30", true, Some("1-30")),
            ("istiod-remote", true, None),
            ("istiod-revision-tag-prod", true, None),
            ("istiodx", false, None),
            ("istio-pilot", false, None),
        ] {
            assert_eq!((is_istiod(service), istiod_revision(service)), (is, revision), "{service}");
        }
    }

    #[test]
    fn istio_and_asm_versions_are_read() {
        for (text, shown) in [
            ("1.12", "1.12"),
            ("v1.12.3", "1.12.3"),
            ("1.19.10-asm.9", "1.19.10"),
            ("1.8", "1.8"),
            ("1.30.0-rc.1", "1.30.0"),
        ] {
            assert_eq!(text.parse::<IstioVersion>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "v",
            "1",
            "1.",
            "1.x",
            "1.12.",
            "1.12.3.4",
            "1.12-",
            "1.12-a b",
            "01.12",
            "1.012",
            "1.+12",
            "2.0",
            "19.10",
            "asm-11910-9",
            "1.99999",
            "latest",
            " 1.12",
            "1.12\n",
            "1.١٢",
        ] {
            assert!(text.parse::<IstioVersion>().unwrap_err().contains("form"), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(minor in 0u16.., patch in proptest::option::of(0u16..)) {
            let version = IstioVersion { minor, patch };
            prop_assert_eq!(version.to_string().parse::<IstioVersion>(), Ok(version));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,20}|[v0-9.a-]{0,12}") {
            let _ = text.parse::<IstioVersion>();
        }
    }
}
