//! The program as a user runs it, without a server that answers: what it refuses.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use super::cli::{kubeconfig, offline, record_of, token_secret, tool};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use predicates::prelude::*;
use serde_json::{Value, json};

#[test]
fn wrong_flags_are_refused_before_anything_is_sent() {
    let file = kubeconfig("https://127.0.0.1:1");
    let least = ["--context", "a", "--create-service-account", "--reader-role"];
    let with = |first: &[&'static str], more: &[&'static str]| [first, more].concat();
    for (args, message) in [
        (vec!["--context", "a", "--name", "A_b"], "'--name <ID>': may have lower-case letters"),
        (vec!["--context", "a", "--name", "?-invalid-name"], "may have lower-case letters"),
        (vec!["--context", "a", "--server", "10.0.0.2"], "needs its scheme: write https://"),
        (vec!["--context", "a", "--server", "http://10.0.0.2"], "must begin with https://"),
        (vec!["--context", "a", "--proxy-url", "10.0.0.2:3128"], "must begin with http://"),
        (vec!["--context", "a", "--certificate-authority", "/nowhere"], "No such file"),
        (vec!["--context", "a", "--certificate-authority", "/dev/null"], "holds no certificate"),
        (vec!["--context", "a", "--endpoint", "private"], "cannot be used with"),
        (vec!["--context", "b"], "has no context \"b\""),
        (vec!["--context", "a", "--context", "a", "--name", "x"], "--name is for one cluster"),
        (vec!["--context", "a", "--context", "a", "--type", "config"], "is for one cluster"),
        (vec!["--context", "a", "--type", "other"], "possible values: remote, config"),
        (vec!["--context", "a", "--read-only", "--create-service-account"], "cannot be used with"),
        (vec!["--context", "a", "--read-only", "--rotate"], "cannot be used with"),
        (vec!["--context", "a", "--secret-name", "x", "--rotate"], "cannot be used with"),
        (vec!["--context", "a", "--secret-name", "x", "--ttl", "1h"], "cannot be used with"),
        (vec!["--context", "a", "--timeout", "soon"], "is no duration"),
        (vec!["--context", "a", "--ttl", "5m"], "API servers give tokens for 10m or longer"),
        (vec!["--context", "a", "--reader-role", "least"], "--create-service-account"),
        (with(&least, &["no-secrets", "--istio-version", "1.30.3"]), "istiod 1.30.3 reads the Se"),
        (with(&least, &["least", "--type", "config"]), "makes readers, and istiod is none"),
        (
            vec!["--context", "a", "--auth-type", "password"],
            "possible values: bearer-token, plugin",
        ),
        (vec!["--context", "a", "--auth-type", "plugin"], "--auth-plugin-name <NAME>"),
        (vec!["--context", "a", "--auth-plugin-name", "oidc"], "needs --auth-type plugin"),
        (vec!["--context", "a", "--auth-plugin-config", "a=b"], "--auth-plugin-name <NAME>"),
    ] {
        tool(&args)
            .env("KUBECONFIG", file.path())
            .assert()
            .code(2)
            .stdout("")
            .stderr(predicate::str::contains(message));
    }
}

