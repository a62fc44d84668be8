//! mesh-label-ns against API servers.

mod recorder;
mod selection;

use crate::clusters::{get, kubectl, namespace, shell, tool, unique, wait_for};
use crate::{Needs, Test};
use mesh_tests::run;
use serde_json::Value;

pub const TESTS: &[Test] = &[
    ("label_ns_labels_both_clusters_once", Needs::Clusters, labels_both_clusters_once),
    ("label_ns_creates_only_when_told", Needs::Clusters, creates_only_when_told),
    ("label_ns_dry_run_writes_nothing", Needs::Clusters, dry_run_writes_nothing),
    ("label_ns_filter_to_kubectl", Needs::Clusters, filter_to_kubectl),
    ("label_ns_is_checked_by_istios_selectors", Needs::Clusters, matches_one_webhook),
    ("label_ns_refuses_what_no_webhook_serves", Needs::Clusters, refuses_what_no_webhook_serves),
    ("label_ns_without_rights_to_webhooks", Needs::Clusters, without_rights_to_webhooks),
    ("label_ns_shows_pods_of_both_clusters", Needs::Clusters, shows_pods_of_both_clusters),
    ("label_ns_sets_network_and_ambient", Needs::Clusters, sets_network_and_ambient),
    ("label_ns_simulates_the_api_server", Needs::Clusters, selection::is_the_api_servers),
];

fn labels(context: &str, namespace: &str) -> Value {
    let mut labels = get(context, &["namespace", namespace])["metadata"]["labels"].take();
    if let Some(labels) = labels.as_object_mut() {
        labels.remove("kubernetes.io/metadata.name"); // from 1.21 on
    }
    labels
}

fn kubectl_label(namespace: &str, label: &str) {
    for context in ["cluster1", "cluster2"] {
        let args = ["--context", context, "label", "--overwrite", "namespace", namespace, label];
        let _ = run(&mut kubectl(&args), "").ok();
    }
}

const BOTH: [&str; 4] = ["--context", "cluster1", "--context", "cluster2"];

fn label_ns(args: &[&str]) -> mesh_tests::Ran {
    let mut all = BOTH.to_vec();
    all.extend(args);
    run(&mut tool("mesh-label-ns", &all), "")
}

fn labels_both_clusters_once() {
    let namespace = namespace("label");
    kubectl_label(&namespace, "istio-injection=enabled");
    kubectl_label(&namespace, "team=blue");
    let args = ["--rev", "default", &namespace];
    assert_eq!(
        label_ns(&args).ok(),
        format!(
            "cluster1: namespace/{namespace} labeled\ncluster2: namespace/{namespace} labeled\n"
        )
    );
    for context in ["cluster1", "cluster2"] {
        assert_eq!(
            labels(context, &namespace),
            serde_json::json!({"istio.io/rev": "default", "team": "blue"})
        );
    }
    let version =
        || get("cluster1", &["namespace", &namespace])["metadata"]["resourceVersion"].take();
    let before = version();
    assert!(label_ns(&args).ok().lines().all(|line| line.ends_with(" unchanged")));
    assert_eq!(version(), before);
    let managers = get("cluster1", &["namespace", &namespace, "--show-managed-fields=true"]);
    assert!(managers.to_string().contains("\"manager\":\"meshutils\""), "{managers}");
}

