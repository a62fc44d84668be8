//! mesh-remote-secret against API servers.

use crate::clusters::{get, kubeconfig, kubectl, namespace, shell, tool, unique, wait_for};
use crate::{Needs, Test};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mesh_tests::{Ran, run};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

pub const TESTS: &[Test] = &[
    ("remote_secret_reads_the_other_cluster", Needs::Clusters, reads_the_other_cluster),
    ("remote_secret_is_named_by_istiod", Needs::Clusters, is_named_by_istiod),
    ("remote_secret_makes_a_token_secret", Needs::Clusters, makes_a_token_secret),
    ("remote_secret_read_only_writes_nothing", Needs::Clusters, read_only_writes_nothing),
    ("remote_secret_several_token_secrets", Needs::Clusters, several_token_secrets),
    ("remote_secret_missing_account", Needs::Clusters, missing_account),
    ("remote_secret_least_role", Needs::Clusters, least_role),
    ("remote_secret_missing_right", Needs::Clusters, missing_right),
    ("remote_secret_taken_name_is_not_overwritten", Needs::Clusters, taken_name_is_not_overwritten),
    ("remote_secret_waiting_ends", Needs::Clusters, waiting_ends),
    ("remote_secret_from_records", Needs::Clusters, from_records),
    ("remote_secret_tells_every_failure", Needs::Clusters, tells_every_failure),
    ("remote_secret_from_a_token_secret", Needs::Clusters, from_a_token_secret),
    ("remote_secret_ends_with_its_token", Needs::Clusters, ends_with_its_token),
    ("remote_secret_expired_token_is_refused", Needs::Clusters, expired_token_is_refused),
    ("remote_secret_rotates_without_a_gap", Needs::Clusters, rotates_without_a_gap),
    ("remote_secret_checks_the_endpoint", Needs::Clusters, checks_the_endpoint),
    ("remote_secret_keeps_the_proxy", Needs::Clusters, keeps_the_proxy),
    ("remote_secret_config_and_plugin", Needs::Clusters, config_and_plugin),
    ("remote_secret_shows_no_token", Needs::Clusters, shows_no_token),
];

const READER: &str = "istio-reader-service-account";

