//! The program as a user runs it.

use predicates::prelude::*;
use predicates::str::{contains, is_empty};

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-revision");
    tool.env_clear().args(args);
    tool
}

/// As `kubectl get pod -n istio-system -L istio.io/rev` shows it in the guides, as JSON.
const PODS: &str = r#"{"apiVersion": "v1", "kind": "List", "items": [
  {"apiVersion": "v1", "kind": "Pod",
   "metadata": {"name": "istiod-asm-173-3-5788d57586-bljj4", "namespace": "istio-system",
     "labels": {"app": "istiod", "istio.io/rev": "asm-173-3", "istio": "istiod"}},
   "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}},
  {"apiVersion": "v1", "kind": "Pod",
   "metadata": {"name": "istiod-asm-173-3-5788d57586-vsklm", "namespace": "istio-system",
     "labels": {"app": "istiod", "istio.io/rev": "asm-173-3", "istio": "istiod"}},
   "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}},
  {"apiVersion": "v1", "kind": "Pod",
   "metadata": {"name": "sleep-754684654f-n6bzf", "namespace": "sample", "labels": {"app": "sleep"}}}
]}"#;

/// A canary upgrade: two revisions, the old one the default.
const CANARY: &str = r#"
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: istiod-1-29
    namespace: istio-system
    labels: {app: istiod, istio.io/rev: 1-29}
  spec: {replicas: 2}
  status: {readyReplicas: 2}
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: istiod-1-30
    namespace: istio-system
    labels: {app: istiod, istio.io/rev: 1-30}
  spec: {replicas: 1}
  status: {}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata:
  name: istio-sidecar-injector-1-29
  labels: {app: sidecar-injector, istio.io/rev: 1-29}
