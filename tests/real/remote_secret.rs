//! mesh-remote-secret against API servers.

use crate::clusters::{get, kubeconfig, kubectl, namespace, shell, tool, unique, wait_for};
use crate::{Needs, Test};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_tests::run;
use serde_json::{Value, json};
use std::process::Command;

pub const TESTS: &[Test] = &[
    ("remote_secret_reads_the_other_cluster", Needs::Clusters, reads_the_other_cluster),
    ("remote_secret_makes_a_token_secret", Needs::Clusters, makes_a_token_secret),
    ("remote_secret_read_only_writes_nothing", Needs::Clusters, read_only_writes_nothing),
    ("remote_secret_several_token_secrets", Needs::Clusters, several_token_secrets),
    ("remote_secret_missing_account", Needs::Clusters, missing_account),
    ("remote_secret_missing_right", Needs::Clusters, missing_right),
    ("remote_secret_taken_name_is_not_overwritten", Needs::Clusters, taken_name_is_not_overwritten),
    ("remote_secret_waiting_ends", Needs::Clusters, waiting_ends),
    ("remote_secret_from_records", Needs::Clusters, from_records),
];

const READER: &str = "istio-reader-service-account";

/// The acceptance line of the first mesh: cluster1's Secret lies in cluster2, and what is in it
/// lists cluster1's pods and services.
fn reads_the_other_cluster() {
    let name = unique("acceptance");
    let apply = format!(
        "mesh-remote-secret -q --context cluster1 --name {name} |
         kubectl apply --server-side -f - --context cluster2"
    );
    let _ = shell(&apply).ok();
    let secret_name = format!("istio-remote-secret-{name}");
    let secret = get("cluster2", &["secret", &secret_name, "-n", "istio-system"]);
    assert_eq!(secret["metadata"]["labels"]["istio/multiCluster"], "true");
    assert_eq!(secret["metadata"]["annotations"], json!({"networking.istio.io/cluster": name}));
    let (file, config) = stored_kubeconfig(&secret, &name);
    let own: Value = serde_yaml::from_slice(&std::fs::read(kubeconfig()).expect("it is there"))
        .expect("it is YAML");
    assert_eq!(config["clusters"][0]["cluster"]["server"], own["clusters"][0]["cluster"]["server"]);
    for resource in ["pods", "services"] {
        let args = ["get", resource, "--all-namespaces", "-o", "name"];
        let listed = run(Command::new("kubectl").args(args).env("KUBECONFIG", file.path()), "");
        assert!(listed.ok().contains('/'), "no {resource} in cluster1");
    }
    // It is a reader's: it may not write.
    let args = ["create", "namespace", "intruder"];
    let refused = run(Command::new("kubectl").args(args).env("KUBECONFIG", file.path()), "");
    assert!(refused.stderr.contains("forbidden"), "{refused:?}");

    let _ = shell(&apply).ok();
    let again = get("cluster2", &["secret", &secret_name, "-n", "istio-system"]);
    assert_eq!(again["metadata"]["resourceVersion"], secret["metadata"]["resourceVersion"]);
    let args = ["--context", "cluster2", "delete", "secret", &secret_name, "-n", "istio-system"];
    let _ = run(&mut kubectl(&args), "").ok();
}

/// The kubeconfig in a remote Secret, as a file and as a value.
fn stored_kubeconfig(secret: &Value, name: &str) -> (tempfile::NamedTempFile, Value) {
    let data = secret["data"][name].as_str().expect("the key is the cluster's name");
    let text = STANDARD.decode(data).expect("it is base64");
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), &text).expect("it can be written");
    (file, serde_yaml::from_slice(&text).expect("it is YAML"))
}

