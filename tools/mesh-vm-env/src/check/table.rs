//! The table of checks: one row each, with a code that is stable for ever.

use meshcore::check::Check;

// The files themselves.
pub const MISSING: Check =
    Check::error("MESH0801", "a file that the machine needs and is not there");
pub const UNREADABLE: Check = Check::error("MESH0802", "a file that cannot be read");
pub const SECRET_MODE: Check = Check::error("MESH0803", "a secret that others may read");
pub const WRITABLE: Check = Check::error("MESH0804", "a file that others may change");

// The token.
pub const TOKEN: Check = Check::error("MESH0806", "a token that is no JWT");
pub const TOKEN_EXPIRED: Check = Check::error("MESH0807", "a token that has expired");
pub const TOKEN_EARLY: Check = Check::error("MESH0808", "a token that is not valid yet");
pub const TOKEN_AUDIENCE: Check = Check::error("MESH0809", "a token for somebody else");
pub const TOKEN_ACCOUNT: Check = Check::error("MESH0810", "a token of another service account");

// The way to istiod.
pub const HOSTS_EMPTY: Check = Check::error("MESH0811", "no line for /etc/hosts");
pub const HOSTS_LINE: Check = Check::error("MESH0812", "a line that /etc/hosts cannot have");
pub const HOSTS_ADDRESS: Check = Check::error("MESH0813", "an address that leads nowhere else");
pub const HOSTS_PRIVATE: Check =
    Check::warning("MESH0814", "an address that only some networks reach");
pub const HOSTS_ISTIOD: Check =
    Check::error("MESH0815", "no address for the istiod that is looked for");

// What a shell makes of cluster.env.
pub const EXECUTES: Check = Check::error("MESH0816", "text that a shell executes");
pub const EXPANDS: Check = Check::error("MESH0817", "text that a shell replaces");
pub const SYNTAX: Check = Check::error("MESH0818", "text that no shell reads");
pub const UNQUOTED: Check = Check::warning("MESH0819", "a pattern without quotes");
pub const TWICE: Check = Check::warning("MESH0820", "a variable with two values");

// What the agent makes of it, and of mesh.yaml.
pub const VARIABLE: Check = Check::error("MESH0821", "a variable that is needed and is not there");
pub const SERVICE_CIDR: Check = Check::error("MESH0822", "ranges of services that are none");
pub const PORTS: Check = Check::error("MESH0823", "ports that are none");
pub const ADDRESS: Check = Check::error("MESH0824", "an address of the machine that is none");
pub const MESH_YAML: Check = Check::error("MESH0825", "proxy settings that cannot be read");
pub const DIFFERS: Check = Check::warning("MESH0826", "two files that contradict each other");

// Certificates.
pub const ROOT: Check = Check::error("MESH0827", "roots that are no certificates");
pub const ROOT_LIFE: Check = Check::error("MESH0828", "a root outside of its life");
pub const ROOT_CA: Check = Check::error("MESH0829", "a root that is no CA");
pub const ROOT_SAMPLE: Check = Check::error("MESH0830", "a root whose key is public");
pub const LEAF: Check = Check::error("MESH0831", "a certificate that cannot be read");
pub const LEAF_TYPO: Check = Check::error("MESH0832", "an identity that is a DNS name");
pub const LEAF_IDENTITY: Check = Check::error("MESH0833", "a certificate without an identity");
pub const LEAF_SELF_SIGNED: Check = Check::error("MESH0834", "a certificate that signed itself");
pub const LEAF_CHAIN: Check =
    Check::error("MESH0835", "a certificate that does not lead to the roots");
pub const LEAF_LIFE: Check = Check::error("MESH0836", "a certificate outside of its life");
pub const KEY: Check = Check::error("MESH0837", "a key that is not the certificate's");

// What a shell makes of cluster.env, too.
pub const TAKES_OVER: Check =
    Check::error("MESH0838", "a variable that changes which programs run as root, or how");

/// The whole table, by code.
pub const ALL: &[Check] = &[
    MISSING,
    UNREADABLE,
    SECRET_MODE,
    WRITABLE,
    TOKEN,
    TOKEN_EXPIRED,
    TOKEN_EARLY,
    TOKEN_AUDIENCE,
    TOKEN_ACCOUNT,
    HOSTS_EMPTY,
    HOSTS_LINE,
    HOSTS_ADDRESS,
    HOSTS_PRIVATE,
    HOSTS_ISTIOD,
    EXECUTES,
    EXPANDS,
    SYNTAX,
    UNQUOTED,
    TWICE,
    VARIABLE,
    SERVICE_CIDR,
    PORTS,
    ADDRESS,
    MESH_YAML,
    DIFFERS,
    ROOT,
    ROOT_LIFE,
    ROOT_CA,
    ROOT_SAMPLE,
    LEAF,
    LEAF_TYPO,
    LEAF_IDENTITY,
    LEAF_SELF_SIGNED,
    LEAF_CHAIN,
    LEAF_LIFE,
    KEY,
    TAKES_OVER,
];

/// A check by its code, as `--ignore` names it.
pub fn by_code(code: &str) -> Result<Check, String> {
    meshcore::check::by_code(ALL, code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_of_the_family() {
        assert!(ALL.is_sorted_by(|a, b| a.code < b.code));
        for check in ALL {
            assert!(("MESH0801"..="MESH0839").contains(&check.code), "{check:?}");
            assert_eq!(by_code(check.code), Ok(*check));
        }
        assert!(by_code("MESH0805").is_err());
    }
}
