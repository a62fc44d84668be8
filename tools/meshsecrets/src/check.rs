//! The table of checks: one row each, with a code that is stable for ever.

use meshcore::check::Check;

// Where the Secret lies and what it is called.
pub const NAMESPACE: Check = Check::error("MESH0401", "outside of istiod's namespace");
pub const LABEL: Check = Check::error("MESH0402", "without the label by which istiod finds it");
pub const ANNOTATION: Check = Check::warning("MESH0403", "annotated with another cluster");
pub const NO_KEYS: Check = Check::error("MESH0404", "holds no cluster");
pub const KEY: Check = Check::error("MESH0405", "a key that no Secret can have");
pub const DEFAULT_ID: Check = Check::warning("MESH0406", "the ID of every cluster without a name");
pub const OWN_ID: Check = Check::error("MESH0407", "istiod's own cluster ID");
pub const ID_TWICE: Check = Check::error("MESH0408", "one cluster ID twice");
pub const CLUSTER_TWICE: Check = Check::error("MESH0409", "one cluster under two IDs");
pub const COPY: Check = Check::error("MESH0410", "credentials copied into an annotation");

// What istiod does with the kubeconfig before it connects.
pub const UNREADABLE: Check = Check::error("MESH0411", "a kubeconfig that cannot be loaded");
pub const INVALID: Check = Check::error("MESH0412", "a kubeconfig that is not valid");
pub const NOT_ALLOWED: Check = Check::error("MESH0413", "a kubeconfig that istiod does not allow");

// The way to the API server.
pub const SERVER: Check = Check::error("MESH0421", "a server that is no https address");
pub const SERVER_LOCAL: Check =
    Check::error("MESH0422", "a server address that leads nowhere else");
pub const SERVER_NAME: Check = Check::warning("MESH0423", "a server name that not everybody knows");
pub const PROXY: Check = Check::warning("MESH0424", "a way that goes through a proxy");
pub const UNVERIFIED: Check =
    Check::warning("MESH0425", "a server certificate that is not checked");
pub const CA_FILE: Check = Check::warning("MESH0426", "a CA in a file");
pub const NO_CA: Check = Check::error("MESH0427", "an IP address without a CA");
pub const CA: Check = Check::error("MESH0428", "a CA that is no certificate");
pub const PUBLIC_CA: Check =
    Check::warning("MESH0429", "a cluster's CA where the certificate is public");

// The credentials.
pub const NO_CREDENTIALS: Check = Check::error("MESH0431", "no credentials");
pub const PASSWORD: Check = Check::warning("MESH0432", "a password");
pub const OPAQUE: Check = Check::warning("MESH0433", "a token that is no JWT");
pub const EXPIRED: Check = Check::error("MESH0434", "a token that has expired");
pub const EXPIRES: Check = Check::warning("MESH0435", "a token that expires soon");
pub const NO_EXPIRY: Check = Check::warning("MESH0436", "a token that never expires");
pub const TOO_EARLY: Check = Check::error("MESH0437", "a token that is not valid yet");
pub const SUBJECT: Check = Check::warning("MESH0438", "a token that is no service account's");
pub const ACCOUNT_NAMESPACE: Check =
    Check::warning("MESH0439", "a service account outside of Istio's namespace");
pub const AUDIENCE: Check = Check::warning("MESH0440", "a token for somebody else");
pub const POD: Check = Check::warning("MESH0441", "a token that ends with a pod");
pub const EXPIRY_NOTE: Check = Check::warning("MESH0442", "an expiry that is not the token's");
pub const CHARACTERS: Check = Check::error("MESH0443", "a token that no request can carry");
pub const SHORT_LIVED: Check =
    Check::error("MESH0444", "a token of which it is known that it ends soon");

// Against the objects of the cluster that it is for.
pub const ACCOUNT_GONE: Check = Check::error("MESH0451", "a service account that is gone");
pub const TOKEN_GONE: Check = Check::error("MESH0452", "a token that was taken back");
pub const OTHER_CA: Check = Check::warning("MESH0453", "a CA that is not the cluster's");

// What the API server says.
pub const REJECTED: Check = Check::error("MESH0461", "credentials that are rejected");
pub const UNREACHABLE: Check =
    Check::error("MESH0462", "an API server that does not answer from here");
pub const CERTIFICATE: Check = Check::error("MESH0463", "a server certificate that does not fit");
pub const RIGHT_MISSING: Check = Check::error("MESH0464", "a right that istiod needs and lacks");
pub const OVER_WIDE: Check = Check::warning("MESH0465", "rights beyond those of istiod's reader");
pub const NOT_ASKED: Check = Check::warning("MESH0466", "an API server that was not asked");

/// The whole table, by code.
pub const ALL: &[Check] = &[
    NAMESPACE,
    LABEL,
    ANNOTATION,
    NO_KEYS,
    KEY,
    DEFAULT_ID,
    OWN_ID,
    ID_TWICE,
    CLUSTER_TWICE,
    COPY,
    UNREADABLE,
    INVALID,
    NOT_ALLOWED,
    SERVER,
    SERVER_LOCAL,
    SERVER_NAME,
    PROXY,
    UNVERIFIED,
    CA_FILE,
    NO_CA,
    CA,
    PUBLIC_CA,
    NO_CREDENTIALS,
    PASSWORD,
    OPAQUE,
    EXPIRED,
    EXPIRES,
    NO_EXPIRY,
    TOO_EARLY,
    SUBJECT,
    ACCOUNT_NAMESPACE,
    AUDIENCE,
    POD,
    EXPIRY_NOTE,
    CHARACTERS,
    SHORT_LIVED,
    ACCOUNT_GONE,
    TOKEN_GONE,
    OTHER_CA,
    REJECTED,
    UNREACHABLE,
    CERTIFICATE,
    RIGHT_MISSING,
    OVER_WIDE,
    NOT_ASKED,
];

/// Finds a row by its code, for `--ignore`.
pub fn by_code(code: &str) -> Result<Check, String> {
    meshcore::check::by_code(ALL, code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_titles_are_unique_and_in_order() {
        assert!(ALL.windows(2).all(|pair| pair[0].code < pair[1].code));
        assert!(ALL.iter().all(|check| check.code.starts_with("MESH04") && check.code.len() == 8));
        let titles: std::collections::BTreeSet<&str> = ALL.iter().map(|c| c.title).collect();
        assert_eq!(titles.len(), ALL.len());
        assert_eq!(by_code("MESH0408"), Ok(ID_TWICE));
        assert!(by_code("MESH0400").is_err());
    }

    /// A row that is not in `ALL` could neither be listed nor ignored.
    #[test]
    fn every_row_is_in_the_table() {
        let rows = include_str!("check.rs").matches("(\"MESH04").count();
        // Three of them are calls in these tests.
        assert_eq!(rows - 3, ALL.len());
    }
}
