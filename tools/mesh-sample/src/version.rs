//! Versions of `HelloWorld`.

use meshcore::DnsLabel;
use std::fmt;
use std::str::FromStr;

/// Characters of the longest version: the Deployment `helloworld-VERSION` is named by a DNS label,
/// as its pods' host names, by which replies are told apart.
const LENGTH: usize = 63 - "helloworld-".len();

/// A version, as `v1`: the label `version` of the pods, and what their replies say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(String);

impl Version {
    /// v1 for one cluster and v2 for the other.
    #[must_use]
    pub fn of_the_guides() -> [Self; 2] {
        ["v1", "v2"].map(|text| Self(text.to_owned()))
    }

    /// As in the label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > LENGTH {
            return Err(format!("has more than {LENGTH} characters"));
        }
        DnsLabel::parse(text).map(|label| Self(label.as_str().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_are_parts_of_names() {
        let longest = "v".repeat(LENGTH);
        for version in Version::of_the_guides() {
            assert_eq!(version.as_str().parse::<Version>(), Ok(version));
        }
        for text in ["1", "canary-2", &longest] {
            let version: Version = text.parse().unwrap();
            assert!(DnsLabel::parse(&format!("helloworld-{version}")).is_ok());
        }
        let too_long = format!("{longest}v");
        for (text, reason) in
            [("", "empty"), ("v1.0", "lower-case"), ("-", "begin and end"), (&too_long, "52")]
        {
            assert!(text.parse::<Version>().unwrap_err().contains(reason), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_the_same(text in "\\PC{0,9}|[a-z0-9.-]{0,60}") {
            if let Ok(version) = text.parse::<Version>() {
                prop_assert_eq!(version.to_string(), text);
            }
        }
    }
}
