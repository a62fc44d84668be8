//! What replies must be like to count as balanced; always something that replies can be like.

use crate::reply::{Dimension, is_name};
use crate::share::Share;
use meshcore::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Who must answer, and in which shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Any two or more; where locality load balancing is on, those of one's own cluster are
    /// enough.
    Several,
    /// All of these and no others, in any shares.
    These(BTreeSet<String>),
    /// Any two or more, in equal shares.
    Even,
    /// All of these and no others, in shares as their weights; at least one is not 0.
    Weights(BTreeMap<String, u32>),
    /// All endpoints of the service and no others, in equal shares.
    Endpoints,
    /// The source's own cluster alone.
    Local,
    /// Other clusters alone; in a drill, the own cluster before the first command, and another
    /// one after each.
    Failover,
}

/// By what replies are judged.
#[derive(Debug)]
pub struct Criteria {
    /// Who must answer.
    pub expected: Expected,
    /// What names and shares are of.
    pub by: Dimension,
    /// The least share of each.
    pub min_share: Option<Share>,
    /// How many requests may fail.
    pub max_errors: u64,
    /// How sure a "no" is that rests on chance, above 0 and below 1.
    pub confidence: f64,
}

impl Expected {
    /// Reads the parts of `--expect`; none means any two.
    pub fn parse(parts: &[String]) -> Result<Self> {
        match parts {
            [] => return Ok(Self::Several),
            [word] => match word.as_str() {
                "even" => return Ok(Self::Even),
                "endpoints" => return Ok(Self::Endpoints),
                "local" => return Ok(Self::Local),
                "failover" => return Ok(Self::Failover),
                _ => {}
            },
            _ => {}
        }
        let hint = "name each version once, with commas alone between them, as --expect v1,v2 or \
                    --expect v1=80,v2=20";
        let mut weights = BTreeMap::new();
        let has_weights = parts.iter().any(|part| part.contains('='));
        for part in parts {
            let (name, weight) = match part.rsplit_once('=') {
                Some((name, weight)) if has_weights => {
                    let weight = weight.parse().map_err(|_| {
                        Error::usage(format!("--expect: {weight:?} is no weight"))
                            .hint("weights are whole numbers, as --expect v1=80,v2=20")
                    })?;
                    (name, weight)
                }
                _ if has_weights => {
                    let text = format!("--expect: {part:?} has no weight, and others have");
                    return Err(Error::usage(text).hint(hint));
                }
                _ => (part.as_str(), 1),
            };
            if !is_name(name.as_bytes()) {
                return Err(Error::usage(format!("--expect: {name:?} is no version")).hint(hint));
            }
            if weights.insert(name.to_owned(), weight).is_some() {
                return Err(Error::usage(format!("--expect: {name} is named twice")).hint(hint));
            }
        }
        if weights.values().all(|weight| *weight == 0) {
            return Err(Error::usage("--expect: all weights are 0"));
        }
        Ok(if has_weights {
            Self::Weights(weights)
        } else {
            Self::These(weights.into_keys().collect())
        })
    }

    /// What shares are of where the user does not say.
    #[must_use]
    pub fn dimension(&self) -> Option<Dimension> {
        match self {
            Self::Several | Self::These(_) | Self::Even | Self::Weights(_) => None,
            Self::Endpoints => Some(Dimension::Instance),
            Self::Local | Self::Failover => Some(Dimension::Cluster),
        }
    }

    /// How many must answer at least, where that is known.
    fn least(&self) -> Option<usize> {
        match self {
            Self::Several | Self::Even => Some(2),
            Self::These(these) => Some(these.len()),
            Self::Weights(weights) => Some(weights.values().filter(|w| **w > 0).count()),
            Self::Endpoints | Self::Local | Self::Failover => None,
        }
    }
}