/// The acceptance line of the first mesh: cluster1's Secret lies in cluster2, and what is in it
/// lists cluster1's pods and services.
fn reads_the_other_cluster() {
    let name = unique("acceptance");
    let apply = format!(
        "mesh-remote-secret -q --context cluster1 --name {name} --allow-other-id |
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

/// Its name is the CLUSTER_ID of the istiod there; without one it is the UID, as with istioctl.
fn is_named_by_istiod() {
    let name = |args: &[&str]| {
        let mut all = vec!["--context", "cluster1", "-q", "-o", "json"];
        all.extend(args);
        let list: Value =
            serde_json::from_str(&run(&mut tool("mesh-remote-secret", &all), "").ok())
                .expect("JSON");
        let name =
            list["items"][0]["metadata"]["annotations"]["networking.istio.io/cluster"].clone();
        name.as_str().expect("a name").to_owned()
    };
    let uid = get("cluster1", &["namespace", "kube-system"])["metadata"]["uid"].take();
    assert_eq!(name(&[]), "cluster1");
    assert_eq!(name(&["--allow-other-id"]), uid.as_str().expect("a namespace has a UID"));
    let namespace = account_without_token();
    assert_eq!(name(&["-n", &namespace]), uid.as_str().expect("a namespace has a UID"));

    let args = ["--context", "cluster1", "--name", "asm-a"];
    let ran = run(&mut tool("mesh-remote-secret", &args), "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""), "{ran:?}");
    let told = "context cluster1: it cannot be named asm-a: its istiod's CLUSTER_ID is cluster1";
    assert!(ran.stderr.contains(told), "{ran:?}");
    // API servers take names that are too long for istioctl, and istiod any key they take.
    let long = format!("cn-{}", "long-project.".repeat(17) + "cluster");
    let apply = format!(
        "mesh-remote-secret -q --context cluster1 --allow-other-id --name {long} |
         kubectl apply --server-side --dry-run=server -f - --context cluster2"
    );
    assert!(shell(&apply).ok().contains(&format!("secret/istio-remote-secret-{long} ")));
    // For who may not look at istiod, any name will do.
    let user = unique("limited");
    for args in [
        format!("role {user} --verb=get,list,watch,create --resource=serviceaccounts,secrets"),
        format!("rolebinding {user} --role={user} --user={user}"),
    ] {
        let command = format!("kubectl --context cluster1 -n istio-system create {args}");
        let _ = shell(&command).ok();
    }
    assert_eq!(name(&["--as", &user, "--name", "asm-a"]), "asm-a");
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

/// The least role reads what istiod reads, and nothing else.
fn least_role() {
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

/// stdout is complete or empty; of the clusters that fail none is left out.
fn tells_every_failure() {
    let args = ["cluster1", "gone1", "cluster2", "gone2"].map(|context| ["--context", context]);
    let ran = run(&mut tool("mesh-remote-secret", args.as_flattened()), "");
    assert_eq!(ran.stdout, "", "{}", ran.stderr);
    assert!(ran.stderr.contains("2 of 4 clusters failed: the kubeconfig has no context \"gone1\""));
    assert!(ran.stderr.contains("the kubeconfig has no context \"gone2\""), "{}", ran.stderr);
}

/// What kubectl says of an API request with this kubeconfig.
fn ask(file: &tempfile::NamedTempFile) -> Ran {
    run(Command::new("kubectl").args(["get", "--raw", "/api"]).env("KUBECONFIG", file.path()), "")
}

fn works(file: &tempfile::NamedTempFile) -> bool {
    ask(file).code == Some(0)
}

/// Offline: kubectl fetches the token Secret, and only the record says where the cluster is.
fn from_a_token_secret() {
    let namespace = account_without_token();
    let live = ["--context", "cluster1", "-q", "--name", "c1", "-n", &namespace];
    let direct = run(&mut tool("mesh-remote-secret", &live), "").ok();
    let secret = format!("{READER}-istio-remote-secret-token");
    let own: Value = serde_yaml::from_slice(&std::fs::read(kubeconfig()).expect("it is there"))
        .expect("it is YAML");
    let server = own["clusters"][0]["cluster"]["server"].as_str().expect("a server");
    let pipe = format!(
        "kubectl --context cluster1 get secret {secret} -n {namespace} -o json |
         KUBECONFIG=/nowhere mesh-remote-secret -q --name c1 --server {server} -n {namespace}"
    );
    assert_eq!(shell(&pipe).ok(), direct);
    let pipe = format!(
        "{{ mesh-clusters --contexts cluster1
            kubectl --context cluster1 get secret {secret} -n {namespace} -o json
         }} | KUBECONFIG=/nowhere mesh-remote-secret -q --name c1 -n {namespace}"
    );
    assert_eq!(shell(&pipe).ok(), direct);
}

/// A token with an end works, and lint knows when it will not any more.
fn ends_with_its_token() {
    let namespace = account_without_token();
    let mut args = vec!["--context", "cluster1", "--name", "c1", "-n", &namespace, "--ttl", "1h"];
    let ran = run(&mut tool("mesh-remote-secret", &args), "");
    assert!(!ran.stderr.contains("only"), "{}", ran.stderr);
    let manifest = ran.ok();
    assert_eq!(token_secrets(&namespace), [] as [String; 0]);
    let secret: Value = serde_yaml::from_str(&manifest).expect("YAML");
    let (file, config) = stored_kubeconfig(&secret, "c1");
    assert!(works(&file));
    assert!(config["clusters"][0]["cluster"]["certificate-authority-data"].is_string());
    let expires = secret["metadata"]["annotations"]["meshutils/expires"].as_str().expect("a time");
    let rotate = secret["metadata"]["annotations"]["meshutils/rotate-after"].as_str();
    assert!(rotate.expect("a time") < expires);

    let lint = |at: &str| {
        let args = ["--own-id", "c2", "-n", &namespace, "--ignore", "MESH0422", "--at", at];
        run(&mut tool("mesh-secret-lint", &args), &manifest)
    };
    let before = lint(rotate.expect("a time"));
    assert!(!before.stdout.contains("MESH0434") && before.code == Some(0), "{before:?}");
    let after = lint(expires);
    assert!(after.stdout.contains("MESH0434") && after.code == Some(1), "{after:?}");

    // The next one leaves this one as it is.
    args.push("--rotate");
    let ran = run(&mut tool("mesh-remote-secret", &args), "");
    assert!(ran.stderr.contains("stay valid until their own end"), "{}", ran.stderr);
    let (next, _) = stored_kubeconfig(&serde_yaml::from_str(&ran.ok()).expect("YAML"), "c1");
    assert!(works(&file) && works(&next));
    // The test bed's istiod says that it is of a version that does not take changes well.
    let ran = run(&mut tool("mesh-remote-secret", &["--context", "cluster1", "--ttl", "1h"]), "");
    assert!(ran.stderr.contains("istiod 1.30.3 forgets the endpoints"), "{}", ran.stderr);
}

/// A token of the test bed's own making, for the time from `issued` to `expires` (seconds from
/// now), signed with the key of cluster1's API server.
fn signed_token(issued: i64, expires: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let now = i64::try_from(now).expect("before the year 292277026596");
    let issuer = "https://kubernetes.default.svc.cluster.local";
    let account = get("cluster1", &["serviceaccount", READER, "-n", "istio-system"]);
    let claims = json!({
        "iss": issuer, "aud": [issuer], "iat": now + issued, "nbf": now + issued,
        "exp": now + expires, "sub": format!("system:serviceaccount:istio-system:{READER}"),
        "kubernetes.io": {"namespace": "istio-system",
            "serviceaccount": {"name": READER, "uid": account["metadata"]["uid"]}},
    });
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    let signed =
        format!("{}.{}", encode(json!({"alg": "ES256"}).to_string()), encode(claims.to_string()));
    let key = kubeconfig().with_file_name("cluster1/pki/sa.key");
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha256", "-hex", "-sign"]).arg(key);
    let hex = run(&mut openssl, &signed).ok();
    let hex = hex.trim().rsplit(' ').next().expect("a signature").to_owned();
    let der: Vec<u8> = (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hexadecimal"))
        .collect();
    // SEQUENCE { INTEGER r, INTEGER s }, each to be 32 bytes long.
    let (r, rest) = der[4..].split_at(usize::from(der[3]));
    let s = &rest[2..2 + usize::from(rest[1])];
    let mut signature = Vec::new();
    for number in [r, s] {
        let number = &number[number.len().saturating_sub(32)..];
        signature.extend(vec![0; 32 - number.len()]);
        signature.extend(number);
    }
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The real API server ends a token at its end, and --check-endpoint sees it. The server grants
/// one minute, and remembers an answer for some seconds.
fn expired_token_is_refused() {
    let token = signed_token(-600, -54);
    let ca = std::fs::read(kubeconfig().with_file_name("cluster1/pki/ca.crt")).expect("a CA");
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "t", "annotations": {"kubernetes.io/service-account.name": READER}},
        "data": {"token": STANDARD.encode(&token), "ca.crt": STANDARD.encode(ca)},
    });
    let server = std::fs::read_to_string(kubeconfig().with_file_name("cluster1/server"));
    let server = server.expect("the server's address");
    let args = ["-q", "--name", "c1", "--server", server.trim(), "--check-endpoint"];
    let check = || run(&mut tool("mesh-remote-secret", &args), &secret.to_string());
    let manifest: Value = serde_yaml::from_str(&check().ok()).expect("YAML");
    let (file, _) = stored_kubeconfig(&manifest, "c1");
    assert!(works(&file));
    let refused = wait_for("the end of the token", || Some(check()).filter(|r| r.code == Some(4)));
    assert_eq!(refused.stdout, "");
    assert!(refused.stderr.contains("does not accept the token"), "{}", refused.stderr);
    assert!(!refused.stderr.contains(&token), "{}", refused.stderr);
    assert!(ask(&file).stderr.contains("Unauthorized"));
}

/// New credentials while the old are in use: whoever polls never meets a closed door.
fn rotates_without_a_gap() {
    let namespace = account_without_token();
    let make = |flags: &str| {
        shell(&format!(
            "mesh-remote-secret --context cluster1 --name c1 -n {namespace} {flags} |
             kubectl apply --server-side -f - --context cluster2"
        ))
    };
    let stored = || {
        let secret = get("cluster2", &["secret", "istio-remote-secret-c1", "-n", &namespace]);
        stored_kubeconfig(&secret, "c1")
    };
    let _ = make("").ok();
    let (old, _) = stored();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let poll = scope.spawn(|| {
            let mut answers = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                answers.push(ask(&stored().0).code);
            }
            answers
        });
        let ran = make("--rotate");
        let base = format!("{READER}-istio-remote-secret-token");
        assert!(ran.stderr.contains(&format!("made secret {namespace}/{base}-2")), "{ran:?}");
        assert_eq!(token_secrets(&namespace), [base.clone(), format!("{base}-2")]);
        assert!(works(&old) && works(&stored().0));
        // Without --rotate the newest stays the current one.
        let version = || {
            get("cluster2", &["secret", "istio-remote-secret-c1", "-n", &namespace])["metadata"]
                ["resourceVersion"]
                .take()
        };
        let before = version();
        let _ = make("-q").ok();
        assert_eq!(version(), before);
        // The old one is deleted as the note says.
        let (_, delete) = ran.stderr.split_once("new secret: ").expect("a command");
        let delete = delete.lines().next().expect("a command");
        assert_eq!(
            delete,
            format!("kubectl delete secret {base} -n {namespace} --context cluster1")
        );
        let _ = shell(delete).ok();
        wait_for("the end of the old token", || (!works(&old)).then_some(()));
        let ran = make("--rotate");
        assert!(ran.stderr.contains(&format!("made secret {namespace}/{base}-3")), "{ran:?}");
        stop.store(true, Ordering::Relaxed);
        let answers = poll.join().expect("it polls");
        assert!(answers.len() > 5 && answers.iter().all(|code| *code == Some(0)), "{answers:?}");
    });
}

