//! The program as a user runs it, as a filter.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use predicates::prelude::*;

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-label-ns");
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
fn what_cannot_be_read_is_refused() {
    for (input, message) in [
        (
            r#"{"kind":"Service","metadata":{"name":"a"}}"#,
            "stdin: document 1: is a Service and no Namespace, Pod or",
        ),
        (
            r#"{"kind":"Pod","metadata":{"name":"a"},"spec":{"hostNetwork":1}}"#,
            "stdin: document 1: .spec.hostNetwork: invalid type",
        ),
        (
            r#"{"kind":"MutatingWebhookConfiguration","metadata":{"name":"a"},"webhooks":[{"name":"a",
                "namespaceSelector":{"matchExpressions":[{"key":"a","operator":"Gt"}]}}]}"#,
            ".webhooks[0].namespaceSelector.matchExpressions[0].operator: unknown variant",
        ),
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
        &["--simulate", "--patch"],
        &["--simulate", "--restart-list"],
        &["--restart-list", "-o", "json"],
        &["--simulate", "--create", "--context", "c", "sample"],
        &["--simulate", "--dry-run", "client", "--context", "c", "sample"],
        &["--rev", "a", "--create"],
        &["--rev", "a", "--context", "c"],
        &["--rev", "a", "--context", "c", "--patch", "sample"],
        &["--rev", "a", "--patch", "-o", "json"],
    ] {
        tool(args).write_stdin(NAMESPACE).assert().code(2).stdout("");
    }
}

const PLANES: [&str; 2] = [include_str!("planes/default.yaml"), include_str!("planes/canary.yaml")];

/// Two namespaces, their pods, and the webhooks of a default plane and of "canary".
fn mesh() -> String {
    let status = r#"{\"revision\": \"default\"}"#;
    let objects = format!(
        r#"
kind: List
items:
- {{kind: Namespace, metadata: {{name: sample, labels: {{istio-injection: enabled}}}}}}
- {{kind: Namespace, metadata: {{name: other}}}}
- kind: Pod
  metadata:
    name: web-7d4b9-x
    namespace: sample
    labels: {{pod-template-hash: 7d4b9}}
    annotations: {{sidecar.istio.io/status: "{status}"}}
    ownerReferences: [{{kind: ReplicaSet, name: web-7d4b9, controller: true}}]
- {{kind: Pod, metadata: {{name: agent, namespace: sample}}, spec: {{hostNetwork: true}}}}
- {{kind: Pod, metadata: {{name: own, namespace: other, labels: {{istio.io/rev: prod}}}}}}
"#
    );
    [&objects, PLANES[0], PLANES[1]].join("\n---\n")
}

#[test]
fn every_pod_is_simulated() {
    let simulation = |namespaces: &[&str]| {
        let mut args = vec!["--rev", "canary", "--simulate"];
        args.extend(namespaces);
        let assert = tool(&args).write_stdin(mesh()).assert().success().stderr("");
        String::from_utf8(assert.get_output().stdout.clone()).unwrap()
    };
    let web = concat!(
        r#"{"namespace":"sample","pod":"web-7d4b9-x","workload":"deployment/web","#,
        r#""sidecar":{"revision":"default"},"#,
        r#""now":{"mode":"sidecar","revision":"default","#,
        r#""webhooks":["istio-sidecar-injector/namespace.sidecar-injector.istio.io"]},"#,
        r#""after":{"mode":"sidecar","revision":"canary","#,
        r#""webhooks":["istio-sidecar-injector-canary/rev.namespace.sidecar-injector.istio.io"]},"#,
        r#""restart":true}"#,
    );
    let all = simulation(&[]);
    assert_eq!(all.lines().count(), 3);
    assert!(all.lines().any(|line| line == web), "{all}");
    let named = simulation(&["sample"]);
    assert_eq!(named.lines().count(), 2);
    assert!(!named.contains("other") && named.contains("host network"), "{named}");
}

#[test]
fn the_simulation_is_a_table_for_people() {
    tool(&["--rev", "prod", "--simulate", "-o", "table"])
        .write_stdin(mesh())
        .assert()
        .success()
        .stdout(
            "NAMESPACE  POD          RUNS     NOW      AFTER   RESTART\n\
         other      own          -        canary   canary  yes\n\
         sample     agent        -        -        -       no\n\
         sample     web-7d4b9-x  default  default  canary  yes\n",
        );
}

#[test]
fn a_capture_is_simulated_and_not_written_back() {
    let header = "apiVersion: meshutils/v1alpha1\nkind: Capture\nmetadata: {name: a}";
    let capture = [header, &mesh(), "kind: Service\nmetadata: {name: a}"].join("\n---\n");
    let simulated = |input: String| {
        let ran = tool(&["--simulate"]).write_stdin(input).assert().success();
        ran.get_output().stdout.clone()
    };
    assert_eq!(simulated(capture.clone()), simulated(mesh()));
    tool(&["--rev", "canary", "--patch"]).write_stdin(capture.clone()).assert().success();
    let refusal = predicate::str::contains("namespaces of a capture are not whole")
        .and(predicate::str::contains("--patch writes"));
    tool(&["--rev", "canary"]).write_stdin(capture).assert().code(3).stdout("").stderr(refusal);
}

