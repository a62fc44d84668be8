//! Every example of `--help` and every shell block of README.md runs as printed.

use crate::clusters::{kubectl, shell, shell_command};
use crate::stand_in::StandIn;
use crate::{Needs, Test};
use mesh_tests::{programs, root, run};
use std::path::Path;
use std::process::Command;

pub const TESTS: &[Test] = &[
    ("examples_of_help_run_as_printed", Needs::ClustersAndGcloud, of_help),
    ("examples_of_readme_run_as_printed", Needs::ClustersAndGcloud, of_readme),
];

/// What the examples take for granted.
fn prepare() {
    let _ =
        shell("mesh-label-ns --context cluster1 --context cluster2 --remove --create sample").ok();
}

fn of_help() {
    prepare();
    let stand_in = StandIn::start();
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, program) in programs() {
        let help = run(Command::new(program).arg("--help"), "").ok();
        let examples: Vec<&str> =
            help.lines().skip(1).take_while(|line| line.starts_with("  ")).map(str::trim).collect();
        assert!(examples.len() >= 2, "{name}: {help}");
        for example in examples {
            let ran = shell_with_gcloud(&stand_in, dir.path(), example);
            assert_eq!(ran.code, Some(0), "{example}\n{ran:?}");
            assert_ne!(ran.stdout, "", "{example}");
        }
    }
    clean();
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
