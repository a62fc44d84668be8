//! Checks as `JUnit`'s XML, which CI systems show.

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What it belongs to.
    pub class: String,
    /// What it checks.
    pub name: String,
    /// Why it does not hold; empty if it does.
    pub failures: Vec<String>,
}

/// One suite, with a case for each check.
#[must_use]
pub fn suite(name: &str, cases: &[Case]) -> String {
    let failed = cases.iter().filter(|case| !case.failures.is_empty()).count();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    out += &format!(
        "<testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\">\n",
        escaped(name),
        cases.len()
    );
    for case in cases {
        out += &element(case);
    }
    out += "</testsuite>\n";
    out
}

fn element(case: &Case) -> String {
    let Case { class, name, failures } = case;
    let head = format!("  <testcase classname=\"{}\" name=\"{}\"", escaped(class), escaped(name));
    if failures.is_empty() {
        return head + "/>\n";
    }
    let reasons = escaped(&failures.join("; "));
    format!("{head}>\n    <failure message=\"{reasons}\"/>\n  </testcase>\n")
}

/// Text that means nothing to an XML reader; control characters, which XML has none of, as
/// escapes.
fn escaped(text: &str) -> String {
    crate::visible(text)
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
        let case = |class: &str, name: &str, failures: &[&str]| Case {
            class: class.to_owned(),
            name: name.to_owned(),
            failures: failures.iter().map(|&failure| failure.to_owned()).collect(),
        };
        let cases =
            [case("c<1>", "answers", &["a & \"b\"\u{1b}", "c"]), case("all", "errors", &[])];
        assert_eq!(
            suite("tool", &cases),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <testsuite name=\"tool\" tests=\"2\" failures=\"1\">\n\
             \x20 <testcase classname=\"c&lt;1&gt;\" name=\"answers\">\n\
             \x20   <failure message=\"a &amp; &quot;b&quot;\\u{1b}; c\"/>\n\
             \x20 </testcase>\n\
             \x20 <testcase classname=\"all\" name=\"errors\"/>\n\
             </testsuite>\n"
        );
    }
}
