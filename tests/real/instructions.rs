//! What pure tools cost in instructions, which are as many on a busy machine as on a quiet one:
//! a start, and a line of what can be long. Limits are a tenth above what was measured.

use crate::{Needs, Nightly, Test};
use mesh_tests::release_programs;
use mesh_tests::samples::{GCLOUD, ISTIOD, KUBECONFIG, RECORD, TAGGED, TWO_CLUSTERS};
use std::path::Path;
use std::process::{Command, Stdio};

pub const TESTS: &[Test] = &[
    ("instructions_of_help", Needs::Nightly(Nightly::Valgrind), help),
    ("instructions_of_a_transformation", Needs::Nightly(Nightly::Valgrind), transformation),
    ("instructions_of_a_line", Needs::Nightly(Nightly::Valgrind), lines),
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

/// Gives a line by its number.
type Line = fn(u32) -> String;

/// Random ranges are public ones.
const PUBLIC: &[&str] = &["--allow-public", "0.0.0.0/0,::/0"];

/// The lines of long inputs, and the most that one may cost.
const LINES: [(&str, &[&str], Line, u64); 3] = [
    ("mesh-cidrs", PUBLIC, range_v4, 1_050),
    ("mesh-cidrs", PUBLIC, range_v6, 2_250),
    ("mesh-lbcheck", &[], reply, 210),
];

/// Ranges in no order, few of which make a whole.
fn range_v4(i: u32) -> String {
    let [a, b, c, _] = mixed(i).to_be_bytes();
    format!("{a}.{b}.{c}.0/24\n")
}

fn range_v6(i: u32) -> String {
    let mixed = mixed(i);
    format!("2001:{:x}:{:x}::/48\n", mixed >> 16, mixed & 0xffff)
}

/// What five pods of each of two versions answer.
fn reply(i: u32) -> String {
    let (version, pod) = (i % 2 + 1, mixed(i) % 5);
    format!("Hello version: v{version}, instance: helloworld-v{version}-86f77cd7bd-pod0{pod}\n")
}

fn mixed(i: u32) -> u32 {
    (i + 1).wrapping_mul(0x9e37_79b9).rotate_left(13).wrapping_mul(0x85eb_ca6b)
}

fn help() {
    // Laying out two dozen flags costs more than a handful.
    let many = ["mesh-firewall", "mesh-gateway-gen", "mesh-install-gen", "mesh-lbcheck"];
    let limit = |name| if many.contains(&name) { 800_000 } else { 690_000 };
    within(CALLS.map(|(name, _, _)| (name, of_call(name, &["--help"], ""), limit(name))));
}

fn transformation() {
    within(CALLS.map(|(name, args, input)| (name, of_call(name, args, input), 800_000)));
}

/// Of what a run over many lines costs, as few are counted as leave out the start.
fn lines() {
    within(LINES.map(|(name, args, line, limit)| {
        let text = |count| (0..count).map(line).collect::<String>();
        let run = |count| of_call(name, args, &text(count));
        let (few, many) = (1_000, 11_000);
        (name, (run(many) - run(few)) / u64::from(many - few), limit)
    }));
}

/// Names all that cost more than they may.
fn within<const N: usize>(counts: [(&str, u64, u64); N]) {
    let exceed = counts.into_iter().filter(|(_, count, limit)| count > limit);
    let exceed: Vec<String> =
        exceed.map(|(name, count, limit)| format!("{name}: {count} of {limit}")).collect();
    assert!(exceed.is_empty(), "instructions, of at most: {}", exceed.join(", "));
}

fn of_call(name: &str, args: &[&str], input: &str) -> u64 {
    instructions(&release_programs()[name], args, input)
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