fn checks_the_endpoint() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let foreign = kubeconfig().with_file_name("cluster2/pki/ca.crt");
    let check = |args: &[&str]| {
        let mut all = vec!["--context", "cluster1", "-q", "--check-endpoint"];
        all.extend(args);
        run(&mut tool("mesh-remote-secret", &all), "")
    };
    let refused = |args: &[&str], told: &str| {
        let ran = check(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    };
    assert_eq!(check(&[]).code, Some(0));
    assert_eq!(check(&["--ttl", "1h"]).code, Some(0));
    // It is the given token that is tried, not the user's own right to impersonate.
    let ran = check(&["--as", "admin", "--as-group", "system:masters"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let foreign = foreign.to_str().expect("a plain path");
    refused(&["--certificate-authority", foreign], "is not of the CA that would be given away");
    refused(&["--certificate-authority", "none"], "is of no public CA");
    refused(
        &["--tls-server-name", "api.example.com"],
        "its certificate is not for api.example.com, but for",
    );
    assert_eq!(check(&["--tls-server-name", "kubernetes.default.svc"]).code, Some(0));
    let other = std::fs::read_to_string(kubeconfig().with_file_name("cluster2/server"));
    let other = other.expect("the other server's address");
    let args = ["--server", other.trim(), "--certificate-authority", foreign];
    refused(&args, "does not accept the token");
    // A record whose endpoint has another CA than the cluster: a proxy, as far as one can see.
    let record = dir.path().join("record.json");
    let ca = STANDARD.encode(std::fs::read(foreign).expect("a CA"));
    let own = std::fs::read_to_string(kubeconfig().with_file_name("cluster1/server"));
    let text = json!({
        "apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": "c1", "context": "cluster1",
        "endpoints": [{"url": own.expect("an address").trim(), "kind": "private", "caData": ca}],
    });
    std::fs::write(&record, text.to_string()).expect("it can be written");
    let file = record.to_str().expect("a plain path");
    let ran = run(&mut tool("mesh-remote-secret", &["-f", file]), "");
    assert!(ran.stderr.contains("has another CA than the API server: it is a proxy"), "{ran:?}");
    let ran = run(&mut tool("mesh-remote-secret", &["-f", file, "--check-endpoint"]), "");
    assert!(ran.stderr.contains("is not of the CA that would be given away"), "{}", ran.stderr);
}

/// A proxy that HTTP clients tunnel through; it counts the tunnels.
fn start_proxy() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let tunnels = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&tunnels);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let counter = Arc::clone(&counter);
            std::thread::spawn(move || tunnel(client, &counter));
        }
    });
    (address, tunnels)
}

