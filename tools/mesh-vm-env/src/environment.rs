//! `cluster.env`: variables that a machine's shell sources (istio-start.sh) as root.

use std::collections::BTreeMap;

/// Names that shells keep for themselves: setting them fails, or does something else.
const OF_THE_SHELL: [&str; 9] =
    ["BASHOPTS", "BASH_VERSINFO", "EUID", "IFS", "LINENO", "OPTIND", "PPID", "SHELLOPTS", "UID"];

/// Names that change which programs the machine runs as root, with what flags, or how its shell and
/// loader work: those that every program heeds, and those that istio-start.sh (Istio 1.30) runs or
/// puts into a command line as they are.
const TAKES_OVER: [&str; 47] = [
    "BASHOPTS",
    "BASH_ENV",
    "BASH_LOADABLES_PATH",
    "CDPATH",
    "CLASSPATH",
    "ENV",
    "EXEC_USER",
    "GCONV_PATH",
    "GETCONF_DIR",
    "GLOBIGNORE",
    "HOME",
    "HOSTALIASES",
    "IFS",
    "IP6TABLES_LIB_DIR",
    "IPTABLES_LIB_DIR",
    "ISTIO_AGENT_FLAGS",
    "ISTIO_BIN_BASE",
    "ISTIO_CLUSTER_CONFIG",
    "ISTIO_CUSTOM_IP_TABLES",
    "ISTIO_INBOUND_INTERCEPTION_MODE",
    "ISTIO_LOG_DIR",
    "ISTIO_SIDECAR_CONFIG",
    "ISTIO_SVC_IP",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "LOCALDOMAIN",
    "LOCPATH",
    "LOGNAME",
    "NLSPATH",
    "NODE_OPTIONS",
    "PATH",
    "POD_NAME",
    "POSIXLY_CORRECT",
    "PROMPT_COMMAND",
    "PROXY_CONFIG",
    "PS4",
    "RESOLV_HOST_CONF",
    "RES_OPTIONS",
    "SHELL",
    "SHELLOPTS",
    "TERMINFO",
    "TERMPATH",
    "TMPDIR",
    "TZDIR",
    "USER",
    "XTABLES_LIBDIR",
    "XTABLES_LOCKFILE",
];
const TAKES_OVER_AS: [&str; 10] = [
    "BASH_FUNC_",
    "DYLD_",
    "GLIBC_",
    "LD_",
    "MALLOC_",
    "OPENSSL_",
    "PERL",
    "PYTHON",
    "RUBY",
    "SUDO_",
];

/// Whether who sets a variable of this name runs programs on the machine.
#[must_use]
pub fn takes_over(name: &str) -> bool {
    TAKES_OVER.contains(&name) || TAKES_OVER_AS.iter().any(|start| name.starts_with(start))
}

/// Whether a shell can set a variable of this name to any text.
#[must_use]
pub fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !OF_THE_SHELL.contains(&name)
}

/// Variables as lines that any POSIX shell sources back as they are, in the order of their names.
/// Names have to be [variables](is_variable), and no value has the character NUL.
#[must_use]
pub fn lines<'a>(variables: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    let sorted: BTreeMap<_, _> = variables.into_iter().collect();
    sorted.into_iter().fold(String::new(), |text, (name, value)| {
        // Always in single quotes, as istioctl writes it.
        text + &format!("{name}='{}'\n", value.replace('\'', r#"'"'"'"#))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    #[test]
    fn names_of_variables() {
        for name in ["A", "_", "ISTIO_METAJSON_LABELS", "a1"] {
            assert!(is_variable(name), "{name}");
        }
        for name in ["", "1A", "A-B", "A.B", "A B", "A=B", "A$(x)", "É", "A\n", "UID", "IFS"] {
            assert!(!is_variable(name), "{name:?}");
        }
    }

    #[test]
    fn what_takes_a_machine_over_is_known() {
        for name in [
            "PATH",
            "LD_PRELOAD",
            "BASH_ENV",
            "EXEC_USER",
            "PYTHONPATH",
            "PS4",
            "HOME",
            "IPTABLES_LIB_DIR",
            "OPENSSL_CONF",
        ] {
            assert!(takes_over(name), "{name}");
        }
        for name in ["ISTIO_META_DNS_CAPTURE", "A", "PATHS", "OLD_PATH", "PROXY_XDS_VIA_AGENT"] {
            assert!(!takes_over(name), "{name}");
        }
    }

    #[test]
    fn lines_are_those_of_istioctl() {
        let variables = [("B", "it's"), ("A_B", ""), ("AB", "*")];
        let variables: BTreeMap<String, String> =
            variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        assert_eq!(lines(&variables), "AB='*'\nA_B=''\nB='it'\"'\"'s'\n");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_real_shell_sources_what_was_meant(
            values in prop::collection::vec("[^\0]{0,12}|[ -~\n\t]{0,20}|['\"`$\\\\(){}*~;&|<>#!\n]{0,12}", 1..5)
        ) {
            let names = (0..values.len()).map(|i| format!("ISTIO_{i}"));
            let variables: BTreeMap<String, String> = names.zip(values.clone()).collect();
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("cluster.env");
            std::fs::write(&file, lines(&variables)).unwrap();
            let wanted: String = variables.keys().fold(String::new(), |all, name| all + &format!(" \"${name}\""));
            let script = format!("set -e; set -a; . \"$0\"; set +a; printf '%s\\0'{wanted}");
            let output = Command::new("sh").args(["-c", &script]).arg(&file).output().unwrap();
            prop_assert!(output.status.success() && output.stderr.is_empty(), "{:?}", output);
            let read: Vec<&[u8]> = output.stdout.split(|&b| b == 0).collect();
            let expected: Vec<&[u8]> =
                values.iter().map(String::as_bytes).chain([&b""[..]]).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
