//! The program as a user runs it, as a filter.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use assert_cmd::cargo::cargo_bin_cmd;
use predicates::prelude::*;

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = cargo_bin_cmd!("mesh-label-ns");
    tool.env_clear().args(args);
    tool
}

/// As `kubectl get namespace sample -o json` prints it.
const NAMESPACE: &str = r#"{
  "apiVersion": "v1", "kind": "Namespace",
  "metadata": {"name": "sample", "labels": {"istio-injection": "enabled", "team": "on"},
    "managedFields": [{"manager": "kubectl-create"}], "resourceVersion": "7", "uid": "u"},
  "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}
}"#;

#[test]
fn a_namespace_is_relabelled_and_told_how_to_write_it() {
    tool(&["--rev", "asm-managed"])
        .write_stdin(NAMESPACE)
        .assert()
        .success()
        .stdout(
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  labels:\n    istio.io/rev: \
             asm-managed\n    team: \"on\"\n  name: sample\n  resourceVersion: \"7\"\n  uid: u\n\
             spec:\n  finalizers:\n  - kubernetes\n",
        )
        .stderr(predicate::str::contains(
            "warning: namespace sample: the label istio-injection has to go",
        ));
}

#[test]
fn patches_are_the_least_there_is() {
    let list = format!(
        r#"{{"kind":"List","items":[{NAMESPACE},{{"kind":"Namespace","metadata":{{"name":"b"}}}}]}}"#
    );
    for (args, patches) in [
        (
            &["--rev", "r", "--patch"][..],
            concat!(
                r#"{"metadata":{"labels":{"istio-injection":null,"istio.io/rev":"r"},"name":"sample"}}"#,
                "\n",
                r#"{"metadata":{"labels":{"istio.io/rev":"r"},"name":"b"}}"#,
                "\n"
            ),
        ),
        (
            &["--injection", "enabled", "--patch"],
            concat!(
                r#"{"metadata":{"name":"sample"}}"#,
                "\n",
                r#"{"metadata":{"labels":{"istio-injection":"enabled"},"name":"b"}}"#,
                "\n"
            ),
        ),
        (
            &["--remove", "--patch"],
            concat!(
                r#"{"metadata":{"labels":{"istio-injection":null},"name":"sample"}}"#,
                "\n",
                r#"{"metadata":{"name":"b"}}"#,
                "\n"
            ),
        ),
    ] {
        tool(args).write_stdin(list.as_str()).assert().success().stderr("").stdout(patches);
    }
}

#[test]
fn several_namespaces_leave_as_a_stream_or_list() {
    let two = format!("{NAMESPACE}{NAMESPACE}");
    tool(&["--injection", "enabled"])
        .write_stdin(two.as_str())
        .assert()
        .success()
        .stderr("")
        .stdout(predicate::str::contains("\n---\napiVersion: v1\n").count(1));
    tool(&["--injection", "enabled", "-o", "json"])
        .write_stdin(two)
        .assert()
        .success()
        .stdout(predicate::str::contains("\"kind\": \"List\""));
}

#[test]
fn what_is_no_namespace_is_refused() {
    for (input, message) in [
        (
            r#"{"kind":"Pod","metadata":{"name":"a"}}"#,
            "stdin: document 1: is a Pod and no Namespace",
        ),
        (
            r#"{"kind":"Namespace","metadata":{}}"#,
            "stdin: document 1: .metadata: missing field `name`",
        ),
        (
            r#"{"kind":"Namespace","metadata":{"name":"a","labels":{"x":1}}}"#,
            ".metadata.labels.x: invalid type",
        ),
    ] {
        tool(&["--rev", "r"])
            .write_stdin(input)
            .assert()
            .code(3)
            .stdout("")
            .stderr(predicate::str::contains(message));
    }
}

#[test]
fn flags_that_make_no_sense_together_are_refused() {
    for args in [
        &[][..],
        &["--rev", "a", "--remove"],
        &["--rev", "Not_a_label"],
        &["--rev", "a", "sample"],
        &["--rev", "a", "--create"],
        &["--rev", "a", "--context", "c"],
        &["--rev", "a", "--context", "c", "--patch", "sample"],
        &["--rev", "a", "--patch", "-o", "json"],
    ] {
        tool(args).write_stdin(NAMESPACE).assert().code(2).stdout("");
    }
}
