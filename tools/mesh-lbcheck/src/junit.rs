//! The checks as `JUnit`'s XML, which CI systems show.

use crate::judge::{Check, Judgement};
use meshcore::junit::{Case, suite};

/// One suite; a case for each check, with the reasons where it does not hold.
#[must_use]
pub fn text(judgement: &Judgement) -> String {
    let case = |check: &Check| Case {
        class: check.source.as_deref().unwrap_or("all").to_owned(),
        name: check.name.clone(),
        failures: check.reasons.clone(),
    };
    suite("mesh-lbcheck", &judgement.checks.iter().map(case).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_cases_of_their_sources() {
        let check = |source: Option<&str>, name: &str, reasons: &[&str]| Check {
            source: source.map(str::to_owned),
            name: name.to_owned(),
            reasons: reasons.iter().map(|&reason| reason.to_owned()).collect(),
        };
        let checks = vec![check(Some("c1"), "answers", &["a", "b"]), check(None, "errors", &[])];
        let text = text(&Judgement { checks, splits: Vec::new(), notes: Vec::new() });
        assert!(text.contains("<testsuite name=\"mesh-lbcheck\" tests=\"2\" failures=\"1\">"));
        assert!(
            text.contains("classname=\"c1\" name=\"answers\">\n    <failure message=\"a; b\"/>")
        );
        assert!(text.contains("classname=\"all\" name=\"errors\"/>"));
    }
}
