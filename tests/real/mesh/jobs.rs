//! The jobs of scripts/kubernetes in a mesh that works: in the image that users get, and with the
//! rights that their manifests give them.

use super::harness::{Mesh, flags};
use super::load::Load;
use super::{BOTH, TWO, topologies};
use crate::jobs::{import_image, letting_in};
use mesh_tests::root;

pub fn rotate_and_fan_out() {
    let mesh = Mesh::start(&["-n", "2"]);
    topologies::two_networks(&mesh);
    import_image(mesh.bed());
    tokens_are_rotated(&mesh);
    services_are_exposed(&mesh);
}

/// Takes the steps that a manifest tells, but for its image's.
fn put(mesh: &Mesh, job: &str, secret: &str) {
    let _ = mesh.sh(&format!("mkdir {job}\ncd {job}\n{}", letting_in(job, secret, "")));
    let manifest = root().join("scripts/kubernetes").join(format!("{job}.yaml"));
    let apply = "kubectl --context cluster1 apply --server-side -f";
    let _ = mesh.sh(&format!("{apply} {}", manifest.display()));
}

/// Waits until a Job is complete, and returns what its pods said.
fn done(mesh: &Mesh, name: &str) -> String {
    let kubectl = "kubectl --context cluster1 -n mesh-jobs";
    let logs = "logs --all-containers --ignore-errors --tail=-1 -l";
    let waited =
        mesh.shell(&format!("{kubectl} wait --for=condition=Complete --timeout=3m job/{name}"));
    let said = mesh.sh(&format!("{kubectl} {logs} job-name={name}"));
    assert_eq!(waited.code, Some(0), "{said}{waited:?}");
    said
}

/// The `CronJob` gives new tokens; the old ones go, and an istiod that starts has only the new.
fn tokens_are_rotated(mesh: &Mesh) {
    put(mesh, "rotate-remote-secrets", "mesh");
    let load = Load { contexts: &TWO, ingress: None };
    let counts = mesh.during("tokens rotated by the CronJob", &load, [&BOTH; 2], || {
        let _ = mesh.sh(
            "kubectl --context cluster1 -n mesh-jobs create job rotate \
               --from=cronjob/rotate-remote-secrets",
        );
        let said = done(mesh, "rotate");
        for line in [
            "cluster1: secret istio-system/istio-remote-secret-cluster2 ",
            "cluster2: secret istio-system/istio-remote-secret-cluster1 ",
        ] {
            assert!(said.contains(line), "{said}");
        }
        // The job's own tokens are of other accounts.
        let _ = mesh.sh(
            "for c in cluster1 cluster2; do
               kubectl --context $c -n istio-system get secrets -o go-template='{{range .items}}{{if
                 eq .type \"kubernetes.io/service-account-token\"}}{{index .metadata.annotations
                 \"kubernetes.io/service-account.name\"}} {{.metadata.name}}{{\"\\n\"}}{{end}}{{end}}' |
                 sed -n 's/^istio-reader-service-account //p' |
                 xargs -r kubectl --context $c -n istio-system delete secret
               kubectl --context $c -n istio-system rollout restart deployment/istiod
             done",
        );
        mesh.rolled_out(&TWO);
        for context in TWO {
            let known = mesh.sh(&format!("istioctl --context {context} remote-clusters"));
            assert_eq!(known.matches("synced").count(), TWO.len(), "{known}");
        }
    });
    counts.all_well();
}

/// Nothing leads from one cluster to the other until the Indexed Job has exposed the services.
fn services_are_exposed(mesh: &Mesh) {
    let _ = mesh.sh(&format!(
        "mesh-expose services >manifests.yaml
         mesh-apply -f manifests.yaml --delete {}
         kubectl --context cluster1 create configmap fan-out -n mesh-jobs --from-file=manifests.yaml",
        flags(&TWO)
    ));
    put(mesh, "fan-out", "fan-out");
    let said = done(mesh, "fan-out");
    for context in TWO {
        let lines = said.lines().filter(|line| line.starts_with(context));
        assert_eq!(lines.count(), 1, "{said}");
    }
    mesh.answers("services exposed by the Indexed Job", &TWO, &BOTH).all_well();
}
