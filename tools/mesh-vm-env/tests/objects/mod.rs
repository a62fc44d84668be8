//! What a cluster has for its machines, as `kubectl get -o json` prints it, and what is made of it.

use assert_cmd::assert::Assert;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use meshpki::KeyKind;
use meshpki::issue::{self, CaSpec};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::LazyLock;

/// 2026-01-01T00:00:00Z
pub const NOW: i64 = 1_767_225_600;

pub static ROOT: LazyLock<String> = LazyLock::new(|| {
    let spec = CaSpec { key: KeyKind::EcdsaP256, ..CaSpec::root() };
    issue::root(&spec, NOW).expect("a root").0.to_pem()
});

pub fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-vm-env");
    tool.env_clear().args(args);
    tool
}

pub fn map(namespace: &str, name: &str, data: Value) -> Value {
    let metadata = json!({"name": name, "namespace": namespace, "resourceVersion": "7"});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
}

pub fn gateway(ingress: Value) -> Value {
    let ports = json!([{"name": "tls", "port": 15443}, {"name": "tls-istiod", "port": 15012}]);
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "istio-eastwestgateway", "namespace": "istio-system"},
        "spec": {"type": "LoadBalancer", "ports": ports},
        "status": {"loadBalancer": {"ingress": ingress}},
    })
}

pub fn group() -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "WorkloadGroup",
        "metadata": {"name": "shop", "namespace": "vms"},
        "spec": {
            "metadata": {"labels": {"app": "it's $HOME"}},
            "template": {"ports": {"http": 8080, "grpc": 3550}, "serviceAccount": "shop", "network": "vm"},
        },
    })
}

/// `kubectl get -o json` of what istiod and the user have put into the cluster.
pub fn objects() -> Vec<Value> {
    let mesh = "defaultConfig:\n  discoveryAddress: istiod.istio-system.svc:15012\n  meshId: mesh1\n\
                trustDomain: cluster.local\n";
    let values = json!({"global": {"multiCluster": {"clusterName": "cluster1"}}}).to_string();
    vec![
        group(),
        map("istio-system", "istio", json!({"mesh": mesh})),
        map("istio-system", "istio-sidecar-injector", json!({"values": values})),
        map("vms", "istio-ca-root-cert", json!({"root-cert.pem": *ROOT})),
        gateway(json!([{"ip": "203.0.113.1"}])),
        json!({"kind": "Pod", "metadata": {"name": "passed over"}}),
    ]
}

pub fn list(objects: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()
}

/// The objects, with one value changed: the object's place in the list, the field, the value.
pub fn changed(index: usize, pointer: &str, value: Value) -> String {
    let mut objects = objects();
    *objects[index].pointer_mut(pointer).expect("it is there") = value;
    list(&objects)
}

pub fn token(account: &str, audience: &str) -> String {
    let sub = format!("system:serviceaccount:vms:{account}");
    let claims = json!({"aud": [audience], "exp": NOW + 3600, "nbf": NOW, "sub": sub});
    format!("e30.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// Name → mode and text.
pub fn archive(ran: &Assert) -> BTreeMap<String, (u32, String)> {
    let mut archive = tar::Archive::new(&ran.get_output().stdout[..]);
    let entries = archive.entries().expect("it is an archive").map(|entry| {
        let mut entry = entry.expect("it is whole");
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("it is text");
        let name = entry.path().expect("it is UTF-8").display().to_string();
        (name, (entry.header().mode().expect("it has one"), text))
    });
    entries.collect()
}

pub fn make(args: &[&str], input: &str) -> BTreeMap<String, String> {
    let all = [&["-o", "tar", "--no-token"], args].concat();
    let ran = tool(&all).write_stdin(input).assert().success().stderr("");
    archive(&ran).into_iter().map(|(name, (_, text))| (name, text)).collect()
}
