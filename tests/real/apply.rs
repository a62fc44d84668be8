//! mesh-apply against API servers.

mod hostile;
mod leave;

use crate::clusters::{get, kubectl, namespace, tool, unique};
use crate::five::Five;
use crate::{Needs, Test};
use mesh_tests::{Ran, run};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const TESTS: &[Test] = &[
    ("apply_second_run_changes_nothing", Needs::Clusters, second_run_changes_nothing),
    ("apply_diff_and_dry_run_write_nothing", Needs::Clusters, diff_and_dry_run_write_nothing),
    ("apply_prunes_only_its_like", Needs::Clusters, prunes_only_its_like),
    ("apply_conflicts_are_not_overwritten", Needs::Clusters, conflicts_are_not_overwritten),
    ("apply_definitions_come_first", Needs::Clusters, definitions_come_first),
    ("apply_waits", Needs::Clusters, waits),
    ("apply_unknown_kind_and_missing_right", Needs::Clusters, unknown_kind_and_missing_right),
    (
        "apply_leave_believes_no_other_member",
        Needs::Clusters,
        hostile::leave_believes_no_other_member,
    ),
    (
        "apply_prunes_nothing_that_was_only_labelled",
        Needs::Clusters,
        hostile::prune_takes_nothing_that_was_only_labelled,
    ),
    (
        "apply_gives_no_cluster_its_own_secret",
        Needs::Clusters,
        hostile::no_cluster_is_given_its_own_secret,
    ),
    (
        "apply_spreads_nothing_that_the_linter_refuses",
        Needs::Clusters,
        hostile::what_the_linter_refuses_is_not_spread,
    ),
    (
        "apply_calls_nothing_deleted_that_is_held",
        Needs::Clusters,
        hostile::what_is_held_is_not_called_deleted,
    ),
    (
        "apply_leave_names_the_tokens_that_still_work",
        Needs::Clusters,
        leave::tokens_that_still_work_are_named,
    ),
    ("apply_joins_five_clusters", Needs::Clusters, joins_five_clusters),
];

const BOTH: [&str; 4] = ["--context", "cluster1", "--context", "cluster2"];

fn apply(args: &[&str], input: &str) -> Ran {
    run(&mut tool("mesh-apply", args), input)
}

fn in_both(args: &[&str], input: &str) -> Ran {
    apply(&[&BOTH, args].concat(), input)
}

fn object(kind: &str, namespace: &str, name: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": labels}})
}

/// The actions of a result, in order.
fn actions(ran: &Ran) -> Vec<String> {
    let line = |line: &str| serde_json::from_str::<Value>(line).expect("a line is JSON");
    let action = |line: Value| line["action"].as_str().expect("it has an action").to_owned();
    ran.stdout.lines().map(line).map(action).collect()
}

fn versions(namespace: &str, kind: &str) -> Vec<Value> {
    let of = |context| {
        let list = get(context, &[kind, "-n", namespace]);
        let items = list["items"].as_array().expect("a list has items").clone();
        items.into_iter().map(|item| item["metadata"]["resourceVersion"].clone())
    };
    ["cluster1", "cluster2"].into_iter().flat_map(of).collect()
}

