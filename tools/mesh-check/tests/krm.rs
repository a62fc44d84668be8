//! The program as a function of kustomize or kpt.

use predicates::prelude::*;
use predicates::str::{contains, is_empty};

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-check");
    tool.env_clear().args(args);
    tool
}

const NAMESPACE: &str = "- apiVersion: v1\n  kind: Namespace\n  metadata: # two labels\n    name: a\n    \
    labels: {istio-injection: enabled, istio.io/rev: x}\n";

fn list(items: &str, data: &str) -> String {
    format!(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{items}functionConfig:\n  \
         apiVersion: v1\n  kind: ConfigMap\n  metadata: {{name: check}}\n  data: {data}\n"
    )
}

const RESULT: &str = "results:\n- message: \"cluster items: namespace a has both \
    istio-injection=enabled and istio.io/rev=x: the first counts, whatever the other says \
    (MESH0711)\"\n  resourceRef:\n    apiVersion: v1\n    kind: Namespace\n    name: a\n  severity: \
    error\n  tags:\n    code: MESH0711\n";

#[test]
fn findings_are_results_about_items() {
    let input = list(NAMESPACE, "{}");
    let output = format!("{input}{RESULT}");
    for args in [&[][..], &["--krm"]] {
        let assert = tool(args).write_stdin(input.as_str()).assert().code(1);
        // That is all that kustomize shows.
        assert
            .stdout(output.clone())
            .stderr(contains("mesh-check: error: cluster items: namespace a has both"));
    }
    tool(&[]).write_stdin(output.clone()).assert().code(1).stdout(output);
}

#[test]
fn configuration_chooses_the_checks() {
    let skip = list(NAMESPACE, "{skip: 'MESH0711, MESH0101'}");
    tool(&[]).write_stdin(skip.clone()).assert().success().stdout(skip).stderr("");
    let only = list(NAMESPACE, "{only: MESH0101}");
    tool(&[]).write_stdin(only.clone()).assert().success().stdout(only);
    let by_line = list(NAMESPACE, "{}");
    tool(&["--skip", "MESH0711"]).write_stdin(by_line.clone()).assert().success().stdout(by_line);
}

#[test]
fn a_cluster_with_a_name_is_told_what_heals_it() {
    let input = list(NAMESPACE, "{filename: cluster1=-}");
    let assert = tool(&[]).write_stdin(input).assert().code(1);
    assert
        .stdout(contains("; fix: mesh-label-ns --context cluster1 --rev x a\""))
        .stderr(contains("hint: fix: mesh-label-ns --context cluster1"));
}

#[test]
fn items_without_fault_pass() {
    let input = list(&NAMESPACE.replace(", istio.io/rev: x", ""), "{fail-on: warning}");
    tool(&[]).write_stdin(input.clone()).assert().success().stdout(input).stderr("");
}

#[test]
fn what_is_wrong_is_told_and_nothing_written() {
    let other = "- kind: A\n  apiVersion: a/v1\n  metadata: {name: a}\n";
    for (args, input, code, message) in [
        (&[][..], list(NAMESPACE, "{failon: error}"), 3, "did you mean fail-on?"),
        (&[], list(NAMESPACE, "{only: MESH9999}"), 2, "'MESH9999' for '--only <CODE,...>'"),
        (&[], list(NAMESPACE, "{list: 'true'}"), 2, "--list is not for KRM functions"),
        (&["-o", "json"], list(NAMESPACE, "{}"), 2, "--output is not for KRM functions"),
        (&[], list(NAMESPACE, "{filename: a.json}"), 3, "filename: names a file"),
        (&["--krm", "-f", "a.json"], list(NAMESPACE, "{}"), 2, "it checks the items, and no file"),
        (
            &["--krm", "--clusters", "/nowhere/a"],
            list(NAMESPACE, "{}"),
            3,
            "/nowhere/a: No such file",
        ),
        (&[], list(NAMESPACE, "{clusters: /nowhere/a}"), 3, "clusters: names a file"),
        (
            &[],
            list(NAMESPACE, "{firewall-rules: /etc/hostname}"),
            3,
            "firewall-rules: names a file",
        ),
        (&[], list(other, "{}"), 3, "the input tells of no cluster"),
        (&[], list("", "{}").replace("items:", "items: []"), 3, "there are no items to check"),
        (&[], list(NAMESPACE, "{}").replace("io/v1\n", "io/v7\n"), 3, "io/v7 is not known"),
        (&[], list(NAMESPACE, "{}").replace("ConfigMap", "Secret"), 3, "is a \"Secret\" of \"v1\""),
        (&["--krm"], "kind: Pod\n".to_owned(), 3, "is a Pod of \"\" and no ResourceList"),
    ] {
        let assert = tool(args).write_stdin(input.clone()).assert();
        assert.code(code).stdout(is_empty()).stderr(contains(message).and(contains("error: ")));
    }
}
