//! Meshes of other shapes that are healthy: just installed, of one network, with a remote cluster.

use super::mesh::{AT, Mesh};
use serde_json::{Value, json};

fn tool(mesh: &Mesh, args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-check");
    tool.env_clear().args(["--at", AT, "-q"]).args(args).write_stdin(mesh.text());
    tool
}

fn lines(tool: &mut assert_cmd::Command) -> String {
    String::from_utf8(tool.assert().success().get_output().stdout.clone()).expect("text")
}

/// Of two clusters.
fn pair() -> Mesh {
    let mut mesh = Mesh::healthy();
    mesh.captures.pop();
    for cluster in ["cluster1", "cluster2"] {
        mesh.remove(cluster, "Secret", "istio-remote-secret-cluster3");
    }
    mesh
}

/// What is on its way is no fault, and a restart would begin anew.
#[test]
fn a_mesh_that_was_just_installed_is_waited_for() {
    let mut mesh = Mesh::healthy();
    let pod = mesh.object("cluster1", "Pod", "istio-eastwestgateway-abc-1");
    pod["metadata"]["creationTimestamp"] = json!("2027-05-31T23:59:55Z");
    pod["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
    let found = lines(&mut tool(&mesh, &["-o", "json"]));
    let found: Value = serde_json::from_str(&found).expect("one finding");
    assert_eq!((&found["code"], &found["severity"]), (&json!("MESH0621"), &json!("warning")));
    let wait = "kubectl --context cluster1 rollout status deployment/istio-eastwestgateway -n \
                istio-system --timeout=5m";
    assert_eq!(found["fix"], wait);
    let why = lines(&mut tool(&mesh, &["--why", "cluster2", "cluster1", "sample/helloworld"]));
    assert!(why.contains("unknown gateway: "), "{why}");
    // So is a Deployment that has no pod yet.
    mesh.remove("cluster1", "Pod", "istio-eastwestgateway-abc-1");
    let deployment = mesh.object("cluster1", "Deployment", "istio-eastwestgateway");
    deployment["metadata"]["creationTimestamp"] = json!("2027-05-31T23:59:55Z");
    assert!(lines(&mut tool(&mesh, &[])).contains("(MESH0621)"));
    // Ten minutes are long enough: Kubernetes gives the rollout up then, too.
    for header in ["time", "capturedAt"] {
        mesh.header("cluster1")[header] = json!("2027-06-01T00:09:55Z");
    }
    tool(&mesh, &["--only", "MESH0617"]).assert().code(1);
}

#[test]
fn a_mesh_without_networks_is_one_network() {
    let mut mesh = pair();
    for (cluster, network) in [("cluster1", "network1"), ("cluster2", "network2")] {
        mesh.object(cluster, "Namespace", "istio-system")["metadata"]["labels"] = json!({});
        mesh.config(cluster, "istio-sidecar-injector", "values", network, "");
        mesh.header(cluster).as_object_mut().expect("a header").remove("record");
        mesh.remove(cluster, "Service", "istio-eastwestgateway");
        mesh.remove(cluster, "Deployment", "istio-eastwestgateway");
        mesh.remove(cluster, "Pod", "istio-eastwestgateway-abc-1");
        mesh.remove(cluster, "Gateway", "cross-network-gateway");
    }
    assert_eq!(lines(&mut tool(&mesh, &["--fail-on", "warning"])), "");
    let why = lines(&mut tool(&mesh, &["--why", "cluster1", "cluster2", "sample/helloworld"]));
    let network = "\nyes     network: no network is set in either, so both are in one: pods reach \
                   each other by address, and need no gateway\n";
    assert!(why.contains(network), "{why}");
    // Routes are in no object.
    let route = "\nunknown route: a route leads from pods of cluster1 to those of cluster2, which no \
                 object shows: mesh-probe asks the pods\n";
    assert!(why.contains(route), "{why}");
}

/// As profile `remote` installs the second cluster (Istio 1.31,
/// manifests/charts/istio-control/istio-discovery): a Service without a selector, whose
/// `EndpointSlice` has the primary's gateway, and neither istiod nor its config maps nor Gateways.
fn primary_and_remote() -> Mesh {
    let mut mesh = pair();
    for (kind, name) in [
        ("Deployment", "istiod"),
        ("ConfigMap", "istio"),
        ("ConfigMap", "istio-sidecar-injector"),
        ("Secret", "cacerts"),
        ("Secret", "istio-remote-secret-cluster1"),
        ("Gateway", "cross-network-gateway"),
    ] {
        mesh.remove("cluster2", kind, name);
    }
    // Nothing else says what it is called.
    mesh.header("cluster2").as_object_mut().expect("a header").remove("record");
    let name = "istio-sidecar-injector";
    let injector = mesh.object("cluster2", "MutatingWebhookConfiguration", name);
    for webhook in injector["webhooks"].as_array_mut().expect("webhooks") {
        let path = json!("/inject/cluster/cluster2/net/network2");
        webhook["clientConfig"]["service"]["path"] = path;
    }
    mesh.object("cluster2", "Namespace", "istio-system")["metadata"]["annotations"] =
        json!({"topology.istio.io/controlPlaneClusters": "cluster1"});
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "istiod", "namespace": "istio-system",
            "labels": {"istio.io/rev": "default", "app.kubernetes.io/name": "istiod"},
        },
        "spec": {"type": "ClusterIP", "clusterIP": "10.108.0.7", "ports": [
            {"name": "tcp-istiod", "port": 15012, "protocol": "TCP", "targetPort": 15012},
            {"name": "tcp-webhook", "port": 443, "protocol": "TCP", "targetPort": 15017},
        ]},
    });
    mesh.add("cluster2", service);
    mesh
}

