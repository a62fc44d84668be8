//! mesh-clusters and what reads it, fed by the real kubectl.

use crate::clusters::{get, shell};
use crate::{Needs, Test};

pub const TESTS: &[Test] = &[
    ("clusters_from_kubectl", Needs::Clusters, from_kubectl),
    ("clusters_from_a_kubeconfig_on_standard_input", Needs::Clusters, from_a_kubeconfig),
];

/// What a plain cluster tells of itself names it as istioctl does by default, whatever istiod is called.
fn from_kubectl() {
    let uid = get("cluster1", &["namespace", "kube-system"])["metadata"]["uid"].take();
    let uid = uid.as_str().expect("a namespace has a UID");
    let record = shell(
        "kubectl --context cluster1 get namespaces,configmaps,nodes -A -o json |
         mesh-clusters | mesh-id --scheme uid --network net1",
    )
    .ok();
    assert!(record.contains(&format!("\"id\":\"{uid}\"")), "{record}");
    let secret = shell("mesh-remote-secret -q --context cluster1 --allow-other-id -o json").ok();
    assert!(secret.contains(&format!("\"networking.istio.io/cluster\": \"{uid}\"")));
}

/// The same records, whether the kubeconfig is named or piped in; renamed contexts included.
fn from_a_kubeconfig() {
    let named = shell("mesh-clusters --contexts cluster1,cluster2").ok();
    let piped = shell("kubectl config view --raw -o json | mesh-clusters").ok();
    assert_eq!(piped, named);
    let renamed = shell(
        "kubectl config view --raw | mesh-context --rename east=cluster1 --rename west=cluster2 |
         mesh-context --list",
    )
    .ok();
    let names: Vec<bool> =
        ["east", "west"].map(|name| renamed.contains(&format!("\"context\":\"{name}\""))).into();
    assert_eq!(names, [true, true], "{renamed}");
    assert!(!renamed.contains("client-key-data"), "{renamed}");
}
