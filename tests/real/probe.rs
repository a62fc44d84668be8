//! mesh-probe against API servers, with pods that run and with pods that only say so.

use crate::clusters::{self, kubectl, shell_command, unique, wait_for};
use crate::testbed::with_nodes;
use crate::{Needs, Test};
use mesh_tests::{Ran, program_dir, run};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

pub const TESTS: &[Test] = &[
    ("probe_tells_what_kept_it_from_asking", Needs::Clusters, tells_what_kept_it_from_asking),
    ("probe_outlives_its_api_server", Needs::Clusters, outlives_its_api_server),
    ("probe_needs_the_right_to_exec", Needs::Clusters, needs_the_right_to_exec),
    ("probe_outlives_its_client", Needs::Nodes, outlives_its_client),
    ("probe_undoes_a_drill_on_signals", Needs::Nodes, undoes_a_drill_on_signals),
    ("probe_needs_curl_and_a_client", Needs::Nodes, needs_curl_and_a_client),
];

fn records(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a record is JSON")).collect()
}

/// The classes of all replies, runs of the same taken together.
fn classes(records: &[Value]) -> Vec<String> {
    let replies = records.iter().filter(|record| record["kind"] == "Reply");
    let class = |reply: &Value| reply["error"].as_str().unwrap_or("none").to_owned();
    let mut classes: Vec<String> = replies.map(class).collect();
    classes.dedup();
    classes
}

/// A namespace of cluster1 with a pod that says it runs, though no node has it.
pub fn namespace_with_client() -> String {
    let namespace = clusters::namespace("probe");
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "sleep-1", "namespace": namespace, "labels": {"app": "sleep"}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "sleep", "image": "none"}]},
    });
    // Pods need their namespace's service account, which comes a little later.
    wait_for("the pod", || {
        let args = ["--context", "cluster1", "create", "-f", "-"];
        (run(&mut kubectl(&args), &pod.to_string()).code == Some(0)).then_some(())
    });
    let mut pod = clusters::get("cluster1", &["pod", "sleep-1", "-n", &namespace]);
    pod["status"] = json!({"phase": "Running", "containerStatuses": [
        {"name": "sleep", "ready": true, "restartCount": 0, "image": "", "imageID": ""}]});
    let path = format!("/api/v1/namespaces/{namespace}/pods/sleep-1/status");
    let args = ["--context", "cluster1", "replace", "--raw", &path, "-f", "-"];
    let _ = run(&mut kubectl(&args), &pod.to_string()).ok();
    namespace
}

const URL: &str = "http://helloworld.sample:5000/hello";

fn probe(namespace: &str, args: &[&str]) -> Ran {
    let least = ["--context", "cluster1", "-n", namespace, "--url", URL];
    run(&mut clusters::tool("mesh-probe", &[&least[..], args].concat()), "")
}

/// The node that is not there is exec refused; then the pod goes.
fn tells_what_kept_it_from_asking() {
    let namespace = namespace_with_client();
    let delete = format!("kubectl --context cluster1 -n {namespace} delete pod sleep-1");
    let args = ["--for", "4s", "--rate", "5", "--at", "1s", &delete, "--finally", "echo over"];
    let ran = probe(&namespace, &args);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    let records = records(&ran.stdout);
    assert_eq!(classes(&records), ["exec", "pod"], "{ran:?}");
    let events: Vec<&Value> = records.iter().filter(|record| record["kind"] == "Event").collect();
    assert_eq!((events.len(), &events[1]["event"]), (2, &json!("finally")));
    assert!(events.iter().all(|event| event["exit"] == 0), "{events:?}");
    let told = "no request at all could be made: context cluster1: cannot run curl in pod";
    assert!(ran.stderr.contains(told), "{ran:?}");
    // From now on there is no client, and nothing is begun.
    let ran = probe(&namespace, &["--finally", "echo over"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    let told = format!("no pod with app in (sleep,curl) in {namespace} can be the client");
    assert!(ran.stderr.contains(&told) && !ran.stderr.contains("over"), "{ran:?}");
}

/// A way to an API server that can be cut.
struct Relay {
    address: SocketAddr,
    is_cut: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Relay {
    fn start(server: SocketAddr) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (is_cut, streams) = (AtomicBool::new(false), Mutex::default());
        let relay = Arc::new(Self { address, is_cut, streams });
        let carrier = Arc::clone(&relay);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if !carrier.is_cut.load(Ordering::SeqCst) {
                    carrier.carry(client, TcpStream::connect(server).expect("it is there"));
                }
            }
        });
        relay
    }

    fn carry(&self, client: TcpStream, server: TcpStream) {
        let copy = |stream: &TcpStream| stream.try_clone().expect("a copy");
        self.streams.lock().expect("nobody panicked").push(copy(&client));
        for (mut from, mut to) in [(copy(&client), copy(&server)), (server, client)] {
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        }
    }

    fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        for stream in self.streams.lock().expect("nobody panicked").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }
}