impl Criteria {
    /// Refuses what no replies could be like.
    pub fn check(self) -> Result<Self> {
        if let (Some(least), Some(share)) = (self.expected.least(), self.min_share)
            && share > Share::largest(least)
        {
            let (by, largest) = (self.by.as_str(), Share::largest(least));
            return Err(Error::usage(format!(
                "--min-share: {least} {by}s cannot have {share} of the replies each"
            ))
            .hint(format!("at most {largest} each is possible")));
        }
        if self.expected.dimension().is_some_and(|by| by != self.by) {
            return Err(Error::usage(format!("--by {} does not fit --expect", self.by.as_str()))
                .hint("endpoints are instances; local and failover are about clusters"));
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return Err(Error::usage("--confidence: nothing is certain")
                .hint("as --confidence 99%: a tool that is right always never answers"));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Expected> {
        let parts: Vec<String> = text.split(',').map(str::to_owned).collect();
        Expected::parse(&parts)
    }

    fn message(text: &str) -> String {
        parse(text).unwrap_err().message().text().to_owned()
    }

    #[test]
    fn words_names_and_weights_are_told_apart() {
        assert_eq!(Expected::parse(&[]).unwrap(), Expected::Several);
        assert_eq!(parse("even").unwrap(), Expected::Even);
        assert_eq!(parse("endpoints").unwrap(), Expected::Endpoints);
        assert_eq!(parse("local").unwrap(), Expected::Local);
        assert_eq!(parse("failover").unwrap(), Expected::Failover);
        let these = ["v1", "v2"].map(str::to_owned);
        assert_eq!(parse("v2,v1").unwrap(), Expected::These(these.into()));
        let weights = [("v1".to_owned(), 80), ("v2".to_owned(), 20)];
        assert_eq!(parse("v1=80,v2=20").unwrap(), Expected::Weights(weights.into()));
        // A version may be called so; with others it is meant so.
        assert!(matches!(parse("even,odd").unwrap(), Expected::These(_)));
        assert!(matches!(parse("even=1").unwrap(), Expected::Weights(_)));
    }

    #[test]
    fn what_cannot_be_is_not_expected() {
        for (text, expected) in [
            ("v1,", "--expect: \"\" is no version"),
            ("v1, v2", "--expect: \" v2\" is no version"),
            ("v1,v2,v1", "--expect: v1 is named twice"),
            ("v1=1,v2", "--expect: \"v2\" has no weight, and others have"),
            ("v1=80%,v2=20%", "--expect: \"80%\" is no weight"),
            ("v1=-1", "--expect: \"-1\" is no weight"),
            ("=1", "--expect: \"\" is no version"),
            ("v1=0,v2=0", "--expect: all weights are 0"),
        ] {
            assert_eq!(message(text), expected);
        }
    }

    #[test]
    fn criteria_can_be_met() {
        let check = |expected: &str, by, share: Option<&str>, confidence| {
            let min_share = share.map(|share| share.parse().unwrap());
            let expected = parse(expected).unwrap();
            Criteria { expected, by, min_share, max_errors: 0, confidence }
                .check()
                .map_err(|error| error.message().text().to_owned())
        };
        let version = Dimension::Version;
        let cannot = "--min-share: 2 versions cannot have 50.1% of the replies each";
        assert_eq!(check("even", version, Some("0.501"), 0.9).unwrap_err(), cannot);
        assert_eq!(check("v1,v2", version, Some("50.1%"), 0.9).unwrap_err(), cannot);
        assert!(check("v1", version, Some("1"), 0.9).is_ok());
        assert!(check("v1=1,v2=0", version, Some("1"), 0.9).is_ok());
        assert!(check("local", version, None, 0.9).is_err());
        assert!(check("local", Dimension::Cluster, None, 0.9).is_ok());
        assert!(check("even", version, None, 0.0).is_err());
        assert!(check("even", version, None, 1.0).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,20}|[v12=,]{0,12}") {
            let _ = parse(&text);
        }
    }
}
