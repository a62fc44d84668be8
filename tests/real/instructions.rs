//! What starting a pure tool costs, in instructions: the same on a busy machine as on a quiet one.

use crate::{Needs, Test};
use mesh_tests::release_programs;
use mesh_tests::samples::{GCLOUD, ISTIOD, KUBECONFIG, RECORD, TAGGED, TWO_CLUSTERS};
use std::path::Path;
use std::process::{Command, Stdio};

pub const TESTS: &[Test] = &[
    ("instructions_of_help", Needs::Valgrind, help),
    ("instructions_of_a_transformation", Needs::Valgrind, transformation),
];

const REPLIES: &str = "Hello version: v1, instance: a\nHello version: v2, instance: b\n";

/// Arguments and input of one ordinary call of each pure tool.
const CALLS: [(&str, &[&str], &str); 13] = [
    ("mesh-authnets", &["--enable"], TWO_CLUSTERS),
    ("mesh-context", &["--list"], KUBECONFIG),
    ("mesh-expose", &["services"], ""),
    ("mesh-firewall", &["--network", "n", "--target-tags", "a"], "10.0.0.0/14,10.4.0.0/14"),
    ("mesh-install-gen", &[], RECORD),
    ("mesh-id", &["--scheme", "name"], GCLOUD),
    ("mesh-nettags", &[], TAGGED),
    ("mesh-cidrs", &[], GCLOUD),
    ("mesh-clusters", &[], GCLOUD),
    ("mesh-gateway-gen", &["--network", "network1"], ""),
    ("mesh-revision", &[], ISTIOD),
    ("mesh-sample", &["helloworld"], ""),
    ("mesh-lbcheck", &[], REPLIES),
];

fn help() {
    for (name, _, _) in CALLS {
        // Laying out two dozen flags costs more than a handful.
        let many = ["mesh-firewall", "mesh-gateway-gen", "mesh-install-gen", "mesh-lbcheck"];
        let limit = if many.contains(&name) { 800_000 } else { 650_000 };
        gate(name, &["--help"], "", limit);
    }
}

fn transformation() {
    for (name, args, input) in CALLS {
        gate(name, args, input, 2_000_000);
    }
}

fn gate(name: &str, args: &[&str], input: &str, limit: u64) {
    let count = instructions(&release_programs()[name], args, input);
    assert!(count <= limit, "{name} {args:?}: {count} instructions, at most {limit} wanted");
}

fn instructions(program: &Path, args: &[&str], input: &str) -> u64 {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let stdin = dir.path().join("stdin");
    std::fs::write(&stdin, input).expect("it can be written");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(std::fs::File::open(&stdin).expect("it is there"))
        .stdout(Stdio::null())
        .output()
        .expect("valgrind runs");
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}");
    let collected = report.lines().find_map(|line| line.split("Collected : ").nth(1));
    let collected = collected.unwrap_or_else(|| panic!("no count in {report}"));
    collected.trim().parse().expect("a number")
}