fn outlives_its_api_server() {
    let namespace = namespace_with_client();
    let home = clusters::kubeconfig().with_file_name("cluster1");
    let server = std::fs::read_to_string(home.join("server")).expect("an address");
    let server = server.trim();
    let relay = Relay::start(server.trim_start_matches("https://").parse().expect("an address"));
    let text = std::fs::read_to_string(clusters::kubeconfig()).expect("it is there");
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), text.replace(server, &format!("https://{}", relay.address)))
        .expect("it can be written");
    let args = ["--context", "cluster1", "-n", &namespace, "--url", URL, "--for", "1h"];
    let mut child = clusters::tool("mesh-probe", &args);
    let mut child = child
        .args(["-q", "--finally", "true"])
        .env("KUBECONFIG", file.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut comes = |key: &str, value: &str| {
        // Five a second: for two minutes.
        let record = lines.by_ref().take(600).find_map(|line| {
            let record: Value =
                serde_json::from_str(&line.expect("it is text")).expect("a record is JSON");
            (record[key] == value).then_some(record)
        });
        record.unwrap_or_else(|| panic!("no {key} {value} came"))
    };
    comes("error", "exec");
    relay.cut();
    let down = comes("error", "api");
    let message = down["message"].as_str().expect("it says why");
    assert!(message.contains(&format!("https://{} cannot be reached", relay.address)), "{message}");
    relay.mend();
    comes("error", "exec");
    let kill = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
    assert!(kill.expect("kill runs").success());
    assert_eq!(comes("kind", "Event")["event"], "finally");
    assert_eq!(child.wait().expect("it ends").code(), Some(143));
}

