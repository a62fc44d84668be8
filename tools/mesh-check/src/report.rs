//! Findings, in the order in which to look at them, in all their forms.

use crate::table::{self, Check};
use meshcore::finding::{Finding, Severity};
use meshcore::{Outcome, Verdict, json_lines, table as columns, visible};
use std::collections::BTreeSet;

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// For people: a line for each finding, and one with the command that heals it
    Lines,
    /// JSON, one object per line
    Json,
    /// A table: severity, code, object, message
    Table,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// `JUnit`'s XML, for CI systems
    Junit,
}

/// Which checks count.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// These alone; all when empty.
    pub only: Vec<&'static Check>,
    /// Not these.
    pub skip: Vec<&'static Check>,
}

impl Choice {
    /// Whether a check counts.
    #[must_use]
    pub fn has(&self, code: &str) -> bool {
        let is = |check: &&Check| check.code == code;
        (self.only.is_empty() || self.only.iter().any(is)) && !self.skip.iter().any(is)
    }
}

/// Errors first; of them, causes before what they cause; of one kind, in the order of names. None
/// twice.
#[must_use]
pub fn in_order(findings: Vec<Finding>, choice: &Choice) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        findings.into_iter().filter(|finding| choice.has(finding.code)).collect();
    findings.sort_by(|a, b| {
        let of = |f: &Finding| (std::cmp::Reverse(f.severity), table::rank(f.code));
        of(a).cmp(&of(b)).then_with(|| (&a.object, &a.message).cmp(&(&b.object, &b.message)))
    });
    findings.dedup();
    findings
}

/// The findings, and whether any is as bad as `fail_on`.
#[must_use]
pub fn outcome(findings: &[Finding], choice: &Choice, form: Form, fail_on: Severity) -> Outcome {
    let output = match form {
        Form::Json => json_lines(findings),
        Form::Lines => findings.iter().map(line).collect(),
        Form::Table => as_table(findings),
        Form::Sarif => crate::sarif::text(findings),
        Form::Junit => junit(findings, choice),
    };
    let fails = findings.iter().any(|finding| finding.severity >= fail_on);
    Outcome { output, verdict: if fails { Verdict::No } else { Verdict::Yes } }
}

fn line(finding: &Finding) -> String {
    let severity = finding.severity.as_str();
    let mut text = format!("{severity}: {} ({})\n", visible(&finding.message), finding.code);
    if !finding.fix.is_empty() {
        text += &format!("  fix: {}\n", visible(&finding.fix));
    }
    text
}

fn as_table(findings: &[Finding]) -> String {
    let row = |finding: &Finding| {
        vec![
            finding.severity.as_str().to_owned(),
            finding.code.to_owned(),
            finding.object.clone(),
            finding.message.clone(),
        ]
    };
    columns::text(&["SEVERITY", "CODE", "OBJECT", "MESSAGE"], findings.iter().map(row))
}

/// One case for each check that was made, so that CI shows which hold.
fn junit(findings: &[Finding], choice: &Choice) -> String {
    let known: BTreeSet<&str> = table::all().map(|check| check.code).collect();
    let cases = table::by_number().into_iter().filter(|check| choice.has(check.code));
    let cases = cases.map(|check| meshcore::junit::Case {
        class: check.code.to_owned(),
        name: check.title.to_owned(),
        failures: findings
            .iter()
            .filter(|finding| finding.code == check.code)
            .map(|finding| finding.message.clone())
            .collect(),
    });
    debug_assert!(findings.iter().all(|finding| known.contains(finding.code)));
    meshcore::junit::suite("mesh-check", &cases.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn finding(code: &'static str, object: &str) -> Finding {
        let severity = table::by_code(code).unwrap().severity;
        let (message, fix) = (format!("{object} is broken"), format!("mend {object}"));
        Finding { code, severity, object: object.to_owned(), message, evidence: json!({}), fix }
    }

    fn order(codes: &[(&'static str, &str)], choice: &Choice) -> Vec<(&'static str, String)> {
        let findings = codes.iter().map(|(code, object)| finding(code, object)).collect();
        in_order(findings, choice).into_iter().map(|f| (f.code, f.object)).collect()
    }

    #[test]
    fn causes_come_first_and_warnings_last() {
        let all = [
            ("MESH0902", "a"),
            ("MESH0711", "a"),
            ("MESH0434", "b"),
            ("MESH0434", "a"),
            ("MESH0101", "z"),
            ("MESH0901", "z"),
            ("MESH0434", "a"),
        ];
        let codes: Vec<&str> = order(&all, &Choice::default()).iter().map(|(c, _)| *c).collect();
        assert_eq!(codes, ["MESH0901", "MESH0101", "MESH0434", "MESH0434", "MESH0711", "MESH0902"]);
        let by = |code| vec![table::by_code(code).unwrap()];
        let only = Choice { only: by("MESH0434"), skip: Vec::new() };
        assert_eq!(order(&all, &only), [("MESH0434", "a".into()), ("MESH0434", "b".into())]);
        let skip = Choice { only: by("MESH0434"), skip: by("MESH0434") };
        assert!(order(&all, &skip).is_empty());
    }

    #[test]
    fn every_form_tells_the_code() {
        let findings = [finding("MESH0902", "a\u{1b}"), finding("MESH0101", "b")];
        let text = |form| outcome(&findings, &Choice::default(), form, Severity::Error).output;
        let lines = "warning: a\\u{1b} is broken (MESH0902)\n  fix: mend a\\u{1b}\n\
                     error: b is broken (MESH0101)\n  fix: mend b\n";
        assert_eq!(text(Form::Lines), lines);
        assert_eq!(text(Form::Json).lines().count(), 2);
        assert!(text(Form::Table).contains("warning   MESH0902  a\\u{1b}"));
        let junit = text(Form::Junit);
        assert!(junit.contains("failures=\"2\"") && junit.contains("message=\"b is broken\""));
        assert!(text(Form::Sarif).contains("\"ruleId\": \"MESH0101\""));
    }

    #[test]
    fn warnings_fail_where_they_are_to() {
        let verdict = |codes: &[&'static str], fail_on| {
            let findings: Vec<Finding> = codes.iter().map(|code| finding(code, "a")).collect();
            outcome(&findings, &Choice::default(), Form::Json, fail_on).verdict
        };
        assert_eq!(verdict(&[], Severity::Warning), Verdict::Yes);
        assert_eq!(verdict(&["MESH0902"], Severity::Error), Verdict::Yes);
        assert_eq!(verdict(&["MESH0902"], Severity::Warning), Verdict::No);
        assert_eq!(verdict(&["MESH0901"], Severity::Error), Verdict::No);
    }
}
