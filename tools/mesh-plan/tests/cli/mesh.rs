//! A mesh of clusters with nothing missing, to take things away from.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub const ROOT: &str = include_str!("../../../meshpki/tests/data/sample-root-2024.pem");
pub const OTHER_ROOT: &str = include_str!("../../../meshpki/tests/data/sample-root-2018.pem");

/// Captures of clusters, each a list of objects with a header first.
#[derive(Clone)]
pub struct Mesh(pub Vec<Vec<Value>>);

/// Clusters `c1`, `c2`, …, in the networks `n1`, `n2`, …, where nothing is missing.
pub fn healthy(count: usize) -> Mesh {
    let names: Vec<String> = (1..=count).map(|i| format!("c{i}")).collect();
    Mesh((0..count).map(|i| cluster(&names, i)).collect())
}

/// A file that wants that mesh.
pub fn file(count: usize) -> String {
    let cluster = |i| format!("- {{name: c{i}, network: n{i}}}\n");
    let clusters: String = (1..=count).map(cluster).collect();
    format!(
        "apiVersion: meshutils/v1alpha1\nkind: Mesh\nmeshId: mesh1\nclusters:\n{clusters}\
         namespaces: [sample]\n"
    )
}

fn cluster(names: &[String], own: usize) -> Vec<Value> {
    let (name, network) = (&names[own], format!("n{}", own + 1));
    let system = |kind: &str, version: &str, name: &str, labels: Value| {
        json!({"apiVersion": version, "kind": kind,
            "metadata": {"name": name, "namespace": "istio-system", "labels": labels}})
    };
    let with = |mut object: Value, key: &str, value: Value| {
        object[key] = value;
        object
    };
    let namespace = |name: &str, labels: Value| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
    let values = json!({"global": {"meshID": "mesh1", "network": network,
        "multiCluster": {"clusterName": name}}});
    let account = with(
        system("ServiceAccount", "v1", "istio-reader-service-account", json!({})),
        "metadata",
        json!({"name": "istio-reader-service-account", "namespace": "istio-system", "uid": format!("uid-{name}")}),
    );
    let mut objects = vec![
        json!({"apiVersion": "meshutils/v1alpha1", "kind": "Capture", "metadata": {"name": name},
            "context": format!("ctx-{name}"), "kubernetes": "v1.33.1"}),
        namespace("istio-system", json!({"topology.istio.io/network": network})),
        namespace("sample", json!({"istio-injection": "enabled"})),
        with(
            system(
                "Deployment",
                "apps/v1",
                "istiod",
                json!({"app": "istiod", "istio.io/rev": "default"}),
            ),
            "spec",
            json!({"template": {"spec": {"containers": [{"name": "discovery",
                "image": "istio/pilot:1.30.3", "env": [{"name": "CLUSTER_ID", "value": name}]}]}}}),
        ),
        with(
            system("ConfigMap", "v1", "istio", json!({"istio.io/rev": "default"})),
            "data",
            json!({"mesh": "trustDomain: cluster.local\ndefaultConfig: {meshId: mesh1}\n"}),
        ),
        with(
            system("ConfigMap", "v1", "istio-sidecar-injector", json!({"istio.io/rev": "default"})),
            "data",
            json!({"values": values.to_string()}),
        ),
        with(
            system("ConfigMap", "v1", "istio-ca-root-cert", json!({})),
            "data",
            json!({"root-cert.pem": ROOT}),
        ),
        webhook(),
        account,
        token_secret(name),
        with(
            with(
                system(
                    "Service",
                    "v1",
                    "istio-eastwestgateway",
                    json!({"topology.istio.io/network": network,
                        "app.kubernetes.io/managed-by": "meshutils"}),
                ),
                "spec",
                json!({"type": "LoadBalancer", "ports": [{"name": "tls", "port": 15443}]}),
            ),
            "status",
            json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}),
        ),
        with(
            system(
                "Gateway",
                "networking.istio.io/v1",
                "cross-network-gateway",
                json!({"app.kubernetes.io/managed-by": "meshutils"}),
            ),
            "spec",
            json!({"selector": {"istio": "eastwestgateway"}, "servers": [{"hosts": ["*.local"],
                "port": {"number": 15443, "name": "tls", "protocol": "TLS"},
                "tls": {"mode": "AUTO_PASSTHROUGH"}}]}),
        ),
        pod("web-1", "default"),
    ];
    let peers = names.iter().filter(|peer| *peer != name);
    objects.extend(peers.map(|peer| remote_secret(peer, None)));
    objects
}

