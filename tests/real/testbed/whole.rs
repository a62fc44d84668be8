//! scripts/testbed --whole: clusters in networks of their own, with all that a mesh needs.

use super::Bed;
use crate::clusters::wait_for;
use mesh_tests::{Ran, root, run};
use std::process::Command;

/// What keeps this machine from running whole clusters, if anything does: Istio is built on request.
pub fn lacks_whole() -> Option<&'static str> {
    let mut assets = Command::new(root().join("scripts/testbed-assets"));
    let built = run(assets.args(["--whole", "--print"]), "").code == Some(0);
    (!built).then_some("Istio's programs: run scripts/testbed-assets --whole")
}

fn enter(bed: &Bed, script: &str) -> Ran {
    run(&mut bed.enter(script), "")
}

const HELLOWORLD: &str = "
    kubectl --context cluster2 run hello --image=localhost/helloworld-v2:1 --image-pull-policy=Always
    kubectl --context cluster2 expose pod hello --port=5000 --type=LoadBalancer
    for context in cluster1 cluster2; do
        kubectl --context $context run client --image=localhost/tools:1
        kubectl --context $context wait pods --all --for=condition=Ready --timeout=120s
    done";

pub fn are_apart() {
    let bed = Bed::start(&["--whole"]);
    let servers =
        enter(&bed, "kubectl config view -o 'jsonpath={.clusters[*].cluster.server}'").ok();
    assert_eq!(servers, "https://172.30.1.1:6443 https://172.30.2.1:6443");
    let _ = enter(&bed, HELLOWORLD).ok();
    let field = |path: &str| {
        enter(
            &bed,
            &format!("kubectl --context cluster2 get pod/hello service/hello -o 'jsonpath={path}'"),
        )
        .ok()
    };
    let balanced = wait_for("an address of the load balancer", || {
        let address = field("{.items[1].status.loadBalancer.ingress[0].ip}");
        (!address.is_empty()).then_some(address)
    });
    let ask = |context: &str, host: &str| {
        let url = format!("http://{host}:5000/hello");
        enter(&bed, &format!("kubectl --context {context} exec client -- curl -sS -m 3 {url}"))
    };
    let hello = "Hello version: v2, instance: hello\n";
    for (context, host) in [("cluster2", "hello"), ("cluster2", &balanced), ("cluster1", &balanced)]
    {
        assert_eq!(ask(context, host).ok(), hello, "{context} {host}");
    }
    let pod = field("{.items[0].status.podIP}");
    assert_eq!(ask("cluster2", &pod).ok(), hello);
    // Its name is not known in the other cluster, and no way leads to its address.
    assert_eq!(ask("cluster1", "hello").code, Some(6));
    assert_eq!(ask("cluster1", &pod).code, Some(28));
}