/// A namespace with the reader's account and without any usable token Secret, as Kubernetes 1.24
/// and later have it. Older servers make one by themselves; here it is on its way out for good.
fn account_without_token() -> String {
    let namespace = namespace("token");
    let args = ["--context", "cluster1", "create", "serviceaccount", READER, "-n", &namespace];
    let _ = run(&mut kubectl(&args), "").ok();
    let minor = get_version_minor();
    if minor < 24 {
        let name = wait_for("the server's own token secret", || {
            let account = get("cluster1", &["serviceaccount", READER, "-n", &namespace]);
            account["secrets"][0]["name"].as_str().map(str::to_owned)
        });
        let patch = r#"{"metadata":{"finalizers":["meshutils/test"]}}"#;
        let secret = format!("secret/{name}");
        let with = |args: &[&str]| {
            let mut all = vec!["--context", "cluster1", "-n", &namespace];
            all.extend(args);
            let _ = run(&mut kubectl(&all), "").ok();
        };
        with(&["patch", &secret, "--type=merge", "-p", patch]);
        with(&["delete", &secret, "--wait=false"]);
    }
    namespace
}

fn get_version_minor() -> u32 {
    let args = ["--context", "cluster1", "get", "--raw", "/version"];
    let version: Value = serde_json::from_str(&run(&mut kubectl(&args), "").ok()).expect("JSON");
    let minor = version["minor"].as_str().expect("it has a minor version");
    minor.trim_end_matches('+').parse().expect("a number")
}

fn token_secrets(namespace: &str) -> Vec<String> {
    let secrets = get("cluster1", &["secrets", "-n", namespace]);
    let items = secrets["items"].as_array().expect("a list").iter();
    items
        .filter(|secret| {
            secret["metadata"]["annotations"]["kubernetes.io/service-account.name"] == READER
                && secret["metadata"]["deletionTimestamp"].is_null()
        })
        .map(|secret| secret["metadata"]["name"].as_str().expect("a name").to_owned())
        .collect()
}

fn makes_a_token_secret() {
    let namespace = account_without_token();
    let args = ["--context", "cluster1", "--name", "c1", "-n", &namespace];
    let first = run(&mut tool("mesh-remote-secret", &args), "");
    let made = format!("made secret {namespace}/{READER}-istio-remote-secret-token");
    assert!(first.stderr.contains(&made), "{first:?}");
    let first = first.ok();
    assert_eq!(token_secrets(&namespace), [format!("{READER}-istio-remote-secret-token")]);
    // The second run finds it and gives the same bytes.
    let second = run(&mut tool("mesh-remote-secret", &args), "");
    assert!(!second.stderr.contains("made secret"), "{second:?}");
    assert_eq!(second.ok(), first);
    let manifest: Value = serde_yaml::from_str(&first).expect("it is YAML");
    assert_eq!(manifest["metadata"]["namespace"], *namespace);
    let (file, _) = stored_kubeconfig(&manifest, "c1");
    let who = run(
        Command::new("kubectl").args(["auth", "can-i", "get", "x"]).env("KUBECONFIG", file.path()),
        "",
    );
    // The token works: the answer is a "no" and not a refused login.
    assert!(who.stdout.starts_with("no"), "{who:?}");
}

fn read_only_writes_nothing() {
    let namespace = account_without_token();
    let args = ["--context", "cluster1", "--read-only", "-n", &namespace];
    let ran = run(&mut tool("mesh-remote-secret", &args), "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(ran.stderr.contains("--read-only forbids"), "{ran:?}");
    assert_eq!(token_secrets(&namespace), [] as [String; 0]);
}

fn several_token_secrets() {
    let namespace = account_without_token();
    for name in ["one", "two"] {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": {"name": name, "namespace": namespace,
                "annotations": {"kubernetes.io/service-account.name": READER}},
        });
        let mut create = kubectl(&["--context", "cluster1", "create", "-f", "-"]);
        let _ = run(&mut create, &secret.to_string()).ok();
    }
    let mut args = vec!["--context", "cluster1", "-q", "--name", "c1", "-n", &namespace];
    let ran = run(&mut tool("mesh-remote-secret", &args), "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(ran.stderr.contains("has 2 token secrets: one, two"), "{ran:?}");
    args.extend(["--secret-name", "two"]);
    assert!(run(&mut tool("mesh-remote-secret", &args), "").ok().starts_with("apiVersion: v1\n"));
    *args.last_mut().expect("it has arguments") = "three";
    let ran = run(&mut tool("mesh-remote-secret", &args), "");
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.stderr.contains("secret three is no token"), "{ran:?}");
}

