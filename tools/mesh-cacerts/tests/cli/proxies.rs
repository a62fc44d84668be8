//! Every proxy of a mesh: which there are, how they are restarted, and that no step of a rotation goes
//! on before they were.

use super::{folder, items, list, output, root_map, text, tool, two};
use predicates::prelude::*;
use predicates::str::{contains, is_empty};
use serde_json::{Value, json};
use std::path::Path;

/// A pod as istiod's injector and the API server leave it: Istio 1.31, native sidecars or not.
fn pod(name: &str, namespace: &str, owner: Value, labels: Value, spec: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels, "ownerReferences": owner},
        "spec": spec,
        "status": {"phase": "Running", "startTime": "2025-06-01T00:00:00Z"},
    })
}

fn owned(kind: &str, name: &str) -> Value {
    json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "controller": true}])
}

fn with_proxy() -> Value {
    json!({"containers": [{"name": "app"}, {"name": "istio-proxy"}]})
}

/// An ingress gateway that the injector made of `image: auto`: it has no label
/// `security.istio.io/tlsMode`, which sidecars have.
fn ingress(started: &str) -> Value {
    let labels = json!({"app": "istio-ingress", "istio": "ingress", "pod-template-hash": "6b7",
        "service.istio.io/canonical-name": "istio-ingress", "sidecar.istio.io/inject": "true"});
    let spec =
        json!({"containers": [{"name": "istio-proxy", "image": "docker.io/istio/proxyv2:1.31.0"}]});
    let owner = owned("ReplicaSet", "istio-ingress-6b7");
    let mut pod = pod("istio-ingress-6b7-x", "edge", owner, labels, spec);
    pod["status"]["startTime"] = json!(started);
    pod
}

fn istiod(started: &str) -> Value {
    let labels = json!({"app": "istiod", "istio": "pilot", "pod-template-hash": "1"});
    let spec = json!({"containers": [{"name": "discovery"}]});
    let mut pod = pod("istiod-1-x", "istio-system", owned("ReplicaSet", "istiod-1"), labels, spec);
    pod["status"]["startTime"] = json!(started);
    pod
}

fn entry(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry",
        "metadata": {"name": name, "namespace": "vm"}, "spec": spec})
}

fn machine() -> Value {
    entry("vm1", json!({"address": "192.0.2.7", "serviceAccount": "vm"}))
}

/// All that has a proxy, and what has none.
fn everything() -> Vec<Value> {
    let hash = json!({"pod-template-hash": "5f", "security.istio.io/tlsMode": "istio"});
    let native = json!({"initContainers": [{"name": "istio-proxy", "restartPolicy": "Always"}],
        "containers": [{"name": "db"}]});
    let gateway_api =
        json!({"pod-template-hash": "9d", "gateway.networking.k8s.io/gateway-name": "gw"});
    vec![
        istiod("2025-06-01T00:00:00Z"),
        ingress("2025-06-01T00:00:00Z"),
        pod("web-5f-x", "sample", owned("ReplicaSet", "web-5f"), hash.clone(), with_proxy()),
        pod("web-5f-y", "sample", owned("ReplicaSet", "web-5f"), hash, with_proxy()),
        pod("db-0", "sample", owned("StatefulSet", "db"), json!({}), native),
        pod(
            "gw-istio-9d-x",
            "infra",
            owned("ReplicaSet", "gw-istio-9d"),
            gateway_api,
            with_proxy(),
        ),
        pod("ztunnel-x", "istio-system", owned("DaemonSet", "ztunnel"), json!({}), with_proxy()),
        pod("job-x", "sample", owned("Job", "job"), json!({}), with_proxy()),
        pod(
            "plain-1",
            "other",
            owned("ReplicaSet", "plain"),
            json!({}),
            json!({"containers": [{"name": "app"}]}),
        ),
        machine(),
        entry("labelled", json!({"labels": {"security.istio.io/tlsMode": "istio"}})),
        // Addresses outside of the mesh.
        entry("outside", json!({"address": "192.0.2.8"})),
        entry(
            "off",
            json!({"serviceAccount": "a", "labels": {"security.istio.io/tlsMode": "disabled"}}),
        ),
    ]
}

