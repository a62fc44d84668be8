//! mesh-vm-env against API servers: the files, and whether the token is one.

use crate::clusters::{get, kubectl, namespace, shell, tool};
use crate::{Needs, Test};
use mesh_tests::{Ran, run};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

pub const TESTS: &[Test] = &[
    ("vm_env_makes_files_and_a_token_that_is_taken", Needs::Clusters, token_is_taken),
    ("vm_env_makes_the_same_of_what_kubectl_prints", Needs::Clusters, same_of_kubectl),
    ("vm_env_says_what_the_cluster_lacks", Needs::Clusters, says_what_is_lacking),
];

const NAMES: [&str; 5] = ["cluster.env", "hosts", "istio-token", "mesh.yaml", "root-cert.pem"];

fn apply(objects: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    let _ = run(&mut kubectl(&["--context", "cluster1", "apply", "-f", "-"]), &list).ok();
}

/// A namespace with a workload group and its service account, the mesh's root, and a gateway.
pub fn site() -> String {
    let namespace = namespace("vm-env");
    let root = get("cluster1", &["configmap", "istio-ca-root-cert", "-n", "istio-system"]);
    let metadata = |name: &str| json!({"name": name, "namespace": namespace});
    apply(&[
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata("shop")}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("istio-ca-root-cert"),
            "data": root["data"]}),
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": "WorkloadGroup", "metadata": metadata("shop"),
            "spec": {
                "metadata": {"labels": {"app": "it's $(id) `id` \"$HOME\""}},
                "template": {"ports": {"http": 8080, "grpc": 3550}, "serviceAccount": "shop"},
            },
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": metadata("ew"),
            "spec": {"type": "ClusterIP", "externalIPs": ["203.0.113.1"],
                "ports": [{"name": "tls-istiod", "port": 15012}]},
        }),
    ]);
    namespace
}

fn make(namespace: &str, args: &[&str]) -> Ran {
    let service = format!("ew.{namespace}");
    let live = ["--context", "cluster1", "--name", "shop", "-n", namespace];
    let all = [&live[..], &["--ingress-service", &service], args].concat();
    run(&mut tool("mesh-vm-env", &all), "")
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).expect("the file is there")
}

/// What the API server says of a token, asked as istiod asks.
fn review(token: &str, audience: &str) -> Value {
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "spec": {"token": token, "audiences": [audience]}});
    let args = ["--context", "cluster1", "create", "-o", "json", "-f", "-"];
    let answer = run(&mut kubectl(&args), &review.to_string()).ok();
    serde_json::from_str::<Value>(&answer).expect("kubectl writes JSON")["status"].take()
}

fn token_is_taken() {
    let namespace = site();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let folder = dir.path().join("vm");
    let out = folder.to_str().expect("a plain path");
    let ran = make(&namespace, &["--out", out, "--token-duration", "20m"]);
    let note = format!("note: the token of service account {namespace}/shop is good until 20");
    assert!(ran.stderr.contains(&note), "{ran:?}");
    let paths: String =
        NAMES.iter().fold(String::new(), |all, name| all + &format!("{out}/{name}\n"));
    assert_eq!(ran.ok(), paths);
    let token = read(&folder, "istio-token");
    let status = review(&token, "istio-ca");
    let user = format!("system:serviceaccount:{namespace}:shop");
    assert_eq!(status["authenticated"], true, "{status}");
    assert_eq!(status["user"]["username"], json!(user));
    assert_eq!(status["audiences"], json!(["istio-ca"]));
    assert_ne!(review(&token, "somebody-else")["authenticated"], true);
    for name in NAMES {
        let mode = folder.join(name).metadata().expect("the file is there").permissions().mode();
        assert_eq!(mode & 0o7777, if name == "istio-token" { 0o600 } else { 0o644 }, "{name}");
    }
    assert_eq!(read(&folder, "hosts"), "203.0.113.1 istiod.istio-system.svc\n");
    let root = get("cluster1", &["configmap", "istio-ca-root-cert", "-n", "istio-system"]);
    assert_eq!(json!(read(&folder, "root-cert.pem")), root["data"]["root-cert.pem"]);
    // A shell has the very label, and none of it is executed.
    let sourced = shell(&format!(
        "set -eu; . {out}/cluster.env; printf '%s|' \"$CANONICAL_SERVICE\" \"$ISTIO_META_CLUSTER_ID\" \
         \"$ISTIO_META_MESH_ID\" \"$ISTIO_INBOUND_PORTS\" \"$ISTIO_SERVICE\" \"$TRUST_DOMAIN\""
    ));
    let expected = format!(
        "it's $(id) `id` \"$HOME\"|cluster1|mesh1|3550,8080|shop.{namespace}|cluster.local|"
    );
    assert_eq!(sourced.ok(), expected);
    assert_eq!(
        run(&mut tool("mesh-vm-env", &["--check", out, "--fail-on", "warning"]), "").ok(),
        ""
    );
    // Again: the same files, and another token.
    let before: Vec<String> = NAMES.iter().map(|name| read(&folder, name)).collect();
    let _ = make(&namespace, &["--out", out, "-q", "--token-duration", "30m"]).ok();
    for (name, before) in NAMES.iter().zip(before) {
        assert_eq!(read(&folder, name) == before, *name != "istio-token", "{name}");
    }
    // Another audience, and a token that the user got.
    let _ = make(&namespace, &["--out", out, "--token-audience", "mine"]).ok();
    assert_eq!(review(&read(&folder, "istio-token"), "mine")["authenticated"], true);
    let ran = run(&mut tool("mesh-vm-env", &["--check", out]), "");
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout.contains("is for mine, and istiod's CA takes those for istio-ca"),
        "{ran:?}"
    );
}

