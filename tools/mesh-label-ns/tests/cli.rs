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
        (r#"{"kind":"Pod","metadata":{"name":"a"}}"#, "there is no namespace in the input"),
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
        &["--rev", "a", "--injection", "enabled"],
        &["--rev", "a", "--dataplane-mode", "ambient"],
        &["--network", "not a label"],
        &["--simulate", "-o", "yaml"],
        &["--rev", "a", "-o", "table"],
        &["--rev", "a", "--restart-list", "--patch"],
        &["--rev", "a", "--create"],
        &["--rev", "a", "--context", "c"],
        &["--rev", "a", "--context", "c", "--patch", "sample"],
        &["--rev", "a", "--patch", "-o", "json"],
    ] {
        tool(args).write_stdin(NAMESPACE).assert().code(2).stdout("");
    }
}

/// A namespace, a Deployment's pod without a sidecar, and what Istio installs without a revision.
fn cluster() -> String {
    let webhooks = include_str!("planes/default.yaml");
    let pod = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-5d8f7c9b6-abcde",
        "namespace": "sample", "labels": {"app": "web", "pod-template-hash": "5d8f7c9b6"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web-5d8f7c9b6", "controller": true}]},
        "spec": {"containers": [{"name": "web"}]}}"#;
    format!("{NAMESPACE}\n---\n{pod}\n---\n{webhooks}")
}

#[test]
fn a_revision_that_no_webhook_serves_is_refused() {
    tool(&["--rev", "nowhere"])
        .write_stdin(cluster())
        .assert()
        .code(3)
        .stdout("")
        .stderr(predicate::str::contains("nowhere").and(predicate::str::contains("hint: ")));
    tool(&["--rev", "nowhere", "--allow-missing-revision", "--patch"])
        .write_stdin(cluster())
        .assert()
        .success()
        .stdout(predicate::str::contains("\"istio.io/rev\":\"nowhere\""));
}

#[test]
fn the_simulation_tells_who_injects_whom_and_what_has_to_be_restarted() {
    tool(&["--simulate"])
        .write_stdin(cluster())
        .assert()
        .success()
        .stdout(predicate::str::contains("\"pod\":\"web-5d8f7c9b6-abcde\""));
    tool(&["--injection", "enabled", "--restart-list"])
        .write_stdin(cluster())
        .assert()
        .success()
        .stdout("kubectl rollout restart deployment/web -n sample\n");
    tool(&["--injection", "disabled", "--restart-list"])
        .write_stdin(cluster())
        .assert()
        .success()
        .stdout("");
}

#[test]
fn ambient_and_sidecars_exclude_each_other() {
    tool(&["--dataplane-mode", "ambient", "--patch"]).write_stdin(NAMESPACE).assert().success().stdout(
        "{\"metadata\":{\"labels\":{\"istio-injection\":null,\"istio.io/dataplane-mode\":\"ambient\"},\
         \"name\":\"sample\"}}\n",
    );
    let system = NAMESPACE.replace("\"sample\"", "\"istio-system\"");
    tool(&["--network", "network1", "--patch"])
        .write_stdin(system)
        .assert()
        .success()
        .stdout(predicate::str::contains("\"topology.istio.io/network\":\"network1\""));
}
