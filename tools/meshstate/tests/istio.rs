//! What Istio's objects and webhooks tell.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use meshcore::selector::Labels;
use meshstate::{ClusterState, Mesh};
use serde_json::{Value, json};

fn cluster(objects: &[Value]) -> ClusterState {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    Mesh::of_text("a", &list.to_string()).unwrap().clusters.remove(0)
}

fn object(api_version: &str, kind: &str, labels: Value, spec: Value) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "spec": spec,
        "metadata": {"name": "a", "namespace": "n", "labels": labels}})
}

#[test]
fn gateways_of_both_kinds() {
    let istio = object(
        "networking.istio.io/v1alpha3",
        "Gateway",
        json!(null),
        json!({
            "selector": {"istio": "eastwestgateway"},
            "servers": [{"port": {"number": 15443, "name": "tls", "protocol": "TLS"}, "tls": {"mode": "AUTO_PASSTHROUGH"},
                "hosts": ["*.local"]}],
        }),
    );
    let mut api = object(
        "gateway.networking.k8s.io/v1",
        "Gateway",
        json!({"topology.istio.io/network": "n1"}),
        json!({
            "gatewayClassName": "istio-east-west",
            "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE", "tls": {"mode": "Terminate"}}],
        }),
    );
    api["status"] = json!({"addresses": [{"type": "IPAddress", "value": "203.0.113.7"}]});
    let state = cluster(&[istio, api]);
    let server = &state.istio_gateways[0].servers[0];
    assert_eq!((server.port, server.tls_mode.as_deref()), (15443, Some("AUTO_PASSTHROUGH")));
    assert_eq!(server.hosts, ["*.local"]);
    let gateway = &state.gateways[0];
    assert_eq!((gateway.class.as_str(), gateway.network()), ("istio-east-west", Some("n1")));
    assert_eq!((gateway.addresses.len(), gateway.listeners[0].port), (1, 15008));
}

#[test]
fn routes_and_entries() {
    let to = |host: &str, subset: Value| json!({"destination": {"host": host, "subset": subset}});
    let state = cluster(&[
        object(
            "networking.istio.io/v1",
            "VirtualService",
            json!({}),
            json!({
                "hosts": ["db"], "gateways": ["mesh"], "exportTo": null,
                "http": [{"route": [to("b", json!("v1")), to("b", json!("v1"))]}, {"redirect": {}}],
                "tcp": [{"route": [to("a", json!(null))]}],
            }),
        ),
        object(
            "networking.istio.io/v1",
            "ServiceEntry",
            json!({}),
            json!({
                "hosts": ["vm.example"], "location": "MESH_INTERNAL", "resolution": "STATIC",
                "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
                "endpoints": [{"address": "10.0.0.1", "network": "n2", "labels": {"a": "b"}}],
                "workloadSelector": {"labels": {"app": "vm"}},
            }),
        ),
        object(
            "networking.istio.io/v1",
            "WorkloadEntry",
            json!({}),
            json!({
                "address": "10.0.0.2", "labels": {"topology.istio.io/network": "n3"}, "serviceAccount": "sa",
                "locality": "r/z",
            }),
        ),
        object(
            "networking.istio.io/v1",
            "WorkloadGroup",
            json!({}),
            json!({
                "metadata": {"labels": {"app": "vm"}}, "template": {"network": "n2", "serviceAccount": "sa"},
            }),
        ),
    ]);
    let service = &state.virtual_services[0];
    let to: Vec<_> =
        service.destinations.iter().map(|d| (d.host.as_str(), d.subset.as_deref())).collect();
    assert_eq!(to, [("a", None), ("b", Some("v1"))]);
    assert_eq!((service.hosts.len(), service.gateways.len(), service.export_to.len()), (1, 1, 0));
    let entry = &state.service_entries[0];
    assert!(entry.is_internal && entry.workload_selector.is_some() && entry.resolution == "STATIC");
    assert_eq!((entry.ports[0].number, entry.endpoints[0].network.as_deref()), (80, Some("n2")));
    let machine = &state.workload_entries[0];
    assert_eq!(
        (machine.endpoint.network.as_deref(), machine.endpoint.locality.as_deref()),
        (Some("n3"), Some("r/z"))
    );
    assert_eq!(machine.auto_registered_by, None);
    let group = &state.workload_groups[0];
    assert_eq!((group.template.network.as_deref(), group.labels.len()), (Some("n2"), 1));
}

#[test]
fn webhooks_are_asked_in_order_and_by_selector() {
    let configuration = |name: &str, labels: Value, webhooks: Value| {
        json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": name, "labels": labels}, "webhooks": webhooks})
    };
    let rules = |resource: &str| json!([{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": [resource]}]);
    let webhook = |name: &str, selector: Value, resource: &str| {
        json!({"name": name, "rules": rules(resource), "namespaceSelector": selector, "objectSelector": null,
            "clientConfig": {"service": {"namespace": "istio-system", "name": "istiod"}, "caBundle": "QQ=="}})
    };
    let revision = |value: &str| json!({"matchLabels": {"istio.io/rev": value}});
    let all = [
        configuration(
            "istio-revision-tag-prod",
            json!({"istio.io/rev": "r", "istio.io/tag": "prod"}),
            json!([webhook("rev.namespace.sidecar-injector.istio.io", revision("prod"), "pods")]),
        ),
        configuration(
            "istiod-asm-managed",
            json!({}),
            json!([
                webhook("x.sidecar-injector.istio.io", revision("asm-managed"), "pods"),
                webhook("y.sidecar-injector.istio.io", json!(null), "pods/status")
            ]),
        ),
        configuration("cert-manager", json!(null), json!([webhook("cert.io", json!({}), "pods")])),
    ];
    let state = cluster(&[all[1].clone(), all[0].clone(), all[2].clone(), all[0].clone()]);
    let told: Vec<_> = state
        .injectors
        .0
        .iter()
        .map(|one| (one.configuration.as_str(), one.revision.as_str(), one.tag.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("istio-revision-tag-prod", "r", Some("prod")),
            ("istiod-asm-managed", "asm-managed", None)
        ]
    );
    assert_eq!(state.injectors.0[0].target.as_deref(), Some("istio-system/istiod"));
    let called = |namespace: &str| {
        let labels = Labels::from([("istio.io/rev".to_owned(), namespace.to_owned())]);
        let pod = Labels::new();
        let called: Vec<String> =
            state.injectors.called(&labels, &pod).map(|one| one.revision.clone()).collect();
        called
    };
    assert_eq!((called("prod"), called("r")), (vec!["r".to_owned()], Vec::new()));
}
