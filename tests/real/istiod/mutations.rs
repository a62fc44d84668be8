//! What can be wrong on the way of a request, or look so.

use super::base::{Link, Mesh, base64, istio, kubeconfig};
use serde_json::{Value, json};

/// Its name, and what changes the mesh for a link.
pub type Mutation = (&'static str, fn(&mut Mesh, &Link));

const HOST: &str = "helloworld.sample.svc.cluster.local";

pub const MUTATIONS: &[Mutation] = &[
    // Gateways.
    ("gateway without the label", |m, l| {
        remove(gateway(m, l), "/metadata/labels/topology.istio.io~1network")
    }),
    ("gateway of another network", |m, l| {
        gateway(m, l)["metadata"]["labels"]["topology.istio.io/network"] = json!("network9")
    }),
    ("gateway without an address", |m, l| gateway(m, l)["status"] = json!({"loadBalancer": {}})),
    ("gateway without port 15443", |m, l| {
        ports(gateway(m, l)).retain(|port| port["port"] != 15443)
    }),
    ("gateway on port 443", |m, l| port(gateway(m, l))["port"] = json!(443)),
    ("gateway on port 443, labelled", |m, l| {
        port(gateway(m, l))["port"] = json!(443);
        gateway(m, l)["metadata"]["labels"]["networking.istio.io/gatewayPort"] = json!("443");
    }),
    ("gateway with another target port", |m, l| port(gateway(m, l))["targetPort"] = json!(8443)),
    ("gateway that selects no pod", |m, l| {
        gateway(m, l)["spec"]["selector"]["istio"] = json!("other")
    }),
    ("gateway whose pod is not ready", |m, l| {
        unready(m.object(l.to, "Pod", "istio-eastwestgateway-abc-1"))
    }),
    ("gateway of type ClusterIP", |m, l| gateway(m, l)["spec"]["type"] = json!("ClusterIP")),
    ("no Gateway for other networks", |m, l| gone(m, l.to, "Gateway", "cross-network-gateway")),
    ("Gateway for hosts of another domain", |m, l| server(m, l)["hosts"] = json!(["*.global"])),
    ("Gateway for the cluster's domain", |m, l| {
        server(m, l)["hosts"] = json!(["*.svc.cluster.local"])
    }),
    ("Gateway for this host alone", |m, l| server(m, l)["hosts"] = json!([HOST])),
    ("Gateway for hosts of its namespace", |m, l| server(m, l)["hosts"] = json!(["./*.local"])),
    ("Gateway for hosts of another namespace", |m, l| {
        server(m, l)["hosts"] = json!(["other/*.local"])
    }),
    ("Gateway that ends TLS", |m, l| server(m, l)["tls"] = json!({"mode": "ISTIO_MUTUAL"})),
    ("Gateway that passes TLS", |m, l| server(m, l)["tls"] = json!({"mode": "PASSTHROUGH"})),
    ("Gateway on another port", |m, l| server(m, l)["port"]["number"] = json!(15444)),
    ("Gateway for other pods", |m, l| {
        m.object(l.to, "Gateway", "cross-network-gateway")["spec"]["selector"]["istio"] =
            json!("other")
    }),
    // Networks.
    ("istio-system without its network", |m, l| {
        remove(
            m.object(l.to, "Namespace", "istio-system"),
            "/metadata/labels/topology.istio.io~1network",
        )
    }),
    ("istio-system of the caller without its network", |m, l| {
        remove(
            m.object(l.from, "Namespace", "istio-system"),
            "/metadata/labels/topology.istio.io~1network",
        )
    }),
    ("pods on another network", |m, l| {
        helloworld_pod(m, l)["metadata"]["labels"]["topology.istio.io/network"] = json!("network9")
    }),
    ("callers on the network of the other", |m, l| {
        let network = if l.to == "cluster1" { "network1" } else { "network2" };
        for pod in callers(m, l) {
            pod["metadata"]["labels"]["topology.istio.io/network"] = json!(network);
        }
    }),
    ("networks in the mesh config", |m, l| {
        let text = "networks:\n  network2:\n    endpoints:\n    - fromRegistry: cluster2\n    gateways:\n    - address: 192.0.2.9\n      port: 15443\n";
        m.object(l.from, "ConfigMap", "istio")["data"]["meshNetworks"] = json!(text);
    }),
    // Names.
    ("no service in the caller's cluster", |m, l| gone(m, l.from, "Service", "helloworld")),
    ("no service in the called cluster", |m, l| gone(m, l.to, "Service", "helloworld")),
    ("caller's service kept in its namespace", |m, l| {
        annotate(m, l.from, "networking.istio.io/exportTo", ".")
    }),
    ("caller's service kept from all", |m, l| {
        annotate(m, l.from, "networking.istio.io/exportTo", "~")
    }),
    ("called service kept in its namespace", |m, l| {
        annotate(m, l.to, "networking.istio.io/exportTo", ".")
    }),
    ("called service kept from all", |m, l| annotate(m, l.to, "networking.istio.io/exportTo", "~")),
    ("called service kept for another namespace", |m, l| {
        annotate(m, l.to, "networking.istio.io/exportTo", "other")
    }),
    ("services kept in their namespaces by the caller's mesh", |m, l| {
        config(m, l.from, "defaultServiceExportTo: [\".\"]\n")
    }),
    ("services kept in their namespaces by the called mesh", |m, l| {
        config(m, l.to, "defaultServiceExportTo: [\".\"]\n")
    }),
    ("Sidecar that sees its namespace", |m, l| put(m, l.from, sidecar("./*"))),
    ("Sidecar that sees another namespace", |m, l| put(m, l.from, sidecar("other/*"))),
    ("Sidecar that sees the host", |m, l| {
        put(m, l.from, sidecar("*/helloworld.sample.svc.cluster.local"))
    }),
    ("Sidecar of other pods", |m, l| {
        let mut object = sidecar("other/*");
        object["spec"]["workloadSelector"] = json!({"labels": {"app": "other"}});
        put(m, l.from, object);
    }),
    ("caller discovers other namespaces", |m, l| {
        config(m, l.from, "discoverySelectors:\n- matchLabels:\n    team: a\n")
    }),
    ("called discovers other namespaces", |m, l| {
        config(m, l.to, "discoverySelectors:\n- matchLabels:\n    team: a\n")
    }),
    ("service is cluster-local for the caller", |m, l| {
        config(
            m,
            l.from,
            "serviceSettings:\n- settings: {clusterLocal: true}\n  hosts: [\"*.sample.svc.cluster.local\"]\n",
        )
    }),
    ("service is cluster-local for the called", |m, l| {
        config(
            m,
            l.to,
            "serviceSettings:\n- settings: {clusterLocal: true}\n  hosts: [\"*.sample.svc.cluster.local\"]\n",
        )
    }),
    ("another service is cluster-local", |m, l| {
        config(
            m,
            l.from,
            "serviceSettings:\n- settings: {clusterLocal: true}\n  hosts: [\"*.other.svc.cluster.local\"]\n",
        )
    }),
    // Routes.
    ("route to the caller's own version", |m, l| {
        let own = version(l.from);
        put(m, l.from, route(&own));
        for cluster in [l.from, l.to] {
            put(m, cluster, subset(&own));
        }
    }),
    ("route to the called version", |m, l| {
        put(m, l.from, route(&version(l.to)));
        for cluster in [l.from, l.to] {
            put(m, cluster, subset(&version(l.to)));
        }
    }),
    ("route to the called version, unknown there", |m, l| {
        put(m, l.from, route(&version(l.to)));
        put(m, l.from, subset(&version(l.to)));
    }),
    ("route to a subset that is not there", |m, l| put(m, l.from, route("v9"))),
    ("route of another host", |m, l| {
        let mut object = route("v9");
        object["spec"]["hosts"] = json!(["other.sample.svc.cluster.local"]);
        put(m, l.from, object);
    }),
    ("route to another service", |m, l| {
        let mut object = route("v9");
        object["spec"]["http"] =
            json!([{"route": [{"destination": {"host": "other.sample.svc.cluster.local"}}]}]);
        put(m, l.from, object);
    }),
    ("subsets without a route", |m, l| put(m, l.from, subset("v1"))),
    // Endpoints.
    ("no pod", |m, l| gone(m, l.to, "Pod", "helloworld-abc-1")),
    ("pod is not ready", |m, l| unready(helloworld_pod(m, l))),
    ("pod is not ready and is published", |m, l| {
        unready(helloworld_pod(m, l));
        m.object(l.to, "Service", "helloworld")["spec"]["publishNotReadyAddresses"] = json!(true);
    }),
    ("server without a sidecar", |m, l| {
        let pod = helloworld_pod(m, l);
        remove(pod, "/metadata/annotations/sidecar.istio.io~1status");
        remove(pod, "/metadata/labels/security.istio.io~1tlsMode");
        remove(pod, "/metadata/labels/topology.istio.io~1network");
        pod["spec"]["containers"] = json!([{"name": "main", "image": "x:1"}]);
    }),
    ("service that selects no pod", |m, l| {
        m.object(l.to, "Service", "helloworld")["spec"]["selector"] = json!({"app": "other"})
    }),
    ("called service without a selector", |m, l| {
        remove(m.object(l.to, "Service", "helloworld"), "/spec/selector")
    }),
    ("internalTrafficPolicy of the caller", |m, l| {
        m.object(l.from, "Service", "helloworld")["spec"]["internalTrafficPolicy"] = json!("Local")
    }),
    ("internalTrafficPolicy of the called", |m, l| {
        m.object(l.to, "Service", "helloworld")["spec"]["internalTrafficPolicy"] = json!("Local")
    }),
    ("headless for the caller", |m, l| {
        m.object(l.from, "Service", "helloworld")["spec"]["clusterIP"] = json!("None")
    }),
    ("headless for the called", |m, l| {
        m.object(l.to, "Service", "helloworld")["spec"]["clusterIP"] = json!("None")
    }),
    ("headless for both", |m, l| {
        for cluster in [l.from, l.to] {
            m.object(cluster, "Service", "helloworld")["spec"]["clusterIP"] = json!("None");
        }
    }),
    ("a target port that no pod has", |m, l| port_of(m, l.to)["targetPort"] = json!("web")),
    ("called on another port", |m, l| port_of(m, l.to)["port"] = json!(5001)),
    ("called port of another name", |m, l| port_of(m, l.to)["name"] = json!("http-web")),
    ("called port of another protocol", |m, l| port_of(m, l.to)["name"] = json!("tcp")),
    // Mutual TLS.
    ("rule without TLS", |m, l| put(m, l.from, rule(json!({"tls": {"mode": "DISABLE"}})))),
    ("rule with TLS of its own", |m, l| put(m, l.from, rule(json!({"tls": {"mode": "SIMPLE"}})))),
    ("rule with mutual TLS", |m, l| put(m, l.from, rule(json!({"tls": {"mode": "ISTIO_MUTUAL"}})))),
    ("rule without TLS for the port", |m, l| {
        put(
            m,
            l.from,
            rule(
                json!({"portLevelSettings": [{"port": {"number": 5000}, "tls": {"mode": "DISABLE"}}]}),
            ),
        )
    }),
    ("rule without TLS for another port", |m, l| {
        put(
            m,
            l.from,
            rule(
                json!({"portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "DISABLE"}}]}),
            ),
        )
    }),
    ("rule without TLS at the called", |m, l| {
        put(m, l.to, rule(json!({"tls": {"mode": "DISABLE"}})))
    }),
    ("plain text in the called namespace", |m, l| {
        put(
            m,
            l.to,
            istio(
                "security",
                "PeerAuthentication",
                "default",
                json!({"mtls": {"mode": "DISABLE"}}),
            ),
        )
    }),
    ("plain text in the caller's namespace", |m, l| {
        put(
            m,
            l.from,
            istio(
                "security",
                "PeerAuthentication",
                "default",
                json!({"mtls": {"mode": "DISABLE"}}),
            ),
        )
    }),
    ("strict in the called namespace", |m, l| {
        put(
            m,
            l.to,
            istio("security", "PeerAuthentication", "default", json!({"mtls": {"mode": "STRICT"}})),
        )
    }),
    ("plain text for the pods", |m, l| {
        let spec = json!({"selector": {"matchLabels": {"app": "helloworld"}}, "mtls": {"mode": "DISABLE"}});
        put(m, l.to, istio("security", "PeerAuthentication", "pods", spec));
    }),
    ("strict without TLS of the caller", |m, l| {
        put(m, l.from, rule(json!({"tls": {"mode": "DISABLE"}})));
        put(
            m,
            l.to,
            istio("security", "PeerAuthentication", "default", json!({"mtls": {"mode": "STRICT"}})),
        );
    }),
    ("no automatic mutual TLS", |m, l| config(m, l.from, "enableAutoMtls: false\n")),
    ("another trust domain", |m, l| {
        m.config(l.to, "istio", "mesh", "trustDomain: cluster.local", "trustDomain: other.example")
    }),
    // Localities.
    ("failover", |m, l| {
        put(m, l.from, rule(json!({"outlierDetection": {"consecutive5xxErrors": 1}})))
    }),
    ("locality without outlier detection", |m, l| {
        put(m, l.from, rule(json!({"loadBalancer": {"localityLbSetting": {"enabled": true}}})))
    }),
    ("locality with outlier detection, off", |m, l| {
        put(
            m,
            l.from,
            rule(json!({
                "loadBalancer": {"localityLbSetting": {"enabled": false}}, "outlierDetection": {"consecutive5xxErrors": 1},
            })),
        )
    }),
    ("all to the caller's own region", |m, l| put(m, l.from, rule(distribute(l.from)))),
    ("all to the called region", |m, l| put(m, l.from, rule(distribute(l.to)))),
    ("trafficDistribution of the caller", |m, l| {
        m.object(l.from, "Service", "helloworld")["spec"]["trafficDistribution"] =
            json!("PreferClose")
    }),
    ("trafficDistribution of the called", |m, l| {
        m.object(l.to, "Service", "helloworld")["spec"]["trafficDistribution"] =
            json!("PreferClose")
    }),
    ("trafficDistribution by annotation", |m, l| {
        annotate(m, l.from, "networking.istio.io/traffic-distribution", "PreferClose")
    }),
    ("localities off in the mesh", |m, l| {
        config(m, l.from, "localityLbSetting: {enabled: false}\n");
        put(m, l.from, rule(json!({"outlierDetection": {"consecutive5xxErrors": 1}})));
    }),
    // Credentials.
    ("no remote Secret", |m, l| {
        gone(m, l.from, "Secret", &format!("istio-remote-secret-{}", l.to))
    }),
    ("remote Secret without its label", |m, l| {
        remove(secret(m, l), "/metadata/labels/istio~1multiCluster")
    }),
    ("remote Secret in another namespace", |m, l| {
        secret(m, l)["metadata"]["namespace"] = json!("sample")
    }),
    ("remote Secret for another address", |m, l| {
        let mut config = kubeconfig(l.to);
        config["clusters"][0]["cluster"]["server"] = json!("https://192.0.2.1");
        secret(m, l)["data"] = json!({l.to: base64(&config.to_string())});
    }),
    // The client.
    ("callers without a sidecar", |m, l| {
        for pod in callers(m, l) {
            remove(pod, "/metadata/annotations/sidecar.istio.io~1status");
            remove(pod, "/metadata/labels/security.istio.io~1tlsMode");
            pod["spec"]["containers"] = json!([{"name": "main", "image": "x:1"}]);
        }
    }),
];

/// Adds an object, or puts it in the place of the one of its name.
fn put(mesh: &mut Mesh, cluster: &str, object: Value) {
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
fn gone(mesh: &mut Mesh, cluster: &str, kind: &str, name: &str) {
    mesh.object(cluster, kind, name)["gone"] = json!(true);
}

/// Leaves out what is gone.
pub fn finish(mesh: &mut Mesh) {
    for cluster in ["cluster1", "cluster2", "cluster3"] {
        mesh.items(cluster).retain(|item| item["gone"] != true);
    }
}

fn remove(object: &mut Value, path: &str) {
    let (parent, key) = path.rsplit_once('/').expect("a path");
    let parent = object.pointer_mut(parent).and_then(Value::as_object_mut);
    // Another mutation may have removed it.
    if let Some(parent) = parent {
        parent.remove(&key.replace("~1", "/"));
    }
}

fn gateway<'m>(mesh: &'m mut Mesh, link: &Link) -> &'m mut Value {
    mesh.object(link.to, "Service", "istio-eastwestgateway")
}

fn ports(service: &mut Value) -> &mut Vec<Value> {
    service["spec"]["ports"].as_array_mut().expect("it has ports")
}

/// The port of the gateway for other networks, or one in its place.
fn port(service: &mut Value) -> &mut Value {
    let index = ports(service).iter().position(|port| port["name"] == "tls").unwrap_or(0);
    &mut ports(service)[index]
}

fn port_of<'m>(mesh: &'m mut Mesh, cluster: &str) -> &'m mut Value {
    &mut ports(mesh.object(cluster, "Service", "helloworld"))[0]
}

