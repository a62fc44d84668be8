//! The table of checks: one row each, with a code that is stable for ever. `--list`, `--explain`
//! and the page mesh-checks(7) are made of it.

pub mod between;
pub mod captures;
pub mod control_planes;
pub mod firewalls;
pub mod gateways;
pub mod identity;
pub mod injection;
pub mod machines;
pub mod networks;
pub mod ranges;
pub mod roots;
pub mod secrets;
pub mod services;

use meshcore::finding::Severity;
use serde::Serialize;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Of its findings, and for `--only` and `--skip`.
    pub code: &'static str,
    /// Of its findings.
    pub severity: Severity,
    /// What is wrong.
    pub title: &'static str,
    /// What it means, and how it shows itself.
    pub meaning: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
    /// Where it is known from: issues, documents, source files.
    pub source: &'static str,
}

/// Checks that belong together.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// What they are about.
    pub title: &'static str,
    /// By code, but for what causes others.
    pub checks: &'static [Check],
}

/// All families, causes before what they cause: along the way that a request takes from the first
/// read of a cluster to the service.
pub const FAMILIES: &[Family] = &[
    Family { title: "Captures", checks: captures::ALL },
    Family { title: "Identity", checks: identity::ALL },
    Family { title: "Control planes", checks: control_planes::ALL },
    Family { title: "Remote Secrets", checks: secrets::ALL },
    Family { title: "Remote Secrets between clusters", checks: between::ALL },
    Family { title: "Certificates and roots", checks: roots::ALL },
    Family { title: "Networks", checks: networks::ALL },
    Family { title: "Address ranges", checks: ranges::ALL },
    Family { title: "Gateways", checks: gateways::ALL },
    Family { title: "Firewalls and authorized networks", checks: firewalls::ALL },
    Family { title: "Injection", checks: injection::ALL },
    Family { title: "Services", checks: services::ALL },
    Family { title: "Virtual machines", checks: machines::ALL },
];

/// All checks, causes first.
pub fn all() -> impl Iterator<Item = &'static Check> {
    FAMILIES.iter().flat_map(|family| family.checks)
}

/// All checks by code.
#[must_use]
pub fn by_number() -> Vec<&'static Check> {
    let mut checks: Vec<&Check> = all().collect();
    checks.sort_by_key(|check| check.code);
    checks
}

/// Where a code stands in the order of causes.
#[must_use]
pub fn rank(code: &str) -> usize {
    all().position(|check| check.code == code).unwrap_or(usize::MAX)
}

/// Finds a row by its code.
pub fn by_code(code: &str) -> Result<&'static Check, String> {
    all()
        .find(|check| check.code.eq_ignore_ascii_case(code))
        .ok_or_else(|| "is no code of a check; --list shows them".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_and_titles_are_unique() {
        let codes: BTreeSet<&str> = all().map(|check| check.code).collect();
        let titles: BTreeSet<&str> = all().map(|check| check.title).collect();
        assert_eq!((codes.len(), titles.len()), (all().count(), all().count()));
        assert!(codes.iter().all(|code| code.len() == 8 && code.starts_with("MESH0")));
    }

    /// A row that is not in its family could neither be listed nor skipped.
    #[test]
    fn every_row_is_in_its_family() {
        let text = [
            include_str!("table/between.rs"),
            include_str!("table/captures.rs"),
            include_str!("table/control_planes.rs"),
            include_str!("table/firewalls.rs"),
            include_str!("table/gateways.rs"),
            include_str!("table/identity.rs"),
            include_str!("table/injection.rs"),
            include_str!("table/machines.rs"),
            include_str!("table/networks.rs"),
            include_str!("table/ranges.rs"),
            include_str!("table/roots.rs"),
            include_str!("table/secrets.rs"),
            include_str!("table/services.rs"),
        ];
        let rows: usize = text.iter().map(|text| text.matches(": Check = Check {").count()).sum();
        assert_eq!(rows, all().count());
    }

    /// mesh-secret-lint has no other opinion of what a code means.
    #[test]
    fn shared_codes_are_as_bad_as_elsewhere() {
        let shared = meshsecrets::check::ALL.iter().filter_map(|other| {
            let own = by_code(other.code).ok()?;
            Some((own, other.severity))
        });
        assert!(shared.clone().count() > 30);
        assert!(shared.into_iter().all(|(own, severity)| own.severity == severity));
    }

    #[test]
    fn codes_are_found_in_any_case() {
        assert_eq!(by_code("mesh0101").unwrap().code, "MESH0101");
        assert!(by_code("MESH9999").is_err());
        assert!(rank("MESH0901") < rank("MESH0101") && rank("MESH0101") < rank("MESH0434"));
    }
}