fn second_run_changes_nothing() {
    let namespace = unique("applied");
    let mut service = object("Service", &namespace, "s", &json!({"x": "y"}));
    service["spec"] = json!({"ports": [{"name": "a", "port": 80, "protocol": "TCP"}]});
    let mut objects = vec![service];
    // Enough for the versions to be read by one list.
    objects.extend((0..12).map(|i| {
        let mut map = object("ConfigMap", &namespace, &format!("m{i}"), &json!({"x": "y"}));
        map["data"] = json!({"on": "012"});
        map
    }));
    // Last in the input, first in the cluster.
    objects.push(json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": namespace, "labels": {"x": "y"}}}));
    let input: String = objects.iter().map(Value::to_string).collect();
    let first = in_both(&[], &input);
    assert_eq!(first.code, Some(0), "{first:?}");
    assert_eq!(actions(&first), vec!["created"; 28]);
    let before = (versions(&namespace, "configmaps"), versions(&namespace, "services"));
    let second = in_both(&[], &input);
    assert_eq!(actions(&second), vec!["unchanged"; 28]);
    let after = (versions(&namespace, "configmaps"), versions(&namespace, "services"));
    assert_eq!(before, after);

    let changed = input.replace("012", "013");
    let third = in_both(&["-o", "lines"], &changed);
    assert_eq!(third.stdout.matches(" configured\n").count(), 24, "{third:?}");

    let gone = in_both(&["--delete", "--wait"], &input);
    assert_eq!(gone.code, Some(0), "{gone:?}");
    let mut words = actions(&gone);
    words.dedup();
    assert_eq!(words, ["deleted"]);
    assert!(actions(&in_both(&["--delete"], &input)).iter().all(|action| action == "absent"));
}

fn diff_and_dry_run_write_nothing() {
    let namespace = namespace("diff");
    let mut secret = object("Secret", &namespace, "s", &json!({}));
    secret["stringData"] = json!({"k": "canary-one", "l": "canary-two"});
    let new = in_both(&["-o", "diff"], &secret.to_string());
    assert_eq!(new.code, Some(1), "{new:?}");
    assert_eq!(new.stdout.matches("(applied)\n").count(), 2, "{new:?}");
    assert_eq!(actions(&in_both(&["--dry-run=server"], &secret.to_string())), ["created"; 2]);
    let names = get("cluster1", &["secrets", "-n", &namespace]).to_string();
    assert!(!names.contains("\"name\":\"s\""), "a dry run has written");

    let _ = in_both(&[], &secret.to_string()).ok();
    let same = in_both(&["-o", "diff"], &secret.to_string());
    assert_eq!((same.code, same.stdout.as_str()), (Some(0), ""), "{same:?}");
    secret["stringData"]["k"] = json!("canary-three");
    let changed = in_both(&["-o", "diff"], &secret.to_string());
    assert_eq!(changed.code, Some(1));
    assert!(changed.stdout.contains("(live)") && !changed.stdout.contains("canary"), "{changed:?}");
    // Base64 of "canary".
    assert!(!changed.stdout.contains("Y2FuYXJ5"), "{changed:?}");
    assert_eq!(actions(&in_both(&["--dry-run=server"], &secret.to_string())), ["configured"; 2]);
}

fn prunes_only_its_like() {
    let namespace = namespace("prune");
    let ours = json!({"app.kubernetes.io/managed-by": "meshutils", "group": "one"});
    let other_group = json!({"app.kubernetes.io/managed-by": "meshutils", "group": "two"});
    let map = |name, labels: &Value| object("ConfigMap", &namespace, name, labels).to_string();
    let input = map("a", &ours) + &map("b", &ours);
    let _ = in_both(&[], &(input.clone() + &map("old", &ours) + &map("else", &other_group))).ok();
    let _ = in_both(&[], &map("foreign", &json!({"group": "one"}))).ok();
    let pruned = in_both(&["--prune", "-o", "lines"], &input);
    let line = |cluster: &str| format!("{cluster}: configmap {namespace}/old pruned\n");
    for cluster in ["cluster1", "cluster2"] {
        assert!(pruned.stdout.contains(&line(cluster)), "{pruned:?}");
    }
    assert_eq!(pruned.stdout.matches("pruned").count(), 2, "{pruned:?}");
    let left = get("cluster1", &["configmaps", "-n", &namespace]).to_string();
    for name in ["a", "b", "else", "foreign"] {
        assert!(left.contains(&format!("\"name\":\"{name}\"")), "{name} is gone");
    }
}

fn conflicts_are_not_overwritten() {
    let namespace = namespace("conflict");
    let mut map = object("ConfigMap", &namespace, "m", &json!({}));
    map["data"] = json!({"k": "theirs"});
    let args =
        ["--context", "cluster1", "apply", "--server-side", "--field-manager=other", "-f", "-"];
    let _ = run(&mut kubectl(&args), &map.to_string()).ok();
    map["data"]["k"] = json!("ours");
    let one = ["--context", "cluster1"];
    let refused = apply(&one, &map.to_string());
    assert_eq!((refused.code, actions(&refused)), (Some(4), vec!["failed".to_owned()]));
    assert!(refused.stderr.contains("--force-conflicts"), "{refused:?}");
    let taken = apply(&[&one[..], &["--force-conflicts"]].concat(), &map.to_string());
    assert_eq!(actions(&taken), ["configured"]);
}

fn definitions_come_first() {
    let group = unique("g");
    let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("things.{group}.example.com")},
        "spec": {"group": format!("{group}.example.com"), "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things", "singular": "thing"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}}}]}});
    let thing = json!({"apiVersion": format!("{group}.example.com/v1"), "kind": "Thing",
        "metadata": {"name": "t", "namespace": "default"}});
    let input = thing.to_string() + &crd.to_string();
    assert_eq!(actions(&in_both(&[], &input)), ["created"; 4]);
    assert_eq!(actions(&in_both(&[], &input)), ["unchanged"; 4]);
    let gone = in_both(&["--delete", "--wait"], &input);
    assert_eq!(actions(&gone), ["deleted"; 4], "{gone:?}");
}

