//! Runs that were killed between two files.

use super::bed::{Bed, VM};
use predicates::str::contains;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

fn issue(bed: &Bed, more: &str) -> assert_cmd::Command {
    bed.tool(&format!("--spiffe {VM} --ca-dir ca --out certs {more}"))
}

/// The new key is in its place, and the certificate not yet.
#[test]
fn a_pair_that_does_not_fit_is_told_and_made_again() {
    let bed = Bed::new();
    issue(&bed, "").assert().success().stderr("");
    let (chain, left) = (bed.read("certs/cert-chain.pem"), "certs/.cert-chain.pem.4711-0.new");
    issue(&bed, "--force").assert().success();
    fs::rename(bed.path("certs/cert-chain.pem"), bed.path(left)).unwrap();
    bed.write("certs/cert-chain.pem", &chain, 0o644);
    let named = format!("{left}: a run that was killed left it");
    bed.tool("verify --dir certs")
        .assert()
        .code(1)
        .stdout(contains("MESH0561"))
        .stderr(contains(&named));
    issue(&bed, "").assert().code(3).stdout("").stderr(contains(&named));
    issue(&bed, "--force").assert().success().stderr(contains(&named));
    fs::remove_file(bed.path(left)).unwrap();
    bed.tool("verify --dir certs").assert().success().stderr("");
}

/// At moments all over a run, most of which is making the key.
#[test]
fn whatever_the_moment_files_are_whole_and_what_does_not_fit_is_told() {
    let bed = Bed::new();
    issue(&bed, "").assert().success();
    for moment in 0..30 {
        let mut command = Command::new(&mesh_tests::programs()["mesh-cert"]);
        let words =
            format!("--spiffe {VM} --ca-dir ca --out certs --force --at {}", super::bed::AT);
        let mut child = command
            .args(words.split(' '))
            .current_dir(bed.path(""))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(moment * 5));
        child.kill().unwrap();
        child.wait().unwrap();
        let verified = bed.tool("verify -o json --dir certs").output().unwrap();
        let found = String::from_utf8(verified.stdout).unwrap();
        // Each is read as what it is; at most the key is another one's.
        let is_told = found.lines().all(|line| line.contains("MESH0561"));
        assert!(is_told && verified.status.code() <= Some(1), "{moment}: {found}");
        assert_eq!(bed.mode("certs/key.pem"), 0o600);
    }
    issue(&bed, "--force").assert().success();
    bed.tool("verify --dir certs").assert().success().stdout("");
}
