//! mesh-plan's scripts against API servers: they make a mesh, and take it apart.

use crate::testbed::Bed;
use crate::{Needs, Test};
use mesh_tests::{Ran, run};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

pub const TESTS: &[Test] = &[
    ("plan_makes_a_mesh_and_takes_it_apart", Needs::Clusters, makes_and_unmakes),
    ("plan_goes_on_without_a_cluster_that_is_dead", Needs::Clusters, goes_on_without),
];

/// All stages but the last, which needs pods that run.
const STAGES: [&str; 9] = [
    "roots",
    "networks",
    "control-planes",
    "gateways",
    "exposure",
    "secrets",
    "firewall",
    "namespaces",
    "restarts",
];

/// Clusters of the test's own, with Istio and nothing of a mesh, and a file that wants one.
struct Clusters {
    bed: Bed,
    files: tempfile::TempDir,
}

impl Clusters {
    fn start(names: &[&str]) -> Self {
        let clusters = names.iter().zip(1..);
        let clusters: Vec<Value> = clusters
            .map(|(name, i)| json!({"name": name, "network": format!("network{i}")}))
            .collect();
        let mesh = json!({"apiVersion": "meshutils/v1alpha1", "kind": "Mesh", "meshId": "mesh1",
            "clusters": clusters, "namespaces": ["sample"]});
        let files = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(files.path().join("mesh.yaml"), mesh.to_string()).expect("a file");
        Self { bed: Bed::start(&["-n", "2", "--istio"]), files }
    }

    fn command(&self, script: &str) -> Command {
        let mut command = self.bed.shell(script);
        command.current_dir(self.files.path());
        command
    }

    fn shell(&self, script: &str) -> Ran {
        run(&mut self.command(script), "")
    }

    /// Reads the clusters anew and plans.
    fn plan(&self, args: &str) -> Ran {
        self.shell(&format!(
            "mesh-capture --context cluster1 --context cluster2 > now.ndjson &&
             mesh-plan mesh.yaml -f now.ndjson {args}"
        ))
    }

