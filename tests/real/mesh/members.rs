//! Gateways are replaced; a cluster joins, and leaves again.

use super::harness::{Mesh, flags};
use super::load::Load;
use super::{BOTH, TWO, topologies};
use serde_json::json;

const THREE: [&str; 3] = ["cluster1", "cluster2", "cluster3"];

const ALL: [&str; 3] = ["v1", "v2", "v3"];

/// By other pods, one after another, as when a node goes.
pub fn gateways_are_replaced(mesh: &Mesh, load: &Load<'_>) {
    let counts =
        mesh.during("gateways rolled out, then their pods deleted", load, [&BOTH; 2], || {
            for context in TWO {
                let _ = mesh.sh(&format!(
                "gateways=$(kubectl --context {context} -n istio-system get deployments -o name |
                   grep gateway)
                 for gateway in $gateways; do
                   kubectl --context {context} -n istio-system rollout restart $gateway
                   kubectl --context {context} -n istio-system rollout status $gateway
                 done
                 kubectl --context {context} -n istio-system delete pods -l istio=eastwestgateway"
            ));
                mesh.rolled_out(&[context]);
            }
        });
    counts.all_well();
}

/// A third cluster joins two that work, and leaves them again; these two are asked all the time.
pub fn third_joins_and_leaves() {
    let mesh = Mesh::start(&["-n", "3"]);
    topologies::two_networks(&mesh);
    let load = Load { contexts: &TWO, ingress: None };
    let networks = THREE.map(|name| (name, name.replace("cluster", "network")));
    let clusters: Vec<(&str, &str)> = networks.iter().map(|(a, b)| (*a, b.as_str())).collect();
    mesh.want(&clusters, &json!({}));
    let counts = mesh.during("a third cluster joins", &load, [&BOTH, &ALL], || {
        mesh.make(&THREE);
        mesh.sample(&THREE);
    });
    counts.all_well();
    mesh.answers("three networks", &THREE, &ALL).all_well();
    let counts = mesh.during("the third cluster leaves", &load, [&ALL, &BOTH], || {
        let _ = mesh.sh(&format!("mesh-apply --leave cluster3 {}", flags(&THREE)));
    });
    counts.all_well();
    // Those who stay are the mesh that they were.
    mesh.want(&clusters[..2], &json!({}));
    mesh.make(&TWO);
    mesh.answers("two networks, as before", &TWO, &BOTH).all_well();
}
