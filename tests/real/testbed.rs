//! scripts/testbed: its nodes run pods, and what it starts, it ends.

mod assets;
mod whole;

pub use whole::lacks_whole;

use crate::clusters::{shell_command, unique, wait_for};
use crate::{Needs, Test};
use mesh_tests::{Ran, root, run};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

pub const TESTS: &[Test] = &[
    ("testbed_keeps_the_exit_status", Needs::Clusters, keeps_the_exit_status),
    ("testbed_ends_all_when_killed", Needs::Clusters, ends_all_when_killed),
    ("testbed_ends_all_when_terminated", Needs::Clusters, ends_all_when_terminated),
    ("testbed_up_status_down", Needs::Clusters, up_status_down),
    ("testbed_refuses_wrong_usage", Needs::Clusters, refuses_wrong_usage),
    ("testbed_has_a_kubectl_that_fits", Needs::Clusters, kubectl_fits),
    ("testbed_fills_token_secrets", Needs::Clusters, fills_token_secrets),
    ("assets_are_built_once", Needs::Clusters, assets::are_built_once),
    ("assets_are_built_by_one_of_two", Needs::Clusters, assets::are_built_by_one_of_two),
    ("assets_are_not_left_half_built", Needs::Clusters, assets::are_not_left_half_built),
    ("assets_say_what_could_not_be_built", Needs::Clusters, assets::say_what_could_not_be_built),
    ("assets_say_that_go_is_needed", Needs::Clusters, assets::say_that_go_is_needed),
    ("assets_are_envtests", Needs::Clusters, assets::are_envtests),
    ("nodes_are_ready", Needs::Nodes, nodes_are_ready),
    ("nodes_run_helloworld_for_pods_of_all_clusters", Needs::Nodes, helloworld),
    ("nodes_execute_commands_through_the_api", Needs::Nodes, exec),
    ("nodes_let_pods_reach_their_api_server", Needs::Nodes, pods_reach_their_api_server),
    ("nodes_end_with_all_they_made_when_killed", Needs::Nodes, nodes_end_when_killed),
    ("nodes_are_refused_where_there_can_be_none", Needs::Nodes, nodes_are_refused),
    ("whole_clusters_are_apart", Needs::Whole, whole::are_apart),
];

fn testbed(args: &[&str]) -> Command {
    let mut command = Command::new(root().join("scripts/testbed"));
    command.args(args);
    command
}

fn keeps_the_exit_status() {
    let script = "test -f \"$MESH_TESTBED_DIR/kubeconfig\" && exit 42";
    assert_eq!(run(&mut testbed(&["run", "-n", "1", "sh", "-c", script]), "").code, Some(42));
}

/// A test bed whose command says its directory and then waits.
fn waiting() -> (Child, PathBuf) {
    let script = "echo \"$MESH_TESTBED_DIR\"; sleep 1000";
    said_dir(testbed(&["run", "-n", "1", "sh", "-c", script]).stderr(Stdio::null()))
}

fn said_dir(command: &mut Command) -> (Child, PathBuf) {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line).expect("it can be read");
    assert_ne!(line, "", "the test bed did not start");
    (child, PathBuf::from(line.trim()))
}

/// Clusters of this process's own: they run for as long as it holds the standard input of their
/// command open, so at the latest until its end.
pub struct Bed {
    testbed: Child,
    dir: PathBuf,
}

impl Bed {
    /// `flags` are those of `scripts/testbed run`.
    pub fn start(flags: &[&str]) -> Self {
        let script = "echo \"$MESH_TESTBED_DIR\"; exec cat";
        let command = [&["run"], flags, &["--", "sh", "-c", script]].concat();
        let (testbed, dir) = said_dir(testbed(&command).stdin(Stdio::piped()));
        let bed = Self { testbed, dir };
        assert!(bed.kubeconfig().is_file(), "the test bed did not start");
        bed
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.join("kubeconfig")
    }

    /// A shell command line that sees these clusters and our programs.
    pub fn shell(&self, script: &str) -> Command {
        let mut shell = shell_command();
        shell.args(["-c", script]).env("KUBECONFIG", self.kubeconfig());
        shell
    }

