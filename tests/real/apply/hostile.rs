//! One member of a mesh cannot turn mesh-apply against another.

use super::{BOTH, actions, apply, in_both, object};
use crate::clusters::{get, kubeconfig, kubectl, namespace};
use mesh_tests::run;
use serde_json::{Value, json};

/// The address that the kubeconfig has of a context.
fn server(context: &str) -> String {
    let path = format!("jsonpath={{.clusters[?(@.name==\"{context}\")].cluster.server}}");
    let file = kubeconfig();
    let args = ["config", "view", "--kubeconfig", file.to_str().expect("it is UTF-8"), "-o", &path];
    let server = run(&mut kubectl(&args), "").ok();
    assert!(server.starts_with("https://"), "{server}");
    server
}

/// A remote Secret with a key for each cluster and server.
fn remote(namespace: &str, name: &str, keys: &[(&str, &str)]) -> Value {
    let mut secret = object("Secret", namespace, name, &json!({"istio/multiCluster": "true"}));
    for (cluster, server) in keys {
        let kubeconfig = json!({"clusters": [{"name": "c", "cluster": {"server": server}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {"token": "hush"}}], "current-context": "x"});
        secret["stringData"][cluster] = json!(kubeconfig.to_string());
    }
    secret
}

fn create(context: &str, object: &Value) {
    let args = ["--context", context, "create", "-f", "-"];
    let _ = run(&mut kubectl(&args), &object.to_string()).ok();
}

/// Of all namespaces' Secrets and config maps those of a test's own, without what Kubernetes adds.
fn names(context: &str, namespace: &str, kind: &str) -> Vec<String> {
    let list = get(context, &[kind, "-n", namespace]);
    let items = list["items"].as_array().expect("a list has items").iter();
    let name = |item: &Value| item["metadata"]["name"].as_str().expect("a name").to_owned();
    let mut names: Vec<String> = items.map(name).filter(|n| n != "kube-root-ca.crt").collect();
    names.sort();
    names
}

/// The attack: a Secret of cluster2 gives cluster1's address to the cluster that leaves.
pub fn leave_believes_no_other_member() {
    let namespace = namespace("hostile-leave");
    create("cluster1", &remote(&namespace, "foreign", &[("other", "https://192.0.2.1")]));
    create("cluster1", &remote(&namespace, "third", &[("third", "https://192.0.2.3")]));
    let mut ca = object("Secret", &namespace, "cacerts", &json!({"istio/multiCluster": "true"}));
    ca["stringData"] = json!({"ca-cert.pem": "x"});
    create("cluster1", &ca);
    create("cluster1", &object("ServiceAccount", &namespace, "reader", &json!({})));
    let ours = json!({"app.kubernetes.io/managed-by": "meshutils"});
    let mut token = object("Secret", &namespace, "token", &ours);
    token["type"] = json!("kubernetes.io/service-account-token");
    token["metadata"]["annotations"] = json!({"kubernetes.io/service-account.name": "reader"});
    create("cluster1", &token);
    let first = server("cluster1");
    let keys = [("third", first.as_str()), ("honest", "https://192.0.2.4")];
    create("cluster2", &remote(&namespace, "hostile", &keys));

    let left = in_both(&["--leave", "third", "-n", &namespace, "-o", "lines"], "");
    assert_eq!(left.code, Some(0), "{left:?}");
    let stays = "third seems to be context cluster1, as another cluster says";
    assert!(left.stderr.contains(stays), "{left:?}");
    // What names the leaving cluster itself goes, and nothing else.
    assert_eq!(names("cluster1", &namespace, "secrets"), ["cacerts", "foreign", "token"]);
    assert_eq!(names("cluster2", &namespace, "secrets"), ["hostile"]);
    let hostile = get("cluster2", &["secret", "hostile", "-n", &namespace]);
    let keys: Vec<&String> = hostile["data"].as_object().expect("it has data").keys().collect();
    assert_eq!(keys, ["honest"]);

    // One that leaves itself loses what it has for others, and nothing else.
    let left = in_both(&["--leave", "cluster1", "-n", &namespace, "-o", "lines"], "");
    assert_eq!(left.code, Some(4), "{left:?}");
    let stays = format!("cluster1: secret {namespace}/cacerts failed: it holds something that");
    assert!(left.stdout.contains(&stays), "{left:?}");
    assert_eq!(names("cluster1", &namespace, "secrets"), ["cacerts"]);
}

