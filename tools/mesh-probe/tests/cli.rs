//! The program as a user runs it, without a server that answers.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use predicates::prelude::*;
use std::net::TcpListener;

/// Nothing listens there, and nobody is given it by chance.
const DEAD_PORT: u16 = 1;

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-probe");
    tool.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).args(args);
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
fn wrong_flags_are_refused_before_anything_is_sent() {
    let file = kubeconfig("https://127.0.0.1:1");
    let least = ["--context", "a", "--url", "http://h/"];
    for (args, message) in [
        (&["--count", "0"][..], "--count"),
        (&["--concurrency", "0"], "--concurrency"),
        (&["--timeout", "0"], "must be longer than nothing"),
        (&["--timeout", "soon"], "is no duration"),
        (&["--for", "0s"], "must be longer than nothing"),
        (&["--for", "9s", "--count", "3"], "cannot be used with"),
        (&["--for", "9s", "--rate", "0"], "is no number of requests a second from 0.01 to 100"),
        (&["--rate", "5"], "--for"),
        (&["--at", "1s", "true"], "--for"),
        (&["--for", "9s", "--at", "1s"], "2 values required"),
        (&["--for", "9s", "--at", "true", "1s"], "--at: \"true\" is no duration"),
        (&["--for", "9s", "--at", "9s", "true"], "--at: 9s is not before the end, 9s"),
        (&["--namespace", "A_b"], "lower-case"),
    ] {
        let args = [&least[..], args].concat();
        tool(&args)
            .env("KUBECONFIG", file.path())
            .assert()
            .code(2)
            .stdout("")
            .stderr(predicate::str::contains(message));
    }
    for (args, message) in [
        (&["--context", "a"][..], "--url"),
        (&["--url", "http://h/"], "--context"),
        (&["--context", "a", "--url", "h:5000/hello"], "write http:// before it"),
        (&["--context", "a", "--url=-K/etc/passwd"], "write http:// before it"),
        (&["--context", "a", "--context", "b", "--url", "http://h/"], "has no context \"b\""),
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
fn nothing_runs_where_a_server_is_down() {
    let file = kubeconfig(&format!("https://127.0.0.1:{DEAD_PORT}"));
    let told =
        format!("error: context a: https://127.0.0.1:{DEAD_PORT} cannot be reached: Connection");
    let least = ["--context", "a", "--url", "http://h/", "--finally", "echo ran >&2"];
    for args in [&[][..], &["--for", "9s", "--at", "0", "echo ran >&2"]] {
        let args = [&least[..], args].concat();
        tool(&args).env("KUBECONFIG", file.path()).assert().code(4).stdout("").stderr(
            predicate::str::contains(told.as_str())
                .and(predicate::str::contains("very-secret").not())
                .and(predicate::str::contains("ran").not()),
        );
    }
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = kubeconfig(&format!("https://{}", silent.local_addr().unwrap()));
    tool(&["--context", "a", "--url", "http://h/", "--request-timeout", "300ms"])
        .env("KUBECONFIG", file.path())
        .assert()
        .code(4)
        .stdout("")
        .stderr(predicate::str::contains("does not answer within 300ms"));
}
