//! The program as a user runs it, without a server that answers.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use assert_cmd::cargo::cargo_bin_cmd;
use predicates::prelude::*;
use std::net::TcpListener;

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = cargo_bin_cmd!("mesh-remote-secret");
    tool.env_clear().args(args);
    tool
}

fn kubeconfig(server: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: a\n  cluster: {{server: \"{server}\"}}\n\
         contexts:\n- name: a\n  context: {{cluster: a, user: a}}\n\
         users:\n- name: a\n  user: {{token: very-secret}}\n"
    );
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn a_server_that_is_down_is_told_with_its_address() {
    // A port that was free a moment ago and that nothing listens on.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let file = kubeconfig(&format!("https://127.0.0.1:{port}"));
    tool(&["--context", "a", "--kubeconfig"]).arg(file.path()).assert().code(4).stdout("").stderr(
        predicate::str::contains(format!(
            "error: context a: https://127.0.0.1:{port} cannot be reached: Connection refused"
        ))
        .and(predicate::str::contains("hint: is the cluster up"))
        .and(predicate::str::contains("very-secret").not()),
    );
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = kubeconfig(&format!("https://{}", silent.local_addr().unwrap()));
    tool(&["--context", "a", "--request-timeout", "300ms", "--kubeconfig"])
        .arg(file.path())
        .assert()
        .code(4)
        .stdout("")
        .stderr(predicate::str::contains("does not answer within 300ms"));
}

#[test]
fn addresses_that_others_cannot_reach_are_warned_of() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let file = kubeconfig(&format!("https://localhost:{port}"));
    let warning = format!(
        "warning: context a: https://localhost:{port} is a loopback name: another cluster cannot \
         reach it"
    );
    tool(&["--context", "a", "--kubeconfig"])
        .arg(file.path())
        .assert()
        .code(4)
        .stderr(predicate::str::contains(&warning).and(predicate::str::contains("--server")));
    tool(&["--context", "a", "-q", "--kubeconfig"])
        .arg(file.path())
        .assert()
        .code(4)
        .stderr(predicate::str::contains(&warning).not());
}

#[test]
fn wrong_flags_are_refused_before_anything_is_sent() {
    let file = kubeconfig("https://127.0.0.1:1");
    for (args, message) in [
        (&["--context", "a", "--name", "A_b"][..], "'--name <ID>': may have lower-case letters"),
        (&["--context", "a", "--server", "10.0.0.2"], "needs its scheme: write https://"),
        (&["--context", "a", "--server", "http://10.0.0.2"], "must begin with https://"),
        (&["--name", "a"], "--context <CONTEXT>"),
        (&["--context", "b"], "has no context \"b\""),
        (&["--context", "a", "--context", "a", "--name", "x"], "are for one --context"),
        (&["--context", "a", "--read-only", "--create-service-account"], "cannot be used with"),
        (&["--context", "a", "--timeout", "soon"], "is no duration"),
    ] {
        tool(args)
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
        (r#""name":"A","context":"a""#, "cluster A: its name may have lower-case letters"),
        (r#""name":"a","context":"gone""#, "has no context \"gone\""),
    ] {
        let file = kubeconfig("https://127.0.0.1:1");
        let record = format!(r#"{{"apiVersion":"meshutils/v1alpha1","kind":"Cluster",{record}}}"#);
        tool(&[])
            .env("KUBECONFIG", file.path())
            .write_stdin(record)
            .assert()
            .failure()
            .stdout("")
            .stderr(predicate::str::contains(message));
    }
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
