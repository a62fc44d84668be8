//! One small mutation of the healthy mesh for each code.

use super::{Authority, Mesh, helloworld, pod, remote_secret};
use meshpki::KeyUsage;
use meshpki::issue::CaSpec;
use serde_json::{Value, json};
use std::collections::BTreeSet;

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
        secret["metadata"]["name"] = json!(format!("istio-remote-secret-{id}"));
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
    ("MESH0475", |mesh| {
        let marks = json!({"meta.helm.sh/release-name": "istiod"});
        mesh.object("cluster1", "Deployment", "istiod")["metadata"]["annotations"] = marks;
    }),
];

/// cluster1's Secret for cluster2.
fn secret(mesh: &mut Mesh) -> &mut Value {
    mesh.object("cluster1", "Secret", "istio-remote-secret-cluster2")
}

fn user(mesh: &mut Mesh, user: Value) {
    mesh.kubeconfig(|config| config["users"][0]["user"] = user);
}

fn server(mesh: &mut Mesh, field: &str, value: Value) {
    mesh.kubeconfig(|config| config["clusters"][0]["cluster"][field] = value);
}

fn no_authority(mesh: &mut Mesh) {
    mesh.kubeconfig(|config| {
        let cluster = config["clusters"][0]["cluster"].as_object_mut().expect("a cluster");
        cluster.remove("certificate-authority-data");
    });
}

pub const LINT: &[Case] = &[
    ("MESH0401", |mesh| secret(mesh)["metadata"]["namespace"] = json!("default")),
    ("MESH0402", |mesh| secret(mesh)["metadata"]["labels"] = json!({})),
    ("MESH0403", |mesh| {
        secret(mesh)["metadata"]["annotations"]["networking.istio.io/cluster"] = json!("old");
    }),
    ("MESH0404", |mesh| {
        let mut empty = remote_secret("cluster9");
        empty["data"] = json!({});
        empty["metadata"]["annotations"] = json!({});
        mesh.add("cluster1", empty);
    }),
    ("MESH0405", |mesh| {
        let mut secret = remote_secret("cluster9");
        let data = secret["data"]["cluster9"].clone();
        secret["data"] = json!({"arn:aws:eks:x:1:cluster/9": data});
        secret["metadata"]["annotations"] = json!({});
        mesh.add("cluster1", secret);
    }),
    ("MESH0406", |mesh| {
        let mut secret = remote_secret("cluster9");
        let data = secret["data"]["cluster9"].clone();
        secret["data"] = json!({"Kubernetes": data});
        secret["metadata"]["annotations"] = json!({});
        mesh.add("cluster1", secret);
    }),
    ("MESH0407", |mesh| {
        let data = secret(mesh)["data"]["cluster2"].clone();
        secret(mesh)["data"] = json!({"cluster1": data});
        secret(mesh)["metadata"]["annotations"] = json!({});
    }),
    ("MESH0408", |mesh| {
        let mut copy = remote_secret("cluster2");
        copy["metadata"]["name"] = json!("copy");
        mesh.add("cluster1", copy);
    }),
    ("MESH0409", |mesh| {
        for name in ["cluster8", "cluster9"] {
            let mut secret = remote_secret("cluster9");
            let data = secret["data"]["cluster9"].clone();
            secret["data"] = json!({ name: data });
            secret["metadata"]["name"] = json!(name);
            secret["metadata"]["annotations"] = json!({});
            mesh.add("cluster1", secret);
        }
    }),
    ("MESH0411", |mesh| secret(mesh)["data"]["cluster2"] = json!(super::base64("]"))),
    ("MESH0413", |mesh| user(mesh, json!({"exec": {"command": "gke-gcloud-auth-plugin"}}))),
    ("MESH0421", |mesh| server(mesh, "server", json!("http://203.0.113.2"))),
    ("MESH0422", |mesh| server(mesh, "server", json!("https://127.0.0.1:6443"))),
    ("MESH0423", |mesh| server(mesh, "server", json!("https://kind-control-plane:6443"))),
    ("MESH0424", |mesh| server(mesh, "proxy-url", json!("http://proxy.example:3128"))),
    ("MESH0425", |mesh| {
        no_authority(mesh);
        server(mesh, "insecure-skip-tls-verify", json!(true));
    }),
    ("MESH0426", |mesh| {
        no_authority(mesh);
        server(mesh, "certificate-authority", json!("/ca.crt"));
    }),
    ("MESH0427", |mesh| no_authority(mesh)),
    ("MESH0428", |mesh| {
        server(mesh, "certificate-authority-data", json!(super::base64("junk")));
    }),
    ("MESH0429", |mesh| server(mesh, "server", json!("https://gke-1.us-central1.gke.goog"))),
    ("MESH0431", |mesh| user(mesh, json!({}))),
    ("MESH0432", |mesh| user(mesh, json!({"username": "u", "password": "redacted"}))),
    ("MESH0433", |mesh| user(mesh, json!({"token": "redacted-0123456789ab"}))),
    ("MESH0434", |mesh| mesh.token(|claims| claims["exp"] = json!(super::at().as_second()))),
    ("MESH0435", |mesh| {
        mesh.token(|claims| claims["exp"] = json!(super::at().as_second() + 29 * 24 * 3600));
    }),
    ("MESH0436", |mesh| {
        mesh.token(|claims| claims["exp"] = json!(null));
    }),
    ("MESH0437", |mesh| {
        mesh.token(|claims| claims["nbf"] = json!(super::at().as_second() + 61));
    }),
    ("MESH0438", |mesh| mesh.token(|claims| claims["sub"] = json!("me@example.com"))),
    ("MESH0439", |mesh| {
        // The other cluster tells nothing of service accounts.
        mesh.remove("cluster2", "ServiceAccount", "istio-reader-service-account");
        mesh.token(|claims| claims["sub"] = json!("system:serviceaccount:team:reader"));
    }),
    ("MESH0440", |mesh| mesh.token(|claims| claims["aud"] = json!(["istio-ca"]))),
    ("MESH0441", |mesh| {
        mesh.token(|claims| claims["kubernetes.io"]["pod"] = json!({"name": "p"}));
    }),
    ("MESH0442", |mesh| {
        secret(mesh)["metadata"]["annotations"]["meshutils/expires"] = json!(super::days(1));
    }),
    ("MESH0451", |mesh| {
        let account = mesh.object("cluster2", "ServiceAccount", "istio-reader-service-account");
        account["metadata"]["name"] = json!("other");
    }),
    ("MESH0452", |mesh| {
        mesh.remove("cluster2", "ServiceAccount", "istio-reader-service-account");
        // One of the kind that a Secret holds, of another Secret than the one that is there.
        let bound = json!({"secret": {"name": "gone"}, "serviceaccount": {"name": "x"}});
        mesh.token(|claims| {
            claims["kubernetes.io"] = bound;
            claims["exp"] = json!(null);
        });
    }),
    ("MESH0453", |mesh| {
        let other = super::base64(&super::authority("cluster7"));
        server(mesh, "certificate-authority-data", json!(other));
    }),
];