fn needs_the_right_to_exec() {
    let namespace = namespace_with_client();
    let user = unique("reader");
    for args in [
        format!("role {user} --verb=get,list --resource=pods"),
        format!("rolebinding {user} --role={user} --user={user}"),
    ] {
        let create = format!("kubectl --context cluster1 -n {namespace} create {args}");
        let _ = clusters::shell(&create).ok();
    }
    let ran = probe(&namespace, &["--count", "2", "--as", &user]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    let records = records(&ran.stdout);
    assert_eq!((records.len(), classes(&records)), (2, vec!["exec".to_owned()]), "{ran:?}");
    assert!(ran.stderr.contains("cannot") && ran.stderr.contains("pods/exec"), "{ran:?}");
    let ran = probe(&namespace, &["--as", &unique("nobody")]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(ran.stderr.contains("cannot list pods with app in (sleep,curl)"), "{ran:?}");
}

// --- with pods that run ---

fn shell(script: &str) -> Ran {
    let mut command = shell_command();
    run(command.args(["-c", script]).env("KUBECONFIG", with_nodes().join("kubeconfig")), "")
}

/// A namespace of cluster1 with `HelloWorld` and its client.
fn sample() -> String {
    let namespace = unique("probe");
    let _ = shell(&format!(
        "set -e
         kubectl --context cluster1 create namespace {namespace}
         {{ mesh-sample helloworld --version v1 -n {namespace} --image localhost/helloworld-v1:1 \
              --image-pull-policy Never
            echo ---
            mesh-sample sleep -n {namespace} --image localhost/tools:1 --image-pull-policy Never
         }} | kubectl --context cluster1 apply --server-side -f -
         kubectl --context cluster1 -n {namespace} wait --for=condition=Available --timeout=120s \
           deploy/sleep deploy/helloworld-v1"
    ))
    .ok();
    namespace
}

/// The URL of the newest `HelloWorld`, without a Service: nobody answers to one in there.
fn url(namespace: &str) -> String {
    let address = shell(&format!(
        "kubectl --context cluster1 -n {namespace} get pod -l app=helloworld \
           --sort-by .metadata.creationTimestamp -o 'jsonpath={{.items[-1:].status.podIP}}'"
    ));
    format!("http://{}:5000/hello", address.ok())
}

/// A client that is killed is replaced by its Deployment, and the probe goes on from there.
fn outlives_its_client() {
    let namespace = sample();
    let url = url(&namespace);
    let delete = format!(
        "kubectl --context cluster1 -n {namespace} delete pod -l app=sleep --grace-period 0 --force"
    );
    let ran = shell(&format!(
        "mesh-probe -q --context cluster1 -n {namespace} --url {url} --for 20s --rate 4 \
           --at 3s '{delete}'"
    ));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let records = records(&ran.stdout);
    let classes = classes(&records);
    assert!(classes.contains(&"pod".to_owned()), "{ran:?}");
    assert!(classes.iter().all(|class| matches!(class.as_str(), "none" | "pod" | "exec")));
    assert_eq!((classes[0].as_str(), classes[classes.len() - 1].as_str()), ("none", "none"));
    let latency = records[0]["latency"].as_f64().expect("seconds");
    assert!(latency > 0.0 && latency < 5.0, "{latency}");
}

/// `HelloWorld` is scaled to zero; Ctrl-C comes in the middle, and it is there again.
fn undoes_a_drill_on_signals() {
    let namespace = sample();
    let scale = |replicas: u8| {
        format!(
            "kubectl --context cluster1 -n {namespace} scale deploy/helloworld-v1 --replicas {replicas}"
        )
    };
    let kubeconfig: PathBuf = with_nodes().join("kubeconfig");
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut command = Command::new(program_dir().join("mesh-probe"));
        command.env("KUBECONFIG", &kubeconfig).args([
            "--context",
            "cluster1",
            "-q",
            "-n",
            &namespace,
        ]);
        command.args(["--url", &url(&namespace), "--for", "1h", "--timeout", "1s", "--rate", "5"]);
        command.args(["--at", "1s", &scale(0), "--finally", &scale(1)]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut is_down = false;
        for line in &mut lines {
            let line = line.expect("it is text");
            let record: Value = serde_json::from_str(&line).expect("a record is JSON");
            if record["kind"] == "Reply" && !record["error"].is_null() {
                assert!(
                    matches!(record["error"].as_str(), Some("connect" | "timeout" | "http")),
                    "{line}"
                );
                is_down = true;
                break;
            }
        }
        assert!(is_down);
        let kill = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
        let rest: Vec<String> = lines.map(|line| line.expect("it is text")).collect();
        assert_eq!(child.wait().expect("it ends").code(), Some(code));
        let last: Value =
            serde_json::from_str(rest.last().expect("it says what it undid")).expect("JSON");
        assert_eq!((&last["event"], &last["exit"]), (&json!("finally"), &json!(0)));
        let replicas = shell(&format!(
            "kubectl --context cluster1 -n {namespace} get deploy/helloworld-v1 \
               -o 'jsonpath={{.spec.replicas}}'"
        ));
        assert_eq!(replicas.ok(), "1");
        // The next round begins as this one did, with HelloWorld at a new address.
        let _ = shell(&format!(
            "kubectl --context cluster1 -n {namespace} rollout status deploy/helloworld-v1 --timeout=120s"
        ))
        .ok();
    }
}

/// A container that finds no curl, and one that is not there.
fn needs_curl_and_a_client() {
    let namespace = sample();
    let url = url(&namespace);
    let least = format!("mesh-probe --context cluster1 -n {namespace} --url {url} --count 2");
    let ran = shell(&format!("{least} --container other"));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(ran.stderr.contains("has no container other, but sleep"), "{ran:?}");
    // An empty folder lies over the one that has curl.
    let hidden = json!({"spec": {"volumes": [{"name": "empty", "emptyDir": {}}],
        "containers": [{"name": "bare", "image": "localhost/tools:1",
            "volumeMounts": [{"name": "empty", "mountPath": "/usr/bin"}]}]}});
    let _ = shell(&format!(
        "set -e
         kubectl --context cluster1 -n {namespace} run bare --image localhost/tools:1 -l app=bare \
           --overrides '{hidden}'
         kubectl --context cluster1 -n {namespace} wait --for=condition=Ready --timeout=120s pod/bare"
    ))
    .ok();
    let ran = shell(&format!("{least} --selector app=bare"));
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert_eq!(classes(&records(&ran.stdout)), ["exec"], "{ran:?}");
    assert!(ran.stderr.contains("the client's container needs curl"), "{ran:?}");
}
