//! Findings as SARIF 2.1.0, which code scanning shows.

use crate::table;
use meshcore::finding::{Finding, Severity};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// One run. Only rules that were broken are described. What a finding is about is no file, so it
/// is a logical location.
#[must_use]
pub fn text(findings: &[Finding]) -> String {
    let broken: BTreeSet<&str> = findings.iter().map(|finding| finding.code).collect();
    let rules: Vec<Value> = table::by_number()
        .into_iter()
        .filter(|check| broken.contains(check.code))
        .map(|check| {
            json!({
                "id": check.code,
                "shortDescription": {"text": check.title},
                "fullDescription": {"text": check.meaning},
                "help": {"text": check.remedy},
                "defaultConfiguration": {"level": level(check.severity)},
            })
        })
        .collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "ruleId": finding.code,
                "level": level(finding.severity),
                "message": {"text": with_fix(finding)},
                "locations": [{"logicalLocations": [{"fullyQualifiedName": finding.object}]}],
                "partialFingerprints": {"object/v1": format!("{} {}", finding.code, finding.object)},
                "properties": {"evidence": finding.evidence, "fix": finding.fix},
            })
        })
        .collect();
    let report = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "mesh-check",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "results": results,
        }],
    });
    meshcore::json_pretty(&report)
}

fn with_fix(finding: &Finding) -> String {
    if finding.fix.is_empty() {
        return finding.message.clone();
    }
    format!("{}\nfix: {}", finding.message, finding.fix)
}

fn level(severity: Severity) -> &'static str {
    severity.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_told_once() {
        let finding = |object: &str| Finding {
            code: "MESH0101",
            severity: Severity::Error,
            object: object.to_owned(),
            message: "m".to_owned(),
            evidence: json!({"id": "x"}),
            fix: "f".to_owned(),
        };
        let report: Value = serde_json::from_str(&text(&[finding("a"), finding("b")])).unwrap();
        let run = &report["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"].as_array().map(Vec::len), Some(1));
        assert_eq!(run["results"][1]["level"], "error");
        let location = &run["results"][1]["locations"][0]["logicalLocations"][0];
        assert_eq!(location["fullyQualifiedName"], "b");
        let none: Value = serde_json::from_str(&text(&[])).unwrap();
        assert_eq!(none["runs"][0]["results"], json!([]));
    }
}
