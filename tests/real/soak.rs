//! Joining, rotating and leaving, over and over, while API servers die or hang and tools are
//! killed: after each round the mesh is what the last command asked for, at the end nothing is
//! left over, and no call needs more memory than the first ones did.

mod long;
mod memory;

use crate::clusters::{DeadServer, RestartedServer, api_server, wait_for};
use crate::testbed::Bed;
use crate::{Needs, Nightly, Test};
use memory::Meter;
pub use memory::lacks_time;
use mesh_tests::{Ran, run};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

pub const TESTS: &[Test] = &[
    ("soak_ends_as_the_last_command_asked", Needs::Nightly(Nightly::Soak), ends_as_asked),
    ("soak_long_calls_hold_no_more_with_time", Needs::Nightly(Nightly::Soak), long::hold_no_more),
];

/// Rounds, unless `MESH_SOAK_ROUNDS` says otherwise.
const ROUNDS: usize = 16;

/// The first number of the series, unless `MESH_SOAK_SEED` says otherwise.
const SEED: u64 = 20_261_121;

const CLUSTERS: usize = 3;

/// What one round does.
#[derive(Debug)]
enum Step {
    /// These read each other, with tokens that end or do not.
    Join(Vec<usize>, &'static str),
    Leave(usize),
}

/// What happens to it.
#[derive(Debug)]
enum Fault {
    None,
    ApiServerIsKilled(usize),
    ApiServerHangs(usize),
    /// After so many thousandths of a second.
    ApplyIsKilled(u64),
}

struct Random(u64);

impl Random {
    /// A number below `end` (xorshift64).
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }

    fn step(&mut self) -> Step {
        let ttl = ["", "--ttl 2h"][self.below(2)];
        match self.below(4) {
            0 => Step::Leave(self.below(CLUSTERS)),
            1 => {
                let alone = self.below(CLUSTERS);
                Step::Join((0..CLUSTERS).filter(|cluster| *cluster != alone).collect(), ttl)
            }
            _ => Step::Join((0..CLUSTERS).collect(), ttl),
        }
    }

    fn fault(&mut self) -> Fault {
        match self.below(6) {
            0 => Fault::ApiServerIsKilled(self.below(CLUSTERS)),
            1 => Fault::ApiServerHangs(self.below(CLUSTERS)),
            2 => Fault::ApplyIsKilled(self.below(150) as u64),
            _ => Fault::None,
        }
    }
}

fn name(cluster: usize) -> String {
    format!("cluster{}", cluster + 1)
}

/// An API server, which can die many times.
enum Server {
    First,
    Again(DeadServer, RestartedServer),
}

struct Mesh {
    /// Before the bed, as they end in this order.
    servers: Vec<Server>,
    bed: Bed,
    meter: Meter,
    /// Whose credentials each cluster has to have.
    wanted: [BTreeSet<usize>; CLUSTERS],
}

impl Mesh {
    fn new() -> Self {
        let bed = Bed::start(&["-n", "3", "--istio"]);
        let servers = (0..CLUSTERS).map(|_| Server::First).collect();
        let meter = Meter::new(&["mesh-clusters", "mesh-remote-secret", "mesh-apply"]);
        Self { servers, bed, meter, wanted: Default::default() }
    }

    fn shell(&self, script: &str) -> Ran {
        run(&mut self.bed.shell(&self.meter.noting(script)), "")
    }

    /// The command of a step; `apply` is what runs mesh-apply.
    fn command(step: &Step, apply: &str) -> String {
        match step {
            Step::Join(clusters, ttl) => {
                let names: Vec<String> = clusters.iter().map(|cluster| name(*cluster)).collect();
                format!(
                    "mesh-clusters --contexts {} |
                       mesh-remote-secret -q {ttl} --request-timeout 5s |
                       {apply} --to-peers --request-timeout 5s",
                    names.join(",")
                )
            }
            Step::Leave(cluster) => {
                let contexts = (0..CLUSTERS).fold(String::new(), |mut all, cluster| {
                    let _ = write!(all, " --context {}", name(cluster));
                    all
                });
                format!("{apply} --leave {}{contexts} --request-timeout 5s", name(*cluster))
            }
        }
    }

    fn want(&mut self, step: &Step) {
        match step {
            Step::Join(clusters, _) => {
                for holder in clusters {
                    let peers = clusters.iter().filter(|peer| *peer != holder);
                    self.wanted[*holder].extend(peers);
                }
            }
            Step::Leave(cluster) => {
                self.wanted[*cluster].clear();
                for peers in &mut self.wanted {
                    peers.remove(cluster);
                }
            }
        }
    }

