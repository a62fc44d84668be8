//! Two revisions of the control plane side by side, and a tag that is moved from one to the other.

use super::harness::Mesh;
use super::load::Load;
use super::{BOTH, TWO};
use serde_json::json;

/// The namespace is labelled with the tag; then a second revision is installed, gets the tag and,
/// by restarts, the workloads; then the first one goes.
pub fn tag_is_moved(mesh: &Mesh) {
    let want = |revision: &str| {
        let clusters = [("cluster1", "network1"), ("cluster2", "network1")];
        mesh.want(&clusters, &json!({"revision": revision}));
    };
    let both = |command: &str| {
        for context in TWO {
            let _ = mesh.sh(&format!("istioctl --context {context} {command}"));
        }
    };
    let load = Load { contexts: &TWO, ingress: None };
    both("tag set prod --revision default");
    let _ = mesh.sh("mesh-label-ns --context cluster1 --context cluster2 --rev prod sample");
    let counts = mesh.during("a tag is moved to a second revision", &load, [&BOTH; 2], || {
        want("canary");
        let _ = mesh.plan(&TWO, "--stage control-planes");
        both("tag set prod --revision canary --overwrite");
        want("prod");
        let _ = mesh.plan(&TWO, "--stage restarts");
        mesh.rolled_out(&TWO);
    });
    counts.all_well();
    let counts = mesh.during("the first revision goes", &load, [&BOTH; 2], || {
        both("uninstall -y --revision default");
        // Who injects now, and what the pods get from it.
        let _ = mesh.sh("kubectl --context cluster2 -n sample rollout restart deployments");
        mesh.rolled_out(&TWO);
    });
    counts.all_well();
}
