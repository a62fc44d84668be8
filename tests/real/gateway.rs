//! What mesh-gateway-gen, mesh-expose and mesh-install-gen write, before an API server.

use crate::clusters::shell;
use crate::{Needs, Test};
use mesh_tests::{Ran, program_dir, root, run};
use serde::Deserialize as _;
use serde_json::Value;
use std::process::Command;

pub const TESTS: &[Test] = &[
    ("gateway_manifests_are_accepted", Needs::Clusters, manifests_are_accepted),
    ("gateway_exposure_is_accepted", Needs::Clusters, exposure_is_accepted),
    ("gateway_namespaces_are_accepted", Needs::Clusters, namespaces_are_accepted),
    ("gateway_pull_policy_reaches_the_pods", Needs::Installers, pull_policy_reaches_the_pods),
];

/// The server itself checks and drops the objects.
fn accepts(command: &str, objects: usize) {
    for apply in [
        "kubectl --context cluster1 apply --server-side --dry-run=server -o name -f -",
        "mesh-apply --context cluster1 --dry-run=server -o lines",
    ] {
        let ran = shell(&format!("set -e; {command} > objects; {apply} < objects; rm objects"));
        assert_eq!(ran.code, Some(0), "{command}: {ran:?}");
        assert_eq!(ran.stdout.lines().count(), objects, "{command}: {ran:?}");
    }
}

fn in_a_folder(test: impl Fn(&str)) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    test(&format!("cd {}", dir.path().display()));
}

fn manifests_are_accepted() {
    in_a_folder(|cd| {
        for (flags, objects) in [
            ("--network network1", 7),
            // Values that YAML 1.1 takes for others.
            ("--network on --revision asm-11910-9", 7),
            ("--network 012", 7),
            ("--single-cluster", 7),
            ("--network n --replicas 2", 6),
            ("--network n --replicas 2-5", 7),
            ("--network n --image-pull-policy Never", 7),
            ("--network n --platform gke --load-balancer internal --global-access", 7),
            ("--network n --platform eks --load-balancer external", 7),
            ("--network n --platform aks --load-balancer internal --address 10.0.0.9", 7),
            ("--network n --platform onprem --address 192.0.2.9", 7),
            ("--network n --source-ranges ranges", 7),
            ("--network n --istio-version 1.19.10-asm.9", 7),
        ] {
            accepts(
                &format!(
                    "{cd}; echo 10.0.0.0/14,10.4.0.0/14 > ranges;
                     mesh-gateway-gen -q {flags} -n default -o manifests"
                ),
                objects,
            );
        }
    });
}

fn exposure_is_accepted() {
    in_a_folder(|cd| {
        for (flags, objects) in [
            ("services", 1),
            ("services --expose-namespace sample --istio-version 1.19", 1),
            ("istiod", 2),
            ("istiod --revision asm-11910-9", 2),
            ("istiod -q --https --credential-name c --host istiod.example.com", 3),
        ] {
            accepts(&format!("{cd}; mesh-expose {flags}"), objects);
        }
    });
}

fn namespaces_are_accepted() {
    in_a_folder(|cd| {
        accepts(
            &format!(
                "{cd}; mesh-clusters --contexts cluster1,cluster2 | mesh-id -q --network network1 |
                 mesh-install-gen -q --mesh-id mesh1 --cluster cluster1 -o namespace"
            ),
            1,
        );
    });
}

/// Where istioctl, helm and Istio's charts are.
fn installers() -> Ran {
    let mut assets = Command::new(root().join("scripts/testbed-assets"));
    run(assets.args(["--istio", "--print"]), "")
}

pub fn lacks_installers() -> Option<&'static str> {
    (installers().code != Some(0))
        .then_some("istioctl and helm: run scripts/testbed-assets --istio")
}

/// The image "auto" has no tag, so that an API server alone would have it pulled at each start.
fn pull_policy_reaches_the_pods() {
    let assets = installers().ok();
    let assets = assets.trim();
    for (form, install) in [
        ("iop", "istioctl manifest generate -f gateway".to_owned()),
        ("helm", format!("helm template gateway '{assets}/charts/gateway' -f gateway")),
        ("manifests", "cat gateway".to_owned()),
    ] {
        for (flags, expected) in
            [("", Value::Null), ("--image-pull-policy IfNotPresent", "IfNotPresent".into())]
        {
            let dir = tempfile::tempdir().expect("a temporary folder");
            let script = format!(
                "set -e; mesh-gateway-gen -q --network n {flags} -o {form} > gateway; {install}"
            );
            let path = std::env::var("PATH").unwrap_or_default();
            let path = format!("{}:{assets}:{path}", program_dir().display());
            let mut shell = Command::new("sh");
            let text =
                run(shell.args(["-c", &script]).current_dir(&dir).env("PATH", path), "").ok();
            let objects = serde_yaml::Deserializer::from_str(&text)
                .map(|object| Value::deserialize(object).expect("YAML"));
            let deployment = objects.into_iter().find(|object| object["kind"] == "Deployment");
            let deployment = deployment.expect("a Deployment");
            let container = &deployment["spec"]["template"]["spec"]["containers"][0];
            assert_eq!(container["image"], "auto", "{form}");
            assert_eq!(container["imagePullPolicy"], expected, "{form} {flags}");
        }
    }
}