    fn steps(&self, args: &str) -> Vec<Value> {
        let ran = self.plan(&format!("-o json {args}"));
        assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    fn get(&self, context: &str, args: &str) -> Value {
        let ran = self.shell(&format!("kubectl --context {context} get -o json {args}"));
        serde_json::from_str(&ran.ok()).expect("kubectl writes JSON")
    }

    /// The IDs of the clusters that a cluster has credentials for.
    fn credentials(&self, context: &str) -> Vec<String> {
        let secrets = self.get(context, "secrets -n istio-system -l istio/multiCluster=true");
        let all = secrets["items"].as_array().expect("a list has items");
        let keys = all.iter().filter_map(|secret| secret["data"].as_object());
        keys.flat_map(|data| data.keys().cloned()).collect()
    }

    /// What a cloud's controller and nodes do for a gateway: it gets an address, and its pods run.
    fn attend(&self, context: &str) {
        let script = format!(
            "k='kubectl --context {context} -n istio-system'
             status='--subresource=status --type=merge -p'
             $k patch service istio-eastwestgateway $status \\
               '{{\"status\": {{\"loadBalancer\": {{\"ingress\": [{{\"ip\": \"192.0.2.1\"}}]}}}}}}'
             for pod in $($k get pods -l istio=eastwestgateway -o name); do
               $k patch $pod $status '{{\"status\": {{\"phase\": \"Running\", \"conditions\":
                 [{{\"type\": \"Ready\", \"status\": \"True\"}}]}}}}'
             done"
        );
        // There may be nothing of it yet.
        let _ = self.shell(&script);
    }

    /// Runs a script, while the gateways that it makes get addresses and pods.
    fn run_with_cloud(&self, script: &str, contexts: &[&str]) -> Ran {
        let mut command = self.command(script);
        let running = std::thread::spawn(move || run(&mut command, ""));
        while !running.is_finished() {
            for context in contexts {
                self.attend(context);
            }
        }
        running.join().expect("it ran")
    }
}

fn stages() -> String {
    STAGES.map(|stage| format!(" --stage {stage}")).concat()
}

fn brief(steps: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("mesh").to_owned();
    steps.iter().map(|s| format!("{} {}", text(&s["stage"]), text(&s["cluster"]))).collect()
}

fn makes_and_unmakes() {
    let clusters = Clusters::start(&["cluster1", "cluster2"]);
    let steps = clusters.steps("");
    assert_eq!(
        brief(&steps),
        [
            "gateways cluster1",
            "gateways cluster2",
            "gateways cluster1",
            "gateways cluster2",
            "exposure cluster1",
            "exposure cluster2",
            "secrets cluster1",
            "secrets cluster2",
            "namespaces cluster1",
            "namespaces cluster2",
            "verification mesh"
        ]
    );
    assert_eq!(clusters.plan(&format!("-o sh {} > join.sh", stages())).code, Some(1));
    let joined = clusters.run_with_cloud("sh < join.sh", &["cluster1", "cluster2"]);
    assert_eq!(joined.code, Some(0), "{joined:?}");
    assert_eq!(clusters.credentials("cluster1"), ["cluster2"]);
    assert_eq!(clusters.credentials("cluster2"), ["cluster1"]);

    let done = clusters.plan("");
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "nothing to do\n"), "{done:?}");
    // What the steps made is what they make once more; and the check finds its way.
    let again = clusters.shell("sh < join.sh");
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(!again.stdout.contains("\"created\""), "{again:?}");
    let check = steps[10]["command"].as_str().expect("it has one");
    let check = clusters.shell(check);
    assert!(matches!(check.code, Some(0 | 1)), "{check:?}");

    relabelled(&clusters);
    undone(&clusters, &steps);

    assert_eq!(clusters.plan("--leave cluster2 -o sh > leave.sh").code, Some(1));
    let left = clusters.shell("sh < leave.sh");
    assert_eq!(left.code, Some(0), "{left:?}");
    for context in ["cluster1", "cluster2"] {
        assert_eq!(clusters.credentials(context), [""; 0], "{context}");
    }
    let gone = clusters.shell(
        "kubectl --context cluster2 get -n istio-system --ignore-not-found -o name \
         service/istio-eastwestgateway deployment/istio-eastwestgateway \
         gateways.networking.istio.io/cross-network-gateway",
    );
    assert_eq!(gone.ok(), "");
    let labels = clusters.get("cluster2", "namespace istio-system")["metadata"]["labels"].clone();
    assert_eq!(labels["topology.istio.io/network"], Value::Null);
    assert_eq!(clusters.plan("--leave cluster2").ok(), "nothing to do\n");

    // It comes back, and then the mesh ends.
    assert_eq!(clusters.plan(&format!("-o sh {} > join.sh", stages())).code, Some(1));
    let back = clusters.run_with_cloud("sh < join.sh", &["cluster2"]);
    assert_eq!(back.code, Some(0), "{back:?}");
    assert_eq!(clusters.plan("").ok(), "nothing to do\n");
    assert_eq!(clusters.plan("--undo -o sh > undo.sh").code, Some(1));
    let ended = clusters.shell("sh < undo.sh");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(clusters.plan("--undo").ok(), "nothing to do\n");
    assert_eq!(clusters.credentials("cluster1"), [""; 0]);
    let sample = clusters.get("cluster1", "namespace sample")["metadata"]["labels"].clone();
    assert_eq!(sample["istio-injection"], Value::Null);
}

/// A changed label is one step, and its command mends it.
fn relabelled(clusters: &Clusters) {
    for wrong in ["=other", "-"] {
        let label = format!(
            "kubectl --context cluster1 label --overwrite namespace istio-system \
             topology.istio.io/network{wrong}"
        );
        let _ = clusters.shell(&label).ok();
        let steps = clusters.steps("");
        assert_eq!(brief(&steps), ["networks cluster1", "verification mesh"]);
        let command = steps[0]["command"].as_str().expect("it has one");
        assert_eq!(
            command,
            "mesh-label-ns --network network1 --create istio-system --context cluster1"
        );
        let _ = clusters.shell(command).ok();
        assert_eq!(clusters.plan("").ok(), "nothing to do\n");
        let check = "mesh-check -f now.ndjson --only MESH0601";
        let capture = "mesh-capture --context cluster1 --context cluster2 > now.ndjson";
        assert_eq!(clusters.shell(&format!("{capture} && {check}")).ok(), "");
    }
}

/// The undo of a step takes back what it did, and nothing else.
fn undone(clusters: &Clusters, steps: &[Value]) {
    for i in [4, 6, 8] {
        let step = &steps[i];
        let undo = step["undo"].as_str().expect("it has one");
        let _ = clusters.shell(undo).ok();
        let missing = clusters.steps("");
        assert_eq!(brief(&missing), [brief(&steps[i..=i]), brief(&steps[10..])].concat());
        let command = step["command"].as_str().expect("it has one");
        let _ = clusters.shell(command).ok();
    }
    assert_eq!(clusters.plan("").ok(), "nothing to do\n");
}

/// The kubeconfig of a cluster whose API server is not there: nobody listens at port 1.
fn dead_cluster(clusters: &Clusters) -> PathBuf {
    let _ = clusters
        .shell(
            "kubectl config set-cluster dead --server https://127.0.0.1:1 &&
             kubectl config set-context cluster3 --cluster dead --user nobody",
        )
        .ok();
    clusters.bed.kubeconfig()
}

fn goes_on_without() {
    let clusters = Clusters::start(&["cluster1", "cluster2", "cluster3"]);
    assert!(dead_cluster(&clusters).is_file());
    let capture = "mesh-capture --partial --timeout 1s --context cluster1 --context cluster2 \
                   --context cluster3 > now.ndjson";
    let plan = format!("{capture}; mesh-plan mesh.yaml -f now.ndjson -o sh {} > join.sh", stages());
    let planned = clusters.shell(&plan);
    assert_eq!(planned.code, Some(1), "{planned:?}");
    let joined = clusters.run_with_cloud("sh < join.sh", &["cluster1", "cluster2"]);
    assert_eq!(joined.code, Some(4), "{joined:?}");
    assert!(joined.stderr.contains("cluster3 does not answer: its steps are left out"));
    assert_eq!(clusters.credentials("cluster1"), ["cluster2"]);
    assert_eq!(clusters.credentials("cluster2"), ["cluster1"]);
    let left = clusters.shell(&format!("{capture}; mesh-plan mesh.yaml -f now.ndjson -o json"));
    let steps: Vec<Value> =
        left.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let is_waiting = |step: &Value| step["waitsFor"] == "cluster3";
    let (check, waiting) = steps.split_last().expect("there are some");
    assert!(waiting.iter().all(is_waiting) && waiting.len() > 5, "{left:?}");
    assert_eq!(check["stage"], "verification");

    // It leaves, although it is dead; its peers forget it.
    let script = format!(
        "{capture}; mesh-plan mesh.yaml -f now.ndjson --leave cluster3 -o sh {} | sh",
        stages()
    );
    let leaves = clusters.shell(&script);
    assert_eq!(leaves.code, Some(4), "{leaves:?}");
    assert_eq!(clusters.credentials("cluster1"), ["cluster2"]);
}
