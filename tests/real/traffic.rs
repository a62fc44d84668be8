//! Real traffic: `HelloWorld` v1 in one cluster and v2 in the other, client pods in both, and an
//! Envoy in each cluster that balances over both versions as a sidecar would.

use crate::clusters::{shell_command, unique, wait_for};
use crate::testbed::with_nodes;
use crate::{Needs, Test};
use mesh_tests::{Ran, root, run};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

pub const TESTS: &[Test] =
    &[("traffic_is_probed_and_judged", Needs::NodesAndEnvoy, is_probed_and_judged)];

const CLUSTERS: [(&str, &str); 2] = [("cluster1", "v1"), ("cluster2", "v2")];

fn envoy(args: &[&str]) -> Option<String> {
    let ran = run(Command::new(root().join("scripts/testbed-envoy")).args(args), "");
    (ran.code == Some(0)).then(|| ran.stdout.trim().to_owned())
}

pub fn lacks_envoy() -> Option<&'static str> {
    envoy(&["--print"]).is_none().then_some("Envoy: run scripts/testbed-envoy")
}

/// A shell command line that sees the clusters with nodes and our programs.
fn shell(script: &str) -> Ran {
    let mut command = shell_command();
    run(command.args(["-c", script]).env("KUBECONFIG", with_nodes().join("kubeconfig")), "")
}

fn get(context: &str, args: &str) -> Value {
    let text = shell(&format!("kubectl --context {context} get {args} -o json")).ok();
    serde_json::from_str(&text).expect("kubectl writes JSON")
}

fn address(context: &str, namespace: &str, app: &str) -> String {
    wait_for("a pod that is ready", || {
        let pods = get(context, &format!("pods -n {namespace} -l app={app}"));
        let pod = &pods["items"][0]["status"];
        let ready = pod["containerStatuses"][0]["ready"] == json!(true);
        ready.then(|| pod["podIP"].as_str().map(str::to_owned)).flatten()
    })
}

/// Envoy's configuration: what a sidecar gets for a service with endpoints in both clusters, and
/// two paths that answer wrongly.
pub fn configuration(endpoints: &[String]) -> String {
    let endpoint = |address: &String| {
        json!({"endpoint": {"address": {"socket_address":
            {"address": address, "port_value": 5000}}}})
    };
    let route = |path: &str, status: u16, body: &str| {
        json!({"match": {"prefix": path}, "direct_response":
            {"status": status, "body": {"inline_string": body}}})
    };
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "http_filters": [{"name": "router", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
            route("/unavailable", 503, "no healthy upstream"),
            route("/garbage", 200, "<html>It works!</html>"),
            {"match": {"prefix": "/"}, "route": {"cluster": "helloworld"}},
        ]}]},
    });
    json!({"static_resources": {
        "listeners": [{
            "address": {"socket_address": {"address": "0.0.0.0", "port_value": 5000}},
            "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
        }],
        "clusters": [{
            "name": "helloworld", "type": "STATIC", "lb_policy": "ROUND_ROBIN",
            "connect_timeout": "1s",
            "load_assignment": {"cluster_name": "helloworld", "endpoints":
                [{"lb_endpoints": endpoints.iter().map(endpoint).collect::<Vec<_>>()}]},
        }],
    }})
    .to_string()
}

/// A pod with the machine's own Envoy; it sees the machine's files, and writes none of them.
pub fn envoy_pod(namespace: &str, config: &str) -> String {
    let program = envoy(&[]).expect("it is there");
    let command = [
        "chroot",
        "/host",
        &program,
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "--log-level",
        "warn",
        "--config-yaml",
        config,
    ];
    json!({"apiVersion": "v1", "kind": "Pod",
    "metadata": {"name": "envoy", "namespace": namespace, "labels": {"app": "envoy"}},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "envoy", "image": "localhost/tools:1",
            "imagePullPolicy": "Never", "command": command,
            "volumeMounts": [{"name": "host", "mountPath": "/host", "readOnly": true}],
            "readinessProbe": {"tcpSocket": {"port": 5000}, "periodSeconds": 1}}],
        "volumes": [{"name": "host", "hostPath": {"path": "/"}}],
    }})
    .to_string()
}

fn apply(context: &str, manifest: &str) {
    let mut command = Command::new("kubectl");
    command.env("KUBECONFIG", with_nodes().join("kubeconfig"));
    let _ = run(command.args(["--context", context, "apply", "-f", "-"]), manifest).ok();
}

/// How often each version answered, read as the guides' reader does: by eye.
fn by_hand(replies: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for reply in replies.lines() {
        let version = reply.strip_prefix("Hello version: ").and_then(|rest| rest.split_once(','));
        let (version, _) = version.unwrap_or_else(|| panic!("no reply: {reply}"));
        *counts.entry(version.to_owned()).or_default() += 1;
    }
    counts
}

fn records(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a record is JSON")).collect()
}

