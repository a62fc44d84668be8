//! The program as a function of kustomize or kpt.

use predicates::prelude::*;
use predicates::str::{contains, is_empty};

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-gateway-gen");
    tool.env_clear().args(args);
    tool
}

fn list(spec: &str) -> String {
    format!(
        "apiVersion: config.kubernetes.io/v1beta1\nkind: ResourceList\nfunctionConfig:\n  apiVersion: \
         meshutils/v1alpha1\n  kind: GatewayGen\n  metadata: {{name: gateway}}\n  spec: {spec}\n\
         items: []\n"
    )
}

fn answer(args: &[&str], input: &str) -> String {
    let assert = tool(args).write_stdin(input).assert().success();
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

fn kinds(answer: &str) -> Vec<&str> {
    answer.lines().filter_map(|line| line.strip_prefix("  kind: ")).collect()
}

#[test]
fn the_gateway_comes_as_the_objects_it_is_made_of() {
    let input = list("{network: network1, replicas: 2, annotation: ['a/b=c,d', e=f]}");
    let output = answer(&[], &input);
    assert_eq!(
        kinds(&output),
        [
            "ServiceAccount",
            "Role",
            "RoleBinding",
            "Deployment",
            "Service",
            "PodDisruptionBudget",
            "GatewayGen"
        ]
    );
    assert!(output.contains("      a/b: c,d\n      e: f\n"), "{output}");
    assert_eq!(answer(&[], &output), output);
    assert_eq!(answer(&["--krm"], &input), output);
}

#[test]
fn every_form_of_objects_is_an_item() {
    for (spec, wanted) in [
        ("{network: n, ambient: true}", vec!["Gateway", "GatewayGen"]),
        ("{network: n, output: gateway-api}", vec!["Gateway", "GatewayGen"]),
        ("{network: n, output: iop}", vec!["IstioOperator", "GatewayGen"]),
        ("{network: n, output: json}", vec!["IstioOperator", "GatewayGen"]),
    ] {
        let output = answer(&[], &list(spec));
        assert_eq!(kinds(&output), wanted, "{spec}");
        assert_eq!(answer(&[], &output), output);
    }
}

#[test]
fn warnings_are_results() {
    let input = list("{network: n, ca: istio-ca, platform: onprem}");
    let output = tool(&[]).write_stdin(input).assert().success();
    output
        .stdout(contains("results:\n- message: \"--ca is given and not used"))
        .stderr(contains("warning: --ca is given and not used"));
}

#[test]
fn what_is_wrong_is_told_and_nothing_written() {
    for (args, input, code, message) in [
        (
            &[][..],
            list("{network: n, output: helm}"),
            2,
            "-o helm: values of a chart are no object",
        ),
        (&[], list("{networks: n}"), 3, "did you mean network?"),
        (&[], list("{network: [a, b]}"), 3, "functionConfig: network: takes one value"),
        (&[], list("{}"), 2, "--network is missing"),
        (&[], list("{filename: '-'}"), 2, "standard input can be read once, and holds the items"),
        (&[], list("{network: n, source-ranges: '-'}"), 2, "standard input can be read once"),
        (&[], list("{filename: /etc/hostname}"), 3, "filename: names a file"),
        (&[], list("{network: n, source-ranges: /etc/hostname}"), 3, "source-ranges: names a file"),
        (&["--krm", "-f", "/nowhere/a"], list("{}"), 3, "/nowhere/a: No such file"),
        (
            &["--krm"],
            list("{}").replace("v1beta1", "v2"),
            3,
            "config.kubernetes.io/v2 is not known",
        ),
        (&["--krm"], "kind: Pod\n".to_owned(), 3, "is a Pod of \"\" and no ResourceList"),
        (&[], "kind: Pod\n".to_owned(), 2, "--network is missing"),
    ] {
        let assert = tool(args).write_stdin(input.clone()).assert();
        assert.code(code).stdout(is_empty()).stderr(contains(message).and(contains("error: ")));
    }
}

/// A loop that feeds others must not lose its lines to this one.
#[test]
fn with_a_network_standard_input_is_left_alone() {
    for environment in [("MESH_NETWORK", "n"), ("MESH_SINGLE_CLUSTER", "true")] {
        let assert = tool(&[]).env(environment.0, environment.1).write_stdin(list("{}")).assert();
        assert.success().stdout(contains("kind: IstioOperator"));
    }
    let script = "printf 'a\\nb\\n' | while read -r n; do \"$0\" --network \"$n\"; done";
    let program = &mesh_tests::programs()["mesh-gateway-gen"];
    let mut shell = assert_cmd::Command::new("sh");
    shell.args(["-c", script]).arg(program);
    shell.assert().success().stdout(contains("kind: IstioOperator").count(2));
}
