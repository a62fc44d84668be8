//! One small mutation of the healthy mesh for each code.

mod lint;
mod roots;

pub use lint::LINT;
pub use roots::ROOTS;

use super::{Mesh, helloworld, pod, remote_secret};
use serde_json::{Value, json};

/// A code, and what breaks the mesh so that it is found.
pub type Case = (&'static str, fn(&mut Mesh));

pub const CAPTURES: &[Case] = &[
    ("MESH0901", |mesh| {
        mesh.captures[1]["items"].as_array_mut().expect("a list").truncate(1);
        mesh.header("cluster2")["unreachable"] = json!("connection refused");
    }),
    ("MESH0902", |mesh| {
        let gap = json!({"resource": "nodes", "reason": "forbidden"});
        mesh.header("cluster1")["notRead"] = json!([gap]);
    }),
    ("MESH0903", |mesh| mesh.header("cluster3")["time"] = json!("2027-06-01T00:02:01Z")),
    ("MESH0904", |mesh| {
        let record = mesh.header("cluster1")["record"].clone();
        let fields = [("name", "cluster4"), ("id", "cluster4"), ("context", "cluster4")];
        let mut record = fields.iter().fold(record, |mut record, (field, value)| {
            record[field] = json!(value);
            record
        });
        // One of another mesh, which nobody needs credentials for.
        for field in ["provider", "vpc", "ranges", "authorizedNetworks"] {
            record.as_object_mut().expect("a record").remove(field);
        }
        record["meshId"] = json!("mesh2");
        mesh.captures.push(record);
    }),
];

pub const IDENTITY: &[Case] = &[
    ("MESH0101", |mesh| {
        mesh.env("cluster2", "CLUSTER_ID", "cluster1");
    }),
    ("MESH0102", |mesh| rename(mesh, "cluster/3")),
    ("MESH0103", |mesh| {
        let mut other = mesh.object("cluster1", "Deployment", "istiod").clone();
        other["metadata"]["name"] = json!("istiod-b");
        other["metadata"]["labels"]["istio.io/rev"] = json!("b");
        other["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = json!("other");
        mesh.add("cluster1", other);
    }),
    ("MESH0104", |mesh| {
        mesh.config("cluster1", "istio-sidecar-injector", "values", "\"cluster1\"", "\"old\"");
    }),
    ("MESH0105", |mesh| {
        rename(mesh, "Kubernetes");
        // Secrets for it are told by themselves.
        for peer in ["cluster1", "cluster2"] {
            mesh.remove(peer, "Secret", "istio-remote-secret-Kubernetes");
        }
        mesh.captures.truncate(3);
        mesh.header("cluster3")["record"]["meshId"] = json!("mesh2");
        leave(mesh);
    }),
    ("MESH0106", |mesh| {
        mesh.config("cluster3", "istio-sidecar-injector", "values", "mesh1", "mesh2");
        mesh.config("cluster3", "istio", "mesh", "mesh1", "mesh2");
    }),
    ("MESH0107", |mesh| {
        mesh.config("cluster3", "istio", "mesh", "cluster.local", "other.example");
        let aliases = "trustDomainAliases: [cluster.local]\n";
        let text = "trustDomain: other.example\n";
        mesh.config("cluster3", "istio", "mesh", text, &(text.to_owned() + aliases));
    }),
    ("MESH0108", |mesh| mesh.header("cluster2")["record"]["id"] = json!("cn-p1-cluster2")),
];

/// Gives cluster3 another ID, wherever it is told.
fn rename(mesh: &mut Mesh, id: &str) {
    mesh.env("cluster3", "CLUSTER_ID", id);
    mesh.config(
        "cluster3",
        "istio-sidecar-injector",
        "values",
        "\"cluster3\"",
        &json!(id).to_string(),
    );
    mesh.header("cluster3")["record"]["id"] = json!(id);
    for peer in ["cluster1", "cluster2"] {
        let secret = mesh.object(peer, "Secret", "istio-remote-secret-cluster3");
        secret["metadata"]["name"] = json!(format!("istio-remote-secret-{}", id.replace('/', "-")));
        secret["metadata"]["annotations"]["networking.istio.io/cluster"] = json!(id);
        let data = secret["data"]["cluster3"].clone();
        secret["data"] = json!({ id: data });
    }
}

/// Makes cluster3 one of a mesh of its own.
fn leave(mesh: &mut Mesh) {
    mesh.config("cluster3", "istio-sidecar-injector", "values", "mesh1", "mesh2");
    mesh.config("cluster3", "istio", "mesh", "mesh1", "mesh2");
    for peer in ["cluster1", "cluster2"] {
        mesh.remove("cluster3", "Secret", &format!("istio-remote-secret-{peer}"));
    }
}

pub const CONTROL_PLANES: &[Case] = &[
    ("MESH0701", |mesh| {
        mesh.object("cluster1", "Deployment", "istiod")["status"] = json!({"replicas": 1});
    }),
    ("MESH0702", |mesh| {
        mesh.remove("cluster3", "Deployment", "istiod");
        mesh.remove("cluster3", "MutatingWebhookConfiguration", "istio-sidecar-injector");
        // Without injectors nobody has sidecars.
        mesh.remove("cluster3", "Namespace", "sample");
        mesh.remove("cluster3", "Pod", "helloworld-abc-1");
        mesh.remove("cluster3", "Pod", "istio-eastwestgateway-abc-1");
        mesh.remove("cluster3", "Deployment", "istio-eastwestgateway");
        mesh.remove("cluster3", "Service", "istio-eastwestgateway");
    }),
    ("MESH0703", |mesh| image(mesh, "cluster1", "docker.io/istio/pilot:1.27.0", "1.27.0")),
    ("MESH0704", |mesh| {
        let pod = mesh.object("cluster1", "Pod", "helloworld-abc-1");
        pod["spec"]["containers"][0]["image"] = json!("docker.io/istio/proxyv2:1.30.0");
    }),
    ("MESH0705", |mesh| image(mesh, "cluster1", "docker.io/istio/pilot:1.30.2", "1.30.2")),
    ("MESH0706", |mesh| mesh.env("cluster1", "PILOT_REMOTE_CLUSTER_TIMEOUT", "0s")),
    ("MESH0707", |mesh| {
        let istiod = mesh.object("cluster1", "Deployment", "istiod");
        istiod["status"] = json!({"replicas": 1});
        istiod["metadata"]["creationTimestamp"] = json!("2027-05-31T23:59:30Z");
    }),
];

/// Gives a cluster another version of Istio, proxies included.
fn image(mesh: &mut Mesh, cluster: &str, pilot: &str, version: &str) {
    let istiod = mesh.object(cluster, "Deployment", "istiod");
    istiod["spec"]["template"]["spec"]["containers"][0]["image"] = json!(pilot);
    for pod in ["helloworld-abc-1", "istio-eastwestgateway-abc-1"] {
        let pod = mesh.object(cluster, "Pod", pod);
        pod["spec"]["containers"][0]["image"] = json!(format!("docker.io/istio/proxyv2:{version}"));
    }
}

pub const SECRETS: &[Case] = &[
    ("MESH0471", |mesh| {
        let secret = mesh.object("cluster1", "Secret", "istio-remote-secret-cluster2");
        let data = secret["data"]["cluster2"].clone();
        secret["data"] = json!({"gke-p1-us-central1-cluster2": data});
        secret["metadata"]["annotations"] = json!({});
    }),
    ("MESH0472", |mesh| mesh.add("cluster1", remote_secret("cluster9"))),
    ("MESH0473", |mesh| mesh.remove("cluster1", "Secret", "istio-remote-secret-cluster2")),
    ("MESH0474", |mesh| {
        mesh.remove("cluster1", "Secret", "istio-remote-secret-cluster2");
        mesh.remove("cluster2", "Secret", "istio-remote-secret-cluster1");
    }),
    ("MESH0476", |mesh| {
        let mut other = mesh.object("cluster1", "Secret", "reader-token").clone();
        other["metadata"]["name"] = json!("reader-token-2");
        mesh.add("cluster1", other);
    }),
    ("MESH0475", |mesh| {
        let marks = json!({"meta.helm.sh/release-name": "istiod"});
        mesh.object("cluster1", "Deployment", "istiod")["metadata"]["annotations"] = marks;
    }),
];

pub const NETWORKS: &[Case] = &[
    ("MESH0601", |mesh| {
        let namespace = mesh.object("cluster1", "Namespace", "istio-system");
        namespace["metadata"]["labels"]["topology.istio.io/network"] = json!("network9");
    }),
    ("MESH0602", |mesh| {
        mesh.object("cluster1", "Namespace", "istio-system")["metadata"]["labels"] = json!({});
        mesh.config("cluster1", "istio-sidecar-injector", "values", "network1", "");
        let record = mesh.header("cluster1")["record"].as_object_mut().expect("a record");
        record.remove("network");
        mesh.remove("cluster1", "Service", "istio-eastwestgateway");
    }),
    ("MESH0603", |mesh| {
        let record = &mut mesh.header("cluster3")["record"];
        record["provider"] = json!("aks");
        record["ranges"][0]["source"] = json!("networkProfile.podCidr");
    }),
    ("MESH0604", |mesh| {
        mesh.header("cluster3")["record"]["vpc"] = json!("projects/p1/global/networks/east");
    }),
    ("MESH0605", |mesh| {
        let networks = "networks:\n  network2:\n    endpoints:\n    - fromRegistry: cluster7\n    \
                        gateways:\n    - {address: 198.51.100.8, port: 15443}\n";
        mesh.config("cluster1", "istio", "meshNetworks", "networks: {}", networks);
    }),
    ("MESH0201", |mesh| {
        let record = &mut mesh.header("cluster3")["record"];
        record["ranges"][2]["cidr"] = json!("10.200.8.0/25");
    }),
    ("MESH0202", |mesh| {
        let record = &mut mesh.header("cluster1")["record"];
        record["ranges"][1]["cidr"] = json!("10.4.0.0/20");
    }),
];

fn gateway(mesh: &mut Mesh) -> &mut Value {
    mesh.object("cluster1", "Service", "istio-eastwestgateway")
}

pub const GATEWAYS: &[Case] = &[
    ("MESH0611", |mesh| mesh.remove("cluster1", "Service", "istio-eastwestgateway")),
    ("MESH0612", |mesh| {
        gateway(mesh)["metadata"]["labels"]["topology.istio.io/network"] = json!("network2");
    }),
    ("MESH0613", |mesh| {
        gateway(mesh)["spec"]["ports"] = json!([{"name": "status-port", "port": 15021}]);
    }),
    ("MESH0614", |mesh| gateway(mesh)["status"] = json!({"loadBalancer": {}})),
    ("MESH0615", |mesh| {
        let ingress = json!([{"hostname": "lb.example"}]);
        gateway(mesh)["status"]["loadBalancer"]["ingress"] = ingress;
        mesh.env("cluster2", "RESOLVE_HOSTNAME_GATEWAYS", "false");
    }),
    ("MESH0616", |mesh| {
        let mark = "service.beta.kubernetes.io/aws-load-balancer-backend-protocol";
        gateway(mesh)["metadata"]["annotations"] = json!({mark: "http"});
    }),
    ("MESH0617", |mesh| {
        let pod = mesh.object("cluster1", "Pod", "istio-eastwestgateway-abc-1");
        pod["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
    }),
    ("MESH0618", |mesh| {
        let pod = mesh.object("cluster1", "Pod", "istio-eastwestgateway-abc-1");
        pod["spec"]["containers"][0]["image"] = json!("auto");
        pod["metadata"]["annotations"] = json!({});
        pod["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
    }),
    ("MESH0619", |mesh| mesh.remove("cluster1", "Gateway", "cross-network-gateway")),
    ("MESH0620", |mesh| {
        mesh.add(
            "cluster1",
            json!({
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "Gateway",
                "metadata": {
                    "name": "eastwest", "namespace": "istio-system",
                    "labels": {"topology.istio.io/network": "network1"},
                },
                "spec": {"gatewayClassName": "istio-east-west", "listeners": []},
            }),
        );
    }),
    ("MESH0621", |mesh| {
        let pod = mesh.object("cluster1", "Pod", "istio-eastwestgateway-abc-1");
        pod["metadata"]["creationTimestamp"] = json!("2027-05-31T23:59:55Z");
        pod["status"] = json!({"phase": "Pending"});
    }),
];

pub const FIREWALLS: &[Case] = &[
    ("MESH0301", |mesh| {
        let record = &mut mesh.header("cluster1")["record"];
        record["authorizedNetworks"]["blocks"].as_array_mut().expect("blocks").remove(0);
    }),
    ("MESH0302", |mesh| {
        let record = &mut mesh.header("cluster1")["record"];
        record["endpoints"] = json!([{"url": "https://10.200.4.9", "kind": "private"}]);
        record["globalAccess"] = json!(false);
    }),
    ("MESH0303", |mesh| {
        let record = &mut mesh.header("cluster1")["record"];
        let block = |n: u8| json!({"cidr": format!("192.0.2.{n}/32")});
        let blocks: Vec<Value> = (0..51).map(block).collect();
        let networks = &mut record["authorizedNetworks"]["blocks"];
        networks.as_array_mut().expect("blocks").extend(blocks);
        networks.as_array_mut().expect("blocks").remove(0);
    }),
];

pub const INJECTION: &[Case] = &[
    ("MESH0711", |mesh| {
        let labels = json!({"istio-injection": "enabled", "istio.io/rev": "default"});
        mesh.object("cluster1", "Namespace", "sample")["metadata"]["labels"] = labels;
    }),
    ("MESH0712", |mesh| {
        mesh.object("cluster1", "Namespace", "sample")["metadata"]["labels"] =
            json!({"istio.io/rev": "1-20"});
    }),
    ("MESH0713", |mesh| {
        let pod = mesh.object("cluster1", "Pod", "helloworld-abc-1");
        pod["spec"]["containers"] = json!([{"name": "main", "image": "x:1"}]);
        pod["metadata"]["annotations"] = json!({});
        // Another one keeps the namespace in the mesh.
        mesh.add("cluster1", super::pod("other", "sample", &json!({"app": "other"})));
    }),
    ("MESH0714", |mesh| {
        let pod = mesh.object("cluster1", "Pod", "helloworld-abc-1");
        let status = json!({"sidecar.istio.io/status": "{\"revision\":\"1-20\"}"});
        pod["metadata"]["annotations"] = status;
    }),
];

pub const SERVICES: &[Case] = &[
    ("MESH0721", |mesh| {
        let service = mesh.object("cluster1", "Service", "helloworld");
        service["spec"]["ports"][0]["port"] = json!(5001);
    }),
    ("MESH0722", |mesh| mesh.remove("cluster1", "Service", "helloworld")),
    ("MESH0723", |mesh| {
        mesh.add("cluster1", rule(&json!({"outlierDetection": {"consecutive5xxErrors": 1}})));
    }),
    ("MESH0724", |mesh| {
        for cluster in ["cluster1", "cluster2", "cluster3"] {
            let mut service = helloworld();
            service["metadata"]["name"] = json!("db");
            service["spec"]["clusterIP"] = json!("None");
            service["spec"]["selector"] = json!({"app": "db"});
            mesh.add(cluster, service);
            let mut member = pod("db", "sample", &json!({"app": "db"}));
            member["metadata"]["ownerReferences"] =
                json!([{"kind": "StatefulSet", "name": "db", "controller": true}]);
            mesh.add(cluster, member);
        }
    }),
    ("MESH0725", |mesh| mesh.add("cluster1", rule(&json!({"tls": {"mode": "DISABLE"}})))),
];

fn rule(policy: &Value) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "helloworld", "namespace": "sample"},
        "spec": {"host": "helloworld.sample.svc.cluster.local", "trafficPolicy": policy},
    })
}

