//! scripts/gke-mesh: two regions, a control plane that Google runs.

use super::{Place, shows};
use crate::cloud::{Cloud, fixture};
use crate::stand_in::StandIn;
use crate::vm_install::tree;
use crate::{Needs, Test};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub const TESTS: &[Test] = &[
    ("runbook_gke_mesh_makes_a_mesh_twice", Needs::ClustersAndGcloud, makes_a_mesh),
    ("runbook_gke_mesh_refuses_wrong_usage", Needs::ClustersAndGcloud, refuses_wrong_usage),
];

const CLUSTERS: [&str; 2] = ["my-proj/us-west2-a/asm-a", "my-proj/us-central1-a/asm-b"];
const IDS: [&str; 2] = ["cn-my-proj-us-west2-a-asm-a", "cn-my-proj-us-central1-a-asm-b"];

/// A cloud that has none of the clusters yet.
fn cloud(place: &Place) -> Cloud {
    let mut plans: Vec<Value> = fixture("gke-clusters.json").into_iter().take(2).collect();
    for plan in &mut plans {
        let plan = plan.as_object_mut().expect("it is an object");
        let _ = plan.remove("resourceLabels");
        let _ = plan.remove("masterAuthorizedNetworksConfig");
    }
    let subnet = |region: &str, range: &str| {
        let base = "https://www.googleapis.com/compute/v1/projects/my-proj";
        json!({"name": "default", "region": region, "ipCidrRange": range,
            "network": format!("{base}/global/networks/default"),
            "selfLink": format!("{base}/regions/{region}/subnetworks/default")})
    };
    let subnets = vec![subnet("us-west2", "10.168.0.0/20"), subnet("us-central1", "10.128.0.0/20")];
    Cloud { clusters: Vec::new(), plans: place.as_gke(plans), subnets, ..Cloud::default() }
}

/// What Google does when it is to run a control plane: in a while, its webhook is there.
fn google(place: &Place, stand_in: &StandIn, stop: &AtomicBool) {
    let mut missing = vec![("asm-a", "cluster1"), ("asm-b", "cluster2")];
    while !stop.load(Ordering::Relaxed) {
        let managed = stand_in.cloud().managed.clone().unwrap_or_default();
        missing.retain(|(name, context)| {
            let told = managed.iter().any(|member| member == name);
            if told {
                let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: istio-system}\n";
                let _ = place.kubectl(context, &["apply", "-f", "-"], namespace).ok();
                place.install(context, &["4-injector.yaml"], "", "", "asm-managed");
            }
            !told
        });
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn makes_a_mesh() {
    let place = Place::with(&["-n", "2"]);
    let stand_in = StandIn::of(cloud(&place));
    let args = [&["--create", "--logs"], &CLUSTERS[..]].concat();
    let steps = shows(&place, "gke-mesh", &args);
    assert!(steps.contains("gcloud container clusters create asm-a --location=us-west2-a"));

    let stop = AtomicBool::new(false);
    let first = std::thread::scope(|scope| {
        let _ = scope.spawn(|| google(&place, &stand_in, &stop));
        let ran = place.runbook(Some(&stand_in), "gke-mesh", &args);
        stop.store(true, Ordering::Relaxed);
        ran
    });
    assert_eq!((first.code, first.stdout.as_str()), (Some(0), ""), "{first:?}");
    assert!(first.stderr.ends_with("gke-mesh: yes: one mesh\n"), "{first:?}");
    let written = stand_in.take_written();
    let bodies = |end: &str| -> Vec<&Value> {
        written.iter().filter(|write| write.path.ends_with(end)).map(|write| &write.body).collect()
    };
    for body in bodies("/clusters") {
        assert_eq!(
            body["cluster"]["workloadIdentityConfig"]["workloadPool"],
            "my-proj.svc.id.goog"
        );
    }
    assert_eq!(bodies("/clusters").len(), 2, "{written:?}");
    for body in bodies(":setResourceLabels") {
        assert_eq!(body["resourceLabels"], json!({"mesh_id": "proj-123456789"}));
    }
    assert_eq!(bodies(":setResourceLabels").len(), 2, "{written:?}");
    let [rule] = bodies("/firewalls")[..] else { panic!("{written:?}") };
    assert_eq!(rule["name"], "asm-multicluster-rule");
    let ranges = ["10.0.0.0/13", "10.128.0.0/20", "10.168.0.0/20"];
    assert_eq!(rule["sourceRanges"], json!(ranges));
    assert_eq!(rule["targetTags"], json!(["gke-asm-a-12ab34cd-node", "gke-asm-b-99ff00aa-node"]));
    for (context, peer) in [("cluster1", IDS[1]), ("cluster2", IDS[0])] {
        assert_eq!(place.remote_secrets(context), [format!("istio-remote-secret-{peer}")]);
    }

    let before = place.written();
    let second = place.runbook(Some(&stand_in), "gke-mesh", &args);
    assert_eq!((second.code, second.stdout.as_str()), (Some(0), ""), "{second:?}");
    assert_eq!(stand_in.take_written(), []);
    assert_eq!(place.written(), before);
    assert!(!format!("{first:?}{second:?}").contains("eyJ"), "a token in {first:?}");
}

fn refuses_wrong_usage() {
    let place = Place::with(&["-n", "1"]);
    let before = tree(place.dir.path());
    for args in [
        &[][..],
        &["p/l/a"],
        &["p/l/a", "p/l/a"],
        &["p/l/a", "p/b"],
        &["p/l/a", "p/l/b/c"],
        &["p/l/a", "p/l/b;touch x"],
        &["--namespace", "a b", "p/l/a", "p/l/b"],
        &["--rule", "$(touch x)", "p/l/a", "p/l/b"],
        &["--no-such-flag", "p/l/a", "p/l/b"],
        &["--out"],
    ] {
        for runbook in ["gke-mesh", "gke-private-mesh"] {
            let ran = place.runbook(None, runbook, args);
            assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?} {ran:?}");
            assert!(ran.stderr.starts_with(&format!("{runbook}: ")), "{ran:?}");
        }
    }
    assert_eq!(tree(place.dir.path()), before);
}