    /// A shell command line where API servers of whole clusters are reached, as users enter it.
    pub fn enter(&self, script: &str) -> Command {
        let dir = self.dir.to_str().expect("a plain path");
        testbed(&["enter", "-d", dir, "--", "sh", "-euc", script])
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        drop(self.testbed.stdin.take());
        let _ = self.testbed.wait();
    }
}

/// Processes that have `dir` in their arguments or environment.
fn processes_of(dir: &Path) -> Vec<String> {
    let mark = dir.to_str().expect("a plain path").as_bytes();
    let mentions = |file: PathBuf| {
        std::fs::read(file).is_ok_and(|text| text.windows(mark.len()).any(|part| part == mark))
    };
    let processes = std::fs::read_dir("/proc").expect("Linux has it");
    processes
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| mentions(path.join("cmdline")) || mentions(path.join("environ")))
        .map(|path| path.display().to_string())
        .collect()
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
    assert!(status.expect("kill runs").success());
}

fn nothing_is_left(dir: &Path) {
    wait_for("the end of all processes", || processes_of(dir).is_empty().then_some(()));
    wait_for("the removal of the directory", || (!dir.exists()).then_some(()));
}

fn ends_all_when_killed() {
    let (mut child, dir) = waiting();
    assert!(processes_of(&dir).len() >= 3, "{:?}", processes_of(&dir));
    signal(&child, "KILL");
    let _ = child.wait().expect("it ended");
    nothing_is_left(&dir);
}

fn ends_all_when_terminated() {
    let (mut child, dir) = waiting();
    signal(&child, "TERM");
    assert_eq!(child.wait().expect("it ends").code(), Some(143));
    nothing_is_left(&dir);
}

fn up_status_down() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let dir = parent.path().join("bed");
    let at = dir.to_str().expect("a plain path");
    let status = || run(&mut testbed(&["status", "-d", at]), "").code;
    assert_eq!(status(), Some(1));
    let up = run(&mut testbed(&["up", "-n", "1", "-d", at]), "");
    assert_eq!(up.ok(), format!("export KUBECONFIG={at}/kubeconfig\n"));
    assert_eq!(status(), Some(0));
    assert_eq!(run(&mut testbed(&["up", "-n", "1", "-d", at]), "").code, Some(0));
    assert_eq!(run(&mut testbed(&["up", "-n", "2", "-d", at]), "").code, Some(4));
    assert_eq!(run(&mut testbed(&["down", "-d", at]), "").code, Some(0));
    assert_eq!(status(), Some(1));
    nothing_is_left(&dir);
}

fn refuses_wrong_usage() {
    for args in [&["walk"][..], &["run"], &["run", "-n", "0", "true"], &["up", "--no-such-flag"]] {
        let ran = run(&mut testbed(args), "");
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?} {ran:?}");
    }
}

/// As kubectl supports them: at most one minor version away from the server.
fn kubectl_fits() {
    let mut command = crate::clusters::kubectl(&["--context", "cluster1", "version", "-o", "json"]);
    let versions: Value = serde_json::from_str(&run(&mut command, "").ok()).expect("it is JSON");
    let minor = |side: &str| {
        let text = versions[side]["minor"].as_str().expect("it is said").trim_end_matches('+');
        text.parse::<u32>().expect("a number")
    };
    assert!(minor("clientVersion").abs_diff(minor("serverVersion")) <= 1, "{versions}");
}

fn fills_token_secrets() {
    let name = unique("filled");
    let secret = format!(
        "{{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token, metadata:
          {{name: {name}, annotations: {{kubernetes.io/service-account.name: default}}}}}}"
    );
    let kubectl = |args: &[&str], input: &str| {
        let args = [&["--context", "cluster1"], args].concat();
        run(&mut crate::clusters::kubectl(&args), input).ok()
    };
    let _ = kubectl(&["create", "-f", "-"], &secret);
    let path = "-o=jsonpath={.data.token}";
    wait_for("a token", || {
        (!kubectl(&["get", "secret", &name, path], "").is_empty()).then_some(())
    });
    let _ = kubectl(&["delete", "secret", &name], "");
    assert_eq!(kubectl(&["create", "token", "default"], "").matches('.').count(), 2);
}

