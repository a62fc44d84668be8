//! The objects of a cluster.

use super::authority::{Authority, authority, base64, remote_secret, server, token};
use super::{AT, Place, days};
use serde_json::{Value, json};

/// What the cloud says of a cluster. GKE takes 50 authorized networks.
fn record(place: &Place, all: &[Place]) -> Value {
    let Place { name, network, region, vpc, ranges, .. } = place;
    let peers = all.iter().filter(|peer| peer.name != *name);
    let blocks: Vec<Value> =
        peers.map(|peer| json!({"cidr": peer.ranges[0], "displayName": peer.name})).collect();
    let kinds = ["pod", "service", "node", "controlPlane"];
    let range = |(cidr, kind)| json!({"cidr": cidr, "kind": kind, "source": "test"});
    json!({
        "apiVersion": "meshutils/v1alpha1",
        "kind": "Cluster",
        "name": name,
        "id": name,
        "meshId": "mesh1",
        "network": network,
        "provider": "gke",
        "project": "p1",
        "location": region,
        "vpc": format!("projects/p1/global/networks/{vpc}"),
        "context": name,
        "ranges": ranges.iter().zip(kinds).map(range).collect::<Vec<_>>(),
        "endpoints": [{"url": server(name), "kind": "public"}],
        "authorizedNetworks": {"enabled": all.len() < 50, "blocks": blocks},
        "nodeTags": [format!("gke-{name}-node")],
    })
}

fn meta(name: &str, namespace: &str) -> Value {
    json!({"name": name, "namespace": namespace})
}

fn istiod(cluster: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "istiod",
            "namespace": "istio-system",
            "labels": {"app": "istiod", "istio.io/rev": "default"},
        },
        "spec": {"replicas": 1, "template": {
            "metadata": {"labels": {"app": "istiod"}},
            "spec": {"containers": [{
                "name": "discovery",
                "image": "docker.io/istio/pilot:1.29.2",
                "env": [{"name": "CLUSTER_ID", "value": cluster}, {"name": "REVISION", "value": "default"}],
            }]},
        }},
        "status": {"replicas": 1, "readyReplicas": 1},
    })
}

fn workload(name: &str, namespace: &str, labels: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta(name, namespace),
        "spec": {"replicas": 1, "template": {
            "metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "x:1"}]},
        }},
        "status": {"replicas": 1, "readyReplicas": 1},
    })
}

/// A pod that has a sidecar, or is a gateway.
pub fn pod(deployment: &str, namespace: &str, labels: &Value) -> Value {
    let mut labels = labels.clone();
    labels["pod-template-hash"] = json!("abc");
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("{deployment}-abc-1"),
            "namespace": namespace,
            "labels": labels,
            "annotations": {"sidecar.istio.io/status": "{\"revision\":\"default\"}"},
            "ownerReferences": [{
                "kind": "ReplicaSet", "name": format!("{deployment}-abc"), "controller": true,
            }],
        },
        "spec": {"nodeName": "node1", "containers": [
            {"name": "istio-proxy", "image": "docker.io/istio/proxyv2:1.29.2"},
        ]},
        "status": {
            "phase": "Running",
            "podIP": "10.4.0.9",
            "startTime": days(-1),
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    })
}

fn gateway_labels() -> Value {
    json!({"app": "istio-eastwestgateway", "istio": "eastwestgateway", "sidecar.istio.io/inject": "true"})
}

fn eastwest(place: &Place) -> Value {
    let port = |name: &str, port: u16| json!({"name": name, "port": port, "targetPort": port});
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "istio-eastwestgateway",
            "namespace": "istio-system",
            "labels": {"topology.istio.io/network": place.network, "istio": "eastwestgateway"},
        },
        "spec": {
            "type": "LoadBalancer",
            "clusterIP": "10.104.0.7",
            "selector": {"app": "istio-eastwestgateway", "istio": "eastwestgateway"},
            "ports": [port("status-port", 15021), port("tls", 15443), port("tls-istiod", 15012)],
        },
        "status": {"loadBalancer": {"ingress": [{"ip": place.gateway}]}},
    })
}

pub fn helloworld() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta("helloworld", "sample"),
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "10.104.0.8",
            "selector": {"app": "helloworld"},
            "ports": [{"name": "http", "port": 5000, "targetPort": 5000, "protocol": "TCP"}],
        },
    })
}

fn cross_network_gateway() -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": meta("cross-network-gateway", "istio-system"),
        "spec": {"selector": {"istio": "eastwestgateway"}, "servers": [{
            "port": {"number": 15443, "name": "tls", "protocol": "TLS"},
            "tls": {"mode": "AUTO_PASSTHROUGH"},
            "hosts": ["*.local"],
        }]},
    })
}

