//! The table of checks: one row each, with a code that is stable for ever.

use meshcore::check::Check;

// What istiod verifies, in its order (security/pkg/pki/util/keycertbundle.go, Istio 1.30).
pub const INCOMPLETE: Check = Check::error("MESH0501", "an incomplete set of files");
pub const UNREADABLE_CA: Check = Check::error("MESH0502", "a CA certificate that cannot be read");
pub const NO_ROOT: Check = Check::error("MESH0503", "a root bundle without a certificate");
pub const NOT_VALID_NOW: Check = Check::error("MESH0504", "a certificate that is not valid now");
pub const NO_WAY_TO_ROOT: Check =
    Check::error("MESH0505", "a CA certificate that does not lead to its root");
pub const UNREADABLE_KEY: Check = Check::error("MESH0506", "a key that cannot be read");
pub const OTHER_KEY: Check = Check::error("MESH0507", "a key of another certificate");
pub const CRL: Check = Check::error("MESH0508", "a revocation list that istiod does not take");
pub const NO_CA: Check = Check::error("MESH0509", "a certificate that may sign no others");

// What it does not verify, of one cluster.
pub const CERT_SIGN: Check = Check::error("MESH0511", "a CA without the key usage keyCertSign");
pub const EXTENDED_USAGE: Check =
    Check::error("MESH0512", "a CA that may not sign for both ends of TLS");
pub const WEAK_KEY: Check = Check::error("MESH0513", "a key that is too small");
pub const NOT_IN_CHAIN: Check = Check::error("MESH0514", "a chain without the CA certificate");
pub const CHAIN_ORDER: Check =
    Check::warning("MESH0515", "a chain in another order than leaf to root");
pub const OTHER_ROOT: Check =
    Check::warning("MESH0516", "a chain with another root than the bundle's");
pub const NO_CERTIFICATE: Check = Check::error("MESH0517", "something else among certificates");
pub const EXPIRES: Check = Check::warning("MESH0518", "a certificate that expires soon");
pub const SAMPLE: Check = Check::error("MESH0519", "Istio's sample CA, whose key is public");
pub const FILE_MODE: Check = Check::error("MESH0520", "a key file that others can read");
pub const PATH_LENGTH: Check = Check::error("MESH0521", "a CA that allows no istiod below it");

// What is between clusters, and between a cluster's CA and what its proxies were given.
pub const NO_TRUST: Check = Check::error("MESH0531", "clusters that do not trust each other");
pub const ROOTS_DIFFER: Check = Check::warning("MESH0532", "clusters with different root bundles");
pub const SAME_KEY: Check = Check::warning("MESH0533", "one CA key in several clusters");
pub const NOT_TAKEN_UP: Check = Check::error("MESH0534", "roots that istiod has not taken up");

/// The whole table, by code.
pub const ALL: &[Check] = &[
    INCOMPLETE,
    UNREADABLE_CA,
    NO_ROOT,
    NOT_VALID_NOW,
    NO_WAY_TO_ROOT,
    UNREADABLE_KEY,
    OTHER_KEY,
    CRL,
    NO_CA,
    CERT_SIGN,
    EXTENDED_USAGE,
    WEAK_KEY,
    NOT_IN_CHAIN,
    CHAIN_ORDER,
    OTHER_ROOT,
    NO_CERTIFICATE,
    EXPIRES,
    SAMPLE,
    FILE_MODE,
    PATH_LENGTH,
    NO_TRUST,
    ROOTS_DIFFER,
    SAME_KEY,
    NOT_TAKEN_UP,
];

/// Finds a row by its code, for `--ignore` and `--only`.
pub fn by_code(code: &str) -> Result<Check, String> {
    meshcore::check::by_code(ALL, code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_titles_are_unique_and_in_order() {
        assert!(ALL.windows(2).all(|pair| pair[0].code < pair[1].code));
        assert!(ALL.iter().all(|check| ("MESH0501"..="MESH0539").contains(&check.code)));
        let titles: std::collections::BTreeSet<&str> = ALL.iter().map(|c| c.title).collect();
        assert_eq!(titles.len(), ALL.len());
        assert_eq!(by_code("MESH0509"), Ok(NO_CA));
        assert!(by_code("MESH0500").is_err());
    }

    /// A row that is not in `ALL` could neither be listed nor ignored.
    #[test]
    fn every_row_is_in_the_table() {
        let rows = include_str!("check.rs").matches("(\"MESH05").count();
        // Three of them are in these tests.
        assert_eq!(rows - 3, ALL.len());
    }
}