fn waits() {
    let namespace = namespace("wait");
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "d", "namespace": namespace},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "none"}]}}}});
    assert_eq!(actions(&in_both(&["--wait"], &deployment.to_string())), ["created"; 2]);
    // No node runs it.
    let mut stuck = deployment;
    stuck["spec"]["replicas"] = json!(1);
    let late = in_both(&["--wait", "--timeout", "2s"], &stuck.to_string());
    assert_eq!((late.code, actions(&late)), (Some(5), vec!["failed".to_owned(); 2]), "{late:?}");
    assert!(late.stdout.contains("0 of 1 pods are available"), "{late:?}");
}

fn unknown_kind_and_missing_right() {
    let thing = object("Thing", "default", "t", &json!({}));
    let map = object("ConfigMap", &namespace("right"), "m", &json!({}));
    let ran = in_both(&[], &(thing.to_string() + &map.to_string()));
    assert_eq!(
        (ran.code, actions(&ran)),
        (Some(4), ["failed", "created", "failed", "created"].map(str::to_owned).to_vec())
    );
    assert!(ran.stdout.contains("has no Thing in v1"), "{ran:?}");
    let refused = in_both(&["--as", "nobody"], &map.to_string());
    assert_eq!(refused.code, Some(4));
    assert!(
        refused.stdout.contains("forbidden") && refused.stderr.contains("can-i"),
        "{refused:?}"
    );
}

