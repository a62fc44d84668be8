//! What stands in the label `istio.io/rev`.

use meshcore::DnsLabel;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// The name of a revision, tag or channel. It ends in the name of a Service, so it is a DNS label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// The name that a label has: without one, or with an empty one, it is `default`.
    pub fn of_label(label: Option<&str>) -> Result<Self, String> {
        label.filter(|text| !text.is_empty()).unwrap_or("default").parse()
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is that of an installation without revision.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0 == "default"
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        DnsLabel::parse(text).map(|label| Self(label.as_str().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_label_is_the_default() {
        for (label, name) in
            [(None, "default"), (Some(""), "default"), (Some("asm-173-3"), "asm-173-3")]
        {
            assert_eq!(Name::of_label(label).unwrap().as_str(), name);
        }
        assert!(Name::of_label(Some("1.30")).unwrap_err().contains("lower-case"));
        assert!(Name::of_label(None).unwrap().is_default());
    }

    proptest! {
        #[test]
        fn names_are_safe_in_a_shell(text in "\\PC{0,9}|[a-z0-9 .$()-]{0,9}") {
            if let Ok(name) = text.parse::<Name>() {
                prop_assert_eq!(name.as_str(), &text);
                prop_assert_eq!(meshcore::shell::command_line([name.as_str()]), text);
            }
        }
    }
}