fn missing_account() {
    let namespace = namespace("account");
    let mut args = vec!["--context", "cluster1", "--name", "c1", "-n", &namespace];
    let ran = run(&mut tool("mesh-remote-secret", &args), "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(ran.stderr.contains(&format!("there is no service account {namespace}/{READER}")));
    assert!(ran.stderr.contains("--create-service-account makes it"), "{ran:?}");
    args.push("--create-service-account");
    let manifest = run(&mut tool("mesh-remote-secret", &args), "").ok();
    let (file, _) = stored_kubeconfig(&serde_yaml::from_str(&manifest).expect("YAML"), "c1");
    for resource in ["services", "endpoints", "nodes", "virtualservices.networking.istio.io"] {
        let args = ["get", resource, "--all-namespaces"];
        let listed = run(Command::new("kubectl").args(args).env("KUBECONFIG", file.path()), "");
        assert_eq!(listed.code, Some(0), "{listed:?}");
    }
    let role = format!("istio-reader-clusterrole-{namespace}");
    let args = ["--context", "cluster1", "delete", "clusterrole,clusterrolebinding", &role];
    let _ = run(&mut kubectl(&args), "").ok();

    let args = ["--context", "cluster1", "-n", "no-such-namespace", "--create-service-account"];
    let ran = run(&mut tool("mesh-remote-secret", &args), "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    let role = "istio-reader-clusterrole-no-such-namespace";
    let args = ["--context", "cluster1", "delete", "clusterrole,clusterrolebinding", role];
    let _ = run(&mut kubectl(&args), "");
}

fn missing_right() {
    let args = ["--context", "cluster1", "--as", "nobody-special", "--as-group", "guests"];
    let ran = run(&mut tool("mesh-remote-secret", &args), "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(
        ran.stderr.contains("forbidden: User \"nobody-special\" cannot get resource"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("hint: ask for the right named above"), "{ran:?}");
}

/// The name of the new token Secret is taken by something that is not the account's.
fn taken_name_is_not_overwritten() {
    let namespace = account_without_token();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"token": "eA=="},
        "metadata": {"name": format!("{READER}-istio-remote-secret-token"), "namespace": namespace},
    });
    let mut create = kubectl(&["--context", "cluster1", "create", "-f", "-"]);
    let _ = run(&mut create, &secret.to_string()).ok();
    let args = ["--context", "cluster1", "-n", &namespace];
    let ran = run(&mut tool("mesh-remote-secret", &args), "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(ran.stderr.contains("already exists"), "{ran:?}");
}

/// Nobody fills in the new token Secret while the controllers stand still.
fn waiting_ends() {
    let namespace = account_without_token();
    let controllers = StandingStill::new("cluster1/run/kube-controller-manager");
    let args = ["--context", "cluster1", "-n", &namespace, "--timeout", "1s"];
    let ran = run(&mut tool("mesh-remote-secret", &args), "");
    drop(controllers);
    assert_eq!(ran.code, Some(5), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("got no token within 1s"), "{}", ran.stderr);
}

/// A server of the test bed that is stopped until this goes away.
struct StandingStill(String);

impl StandingStill {
    fn new(pid_file: &str) -> Self {
        let file = kubeconfig().with_file_name(pid_file);
        let text = std::fs::read_to_string(file).expect("the server runs");
        let pid = text.split(' ').next().expect("a pid file begins with the pid").to_owned();
        signal("STOP", &pid);
        Self(pid)
    }
}

impl Drop for StandingStill {
    fn drop(&mut self) {
        signal("CONT", &self.0);
    }
}

fn signal(name: &str, pid: &str) {
    let status = Command::new("kill").args(["-s", name, pid]).status();
    assert!(status.expect("kill runs").success());
}

fn from_records() {
    let ran = shell("mesh-clusters --contexts cluster2,cluster1 | mesh-remote-secret -q -o json");
    let list: Value = serde_json::from_str(&ran.ok()).expect("it is JSON");
    let name = |i: usize| list["items"][i]["metadata"]["name"].as_str().expect("a name").to_owned();
    assert_eq!(list["kind"], "List");
    assert_eq!(
        (name(0), name(1)),
        ("istio-remote-secret-cluster1".to_owned(), "istio-remote-secret-cluster2".to_owned())
    );
}