fn tunnel(mut client: TcpStream, tunnels: &AtomicUsize) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut server = TcpStream::connect(target)?;
    tunnels.fetch_add(1, Ordering::Relaxed);
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || std::io::copy(&mut from_server, &mut to_client));
    std::io::copy(&mut client, &mut server).map(drop)
}

fn keeps_the_proxy() {
    let (address, tunnels) = start_proxy();
    let text = std::fs::read_to_string(kubeconfig()).expect("it is there");
    let text = text.replace(
        "cluster: {server:",
        &format!("cluster: {{proxy-url: \"http://{address}\", server:"),
    );
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), text).expect("it can be written");
    let args = ["--context", "cluster1", "--name", "cluster1"];
    let with_proxy = |more: &[&str]| {
        let mut command = tool("mesh-remote-secret", &args);
        run(command.args(more).env("KUBECONFIG", file.path()), "")
    };
    let ran = with_proxy(&[]);
    let told = "the proxy 127.0.0.1 is a loopback address: another cluster cannot reach it";
    assert!(ran.stderr.contains(told), "{ran:?}");
    let secret: Value = serde_yaml::from_str(&ran.ok()).expect("YAML");
    let (_, config) = stored_kubeconfig(&secret, "cluster1");
    let cluster = &config["clusters"][0]["cluster"];
    assert_eq!(cluster["proxy-url"], format!("http://{address}"));
    let before = tunnels.load(Ordering::Relaxed);
    assert!(before > 0);
    // The way that is given away is tried as it is, through the proxy.
    let _ = with_proxy(&["-q", "--check-endpoint"]).ok();
    assert!(tunnels.load(Ordering::Relaxed) > before + 1);
    let ran = with_proxy(&["--server", "https://10.0.0.2"]);
    assert!(ran.stderr.contains("the kubeconfig's proxy-url is not passed on"), "{ran:?}");
    assert!(!ran.ok().contains("proxy-url"));
}