#[test]
fn a_remote_cluster_is_served_by_its_primary() {
    let mesh = primary_and_remote();
    assert_eq!(lines(&mut tool(&mesh, &["--fail-on", "warning"])), "");
    for (from, to, said) in [
        ("cluster1", "cluster2", "yes     credentials: cluster1 has credentials for cluster2"),
        (
            "cluster2",
            "cluster1",
            "yes     credentials: cluster2 needs none: the control plane of cluster1 serves it",
        ),
    ] {
        let why = lines(&mut tool(&mesh, &["--why", from, to, "sample/helloworld"]));
        assert!(why.lines().all(|line| line.starts_with("yes ")), "{why}");
        assert!(why.contains("yes     gateway: ") && why.contains(said), "{why}");
    }
}

/// The primary's Gateway is what lets services of the remote cluster through.
#[test]
fn what_a_remote_cluster_lacks_is_mended_in_its_primary() {
    let mut mesh = primary_and_remote();
    mesh.remove("cluster1", "Gateway", "cross-network-gateway");
    let assert = tool(&mesh, &["--only", "MESH0619", "-o", "json"]).assert().code(1);
    let text = String::from_utf8(assert.get_output().stdout.clone()).expect("text");
    assert_eq!(text.lines().count(), 2, "{text}");
    for line in text.lines() {
        let finding: Value = serde_json::from_str(line).expect("JSON");
        let fix = finding["fix"].as_str().expect("text");
        assert!(fix.contains("--context cluster1 apply"), "{finding}");
    }
}

/// A cluster that has nothing of Istio cannot say which mesh it is to be of.
#[test]
fn a_control_plane_is_installed_into_the_mesh_of_the_others() {
    let mut mesh = super::cli::broken("MESH0702");
    mesh.header("cluster3").as_object_mut().expect("a header").remove("record");
    let assert = tool(&mesh, &["--only", "MESH0702", "-o", "json"]).assert().code(1);
    let found: Value = serde_json::from_slice(&assert.get_output().stdout).expect("JSON");
    assert_eq!(
        found["fix"],
        "istioctl --context cluster3 install -y \
         --set=values.global.multiCluster.clusterName=cluster3 \
         --set=values.global.network=network2 --set=values.global.meshID=mesh1"
    );
}
