//! Many objects of one cluster, and many replies.

use super::inputs::{lines, list, many, object};
use super::sized;
use serde_json::{Value, json};

fn webhook(i: usize) -> Value {
    let revision = format!("r{i}");
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": format!("istio-sidecar-injector-{revision}"),
            "labels": {"app": "sidecar-injector", "istio.io/rev": revision}},
        "webhooks": [{"name": "rev.namespace.sidecar-injector.istio.io",
            "clientConfig": {"service": {"name": format!("istiod-{revision}"), "namespace": "istio-system"}},
            "namespaceSelector": {"matchLabels": {"istio.io/rev": revision}},
            "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]}],
    })
}

fn istiod(i: usize) -> Value {
    let labels = json!({"app": "istiod", "istio.io/rev": format!("r{i}")});
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": format!("istiod-r{i}"), "namespace": "istio-system", "labels": labels},
        "spec": {"replicas": 1, "template": {"metadata": {"labels": labels}, "spec": {"containers": [
            {"name": "discovery", "image": "docker.io/istio/pilot:1.29.2",
             "env": [{"name": "CLUSTER_ID", "value": "c"}]}]}}},
        "status": {"replicas": 1, "readyReplicas": 1}})
}

fn namespace(i: usize) -> Value {
    let labels = json!({"metadata": {"labels": {"istio.io/rev": format!("r{i}")}}});
    object("Namespace", "", &format!("n{i}"), labels)
}

fn pod(i: usize) -> Value {
    object(
        "Pod",
        &format!("n{i}"),
        &format!("p{i}"),
        json!({
            "metadata": {"labels": {"app": format!("a{i}")}},
            "spec": {"containers": [{"name": "main", "image": "x"}]}, "status": {"phase": "Running"},
        }),
    )
}

/// A gateway at the ports of all nodes, before all pods.
fn gateway(i: usize) -> Value {
    object(
        "Service",
        "istio-system",
        &format!("g{i}"),
        json!({
            "metadata": {"labels": {"topology.istio.io/network": "n"},
                "annotations": {"traffic.istio.io/nodeSelector": "{}"}},
            "spec": {"type": "NodePort", "selector": {"app": "gateway"},
                "ports": [{"name": "tls", "port": 15443, "nodePort": 30000}]},
        }),
    )
}

fn node(i: usize) -> Value {
    object(
        "Node",
        "",
        &format!("n{i}"),
        json!({
            "spec": {"podCIDRs": [super::inputs::range(i)]},
            "status": {"addresses": [{"type": "ExternalIP", "address": format!("198.18.{}.{}", i / 256, i % 256)}]},
        }),
    )
}

fn gateway_pod(i: usize) -> Value {
    object(
        "Pod",
        "istio-system",
        &format!("p{i}"),
        json!({
            "metadata": {"labels": {"app": "gateway", "number": i.to_string()}},
            "spec": {"containers": [{"name": "istio-proxy", "image": "x"}]}, "status": {"phase": "Running"},
        }),
    )
}

#[test]
fn many_namespaces_are_labelled() {
    sized("mesh-label-ns", "--rev r", &list(many(), namespace)).done(7 * many() - 1);
    sized("mesh-label-ns", "--rev r --patch", &list(many(), namespace)).done(many());
    let few = many() / 10;
    let both: Vec<Value> = (0..few).flat_map(|i| [namespace(i), pod(i), webhook(i)]).collect();
    let both = json!({"kind": "List", "items": both}).to_string();
    sized("mesh-label-ns", "--simulate", &both).done(few);
}

#[test]
fn many_revisions_are_told() {
    // Each is asked what each other answers to.
    let few = many() / 10;
    sized("mesh-revision", "", &list(few, istiod)).done(few);
    sized("mesh-revision", "", &list(few, webhook)).done(few);
    let told = format!("and {} more", few - 10);
    sized("mesh-revision", "-o name", &list(few, istiod)).wrote(1, 0).says(&told);
}

#[test]
fn many_services_nodes_and_pods() {
    let objects: Vec<Value> =
        (0..many()).flat_map(|i| [gateway(i), node(i), gateway_pod(i)]).collect();
    let objects = json!({"kind": "List", "items": objects}).to_string();
    let of_nodes: Vec<Value> = (0..many()).flat_map(|i| [gateway(i), node(i)]).collect();
    let of_nodes = json!({"kind": "List", "items": of_nodes}).to_string();
    sized("mesh-lbaddr", "g7", &of_nodes).done(many());
    let told = format!("{} Services: 100 of them were looked at", many());
    sized("mesh-check", "-f c=-", &objects).done(0).says(&told);
    sized("mesh-graph", "-f c=- -o mermaid", &objects).done(5);
    sized("mesh-clusters", "", &list(many(), node)).done(1);
    sized("mesh-plan", "-q -f c=-", &objects).done(1);
}

#[test]
fn many_namespaces_pods_and_webhooks_are_checked() {
    let few = many() / 10;
    let objects: Vec<Value> =
        (0..few).flat_map(|i| [namespace(i), pod(i), webhook(i + 5000), istiod(i)]).collect();
    let objects = json!({"kind": "List", "items": objects}).to_string();
    sized("mesh-check", "-q -f c=-", &objects).wrote(1, 2 * few);
}

#[test]
fn many_workload_groups_are_looked_through() {
    let groups = list(many(), |i| {
        json!({"apiVersion": "networking.istio.io/v1", "kind": "WorkloadGroup",
            "metadata": {"name": format!("g{i}"), "namespace": "n"}, "spec": {}})
    });
    sized("mesh-vm-env", "-o tar --no-token", &groups).refused("");
    sized("mesh-vm-env", "-o tar --no-token --name g7 -n n", &groups).refused("");
}

#[test]
fn many_replies_are_counted() {
    let reply = |source: usize| {
        json!({"apiVersion": "meshutils/v1alpha1", "kind": "Reply", "source": format!("c{source}"),
            "elapsed": 1.0, "url": "http://a", "status": 200, "latency": 0.01,
            "body": format!("Hello version: v{source}, instance: i{source}\n")})
    };
    // From each source one alone answered.
    sized("mesh-lbcheck", "-o json", &lines(many(), |i| reply(i % 256))).wrote(1, 1);
    let of_all = lines(many(), reply);
    sized("mesh-lbcheck", "", &of_all).refused("there are more than 256 source clusters");
    let plain: String = (0..many())
        .fold(String::new(), |out, i| out + &format!("Hello version: v{i}, instance: i{i}\n"));
    // 64 backends are counted, by version and by instance, and the others are errors.
    sized("mesh-lbcheck", "", &plain).wrote(1, 138);
}