fn is_probed_and_judged() {
    let namespace = unique("traffic");
    for (context, version) in CLUSTERS {
        let _ = shell(&format!(
            "set -e
             kubectl --context {context} create namespace {namespace}
             mesh-sample helloworld --version {version} -n {namespace} \
               --image localhost/helloworld-{version}:1 --image-pull-policy Never |
               kubectl --context {context} apply --server-side -f -
             mesh-sample sleep -n {namespace} --image localhost/tools:1 --image-pull-policy Never |
               kubectl --context {context} apply --server-side -f -"
        ))
        .ok();
    }
    let endpoints = CLUSTERS.map(|(context, _)| address(context, &namespace, "helloworld"));
    let config = configuration(&endpoints);
    // The clusters' pods reach each other; each client goes through the Envoy of its own cluster.
    for (context, _) in CLUSTERS {
        apply(context, &envoy_pod(&namespace, &config));
    }
    let envoys = CLUSTERS.map(|(context, _)| address(context, &namespace, "envoy"));
    for ((context, _), envoy) in CLUSTERS.iter().zip(&envoys) {
        let _ = address(context, &namespace, "sleep");
        let url = format!("http://{envoy}:5000/hello");
        let guide = shell(&format!(
            "for i in $(seq 20); do
               kubectl --context {context} exec -n {namespace} deploy/sleep -- curl -sS {url}
             done"
        ))
        .ok();
        let probe = format!("mesh-probe -q --context {context} -n {namespace} --url {url}");
        let replies = shell(&probe).ok();
        let bodies: String =
            records(&replies).iter().filter_map(|record| record["body"].as_str()).collect();
        assert_eq!(by_hand(&bodies), by_hand(&guide), "{replies}");
        assert_eq!(by_hand(&guide), BTreeMap::from([("v1".into(), 10), ("v2".into(), 10)]));

        let judged = shell(&format!("{probe} | mesh-lbcheck --expect v1,v2"));
        assert_eq!(judged.code, Some(0), "{judged:?}");
        let judged = shell(&format!("{probe} | mesh-lbcheck --expect v1,v2,v3"));
        assert_eq!(judged.code, Some(1), "{judged:?}");
    }
    fails_in_its_class(&namespace, &envoys[0]);
    survives_a_drill(&namespace, &envoys[0]);
    for (context, _) in CLUSTERS {
        let _ = shell(&format!("kubectl --context {context} delete ns {namespace} --wait=false"));
    }
}

/// Each kind of failure is told by its class, and is no success for mesh-lbcheck.
fn fails_in_its_class(namespace: &str, envoy: &str) {
    for (url, class) in [
        ("http://no.such.name/hello".to_owned(), Some("dns")),
        (format!("http://{envoy}:1/hello"), Some("connect")),
        (format!("https://{envoy}:5000/hello"), Some("tls")),
        (format!("http://{envoy}:5000/unavailable"), Some("http")),
        (format!("http://{envoy}:5000/garbage"), None),
    ] {
        let probe =
            format!("mesh-probe -q --context cluster1 -n {namespace} --count 3 --url {url}");
        let replies = shell(&probe);
        for record in records(&replies.stdout) {
            assert_eq!(record["error"].as_str(), class, "{url}: {record}");
        }
        assert_eq!(records(&replies.stdout).len(), 3, "{replies:?}");
        let judged = shell(&format!("{probe} | mesh-lbcheck --expect v1,v2"));
        assert!(matches!(judged.code, Some(1 | 3)), "{url}: {judged:?}");
    }
}

/// One cluster's `HelloWorld` goes away and comes back in the middle of a steady probe.
fn survives_a_drill(namespace: &str, envoy: &str) {
    let scale = |replicas: u8| {
        format!(
            "kubectl --context cluster2 -n {namespace} scale deploy/helloworld-v2 --replicas {replicas}"
        )
    };
    let drill = shell(&format!(
        "mesh-probe -q --context cluster1 -n {namespace} --url http://{envoy}:5000/hello \
           --for 8s --rate 4 --timeout 2s --at 2s '{}' --finally '{}'",
        scale(0),
        scale(1)
    ));
    assert_eq!(drill.code, Some(0), "{drill:?}");
    let records = records(&drill.stdout);
    let events: Vec<&Value> = records.iter().filter(|record| record["kind"] == "Event").collect();
    let kinds: Vec<&Value> = events.iter().map(|event| &event["event"]).collect();
    assert_eq!(kinds, ["command", "finally"], "{drill:?}");
    assert!(events.iter().all(|event| event["exit"] == json!(0)), "{events:?}");
    let begun = events[0]["elapsed"].as_f64().expect("a number of seconds");
    let answered = |version: &str, after: bool| {
        records.iter().any(|record| {
            let later = record["elapsed"].as_f64().is_some_and(|elapsed| elapsed > begun);
            let body = record["body"].as_str().unwrap_or_default();
            later == after && body.contains(&format!("version: {version},"))
        })
    };
    assert!(answered("v1", false) && answered("v2", false) && answered("v1", true), "{drill:?}");
    let replicas = get("cluster2", &format!("deploy/helloworld-v2 -n {namespace}"));
    assert_eq!(replicas["spec"]["replicas"], json!(1));
}
