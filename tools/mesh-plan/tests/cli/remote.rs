//! A primary and a remote cluster, as profile `remote` installs it (Istio 1.31,
//! manifests/charts/istio-control/istio-discovery): a Service and an `EndpointSlice` lead to the
//! primary's istiod, and there is neither a Deployment of it nor its config maps.

use super::mesh::{Mesh, file, healthy};
use super::{brief, steps, steps_with};
use serde_json::{Value, json};

fn primary_and_remote() -> Mesh {
    let mut mesh = healthy(2).without(2, "Deployment", "istiod");
    for name in ["istio", "istio-sidecar-injector"] {
        mesh = mesh.without(2, "ConfigMap", name);
    }
    mesh.without(2, "Gateway", "cross-network-gateway")
        .without(2, "Secret", "istio-remote-secret-c1")
        .with(2, "MutatingWebhookConfiguration", "istio-sidecar-injector", |injector| {
            for webhook in injector["webhooks"].as_array_mut().expect("webhooks") {
                let path = json!("/inject/cluster/c2/net/n2");
                webhook["clientConfig"]["service"]["path"] = path;
            }
        })
        .with(2, "Namespace", "istio-system", |namespace| {
            let annotations = json!({"topology.istio.io/controlPlaneClusters": "c1"});
            namespace["metadata"]["annotations"] = annotations;
        })
        .and(2, service(None))
}

/// Without a selector somebody else writes its endpoints.
fn service(selector: Option<Value>) -> Value {
    json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "istiod", "namespace": "istio-system",
            "labels": {"istio.io/rev": "default", "app.kubernetes.io/name": "istiod"}},
        "spec": {"type": "ClusterIP", "selector": selector, "ports": [
            {"name": "tcp-istiod", "port": 15012, "protocol": "TCP"},
            {"name": "tcp-webhook", "port": 443, "targetPort": 15017, "protocol": "TCP"}]}})
}

#[test]
fn a_remote_cluster_needs_no_control_plane_and_no_credentials() {
    let mesh = primary_and_remote();
    assert_eq!(steps(&mesh), Vec::<Value>::new());
    // Without a file, too: its webhook says what it is called.
    let without_file = super::tool(&["-o", "json"]).write_stdin(mesh.text()).assert();
    without_file.success().stdout("");
    // What it does need is still missed.
    let unread = mesh.clone().without(1, "Secret", "istio-remote-secret-c2");
    assert_eq!(brief(&steps(&unread)), ["secrets c2", "verification mesh"]);
    let closed = mesh.clone().without(1, "Gateway", "cross-network-gateway");
    assert_eq!(brief(&steps(&closed)), ["exposure c1", "verification mesh"]);
    let apart = mesh.without(2, "Service", "istio-eastwestgateway");
    let missing = brief(&steps_with(&apart, &file(2), &["--stage", "gateways"]));
    assert_eq!(missing, ["gateways c2", "gateways c2"]);
}

#[test]
fn a_service_of_istiods_own_pods_leads_to_no_other_cluster() {
    let gone = primary_and_remote()
        .without(2, "Service", "istiod")
        .and(2, service(Some(json!({"app": "istiod"}))));
    assert!(brief(&steps(&gone)).contains(&"control-planes c2".to_owned()));
}