/// The acceptance of the fan-out: 20 Secrets, nothing in the second run, one cluster leaves, one
/// is killed in mid-run.
fn joins_five_clusters() {
    let five = Five::start();
    let remote_secrets = |context: &str| -> BTreeMap<String, Value> {
        let label = "istio/multiCluster=true";
        let list = five.get(context, &["secrets", "-n", "istio-system", "-l", label]);
        let items = list["items"].as_array().expect("a list has items").clone();
        let pair = |item: Value| {
            let name = item["metadata"]["name"].as_str().expect("it has a name").to_owned();
            (name, item["metadata"]["resourceVersion"].clone())
        };
        items.into_iter().map(pair).collect()
    };
    let all = || Five::CONTEXTS.map(remote_secrets);
    let others = |context: &str, of: &[&str]| -> Vec<String> {
        let peers = of.iter().filter(|peer| **peer != context);
        peers.map(|peer| format!("istio-remote-secret-{peer}")).collect()
    };
    let contexts = Five::CONTEXTS.join(",");
    let join = format!(
        "mesh-clusters --contexts {contexts} | mesh-remote-secret -q | mesh-apply --to-peers"
    );
    let first = five.shell(&join);
    assert_eq!(actions(&first), vec!["created"; 20], "{first:?}");
    let made = all();
    for (context, secrets) in Five::CONTEXTS.iter().zip(&made) {
        assert!(secrets.keys().eq(&others(context, &Five::CONTEXTS)), "{context}: {secrets:?}");
    }
    let second = five.shell(&join);
    assert_eq!(actions(&second), vec!["unchanged"; 20], "{second:?}");
    assert_eq!(all(), made);

    let named: String = Five::CONTEXTS.map(|context| format!(" --context {context}")).concat();
    let leave = five.shell(&format!("mesh-apply --leave cluster3{named}"));
    assert_eq!(leave.code, Some(0), "{leave:?}");
    let rest = ["cluster1", "cluster2", "cluster4", "cluster5"];
    for (context, before) in rest.iter().zip([&made[0], &made[1], &made[3], &made[4]]) {
        let mut expected = before.clone();
        expected.remove("istio-remote-secret-cluster3");
        assert_eq!(remote_secrets(context), expected, "{context}");
    }
    assert!(remote_secrets("cluster3").is_empty());
    // It may have copied each of their tokens; what is printed ends them, and the others go on.
    for peer in rest {
        let told = format!("cluster3 had a token of {peer}: ");
        let (_, hint) = leave.stderr.split_once(&told).expect("it is said");
        let (_, end) = hint.split_once("hint: ").expect("a hint");
        let ended = five.shell(&format!("set -e; {}", end.lines().next().expect("a command")));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let tokens = "type=kubernetes.io/service-account-token";
        let of_peer =
            five.get(peer, &["secrets", "-n", "istio-system", "--field-selector", tokens]);
        let names: Vec<&str> = of_peer["items"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|secret| secret["metadata"]["name"].as_str())
            .collect();
        assert_eq!(names, ["istio-reader-service-account-istio-remote-secret-token-2"], "{peer}");
    }

    // The whole mesh again, with enough besides that the kill comes in mid-run.
    let maps: String = (0..600)
        .map(|i| object("ConfigMap", "default", &format!("m{i}"), &json!({})).to_string())
        .collect();
    let file = tempfile::NamedTempFile::new().expect("a file can be made");
    std::fs::write(file.path(), maps).expect("it can be written");
    let run_both = format!(
        "{{ cat {}; mesh-clusters --contexts {contexts} | mesh-remote-secret -q -o json; }} |
         mesh-apply --to-peers --with-others --timeout 2s --concurrency 2",
        file.path().display()
    );
    let ran = five.while_it_runs(&run_both, |five| {
        five.wait_for_first_configmap("cluster3");
        five.kill_api_server(3);
    });
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    let of = |cluster: &str, action: &str| {
        let cluster = format!("{{\"cluster\":\"{cluster}\"");
        let action = format!("\"action\":\"{action}\"");
        ran.stdout
            .lines()
            .filter(|line| line.starts_with(&cluster) && line.contains(&action))
            .count()
    };
    assert!(of("cluster3", "created") > 0 && of("cluster3", "failed") > 0, "{}", ran.stderr);
    for context in rest {
        assert_eq!(of(context, "failed"), 0, "{}", ran.stderr);
        assert_eq!(of(context, "created") + of(context, "unchanged"), 604);
        assert!(remote_secrets(context).keys().eq(&others(context, &Five::CONTEXTS)));
    }
    // Out of the mesh although it is down: its peers forget it, and that is no failure.
    let away = five.shell(&format!("mesh-apply --leave cluster3 --timeout 1s{named}"));
    assert_eq!(away.code, Some(0), "{away:?}");
    assert!(away.stderr.contains("cluster3 itself was not changed"), "{away:?}");
    assert_eq!(actions(&away), ["deleted"; 4]);

    five.restart_api_server(3);
    let next = five.shell(&run_both);
    assert_eq!(next.code, Some(0), "{}", next.stderr);
    for context in Five::CONTEXTS {
        assert!(five.get(context, &["configmap", "m599", "-n", "default"]).is_object());
    }
    for (context, secrets) in Five::CONTEXTS.iter().zip(Five::CONTEXTS.map(|context| {
        let label = "istio/multiCluster=true";
        five.get(context, &["secrets", "-n", "istio-system", "-l", label])
    })) {
        assert_eq!(secrets["items"].as_array().map(Vec::len), Some(4), "{context}");
    }
}