fn creates_only_when_told() {
    let there = namespace("there");
    let missing = unique("missing");
    let ran = label_ns(&["--rev", "default", &there, &missing]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(ran.stderr.contains(&format!("there is no namespace {missing}")), "{ran:?}");
    // One wrong name, and nothing at all was written.
    assert_eq!(labels("cluster1", &there)["istio.io/rev"], Value::Null);
    let ran = label_ns(&["--rev", "default", "--create", &missing, "-o", "json"]);
    let expected = format!(
        "{{\"context\":\"cluster1\",\"namespace\":\"{missing}\",\"action\":\"created\",\"dryRun\":false}}\n"
    );
    assert!(ran.ok().starts_with(&expected));
    assert_eq!(labels("cluster2", &missing)["istio.io/rev"], "default");
}

fn dry_run_writes_nothing() {
    let namespace = namespace("dry");
    let missing = unique("missing");
    for mode in ["client", "server"] {
        let ran =
            label_ns(&["--rev", "default", "--create", "--dry-run", mode, &namespace, &missing]);
        let out = ran.ok();
        assert!(out.contains(&format!("namespace/{namespace} labeled (dry run)")), "{out}");
        assert!(out.contains(&format!("namespace/{missing} created (dry run)")), "{out}");
        assert_eq!(labels("cluster1", &namespace)["istio.io/rev"], Value::Null);
        let args = ["--context", "cluster1", "get", "namespace", &missing];
        assert_eq!(run(&mut kubectl(&args), "").code, Some(1));
    }
}

fn filter_to_kubectl() {
    let namespace = namespace("filter");
    kubectl_label(&namespace, "istio-injection=enabled");
    let pipe = |sink: &str| {
        shell(&format!(
            "kubectl --context cluster1 get namespace {namespace} -o json |
             mesh-label-ns --rev asm-managed | kubectl --context cluster1 {sink}"
        ))
    };
    // Server-side apply sets what is new and, as the tool warns, cannot remove what others set.
    let applied = pipe("apply --server-side -f -");
    assert!(applied.stderr.contains("the label istio-injection has to go"), "{applied:?}");
    let _ = applied.ok();
    assert_eq!(labels("cluster1", &namespace)["istio.io/rev"], "asm-managed");
    assert_eq!(labels("cluster1", &namespace)["istio-injection"], "enabled");
    let _ = pipe("replace -f -").ok();
    assert_eq!(labels("cluster1", &namespace), serde_json::json!({"istio.io/rev": "asm-managed"}));

    kubectl_label(&namespace, "istio-injection=enabled");
    let _ = shell(&format!(
        "kubectl --context cluster1 patch namespace {namespace} --type=merge -p \"$(
            kubectl --context cluster1 get namespace {namespace} -o json | mesh-label-ns --rev x --patch)\""
    ))
    .ok();
    assert_eq!(labels("cluster1", &namespace), serde_json::json!({"istio.io/rev": "x"}));
}

/// What the labels are for: exactly one webhook of the test bed's Istio selects the namespace.
fn matches_one_webhook() {
    let namespace = namespace("inject");
    kubectl_label(&namespace, "istio-injection=disabled");
    for args in [["--rev", "default"], ["--injection", "enabled"]] {
        let _ = label_ns(&[args[0], args[1], &namespace]).ok();
        let webhooks = get("cluster1", &["mutatingwebhookconfiguration"]);
        let configurations = webhooks["items"].as_array().expect("a list");
        let selected: Vec<&str> = configurations
            .iter()
            .flat_map(|configuration| configuration["webhooks"].as_array().into_iter().flatten())
            .filter(|webhook| {
                let rules = &webhook["namespaceSelector"]["matchExpressions"];
                selects(rules, &labels("cluster1", &namespace))
            })
            .map(|webhook| webhook["name"].as_str().expect("a name"))
            .collect();
        assert_eq!(selected.len(), 1, "{args:?}: {selected:?}");
    }
}