fn webhook() -> Value {
    json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "istio-sidecar-injector",
            "labels": {"app": "sidecar-injector", "istio.io/rev": "default"}},
        "webhooks": [
            {"name": "rev.namespace.sidecar-injector.istio.io",
             "clientConfig": {"service": {"name": "istiod", "namespace": "istio-system", "path": "/inject"}},
             "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
             "namespaceSelector": {"matchExpressions": [
                 {"key": "istio.io/rev", "operator": "In", "values": ["default"]},
                 {"key": "istio-injection", "operator": "DoesNotExist"}]}},
            {"name": "namespace.sidecar-injector.istio.io",
             "clientConfig": {"service": {"name": "istiod", "namespace": "istio-system", "path": "/inject"}},
             "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
             "namespaceSelector": {"matchExpressions": [
                 {"key": "istio-injection", "operator": "In", "values": ["enabled"]}]}}]})
}

/// A pod of a Deployment in `sample` with the sidecar of a revision; of none without a name.
pub fn pod(name: &str, revision: &str) -> Value {
    let containers = if revision.is_empty() {
        json!([{"name": "web", "image": "web"}])
    } else {
        json!([{"name": "web", "image": "web"}, {"name": "istio-proxy", "image": "proxy"}])
    };
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "sample",
            "labels": {"app": "web", "pod-template-hash": "abc"},
            "annotations": {"sidecar.istio.io/status": json!({"revision": revision}).to_string()},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-abc", "controller": true}]},
        "spec": {"containers": containers}, "status": {"phase": "Running"}})
}

fn token(cluster: &str, expires: Option<u64>) -> String {
    let mut claims = json!({"iss": "kubernetes/serviceaccount",
        "sub": "system:serviceaccount:istio-system:istio-reader-service-account",
        "kubernetes.io/serviceaccount/secret.name": "reader-token",
        "kubernetes.io/serviceaccount/service-account.uid": format!("uid-{cluster}")});
    if let Some(expires) = expires {
        claims["exp"] = json!(expires);
    }
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2lnbmF0dXJl", part(json!({"alg": "RS256"})), part(claims))
}

fn token_secret(cluster: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "reader-token", "namespace": "istio-system",
            "annotations": {"kubernetes.io/service-account.name": "istio-reader-service-account"}},
        "data": {"token": STANDARD.encode(token(cluster, None))}})
}

/// What the others' istiod have of a cluster, with a token that may end at a Unix time.
pub fn remote_secret(cluster: &str, expires: Option<u64>) -> Value {
    let kubeconfig = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": format!("https://{cluster}.example.com")}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        "users": [{"name": "c", "user": {"token": token(cluster, expires)}}]});
    json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": format!("istio-remote-secret-{cluster}"), "namespace": "istio-system",
            "labels": {"istio/multiCluster": "true"}},
        "data": {cluster: STANDARD.encode(kubeconfig.to_string())}})
}

impl Mesh {
    /// As mesh-capture writes it.
    pub fn text(&self) -> String {
        let list = |objects: &Vec<Value>| {
            json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string() + "\n"
        };
        self.0.iter().map(list).collect()
    }

    /// Takes away the objects of one cluster (from 1) of this kind and name.
    pub fn without(mut self, cluster: usize, kind: &str, name: &str) -> Self {
        let objects = &mut self.0[cluster - 1];
        let before = objects.len();
        objects.retain(|object| object["kind"] != kind || object["metadata"]["name"] != name);
        assert!(objects.len() < before, "{kind} {name} is not there");
        self
    }

    /// Changes an object of one cluster (from 1).
    pub fn with(
        mut self,
        cluster: usize,
        kind: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let is_it =
            |object: &&mut Value| object["kind"] == kind && object["metadata"]["name"] == name;
        change(self.0[cluster - 1].iter_mut().find(is_it).expect("the object is there"));
        self
    }

    /// Adds an object to one cluster (from 1).
    pub fn and(mut self, cluster: usize, object: Value) -> Self {
        self.0[cluster - 1].push(object);
        self
    }

    /// Makes one cluster (from 1) one that did not answer.
    pub fn silent(mut self, cluster: usize) -> Self {
        let objects = &mut self.0[cluster - 1];
        objects.truncate(1);
        objects[0]["unreachable"] = json!("connection refused");
        self
    }
}