/// Anybody may put our label on an object of theirs, or on somebody else's.
pub fn prune_takes_nothing_that_was_only_labelled() {
    let namespace = namespace("hostile-prune");
    let ours = json!({"app.kubernetes.io/managed-by": "meshutils"});
    let map = |name, labels: &Value| object("ConfigMap", &namespace, name, labels);
    let input = map("a", &ours).to_string();
    let _ = in_both(&[], &(input.clone() + &map("old", &ours).to_string())).ok();
    // Made with the label; labelled later; applied by another manager on the server's side.
    create("cluster1", &map("made", &ours));
    create("cluster1", &map("labelled", &json!({})));
    // Made by kubectl, and changed by us later.
    let mut both = map("both", &json!({}));
    both["data"] = json!({"a": "b"});
    create("cluster1", &both);
    let _ = apply(&["--context", "cluster1"], &map("both", &ours).to_string()).ok();
    let label = ["label", "configmap", "labelled", "app.kubernetes.io/managed-by=meshutils"];
    let place = ["--context", "cluster1", "-n", &namespace];
    let _ = run(&mut kubectl(&[&place[..], &label].concat()), "").ok();
    let by_other = ["apply", "--server-side", "--field-manager=other", "-f", "-"];
    let input_of_other = map("applied", &ours).to_string();
    let _ = run(&mut kubectl(&[&place[..], &by_other].concat()), &input_of_other).ok();

    // Made by us, and used by others.
    let _ = apply(&["--context", "cluster1"], &map("used", &ours).to_string()).ok();
    let _ =
        run(&mut kubectl(&[&place[..], &["annotate", "configmap", "used", "a=b"]].concat()), "");

    let shown = in_both(&["--prune", "-o", "diff"], &input);
    assert_eq!(shown.code, Some(1), "{shown:?}");
    let gone = format!("--- cluster1: configmap {namespace}/old (live)");
    assert!(shown.stdout.contains(&gone) && !shown.stdout.contains("\n+ "), "{shown:?}");
    let pruned = in_both(&["--prune", "-o", "lines"], &input);
    assert_eq!(pruned.code, Some(0), "{pruned:?}");
    assert_eq!(pruned.stdout.matches(" pruned\n").count(), 2, "{pruned:?}");
    for kept in ["both", "used"] {
        let line = format!("cluster1: configmap {namespace}/{kept} kept\n");
        assert!(pruned.stdout.contains(&line), "{pruned:?}");
    }
    let kept = names("cluster1", &namespace, "configmaps");
    assert_eq!(kept, ["a", "applied", "both", "labelled", "made", "used"]);
    assert_eq!(names("cluster2", &namespace, "configmaps"), ["a"]);
}

/// What a finalizer keeps is not gone, and its values neither.
pub fn what_is_held_is_not_called_deleted() {
    let namespace = namespace("hostile-held");
    let mut secret = remote(&namespace, "held", &[("third", "https://192.0.2.3")]);
    secret["metadata"]["finalizers"] = json!(["example.com/held"]);
    create("cluster1", &secret);
    let left = in_both(&["--leave", "third", "-n", &namespace, "-o", "lines"], "");
    let line = format!("cluster1: secret {namespace}/held deleting\n");
    assert_eq!((left.code, left.stdout.as_str()), (Some(0), line.as_str()), "{left:?}");
    let free = r#"{"metadata": {"finalizers": null}}"#;
    let place = ["--context", "cluster1", "-n", &namespace];
    let patch = ["patch", "secret", "held", "--type", "merge", "-p", free];
    let _ = run(&mut kubectl(&[&place[..], &patch].concat()), "").ok();
}

/// The annotation says where an object goes, and not that a cluster gets its own credentials.
pub fn no_cluster_is_given_its_own_secret() {
    let namespace = namespace("hostile-own");
    let own = server("cluster1");
    for (cluster, address) in [("cluster1", "https://192.0.2.1"), ("else", own.as_str())] {
        let mut secret = remote(&namespace, "s", &[(cluster, address)]);
        secret["metadata"]["annotations"] = json!({"meshutils/cluster": "cluster1"});
        let refused = in_both(&[], &secret.to_string());
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(3), ""), "{refused:?}");
        assert!(refused.stderr.contains("is for that cluster itself"), "{refused:?}");
        for context in ["cluster1", "cluster2"] {
            assert_eq!(names(context, &namespace, "secrets"), [] as [&str; 0], "{context}");
        }
    }
    // Without the annotation it goes to all but that one; with another one's name, there.
    for annotations in [json!({}), json!({"meshutils/cluster": "cluster2"})] {
        let mut secret = remote(&namespace, "s", &[("else", &own)]);
        secret["metadata"]["annotations"] = annotations;
        assert_eq!(actions(&in_both(&[], &secret.to_string())).len(), 1);
        assert_eq!(names("cluster1", &namespace, "secrets"), [] as [&str; 0]);
        assert_eq!(names("cluster2", &namespace, "secrets"), ["s"]);
    }
}

/// One of the Secrets is bad: none of the mesh gets any.
pub fn what_the_linter_refuses_is_not_spread() {
    let namespace = namespace("hostile-spread");
    let named = |id: &str, server| {
        remote(&namespace, &format!("istio-remote-secret-{id}"), &[(id, server)])
    };
    let good = named("good", "https://good.example");
    let of = |id, server| named(id, server).to_string();
    let program =
        of("runs", "https://runs.example").replace("\\\"token\\\":\\\"hush\\\"", "\\\"exec\\\":{}");
    let plain = of("plain", "http://plain.example");
    for (bad, code) in [(program, "MESH0413"), (plain, "MESH0421")] {
        let args = [&BOTH[..], &["--to-peers", "-n", &namespace]].concat();
        let refused = apply(&args, &(good.to_string() + &bad));
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(3), ""), "{refused:?}");
        assert!(refused.stderr.contains(code) && !refused.stderr.contains("hush"), "{refused:?}");
        for context in ["cluster1", "cluster2"] {
            assert_eq!(names(context, &namespace, "secrets"), [] as [&str; 0], "{context}");
        }
    }
    let args = [&BOTH[..], &["--to-peers", "-n", &namespace]].concat();
    let spread = apply(&args, &good.to_string());
    assert_eq!(actions(&spread), ["created"; 2], "{spread:?}");
    assert!(spread.stderr.contains("(MESH0433)"), "{spread:?}");
}