#[test]
fn every_proxy_is_restarted_and_waited_for() {
    let dir = folder();
    let mut restarts = tool(dir.path(), &["restarts", "--cluster", "a"]);
    let ran = restarts.write_stdin(list(&everything())).assert().success();
    let all = [
        ("daemonset/ztunnel", "istio-system"),
        ("deployment/gw-istio", "infra"),
        ("deployment/istio-ingress", "edge"),
        ("deployment/web", "sample"),
        ("statefulset/db", "sample"),
    ];
    let said = String::from_utf8(ran.get_output().stdout.clone()).unwrap();
    let mut lines: Vec<&str> = said.lines().collect();
    for (workload, namespace) in all {
        let restart = format!("kubectl --context a rollout restart {workload} -n {namespace}");
        let wait =
            format!("kubectl --context a rollout status {workload} --timeout=10m -n {namespace}");
        let place = |line: &str| lines.iter().position(|one| *one == line).expect(line);
        assert!(place(&restart) < place(&wait));
        lines.retain(|line| *line != restart && *line != wait);
    }
    // What no command restarts is said twice: a script passes over comments.
    assert_eq!(lines.len(), 3, "{said}");
    assert!(lines.iter().all(|line| line.starts_with("# ")), "{said}");
    ran.stderr(
        contains("cluster a: machine vm/vm1: make its files anew with mesh-vm-env")
            .and(contains("machine vm/labelled: "))
            .and(contains("job-x"))
            .and(contains("outside").not())
            .and(contains("vm/off").not()),
    );
    for (input, reason) in [
        (list(&two(dir.path())[..1]), "its pods are not in the input"),
        (format!("{0}\n{0}", list(&[istiod("2025-06-01T00:00:00Z")])), "its name is not known"),
    ] {
        let mut restarts = tool(dir.path(), &["restarts"]);
        restarts.write_stdin(input).assert().failure().stdout(is_empty()).stderr(contains(reason));
    }
}

fn rotate(dir: &Path, args: &[&str], objects: &[Value]) -> assert_cmd::Command {
    let mut rotate =
        tool(dir, &["rotate", "--root-dir", "next", "--key", "ecdsa-p256", "-o", "json"]);
    rotate.args(args).write_stdin(list(objects));
    rotate
}

fn after(dir: &Path, step: &str, objects: &[Value]) -> Vec<Value> {
    items(&output(&mut rotate(dir, &["-q", "--step", step], objects)))
}

fn steps(text: &str) -> Vec<(u64, Value)> {
    let step = |line: &str| {
        let step: Value = serde_json::from_str(line).unwrap();
        (step["step"].as_u64().unwrap(), step)
    };
    text.lines().map(step).collect()
}

fn plan(dir: &Path, args: &[&str], objects: &[Value]) -> Vec<u64> {
    let text = output(&mut rotate(dir, args, objects));
    steps(&text).into_iter().map(|(step, _)| step).collect()
}

/// As kubectl prints them with --show-managed-fields.
fn written(mut object: Value, time: &str) -> Value {
    object["metadata"]["managedFields"] = json!([{"manager": "meshutils", "time": time}]);
    object
}

/// Cluster a with a Secret of this time, what istiod published then, and pods.
fn cluster(secret: &Value, time: &str, pods: &[Value]) -> Vec<Value> {
    let map = root_map("a", "istio-system", &text(secret, "root-cert.pem"));
    let in_a = |mut object: Value| {
        object["metadata"]["annotations"] = json!({"meshutils/cluster": "a"});
        object
    };
    let own = [written(secret.clone(), time), written(map, time)];
    own.into_iter().chain(pods.iter().cloned().map(in_a)).collect()
}

const BEFORE: &str = "2025-12-31T23:00:00Z";
const CHANGED: &str = "2025-12-31T23:30:00Z";
const LATER: &str = "2025-12-31T23:50:00Z";

