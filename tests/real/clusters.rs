//! The test bed's clusters, `cluster1` and `cluster2`, and namespaces of each test's own.

use mesh_tests::{Ran, program_dir, programs, run};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Set by `scripts/testbed run` alone, so that no other cluster is ever written to.
fn testbed() -> Option<PathBuf> {
    std::env::var_os("MESH_TESTBED_DIR").map(PathBuf::from)
}

pub fn are_there() -> bool {
    testbed().is_some_and(|dir| dir.join("kubeconfig").is_file())
}

pub fn kubeconfig() -> PathBuf {
    testbed().expect("tests that need clusters run with them").join("kubeconfig")
}

/// A program of ours that sees the test bed's kubeconfig.
pub fn tool(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(&programs()[name]);
    command.args(args).env("KUBECONFIG", kubeconfig());
    command
}

pub fn kubectl(args: &[&str]) -> Command {
    let mut command = Command::new("kubectl");
    command.args(args).env("KUBECONFIG", kubeconfig());
    command
}

/// kubectl's answer as JSON.
pub fn get(context: &str, args: &[&str]) -> Value {
    let mut all = vec!["--context", context, "get", "-o", "json"];
    all.extend(args);
    serde_json::from_str(&run(&mut kubectl(&all), "").ok()).expect("kubectl writes JSON")
}

/// A shell command line in which our programs are found by name.
pub fn shell(script: &str) -> Ran {
    run(shell_command().args(["-c", script]), "")
}

pub fn shell_command() -> Command {
    let mut command = Command::new("sh");
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("{}:{path}", program_dir().display()))
        .env("KUBECONFIG", kubeconfig());
    command
}

/// The process of the API server in a cluster's directory, and its command line.
pub fn api_server(home: &Path) -> (String, Vec<String>) {
    let file = std::fs::read_to_string(home.join("run/kube-apiserver")).expect("it has a pid file");
    let pid = file.split(' ').next().expect("the pid comes first").to_owned();
    let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).expect("it runs");
    (pid, line.split_terminator('\0').map(str::to_owned).collect())
}

/// An API server that was killed: its directory and command line.
#[derive(Clone)]
pub struct DeadServer(PathBuf, Vec<String>);

/// One that was started again. It ends with this value.
pub struct RestartedServer(Child);

impl DeadServer {
    pub fn kill(home: &Path) -> Self {
        let (pid, line) = api_server(home);
        let killed = Command::new("kill").args(["-KILL", &pid]).status().expect("kill runs");
        assert!(killed.success());
        Self(home.to_owned(), line)
    }

    /// Starts it as it was.
    pub fn restart(self) -> RestartedServer {
        let Self(home, line) = self;
        let child = Command::new(&line[0])
            .args(&line[1..])
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        RestartedServer(child.expect("it starts"))
    }
}

impl RestartedServer {
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for RestartedServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A name that no other test uses.
pub fn unique(stem: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{stem}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A new namespace in both clusters.
pub fn namespace(stem: &str) -> String {
    let name = unique(stem);
    for context in ["cluster1", "cluster2"] {
        let args = ["--context", context, "create", "namespace", &name];
        let _ = run(&mut kubectl(&args), "").ok();
    }
    name
}

/// Waits, generously, until `condition` gives something.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let limit = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < limit, "{what} did not come");
        std::thread::sleep(Duration::from_millis(100));
    }
}
