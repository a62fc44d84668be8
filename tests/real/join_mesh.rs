//! scripts/join-mesh against API servers.

use crate::clusters::{get, shell_command, unique};
use crate::{Needs, Test};
use mesh_tests::{Ran, root, run};
use serde_json::Value;

pub const TESTS: &[Test] = &[
    ("join_mesh_joins_and_changes_nothing_twice", Needs::Clusters, joins),
    ("join_mesh_shows_its_steps", Needs::Clusters, shows_its_steps),
    ("join_mesh_refuses_wrong_usage", Needs::Clusters, refuses_wrong_usage),
];

fn join_mesh(args: &[&str]) -> Ran {
    // The test's own names are not those of the istiods, and no managed control plane is there.
    let mut shell = shell_command();
    shell.env("MESH_ALLOW_OTHER_ID", "true").env("MESH_ALLOW_MISSING_REVISION", "true");
    run(shell.arg(root().join("scripts/join-mesh")).args(args), "")
}

/// Versions of what join-mesh writes: remote Secrets and the namespace, in both clusters.
fn versions(namespace: &str, names: &[String; 2]) -> Vec<Value> {
    let mut versions = Vec::new();
    for (context, peer) in [("cluster1", &names[1]), ("cluster2", &names[0])] {
        let secret = format!("istio-remote-secret-{peer}");
        let secret = get(context, &["secret", &secret, "-n", "istio-system"]);
        let namespace = get(context, &["namespace", namespace]);
        versions.push(secret["metadata"]["resourceVersion"].clone());
        versions.push(namespace["metadata"]["resourceVersion"].clone());
        assert_eq!(namespace["metadata"]["labels"]["istio.io/rev"], "asm-managed");
    }
    versions
}

fn joins() {
    let namespace = unique("joined");
    // Names of its own, so that other tests' Secrets do not get in the way.
    let names = [unique("one"), unique("two")];
    let dir = tempfile::tempdir().expect("a temporary folder");
    let out = dir.path().join("gateways");
    let out = out.to_str().expect("a plain path");
    let list = names.join(",");
    let args = [
        "--names",
        &list,
        "--rev",
        "asm-managed",
        "--label",
        &namespace,
        "--networks",
        "net1,net2",
        "--mesh",
        "proj-1",
        "--out",
        out,
        "cluster1",
        "cluster2",
    ];
    let first = join_mesh(&args);
    assert_eq!(first.code, Some(0), "{first:?}");
    let before = versions(&namespace, &names);
    let gateway =
        |name: &str| std::fs::read_to_string(format!("{out}/{name}.yaml")).expect("it was written");
    let gateways = [gateway(&names[0]), gateway(&names[1])];
    assert!(gateways[1].contains("topology.istio.io/network: net2"), "{}", gateways[1]);

    let second = join_mesh(&args);
    assert_eq!(second.code, Some(0), "{second:?}");
    assert_eq!(versions(&namespace, &names), before);
    assert_eq!([gateway(&names[0]), gateway(&names[1])], gateways);
    for token in ["eyJ", "token: "] {
        assert!(!format!("{first:?}{second:?}").contains(token), "a token in {first:?}");
    }
}

fn shows_its_steps() {
    let namespace = unique("shown");
    let ran = join_mesh(&["-n", "--rev", "r", "--label", &namespace, "cluster1", "cluster2"]);
    let steps = ran.ok();
    for step in [
        "mesh-remote-secret --context cluster1 --name cluster1 | kubectl --context cluster2 apply \
         --server-side --field-manager meshutils -f -",
        "mesh-remote-secret --context cluster2 --name cluster2 | kubectl --context cluster1 apply \
         --server-side --field-manager meshutils -f -",
        &format!("mesh-label-ns --context cluster1 --rev r --create {namespace}"),
        &format!("mesh-label-ns --context cluster2 --rev r --create {namespace}"),
    ] {
        assert!(steps.lines().any(|line| line == step), "no {step} in {steps}");
    }
    let namespaces = get("cluster1", &["namespaces"]);
    assert!(!namespaces.to_string().contains(&namespace));
}

fn refuses_wrong_usage() {
    for args in [
        &["cluster1"][..],
        &["cluster1", "cluster1"],
        &["--names", "a", "cluster1", "cluster2"],
        &["--networks", "a", "cluster1", "cluster2"],
        &["--label", "x", "cluster1", "cluster2"],
        &["--no-such-flag", "cluster1", "cluster2"],
        &["cluster1", "no-such-context"],
    ] {
        let ran = join_mesh(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?} {ran:?}");
        assert!(ran.stderr.starts_with("join-mesh: "), "{ran:?}");
    }
}
