//! The program as a user runs it, without any server.
#![allow(clippy::unwrap_used)] // a test stops where it fails

mod init;
mod openssl;
mod plan;
mod proxies;
mod rotate;
mod verify;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// The program at a time, in a folder of its own.
fn at(dir: &Path, time: &str, args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-cacerts");
    tool.env_clear().current_dir(dir).args(args).args(["--at", time]);
    tool
}

/// The program in the year 2026.
fn tool(dir: &Path, args: &[&str]) -> assert_cmd::Command {
    at(dir, "2026-01-01T00:00:00Z", args)
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Standard output of a run that says yes.
fn output(tool: &mut assert_cmd::Command) -> String {
    let ran = tool.assert().success();
    String::from_utf8(ran.get_output().stdout.clone()).unwrap()
}

/// The objects in a v1 List, or the one object.
fn items(text: &str) -> Vec<Value> {
    let value: Value = serde_json::from_str(text).unwrap();
    match value["items"].as_array() {
        Some(items) => items.clone(),
        None => vec![value],
    }
}

/// Secrets for clusters a and b below the root in `root`, quickly made.
fn two(dir: &Path) -> Vec<Value> {
    let args = ["init", "--root-dir", "root", "--key", "ecdsa-p256", "-o", "json"];
    items(&output(tool(dir, &args).args(["--cluster", "a", "--cluster", "b"])))
}

fn text(secret: &Value, file: &str) -> String {
    let data = secret["data"][file].as_str().unwrap_or_else(|| panic!("no {file} in {secret}"));
    String::from_utf8(STANDARD.decode(data).unwrap()).unwrap()
}

fn with(mut secret: Value, file: &str, text: &str) -> Value {
    secret["data"][file] = json!(STANDARD.encode(text));
    secret
}

fn without(mut secret: Value, file: &str) -> Value {
    secret["data"].as_object_mut().unwrap().remove(file).unwrap();
    secret
}

/// What istiod with this Secret tells proxies.
fn root_map(cluster: &str, namespace: &str, root: &str) -> Value {
    json!({
        "kind": "ConfigMap",
        "metadata": {
            "name": "istio-ca-root-cert", "namespace": namespace,
            "annotations": {"meshutils/cluster": cluster},
        },
        "data": {"root-cert.pem": root},
    })
}

fn list(objects: &[Value]) -> String {
    json!({"kind": "List", "items": objects}).to_string()
}

/// No part of the private keys in `secrets` may be in a text.
fn assert_no_key(text: &str, secrets: &[Value]) {
    for secret in secrets {
        let key = super::cli::text(secret, "ca-key.pem");
        assert!(key.lines().filter(|l| !l.contains("---")).all(|line| !text.contains(line)));
    }
    assert!(!text.contains("PRIVATE KEY-----\n"));
}
