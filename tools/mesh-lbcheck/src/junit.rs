//! The checks as `JUnit`'s XML, which CI systems show.

use crate::judge::{Check, Judgement};

/// One suite; a case for each check, with the reasons where it does not hold.
#[must_use]
pub fn text(judgement: &Judgement) -> String {
    let failed = judgement.checks.iter().filter(|check| !check.reasons.is_empty()).count();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    out += &format!(
        "<testsuite name=\"mesh-lbcheck\" tests=\"{}\" failures=\"{failed}\">\n",
        judgement.checks.len()
    );
    for check in &judgement.checks {
        out += &case(check);
    }
    out += "</testsuite>\n";
    out
}

fn case(check: &Check) -> String {
    let class = check.source.as_deref().unwrap_or("all");
    let head =
        format!("  <testcase classname=\"{}\" name=\"{}\"", escaped(class), escaped(&check.name));
    if check.reasons.is_empty() {
        return head + "/>\n";
    }
    let reasons = escaped(&check.reasons.join("; "));
    format!("{head}>\n    <failure message=\"{reasons}\"/>\n  </testcase>\n")
}

/// Text that means nothing to an XML reader; control characters, which XML has none of, as
/// escapes.
fn escaped(text: &str) -> String {
    meshcore::visible(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_cases() {
        let check = |source: Option<&str>, name: &str, reasons: &[&str]| Check {
            source: source.map(str::to_owned),
            name: name.to_owned(),
            reasons: reasons.iter().map(|&reason| reason.to_owned()).collect(),
        };
        let checks = vec![
            check(Some("c<1>"), "answers", &["a & \"b\"\u{1b}", "c"]),
            check(None, "errors", &[]),
        ];
        let judgement = Judgement { checks, splits: Vec::new(), notes: Vec::new() };
        assert_eq!(
            text(&judgement),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <testsuite name=\"mesh-lbcheck\" tests=\"2\" failures=\"1\">\n\
             \x20 <testcase classname=\"c&lt;1&gt;\" name=\"answers\">\n\
             \x20   <failure message=\"a &amp; &quot;b&quot;\\u{1b}; c\"/>\n\
             \x20 </testcase>\n\
             \x20 <testcase classname=\"all\" name=\"errors\"/>\n\
             </testsuite>\n"
        );
    }
}
