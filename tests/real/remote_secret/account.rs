//! The account that istiod reads with, its rights, and the Secret that its token is in.

use super::{READER, account_without_token, stored_kubeconfig, token_secrets};
use crate::clusters::{kubeconfig, kubectl, namespace, tool, unique};
use mesh_tests::run;
use serde_json::{Value, json};
use std::process::Command;

pub fn makes_a_token_secret() {
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

pub fn read_only_writes_nothing() {
    let namespace = account_without_token();
    let args = ["--context", "cluster1", "--read-only", "-n", &namespace];
    let ran = run(&mut tool("mesh-remote-secret", &args), "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(ran.stderr.contains("--read-only forbids"), "{ran:?}");
    assert_eq!(token_secrets(&namespace), [] as [String; 0]);
}

pub fn several_token_secrets() {
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

pub fn missing_account() {
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

/// The least role reads what istiod reads, and nothing else.
pub fn least_role() {
    let namespace = namespace("least");
    let account = unique("reader");
    let args = [
        "--context",
        "cluster1",
        "-q",
        "--name",
        "c1",
        "-n",
        &namespace,
        "--service-account",
        &account,
        "--create-service-account",
        "--reader-role",
        "least",
        "--istio-version",
        "1.30",
    ];
    let manifest = run(&mut tool("mesh-remote-secret", &args), "").ok();
    let (file, _) = stored_kubeconfig(&serde_yaml::from_str(&manifest).expect("YAML"), "c1");
    let list = |args: &[&str]| {
        run(Command::new("kubectl").arg("get").args(args).env("KUBECONFIG", file.path()), "")
    };
    for resource in ["services", "nodes", "endpointslices", "workloadentries", "crds", "secrets"] {
        let listed = list(&[resource, "--all-namespaces"]);
        assert_eq!(listed.code, Some(0), "{listed:?}");
    }
    let listed = list(&["configmaps", "-n", &namespace]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    for resource in ["endpoints", "configmaps", "virtualservices.networking.istio.io"] {
        let refused = list(&[resource, "--all-namespaces"]);
        assert!(refused.stderr.contains("Forbidden"), "{resource}: {refused:?}");
    }
    // A second run finds the account and leaves its rights alone.
    let ran = run(tool("mesh-remote-secret", &args).env("MESH_QUIET", "false"), "");
    assert_eq!(ran.ok(), manifest);
    let role = format!("{account}-least-{namespace}");
    let args = ["--context", "cluster1", "delete", "clusterrole,clusterrolebinding", &role];
    let _ = run(&mut kubectl(&args), "").ok();
}

pub fn missing_right() {
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
pub fn taken_name_is_not_overwritten() {
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
pub fn waiting_ends() {
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
