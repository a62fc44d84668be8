//! Runbooks of the guides, from clusters without Istio to replies from both.

use super::harness::{Mesh, flags};
use super::{BOTH, TWO};
use mesh_tests::root;
use serde_json::json;

/// Runs a runbook to its verdict, and once more; then everybody answers.
fn runs(mesh: &Mesh, event: &str, command: &str) {
    let command = format!("{}/scripts/{command}", root().display());
    for _ in 0..2 {
        assert_eq!(mesh.sh(&command), "");
    }
    mesh.answers(event, &TWO, &BOTH).all_well();
}

/// What has stayed the same has its old version.
fn versions(mesh: &Mesh) -> String {
    let kinds = "namespaces,secrets,services,serviceaccounts,gateways.networking.istio.io";
    let version = "{.kind} {.metadata.namespace}/{.metadata.name} {.metadata.resourceVersion}";
    mesh.sh(&format!(
        "for c in cluster1 cluster2; do
           kubectl --context $c get {kinds} -A -o 'jsonpath={{range .items[*]}}{version}{{\"\\n\"}}{{end}}'
         done"
    ))
}

pub fn on_prem_mesh() {
    let mesh = Mesh::start(&["-n", "2"]);
    let book = "on-prem-mesh --networks network1,network2 --probe cluster1 cluster2";
    runs(&mesh, "scripts/on-prem-mesh", book);
}

/// Each cluster's kubeconfig alone, as its administrator has it.
pub fn off_google_mesh() {
    let mesh = Mesh::start(&["-n", "2"]);
    for (context, name) in [("cluster1", "west"), ("cluster2", "east")] {
        let _ = mesh.sh(&format!(
            "kubectl --context {context} config view --raw --minify --flatten >{name}.kubeconfig"
        ));
    }
    let book = "off-google-mesh --platform attached --probe west.kubeconfig east.kubeconfig";
    runs(&mesh, "scripts/off-google-mesh", book);
}

/// Control planes are there, and nothing leads from one to the other.
pub fn join_mesh() {
    let mesh = Mesh::start(&["-n", "2"]);
    mesh.want(&[("cluster1", "network1"), ("cluster2", "network2")], &json!({}));
    let stages = ["roots", "networks", "control-planes"];
    let _ = mesh.plan(&TWO, &stages.map(|stage| format!("--stage {stage} ")).concat());
    mesh.rolled_out(&TWO);
    let book = format!(
        "{}/scripts/join-mesh --networks network1,network2 --install --rev default --label sample \
           cluster1 cluster2",
        root().display()
    );
    let _ = mesh.sh(&book);
    let before = versions(&mesh);
    let _ = mesh.sh(&book);
    assert_eq!(versions(&mesh), before);
    mesh.sample(&TWO);
    mesh.answers("scripts/join-mesh", &TWO, &BOTH).all_well();
    let found = mesh.shell(&format!(
        "mesh-capture {} | mesh-check --skip MESH0436 --fail-on warning",
        flags(&TWO)
    ));
    assert_eq!((found.code, found.stdout.as_str()), (Some(0), ""), "{found:?}");
}