/// Puts another CA into cluster1.
fn cacerts(mesh: &mut Mesh, key: &str, text: &str) {
    mesh.object("cluster1", "Secret", "cacerts")["data"][key] = json!(super::base64(text));
}

/// A CA of the mesh's root that is made by another recipe, in its place in cluster1.
fn made(mesh: &mut Mesh, spec: CaSpec, life: i64) {
    let root = Authority::of_mesh().root();
    let pem = Authority::of_mesh().intermediate_of(spec, life).0.to_pem();
    cacerts(mesh, "ca-cert.pem", &pem);
    cacerts(mesh, "cert-chain.pem", &(pem + &root));
}

fn own() -> CaSpec {
    CaSpec::intermediate("cluster1")
}

/// A CA of another root in cluster1, which all clusters trust, too.
fn joined(mesh: &mut Mesh, own: &str, root: &str) {
    let roots = Authority::of_mesh().root() + root;
    for cluster in ["cluster1", "cluster2", "cluster3"] {
        let data = &mut mesh.object(cluster, "Secret", "cacerts")["data"];
        data["root-cert.pem"] = json!(super::base64(&roots));
        let map = mesh.object(cluster, "ConfigMap", "istio-ca-root-cert");
        map["data"]["root-cert.pem"] = json!(roots);
    }
    cacerts(mesh, "ca-cert.pem", own);
    cacerts(mesh, "cert-chain.pem", &(own.to_owned() + root));
}

/// The root of `tests/data`, which openssl made, as were the CAs below it.
const ROOT: &str = include_str!("../data/root.pem");