fn config_and_plugin() {
    let args = ["--context", "cluster1", "-q", "--type", "config", "--name", "primary"];
    let secret = run(&mut tool("mesh-remote-secret", &args), "").ok();
    let secret: Value = serde_yaml::from_str(&secret).expect("YAML");
    assert_eq!(secret["metadata"]["name"], "istio-kubeconfig");
    let (file, _) = stored_kubeconfig(&secret, "config");
    assert!(works(&file));

    let namespace = namespace("plugin");
    let args = [
        "--context",
        "cluster1",
        "-n",
        &namespace,
        "--name",
        "c1",
        "--auth-type",
        "plugin",
        "--auth-plugin-name",
        "oidc",
        "--auth-plugin-config",
        "client-id=mesh",
        "--check-endpoint",
    ];
    // No service account is there, and none is needed.
    let secret = run(&mut tool("mesh-remote-secret", &args), "").ok();
    let (_, config) = stored_kubeconfig(&serde_yaml::from_str(&secret).expect("YAML"), "c1");
    let provider = json!({"name": "oidc", "config": {"client-id": "mesh"}});
    assert_eq!(config["users"][0]["user"], json!({"auth-provider": provider}));
    let ca = &config["clusters"][0]["cluster"]["certificate-authority-data"];
    assert!(ca.is_string());
    assert_eq!(token_secrets(&namespace), [] as [String; 0]);

    // Without any CA nothing is made: neither the config map may be read nor has the kubeconfig one.
    let text = std::fs::read_to_string(kubeconfig()).expect("it is there");
    let lines = text.lines().map(|line| match line.split_once(", certificate-authority-data:") {
        Some((before, _)) => format!("{before}, insecure-skip-tls-verify: true}}}}\n"),
        None => format!("{line}\n"),
    });
    let insecure = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(insecure.path(), lines.collect::<String>()).expect("it can be written");
    let mut command = tool("mesh-remote-secret", &args[..args.len() - 1]);
    let ran = run(command.args(["--as", "nobody"]).env("KUBECONFIG", insecure.path()), "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("is not known"), "{}", ran.stderr);
}

/// Neither in the arguments of any process, nor in what is said, nor beside the Secret.
fn shows_no_token() {
    let done = AtomicBool::new(false);
    let name = unique("silent");
    let ran = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut seen = 0;
            while !done.load(Ordering::Relaxed) {
                let processes = std::fs::read_dir("/proc").expect("Linux has it").flatten();
                for process in processes {
                    let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
                    let line = String::from_utf8_lossy(&line);
                    seen += usize::from(line.contains("mesh-remote-secret"));
                    // Every token begins so: it is JSON in base64.
                    assert!(!line.contains("eyJ"), "{line}");
                }
            }
            seen
        });
        let pipe = format!(
            "export RUST_LOG=trace RUST_BACKTRACE=full
             for flags in '' '--ttl 1h' --check-endpoint; do
               mesh-remote-secret --context cluster1 --name {name} --allow-other-id \
                 --log-format json $flags | kubectl apply --server-side -f - --context cluster2
             done
             mesh-remote-secret --context cluster1 --check-endpoint --tls-server-name a.b"
        );
        let ran = shell(&pipe);
        done.store(true, Ordering::Relaxed);
        assert!(watch.join().expect("it watches") > 0);
        ran
    });
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("eyJ"), "{ran:?}");
    assert!(ran.stderr.contains("its certificate is not for a.b"), "{ran:?}");
    let secret = format!("istio-remote-secret-{name}");
    let stored = get("cluster2", &["secret", &secret, "-n", "istio-system"]);
    let annotations = stored["metadata"]["annotations"].as_object().expect("annotations");
    assert!(annotations.values().all(|value| !value.to_string().contains("eyJ")));
    assert!(!annotations.contains_key("kubectl.kubernetes.io/last-applied-configuration"));
    let args = ["--context", "cluster2", "delete", "secret", &secret, "-n", "istio-system"];
    let _ = run(&mut kubectl(&args), "").ok();
}
