//! The program as a user runs it, without any cluster.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use predicates::prelude::*;
use serde_json::{Value, json};
use std::io::Write as _;

/// Three contexts; nothing listens there.
const KUBECONFIG: &str = "\
apiVersion: v1
kind: Config
clusters:
- {name: a, cluster: {server: 'https://127.0.0.1:1'}}
- {name: b, cluster: {server: 'https://127.0.0.1:2'}}
- {name: c, cluster: {server: 'https://127.0.0.1:3'}}
contexts:
- {name: a, context: {cluster: a, user: u}}
- {name: b, context: {cluster: b, user: u}}
- {name: c, context: {cluster: c, user: u}}
users:
- {name: u, user: {token: hush}}
";

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// Looks like a certificate, as much as anybody here looks.
const CA: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUIKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=";

/// The remote Secret of a cluster, with a token that must never be seen.
fn secret(cluster: &str, server: &str) -> String {
    secret_of(cluster, json!({"server": server}), &json!({"token": "hush"})).to_string()
}

/// The same, of a cluster and a user as a kubeconfig has them.
pub fn secret_of(cluster: &str, mut server: Value, user: &Value) -> Value {
    if server.get("certificate-authority-data").is_none() {
        server["certificate-authority-data"] = json!(CA);
    }
    let kubeconfig = json!({"clusters": [{"name": "c", "cluster": server}],
        "users": [{"name": "u", "user": user}], "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}]})
    .to_string();
    json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": format!("istio-remote-secret-{cluster}"), "namespace": "istio-system",
            "labels": {"istio/multiCluster": "true"}},
        "stringData": {cluster: kubeconfig}})
}

fn three_secrets() -> String {
    ["a", "b", "c"].map(|name| secret(name, "https://elsewhere")).concat()
}

pub fn with(args: &[&str], input: &str) -> assert_cmd::assert::Assert {
    let kubeconfig = file(KUBECONFIG);
    let mut tool = mesh_tests::tool("mesh-apply");
    tool.env_clear().env("KUBECONFIG", kubeconfig.path()).args(args).write_stdin(input);
    tool.assert()
}

#[test]
fn each_secret_goes_to_every_other_cluster() {
    with(&["--to-peers", "--dry-run=client", "-o", "lines"], &three_secrets()).success().stdout(
        "a: secret istio-system/istio-remote-secret-b planned (dry run)\n\
         a: secret istio-system/istio-remote-secret-c planned (dry run)\n\
         b: secret istio-system/istio-remote-secret-a planned (dry run)\n\
         b: secret istio-system/istio-remote-secret-c planned (dry run)\n\
         c: secret istio-system/istio-remote-secret-a planned (dry run)\n\
         c: secret istio-system/istio-remote-secret-b planned (dry run)\n",
    );
}

#[test]
fn records_say_which_context_is_which_cluster() {
    let records = file(
        r#"{"apiVersion":"meshutils/v1alpha1","kind":"Cluster","name":"one","id":"cn-1","context":"b"}
{"apiVersion":"meshutils/v1alpha1","kind":"Cluster","name":"two","context":"c"}"#,
    );
    let path = records.path().to_str().unwrap();
    let input = secret("cn-1", "https://elsewhere") + &secret("stranger", "https://elsewhere");
    with(&["--to", path, "--to-peers", "--dry-run=client", "-o", "lines"], &input)
        .success()
        .stdout(
            "one: secret istio-system/istio-remote-secret-stranger planned (dry run)\n\
             two: secret istio-system/istio-remote-secret-cn-1 planned (dry run)\n\
             two: secret istio-system/istio-remote-secret-stranger planned (dry run)\n",
        )
        .stderr(predicate::str::contains("cluster stranger is none of the given ones"));
}

#[test]
fn an_address_tells_whose_secret_it_is_where_the_name_does_not() {
    let input = secret("cn-1", "https://127.0.0.1:1") + &secret("b", "https://elsewhere");
    with(&["--to-peers", "--dry-run=client", "-o", "lines"], &input).success().stdout(
        "a: secret istio-system/istio-remote-secret-b planned (dry run)\n\
         b: secret istio-system/istio-remote-secret-cn-1 planned (dry run)\n",
    );
}

