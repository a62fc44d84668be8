//! The program as a function of kustomize or kpt.

use predicates::prelude::*;
use predicates::str::{contains, is_empty};

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-expose");
    tool.env_clear().args(args);
    tool
}

const ITEM: &str = "- # the team's\n  apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: a\n    \
    annotations: {config.kubernetes.io/index: '0'}\n  data: {old: yes}\n";

fn list(config: &str) -> String {
    format!(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{ITEM}functionConfig:\n  \
         apiVersion: meshutils/v1alpha1\n  kind: Expose\n  metadata: {{name: expose}}\n  spec: \
         {config}\n"
    )
}

fn answer(args: &[&str], input: &str) -> String {
    let assert = tool(args).write_stdin(input).assert().success();
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

#[test]
fn objects_go_among_the_items() {
    let input = list("{what: services, host: ['*.a', '*.b'], istio-version: '1.19'}");
    let output = answer(&[], &input);
    let head = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n";
    let gateway = "- apiVersion: networking.istio.io/v1alpha3\n  kind: Gateway\n  metadata:\n    \
                   labels:\n      app.kubernetes.io/managed-by: meshutils\n    name: \
                   cross-network-gateway\n    namespace: istio-system\n";
    assert!(output.starts_with(&format!("{head}{ITEM}{gateway}")), "{output}");
    assert!(output.contains("    - hosts:\n      - \"*.a\"\n      - \"*.b\"\n"), "{output}");
    assert!(output.ends_with(input.split_once(ITEM).unwrap_or_default().1), "{output}");
    // The answer to the answer is the same, and so is that to a call by name.
    assert_eq!(answer(&[], &output), output);
    assert_eq!(answer(&["--krm"], &input), output);
}

#[test]
fn an_object_takes_the_place_of_its_old_self() {
    let old = "apiVersion: networking.istio.io/v1alpha3\n  kind: Gateway\n  metadata:\n    name: \
               cross-network-gateway\n    namespace: istio-system\n    annotations:\n      \
               config.kubernetes.io/path: mesh/gateway.yaml\n      team: a\n";
    let input = list("{what: services}").replace(ITEM, &format!("- {old}{ITEM}"));
    let output = answer(&[], &input);
    assert_eq!(output.matches("kind: Gateway").count(), 1);
    assert!(output.contains("config.kubernetes.io/path: mesh/gateway.yaml"), "{output}");
    assert!(!output.contains("team: a"), "{output}");
    assert!(output.find("kind: Gateway") < output.find("kind: ConfigMap"), "{output}");
}

#[test]
fn a_config_map_and_the_command_line_say_the_same() {
    let map = "apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n  data: {what: istiod, \
               revision: r}\n";
    let by_map = list("").replace(
        "apiVersion: meshutils/v1alpha1\n  kind: Expose\n  metadata: {name: expose}\n  spec: \n",
        map,
    );
    let no_config = list("").split_once("functionConfig").unwrap_or_default().0.to_owned();
    let by_line = answer(&["istiod", "--revision", "r", "--krm"], &no_config);
    let items = |text: &str| text.split("functionConfig").next().unwrap_or_default().to_owned();
    assert_eq!(items(&answer(&[], &by_map)), by_line);
    let by_environment =
        tool(&["istiod", "--krm"]).env("MESH_REVISION", "r").write_stdin(no_config).assert();
    by_environment.success().stdout(by_line);
}

#[test]
fn warnings_are_results() {
    let output = tool(&["--krm"]).write_stdin(list("{what: services, revision: r}")).assert();
    output
        .success()
        .stdout(contains("results:\n- message: \"--revision is given and not used"))
        .stdout(contains("  severity: warning\n"))
        .stderr(contains("warning: --revision is given and not used"));
}

#[test]
fn what_is_wrong_is_told_and_nothing_written() {
    let wrong_version = list("{}").replace("kubernetes.io/v1\n", "kubernetes.io/v9\n");
    for (args, input, code, message) in [
        (
            &[][..],
            list("{what: services, revison: r}"),
            3,
            "unknown key \"revison\"\nmesh-expose: hint: did you mean revision?",
        ),
        (&[], list("{what: all}"), 2, "invalid value 'all' for '[WHAT]'"),
        (&[], list("{}"), 2, "<WHAT> is missing"),
        (&[], list("{what: services, output: json}"), 2, "--output is not for KRM functions"),
        (&["services", "--krm"], list("{what: istiod}"), 2, "unexpected argument 'istiod'"),
        (&[], list("{}").replace("Expose", "LabelNs"), 3, "functionConfig: is a \"LabelNs\" of"),
        (&[], wrong_version, 3, "a ResourceList of config.kubernetes.io/v9 is not known"),
        (
            &["--krm"],
            "kind: List\nitems: []\n".to_owned(),
            3,
            "is a List of \"\" and no ResourceList",
        ),
        (&["--krm"], String::new(), 3, "stdin: is empty"),
        (&[], String::new(), 2, "<WHAT> is missing"),
        (&[], "kind: List\nitems: []\n".to_owned(), 2, "<WHAT> is missing"),
        (&["--krm=/nowhere/a.yaml"], String::new(), 3, "/nowhere/a.yaml: No such file"),
    ] {
        let assert = tool(args).write_stdin(input.clone()).assert();
        assert.code(code).stdout(is_empty()).stderr(contains(message).and(contains("error: ")));
    }
}

#[test]
fn standard_input_is_left_alone_otherwise() {
    let input = list("{what: istiod}");
    tool(&["services"])
        .write_stdin(input)
        .assert()
        .success()
        .stdout(contains("ResourceList").not());
}
