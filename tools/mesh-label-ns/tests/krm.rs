//! The program as a function of kustomize or kpt.

use predicates::prelude::*;
use predicates::str::{contains, is_empty};

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-label-ns");
    tool.env_clear().args(args);
    tool
}

const OTHER: &str = "- # not ours\n  kind: ConfigMap\n  apiVersion: v1\n  metadata: {name: b, \
    namespace: a, annotations: {internal.config.kubernetes.io/index: '0'}}\n  data: {mode: 0777}\n";

fn namespace(name: &str, labels: &str) -> String {
    format!(
        "- apiVersion: v1\n  kind: Namespace\n  metadata:\n    annotations:\n      \
         config.kubernetes.io/path: a.yaml\n    labels:\n      {labels}\n    name: {name}\n"
    )
}

fn list(spec: &str) -> String {
    format!(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{OTHER}{}{}functionConfig:\n  \
         apiVersion: meshutils/v1alpha1\n  kind: LabelNs\n  metadata: {{name: label}}\n  spec: \
         {spec}\n",
        namespace("a", "istio-injection: enabled"),
        namespace("c", "team: x # ours"),
    )
}

fn answer(args: &[&str], input: &str) -> String {
    let assert = tool(args).write_stdin(input).assert().success();
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

#[test]
fn namespaces_are_labelled_and_others_left_as_they_are() {
    let labelled = list("{rev: r}")
        .replace("istio-injection: enabled", "istio.io/rev: r")
        .replace("team: x # ours", "istio.io/rev: r\n      team: x");
    let output = answer(&[], &list("{rev: r}"));
    assert_eq!(output, labelled);
    assert_eq!(answer(&[], &output), output);
    let named = list("{rev: r, namespaces: [a]}");
    let output = answer(&["--krm"], &named);
    assert_eq!(output, named.replace("istio-injection: enabled", "istio.io/rev: r"));
}

#[test]
fn the_command_line_says_the_same() {
    let input = list("{}");
    let by_config = answer(&[], &list("{rev: r, namespaces: a}"));
    let by_line = answer(&["--rev", "r", "a"], &input);
    assert_eq!(by_line, by_config.replace("spec: {rev: r, namespaces: a}", "spec: {}"));
    let by_environment = tool(&["a"]).env("MESH_REV", "r").write_stdin(input).assert();
    by_environment.success().stdout(by_line);
}

#[test]
fn missing_namespaces_are_created_where_that_is_asked_for() {
    let input = list("{rev: r, namespaces: 'c,new', create: true}");
    let output = answer(&[], &input);
    let new = "- apiVersion: v1\n  kind: Namespace\n  metadata:\n    labels:\n      istio.io/rev: r\n    \
               name: new\nfunctionConfig:";
    assert!(output.contains(new), "{output}");
    assert_eq!(answer(&[], &output), output);
    let assert = tool(&[]).write_stdin(input.replace("true", "false")).assert();
    assert.code(3).stdout(is_empty()).stderr(contains("there is no Namespace new among the items"));
}

#[test]
fn doubts_are_results_about_their_item() {
    let assert = tool(&[]).write_stdin(list("{network: n, namespaces: c}")).assert().success();
    assert
        .stdout(contains(concat!(
            "results:\n- field:\n    path: metadata.labels\n  message: ",
            "\"namespace c: istiod reads the network off its own namespace; that is istio-system, ",
            "unless you moved it\"\n  resourceRef:\n    apiVersion: v1\n    kind: Namespace\n    ",
            "name: c\n  severity: warning\n"
        )))
        .stderr(contains("warning: namespace c: istiod reads the network"));
    let none = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\n";
    let assert = tool(&["--rev", "r"]).write_stdin(none).assert().success();
    assert.stdout(contains(
        "- message: there is no Namespace among the items\n  severity: warning\n",
    ));
}

#[test]
fn what_is_wrong_is_told_and_nothing_written() {
    for (args, input, code, message) in [
        (&[][..], list("{revision: r}"), 3, "functionConfig: unknown key \"revision\""),
        (&[], list("{rev: R}"), 2, "invalid value 'R' for '--rev <REVISION>'"),
        (&[], list("{rev: r, remove: true}"), 2, "cannot be used with '--rev <REVISION>'"),
        (&[], list("{}"), 2, "nothing is said of the labels"),
        (&[], list("{rev: r, context: a, namespaces: a}"), 2, "--context is not for KRM functions"),
        (&["--patch"], list("{rev: r}"), 2, "nothing is said of the labels"),
        (&["--patch", "--krm"], list("{rev: r}"), 2, "--patch is not for KRM functions"),
        (
            &[],
            list("{rev: r}").replace("team: x # ours", "team: 1"),
            3,
            "item Namespace c: .metadata.labels: ",
        ),
        (&[], list("{rev: r}").replace("LabelNs", "Sample"), 3, "is a \"Sample\" of"),
        (
            &[],
            list("{rev: r}").replace("io/v1\nkind: Res", "io/v2\nkind: Res"),
            3,
            "v2 is not known",
        ),
        (&["--krm"], "kind: Pod\n".to_owned(), 3, "is a Pod of \"\" and no ResourceList"),
        (&[], "kind: Pod\n".to_owned(), 2, "nothing is said of the labels"),
        (&["--rev", "r", "--create", "a"], "kind: Pod\n".to_owned(), 2, "--create needs --context"),
    ] {
        let assert = tool(args).write_stdin(input.clone()).assert();
        assert.code(code).stdout(is_empty()).stderr(contains(message).and(contains("error: ")));
    }
}
