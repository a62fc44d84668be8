//! Five clusters of a test's own, one of whose API servers can be killed and started again.

use crate::clusters::{DeadServer, RestartedServer, wait_for};
use crate::testbed::Bed;
use mesh_tests::{Ran, run};
use serde_json::Value;
use std::cell::Cell;
use std::path::Path;

/// They end with this value, and with this process.
pub struct Five {
    /// Before the bed, as they end in this order.
    restarted: Cell<Option<RestartedServer>>,
    killed: Cell<Option<DeadServer>>,
    bed: Bed,
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

    /// A shell command line that sees the five clusters and our programs.
    pub fn shell(&self, script: &str) -> Ran {
        run(&mut self.bed.shell(script), "")
    }

    pub fn get(&self, context: &str, args: &[&str]) -> Value {
        let script = format!("kubectl --context {context} get -o json {}", args.join(" "));
        serde_json::from_str(&self.shell(&script).ok()).expect("kubectl writes JSON")
    }

    /// Does something while a command line runs.
    pub fn while_it_runs(&self, script: &str, what: impl FnOnce(&Self)) -> Ran {
        let mut command = self.bed.shell(script);
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
        self.killed.set(Some(DeadServer::kill(&home)));
    }

    /// Starts it again as it was, and waits until it is ready.
    pub fn restart_api_server(&self, cluster: usize) {
        let killed = self.killed.take().expect("one was killed");
        self.restarted.set(Some(killed.restart()));
        wait_for("the API server", || {
            let script = format!("kubectl --context cluster{cluster} get --raw=/readyz");
            (self.shell(&script).code == Some(0)).then_some(())
        });
    }
}