#[test]
fn a_step_waits_for_every_proxy_that_the_input_shows() {
    let dir = folder();
    let first = two(dir.path()).remove(0);
    let trusting = after(dir.path(), "1", std::slice::from_ref(&first)).remove(0);
    let behind = cluster(&trusting, CHANGED, &[istiod(LATER), ingress(BEFORE)]);
    let text = output(&mut rotate(dir.path(), &[], &behind));
    let (number, step) = steps(&text).remove(0);
    assert_eq!((number, &step["clusters"]), (2, &json!(["a"])));
    // istiod has the roots already: proxies alone are restarted.
    assert_eq!(step["commands"].as_array().unwrap().len(), 2, "{step}");
    rotate(dir.path(), &["--step", "3"], &behind).assert().code(3).stdout(is_empty()).stderr(
        contains(
            "cluster a: was not restarted since step 2: deployment/istio-ingress in namespace edge",
        ),
    );
    let restarted = cluster(&trusting, CHANGED, &[istiod(LATER), ingress(LATER)]);
    assert_eq!(plan(dir.path(), &[], &restarted), [3, 4]);
    let signing = after(dir.path(), "3", &restarted).remove(0);

    let behind = cluster(&signing, CHANGED, &[istiod(LATER), ingress(BEFORE)]);
    assert_eq!(plan(dir.path(), &[], &behind), [3, 4]);
    rotate(dir.path(), &["--step", "4"], &behind)
        .assert()
        .code(3)
        .stdout(is_empty())
        .stderr(contains("was not restarted since step 3: deployment/istio-ingress"));
    let restarted = cluster(&signing, CHANGED, &[istiod(LATER), ingress("2025-12-31T23:55:00Z")]);
    assert_eq!(plan(dir.path(), &[], &restarted), [4]);
    let done = after(dir.path(), "4", &restarted).remove(0);

    // The gateway that was forgotten all along.
    let behind = cluster(&done, CHANGED, &[istiod(LATER), ingress(BEFORE)]);
    assert_eq!(plan(dir.path(), &[], &behind), [4]);
    let restarted = cluster(&done, CHANGED, &[istiod(LATER), ingress(LATER)]);
    assert_eq!(plan(dir.path(), &[], &restarted), [0_u64; 0]);
    // After its life of a day a certificate was made anew.
    let long_ago =
        cluster(&done, "2025-12-30T23:30:00Z", &[istiod(LATER), ingress("2025-12-01T00:00:00Z")]);
    assert_eq!(plan(dir.path(), &[], &long_ago), [0_u64; 0]);
}

#[test]
fn machines_are_restarted_by_hand_between_the_steps() {
    let dir = folder();
    let first = two(dir.path()).remove(0);
    let trusting = after(dir.path(), "1", std::slice::from_ref(&first)).remove(0);
    let objects = cluster(&trusting, CHANGED, &[istiod(LATER), ingress(LATER), machine()]);
    let mut asked = rotate(dir.path(), &[], &objects);
    let ran = asked.assert().success().stderr(
        contains("further steps come after the machines were restarted")
            .and(contains("--machines-restarted")),
    );
    let text = String::from_utf8(ran.get_output().stdout.clone()).unwrap();
    let all = steps(&text);
    assert_eq!(all.len(), 1, "{text}");
    assert_eq!(all[0].0, 2);
    let by_hand = "# cluster a: machine vm/vm1: make its files anew with mesh-vm-env, and put them \
                   there with vm-install, which restarts its proxy";
    assert_eq!(all[0].1["commands"].as_array().unwrap().last().unwrap(), by_hand);
    let refused = |args: &[&str], objects: &[Value]| {
        rotate(dir.path(), args, objects)
            .assert()
            .code(3)
            .stdout(is_empty())
            .stderr(contains("it is not to be seen whether machines were restarted: vm/vm1"));
    };
    refused(&["--step", "3"], &objects);
    refused(&["--step", "3", "--machines-restarted", BEFORE], &objects);
    let told = ["--machines-restarted", LATER];
    // The third step restarts all of them once more.
    assert_eq!(plan(dir.path(), &told, &objects), [3]);
    let third = [&["-q", "--step", "3"], &told[..]].concat();
    let signing = items(&output(&mut rotate(dir.path(), &third, &objects))).remove(0);
    let objects = cluster(&signing, LATER, &[istiod("2025-12-31T23:51:00Z"), machine()]);
    refused(&[&["--step", "4"], &told[..]].concat(), &objects);
    let told = ["--machines-restarted", "2025-12-31T23:59:00Z"];
    assert_eq!(plan(dir.path(), &told, &objects), [4]);
    let done = items(&output(&mut rotate(
        dir.path(),
        &[&["-q", "--step", "4"], &told[..]].concat(),
        &objects,
    )));
    // At the end nobody is cut off who was restarted before.
    let objects = cluster(&done[0], LATER, &[istiod("2025-12-31T23:51:00Z"), machine()]);
    assert_eq!(plan(dir.path(), &[], &objects), [0_u64; 0]);
}