fn refuses_what_no_webhook_serves() {
    let namespace = namespace("ghost");
    let ran = label_ns(&["--rev", "asm-managed", &namespace]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    let refusal = "context cluster1: no webhook serves istio.io/rev=asm-managed";
    assert!(ran.stderr.contains(refusal), "{ran:?}");
    assert!(ran.stderr.contains("--rev may be one of: default"), "{ran:?}");
    assert_eq!(labels("cluster1", &namespace)["istio.io/rev"], Value::Null);
    let _ = label_ns(&["--rev", "asm-managed", "--allow-missing-revision", &namespace]).ok();
    assert_eq!(labels("cluster2", &namespace)["istio.io/rev"], "asm-managed");
}

/// Who may label and not list webhooks is told so, and can label.
fn without_rights_to_webhooks() {
    let namespace = namespace("rights");
    let user = unique("labeller");
    let admin = |args: &[&str]| {
        let mut all = vec!["--context", "cluster1"];
        all.extend(args);
        run(&mut kubectl(&all), "").ok()
    };
    admin(&["create", "clusterrole", &user, "--verb=get,patch", "--resource=namespaces"]);
    let (role, of) = (format!("--clusterrole={user}"), format!("--user={user}"));
    admin(&["create", "clusterrolebinding", &user, &role, &of]);
    let as_user = |args: &[&str]| {
        let mut all = vec!["--context", "cluster1", "--as", &user];
        all.extend(args);
        run(&mut tool("mesh-label-ns", &all), "")
    };
    let ran = as_user(&["--rev", "ghost", &namespace]);
    assert!(ran.stderr.contains("warning: context cluster1: you may not list webhooks"), "{ran:?}");
    assert_eq!(ran.ok(), format!("cluster1: namespace/{namespace} labeled\n"));
    let ran = as_user(&["--simulate", &namespace]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    admin(&["delete", "clusterrole,clusterrolebinding", &user]);
}

fn shows_pods_of_both_clusters() {
    let namespace = namespace("shown");
    let create = ["create", "deployment", "web", "--image=web", "-n", &namespace];
    for context in ["cluster1", "cluster2"] {
        let _ = run(kubectl(&["--context", context]).args(create), "").ok();
        wait_for("the pod", || {
            let pods = get(context, &["pods", "-n", &namespace]);
            (!pods["items"].as_array()?.is_empty()).then_some(())
        });
    }
    let table = label_ns(&["--rev", "default", "--simulate", "-o", "table", &namespace]).ok();
    let lines: Vec<Vec<&str>> = table.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 3, "{table}");
    for (line, context) in lines[1..].iter().zip(["cluster1", "cluster2"]) {
        assert_eq!(line[..2], [context, &namespace], "{table}");
        assert_eq!(line[3..], ["-", "-", "default", "yes"], "{table}");
    }
    let restart = |context| {
        format!("kubectl --context {context} rollout restart deployment/web -n {namespace}\n")
    };
    let list = label_ns(&["--rev", "default", "--restart-list", &namespace]).ok();
    assert_eq!(list, restart("cluster1") + &restart("cluster2"));
    // Nothing of it was done; and the lines are commands that run.
    assert_eq!(labels("cluster1", &namespace)["istio.io/rev"], Value::Null);
    let restarted = shell(&list).ok();
    assert_eq!(restarted.matches("deployment.apps/web restarted").count(), 2, "{restarted}");
}

fn sets_network_and_ambient() {
    let namespace = namespace("ambient");
    kubectl_label(&namespace, "istio-injection=enabled");
    let args = ["--dataplane-mode", "ambient", "--network", "net_1", &namespace];
    let ran = label_ns(&args);
    assert!(ran.stderr.contains("istiod reads the network off its own namespace"), "{ran:?}");
    assert!(ran.stderr.contains("keeps the network it started with"), "{ran:?}");
    let _ = ran.ok();
    let expected = serde_json::json!({
        "istio.io/dataplane-mode": "ambient", "topology.istio.io/network": "net_1"
    });
    assert_eq!(labels("cluster2", &namespace), expected);
    assert!(label_ns(&args).ok().lines().all(|line| line.ends_with(" unchanged")));
}

/// Whether match expressions select these labels.
fn selects(expressions: &Value, labels: &Value) -> bool {
    expressions.as_array().into_iter().flatten().all(|expression| {
        let value = &labels[expression["key"].as_str().expect("a key")];
        let among = expression["values"].as_array().is_some_and(|values| values.contains(value));
        match expression["operator"].as_str() {
            Some("In") => among,
            Some("NotIn") => !among,
            Some("Exists") => !value.is_null(),
            Some("DoesNotExist") => value.is_null(),
            other => panic!("operator {other:?}"),
        }
    })
}