    fn signal(&self, cluster: usize, signal: &str) {
        let pid = match &self.servers[cluster] {
            Server::First => api_server(&self.bed.dir().join(name(cluster))).0,
            Server::Again(_, server) => server.pid().to_string(),
        };
        let sent = Command::new("kill").args([&format!("-{signal}"), &pid]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Runs the step while something is wrong. It may fail, and need not.
    fn with(&mut self, fault: &Fault, step: &Step) {
        match *fault {
            Fault::None => {}
            Fault::ApplyIsKilled(after) => {
                let apply = format!("timeout -s KILL 0.{after:03} mesh-apply");
                let _ = self.shell(&Self::command(step, &apply));
            }
            Fault::ApiServerHangs(cluster) => {
                self.signal(cluster, "STOP");
                let ran = self.shell(&Self::command(step, "mesh-apply"));
                self.signal(cluster, "CONT");
                assert_ne!(ran.code, None, "{ran:?}");
            }
            Fault::ApiServerIsKilled(cluster) => {
                let old = std::mem::replace(&mut self.servers[cluster], Server::First);
                let dead = match old {
                    Server::First => DeadServer::kill(&self.bed.dir().join(name(cluster))),
                    Server::Again(dead, server) => {
                        drop(server);
                        dead
                    }
                };
                let ran = self.shell(&Self::command(step, "mesh-apply"));
                self.servers[cluster] = Server::Again(dead.clone(), dead.restart());
                assert_ne!(ran.code, None, "{ran:?}");
                wait_for("the API server", || {
                    let script = format!("kubectl --context {} get --raw=/readyz", name(cluster));
                    (self.shell(&script).code == Some(0)).then_some(())
                });
            }
        }
    }

    /// The remote Secrets of a cluster.
    fn held(&self, cluster: usize) -> BTreeSet<String> {
        let script = format!(
            "kubectl --context {} get secrets -A -l istio/multiCluster=true -o name",
            name(cluster)
        );
        self.shell(&script).ok().lines().map(str::to_owned).collect()
    }

    fn is_as_wanted(&self, said: &str) {
        for (cluster, peers) in self.wanted.iter().enumerate() {
            let secret = |peer: &usize| format!("secret/istio-remote-secret-{}", name(*peer));
            assert_eq!(self.held(cluster), peers.iter().map(secret).collect(), "{said}");
        }
    }

    /// Each remote Secret lets its holder read the cluster that it is of.
    fn all_work(&self) {
        for (holder, peers) in self.wanted.iter().enumerate() {
            for peer in peers {
                let read = format!(
                    "set -e
                     file=$(mktemp)
                     trap 'rm -f \"$file\"' EXIT
                     kubectl --context {} get secret istio-remote-secret-{peer} -n istio-system \
                       -o go-template='{{{{range .data}}}}{{{{base64decode .}}}}{{{{end}}}}' > \"$file\"
                     kubectl --kubeconfig \"$file\" get services -A",
                    name(holder),
                    peer = name(*peer)
                );
                let _ = self.shell(&read).ok();
            }
        }
    }

    /// All that meshutils could leave behind.
    fn objects(&self) -> String {
        let kinds = "secrets,configmaps,serviceaccounts,roles,rolebindings";
        let of = |cluster| {
            let script = format!(
                "kubectl --context {0} get {kinds} -n istio-system -o name &&
                 kubectl --context {0} get clusterroles,clusterrolebindings -o name",
                name(cluster)
            );
            self.shell(&script).ok()
        };
        (0..CLUSTERS).map(of).collect()
    }

    fn run(&mut self, step: &Step) {
        self.want(step);
        let ran = self.shell(&Self::command(step, "mesh-apply"));
        assert_eq!(ran.code, Some(0), "{step:?}: {ran:?}");
        self.is_as_wanted(&format!("{step:?}"));
    }

    fn leave_all(&mut self) {
        for cluster in 0..CLUSTERS {
            self.run(&Step::Leave(cluster));
        }
    }
}

fn number<T: std::str::FromStr>(variable: &str, otherwise: T) -> T {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn ends_as_asked() {
    let (rounds, seed) = (number("MESH_SOAK_ROUNDS", ROUNDS), number("MESH_SOAK_SEED", SEED));
    let mut random = Random(seed);
    let mut mesh = Mesh::new();
    // Once, for what is made for good: the tokens of reader accounts.
    mesh.run(&Step::Join((0..CLUSTERS).collect(), ""));
    mesh.leave_all();
    let before = mesh.objects();
    let mut faults = 0;
    for round in 1..=rounds {
        let (step, fault) = (random.step(), random.fault());
        faults += usize::from(!matches!(fault, Fault::None));
        mesh.with(&fault, &step);
        mesh.run(&step);
        if round % 10 == 0 {
            mesh.all_work();
        }
    }
    mesh.all_work();
    mesh.leave_all();
    let left = mesh.objects();
    assert_eq!(left, before);
    let (left, memory) = (left.lines().count(), mesh.meter.is_flat());
    #[allow(clippy::print_stderr)] // this is a test's own report
    {
        eprintln!(
            "soak: {rounds} rounds, {faults} faults, seed {seed}; {left} objects before and after\
             {memory}"
        );
    }
}
