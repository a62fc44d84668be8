//! The program as a user runs it, without a server that answers: the files that it writes.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use super::cli::{offline, token_secret};
use predicates::prelude::*;
use std::io::Write as _;

#[test]
fn a_file_for_it_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let (file, input) = (dir.path().join("secrets.yaml"), token_secret().to_string());
    let args = ["--name", "c1", "--server", "https://203.0.113.7:6443"];
    let to_file = ["--out", file.to_str().unwrap()];
    let stdout = offline(&args, &input).success().get_output().stdout.clone();
    for _ in 0..2 {
        let told = predicate::str::contains("secrets.yaml: written");
        offline(&[&args[..], &to_file].concat(), &input).success().stdout("").stderr(told);
        assert_eq!(std::fs::read(&file).unwrap(), stdout);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    // What fails leaves the file as it was.
    offline(&[&args[..2], &to_file].concat(), &input).code(2).stdout("");
    assert_eq!(std::fs::read(&file).unwrap(), stdout);
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut child = std::process::Command::new(&mesh_tests::programs()["mesh-remote-secret"])
        .args(["--name", "c1", "--server", "https://10.0.0.2"])
        .stdin(std::process::Stdio::piped())
        .stdout(full)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(token_secret().to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("standard output: No space left"), "{stderr}");
}

/// Of an attack, as root: the device became a file with the token in it.
#[test]
fn only_files_are_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink("file", &link).unwrap();
    let run = |out: &std::path::Path| {
        let args = ["--name", "c1", "--server", "https://203.0.113.7", "--out"];
        offline(&[&args[..], &[out.to_str().unwrap()]].concat(), &token_secret().to_string())
    };
    for (out, reason) in [
        ("/dev/null".as_ref(), "/dev/null: is not a regular file"),
        ("/dev/stdout".as_ref(), "is an open file"),
        (socket.as_path(), "socket: is not a regular file"),
        (dir.path(), "is a folder"),
    ] {
        run(out).code(3).stdout("").stderr(predicate::str::contains(reason));
    }
    // The user's own link leads to the place.
    run(&link).success();
    assert!(link.is_symlink() && dir.path().join("file").is_file());
}