#[test]
fn shards_together_are_the_whole() {
    let part = |shard: &str| {
        let args = ["--to-peers", "--dry-run=client", "--shard", shard];
        let output = with(&args, &three_secrets()).success().get_output().stdout.clone();
        String::from_utf8(output).unwrap()
    };
    let parts = [part("0/4"), part("1/4"), part("2/4"), part("3/4")];
    assert!(parts.iter().all(|part| (1..=2).contains(&part.lines().count())), "{parts:?}");
    assert_eq!(parts.concat(), part("0/1"));
}

#[test]
fn clusters_that_are_down_are_each_told_of() {
    with(&["--to-peers", "--timeout", "0s"], &three_secrets())
        .code(4)
        .stdout(predicate::str::contains("\"action\":\"failed\"").count(6))
        .stdout(predicate::str::contains("hush").not())
        .stderr(predicate::str::contains("mesh-apply: error: 6 of 6 failed, in a, b, c; "))
        .stderr(predicate::str::contains("hush").not());
    with(
        &["--leave", "a", "--context", "a", "--context", "b", "--timeout", "0s", "-o", "lines"],
        "",
    )
    .code(4)
    .stdout(predicate::str::starts_with("b: secret istio-system/istio-remote-secret-a failed: "))
    .stderr(predicate::str::contains("warning: a itself was not changed"));
}

#[test]
fn wrong_usage_is_told_before_anything_is_done() {
    for (args, reason) in [
        (&[][..], "no cluster to apply to"),
        (&["--leave", "a"], "--leave needs the clusters of the mesh"),
        (&["--leave", "a", "--context", "a", "--dry-run=client"], "--leave has to look"),
        (&["--leave", "a", "--context", "a", "-o", "diff"], "-o diff is for applying"),
        (&["--context", "a", "--delete", "-o", "diff"], "-o diff is for applying"),
        (&["--context", "a", "--dry-run=client", "-o", "diff"], "-o diff asks"),
        (&["--context", "a", "--context", "a"], "context a is there twice"),
        (&["--context", "d"], "no context \"d\""),
        (&["--context", "a", "--to", "f"], "cannot be used with"),
        (&["--context", "a", "--shard", "2/2"], "I from 0 to N-1"),
        (&["--context", "a", "--shard", "0/2", "--prune"], "cannot be used with"),
        (&["--context", "a", "--concurrency", "0"], "0"),
    ] {
        with(args, &three_secrets()).code(2).stdout("").stderr(
            predicate::str::starts_with("mesh-apply: error: ")
                .and(predicate::str::contains(reason)),
        );
    }
}

#[test]
fn wrong_input_is_told_before_anything_is_done() {
    let namespace = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"n"}}"#;
    let lost = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"n","annotations":{"meshutils/cluster":"z"}}}"#;
    let bad = secret("a", "").replace("stringData", "data");
    for (args, input, reason) in [
        (&["--to-peers"][..], namespace, "there is no remote Secret"),
        (&["--to-peers"], &secret("z", "https://z"), "no context for cluster z"),
        (&["--context", "a"], lost, "is for cluster z, which is none of these: a"),
        (&["--context", "a"], &namespace.repeat(2), "is there twice"),
        (&["--context", "a"], "", "stdin: is empty"),
        (&["--context", "a"], &bad, ".data.a: is not base64"),
        (&["--context", "a"], r#"{"kind": "List", "items": []}"#, "holds no objects"),
    ] {
        let code = if reason.starts_with("no context") { 2 } else { 3 };
        with(args, input)
            .code(code)
            .stdout("")
            .stderr(predicate::str::contains(reason))
            .stderr(predicate::str::contains("hush").not());
    }
}

/// Of an attack: the record is a kubeconfig as well, whose `exec` names a program.
#[test]
fn no_kubeconfig_of_a_record_is_opened() {
    let record = r#"{"apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": "c",
        "context": "x", "kubeconfig": "/dev/stdin", "contexts": [{"name": "x"}]}"#;
    let file = file(record);
    let mut tool = mesh_tests::tool("mesh-apply");
    tool.env_clear()
        .args(["--to", file.path().to_str().unwrap()])
        .write_stdin(three_secrets())
        .assert()
        .code(3)
        .stdout("")
        .stderr(predicate::str::contains("names the kubeconfig /dev/stdin, which you did not"));
}

