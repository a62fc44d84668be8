//! The program as a function of kustomize or kpt.

use predicates::prelude::*;
use predicates::str::{contains, is_empty};

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-sample");
    tool.env_clear().args(args);
    tool
}

fn list(data: &str) -> String {
    format!(
        "apiVersion: config.kubernetes.io/v1alpha1\nkind: ResourceList\nitems:\n- apiVersion: v1\n  \
         kind: Service\n  metadata: {{name: sleep, namespace: sample}} # ours\nfunctionConfig:\n  \
         apiVersion: v1\n  kind: ConfigMap\n  metadata: {{name: sample}}\n  data: {data}\n"
    )
}

fn answer(args: &[&str], input: &str) -> String {
    let assert = tool(args).write_stdin(input).assert().success().stderr("");
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

#[test]
fn workloads_go_among_the_items() {
    let input = list("{what: helloworld, namespace: sample, version: 'v1, v3', service: 'true'}");
    let output = answer(&[], &input);
    let kinds: Vec<&str> = output.lines().filter(|line| line.starts_with("  kind:")).collect();
    let wanted = ["Service", "Service", "Deployment", "Deployment", "ConfigMap"];
    assert_eq!(kinds, wanted.map(|kind| format!("  kind: {kind}")), "{output}");
    assert!(output.contains("    name: helloworld-v3\n"), "{output}");
    assert!(output.contains("{name: sleep, namespace: sample} # ours\n"), "{output}");
    assert_eq!(answer(&[], &output), output);
    assert_eq!(answer(&["--krm"], &input), output);
}

#[test]
fn the_same_object_is_replaced_in_its_place() {
    let output = answer(&[], &list("{what: sleep, namespace: sample}"));
    assert_eq!(output.matches("\n  kind: Service\n").count(), 1, "{output}");
    assert!(!output.contains("# ours"), "{output}");
    assert_eq!(answer(&[], &output), output);
}

#[test]
fn plain_objects_and_a_file_are_the_protocol_of_older_plugins() {
    let config = std::env::temp_dir().join(format!("mesh-sample-krm-{}.yaml", std::process::id()));
    let own = "apiVersion: meshutils/v1alpha1\nkind: Sample\nspec: {what: curl, namespace: a}\n";
    std::fs::write(&config, own).expect("a temporary file");
    let flag = format!("--krm={}", config.display());
    let alone = answer(&[&flag], "");
    assert_eq!(alone, answer(&["curl", "-n", "a"], ""));
    let other = "kind: A # why\nmetadata: {name: a}\n";
    assert_eq!(answer(&[&flag], other), format!("{other}---\n{alone}"));
    std::fs::remove_file(config).expect("it is there");
}

#[test]
fn what_is_wrong_is_told_and_nothing_written() {
    for (args, input, code, message) in [
        (&[][..], list("{what: sleep, name-space: a}"), 3, "did you mean namespace?"),
        (
            &[],
            list("{what: sleep, replicas: many}"),
            2,
            "invalid value 'many' for '--replicas <N>'",
        ),
        (&[], list("{version: v1}"), 2, "<WHAT> is missing"),
        (
            &["--krm"],
            list("{}").replace("v1alpha1", "v2"),
            3,
            "config.kubernetes.io/v2 is not known",
        ),
        (
            &["--krm"],
            "kind: Pod\nmetadata: {}\n".to_owned(),
            3,
            "is a Pod of \"\" and no ResourceList",
        ),
        (&["--krm", "sleep", "-o", "json"], list("{}"), 2, "--output is not for KRM functions"),
        (&[], "{}".to_owned(), 2, "<WHAT> is missing"),
    ] {
        let assert = tool(args).write_stdin(input.clone()).assert();
        assert.code(code).stdout(is_empty()).stderr(contains(message).and(contains("error: ")));
    }
}
