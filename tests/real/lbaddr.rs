//! mesh-lbaddr against API servers.

use crate::clusters::{get, kubectl, namespace, shell, tool, unique, wait_for};
use crate::{Needs, Test};
use mesh_tests::{Ran, run};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

pub const TESTS: &[Test] = &[
    ("lbaddr_asks_as_kubectl_does", Needs::Clusters, asks_as_kubectl_does),
    ("lbaddr_waits_for_a_load_balancer", Needs::Clusters, waits_for_a_load_balancer),
    ("lbaddr_waiting_ends_with_the_reason", Needs::Clusters, waiting_ends_with_the_reason),
    ("lbaddr_takes_nodes_by_annotation", Needs::Clusters, takes_nodes_by_annotation),
];

/// A gateway's Service of this type in a namespace of both clusters.
fn gateway(kind: &str, more: Value) -> String {
    let namespace = namespace("lbaddr");
    for context in ["cluster1", "cluster2"] {
        apply(context, &namespace, kind, &more);
    }
    namespace
}

fn apply(context: &str, namespace: &str, kind: &str, more: &Value) {
    let mut service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "ew", "namespace": namespace},
        "spec": {"type": kind, "selector": {"istio": "eastwestgateway"},
            "ports": [{"name": "status-port", "port": 15021}, {"name": "tls", "port": 15443}]},
    });
    for (key, value) in more.as_object().expect("fields of the Service") {
        let part = service[key].as_object_mut().expect("a part of the Service");
        part.extend(value.as_object().expect("fields of the part").clone());
    }
    let args = ["--context", context, "apply", "-f", "-"];
    let _ = run(&mut kubectl(&args), &service.to_string()).ok();
}

/// What a cloud's controller does.
fn balance(namespace: &str, ingress: &Value) {
    let mut service = get("cluster1", &["service", "ew", "-n", namespace]);
    service["status"] = json!({"loadBalancer": {"ingress": ingress}});
    let path = format!("/api/v1/namespaces/{namespace}/services/ew/status");
    let args = ["--context", "cluster1", "replace", "--raw", &path, "-f", "-"];
    let _ = run(&mut kubectl(&args), &service.to_string()).ok();
}

fn ask(namespace: &str, args: &[&str]) -> Ran {
    let all = [&["--context", "cluster1", "ew", "-n", namespace][..], args].concat();
    run(&mut tool("mesh-lbaddr", &all), "")
}

fn asks_as_kubectl_does() {
    let namespace = gateway("ClusterIP", json!({"spec": {"externalIPs": ["198.51.100.7"]}}));
    assert_eq!(ask(&namespace, &[]).ok(), "198.51.100.7\n");
    assert_eq!(ask(&namespace, &["--port", "tls"]).ok(), "198.51.100.7:15443\n");
    let both = ask(&namespace, &["--context", "cluster2", "-o", "json"]).ok();
    let contexts: Vec<Value> = both
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["context"].take())
        .collect();
    assert_eq!(contexts, ["cluster1", "cluster2"]);
    let piped = shell(&format!(
        "kubectl --context cluster1 get service -n {namespace} -o yaml | mesh-lbaddr --port 15021"
    ));
    assert_eq!(piped.ok(), "198.51.100.7:15021\n");
    let ran = ask(&namespace, &["--port", "https"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(ran.stderr.contains("hint: it has: status-port 15021, tls 15443"), "{ran:?}");
}

fn waits_for_a_load_balancer() {
    let name = unique("lbaddr");
    let args = ["--context", "cluster1", "ew", "-n", &name, "--wait", "--timeout", "100s"];
    let mut waiting = tool("mesh-lbaddr", &args);
    let mut waiting =
        waiting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut said = BufReader::new(waiting.stderr.take().expect("it is piped")).lines();
    let mut says = |what: &str| {
        let line = said.by_ref().map_while(Result::ok).find(|line| line.contains("note: "));
        let line = line.expect("it says what it waits for");
        assert!(line.contains(what), "{line}");
    };
    // There is not even a namespace at first.
    says(&format!("context cluster1: there is no service {name}/ew"));
    let args = ["--context", "cluster1", "create", "namespace", &name];
    let _ = run(&mut kubectl(&args), "").ok();
    apply("cluster1", &name, "LoadBalancer", &json!({}));
    says(&format!("context cluster1: service {name}/ew has no address yet"));
    balance(&name, &json!([{"ip": "203.0.113.1"}, {"hostname": "ew.example.com"}]));
    let output = waiting.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "203.0.113.1\new.example.com\n");
    // What is there already is not waited for.
    let there = ask(&name, &["--wait"]);
    assert_eq!(there.stderr, "");
    assert_eq!(there.ok(), "203.0.113.1\new.example.com\n");
    balance(&name, &json!([{"hostname": "localhost"}]));
    assert!(ask(&name, &["--resolve"]).ok().lines().any(|line| line == "127.0.0.1"));
}

