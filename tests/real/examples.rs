//! Every example of `--help` and every shell block of README.md runs as printed.

use crate::clusters::{kubectl, shell, shell_command};
use crate::stand_in::StandIn;
use crate::testbed::with_nodes;
use crate::{Needs, Test};
use mesh_tests::{programs, root, run};
use std::path::Path;
use std::process::Command;

pub const TESTS: &[Test] = &[
    ("examples_of_help_run_as_printed", Needs::ClustersAndGcloud, of_help),
    ("examples_with_pods_run_as_printed", Needs::Nodes, with_pods),
    ("examples_of_readme_run_as_printed", Needs::ClustersAndGcloud, of_readme),
];

/// The program that does nothing without a pod that runs.
const NEEDS_PODS: &str = "mesh-probe";

/// The program that has something to say against a mesh whose gateways have no proxies.
const JUDGES: &str = "mesh-check";

/// What the examples take for granted.
fn prepare() {
    let _ =
        shell("mesh-label-ns --context cluster1 --context cluster2 --remove --create sample").ok();
    // East-west gateways, with addresses as a load balancer gives them.
    for context in ["cluster1", "cluster2"] {
        let status = r#"{"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}"#;
        let _ = shell(&format!(
            "set -e
             mesh-gateway-gen --network network1 -o manifests |
               mesh-apply --context {context}
             kubectl --context {context} -n istio-system patch service istio-eastwestgateway \
               --subresource=status --type=merge -p '{status}'"
        ))
        .ok();
    }
}

fn of_help() {
    prepare();
    let stand_in = StandIn::start();
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, program) in programs().iter().filter(|(name, _)| *name != NEEDS_PODS) {
        for example in examples(name, program) {
            let ran = shell_with_gcloud(&stand_in, dir.path(), &example);
            let said_no = name == JUDGES && ran.code == Some(1);
            assert!(said_no || ran.code == Some(0), "{example}\n{ran:?}");
            assert_ne!(ran.stdout, "", "{example}");
        }
    }
    clean();
}

fn examples(name: &str, program: &Path) -> Vec<String> {
    let help = run(Command::new(program).arg("--help"), "").ok();
    let lines = help.lines().skip(1).take_while(|line| line.starts_with("  "));
    let examples: Vec<String> = lines.map(|line| line.trim().to_owned()).collect();
    assert!(examples.len() >= 2, "{name}: {help}");
    examples
}

/// In the clusters that have nodes. No name of a service is known there; that is a reply, too.
fn with_pods() {
    let kubeconfig = with_nodes().join("kubeconfig");
    let in_pods =
        |script: &str| run(shell_command().args(["-c", script]).env("KUBECONFIG", &kubeconfig), "");
    for context in ["cluster1", "cluster2"] {
        let _ = in_pods(&format!(
            "kubectl --context {context} create namespace sample &&
             mesh-sample sleep -n sample --image localhost/tools:1 --image-pull-policy Never |
               mesh-apply --context {context} --wait"
        ))
        .ok();
    }
    for example in examples(NEEDS_PODS, &programs()[NEEDS_PODS]) {
        let ran = in_pods(&example);
        assert_eq!(ran.code, Some(0), "{example}\n{ran:?}");
        assert_ne!(ran.stdout, "", "{example}");
    }
}

/// Blocks of the kind `sh` are run; other blocks show output or commands that CI runs itself.
fn of_readme() {
    prepare();
    let stand_in = StandIn::start();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let readme = std::fs::read_to_string(root().join("README.md")).expect("there is a README");
    let blocks: Vec<&str> = readme
        .split("\n```sh\n")
        .skip(1)
        .map(|rest| rest.split("\n```\n").next().expect("a block ends"))
        .collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        // In one shell, which stops at the first command that fails.
        let ran = shell_with_gcloud(&stand_in, dir.path(), &format!("set -e\n{block}"));
        assert_eq!(ran.code, Some(0), "{block}\n{ran:?}");
    }
    clean();
}

/// A shell with our programs, the test bed's kubeconfig and gcloud on the stand-in, in `dir`.
fn shell_with_gcloud(stand_in: &StandIn, dir: &Path, script: &str) -> mesh_tests::Ran {
    let mut shell = shell_command();
    shell.args(["-c", script]).current_dir(dir);
    run(stand_in.set(&mut shell), "")
}

fn clean() {
    for (context, secret) in [("cluster1", "cluster2"), ("cluster2", "cluster1")] {
        let secret = format!("istio-remote-secret-{secret}");
        let args = ["--context", context, "-n", "istio-system", "delete", "secret", &secret];
        let _ = run(kubectl(&args).arg("--ignore-not-found"), "").ok();
    }
}
