//! Credentials and certificates of a mesh are replaced while it works.

use super::harness::Mesh;
use super::load::Load;
use super::{BOTH, TWO};
use serde_json::Value;

/// What prints the CAs, the published roots and the proxies of both clusters, as mesh-cacerts wants
/// to read them.
const CAS: &str = "for c in cluster1 cluster2; do
    kubectl --context $c -n istio-system get secret/cacerts secret/istio-ca-secret \
      configmap/istio-ca-root-cert --ignore-not-found --show-managed-fields -o json
    kubectl --context $c get pods,workloadentries -A -o json
  done";

pub fn tokens_are_rotated(mesh: &Mesh, load: &Load<'_>) {
    let rotate = "mesh-clusters --contexts cluster1,cluster2 |
          mesh-remote-secret --rotate 2>notes | mesh-apply --to-peers";
    let counts = mesh.during("tokens rotated, the old ones deleted", load, [&BOTH, &BOTH], || {
        let _ = mesh.sh(rotate);
        // The notes say what to run when all have the new ones.
        let deleted = mesh.sh("grep -o 'kubectl delete secret .*' notes | sh -eu");
        assert_eq!(deleted.lines().count(), TWO.len(), "{deleted}");
    });
    counts.all_well();
}

/// What tells the missing steps of a rotation.
fn rotate(args: &str) -> String {
    format!("{{ {CAS}; }} | mesh-cacerts rotate -q --cluster cluster1 --cluster cluster2 {args}")
}

pub fn intermediates_are_renewed(mesh: &Mesh, load: &Load<'_>) {
    let counts = mesh.during("intermediate CAs renewed", load, [&BOTH, &BOTH], || {
        let _ = mesh.sh_output(&rotate("--root-dir root --renew"));
        // Certificates of the new one among those of the old.
        let _ = mesh.sh("kubectl --context cluster2 -n sample rollout restart deployments");
        mesh.rolled_out(&TWO);
    });
    counts.all_well();
}

/// The restarts of a step alone, and then all steps: what failed in these and not in those is the
/// rotation's.
pub fn root_is_replaced(mesh: &Mesh, load: &Load<'_>) {
    let told = mesh.shell(&rotate("--root-dir next -o json"));
    let steps: Vec<Value> =
        told.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let numbers: Vec<&Value> = steps.iter().map(|step| &step["step"]).collect();
    assert_eq!(numbers, [1, 2, 3, 4], "{told:?}");
    let restarts = steps[1]["commands"].as_array().expect("a list").iter();
    let restarts: Vec<&str> = restarts.map(|line| line.as_str().expect("a line")).collect();
    let alone = mesh.during("istiod and proxies restarted, once", load, [&BOTH, &BOTH], || {
        let _ = mesh.sh(&restarts.join("\n"));
        mesh.rolled_out(&TWO);
    });
    let counts = mesh.during("root replaced in 4 steps", load, [&BOTH, &BOTH], || {
        let _ = mesh.sh_output(&rotate("--root-dir next"));
        mesh.rolled_out(&TWO);
    });
    let left = mesh.shell(&rotate("--root-dir next"));
    assert_eq!(left.code, Some(0), "{left:?}");
    // One that is restarted may lose what is under way on a busy machine, and there are three.
    counts.lost_no_more_than(&alone, 3);
}