/// What keeps this machine from running nodes, if anything does.
pub fn no_nodes() -> Option<&'static str> {
    static ANSWER: LazyLock<Option<String>> = LazyLock::new(|| {
        let ran = run(&mut testbed(&["can-run-nodes"]), "");
        (ran.code != Some(0)).then(|| format!("nodes: {}", ran.stdout.trim()))
    });
    ANSWER.as_deref()
}

/// The directory of two clusters with nodes, started once for all tests that need them.
pub fn with_nodes() -> &'static Path {
    static BED: LazyLock<Bed> = LazyLock::new(|| Bed::start(&["-n", "2", "--nodes"]));
    BED.dir()
}

/// kubectl for one of the clusters with nodes.
fn kubectl(context: &str, args: &[&str], input: &str) -> Ran {
    let mut command = Command::new("kubectl");
    command.env("KUBECONFIG", with_nodes().join("kubeconfig")).args(["--context", context]);
    run(command.args(args), input)
}

fn get(context: &str, object: &str) -> Value {
    let answer = kubectl(context, &["get", object, "-o", "json"], "").ok();
    serde_json::from_str(&answer).expect("kubectl writes JSON")
}

/// A pod that is ready: its name.
fn pod(context: &str, stem: &str, image: &str) -> String {
    let name = unique(stem);
    let _ = kubectl(context, &["run", &name, "--image", image], "").ok();
    let ready = ["wait", "--for=condition=Ready", "--timeout=120s", "pod", &name];
    let ran = kubectl(context, &ready, "");
    if ran.code != Some(0) {
        let why = kubectl(context, &["describe", "node,pod"], "").stdout;
        panic!("{context}: {name}: {}\n{why}", ran.stderr);
    }
    name
}

fn delete(context: &str, pod: &str) {
    let _ = kubectl(context, &["delete", "pod", pod, "--wait=false", "--now"], "").ok();
}

fn nodes_are_ready() {
    for context in ["cluster1", "cluster2"] {
        let nodes = get(context, "nodes");
        let [node] = &nodes["items"].as_array().expect("a list")[..] else { panic!("{nodes}") };
        assert_eq!(node["metadata"]["name"], format!("{context}-node"));
        let conditions = node["status"]["conditions"].as_array().expect("a list");
        let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
        assert_eq!(ready.expect("it is reported")["status"], "True");
        let runtime = node["status"]["nodeInfo"]["containerRuntimeVersion"].as_str();
        assert!(runtime.expect("it is reported").starts_with("containerd://"));
    }
}

fn helloworld() {
    let clusters = [("cluster1", "v1"), ("cluster2", "v2")];
    let servers = clusters.map(|(context, version)| {
        let name = pod(context, "hello", &format!("localhost/helloworld-{version}:1"));
        let address = get(context, &format!("pod/{name}"))["status"]["podIP"].clone();
        (context, version, name, address.as_str().expect("it has one").to_owned())
    });
    for (context, _) in clusters {
        let client = pod(context, "client", "localhost/tools:1");
        for (_, version, name, address) in &servers {
            let url = format!("http://{address}:5000/hello");
            let reply = kubectl(context, &["exec", &client, "--", "curl", "-sSf", &url], "").ok();
            assert_eq!(reply, format!("Hello version: {version}, instance: {name}\n"));
        }
        delete(context, &client);
    }
    for (context, _, name, _) in servers {
        delete(context, &name);
    }
}

