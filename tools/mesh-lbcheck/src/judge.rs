//! The answer: are replies balanced, and if not, why not.

use crate::reply::{is_name, shown};
use crate::share::Share;
use crate::tally::Tally;
use meshcore::{Error, Result, Verdict};
use std::collections::BTreeSet;

/// What replies must be like to count as balanced; always something that replies can be like.
#[derive(Debug)]
pub struct Expectation {
    versions: Versions,
    min_share: Option<Share>,
    max_errors: u64,
}

#[derive(Debug)]
enum Versions {
    /// Any two or more.
    Several,
    /// All of these and no others.
    These(BTreeSet<Vec<u8>>),
}

/// Why replies are not as expected; without a reason they are.
#[derive(Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Each a clause that names what it is about.
    pub reasons: Vec<String>,
}

impl Expectation {
    /// Versions that all must answer, and no others (none named: any two must); the least share
    /// of the replies that each must have; and how many lines may be no replies.
    pub fn new(versions: &[String], min_share: Option<Share>, max_errors: u64) -> Result<Self> {
        let hint = "name each version once, with commas alone between them, as --expect v1,v2";
        let mut these = BTreeSet::new();
        for version in versions {
            if !is_name(version.as_bytes()) {
                return Err(Error::usage(format!("--expect: {version:?} is no version")).hint(hint));
            }
            if !these.insert(version.as_bytes().to_vec()) {
                return Err(Error::usage(format!("--expect: {version} is named twice")).hint(hint));
            }
        }
        let least = if these.is_empty() { 2 } else { these.len() };
        let largest = Share::largest(least);
        if let Some(share) = min_share.filter(|&share| share > largest) {
            return Err(Error::usage(format!(
                "--min-share: {least} versions cannot have {share} of the replies each"
            ))
            .hint(format!("at most {largest} each is possible")));
        }
        let versions = if these.is_empty() { Versions::Several } else { Versions::These(these) };
        Ok(Self { versions, min_share, max_errors })
    }
}

impl Judgement {
    /// Yes, unless there is a reason why not.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.reasons.is_empty() { Verdict::Yes } else { Verdict::No }
    }
}

/// Compares what was counted with what was expected.
#[must_use]
pub fn judge(tally: &Tally, expectation: &Expectation) -> Judgement {
    let mut reasons = match &expectation.versions {
        Versions::Several => too_few(tally),
        Versions::These(these) => differences(tally, these),
    };
    let replies = tally.replies();
    for (version, count) in tally.versions() {
        let is_expected = match &expectation.versions {
            Versions::Several => true,
            Versions::These(these) => these.contains(version),
        };
        if let Some(least) = expectation.min_share.filter(|_| is_expected)
            && !least.is_reached(count, replies)
        {
            let (version, share) = (shown(version), Share::of(count, replies));
            reasons.push(format!(
                "{version} gave {count} of {replies} replies ({share}), less than {least}"
            ));
        }
    }
    let (errors, allowed) = (tally.errors(), expectation.max_errors);
    if errors > allowed {
        reasons.push(format!("errors: {errors}, allowed: {allowed}"));
    }
    Judgement { reasons }
}

fn too_few(tally: &Tally) -> Vec<String> {
    let mut versions = tally.versions().map(|(version, _)| version);
    match (versions.next(), versions.next()) {
        (None, _) => vec!["no version answered".to_owned()],
        (Some(only), None) => vec![format!("only {} answered", shown(only))],
        (Some(_), Some(_)) => Vec::new(),
    }
}

fn differences(tally: &Tally, expected: &BTreeSet<Vec<u8>>) -> Vec<String> {
    let answered: BTreeSet<Vec<u8>> =
        tally.versions().map(|(version, _)| version.to_vec()).collect();
    let missing = expected.difference(&answered).map(|v| format!("{} did not answer", shown(v)));
    let others = answered.difference(expected);
    missing.chain(others.map(|v| format!("{} answered and is not expected", shown(v)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expect(versions: &[&str], min_share: Option<&str>, max_errors: u64) -> Result<Expectation> {
        let versions: Vec<String> = versions.iter().map(|&version| version.to_owned()).collect();
        Expectation::new(&versions, min_share.map(|share| share.parse().unwrap()), max_errors)
    }

    /// So many replies of each version, and so many errors.
    fn tally(versions: &[(&str, u64)], errors: u64) -> Tally {
        let mut tally = Tally::default();
        for (version, count) in versions {
            let line = format!("Hello version: {version}, instance: a");
            (0..*count).for_each(|_| tally.add(line.as_bytes()));
        }
        (0..errors).for_each(|_| tally.add(b"no"));
        tally
    }

    fn reasons(tally: &Tally, expectation: Result<Expectation>) -> Vec<String> {
        judge(tally, &expectation.unwrap()).reasons
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn without_expectation_two_versions_must_answer() {
        let any = || expect(&[], None, 0);
        assert_eq!(reasons(&tally(&[("v1", 9), ("v2", 1)], 0), any()), NONE);
        assert_eq!(reasons(&tally(&[("v1", 9)], 0), any()), ["only v1 answered"]);
        assert_eq!(reasons(&tally(&[], 1), expect(&[], None, 1)), ["no version answered"]);
    }

    #[test]
    fn the_expected_versions_and_no_others_must_answer() {
        let two = || expect(&["v2", "v1"], None, 0);
        assert_eq!(reasons(&tally(&[("v1", 1), ("v2", 1)], 0), two()), NONE);
        assert_eq!(
            reasons(&tally(&[("v1", 1), ("v3", 1)], 0), two()),
            ["v2 did not answer", "v3 answered and is not expected"]
        );
        assert_eq!(reasons(&tally(&[("v1", 1)], 0), expect(&["v1"], Some("1"), 0)), NONE);
    }

    #[test]
    fn each_version_must_have_its_share_of_the_replies() {
        let uneven = tally(&[("v1", 8), ("v2", 2), ("v3", 90)], 5);
        assert_eq!(
            reasons(&uneven, expect(&[], Some("8%"), 5)),
            ["v2 gave 2 of 100 replies (2%), less than 8%"]
        );
        assert_eq!(
            reasons(&uneven, expect(&["v1", "v3"], Some("0.1"), 5)),
            ["v2 answered and is not expected", "v1 gave 8 of 100 replies (8%), less than 10%"]
        );
    }

    #[test]
    fn errors_are_allowed_up_to_a_number() {
        let both = tally(&[("v1", 1), ("v2", 1)], 3);
        assert_eq!(reasons(&both, expect(&[], None, 2)), ["errors: 3, allowed: 2"]);
        assert_eq!(reasons(&both, expect(&[], None, 3)), NONE);
    }

    #[test]
    fn what_cannot_be_is_not_expected() {
        let message = |versions: &[&str], share| {
            expect(versions, share, 0).unwrap_err().message().text().to_owned()
        };
        assert_eq!(message(&["v1", ""], None), "--expect: \"\" is no version");
        assert_eq!(message(&["v1", " v2"], None), "--expect: \" v2\" is no version");
        assert_eq!(message(&["v1", "v2", "v1"], None), "--expect: v1 is named twice");
        let cannot = "--min-share: 2 versions cannot have 50.1% of the replies each";
        assert_eq!(message(&[], Some("0.501")), cannot);
        assert_eq!(message(&["v1", "v2"], Some("50.1%")), cannot);
        assert!(expect(&["v1"], Some("1"), 0).is_ok() && expect(&[], Some("0.5"), 0).is_ok());
    }
}
