//! Which Istio a cluster runs.

use std::fmt;
use std::str::FromStr;

/// An Istio release that has the script, so 1.8 or newer. ASM's `1.19.10-asm.9` is built from
/// Istio 1.19.10 and has its script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    minor: u16,
    /// Without one the newest of the minor version is meant.
    patch: Option<u16>,
}

impl Version {
    /// The number after `1.`: at least 8.
    #[must_use]
    pub fn minor(self) -> u16 {
        self.minor
    }

    /// Whether it is the one release whose script differs from that of its minor version.
    #[must_use]
    pub fn is_1_8_0(self) -> bool {
        self == Self { minor: 8, patch: Some(0) }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.patch {
            Some(patch) => write!(f, "1.{}.{patch}", self.minor),
            None => write!(f, "1.{}", self.minor),
        }
    }
}

impl FromStr for Version {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match parse(text).ok_or("a version has the form 1.19, 1.19.10 or 1.19.10-asm.9")? {
            Self { minor: 0..8, .. } => Err("gen-eastwest-gateway.sh came with Istio 1.8"),
            version => Ok(version),
        }
    }
}

/// Reads `[v]1.MINOR[.PATCH][-SUFFIX]`. There is no Istio 2.
fn parse(text: &str) -> Option<Version> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let numbers = match text.split_once('-') {
        Some((numbers, suffix)) if is_suffix(suffix) => numbers,
        Some(_) => return None,
        None => text,
    };
    let rest = numbers.strip_prefix("1.")?;
    Some(match rest.split_once('.') {
        Some((minor, patch)) => Version { minor: number(minor)?, patch: Some(number(patch)?) },
        None => Version { minor: number(rest)?, patch: None },
    })
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
    fn istio_and_asm_versions_are_read() {
        for (text, shown) in [
            ("1.12", "1.12"),
            ("v1.12.3", "1.12.3"),
            ("1.19.10-asm.9", "1.19.10"),
            ("1.8", "1.8"),
            ("1.30.0-rc.1", "1.30.0"),
        ] {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn only_1_8_0_is_1_8_0() {
        for (text, expected) in
            [("1.8.0", true), ("1.8", false), ("1.8.1", false), ("1.9.0", false)]
        {
            assert_eq!(text.parse::<Version>().unwrap().is_1_8_0(), expected, "{text}");
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
            assert!(text.parse::<Version>().unwrap_err().contains("form"), "{text:?}");
        }
        assert!("1.7.8".parse::<Version>().unwrap_err().contains("came with Istio 1.8"));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(minor in 8u16.., patch in proptest::option::of(0u16..)) {
            let version = Version { minor, patch };
            prop_assert_eq!(version.to_string().parse::<Version>(), Ok(version));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,20}|[v0-9.a-]{0,12}") {
            if let Ok(version) = text.parse::<Version>() {
                prop_assert!(version.minor() >= 8);
            }
        }
    }
}
