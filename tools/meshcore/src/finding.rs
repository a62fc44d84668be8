//! Findings: the verdicts of checks, one of the three things that flow through the pipes.

use crate::{Outcome, Verdict, json_lines};
use serde::Serialize;
use serde_json::Value;

/// One verdict of a check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Stable for ever: `MESH0101`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: a cluster, `namespace/NAME`.
    pub object: String,
    /// One sentence for people.
    pub message: String,
    /// What the verdict rests on.
    pub evidence: Value,
    /// What to do: a command where there is one.
    pub fix: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Works, and may surprise.
    Warning,
    /// Does not work, or lets in more than it should.
    Error,
}

impl Severity {
    /// As written in findings and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FindingFormat {
    /// Their messages, one per line.
    Lines,
    /// JSON, one object per line.
    Json,
}

/// Findings as a tool's whole outcome: no finding is a yes, any finding a no.
#[must_use]
pub fn outcome(findings: &[Finding], format: FindingFormat) -> Outcome {
    let output = match format {
        FindingFormat::Json => json_lines(findings),
        FindingFormat::Lines => {
            findings.iter().fold(String::new(), |out, f| out + &crate::visible(&f.message) + "\n")
        }
    };
    let verdict = if findings.is_empty() { Verdict::Yes } else { Verdict::No };
    Outcome { output, verdict }
}

/// Findings as a tool's whole outcome: a no from `fail_on` on.
#[must_use]
pub fn judged(findings: &[Finding], fail_on: Severity, format: FindingFormat) -> Outcome {
    let line = |out: String, finding: &Finding| {
        let Finding { severity, message, code, .. } = finding;
        out + &format!("{}: {} ({code})\n", severity.as_str(), crate::visible(message))
    };
    let fails = findings.iter().any(|finding| finding.severity >= fail_on);
    Outcome {
        output: match format {
            FindingFormat::Json => json_lines(findings),
            FindingFormat::Lines => findings.iter().fold(String::new(), line),
        },
        verdict: if fails { Verdict::No } else { Verdict::Yes },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_no() {
        let finding = Finding {
            code: "MESH0101",
            severity: Severity::Error,
            object: "a".into(),
            message: "a\nb".into(),
            evidence: serde_json::json!([1]),
            fix: "f".into(),
        };
        let found = outcome(&[finding], FindingFormat::Lines);
        assert_eq!(found, Outcome { output: "a\\u{a}b\n".into(), verdict: Verdict::No });
        assert_eq!(outcome(&[], FindingFormat::Json), Outcome::done(String::new()));
    }
}
