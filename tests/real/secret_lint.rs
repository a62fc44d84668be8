//! mesh-secret-lint against API servers.

use crate::clusters::{get, kubectl, namespace, shell, tool, unique, wait_for};
use crate::{Needs, Test};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_tests::{Ran, run};
use serde_json::{Value, json};

pub const TESTS: &[Test] = &[
    ("secret_lint_finds_what_is_in_a_cluster", Needs::Clusters, finds_what_is_in_a_cluster),
    ("secret_lint_asks_what_a_token_may_do", Needs::Clusters, asks_what_a_token_may_do),
    ("secret_lint_tells_failures_apart", Needs::Clusters, tells_failures_apart),
    ("secret_lint_compares_with_the_other_cluster", Needs::Clusters, compares_with_the_origin),
    ("secret_lint_needs_to_see_secrets", Needs::Clusters, needs_to_see_secrets),
];

/// The remote Secret of a cluster, by `flags` for mesh-remote-secret, under an ID that no other
/// test has.
fn remote_secret(context: &str, id: &str, namespace: &str, flags: &[&str]) -> Option<Value> {
    let args = ["-q", "--context", context, "--name", context, "-o", "json"];
    let ran = run(tool("mesh-remote-secret", &args).args(flags), "");
    if ran.code != Some(0) {
        return None;
    }
    let list: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    let mut secret = list["items"][0].clone();
    secret["metadata"]["name"] = json!(format!("istio-remote-secret-{id}"));
    secret["metadata"]["namespace"] = json!(namespace);
    secret["metadata"]["annotations"]["networking.istio.io/cluster"] = json!(id);
    secret["data"] = json!({id: secret["data"][context]});
    Some(secret)
}

/// The same for the reader that is there, and its kubeconfig.
fn reader_secret(context: &str, id: &str, namespace: &str) -> (Value, Value) {
    let secret = remote_secret(context, id, namespace, &[]).expect("the cluster has a reader");
    let text = STANDARD.decode(secret["data"][id].as_str().expect("a key")).expect("base64");
    (secret, serde_yaml::from_slice(&text).expect("it is YAML"))
}

/// The findings about one cluster ID, after the exit code was checked. The test bed's servers
/// have loopback addresses and its tokens no end, and that is told of each.
fn lint(code: i32, args: &[&str], input: &str, id: &str) -> Vec<Value> {
    let mut all = vec!["-q", "-o", "json", "--ignore", "MESH0422,MESH0436"];
    all.extend(args);
    let ran = run(&mut tool("mesh-secret-lint", &all), input);
    assert_eq!(ran.code, Some(code), "{ran:?}");
    let findings = ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    findings.filter(|finding: &Value| finding["evidence"]["cluster"] == id).collect()
}

fn codes(findings: &[Value]) -> Vec<&str> {
    findings.iter().map(|finding| finding["code"].as_str().expect("a code")).collect()
}

/// Other tests have Secrets in these clusters: the exit code is not for this one alone.
fn lint_context(namespace: &str) -> Ran {
    let args = ["-q", "-o", "json", "--context", "cluster2", "-n", namespace];
    let ran = run(&mut tool("mesh-secret-lint", &args), "");
    assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
    ran
}

fn finds_what_is_in_a_cluster() {
    let (namespace, id) = (namespace("lint"), unique("lint"));
    let (secret, _) = reader_secret("cluster1", &id, &namespace);
    let apply = ["--context", "cluster2", "apply", "--server-side", "-f", "-"];
    let _ = run(&mut kubectl(&apply), &secret.to_string()).ok();
    let object = format!("{namespace}/istio-remote-secret-{id}");
    let found = |ran: &Ran| -> Vec<String> {
        let findings = ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let mine = findings.filter(|finding: &Value| finding["object"] == object);
        mine.map(|finding| finding["code"].as_str().expect("a code").to_owned()).collect()
    };
    // Its account is in istio-system; otherwise there is nothing to say, the answers included.
    let ran = lint_context(&namespace);
    assert_eq!(found(&ran), ["MESH0422", "MESH0436", "MESH0439"]);
    let token = secret["data"][&id].as_str().expect("the key is the cluster's name");
    assert!(!ran.stdout.contains(token), "the kubeconfig is in the output");
    // Elsewhere it is in the wrong place, and without its label it is found by its name.
    let unlabel = format!(
        "kubectl --context cluster2 -n {namespace} label secret istio-remote-secret-{id} \
         istio/multiCluster-"
    );
    let _ = shell(&unlabel).ok();
    let found = found(&lint_context("istio-system"));
    assert_eq!(found, ["MESH0401", "MESH0402", "MESH0422", "MESH0436"]);
    // The command that it gives brings the label back.
    let ran = lint_context(&namespace);
    let findings = ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let lost = |finding: &Value| finding["object"] == object && finding["code"] == "MESH0402";
    let lost: Value = findings.into_iter().find(lost).expect("the label is lost");
    let _ = shell(lost["fix"].as_str().expect("a command")).ok();
    let secret =
        get("cluster2", &["secret", &format!("istio-remote-secret-{id}"), "-n", &namespace]);
    assert_eq!(secret["metadata"]["labels"]["istio/multiCluster"], "true");
}

