//! What can be wrong on the way of a request, or look so.

use super::base::{HOST, Link, Mesh, base64, istio, kubeconfig};
use super::change::{
    annotate, callers, config, distribute, gateway, gone, helloworld_pod, port, port_of, ports,
    put, remove, route, rule, secret, server, sidecar, subset, unready, version,
};
use serde_json::json;

/// Its name, and what changes the mesh for a link.
pub type Mutation = (&'static str, fn(&mut Mesh, &Link));

pub const MUTATIONS: &[Mutation] = &[
    // Gateways.
    ("gateway without the label", |m, l| {
        remove(gateway(m, l), "/metadata/labels/topology.istio.io~1network");
    }),
    ("gateway of another network", |m, l| {
        gateway(m, l)["metadata"]["labels"]["topology.istio.io/network"] = json!("network9");
    }),
    ("gateway without an address", |m, l| gateway(m, l)["status"] = json!({"loadBalancer": {}})),
    ("gateway without port 15443", |m, l| {
        ports(gateway(m, l)).retain(|port| port["port"] != 15443);
    }),
    ("gateway on port 443", |m, l| port(gateway(m, l))["port"] = json!(443)),
    ("gateway on port 443, labelled", |m, l| {
        port(gateway(m, l))["port"] = json!(443);
        gateway(m, l)["metadata"]["labels"]["networking.istio.io/gatewayPort"] = json!("443");
    }),
    ("gateway with another target port", |m, l| port(gateway(m, l))["targetPort"] = json!(8443)),
    ("gateway that selects no pod", |m, l| {
        gateway(m, l)["spec"]["selector"]["istio"] = json!("other");
    }),
    ("gateway whose pod is not ready", |m, l| {
        unready(m.object(l.to, "Pod", "istio-eastwestgateway-abc-1"));
    }),
    ("gateway of type ClusterIP", |m, l| gateway(m, l)["spec"]["type"] = json!("ClusterIP")),
    ("no Gateway for other networks", |m, l| gone(m, l.to, "Gateway", "cross-network-gateway")),
    ("Gateway for hosts of another domain", |m, l| server(m, l)["hosts"] = json!(["*.global"])),
    ("Gateway for the cluster's domain", |m, l| {
        server(m, l)["hosts"] = json!(["*.svc.cluster.local"]);
    }),
    ("Gateway for this host alone", |m, l| server(m, l)["hosts"] = json!([HOST])),
    ("Gateway for hosts of its namespace", |m, l| server(m, l)["hosts"] = json!(["./*.local"])),
    ("Gateway for hosts of another namespace", |m, l| {
        server(m, l)["hosts"] = json!(["other/*.local"]);
    }),
    ("Gateway that ends TLS", |m, l| server(m, l)["tls"] = json!({"mode": "ISTIO_MUTUAL"})),
    ("Gateway that passes TLS", |m, l| server(m, l)["tls"] = json!({"mode": "PASSTHROUGH"})),
    ("Gateway on another port", |m, l| server(m, l)["port"]["number"] = json!(15444)),
    ("Gateway for other pods", |m, l| {
        m.object(l.to, "Gateway", "cross-network-gateway")["spec"]["selector"]["istio"] =
            json!("other");
    }),
    // Networks.
    ("istio-system without its network", |m, l| {
        remove(
            m.object(l.to, "Namespace", "istio-system"),
            "/metadata/labels/topology.istio.io~1network",
        );
    }),
    ("istio-system of the caller without its network", |m, l| {
        remove(
            m.object(l.from, "Namespace", "istio-system"),
            "/metadata/labels/topology.istio.io~1network",
        );
    }),
    ("pods on another network", |m, l| {
        helloworld_pod(m, l)["metadata"]["labels"]["topology.istio.io/network"] = json!("network9");
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
        annotate(m, l.from, "networking.istio.io/exportTo", ".");
    }),
    ("caller's service kept from all", |m, l| {
        annotate(m, l.from, "networking.istio.io/exportTo", "~");
    }),
    ("called service kept in its namespace", |m, l| {
        annotate(m, l.to, "networking.istio.io/exportTo", ".");
    }),
    ("called service kept from all", |m, l| annotate(m, l.to, "networking.istio.io/exportTo", "~")),
    ("called service kept for another namespace", |m, l| {
        annotate(m, l.to, "networking.istio.io/exportTo", "other");
    }),
    ("services kept in their namespaces by the caller's mesh", |m, l| {
        config(m, l.from, "defaultServiceExportTo: [\".\"]\n");
    }),
    ("services kept in their namespaces by the called mesh", |m, l| {
        config(m, l.to, "defaultServiceExportTo: [\".\"]\n");
    }),
    ("Sidecar that sees its namespace", |m, l| put(m, l.from, sidecar("./*"))),
    ("Sidecar that sees another namespace", |m, l| put(m, l.from, sidecar("other/*"))),
    ("Sidecar that sees the host", |m, l| {
        put(m, l.from, sidecar("*/helloworld.sample.svc.cluster.local"));
    }),
    ("Sidecar of other pods", |m, l| {
        let mut object = sidecar("other/*");
        object["spec"]["workloadSelector"] = json!({"labels": {"app": "other"}});
        put(m, l.from, object);
    }),
    ("caller discovers other namespaces", |m, l| {
        config(m, l.from, "discoverySelectors:\n- matchLabels:\n    team: a\n");
    }),
    ("called discovers other namespaces", |m, l| {
        config(m, l.to, "discoverySelectors:\n- matchLabels:\n    team: a\n");
    }),
    ("service is cluster-local for the caller", |m, l| {
        config(
            m,
            l.from,
            "serviceSettings:\n- settings: {clusterLocal: true}\n  hosts: [\"*.sample.svc.cluster.local\"]\n",
        );
    }),
    ("service is cluster-local for the called", |m, l| {
        config(
            m,
            l.to,
            "serviceSettings:\n- settings: {clusterLocal: true}\n  hosts: [\"*.sample.svc.cluster.local\"]\n",
        );
    }),
    ("another service is cluster-local", |m, l| {
        config(
            m,
            l.from,
            "serviceSettings:\n- settings: {clusterLocal: true}\n  hosts: [\"*.other.svc.cluster.local\"]\n",
        );
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
        m.object(l.to, "Service", "helloworld")["spec"]["selector"] = json!({"app": "other"});
    }),
    ("called service without a selector", |m, l| {
        remove(m.object(l.to, "Service", "helloworld"), "/spec/selector");
    }),
    ("internalTrafficPolicy of the caller", |m, l| {
        m.object(l.from, "Service", "helloworld")["spec"]["internalTrafficPolicy"] = json!("Local");
    }),
    ("internalTrafficPolicy of the called", |m, l| {
        m.object(l.to, "Service", "helloworld")["spec"]["internalTrafficPolicy"] = json!("Local");
    }),
    ("headless for the caller", |m, l| {
        m.object(l.from, "Service", "helloworld")["spec"]["clusterIP"] = json!("None");
    }),
    ("headless for the called", |m, l| {
        m.object(l.to, "Service", "helloworld")["spec"]["clusterIP"] = json!("None");
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
        );
    }),
    ("rule without TLS for another port", |m, l| {
        put(
            m,
            l.from,
            rule(
                json!({"portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "DISABLE"}}]}),
            ),
        );
    }),
    ("rule without TLS at the called", |m, l| {
        put(m, l.to, rule(json!({"tls": {"mode": "DISABLE"}})));
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
        );
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
        );
    }),
    ("strict in the called namespace", |m, l| {
        put(
            m,
            l.to,
            istio("security", "PeerAuthentication", "default", json!({"mtls": {"mode": "STRICT"}})),
        );
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
        m.config(l.to, "istio", "mesh", "trustDomain: cluster.local", "trustDomain: other.example");
    }),
    // Localities.
    ("failover", |m, l| {
        put(m, l.from, rule(json!({"outlierDetection": {"consecutive5xxErrors": 1}})));
    }),
    ("locality without outlier detection", |m, l| {
        put(m, l.from, rule(json!({"loadBalancer": {"localityLbSetting": {"enabled": true}}})));
    }),
    ("locality with outlier detection, off", |m, l| {
        put(
            m,
            l.from,
            rule(json!({
                "loadBalancer": {"localityLbSetting": {"enabled": false}}, "outlierDetection": {"consecutive5xxErrors": 1},
            })),
        );
    }),
    ("all to the caller's own region", |m, l| put(m, l.from, rule(distribute(l.from)))),
    ("all to the called region", |m, l| put(m, l.from, rule(distribute(l.to)))),
    ("trafficDistribution of the caller", |m, l| {
        m.object(l.from, "Service", "helloworld")["spec"]["trafficDistribution"] =
            json!("PreferClose");
    }),
    ("trafficDistribution of the called", |m, l| {
        m.object(l.to, "Service", "helloworld")["spec"]["trafficDistribution"] =
            json!("PreferClose");
    }),
    ("trafficDistribution by annotation", |m, l| {
        annotate(m, l.from, "networking.istio.io/traffic-distribution", "PreferClose");
    }),
    ("localities off in the mesh", |m, l| {
        config(m, l.from, "localityLbSetting: {enabled: false}\n");
        put(m, l.from, rule(json!({"outlierDetection": {"consecutive5xxErrors": 1}})));
    }),
    // Credentials.
    ("no remote Secret", |m, l| {
        gone(m, l.from, "Secret", &format!("istio-remote-secret-{}", l.to));
    }),
    ("remote Secret without its label", |m, l| {
        remove(secret(m, l), "/metadata/labels/istio~1multiCluster");
    }),
    ("remote Secret in another namespace", |m, l| {
        secret(m, l)["metadata"]["namespace"] = json!("sample");
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