fn webhooks() -> Value {
    let rules = json!([{
        "operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"],
    }]);
    let webhook = |name: &str, namespace: Value, pod: Value| {
        json!({
            "name": format!("{name}.sidecar-injector.istio.io"),
            "clientConfig": {"service": {"name": "istiod", "namespace": "istio-system"}},
            "rules": rules,
            "namespaceSelector": {"matchExpressions": namespace},
            "objectSelector": {"matchExpressions": pod},
        })
    };
    let has = |key: &str, value: &str| json!({"key": key, "operator": "In", "values": [value]});
    let lacks = |key: &str| json!({"key": key, "operator": "DoesNotExist"});
    let wanted =
        json!({"key": "sidecar.istio.io/inject", "operator": "NotIn", "values": ["false"]});
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {
            "name": "istio-sidecar-injector",
            "labels": {"app": "sidecar-injector", "istio.io/rev": "default"},
        },
        "webhooks": [
            webhook(
                "rev.namespace",
                json!([has("istio.io/rev", "default"), lacks("istio-injection")]),
                json!([wanted]),
            ),
            webhook("namespace", json!([has("istio-injection", "enabled")]), json!([wanted])),
            webhook(
                "object",
                json!([lacks("istio-injection"), lacks("istio.io/rev")]),
                json!([has("sidecar.istio.io/inject", "true"), lacks("istio.io/rev")]),
            ),
        ],
    })
}

fn config_maps(place: &Place) -> [Value; 3] {
    let Place { name, network, .. } = place;
    let mesh = "defaultConfig:\n  meshId: mesh1\ntrustDomain: cluster.local\n";
    let values = json!({"global": {
        "meshID": "mesh1", "network": network, "multiCluster": {"clusterName": name},
    }});
    let map = |name: &str, data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name, "istio-system"), "data": data});
    [
        map("istio", json!({"mesh": mesh, "meshNetworks": "networks: {}"})),
        map("istio-sidecar-injector", json!({"config": "", "values": format!("{values:#}")})),
        map("istio-ca-root-cert", json!({"root-cert.pem": Authority::of_mesh().root()})),
    ]
}

pub fn namespace(name: &str, labels: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}

/// The first object of a capture.
fn header(place: &Place, all: &[Place]) -> Value {
    let name = &place.name;
    json!({
        "apiVersion": "meshutils/v1alpha1",
        "kind": "Capture",
        "metadata": {"name": name},
        "context": name,
        "server": server(name),
        "kubernetes": "v1.33.1",
        "time": AT,
        "capturedAt": AT,
        "istioNamespace": "istio-system",
        "record": record(place, all),
    })
}

/// The reader's account and the Secret with its token.
fn reader(name: &str) -> [Value; 2] {
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": "istio-reader-service-account",
            "namespace": "istio-system",
            "uid": format!("uid-{name}"),
        },
    });
    let held = json!({
        "iss": "kubernetes/serviceaccount",
        "sub": "system:serviceaccount:istio-system:istio-reader-service-account",
        "kubernetes.io/serviceaccount/secret.name": "reader-token",
        "kubernetes.io/serviceaccount/service-account.uid": format!("uid-{name}"),
    });
    let token_secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": "reader-token",
            "namespace": "istio-system",
            "annotations": {"kubernetes.io/service-account.name": "istio-reader-service-account"},
        },
        "data": {"token": base64(&token(&held)), "ca.crt": base64(&authority(name))},
    });
    [account, token_secret]
}

/// All that is captured of a cluster.
pub fn capture(place: &Place, all: &[Place]) -> Value {
    let Place { name, network, region, .. } = place;
    let cacerts = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta("cacerts", "istio-system"),
        "data": Authority::of_mesh().cacerts(name),
    });
    let node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "node1", "labels": {"topology.kubernetes.io/region": region}},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "10.200.0.2"}],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    });
    let app = json!({"app": "helloworld"});
    let mut items = vec![
        header(place, all),
        namespace("istio-system", json!({"topology.istio.io/network": network})),
        namespace("sample", json!({"istio-injection": "enabled"})),
        namespace("kube-system", json!({})),
        cacerts,
        istiod(name),
        workload("istio-eastwestgateway", "istio-system", &gateway_labels()),
        workload("helloworld", "sample", &app),
        pod("istio-eastwestgateway", "istio-system", &gateway_labels()),
        pod("helloworld", "sample", &app),
        eastwest(place),
        helloworld(),
        cross_network_gateway(),
        webhooks(),
        node,
    ];
    items.extend(reader(name));
    items.extend(config_maps(place));
    let peers = all.iter().filter(|peer| peer.name != *name);
    items.extend(peers.map(|peer| remote_secret(&peer.name)));
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

/// A service with a pod, for meshes that have many.
pub fn service(number: usize) -> [Value; 2] {
    let (name, namespace) = (format!("service{number}"), format!("team{}", number % 20));
    let mut service = helloworld();
    service["metadata"] = meta(&name, &namespace);
    service["spec"]["selector"] = json!({"app": name});
    [service, pod(&name, &namespace, &json!({"app": name}))]
}
