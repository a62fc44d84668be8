//! The table of checks: one row each, with a code that is stable for ever.

use meshcore::check::Check;

// What TLS looks at.
pub(crate) const NO_WAY_TO_ROOT: Check =
    Check::error("MESH0540", "a certificate that does not lead to the root");
pub(crate) const NOT_VALID_NOW: Check =
    Check::error("MESH0541", "a certificate that is not valid now");
pub(crate) const EXPIRES: Check = Check::warning("MESH0542", "a certificate that ends soon");
pub(crate) const SELF_SIGNED: Check =
    Check::error("MESH0543", "a certificate that its own workload signed");
pub(crate) const NOT_FOR_BOTH: Check =
    Check::error("MESH0544", "a certificate that is not for the end of TLS where it is used");
pub(crate) const NO_SIGNATURES: Check =
    Check::error("MESH0545", "a certificate whose key usage lacks digitalSignature");
pub(crate) const WEAK_KEY: Check = Check::error("MESH0546", "a key that Envoy does not take");
pub(crate) const IS_CA: Check = Check::error("MESH0547", "a workload with a CA");
pub(crate) const SAMPLE: Check = Check::error("MESH0548", "Istio's sample CA, whose key is public");

// What the mesh looks at.
pub(crate) const MISSPELT: Check = Check::error("MESH0551", "a URI that is written as a DNS name");
pub(crate) const NO_IDENTITY: Check =
    Check::error("MESH0552", "a certificate without SPIFFE identity");
pub(crate) const NOT_ISTIOS: Check =
    Check::error("MESH0553", "an identity that names no namespace and service account");
pub(crate) const OTHER_IDENTITY: Check =
    Check::error("MESH0554", "an identity of another workload");
pub(crate) const SEVERAL: Check = Check::error("MESH0555", "more than one SPIFFE identity");

// What the key is.
pub(crate) const OTHER_KEY: Check = Check::error("MESH0561", "a key of another certificate");
pub(crate) const FILE_MODE: Check = Check::error("MESH0562", "a key file that others can read");

/// The whole table, by code.
pub(crate) const ALL: &[Check] = &[
    NO_WAY_TO_ROOT,
    NOT_VALID_NOW,
    EXPIRES,
    SELF_SIGNED,
    NOT_FOR_BOTH,
    NO_SIGNATURES,
    WEAK_KEY,
    IS_CA,
    SAMPLE,
    MISSPELT,
    NO_IDENTITY,
    NOT_ISTIOS,
    OTHER_IDENTITY,
    SEVERAL,
    OTHER_KEY,
    FILE_MODE,
];

/// Finds a row by its code, for `--ignore`.
pub(crate) fn by_code(code: &str) -> Result<Check, String> {
    meshcore::check::by_code(ALL, code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_titles_are_unique_and_in_order() {
        assert!(ALL.windows(2).all(|pair| pair[0].code < pair[1].code));
        assert!(ALL.iter().all(|check| ("MESH0540"..="MESH0569").contains(&check.code)));
        let titles: std::collections::BTreeSet<&str> = ALL.iter().map(|c| c.title).collect();
        assert_eq!(titles.len(), ALL.len());
        assert_eq!(by_code("MESH0541"), Ok(NOT_VALID_NOW));
        assert!(by_code("MESH0501").is_err());
    }

    /// A row that is not in `ALL` could neither be listed nor ignored.
    #[test]
    fn every_row_is_in_the_table() {
        let rows = include_str!("check.rs").matches("(\"MESH05").count();
        // Three of them are in these tests.
        assert_eq!(rows - 3, ALL.len());
    }
}
