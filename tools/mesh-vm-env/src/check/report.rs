//! Findings about one folder.

use meshcore::check::Check;
use meshcore::finding::Finding;
use serde_json::Value;

/// Collects findings.
pub struct Report<'a> {
    folder: &'a str,
    findings: Vec<Finding>,
}

impl<'a> Report<'a> {
    /// Of a folder, as the user names it.
    #[must_use]
    pub fn new(folder: &'a str) -> Self {
        Self { folder, findings: Vec::new() }
    }

    /// Adds one; `text` completes "FILE …".
    pub fn find(&mut self, check: Check, file: &str, text: &str, evidence: Value, fix: &str) {
        let path = self.path(file);
        self.findings.push(Finding {
            code: check.code,
            severity: check.severity,
            message: format!("{path} {text}"),
            object: path,
            evidence,
            fix: fix.to_owned(),
        });
    }

    /// A file of the folder.
    #[must_use]
    pub fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.folder.trim_end_matches('/'))
    }

    /// All findings, by file and code.
    #[must_use]
    pub fn into_findings(mut self) -> Vec<Finding> {
        self.findings
            .sort_by(|a, b| (&a.object, a.code, &a.message).cmp(&(&b.object, b.code, &b.message)));
        self.findings
    }
}
