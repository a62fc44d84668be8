//! The program as a user runs it, against servers that refuse, stop or never end.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use super::cli::{DEAD_PORT, captured, items, kubeconfig, small, strict, tool};
use super::stand_in::{self, StandIn, refusal};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};

#[test]
fn what_may_not_be_read_is_told() {
    let server = StandIn::start(strict);
    let file = kubeconfig(&[("a", &server.url)]);
    let run = |flags: &[&str]| {
        let args = [&["--context", "a", "-n", "mesh"], flags, &["--kubeconfig"]].concat();
        tool(&args).arg(file.path()).assert().success()
    };
    let warning = contains("warning: context a: you may not read configmaps, ")
        .and(contains("services (but for those in mesh)"));
    let ran = run(&[]).stderr(warning);
    run(&["-q"]).stderr("");
    let capture = &captured(&ran.get_output().stdout)[0];
    assert_eq!(items(capture), ["Service mesh/istiod"]);
    let gaps = capture["items"][0]["notRead"].as_array().unwrap();
    let gap = |resource: &str| gaps.iter().find(|gap| gap["resource"] == resource).unwrap();
    assert_eq!(*gap("secrets"), json!({"resource": "secrets", "reason": "user cannot list"}));
    assert_eq!(gap("services")["readIn"], "mesh");
    assert_eq!(capture["items"][0]["istioNamespace"], "mesh");
}

#[test]
fn all_or_nothing_unless_parts_will_do() {
    let up = StandIn::start(small);
    let down = format!("http://127.0.0.1:{DEAD_PORT}");
    let file = kubeconfig(&[("up", &up.url), ("down", &down), ("out", &down)]);
    let run = |args: &[&str]| {
        let args = [args, &["--timeout", "300ms", "--kubeconfig"]].concat();
        tool(&args).arg(file.path()).assert()
    };
    let reason = format!("context down: {down} cannot be reached: Connection refused");
    let both = ["--context", "down", "--context", "up"];
    run(&both)
        .code(4)
        .stdout("")
        .stderr(contains(&reason).and(contains("hint: --partial captures the others")));
    run(&["--context", "down", "--context", "out"]).code(4).stderr(
        contains("2 of 2 clusters failed: context down: ").and(contains("--partial").not()),
    );
    let ran = run(&[&both[..], &["--partial"]].concat()).success();
    let ran = ran.stderr(contains("warning: down: is not captured: context down: "));
    let captures = captured(&ran.get_output().stdout);
    assert!(
        captures[0]["items"][0]["unreachable"].as_str().unwrap().contains("Connection refused")
    );
    assert_eq!((captures[0]["items"].as_array().unwrap().len(), items(&captures[1]).len()), (1, 5));
    run(&["--context", "down", "--partial"]).code(4).stdout("").stderr(contains(&reason));
}

#[test]
fn a_server_that_stops_answering_is_given_up() {
    fn breaks(path: &str, times: usize) -> Option<(u16, Value)> {
        match path {
            "/version" | "/apis" => small(path, times),
            _ => Some(refusal(500, "broken")),
        }
    }
    fn expired(path: &str, _: usize) -> Option<(u16, Value)> {
        (path == "/version").then(|| refusal(401, "Unauthorized"))
    }
    // Whatever it is, it is no empty cluster.
    fn nothing(_: &str, _: usize) -> Option<(u16, Value)> {
        None
    }
    for (answers, message, least) in [
        (breaks as stand_in::Answers, "broken", 3),
        (expired, "credentials in the kubeconfig", 1),
        (nothing, "is not an API server: it has no /version", 1),
    ] {
        let server = StandIn::start(answers);
        let file = kubeconfig(&[("a", &server.url)]);
        tool(&["--context", "a", "--timeout", "300ms", "--kubeconfig"])
            .arg(file.path())
            .assert()
            .code(4)
            .stdout("")
            .stderr(contains(message));
        assert!(server.asked().len() >= least);
    }
}

#[test]
fn a_list_that_does_not_end_is_left() {
    fn page(path: &str, times: usize, next: &str) -> Option<(u16, Value)> {
        match path {
            "/version" | "/apis" => small(path, times),
            _ => Some((200, json!({"metadata": {"continue": next}, "items": []}))),
        }
    }
    fn again(path: &str, times: usize) -> Option<(u16, Value)> {
        page(path, times, "same")
    }
    fn another(path: &str, times: usize) -> Option<(u16, Value)> {
        static PAGES: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let next = PAGES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        page(path, times, &next.to_string())
    }
    for (answers, reason) in [
        (again as stand_in::Answers, "it gives one page twice"),
        // What --timeout says, for all pages together.
        (another, "it takes longer than 300ms"),
    ] {
        let server = StandIn::start(answers);
        let file = kubeconfig(&[("a", &server.url)]);
        tool(&[
            "--context",
            "a",
            "--timeout",
            "300ms",
            "--request-timeout",
            "60ms",
            "--kubeconfig",
        ])
        .arg(file.path())
        .assert()
        .code(4)
        .stdout("")
        .stderr(contains("does not end").and(contains(reason)));
    }
}

/// kube panics at an address that kubectl takes.
#[test]
fn every_address_ends_in_an_answer() {
    for (server, code) in [
        ("localhost:1", 4),
        ("127.0.0.1", 4),
        ("http:", 4),
        ("a:b", 3),
        ("mailto:x", 3),
        ("javascript:alert", 3),
        ("https://h:0", 3),
        ("", 3),
    ] {
        let file = kubeconfig(&[("a", server)]);
        tool(&["--context", "a", "--timeout", "10ms", "--kubeconfig"])
            .arg(file.path())
            .assert()
            .code(code)
            .stdout("")
            .stderr(contains("panicked").not().and(contains("error: context a: ")));
    }
}