#[test]
fn records_must_say_how_to_reach_their_cluster() {
    for (record, message) in [
        (r#""name":"a""#, "cluster a: the record has no context"),
        (r#""name":"a","id":"A","context":"a""#, "cluster a: its ID may have lower-case letters"),
        (r#""name":"a","context":"gone""#, "has no context \"gone\""),
        (
            r#""name":"a","context":"a","endpoints":[{"url":"10.0.0.2","kind":"private"}]"#,
            "cluster a: the server address \"10.0.0.2\" needs its scheme",
        ),
    ] {
        let file = kubeconfig("https://127.0.0.1:1");
        tool(&[])
            .env("KUBECONFIG", file.path())
            .write_stdin(record_of(record))
            .assert()
            .failure()
            .stdout("")
            .stderr(predicate::str::contains(message));
    }
}

#[test]
fn what_the_input_leaves_open_is_asked_for() {
    let secret = token_secret().to_string();
    let record = |name: &str| record_of(&format!("\"name\":\"{name}\""));
    let with = |pointer: &str, value: Value| {
        let mut secret = token_secret();
        *secret.pointer_mut(pointer).unwrap() = value;
        secret.to_string()
    };
    let whole = ["--name", "c1", "--server", "https://10.0.0.2"];
    for (args, input, code, message) in [
        (&["--name", "c1"][..], secret.clone(), 2, "nothing says where the API server answers"),
        (&["--server", "https://h.example.com"], secret.clone(), 2, "what the cluster is called"),
        (&[], format!("{secret}{secret}"), 3, "2 token secrets and 0 records"),
        (
            &[],
            format!("{secret}{}{}", record("a"), record("b")),
            3,
            "1 token secrets and 2 records",
        ),
        (&["--ttl", "1h"], secret.clone(), 2, "--ttl needs the cluster, and the input is a Secret"),
        (&["--rotate"], secret.clone(), 2, "--rotate needs the cluster"),
        (&whole, with("/data/token", json!("")), 3, "secret t has no token"),
        (&whole, with("/data/ca.crt", json!("")), 3, "the CA of https://10.0.0.2 is not known"),
        (&whole, with("/type", json!("Opaque")), 3, "is of type Opaque"),
    ] {
        offline(args, &input).code(code).stdout("").stderr(predicate::str::contains(message));
    }
    let other = with("/metadata/annotations/kubernetes.io~1service-account.name", json!("default"));
    offline(&whole, &other).success().stderr(predicate::str::contains(
        "the token is of service account default, not istio-reader-service-account",
    ));
}

#[test]
fn a_broken_kubeconfig_is_refused_without_showing_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "users: [{user: {token: very-secret").unwrap();
    tool(&["--context", "a", "--kubeconfig"])
        .arg(file.path())
        .assert()
        .code(3)
        .stdout("")
        .stderr(predicate::str::contains("very-secret").not());
    tool(&["--context", "a", "--kubeconfig", "/nowhere/config"])
        .assert()
        .code(3)
        .stderr(predicate::str::contains("/nowhere/config"));
}

/// Of an attack: the record is a kubeconfig as well, whose `exec` names a program.
#[test]
fn no_kubeconfig_of_a_record_is_opened() {
    let record = r#"{"apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": "c",
        "context": "x", "kubeconfig": "/dev/stdin", "contexts": [{"name": "x"}]}"#;
    mesh_tests::tool("mesh-remote-secret")
        .env_clear()
        .write_stdin(record)
        .assert()
        .code(3)
        .stdout("")
        .stderr(predicate::str::contains("names the kubeconfig /dev/stdin, which you did not"));
}

#[test]
fn a_token_that_is_not_one_line_makes_no_secret() {
    for token in ["x\ny", "x\r\n", "x y", "\u{e9}"] {
        let mut input = token_secret();
        input["data"]["token"] = json!(STANDARD.encode(token));
        let args = ["--name", "c1", "--server", "https://203.0.113.7:6443"];
        offline(&args, &input.to_string())
            .code(3)
            .stdout("")
            .stderr(predicate::str::contains("the cluster's token is not one line"));
    }
}

/// Of an attack: what a flag or its variable had was in the log.
#[test]
fn a_refused_value_is_not_shown() {
    for (flag, value) in [
        ("--server", "https://u:SECRET@192.0.2.1"),
        ("--server", "https://SECRET/x@192.0.2.1"),
        ("--proxy-url", "ftp://u:SECRET@proxy"),
        ("--proxy-url", "http://u:SECRET#x@proxy"),
        ("--proxy-url", "http://SECRET/x@proxy"),
        ("--auth-plugin-config", "client-secret SECRET"),
    ] {
        let variable = format!("MESH_{}", flag[2..].replace('-', "_").to_uppercase());
        let mut by_flag = mesh_tests::tool("mesh-remote-secret");
        by_flag.env_clear().args(["--context", "a", flag, value]);
        let mut by_variable = mesh_tests::tool("mesh-remote-secret");
        by_variable.env_clear().env(variable, value).args(["--context", "a"]);
        for mut tool in [by_flag, by_variable] {
            let no_secret = predicate::str::contains("SECRET").not();
            tool.assert().code(2).stdout("").stderr(no_secret.and(predicate::str::contains(flag)));
        }
    }
}