pub const ROOTS: &[Case] = &[
    ("MESH0501", |mesh| {
        let data = &mut mesh.object("cluster1", "Secret", "cacerts")["data"];
        data.as_object_mut().expect("data").remove("ca-key.pem");
    }),
    ("MESH0502", |mesh| cacerts(mesh, "ca-cert.pem", "junk")),
    ("MESH0503", |mesh| {
        cacerts(mesh, "root-cert.pem", "junk");
        mesh.remove("cluster1", "ConfigMap", "istio-ca-root-cert");
    }),
    ("MESH0504", |mesh| made(mesh, own(), -1)),
    ("MESH0505", |mesh| {
        let pem = Authority::other().intermediate("cluster1", 1000).0.to_pem();
        cacerts(mesh, "ca-cert.pem", &pem);
        cacerts(mesh, "cert-chain.pem", &(pem + &Authority::of_mesh().root()));
    }),
    ("MESH0509", |mesh| joined(mesh, include_str!("../data/no-ca.pem"), ROOT)),
    ("MESH0512", |mesh| joined(mesh, include_str!("../data/server-only.pem"), ROOT)),
    ("MESH0513", |mesh| joined(mesh, include_str!("../data/weak-key.pem"), ROOT)),
    ("MESH0519", |mesh| {
        let own = include_str!("../../../meshpki/tests/data/sample-ca-2018.pem");
        joined(mesh, own, include_str!("../../../meshpki/tests/data/sample-root-2018.pem"));
    }),
    ("MESH0511", |mesh| {
        let key_usage = BTreeSet::from([KeyUsage::DigitalSignature]);
        made(mesh, CaSpec { key_usage, ..own() }, 1000);
    }),
    ("MESH0514", |mesh| cacerts(mesh, "cert-chain.pem", &Authority::of_mesh().root())),
    ("MESH0515", |mesh| {
        let own =
            super::decoded(&mesh.object("cluster1", "Secret", "cacerts")["data"]["ca-cert.pem"]);
        cacerts(mesh, "cert-chain.pem", &(Authority::of_mesh().root() + &own));
    }),
    ("MESH0516", |mesh| {
        let own =
            super::decoded(&mesh.object("cluster1", "Secret", "cacerts")["data"]["ca-cert.pem"]);
        cacerts(mesh, "cert-chain.pem", &(own + &Authority::other().root()));
    }),
    ("MESH0518", |mesh| made(mesh, own(), 20)),
    ("MESH0531", |mesh| {
        let cacerts = Authority::other().cacerts("cluster1");
        mesh.object("cluster1", "Secret", "cacerts")["data"] = cacerts;
        let map = mesh.object("cluster1", "ConfigMap", "istio-ca-root-cert");
        map["data"]["root-cert.pem"] = json!(Authority::other().root());
    }),
    ("MESH0532", |mesh| {
        let roots = Authority::of_mesh().root() + &Authority::other().root();
        cacerts(mesh, "root-cert.pem", &roots);
        let map = mesh.object("cluster1", "ConfigMap", "istio-ca-root-cert");
        map["data"]["root-cert.pem"] = json!(roots);
    }),
    ("MESH0533", |mesh| {
        let data = mesh.object("cluster2", "Secret", "cacerts")["data"].clone();
        mesh.object("cluster1", "Secret", "cacerts")["data"] = data;
    }),
    ("MESH0534", |mesh| {
        let map = mesh.object("cluster1", "ConfigMap", "istio-ca-root-cert");
        map["data"]["root-cert.pem"] = json!(Authority::other().root());
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

pub const MACHINES: &[Case] = &[("MESH0841", |mesh| {
    mesh.add(
        "cluster1",
        json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "WorkloadEntry",
            "metadata": {"name": "vm1", "namespace": "sample"},
            "spec": {"address": "192.168.0.9", "labels": {"app": "vm"}},
        }),
    );
})];

/// What cannot be broken without something else: a code, and what comes along with it.
pub const ALONG: &[(&str, &str)] = &[
    // Two Secrets for a cluster that nobody looked at.
    ("MESH0409", "MESH0472"),
    // A token that a Secret holds never ends.
    ("MESH0452", "MESH0436"),
    // No root is also another one than the chain's.
    ("MESH0503", "MESH0516"),
];
