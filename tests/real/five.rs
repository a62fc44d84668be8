//! Five clusters of a test's own, one of whose API servers can be killed and started again.

use crate::clusters::{api_server, shell_command, wait_for};
use crate::testbed::Bed;
use mesh_tests::{Ran, run};
use serde_json::Value;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// They end with this value, and with this process.
pub struct Five {
    bed: Bed,
    /// How to start a killed API server again: directory and command line.
    killed: Cell<Option<(PathBuf, Vec<String>)>>,
    restarted: Cell<Option<Child>>,
}

impl Five {
    pub const CONTEXTS: [&str; 5] = ["cluster1", "cluster2", "cluster3", "cluster4", "cluster5"];

    pub fn start() -> Self {
        let bed = Bed::start(&["-n", "5", "--istio"]);
        Self { bed, killed: Cell::new(None), restarted: Cell::new(None) }
    }

    pub fn dir(&self) -> &Path {
        self.bed.dir()
    }

    fn command(&self, script: &str) -> Command {
        let mut command = shell_command();
        command.args(["-c", script]).env("KUBECONFIG", self.bed.kubeconfig());
        command
    }

    /// A shell command line that sees the five clusters and our programs.
    pub fn shell(&self, script: &str) -> Ran {
        run(&mut self.command(script), "")
    }

    pub fn get(&self, context: &str, args: &[&str]) -> Value {
        let script = format!("kubectl --context {context} get -o json {}", args.join(" "));
        serde_json::from_str(&self.shell(&script).ok()).expect("kubectl writes JSON")
    }

    /// Does something while a command line runs.
    pub fn while_it_runs(&self, script: &str, what: impl FnOnce(&Self)) -> Ran {
        let mut command = self.command(script);
        let running = std::thread::spawn(move || run(&mut command, ""));
        what(self);
        running.join().expect("it ran")
    }

    pub fn wait_for_first_configmap(&self, context: &str) {
        wait_for("the first object of the run", || {
            let script = format!("kubectl --context {context} get configmaps -n default -o name");
            self.shell(&script).stdout.contains("/m0\n").then_some(())
        });
    }

    pub fn kill_api_server(&self, cluster: usize) {
        let home = self.dir().join(format!("cluster{cluster}"));
        let (pid, line) = api_server(&home);
        let killed = Command::new("kill").args(["-KILL", &pid]).status().expect("kill runs");
        assert!(killed.success());
        self.killed.set(Some((home, line)));
    }

    /// Starts it again as it was, and waits until it is ready.
    pub fn restart_api_server(&self, cluster: usize) {
        let (home, line) = self.killed.take().expect("one was killed");
        let child = Command::new(&line[0])
            .args(&line[1..])
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        self.restarted.set(Some(child));
        wait_for("the API server", || {
            let script = format!("kubectl --context cluster{cluster} get --raw=/readyz");
            (self.shell(&script).code == Some(0)).then_some(())
        });
    }
}

impl Drop for Five {
    fn drop(&mut self) {
        if let Some(mut server) = self.restarted.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}
