//! Many of what a mesh has.

use serde_json::{Value, json};

/// More than anybody has of anything; in the gate one more than a mesh may have of clusters.
pub fn many() -> usize {
    if mesh_tests::is_nightly() { 20_000 } else { MESH + 1 }
}

/// Clusters of one mesh, as many as are judged or drawn.
pub const MESH: usize = 1000;

/// A range of its own for each of 65,536.
pub fn range(i: usize) -> String {
    format!("10.{}.{}.0/24", i / 256, i % 256)
}

/// A cluster record, with `more` in it.
pub fn record(i: usize, more: Value) -> Value {
    let mut record = json!({
        "apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": format!("c{i}"),
        "id": format!("c{i}"), "meshId": "mesh1", "network": format!("n{i}"), "provider": "gke",
        "project": "p", "location": "us-west2", "vpc": "projects/p/global/networks/v",
        "context": format!("c{i}"), "nodeTags": [format!("t{i}")],
        "ranges": [{"cidr": range(i), "kind": "pod"}],
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        record[key] = value.clone();
    }
    record
}

/// A line of JSON for each number.
pub fn lines(count: usize, one: impl Fn(usize) -> Value) -> String {
    (0..count).map(|i| one(i).to_string() + "\n").collect()
}

/// A v1 List of one for each number.
pub fn list(count: usize, one: impl Fn(usize) -> Value) -> String {
    let items: Vec<Value> = (0..count).map(one).collect();
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// Records of clusters that could be one mesh.
pub fn records(count: usize) -> String {
    lines(count, |i| record(i, json!({})))
}

/// A kubeconfig of so many contexts, with clusters and users of their own.
pub fn kubeconfig(count: usize) -> Value {
    let all = |one: fn(usize) -> Value| (0..count).map(one).collect::<Value>();
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c0",
        "clusters": all(|i| json!({
            "name": format!("c{i}"), "cluster": {"server": format!("https://c{i}.example.com")},
        })),
        "users": all(|i| json!({"name": format!("c{i}"), "user": {"token": format!("t{i}")}})),
        "contexts": all(|i| {
            let name = format!("c{i}");
            json!({"name": name, "context": {"cluster": name, "user": name}})
        }),
    })
}

/// A remote Secret with these entries.
pub fn remote_secret(name: &str, entries: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "stringData": entries,
        "metadata": {"name": format!("istio-remote-secret-{name}"), "namespace": "istio-system",
            "labels": {"istio/multiCluster": "true"}},
    })
}

/// A kubeconfig as such a Secret has it.
pub fn access(i: usize) -> String {
    json!({
        "clusters": [{"name": "c", "cluster": {"server": format!("https://c{i}.example.com")}}],
        "users": [{"name": "u", "user": {"token": format!("t{i}")}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    })
    .to_string()
}

/// An object of one of Kubernetes' own groups.
pub fn object(kind: &str, namespace: &str, name: &str, more: Value) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
    if !namespace.is_empty() {
        object["metadata"]["namespace"] = json!(namespace);
    }
    for (key, value) in more.as_object().into_iter().flatten() {
        match (key.as_str(), value.as_object()) {
            ("metadata", Some(fields)) => {
                for (key, value) in fields {
                    object["metadata"][key] = value.clone();
                }
            }
            _ => object[key] = value.clone(),
        }
    }
    object
}