pub const MACHINES: &[Case] = &[
    ("MESH0841", |mesh| {
        let spec = json!({"address": "192.168.0.9", "labels": {"app": "vm"}});
        mesh.add("cluster1", networking("WorkloadEntry", "sample/vm1", &spec));
    }),
    ("MESH0842", |mesh| {
        mesh.add("cluster1", networking("WorkloadGroup", "sample/vm", &json!({"template": {}})));
    }),
    ("MESH0843", |mesh| expose_istiod(mesh, "cluster1", "istiod-1-28")),
];

pub fn networking(kind: &str, object: &str, spec: &Value) -> Value {
    let (namespace, name) = object.split_once('/').expect("a namespace and a name");
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    })
}

/// What mesh-expose makes for an istiod with a Service of this name.
pub fn expose_istiod(mesh: &mut Mesh, cluster: &str, service: &str) {
    let servers = json!([{
        "port": {"number": 15012, "name": "tls-istiod", "protocol": "TLS"},
        "tls": {"mode": "PASSTHROUGH"},
        "hosts": ["*"],
    }]);
    let gateway = json!({"selector": {"istio": "eastwestgateway"}, "servers": servers});
    let host = format!("{service}.istio-system.svc.cluster.local");
    let rule = json!({"hosts": ["*"], "gateways": ["istiod-gateway"], "tls": [{
        "route": [{"destination": {"host": host, "port": {"number": 15012}}}],
    }]});
    mesh.add(cluster, networking("Gateway", "istio-system/istiod-gateway", &gateway));
    mesh.add(cluster, networking("VirtualService", "istio-system/istiod-vs", &rule));
}

/// What cannot be broken without something else: a code, and what comes along with it.
pub const ALONG: &[(&str, &str)] = &[
    // Two Secrets for a cluster that nobody looked at.
    ("MESH0409", "MESH0472"),
    // A token that a Secret holds never ends.
    ("MESH0452", "MESH0436"),
    // No root is also another one than the chain's.
    ("MESH0503", "MESH0516"),
];