fn waiting_ends_with_the_reason() {
    let namespace = gateway("LoadBalancer", json!({}));
    let ran = ask(&namespace, &["--wait", "--timeout", "2s", "-q"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(5), ""), "{ran:?}");
    let told = format!("error: context cluster1: service {namespace}/ew has no address yet");
    assert!(ran.stderr.contains(&told) && ran.stderr.contains("(after 2s)"), "{ran:?}");
    let ran = ask(&namespace, &[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    balance(&namespace, &json!([{"hostname": "ew.invalid"}]));
    let ran = ask(&namespace, &["--wait", "--timeout", "3s", "--resolve", "-q"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(5), ""), "{ran:?}");
    assert!(ran.stderr.contains("ew.invalid, which cannot be resolved"), "{ran:?}");
    // What time does not mend is told at once.
    let namespace = gateway("ClusterIP", json!({}));
    let ran = ask(&namespace, &["--wait", "--timeout", "1h"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(ran.stderr.contains("is known inside its cluster alone"), "{ran:?}");
}

fn takes_nodes_by_annotation() {
    let label = unique("gw");
    let selector = json!({"traffic.istio.io/nodeSelector": json!({&label: "yes"}).to_string()});
    let namespace = gateway("NodePort", json!({"metadata": {"annotations": selector}}));
    let ran = ask(&namespace, &[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(ran.stderr.contains("is of type NodePort, and "), "{ran:?}");
    let node = json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": label, "labels": {&label: "yes"}},
        "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"},
            {"type": "ExternalIP", "address": "203.0.113.9"}]},
    });
    let create = ["--context", "cluster1", "create", "-f", "-"];
    let _ = run(&mut kubectl(&create), &node.to_string()).ok();
    let service = get("cluster1", &["service", "ew", "-n", &namespace]);
    let port = service["spec"]["ports"][1]["nodePort"].as_u64().expect("a node port");
    let expected = format!("203.0.113.9:{port}\n");
    let found = wait_for("the node's address", || {
        let ran = ask(&namespace, &["--port", "tls"]);
        (ran.code == Some(0)).then_some(ran.stdout)
    });
    assert_eq!(found, expected);
    let piped = shell(&format!(
        "kubectl --context cluster1 get services,nodes -n {namespace} -o json |
         mesh-lbaddr --port tls"
    ));
    assert_eq!(piped.ok(), expected);
    // Who may read Services and no nodes is told so.
    for args in [
        format!("role {label} --verb=get --resource=services"),
        format!("rolebinding {label} --role={label} --user={label}"),
    ] {
        let _ = shell(&format!("kubectl --context cluster1 -n {namespace} create {args}")).ok();
    }
    let ran = ask(&namespace, &["--as", &label]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(ran.stderr.contains("cannot list nodes"), "{ran:?}");
    let delete = ["--context", "cluster1", "delete", "node", &label];
    let _ = run(&mut kubectl(&delete), "").ok();
}
