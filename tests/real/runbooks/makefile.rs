//! scripts/Makefile: the same steps, as targets.

use super::Place;
use crate::vm_install::tree;
use crate::{Needs, Test};
use mesh_tests::{Ran, root, run};

pub const TESTS: &[Test] = &[
    ("makefile_joins_and_changes_nothing_twice", Needs::Clusters, joins),
    ("makefile_refuses_wrong_usage", Needs::Clusters, refuses_wrong_usage),
];

fn make(place: &Place, args: &[&str]) -> Ran {
    let mut command = place.command("make");
    command.arg("-f").arg(root().join("scripts/Makefile")).args(args);
    run(&mut command, "")
}

fn joins() {
    let place = Place::with(&["-n", "2", "--istio"]);
    place.use_kubeconfig();
    let all = |targets: &[&str]| {
        let variables =
            ["CLUSTERS=cluster1 cluster2", "NETWORKS=network1 network2", "GATEWAY=--replicas 1"];
        make(&place, &[targets, &variables].concat())
    };
    let shown = all(&["-n", "join"]).ok();
    assert!(shown.contains("mesh-remote-secret | mesh-apply --to-peers"), "{shown}");
    assert!(!place.path("mesh").exists());
    assert_eq!(place.remote_secrets("cluster1"), [""; 0]);

    // The gateways have no addresses yet, which the last step finds.
    let early = all(&["join"]);
    assert_ne!(early.code, Some(0), "{early:?}");
    for (context, ip) in [("cluster1", "192.0.2.1"), ("cluster2", "192.0.2.2")] {
        super::off_google_mesh::balance(&place, context, ip);
    }
    let _ = all(&["join", "-j2"]).ok();
    let before = place.written();
    let second = all(&["join"]);
    assert_eq!(second.code, Some(0), "{second:?}");
    assert_eq!(place.written(), before);
    assert_eq!(place.remote_secrets("cluster1"), ["istio-remote-secret-cluster2"]);
    assert_eq!(place.remote_secrets("cluster2"), ["istio-remote-secret-cluster1"]);

    let _ = all(&["leave", "LEAVE=cluster2"]).ok();
    assert_eq!(place.remote_secrets("cluster1"), [""; 0]);
}

fn refuses_wrong_usage() {
    let place = Place::with(&["-n", "1"]);
    let before = tree(place.dir.path());
    for args in [
        &["join"][..],
        &["check"],
        &["expose"],
        &["leave", "CLUSTERS=cluster1"],
        &["expose", "CLUSTERS=cluster1"],
    ] {
        let ran = make(&place, args);
        assert_eq!(ran.code, Some(2), "{args:?} {ran:?}");
        assert!(ran.stderr.contains(" is wanted"), "{ran:?}");
    }
    assert_eq!(tree(place.dir.path()), before);
    assert!(make(&place, &[]).ok().contains("make -f scripts/Makefile join"));
}