fn exec() {
    let name = pod("cluster1", "exec", "localhost/tools:1");
    let script = "cat; echo error >&2; exit 42";
    let ran = kubectl("cluster1", &["exec", "-i", &name, "--", "sh", "-c", script], "input\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(42), "input\n"), "{ran:?}");
    assert!(ran.stderr.contains("error\n"), "{ran:?}");
    let ran = kubectl("cluster1", &["exec", &name, "--", "no-such-program"], "");
    assert_ne!(ran.code, Some(0), "{ran:?}");
    // Nobody answers names in there; that is said at once.
    let url = "http://no.such.name/";
    let ran = kubectl("cluster1", &["exec", &name, "--", "curl", "-sS", "-m", "4", url], "");
    assert_eq!(ran.code, Some(6), "{ran:?}");
    delete("cluster1", &name);
}

fn pods_reach_their_api_server() {
    let script = "cd /var/run/secrets/kubernetes.io/serviceaccount &&
        exec curl -sS --cacert ca.crt -H \"Authorization: Bearer $(cat token)\" \
            https://$KUBERNETES_SERVICE_HOST/api/v1/namespaces/default/pods";
    for context in ["cluster1", "cluster2"] {
        let name = pod(context, "inside", "localhost/tools:1");
        let answer = kubectl(context, &["exec", &name, "--", "sh", "-c", script], "").ok();
        let answer: Value = serde_json::from_str(&answer).expect("the API answers in JSON");
        // Who asks is known; what it may do is another matter.
        let message = answer["message"].as_str().expect("there is a reason");
        assert!(message.contains("system:serviceaccount:default:default"), "{message}");
        delete(context, &name);
    }
}

/// Processes in the network namespace of that name.
fn members_of(namespace: &Path) -> usize {
    let processes = std::fs::read_dir("/proc").expect("Linux has it").flatten();
    let networks = processes.filter_map(|entry| entry.path().join("ns/net").read_link().ok());
    networks.filter(|network| network == namespace).count()
}

/// Control groups of the pods of a test bed.
fn cgroups_of(dir: &Path) -> usize {
    let name = format!("testbed{}", dir.display().to_string().replace('/', "-"));
    let top = Path::new("/sys/fs/cgroup");
    let below = std::fs::read_dir(top).expect("Linux has it").flatten().map(|entry| entry.path());
    below.chain([top.to_owned()]).filter(|parent| parent.join(&name).exists()).count()
}

fn nodes_end_when_killed() {
    let name = unique("left");
    let script = format!(
        "{{ kubectl run {name} --image localhost/tools:1 --command -- sh -c 'sleep 1000; : {name}'
            kubectl wait --for=condition=Ready --timeout=120s pod/{name}; }} >&2
        echo \"$MESH_TESTBED_DIR\"; sleep 1000"
    );
    let (mut child, dir) =
        said_dir(&mut testbed(&["run", "-n", "1", "--nodes", "sh", "-c", &script]));
    let process = dir.join("network/namespace").read_link().expect("it leads to a process");
    let network = process.read_link().expect("the process runs");
    // The shell in the pod; relay, kubelet, containerd and more.
    let in_pod = || processes_of(Path::new(&format!(": {name}\0"))).len();
    assert!(in_pod() >= 1 && members_of(&network) >= 4 && cgroups_of(&dir) >= 1);
    assert!(!Path::new("/sys/class/net/cluster1").exists(), "the bridge is among our devices");
    signal(&child, "KILL");
    let _ = child.wait().expect("it ended");
    nothing_is_left(&dir);
    assert_eq!((in_pod(), members_of(&network), cgroups_of(&dir)), (0, 0, 0));
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("Linux has it");
    assert!(!mounts.contains(dir.to_str().expect("a plain path")), "{mounts}");
}

fn nodes_are_refused() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let dir = parent.path().join("bed");
    let at = dir.to_str().expect("a plain path");
    let without_namespaces = |args: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]);
        run(command.arg(root().join("scripts/testbed")).args(args), "")
    };
    let ran = without_namespaces(&["can-run-nodes"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.starts_with("no namespaces"), "{ran:?}");
    let reason = ran.stdout.trim().to_owned();
    let ran = without_namespaces(&["up", "-d", at, "--nodes"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(ran.stderr.contains(&reason), "{ran:?}");
    assert!(!dir.exists());
}
