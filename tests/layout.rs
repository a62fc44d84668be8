//! What the workspace promises of itself.

use mesh_tests::{programs, root};
use std::process::Command;

/// Tools that reach API servers; all others are pure filters.
const LIVE: [&str; 6] = [
    "mesh-apply",
    "mesh-label-ns",
    "mesh-lbaddr",
    "mesh-probe",
    "mesh-remote-secret",
    "mesh-secret-lint",
];

#[test]
fn pure_tools_link_neither_kube_nor_tokio() {
    for program in programs().keys() {
        let output = Command::new(env!("CARGO"))
            .current_dir(root())
            .args([
                "tree", "--edges", "normal", "--prefix", "none", "--format", "{p}", "-p", program,
            ])
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
        let crates: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(crates.contains(&"meshcore"), "{program}: {tree}");
        let has = |name: &str| crates.contains(&name);
        let live = LIVE.contains(&program.as_str());
        assert_eq!(has("kube") || has("tokio") || has("hyper"), live, "{program}");
    }
}

#[test]
fn every_program_is_named_after_its_folder_and_listed_in_the_readme() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("there is a README");
    for program in programs().keys() {
        assert!(root().join("tools").join(program).join("src/lib.rs").is_file(), "{program}");
        assert!(readme.contains(&format!("| `{program}` |")), "README.md does not list {program}");
    }
}

#[test]
fn the_top_level_has_nothing_unexpected() {
    let output =
        Command::new("git").current_dir(root()).args(["ls-files"]).output().expect("git runs");
    let files = String::from_utf8(output.stdout).expect("names are UTF-8");
    let mut top: Vec<&str> = files
        .lines()
        .filter_map(|file| file.split('/').next())
        .filter(|name| !name.starts_with('.'))
        .collect();
    top.dedup();
    assert_eq!(
        top,
        ["Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "man", "scripts", "tests", "tools"]
    );
}
