//! Meshes of each kind, from clusters without Istio to replies.

use super::harness::Mesh;
use super::{BOTH, TWO};
use serde_json::json;

pub fn two_networks(mesh: &Mesh) {
    mesh.want(&[("cluster1", "network1"), ("cluster2", "network2")], &json!({}));
    mesh.make(&TWO);
    mesh.sample(&TWO);
    mesh.answers("two networks", &TWO, &BOTH).all_well();
}

/// cluster2 has no control plane: cluster1's serves it, through the east-west gateway.
const PRIMARY: &str = "
    for n in 1 2; do mesh-clusters --contexts cluster$n | mesh-id --network network$n; done >clusters
    both='--context cluster1 --context cluster2'
    wanted() { mesh-install-gen -q -f clusters --mesh-id mesh1 --remote cluster2=cluster1 \"$@\"; }
    wanted -o namespace | mesh-apply $both
    mesh-cacerts init --root-dir root --cluster cluster1 | mesh-apply --context cluster1
    wanted --cluster cluster1 | istioctl --context cluster1 install -y -f -
    mesh-gateway-gen --network network1 -o manifests | mesh-apply --context cluster1 --wait
    address=$(mesh-lbaddr --context cluster1 --wait)
    { mesh-expose istiod; mesh-expose services; } | mesh-apply --context cluster1";

const REMOTE: &str = "
    wanted --cluster cluster2 --remote-pilot-address cluster1=$address |
      istioctl --context cluster2 install -y -f -
    mesh-remote-secret --context cluster2 --name cluster2 | mesh-apply --context cluster1
    mesh-gateway-gen --network network2 -o manifests | mesh-apply --context cluster2 --wait
    mesh-label-ns $both --injection enabled --create sample";

pub fn with_one_control_plane() {
    let mesh = Mesh::start(&["-n", "2"]);
    let _ = mesh.sh(&format!("{PRIMARY}\n{REMOTE}"));
    mesh.sample(&TWO);
    mesh.answers("a primary and a remote, two networks", &TWO, &BOTH).all_well();
}
