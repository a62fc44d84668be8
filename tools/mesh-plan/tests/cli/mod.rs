//! The program as a user runs it.

mod cloud;
mod join;
mod leave;
mod lost;
mod mesh;
mod output;
mod remote;

use mesh::{Mesh, file};
use serde_json::Value;

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-plan");
    tool.env_clear().args(args);
    tool
}

/// What the program says of a mesh, with this file as what is wanted.
fn run_with(mesh: &Mesh, file: &str, args: &[&str]) -> std::process::Output {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("mesh.yaml");
    std::fs::write(&path, file).expect("it can be written");
    let path = path.to_str().expect("a plain path");
    let all = [&[path, "--at", "2026-01-01T00:00:00Z"], args].concat();
    tool(&all).write_stdin(mesh.text()).output().expect("it runs")
}

/// The steps that a mesh lacks, or those that `args` ask for instead.
fn steps_with(mesh: &Mesh, file: &str, args: &[&str]) -> Vec<Value> {
    let output = run_with(mesh, file, &[args, &["-o", "json"]].concat());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() < Some(2), "{errors}");
    let steps: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect();
    assert_eq!(output.status.code(), Some(i32::from(!steps.is_empty())), "{errors}");
    for (i, step) in steps.iter().enumerate() {
        assert_eq!(step["order"], i + 1);
    }
    steps
}

fn script(mesh: &Mesh, file: &str, args: &[&str]) -> String {
    let output = run_with(mesh, file, &[args, &["-o", "sh"]].concat());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn steps(mesh: &Mesh) -> Vec<Value> {
    steps_with(mesh, &file(mesh.0.len()), &[])
}

/// The only step but the check at the end.
fn only(mesh: &Mesh) -> Value {
    only_of(&steps(mesh))
}

fn only_of(steps: &[Value]) -> Value {
    assert_eq!(steps.len(), 2, "{steps:#?}");
    assert_eq!(steps[1]["stage"], "verification");
    steps[0].clone()
}

fn brief(steps: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("mesh").to_owned();
    steps.iter().map(|s| format!("{} {}", text(&s["stage"]), text(&s["cluster"]))).collect()
}
