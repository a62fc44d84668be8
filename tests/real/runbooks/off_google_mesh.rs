//! scripts/off-google-mesh and scripts/on-prem-mesh: networks of their own, gateways between them.

use super::{Place, shows};
use crate::clusters::wait_for;
use crate::traffic::{configuration, envoy_pod};
use crate::vm_install::tree;
use crate::{Needs, Test};
use mesh_tests::{Ran, program_dir, run};
use serde_json::json;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub const TESTS: &[Test] = &[
    ("runbook_off_google_mesh_joins_kubeconfigs_twice", Needs::Clusters, joins_kubeconfigs),
    ("runbook_off_google_mesh_has_istioctl_install", Needs::Clusters, has_istioctl_install),
    ("runbook_off_google_mesh_begins_with_nothing", Needs::Clusters, begins_with_nothing),
    ("runbook_on_prem_mesh_traffic_decides", Needs::NodesAndEnvoy, is_judged_by_its_traffic),
    ("runbook_on_prem_mesh_joins_contexts_twice", Needs::Clusters, joins_contexts),
    ("runbook_on_prem_mesh_cleans_up", Needs::Clusters, cleans_up),
    ("runbook_off_google_mesh_refuses_wrong_usage", Needs::Clusters, refuses_wrong_usage),
];

/// Runs it, while there are nodes for istiod, and a cloud that gives each gateway an address.
fn balanced(place: &Place, name: &str, args: &[&str]) -> Ran {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _ = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for (context, ip) in [("cluster1", "192.0.2.1"), ("cluster2", "192.0.2.2")] {
                    balance(place, context, ip);
                    let _ = place.starts_istiod(context);
                    let _ = place.starts(context, "istio=eastwestgateway");
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        let ran = place.runbook(None, name, args);
        stop.store(true, Ordering::Relaxed);
        ran
    })
}

/// What a cloud's controller does.
pub fn balance(place: &Place, context: &str, ip: &str) {
    let gateway = ["get", "service", "istio-eastwestgateway", "-n", "istio-system", "-o", "json"];
    let Ok(mut service) =
        serde_json::from_str::<serde_json::Value>(&place.kubectl(context, &gateway, "").stdout)
    else {
        return;
    };
    let status = json!({"loadBalancer": {"ingress": [{"ip": ip}]}});
    if service["status"] != status {
        service["status"] = status;
        let path = "/api/v1/namespaces/istio-system/services/istio-eastwestgateway/status";
        // The runbook may have changed the Service in the meantime; the next turn comes soon.
        let _ =
            place.kubectl(context, &["replace", "--raw", path, "-f", "-"], &service.to_string());
    }
}

/// Each cluster's kubeconfig alone, as its administrator has it: all call their context the same.
fn kubeconfigs(place: &Place) {
    for (context, name) in [("cluster1", "west"), ("cluster2", "east")] {
        let mut command = Command::new("kubectl");
        command.env("KUBECONFIG", place.bed.kubeconfig());
        command.args(["config", "view", "--raw", "--minify", "--flatten", "--context", context]);
        let text = run(&mut command, "").ok();
        let text = text.replace(&format!("name: {context}"), "name: kubernetes");
        let text = text.replace(&format!("cluster: {context}"), "cluster: kubernetes");
        let text = text.replace(&format!("user: {context}"), "user: kubernetes");
        let text =
            text.replace(&format!("current-context: {context}"), "current-context: kubernetes");
        std::fs::write(place.path(&format!("{name}.kubeconfig")), text).expect("it can be written");
    }
}

/// What asmcli does, as far as other programs see it: its arguments are in asmcli.log.
const ASMCLI: &str = r#"
echo "$*" >>asmcli.log
while [ $# -gt 0 ]; do
  case $1 in --context) context=$2 ;; --network_id) network=$2 ;; --kubeconfig) kubeconfig=$2 ;; esac
  shift
done
for file in 1-crds 2-reader 3-istiod 4-injector; do
  sed "s/__CLUSTER__/cn-my-fleet-global-$context/g; s/__NETWORK__/$network/g; s/__REVISION__/asm-11910-9/g" \
    "$ISTIO/$file.yaml" | kubectl ${kubeconfig:+--kubeconfig "$kubeconfig"} --context "$context" apply -f - || exit
done
"#;

