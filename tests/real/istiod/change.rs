//! Changes of a mesh: which object, and what becomes of it.

use super::base::{HOST, Link, Mesh, istio};
use serde_json::{Value, json};

/// Adds an object, or puts it in the place of the one of its name.
pub fn put(mesh: &mut Mesh, cluster: &str, object: Value) {
    let is_it = |item: &Value| {
        item["kind"] == object["kind"]
            && ["name", "namespace"]
                .iter()
                .all(|key| item["metadata"][key] == object["metadata"][key])
    };
    let items = mesh.items(cluster);
    items.retain(|item| !is_it(item));
    items.push(object);
}

/// Marks an object to be left out in the end, so that others may still change it.
pub fn gone(mesh: &mut Mesh, cluster: &str, kind: &str, name: &str) {
    mesh.object(cluster, kind, name)["gone"] = json!(true);
}

/// Leaves out what is gone.
pub fn finish(mesh: &mut Mesh) {
    for cluster in ["cluster1", "cluster2", "cluster3"] {
        mesh.items(cluster).retain(|item| item["gone"] != true);
    }
}

pub fn remove(object: &mut Value, path: &str) {
    let (parent, key) = path.rsplit_once('/').expect("a path");
    let parent = object.pointer_mut(parent).and_then(Value::as_object_mut);
    // Another mutation may have removed it.
    if let Some(parent) = parent {
        parent.remove(&key.replace("~1", "/"));
    }
}

pub fn gateway<'m>(mesh: &'m mut Mesh, link: &Link) -> &'m mut Value {
    mesh.object(link.to, "Service", "istio-eastwestgateway")
}

pub fn ports(service: &mut Value) -> &mut Vec<Value> {
    service["spec"]["ports"].as_array_mut().expect("it has ports")
}

/// The port of the gateway for other networks, or one in its place.
pub fn port(service: &mut Value) -> &mut Value {
    let index = ports(service).iter().position(|port| port["name"] == "tls").unwrap_or(0);
    &mut ports(service)[index]
}

pub fn port_of<'m>(mesh: &'m mut Mesh, cluster: &str) -> &'m mut Value {
    &mut ports(mesh.object(cluster, "Service", "helloworld"))[0]
}

pub fn server<'m>(mesh: &'m mut Mesh, link: &Link) -> &'m mut Value {
    &mut mesh.object(link.to, "Gateway", "cross-network-gateway")["spec"]["servers"][0]
}

pub fn unready(pod: &mut Value) {
    pod["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
}

pub fn helloworld_pod<'m>(mesh: &'m mut Mesh, link: &Link) -> &'m mut Value {
    mesh.object(link.to, "Pod", "helloworld-abc-1")
}

/// The pods of namespace sample in the caller's cluster.
pub fn callers<'m>(mesh: &'m mut Mesh, link: &Link) -> impl Iterator<Item = &'m mut Value> {
    let is_one =
        |item: &&mut Value| item["kind"] == "Pod" && item["metadata"]["namespace"] == "sample";
    mesh.items(link.from).iter_mut().filter(is_one)
}

pub fn secret<'m>(mesh: &'m mut Mesh, link: &Link) -> &'m mut Value {
    mesh.object(link.from, "Secret", &format!("istio-remote-secret-{}", link.to))
}

pub fn annotate(mesh: &mut Mesh, cluster: &str, key: &str, value: &str) {
    mesh.object(cluster, "Service", "helloworld")["metadata"]["annotations"][key] = json!(value);
}

/// Sets a field of the mesh's configuration. Another mutation may have set it: YAML has it once.
pub fn config(mesh: &mut Mesh, cluster: &str, field: &str) {
    let map = mesh.object(cluster, "ConfigMap", "istio");
    let text = map["data"]["mesh"].as_str().expect("a text");
    let (name, _) = field.split_once(':').expect("a field");
    let mut is_it = false;
    let others = text.split_inclusive('\n').filter(|line| {
        if !line.starts_with([' ', '-']) {
            is_it = line.split(':').next() == Some(name);
        }
        !is_it
    });
    let others: String = others.collect();
    map["data"]["mesh"] = json!(format!("{others}{field}"));
}

pub fn sidecar(host: &str) -> Value {
    istio("networking", "Sidecar", "default", json!({"egress": [{"hosts": [host]}]}))
}

/// The version of a cluster's pods.
pub fn version(cluster: &str) -> String {
    cluster.replace("cluster", "v")
}

pub fn route(subset: &str) -> Value {
    let destination = json!({"host": HOST, "subset": subset});
    istio(
        "networking",
        "VirtualService",
        "helloworld",
        json!({
            "hosts": [HOST], "http": [{"route": [{"destination": destination}]}],
        }),
    )
}

pub fn subset(name: &str) -> Value {
    istio(
        "networking",
        "DestinationRule",
        "helloworld",
        json!({
            "host": HOST, "subsets": [{"name": name, "labels": {"version": name}}],
        }),
    )
}

pub fn rule(policy: Value) -> Value {
    istio("networking", "DestinationRule", "policy", json!({"host": HOST, "trafficPolicy": policy}))
}

pub fn distribute(to: &str) -> Value {
    let region = if to == "cluster1" { "us-west2" } else { "us-central1" };
    json!({
        "loadBalancer": {"localityLbSetting": {"distribute": [{"from": "*", "to": {region: 100}}]}},
        "outlierDetection": {"consecutive5xxErrors": 1},
    })
}
