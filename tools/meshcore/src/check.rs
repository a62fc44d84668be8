//! Tables of checks: one row each, with a code that is stable for ever.

use crate::finding::{FindingFormat, Severity};
use crate::json_lines;
use serde::Serialize;

/// A row of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Of its findings, and for `--ignore`.
    pub code: &'static str,
    /// Of its findings.
    pub severity: Severity,
    /// What is wrong.
    pub title: &'static str,
}

impl Check {
    /// A check whose findings are errors.
    #[must_use]
    pub const fn error(code: &'static str, title: &'static str) -> Self {
        Self { code, severity: Severity::Error, title }
    }

    /// A check whose findings are warnings.
    #[must_use]
    pub const fn warning(code: &'static str, title: &'static str) -> Self {
        Self { code, severity: Severity::Warning, title }
    }
}

/// Finds a row by its code, for flags.
pub fn by_code(table: &[Check], code: &str) -> Result<Check, String> {
    let check = table.iter().find(|check| check.code == code);
    check.copied().ok_or_else(|| "is no code of a check; --list-checks shows them".to_owned())
}

/// A table for `--list-checks`.
#[must_use]
pub fn list(table: &[Check], format: FindingFormat) -> String {
    let line = |out: String, check: &Check| {
        out + &format!("{} {:7} {}\n", check.code, check.severity.as_str(), check.title)
    };
    match format {
        FindingFormat::Json => json_lines(table),
        FindingFormat::Lines => table.iter().fold(String::new(), line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_and_listed() {
        let table = [Check::error("MESH0001", "a"), Check::warning("MESH0002", "b")];
        assert_eq!(by_code(&table, "MESH0002"), Ok(table[1]));
        assert!(by_code(&table, "MESH0003").is_err());
        assert_eq!(list(&table, FindingFormat::Lines), "MESH0001 error   a\nMESH0002 warning b\n");
        assert!(list(&table, FindingFormat::Json).starts_with("{\"code\":\"MESH0001\""));
    }
}