fn server<'m>(mesh: &'m mut Mesh, link: &Link) -> &'m mut Value {
    &mut mesh.object(link.to, "Gateway", "cross-network-gateway")["spec"]["servers"][0]
}

fn unready(pod: &mut Value) {
    pod["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
}

fn helloworld_pod<'m>(mesh: &'m mut Mesh, link: &Link) -> &'m mut Value {
    mesh.object(link.to, "Pod", "helloworld-abc-1")
}

/// The pods of namespace sample in the caller's cluster.
fn callers<'m>(mesh: &'m mut Mesh, link: &Link) -> impl Iterator<Item = &'m mut Value> {
    let is_one =
        |item: &&mut Value| item["kind"] == "Pod" && item["metadata"]["namespace"] == "sample";
    mesh.items(link.from).iter_mut().filter(is_one)
}

fn secret<'m>(mesh: &'m mut Mesh, link: &Link) -> &'m mut Value {
    mesh.object(link.from, "Secret", &format!("istio-remote-secret-{}", link.to))
}

fn annotate(mesh: &mut Mesh, cluster: &str, key: &str, value: &str) {
    mesh.object(cluster, "Service", "helloworld")["metadata"]["annotations"][key] = json!(value);
}

fn config(mesh: &mut Mesh, cluster: &str, more: &str) {
    let map = mesh.object(cluster, "ConfigMap", "istio");
    let text = map["data"]["mesh"].as_str().expect("a text");
    map["data"]["mesh"] = json!(format!("{text}{more}"));
}

fn sidecar(host: &str) -> Value {
    istio("networking", "Sidecar", "default", json!({"egress": [{"hosts": [host]}]}))
}

/// The version of a cluster's pods.
fn version(cluster: &str) -> String {
    cluster.replace("cluster", "v")
}

fn route(subset: &str) -> Value {
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

fn subset(name: &str) -> Value {
    istio(
        "networking",
        "DestinationRule",
        "helloworld",
        json!({
            "host": HOST, "subsets": [{"name": name, "labels": {"version": name}}],
        }),
    )
}

fn rule(policy: Value) -> Value {
    istio("networking", "DestinationRule", "policy", json!({"host": HOST, "trafficPolicy": policy}))
}

fn distribute(to: &str) -> Value {
    let region = if to == "cluster1" { "us-west2" } else { "us-central1" };
    json!({
        "loadBalancer": {"localityLbSetting": {"distribute": [{"from": "*", "to": {region: 100}}]}},
        "outlierDetection": {"consecutive5xxErrors": 1},
    })
}