webhooks:
- name: rev.namespace.sidecar-injector.istio.io
  namespaceSelector:
    matchExpressions:
    - {key: istio.io/rev, operator: In, values: [1-29]}
    - {key: istio-injection, operator: DoesNotExist}
  objectSelector:
    matchExpressions:
    - {key: sidecar.istio.io/inject, operator: NotIn, values: ["false"]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata:
  name: istio-sidecar-injector-1-30
  labels: {app: sidecar-injector, istio.io/rev: 1-30}
webhooks:
- name: rev.namespace.sidecar-injector.istio.io
  namespaceSelector:
    matchExpressions:
    - {key: istio.io/rev, operator: In, values: [1-30]}
    - {key: istio-injection, operator: DoesNotExist}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata:
  name: istio-revision-tag-default
  labels: {app: sidecar-injector, istio.io/rev: 1-29, istio.io/tag: default}
webhooks:
- name: rev.namespace.sidecar-injector.istio.io
  namespaceSelector:
    matchExpressions:
    - {key: istio.io/rev, operator: In, values: [default]}
    - {key: istio-injection, operator: DoesNotExist}
- name: namespace.sidecar-injector.istio.io
  namespaceSelector:
    matchExpressions:
    - {key: istio-injection, operator: In, values: [enabled]}
"#;

const MANAGED: &str = r#"
{"apiVersion": "mesh.cloud.google.com/v1beta1", "kind": "ControlPlaneRevision",
 "metadata": {"name": "asm-managed", "namespace": "istio-system"},
 "spec": {"type": "managed_service", "channel": "regular"},
 "status": {"conditions": [{"type": "Reconciled", "status": "True"}]}}
{"apiVersion": "mesh.cloud.google.com/v1beta1", "kind": "ControlPlaneRevision",
 "metadata": {"name": "asm-managed-rapid", "namespace": "istio-system"},
 "spec": {"type": "managed_service", "channel": "rapid"}}"#;

#[test]
fn the_pods_of_the_guides_are_enough() {
    tool(&["-o", "name"]).write_stdin(PODS).assert().success().stderr("").stdout("asm-173-3\n");
    tool(&[]).write_stdin(PODS).assert().success().stderr("").stdout(concat!(
        r#"{"name":"asm-173-3","kind":"revision","default":false,"ready":true,"#,
        r#""pods":{"ready":1,"total":2},"label":"istio.io/rev=asm-173-3","#,
        r#""sources":["Pod istio-system/istiod-asm-173-3-5788d57586-bljj4","#,
        r#""Pod istio-system/istiod-asm-173-3-5788d57586-vsklm"]}"#,
        "\n",
    ));
}

#[test]
fn a_table_for_people() {
    tool(&["-o", "table"]).write_stdin(CANARY).assert().success().stderr("").stdout(concat!(
        "NAME     KIND      CHANNEL  POINTS-TO  DEFAULT  READY  LABEL\n",
        "1-29     revision  -        -          yes      2/2    istio.io/rev=1-29\n",
        "1-30     revision  -        -          no       0/1    istio.io/rev=1-30\n",
        "default  tag       -        1-29       yes      2/2    istio.io/rev=default\n",
    ));
    tool(&["-o", "table"]).write_stdin(MANAGED).assert().success().stderr("").stdout(concat!(
        "NAME               KIND     CHANNEL  POINTS-TO  DEFAULT  READY  LABEL\n",
        "asm-managed        channel  regular  -          no       yes    istio.io/rev=asm-managed\n",
        "asm-managed-rapid  channel  rapid    -          no       -      ",
        "istio.io/rev=asm-managed-rapid\n",
    ));
}

#[test]
fn the_one_name_if_there_is_one() {
    for (args, input, name) in [
        (&["--default"][..], CANARY, "1-29\n"),
        (&["--ready-only"], CANARY, "1-29\n"),
        (&["--tag", "default"], CANARY, "1-29\n"),
        (&["--channel", "rapid"], MANAGED, "asm-managed-rapid\n"),
        (&["--ready-only"], MANAGED, "asm-managed\n"),
    ] {
        let args = [&["-o", "name"], args].concat();
        tool(&args).write_stdin(input).assert().success().stderr("").stdout(name);
    }
}

#[test]
fn else_what_to_choose_from() {
    let choices = "more than one could be meant: revision 1-29 (default, 2 of 2 pods ready), \
                   revision 1-30 (0 of 1 pods ready)\n";
    tool(&["-o", "name"])
        .write_stdin(CANARY)
        .assert()
        .code(1)
        .stdout(is_empty())
        .stderr(contains(choices).and(contains("hint: say which with --default")));
    tool(&["-o", "name", "-q"]).write_stdin(CANARY).assert().code(1).stdout("").stderr("");
    tool(&["-o", "name"])
        .write_stdin(MANAGED)
        .assert()
        .code(1)
        .stdout("")
        .stderr(contains("channel asm-managed (ready), channel asm-managed-rapid\n"));
}

#[test]
fn a_name_that_does_not_work_yet_is_warned_of() {
    let waiting = PODS.replace("True", "False");
    tool(&["-o", "name"]).write_stdin(waiting).assert().success().stdout("asm-173-3\n").stderr(
        contains("warning: nothing of it is ready: revision asm-173-3 (0 of 2 pods ready)\n"),
    );
}

#[test]
fn nothing_wanted_is_a_no() {
    for (args, input, message) in [
        (vec!["--tag", "prod"], CANARY, "none of these is wanted: revision 1-29 (default"),
        (vec!["--channel", "stable"], MANAGED, "none of these is wanted: channel asm-managed"),
        (
            vec!["-o", "table"],
            "{\"kind\": \"Service\"}",
            "warning: the input shows no control plane",
        ),
        (vec!["-o", "name"], "kind: Pod\nmetadata: {name: a}", "hint: feed it with: kubectl get"),
    ] {
        tool(&args).write_stdin(input).assert().code(1).stdout("").stderr(contains(message));
    }
}

#[test]
fn a_mesh_at_odds_with_itself_is_warned_of() {
    let two = CANARY.replace("values: [1-30]", "values: [1-29, 1-30]");
    tool(&["-o", "name"]).write_stdin(two).assert().code(0).stdout("1-30\n").stderr(contains(
        "warning: more than one control plane answers to istio.io/rev=1-29: 1-29, 1-30\n",
    ));
    let dangling =
        CANARY.replace("istio.io/rev: 1-29, istio.io/tag", "istio.io/rev: 1-28, istio.io/tag");
    tool(&[])
        .write_stdin(dangling)
        .assert()
        .success()
        .stderr(contains("warning: tag default points to 1-28, of which nothing else is there\n"));
}

#[test]
fn files_are_joined_and_nothing_counts_twice() {
    let file = std::env::temp_dir().join(format!("mesh-revision-{}.json", std::process::id()));
    std::fs::write(&file, PODS).unwrap();
    let path = file.to_str().unwrap();
    let assert = tool(&["-f", path, "-f", "-", "-o", "table"]).write_stdin(PODS).assert();
    std::fs::remove_file(&file).unwrap();
    assert.success().stdout(contains("  1/2  "));
}

#[test]
fn bad_input_is_told_with_its_place() {
    for (input, message) in [
        ("", "stdin: is empty"),
        ("{\"items\": [], \"kind\": \"List\"}", "stdin: holds no objects"),
        ("{\"kind\": \"ConfigMap\"}", "stdin: document 1: missing field `metadata`"),
        (
            "kind: Pod\nmetadata: {name: a, labels: {app: istiod, istio.io/rev: $(reboot)}}",
            "stdin: document 1: .metadata.labels.istio.io/rev: '$(reboot)' is no name of a revision",
        ),
    ] {
        tool(&["-o", "name"])
            .write_stdin(input)
            .assert()
            .code(3)
            .stdout("")
            .stderr(contains(message));
    }
}

#[test]
fn wrong_usage_names_the_flag() {
    for (args, message) in [
        (&["-o", "json"][..], "'json' for '--output <OUTPUT>'"),
        (&["--tag", "A.b"], "'--tag <TAG>': may have lower-case"),
        (&["--channel", "fast"], "'fast' for '--channel <CHANNEL>'"),
        (&["asm-managed"], "unexpected argument 'asm-managed'"),
    ] {
        tool(args).write_stdin(PODS).assert().code(2).stdout("").stderr(contains(message));
    }
}