fn asks_what_a_token_may_do() {
    let (namespace, id) = (namespace("rights"), unique("rights"));
    let create = |args: &[&str]| {
        let mut all = vec!["--context", "cluster1", "create"];
        all.extend(args);
        let _ = run(&mut kubectl(&all), "").ok();
    };
    create(&["serviceaccount", "reader", "-n", &namespace]);
    // Servers before 1.24 make the token by themselves, after a moment.
    let secret = wait_for("the account's token", || {
        let flags = ["-n", &namespace, "--service-account", "reader"];
        remote_secret("cluster1", &id, &namespace, &flags)
    });
    let secret = secret.to_string();
    let dial = ["--dial", "-n", &namespace];
    let found = lint(1, &dial, &secret, &id);
    assert_eq!(codes(&found), ["MESH0464"], "{found:?}");
    assert_eq!(found[0]["evidence"]["missing"].as_array().map(Vec::len), Some(8), "{found:?}");

    let subject = format!("--serviceaccount={namespace}:reader");
    create(&["clusterrolebinding", &id, "--clusterrole=cluster-admin", &subject]);
    let wide = || codes(&lint(0, &dial, &secret, &id)) == ["MESH0465"];
    let may_all = || {
        let ran = run(&mut tool("mesh-secret-lint", &dial), &secret);
        (!ran.stdout.contains("MESH0464")).then_some(())
    };
    wait_for("the new rights", may_all);
    assert!(wide());
    // Nothing of it without being asked to.
    assert_eq!(lint(0, &["-n", &namespace], &secret, &id), [] as [Value; 0]);

    let delete = |what: &[&str]| {
        let mut all = vec!["--context", "cluster1", "delete"];
        all.extend(what);
        let _ = run(&mut kubectl(&all), "").ok();
    };
    delete(&["clusterrolebinding", &id]);
    delete(&["serviceaccount", "reader", "-n", &namespace]);
    // The API server remembers a token that worked for some seconds.
    wait_for("the token's end", || {
        let ran = run(&mut tool("mesh-secret-lint", &dial), &secret);
        ran.stdout.contains("rejects its credentials").then_some(())
    });
    let found = lint(1, &dial, &secret, &id);
    assert_eq!(codes(&found), ["MESH0461"], "{found:?}");
}

fn tells_failures_apart() {
    let id = unique("dial");
    let (secret, good) = reader_secret("cluster1", &id, "istio-system");
    let (_, other) = reader_secret("cluster2", &id, "istio-system");
    let dial = |code: i32, kubeconfig: &Value, args: &[&str]| {
        let mut secret = secret.clone();
        secret["stringData"] = json!({&id: kubeconfig.to_string()});
        let mut all = vec!["--dial"];
        all.extend(args);
        lint(code, &all, &secret.to_string(), &id)
    };
    assert_eq!(codes(&dial(0, &good, &[])), [] as [&str; 0]);
    // Whom the user impersonates is nothing to the clusters that Secrets lead to.
    assert_eq!(codes(&dial(0, &good, &["--as", "nobody-special"])), [] as [&str; 0]);

    let mut wrong = good.clone();
    wrong["users"][0]["user"] = other["users"][0]["user"].clone();
    assert_eq!(codes(&dial(1, &wrong, &[])), ["MESH0461"]);

    let mut wrong = good.clone();
    let field = "certificate-authority-data";
    wrong["clusters"][0]["cluster"][field] = other["clusters"][0]["cluster"][field].clone();
    assert_eq!(codes(&dial(1, &wrong, &[])), ["MESH0463"]);

    // Nothing listens there, and nobody is given it by chance.
    let mut wrong = good.clone();
    wrong["clusters"][0]["cluster"]["server"] = json!("https://127.0.0.1:1");
    let found = dial(1, &wrong, &[]);
    assert_eq!(codes(&found), ["MESH0462"]);
    assert!(found[0]["message"].as_str().is_some_and(|m| m.contains("Connection refused")));

    // Somebody who takes the connection and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let server = format!("https://{}", silent.local_addr().expect("it is bound"));
    wrong["clusters"][0]["cluster"]["server"] = json!(server);
    let found = dial(1, &wrong, &["--request-timeout", "1s"]);
    assert_eq!(codes(&found), ["MESH0462"]);
    assert!(found[0]["message"].as_str().is_some_and(|m| m.contains("no answer in time")));
}

fn compares_with_the_origin() {
    let id = unique("origin");
    let (secret, _) = reader_secret("cluster1", &id, "istio-system");
    let secret = secret.to_string();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let origin = |context: &str| {
        let file = dir.path().join(context);
        let kinds = "serviceaccounts,secrets,configmaps";
        let objects = get(context, &[kinds, "-n", "istio-system"]);
        std::fs::write(&file, objects.to_string()).expect("it can be written");
        format!("{id}={}", file.display())
    };
    assert_eq!(lint(0, &["--origin", &origin("cluster1")], &secret, &id), [] as [Value; 0]);
    let found = lint(1, &["--origin", &origin("cluster2")], &secret, &id);
    assert_eq!(codes(&found), ["MESH0451", "MESH0452", "MESH0453"], "{found:?}");
}

fn needs_to_see_secrets() {
    let args = ["--context", "cluster2", "--as", "nobody-special"];
    let ran = run(&mut tool("mesh-secret-lint", &args), "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(ran.stderr.contains("cannot list secrets: secrets is forbidden"), "{ran:?}");
}
