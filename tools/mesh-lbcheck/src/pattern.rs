//! What replies look like: the sample's form, or any that a pattern describes.

use crate::reply::{Dimension, Reply};
use meshcore::{Error, Result};
use regex_lite::Regex;

/// How a reply is read.
#[derive(Debug)]
pub enum Form {
    /// As the `HelloWorld` sample answers.
    HelloWorld,
    /// By groups named `version`, `instance` and `cluster`, any of them.
    Pattern(Regex),
}

/// The longest name that a pattern may find, in bytes: Kubernetes has none longer.
const LONGEST_NAME: usize = 253;

const GROUPS: [(&str, Dimension); 3] = [
    ("version", Dimension::Version),
    ("instance", Dimension::Instance),
    ("cluster", Dimension::Cluster),
];

impl Form {
    /// Reads a pattern in the syntax of the regex crates.
    pub fn pattern(pattern: &str) -> Result<Self> {
        let hint = "as --pattern 'pod (?<instance>\\S+) of (?<version>\\S+)'";
        let regex =
            Regex::new(pattern).map_err(|e| Error::usage(format!("--pattern: {e}")).hint(hint))?;
        for name in regex.capture_names().flatten() {
            if GROUPS.iter().all(|(group, _)| *group != name) {
                let text = format!("--pattern: a group is named {name:?}");
                return Err(Error::usage(text).hint("groups are version, instance and cluster"));
            }
        }
        let form = Self::Pattern(regex);
        if GROUPS.iter().all(|(_, dimension)| !form.tells(*dimension)) {
            let text = "--pattern: no group is named version, instance or cluster";
            return Err(Error::usage(text).hint(hint));
        }
        Ok(form)
    }

    /// Whether replies of this form can tell the dimension.
    #[must_use]
    pub fn tells(&self, dimension: Dimension) -> bool {
        match self {
            Self::HelloWorld => dimension != Dimension::Cluster,
            Self::Pattern(regex) => {
                regex.capture_names().flatten().any(|name| name == dimension.as_str())
            }
        }
    }

    /// A line, or the body of a response without white space at its end, as a reply.
    #[must_use]
    pub fn parse<'a>(&self, text: &'a [u8]) -> Option<Reply<'a>> {
        let Self::Pattern(regex) = self else {
            return Reply::hello_world(text);
        };
        let captures = regex.captures(std::str::from_utf8(text).ok()?)?;
        let [version, instance, cluster] =
            GROUPS.map(|(name, _)| captures.name(name).map_or("", |found| found.as_str()));
        let found = [version, instance, cluster];
        if found.iter().all(|name| name.is_empty()) || found.iter().any(|n| n.len() > LONGEST_NAME)
        {
            return None;
        }
        let [version, instance, cluster] = found.map(str::as_bytes);
        Some(Reply { version, instance, cluster })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn groups_are_found_anywhere() {
        let form = Form::pattern(r"(?<cluster>\w+)/(?<instance>\S+)(?: (?<version>v\d))?").unwrap();
        let [version, instance, cluster] = [&b"v2"[..], b"pod-a", b"east"];
        assert_eq!(form.parse(b"from east/pod-a v2!"), Some(Reply { version, instance, cluster }));
        assert_eq!(form.parse(b"east/pod-a").unwrap().version, b"");
        assert_eq!(form.parse(b"nothing"), None);
        assert_eq!(form.parse(b"east/\xff"), None);
        assert_eq!(form.parse(format!("a/{}", "b".repeat(254)).as_bytes()), None);
        assert!(form.tells(Dimension::Cluster) && !Form::HelloWorld.tells(Dimension::Cluster));
    }

    #[test]
    fn a_match_that_says_nothing_is_no_reply() {
        assert_eq!(Form::pattern("ok(?<version>v1)?").unwrap().parse(b"ok"), None);
    }

    #[test]
    fn patterns_that_cannot_work_are_refused() {
        let message = |pattern| Form::pattern(pattern).unwrap_err().message().text().to_owned();
        assert!(message("(").starts_with("--pattern: "));
        assert_eq!(message("v1"), "--pattern: no group is named version, instance or cluster");
        assert_eq!(message("(?<pod>a)(?<version>b)"), "--pattern: a group is named \"pod\"");
    }

    proptest! {
        #[test]
        fn the_samples_form_can_be_said_as_a_pattern(line in "Hello version: [a-z ,]{0,9}, instance: [a-z]{0,9}") {
            let form = Form::pattern(r"^Hello version: (?<version>\S+?), instance: (?<instance>\S+)$");
            prop_assert_eq!(form.unwrap().parse(line.as_bytes()), Reply::hello_world(line.as_bytes()));
        }

        #[test]
        fn no_pattern_makes_it_panic(pattern in "\\PC{0,20}|[(?<>version)|*+.\\[\\]a]{0,20}", text in "\\PC{0,20}") {
            if let Ok(form) = Form::pattern(&pattern) {
                let _ = form.parse(text.as_bytes());
            }
        }
    }
}