fn same_of_kubectl() {
    let namespace = site();
    let live = make(&namespace, &["-o", "tar", "--no-token"]).ok();
    let piped = shell(&format!(
        "{{ kubectl --context cluster1 get configmaps -n istio-system -o yaml; echo ---
           kubectl --context cluster1 get configmaps,services,workloadgroups -n {namespace} -o json
         }} | mesh-vm-env -o tar --no-token --ingress-service ew.{namespace}"
    ));
    assert_eq!(piped.ok(), live);
    // The group from a file, and the rest from the cluster.
    let file = shell(&format!(
        "kubectl --context cluster1 get workloadgroup shop -n {namespace} -o yaml |
           mesh-vm-env --context cluster1 -f - -o tar --no-token --ingress-service ew.{namespace}"
    ));
    assert_eq!(file.ok(), live);
    let old = shell(&format!(
        "mesh-vm-env --context cluster1 --format 1.6 --service-cidr 10.0.0.0/24 --inbound-port 3550 \
           -n {namespace} --ingress-ip 203.0.113.1 -o tar | tar -xO cluster.env"
    ));
    let expected = format!(
        "ISTIO_INBOUND_PORTS='3550'\nISTIO_NAMESPACE='{namespace}'\nISTIO_SERVICE_CIDR='10.0.0.0/24'\n"
    );
    assert_eq!(old.ok(), expected);
}

fn says_what_is_lacking() {
    let namespace = site();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let folder = dir.path().join("vm");
    let out = folder.to_str().expect("a plain path");
    let fails = |args: &[&str], text: &str, hint: &str| {
        let ran = make(&namespace, &[&["--out", out], args].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
        assert!(ran.stderr.contains(text) && ran.stderr.contains(hint), "{text}: {ran:?}");
        assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 0);
    };
    // Whoever may read nothing is told what first.
    let text = format!("cannot read workload group {namespace}/shop: ");
    fails(&["--as", "nobody"], &text, "kubectl auth can-i");
    // Who may read all but the mesh's root.
    for (kind, at, rules) in [
        (
            "mesh",
            "istio-system",
            "--resource=configmaps --resource-name=istio --resource-name=istio-sidecar-injector",
        ),
        ("own", namespace.as_str(), "--resource=workloadgroups.networking.istio.io,services"),
    ] {
        let _ = shell(&format!(
            "set -e
             kubectl --context cluster1 create role {namespace}-{kind} -n {at} --verb=get {rules}
             kubectl --context cluster1 create rolebinding {namespace}-{kind} -n {at} \
               --role={namespace}-{kind} --user={namespace}"
        ))
        .ok();
    }
    let text = format!("cannot read config map {namespace}/istio-ca-root-cert: ");
    fails(&["--as", &namespace], &text, "kubectl auth can-i");
    fails(&["--revision", "gone"], "there is no config map istio-system/istio-gone", "--revision");
    let delete = |what: &[&str]| {
        let args = [&["--context", "cluster1", "delete", "-n", &namespace][..], what].concat();
        let _ = run(&mut kubectl(&args), "").ok();
    };
    delete(&["serviceaccount", "shop"]);
    let text = format!("cannot request a token of service account {namespace}/shop: ");
    fails(&[], &text, &format!("make it: kubectl create serviceaccount shop -n {namespace}"));
    delete(&["service", "ew"]);
    fails(&[], &format!("there is no service {namespace}/ew"), "--ingress-ip");
    delete(&["configmap", "istio-ca-root-cert"]);
    let text = format!("context cluster1: there is no config map {namespace}/istio-ca-root-cert");
    fails(&[], &text, "istiod writes it into the namespaces that it looks after");
    delete(&["workloadgroup", "shop"]);
    fails(&[], &format!("there is no workload group {namespace}/shop"), "apply it first");
}