#[test]
fn what_was_not_seen_is_unknown() {
    let dir = folder();
    let first = two(dir.path()).remove(0);
    let trusting = after(dir.path(), "1", std::slice::from_ref(&first)).remove(0);
    let map = root_map("a", "istio-system", &text(&trusting, "root-cert.pem"));
    let without_pods = [trusting.clone(), map];
    for args in [&[][..], &["--step", "3"]] {
        let unknown =
            "its pods are not in the input: whether its proxies were restarted is not known";
        rotate(dir.path(), args, &without_pods).assert().success().stderr(contains(unknown));
    }
    let signing = after(dir.path(), "3", &without_pods).remove(0);
    let mut pods = cluster(&signing, CHANGED, &[istiod(LATER), ingress("2025-12-31T23:58:00Z")]);
    pods[0]["metadata"].as_object_mut().unwrap().remove("managedFields");
    rotate(dir.path(), &["--step", "4"], &pods)
        .assert()
        .success()
        .stderr(contains("the input does not tell since when istiod has what it was given"));
    // One that is older than the CA surely has nothing of it.
    let mut pods = cluster(&signing, CHANGED, &[istiod(LATER), ingress("2025-06-01T00:00:00Z")]);
    pods[0]["metadata"].as_object_mut().unwrap().remove("managedFields");
    rotate(dir.path(), &["--step", "4"], &pods).assert().code(3).stdout(is_empty());
}

/// A remote cluster has proxies, and no CA and no istiod.
#[test]
fn proxies_of_a_remote_cluster_are_restarted_with_the_others() {
    let dir = folder();
    let first = two(dir.path()).remove(0);
    let trusting = after(dir.path(), "1", std::slice::from_ref(&first)).remove(0);
    let own = list(&cluster(&trusting, CHANGED, &[istiod(LATER), ingress(LATER)]));
    let remote = |started: &str| {
        let mut pod = ingress(started);
        pod["metadata"]["annotations"] = json!({"meshutils/cluster": "remote"});
        let map = root_map("remote", "istio-system", &text(&trusting, "root-cert.pem"));
        list(&[written(map, CHANGED), pod])
    };
    let asked = |started: &str| {
        let mut rotate = tool(dir.path(), &["rotate", "--root-dir", "next", "-o", "json"]);
        rotate.write_stdin(format!("{own}\n{}", remote(started)));
        rotate
    };
    let note = "cluster remote: it has pods, and neither a CA nor istiod is in the input";
    let ran = asked(BEFORE).assert().success().stderr(contains(note));
    let text = String::from_utf8(ran.get_output().stdout.clone()).unwrap();
    let (number, step) = steps(&text).remove(0);
    assert_eq!((number, &step["clusters"]), (2, &json!(["remote"])));
    let restarts = step["commands"][0].as_str().unwrap();
    assert!(restarts.contains("for c in a remote; do "), "{restarts}");
    let ran = asked(LATER).assert().success();
    let text = String::from_utf8(ran.get_output().stdout.clone()).unwrap();
    assert_eq!(steps(&text)[0].0, 3);
    let apply = steps(&text)[0].1["commands"][0].as_str().unwrap().to_owned();
    assert!(apply.ends_with("| mesh-apply --force-conflicts --context a"), "{apply}");
}