#[test]
fn restarts_are_commands() {
    let own =
        "# restart pod/own in namespace other by hand: nothing makes it again when it is deleted\n";
    let web = "kubectl rollout restart deployment/web -n sample\n";
    let restarts = |args: &[&str], commands: &str| {
        let all = [&["--restart-list"], args].concat();
        tool(&all).write_stdin(mesh()).assert().success().stderr("").stdout(commands.to_owned());
    };
    restarts(&["--rev", "prod"], &format!("{own}{web}"));
    restarts(&["--rev", "prod", "sample"], web);
    // As it is labelled: one pod has no sidecar although it asks for one.
    restarts(&[], own);
    restarts(&["sample"], "");
}

#[test]
fn a_revision_that_nobody_serves_is_refused() {
    for args in
        [&["--rev", "ghost"][..], &["--rev", "ghost", "--patch"], &["--rev", "ghost", "--simulate"]]
    {
        tool(args)
            .write_stdin(mesh())
            .assert()
            .code(3)
            .stdout("")
            .stderr(predicate::str::contains("no webhook serves istio.io/rev=ghost"))
            .stderr(predicate::str::contains("--rev may be one of: canary, default, prod"));
        let mut allowed = args.to_vec();
        allowed.push("--allow-missing-revision");
        tool(&allowed).write_stdin(mesh()).assert().success();
    }
    let revisioned = format!("kind: Namespace\nmetadata: {{name: a}}\n---\n{}", PLANES[1]);
    tool(&["--injection", "enabled"])
        .write_stdin(revisioned.as_str())
        .assert()
        .code(3)
        .stderr(predicate::str::contains("no webhook serves istio-injection=enabled"));
    for args in
        [&["--rev", "prod"][..], &["--injection", "disabled"], &["--dataplane-mode", "ambient"]]
    {
        tool(args).write_stdin(revisioned.as_str()).assert().success();
    }
}

#[test]
fn pods_and_webhooks_are_read_and_not_written() {
    let assert = tool(&["--injection", "enabled", "-o", "json", "other"])
        .write_stdin(mesh())
        .assert()
        .success()
        .stderr("");
    let written: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    let labels = serde_json::json!({"istio-injection": "enabled"});
    assert_eq!(
        written,
        serde_json::json!({"kind": "Namespace", "metadata": {"name": "other", "labels": labels}})
    );
    tool(&["--rev", "canary", "missing"])
        .write_stdin(mesh())
        .assert()
        .code(3)
        .stdout("")
        .stderr(predicate::str::contains("there is no namespace missing in the input"));
}

#[test]
fn a_manifest_gets_the_label_of_its_name_and_a_stored_namespace_has_it() {
    let planes = include_str!("planes/tag-default.yaml");
    let webhooks = |uid: &str| {
        let pod = "kind: Pod\nmetadata: {name: p, namespace: kube-system}";
        let namespace = format!("kind: Namespace\nmetadata: {{name: kube-system{uid}}}");
        let input = [pod, namespace.as_str(), planes].join("\n---\n");
        let assert = tool(&["--simulate"]).write_stdin(input).assert().success();
        let line: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
        line["now"]["webhooks"].as_array().unwrap().len()
    };
    assert_eq!(webhooks(""), 0);
    // From a server before 1.21, which gives no namespace that label.
    assert_eq!(webhooks(", uid: u"), 1);
}

#[test]
fn a_simulation_wants_webhooks_and_pods() {
    tool(&["--rev", "r", "--simulate"])
        .write_stdin(NAMESPACE)
        .assert()
        .code(3)
        .stdout("")
        .stderr(predicate::str::contains("there is no MutatingWebhookConfiguration in the input"));
    let no_pods = format!("kind: Namespace\nmetadata: {{name: a}}\n---\n{}", PLANES[0]);
    tool(&["--simulate"])
        .write_stdin(no_pods)
        .assert()
        .success()
        .stdout("")
        .stderr(predicate::str::contains("warning: there are no pods in the input"));
}

#[test]
fn ambient_and_network_are_labels_too() {
    for (args, patch) in [
        (
            &["--dataplane-mode", "ambient"][..],
            r#"{"istio-injection":null,"istio.io/dataplane-mode":"ambient"}"#,
        ),
        (&["--dataplane-mode", "none"], r#"{"istio.io/dataplane-mode":"none"}"#),
        (&["--network", "net_1"], r#"{"topology.istio.io/network":"net_1"}"#),
        (
            &["--rev", "r", "--network", "n"],
            r#"{"istio-injection":null,"istio.io/rev":"r","topology.istio.io/network":"n"}"#,
        ),
    ] {
        let patch = format!("{{\"metadata\":{{\"labels\":{patch},\"name\":\"sample\"}}}}\n");
        let mut all = args.to_vec();
        all.extend(["--patch", "-q"]);
        tool(&all).write_stdin(NAMESPACE).assert().success().stderr("").stdout(patch);
    }
}

#[test]
fn what_a_network_does_not_do_by_itself_is_told() {
    let told = |namespace: &str, network: &str| {
        let namespace = format!(
            "kind: Namespace\nmetadata: {{name: {namespace}, labels: {{topology.istio.io/network: a}}}}"
        );
        let assert = tool(&["--network", network]).write_stdin(namespace).assert().success();
        String::from_utf8(assert.get_output().stderr.clone()).unwrap()
    };
    let elsewhere = "warning: namespace sample: istiod reads the network off its own namespace";
    let moved = "note: namespace istio-system: what runs keeps the network it started with";
    assert!(told("sample", "a").contains(elsewhere));
    assert!(told("istio-system", "b").contains(moved));
    assert_eq!(told("istio-system", "a"), "");
}