fn joins_kubeconfigs() {
    let place = Place::with(&["-n", "2"]);
    kubeconfigs(&place);
    place.program("asmcli", &ASMCLI.replace("$ISTIO", super::ISTIO));
    let args = [
        "--platform",
        "attached",
        "--fleet",
        "my-fleet",
        "--mesh",
        "proj-77",
        "west.kubeconfig",
        "oriental=east.kubeconfig",
    ];
    let steps = shows(&place, "off-google-mesh", &args);
    assert!(steps.contains("--context oriental"), "{steps}");
    place.program("gcloud", "echo \"$*\" >>gcloud.log\n");

    let first = balanced(&place, "off-google-mesh", &args);
    assert_eq!((first.code, first.stdout.as_str()), (Some(0), ""), "{first:?}");
    let log = place.read("asmcli.log");
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.contains("--ca mesh_ca") && log.contains("--network_id oriental"), "{log}");
    let registered = place.read("gcloud.log");
    assert!(registered.contains("container fleet memberships register west "), "{registered}");
    let ids = ["cn-my-fleet-global-west", "cn-my-fleet-global-oriental"];
    for (context, peer, network) in [("cluster1", ids[1], "west"), ("cluster2", ids[0], "oriental")]
    {
        assert_eq!(place.remote_secrets(context), [format!("istio-remote-secret-{peer}")]);
        let system = place.get(context, &["namespace", "istio-system"]);
        assert_eq!(system["metadata"]["labels"]["topology.istio.io/network"], network);
        let gateway = ["deployment", "istio-eastwestgateway", "-n", "istio-system"];
        let gateway = place.get(context, &gateway);
        let labels = &gateway["spec"]["template"]["metadata"]["labels"];
        assert_eq!(labels["topology.istio.io/network"], network);
        assert_eq!(labels["istio.io/rev"], "asm-11910-9");
        let exposed =
            ["gateways.networking.istio.io", "cross-network-gateway", "-n", "istio-system"];
        let _ = place.get(context, &exposed);
    }
    let before = place.written();
    let second = place.runbook(None, "off-google-mesh", &args);
    assert_eq!((second.code, second.stdout.as_str()), (Some(0), ""), "{second:?}");
    assert_eq!(place.written(), before);
    assert_eq!(place.read("asmcli.log"), log);
    assert!(!format!("{first:?}{second:?}").contains("eyJ"), "a token in {first:?}");
}

/// What istioctl makes of an operator file: a gateway, or a control plane.
const ISTIOCTL: &str = r#"
echo "$*" >>istioctl.log
while [ $# -gt 0 ]; do
  case $1 in --context) context=$2 ;; -f) file=$2 ;; esac
  shift
done
value() { sed -n "s#.*$1: ##p" "$file" | head -n 1; }
id=$(value clusterName)
if grep -q eastwestgateway "$file"; then
  mesh-gateway-gen --network "$(value topology.istio.io/network)" -o manifests |
    kubectl --context "$context" apply -f -
