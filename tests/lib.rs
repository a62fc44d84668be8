//! Finds the workspace's programs and runs them.
#![allow(clippy::missing_panics_doc)] // what a test cannot go on without ends it

pub mod fields;
pub mod samples;
pub mod tls;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// Tools that reach API servers; all others are pure filters.
pub const LIVE: [&str; 8] = [
    "mesh-apply",
    "mesh-capture",
    "mesh-label-ns",
    "mesh-lbaddr",
    "mesh-probe",
    "mesh-remote-secret",
    "mesh-secret-lint",
    "mesh-vm-env",
];

/// The top of the checkout.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the checkout")
}

/// Whether what takes long is tested too, as `scripts/nightly` does.
#[must_use]
pub fn is_nightly() -> bool {
    std::env::var_os("MESH_NIGHTLY").is_some_and(|value| value == "1")
}

/// Every tool of the workspace by name: built together with these tests, as then the features of
/// what they share are the same and nothing is built twice.
#[must_use]
pub fn programs() -> &'static BTreeMap<String, PathBuf> {
    static PROGRAMS: LazyLock<BTreeMap<String, PathBuf>> =
        LazyLock::new(|| build(&["--workspace", "--tests"]));
    &PROGRAMS
}

/// The same as users get them.
#[must_use]
pub fn release_programs() -> &'static BTreeMap<String, PathBuf> {
    static PROGRAMS: LazyLock<BTreeMap<String, PathBuf>> = LazyLock::new(|| build(&["--release"]));
    &PROGRAMS
}

/// The folder that all programs are in.
#[must_use]
pub fn program_dir() -> &'static Path {
    let any = programs().values().next().expect("the workspace has programs");
    any.parent().expect("a program lies in a folder")
}

/// Writes manual pages (`man`) or completions into `dir`.
pub fn meshdocs(what: &str, dir: &Path) {
    let _ = run(Command::new(program_dir().join("meshdocs")).arg(what).arg(dir), "").ok();
}

/// Takes from a command's environment what cargo tells this test of its own package; ring's build
/// script would take it for a change, and everything above it would be built again.
pub fn outside_cargo(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let of_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
        if name.to_str().is_some_and(|name| of_package.iter().any(|of| name.starts_with(of))) {
            command.env_remove(name);
        }
    }
}

/// A tool, to be run by `assert_cmd`.
#[must_use]
pub fn tool(name: &str) -> assert_cmd::Command {
    assert_cmd::Command::new(&programs()[name])
}

fn build(flags: &[&str]) -> BTreeMap<String, PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    outside_cargo(&mut cargo);
    let output = cargo
        .current_dir(root())
        .args(["build", "--bins", "--message-format=json"])
        .args(flags)
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "the programs do not build");
    let messages = serde_json::Deserializer::from_slice(&output.stdout);
    messages
        .into_iter::<serde_json::Value>()
        .filter_map(|message| {
            let message = message.expect("cargo writes JSON");
            let path = PathBuf::from(message["executable"].as_str()?);
            Some((path.file_name()?.to_str()?.to_owned(), path))
        })
        .filter(|(name, _)| name.starts_with("mesh-"))
        .collect()
}

/// What a program said and how it ended.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs a command with `input` on standard input.
pub fn run(command: &mut Command, input: &str) -> Ran {
    use std::io::Write as _;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_owned();
    // A program may end without reading; that is not this function's error.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("a child can be waited for");
    let _ = writer.join();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Writes a program of a test's own. A process of its own does that: what another thread starts
/// meanwhile would hold a file of this process open for a moment, and it could not be executed.
pub fn write_program(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("it is ours");
    let script = "cat >\"$0\" && chmod 755 \"$0\"";
    let _ = run(Command::new("sh").args(["-c", script]).arg(path), text).ok();
}

impl Ran {
    /// The standard output of a program that must have succeeded.
    #[must_use]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self.stdout
    }
}