/// Of an attack: what comes in one stream with remote Secrets went to every cluster.
#[test]
fn a_mesh_is_given_remote_secrets_alone() {
    let binding = r#"{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "pwn"}}"#;
    let dry = ["--to-peers", "--dry-run=client"];
    with(&dry, &(three_secrets() + binding))
        .code(3)
        .stdout("")
        .stderr(predicate::str::contains("Secrets, and clusterrolebinding pwn is not one"));
    let both = [&dry[..], &["--with-others"]].concat();
    with(&both, &(three_secrets() + binding)).success();
}

/// Of an attack: each of these would take the place of something else in every cluster.
#[test]
fn a_remote_secret_is_the_one_of_its_cluster() {
    let honest = secret("a", "https://127.0.0.1:1");
    let changed = |change: fn(&mut Value)| {
        let mut secret: Value = serde_json::from_str(&honest).unwrap();
        change(&mut secret);
        secret
    };
    let names = "that of cluster a is called istio-remote-secret-a";
    for (hostile, why) in [
        (changed(|s| s["metadata"]["name"] = json!("cacerts")), names),
        (changed(|s| s["metadata"]["name"] = json!("istio-remote-secret-b")), names),
        (changed(|s| s["metadata"]["namespace"] = json!("kube-system")), "for namespace istio-sys"),
        (changed(|s| s["type"] = json!("kubernetes.io/service-account-token")), "is not Opaque"),
        (changed(|s| s["immutable"] = json!(true)), "it is immutable"),
        (changed(|s| s["metadata"]["finalizers"] = json!(["a.b/c"])), "it has finalizers"),
        (changed(|s| s["stringData"]["b"] = s["stringData"]["a"].clone()), "access to 2 clusters"),
    ] {
        for action in [&[][..], &["--delete"]] {
            let args = [&["--to-peers", "--context", "b", "--dry-run=client"], action].concat();
            let refused = with(&args, &hostile.to_string()).code(3).stdout("");
            refused.stderr(predicate::str::contains(why));
        }
    }
    let elsewhere = changed(|s| s["metadata"]["namespace"] = json!("mesh")).to_string();
    with(&["--to-peers", "--context", "b", "--dry-run=client", "-n", "mesh"], &elsewhere).success();
}

/// Of an attack: the program ended with a panic, or never.
#[test]
fn a_kubeconfig_that_cannot_be_used_says_where() {
    let apply = |config: &std::path::Path, code: i32| {
        let mut tool = mesh_tests::tool("mesh-apply");
        tool.env_clear().args(["--context", "a", "--timeout", "0s", "--kubeconfig"]).arg(config);
        tool.timeout(std::time::Duration::from_secs(60));
        tool.write_stdin(secret("b", "https://elsewhere")).assert().code(code)
    };
    // What is wrong with one cluster does not stop the others.
    for (from, to, expected) in [
        ("hush", "\"hush\\n\"", "users[u].user.token is not one line of visible ASCII"),
        ("token: hush", "tokenFile: /dev/zero", "is a device and not a file"),
        ("token: hush", "client-key-data: '%'", "users[u].user.client-key-data is not base64"),
        ("https://127.0.0.1:1", "ftp://u:hush@h", "does not begin with https:// or http://"),
        (
            "'https://127.0.0.1:1'",
            "'https://h', certificate-authority: /dev/zero",
            "clusters[a].cluster.certificate-authority: /dev/zero: is a device and not a file",
        ),
    ] {
        let config = file(&KUBECONFIG.replace(from, to));
        let no_secret = predicate::str::contains("hush").not();
        apply(config.path(), 4).stderr(predicate::str::contains(expected).and(no_secret));
    }
    let refused = apply(std::path::Path::new("/dev/zero"), 3).stdout("");
    refused.stderr(predicate::str::contains("is a device"));
}
