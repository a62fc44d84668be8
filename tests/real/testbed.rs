//! scripts/testbed: what it starts, it ends.

use crate::clusters::wait_for;
use crate::{Needs, Test};
use mesh_tests::{root, run};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub const TESTS: &[Test] = &[
    ("testbed_keeps_the_exit_status", Needs::Clusters, keeps_the_exit_status),
    ("testbed_ends_all_when_killed", Needs::Clusters, ends_all_when_killed),
    ("testbed_ends_all_when_terminated", Needs::Clusters, ends_all_when_terminated),
    ("testbed_up_status_down", Needs::Clusters, up_status_down),
    ("testbed_refuses_wrong_usage", Needs::Clusters, refuses_wrong_usage),
];

fn testbed(args: &[&str]) -> Command {
    let mut command = Command::new(root().join("scripts/testbed"));
    command.args(args);
    command
}

fn keeps_the_exit_status() {
    let script = "test -f \"$MESH_TESTBED_DIR/kubeconfig\" && exit 42";
    assert_eq!(run(&mut testbed(&["run", "-n", "1", "sh", "-c", script]), "").code, Some(42));
}

/// A test bed whose command says its directory and then waits.
fn waiting() -> (Child, PathBuf) {
    let script = "echo \"$MESH_TESTBED_DIR\"; sleep 1000";
    let mut child = testbed(&["run", "-n", "1", "sh", "-c", script])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line).expect("it says its directory");
    (child, PathBuf::from(line.trim()))
}

/// Processes that have `dir` in their arguments or environment.
fn processes_of(dir: &Path) -> Vec<String> {
    let mark = dir.to_str().expect("a plain path").as_bytes();
    let mentions = |file: PathBuf| {
        std::fs::read(file).is_ok_and(|text| text.windows(mark.len()).any(|part| part == mark))
    };
    let processes = std::fs::read_dir("/proc").expect("Linux has it");
    processes
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| mentions(path.join("cmdline")) || mentions(path.join("environ")))
        .map(|path| path.display().to_string())
        .collect()
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
    assert!(status.expect("kill runs").success());
}

fn nothing_is_left(dir: &Path) {
    wait_for("the end of all processes", || processes_of(dir).is_empty().then_some(()));
    wait_for("the removal of the directory", || (!dir.exists()).then_some(()));
}

fn ends_all_when_killed() {
    let (mut child, dir) = waiting();
    assert!(processes_of(&dir).len() >= 3, "{:?}", processes_of(&dir));
    signal(&child, "KILL");
    let _ = child.wait().expect("it ended");
    nothing_is_left(&dir);
}

fn ends_all_when_terminated() {
    let (mut child, dir) = waiting();
    signal(&child, "TERM");
    assert_eq!(child.wait().expect("it ends").code(), Some(143));
    nothing_is_left(&dir);
}

fn up_status_down() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let dir = parent.path().join("bed");
    let at = dir.to_str().expect("a plain path");
    let status = || run(&mut testbed(&["status", "-d", at]), "").code;
    assert_eq!(status(), Some(1));
    let up = run(&mut testbed(&["up", "-n", "1", "-d", at]), "");
    assert_eq!(up.ok(), format!("export KUBECONFIG={at}/kubeconfig\n"));
    assert_eq!(status(), Some(0));
    assert_eq!(run(&mut testbed(&["up", "-n", "1", "-d", at]), "").code, Some(0));
    assert_eq!(run(&mut testbed(&["up", "-n", "2", "-d", at]), "").code, Some(4));
    assert_eq!(run(&mut testbed(&["down", "-d", at]), "").code, Some(0));
    assert_eq!(status(), Some(1));
    nothing_is_left(&dir);
}

fn refuses_wrong_usage() {
    for args in [&["walk"][..], &["run"], &["run", "-n", "0", "true"], &["up", "--no-such-flag"]] {
        let ran = run(&mut testbed(args), "");
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?} {ran:?}");
    }
}