else
  sed "s/__CLUSTER__/$id/g; s/__NETWORK__/$(value network)/g; s/__REVISION__/default/g" \
    "$ISTIO"/*.yaml | kubectl --context "$context" apply -f -
fi
"#;

/// The guide's own way, for a version whose gateways still say who signs istiod's certificate.
fn has_istioctl_install() {
    let place = with_istio();
    place.program("istioctl", ISTIOCTL);
    let args = [
        "--platform",
        "eks",
        "--iop",
        "--istio-version",
        "1.19",
        "--networks",
        "network1,network2",
        "cluster1",
        "cluster2",
    ];
    for _ in 0..2 {
        let ran = balanced(&place, "off-google-mesh", &args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    }
    for (cluster, network) in [("cluster1", "network1"), ("cluster2", "network2")] {
        let file = place.read(&format!("mesh/gateways/{cluster}.yaml"));
        assert!(file.contains(&format!("topology.istio.io/network: {network}")), "{file}");
        assert!(file.contains("pilotCertProvider: istiod"), "{file}");
    }
    assert_eq!(place.read("istioctl.log").lines().count(), 4);
}

/// Clusters with nothing in them yet: first one root, then control planes, then the mesh.
fn begins_with_nothing() {
    let place = Place::with(&["-n", "2"]);
    place.use_kubeconfig();
    let args = ["cluster1", "cluster2"];
    let roots = || {
        ["cluster1", "cluster2"].map(|context| {
            let secret = place.get(context, &["secret", "cacerts", "-n", "istio-system"]);
            (secret["metadata"]["resourceVersion"].clone(), secret["data"]["root-cert.pem"].clone())
        })
    };
    let mut found = Vec::new();
    for _ in 0..2 {
        let ran = place.runbook(None, "off-google-mesh", &args);
        assert_eq!(ran.code, Some(4), "{ran:?}");
        let lines: Vec<&str> = ran.stdout.lines().collect();
        let install = |context: &str| {
            format!("istioctl --context {context} install -y -f 'mesh/{context}-istio.yaml'")
        };
        assert_eq!(lines, [install("cluster1"), install("cluster2")]);
        found.push(roots());
    }
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0][0].1, found[0][1].1);
    assert!(found[0][0].1.is_string(), "{found:?}");

    place.program("istioctl", &ISTIOCTL.replace("$ISTIO", super::ISTIO));
    let ran = balanced(&place, "off-google-mesh", &args);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    assert_eq!(place.read("istioctl.log").lines().count(), 2);
    let again = place.runbook(None, "off-google-mesh", &args);
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), ""), "{again:?}");
    assert_eq!(place.read("istioctl.log").lines().count(), 2);
    assert_eq!(found[0], roots());
}

/// With the sample in place, what its clients are answered decides. A sidecar would balance over
/// both clusters; where there is none, an Envoy does it.
fn is_judged_by_its_traffic() {
    let place = Place::with(&["-n", "2", "--istio", "--nodes"]);
    place.use_kubeconfig();
    let sample = program_dir().join("mesh-sample");
    place.program(
        "mesh-sample",
        &format!(
            "case $* in *\" v1 \"*) image=helloworld-v1 ;; *\" v2 \"*) image=helloworld-v2 ;;
             *) image=tools ;; esac
             exec {} \"$@\" -q --image localhost/$image:1 --image-pull-policy Never\n",
            sample.display()
        ),
    );
    let networks = ["--networks", "network1,network2", "--probe"];
    let clusters = ["cluster1", "cluster2"];
    let unanswered = balanced(&place, "on-prem-mesh", &[&networks[..], &clusters].concat());
    assert_eq!((unanswered.code, unanswered.stdout.as_str()), (Some(1), ""), "{unanswered:?}");
    assert!(unanswered.stderr.contains("do the credentials work?"), "{unanswered:?}");
    assert!(place.read("mesh/replies.jsonl").contains("\"error\":\"dns\""), "{unanswered:?}");

    let address = |context: &str, app: &str| {
        wait_for("a pod that is ready", || {
            let pods = place.get(context, &["pods", "-n", "sample", "-l", &format!("app={app}")]);
            let status = &pods["items"][0]["status"];
            let ready = status["containerStatuses"][0]["ready"] == json!(true);
            ready.then(|| status["podIP"].as_str().map(str::to_owned)).flatten()
        })
    };
    let endpoints = clusters.map(|context| address(context, "helloworld"));
    let envoy = envoy_pod("sample", &configuration(&endpoints));
    let _ = place.kubectl("cluster1", &["apply", "-f", "-"], &envoy).ok();
    let url = format!("http://{}:5000/hello", address("cluster1", "envoy"));
    for _ in 0..2 {
        let all = [&networks[..], &["--url", &url], &clusters].concat();
        let ran = balanced(&place, "on-prem-mesh", &all);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    }
}

/// The test bed's clusters, which have Istio and one root.
fn with_istio() -> Place {
    let place = Place::with(&["-n", "2", "--istio"]);
    place.use_kubeconfig();
    place
}

fn joins_contexts() {
    let place = with_istio();
    let args = ["--networks", "network1,network2", "cluster1", "cluster2"];
    // A flag that is not used would be warned of at every run.
    let steps = shows(&place, "on-prem-mesh", &args);
    assert!(!steps.contains("--platform"), "{steps}");
    let steps = shows(&place, "on-prem-mesh", &[&["--internal"], &args[..]].concat());
    assert!(steps.contains("--load-balancer internal --platform onprem"), "{steps}");
    // The pods first: an address alone is too early.
    let ready = ["rollout status deployment/istio-eastwestgateway", "mesh-lbaddr", "mesh-check"];
    let places = ready.map(|step| steps.find(step).expect(step));
    assert!(places.is_sorted(), "{steps}");
    let first = balanced(&place, "on-prem-mesh", &args);
    assert_eq!((first.code, first.stdout.as_str()), (Some(0), ""), "{first:?}");
    assert_eq!(place.remote_secrets("cluster1"), ["istio-remote-secret-cluster2"]);
    assert_eq!(place.remote_secrets("cluster2"), ["istio-remote-secret-cluster1"]);
    let before = place.written();
    let second = place.runbook(None, "on-prem-mesh", &args);
    assert_eq!((second.code, second.stdout.as_str()), (Some(0), ""), "{second:?}");
    assert_eq!(place.written(), before);

    // Without an address for the others there is no mesh.
    let status = json!({"apiVersion": "v1", "kind": "Service", "status": {}});
    let mut service =
        place.get("cluster2", &["service", "istio-eastwestgateway", "-n", "istio-system"]);
    service["status"] = status["status"].clone();
    let path = "/api/v1/namespaces/istio-system/services/istio-eastwestgateway/status";
    let _ = place
        .kubectl("cluster2", &["replace", "--raw", path, "-f", "-"], &service.to_string())
        .ok();
    let late = place.runbook(None, "on-prem-mesh", &[&["--timeout", "2s"], &args[..]].concat());
    assert_eq!((late.code, late.stdout.as_str()), (Some(5), ""), "{late:?}");
    // A Secret of the one that is another's: found, by its code.
    balance(&place, "cluster2", "192.0.2.2");
    let broken = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {
        "name": "istio-remote-secret-cluster3", "namespace": "istio-system",
        "labels": {"istio/multiCluster": "true"}}, "stringData": {"cluster3": "not a kubeconfig"}});
    let _ = place.kubectl("cluster1", &["apply", "-f", "-"], &broken.to_string()).ok();
    let no = place.runbook(None, "on-prem-mesh", &args);
    assert_eq!((no.code, no.stdout.as_str()), (Some(1), ""), "{no:?}");
    assert!(no.stderr.contains("istio-remote-secret-cluster3"), "{no:?}");
}

fn cleans_up() {
    let place = with_istio();
    let clean = ["--clean-up", "cluster1", "cluster2"];
    for context in ["cluster1", "cluster2"] {
        let _ = place.kubectl(context, &["create", "namespace", "sample"], "").ok();
    }
    let web = ["create", "deployment", "web", "--image", "web", "-n", "sample"];
    let _ = place.kubectl("cluster2", &web, "").ok();
    let kept = place.runbook(None, "on-prem-mesh", &clean);
    assert_eq!(kept.code, Some(1), "{kept:?}");
    assert!(kept.stderr.contains("deployment.apps/web"), "{kept:?}");
    let _ = place.get("cluster2", &["namespace", "sample"]);
    let _ = place.kubectl("cluster2", &["delete", "deployment", "web", "-n", "sample"], "").ok();
    for _ in 0..2 {
        let ran = place.runbook(None, "on-prem-mesh", &clean);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    }
    for context in ["cluster1", "cluster2"] {
        let gone = || place.kubectl(context, &["get", "namespace", "sample"], "").code == Some(1);
        wait_for("the end of the namespace", || gone().then_some(()));
    }
}

fn refuses_wrong_usage() {
    let place = with_istio();
    kubeconfigs(&place);
    let before = tree(place.dir.path());
    for args in [
        &[][..],
        &["cluster1"],
        &["cluster1", "cluster1"],
        &["cluster1", "no-such-context"],
        &["west.kubeconfig", "cluster2"],
        &["a=west.kubeconfig", "a=east.kubeconfig"],
        &["--networks", "a", "cluster1", "cluster2"],
        &["--networks", "a,a", "cluster1", "cluster2"],
        &["--platform", "gke", "cluster1", "cluster2"],
        &["--ca", "mesh_ca", "cluster1", "cluster2"],
        &["--ca", "no-such-ca", "cluster1", "cluster2"],
        &["--mesh", "$(touch x)", "cluster1", "cluster2"],
        &["--no-such-flag", "cluster1", "cluster2"],
    ] {
        let ran = place.runbook(None, "off-google-mesh", args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?} {ran:?}");
        assert!(ran.stderr.starts_with("off-google-mesh: "), "{ran:?}");
    }
    assert_eq!(tree(place.dir.path()), before);
}
