//! What is refused, and the forms of the answer.

use super::mesh::{Mesh, file, healthy};
use super::{brief, only, only_of, run_with, script, steps, steps_with, tool};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};

#[test]
fn nothing_is_missing_in_a_whole_mesh() {
    assert_eq!(steps(&healthy(3)), Vec::<Value>::new());
    let text = healthy(2).text();
    tool(&[]).write_stdin(&*text).assert().code(0).stdout("nothing to do\n").stderr("");
    tool(&["-o", "json"]).write_stdin(&*text).assert().code(0).stdout("");
    let script = "#!/bin/sh\n# nothing to do\n";
    tool(&["-o", "sh"]).write_stdin(&*text).assert().code(0).stdout(script);
}

#[test]
fn what_does_not_answer_waits() {
    let mesh = healthy(3).without(1, "Gateway", "cross-network-gateway").silent(2);
    let steps = steps(&mesh);
    let (now, later): (Vec<&Value>, Vec<&Value>) =
        steps.iter().partition(|step| step["waitsFor"].is_null());
    let now: Vec<Value> = now.into_iter().cloned().collect();
    assert_eq!(brief(&now), ["exposure c1", "verification mesh"]);
    assert_eq!(now[1]["command"], "mesh-capture --context ctx-c1 --context ctx-c3 | mesh-check");
    assert!(later.iter().all(|step| step["waitsFor"] == "c2"));
    let later: Vec<Value> = later.into_iter().cloned().collect();
    assert_eq!(
        brief(&later),
        [
            "networks c2",
            "gateways c2",
            "gateways c2",
            "exposure c2",
            "secrets c1",
            "secrets c3",
            "namespaces c2"
        ]
    );
    assert_eq!(later[0]["why"], "its label is not known: it did not answer: connection refused");
    assert_eq!(later[0]["order"], 2);
    assert_eq!(now[1]["order"], 9);
    let script = script(&mesh, &file(3), &[]);
    assert!(
        script.contains("\nif kubectl --context ctx-c2 get --raw=/readyz >/dev/null 2>&1; then\n"),
        "{script}"
    );
    assert!(script.contains(
        "\nelse\nprintf '%s\\n' 'c2 does not answer: its steps are left out' >&2\nstatus=4\nfi\n"
    ));
}

#[test]
fn what_could_not_be_read_counts_as_missing() {
    let mesh = healthy(2).with(1, "Capture", "c1", |header| {
        header["notRead"] = json!([{"resource": "secrets", "reason": "forbidden"}]);
    });
    let step = only(&mesh);
    assert_eq!(step["cluster"], "c2");
    assert_eq!(
        step["why"],
        "whether it has them is not known: its secrets were not read: forbidden"
    );
}

#[test]
fn records_alone_are_a_runbook() {
    let record = |name: &str, network: &str| {
        json!({"apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": name,
            "id": format!("cn-{name}"), "network": network, "context": name,
            "kubeconfig": format!("/k/{name}")})
        .to_string()
    };
    let input = record("a", "n1") + &record("b", "n2");
    let run = |files: &str| {
        let mut tool = tool(&["-o", "lines"]);
        tool.env("KUBECONFIG", files).write_stdin(input.as_str()).assert().code(1)
    };
    // A kubeconfig may run programs: one that only the input names is in no command.
    run("/k/c")
        .stdout(contains("mesh-remote-secret --name cn-a --context a | mesh-apply -q --context b"))
        .stdout(contains("/k/").not())
        .stderr(contains("cluster a: names the kubeconfig /k/a, which you did not"));
    run("/k/a:/k/b")
        .stdout(contains("mesh-remote-secret --name cn-a --kubeconfig /k/a --context a | mesh-apply -q --kubeconfig /k/b --context b"))
        .stdout(contains("KUBECONFIG=/k/a:/k/b mesh-capture --context a --context b | mesh-check"))
        .stderr(contains("whether istiod runs there is not known: there is no capture of it"));
}

#[test]
fn what_is_wanted_has_to_be_clear() {
    let fails = |mesh: &Mesh, file: &str, args: &[&str], code: i32, told: &str| {
        let output = run_with(mesh, file, args);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{errors}");
        assert!(errors.contains(told), "{told}: {errors}");
        assert!(output.stdout.is_empty());
    };
    let two = healthy(2);
    let with_firewall = file(2) + "firewall: {network: vpc, tags: [a]}\n";
    fails(&two, &with_firewall, &[], 2, "gcloud compute firewall-rules list --format=json");
    fails(&two, &with_firewall, &["--undo"], 2, "--firewall-rules");
    fails(&two, &file(2), &["--undo", "--leave", "c1"], 2, "cannot be used with");
    fails(&two, "kind: Mesh", &[], 3, "is no Mesh");
    fails(&two, &file(2).replace("n2", "N_/"), &[], 3, ".clusters[1].network");
    let in_two = two.clone().with(1, "Namespace", "istio-system", |one| {
        one["metadata"]["labels"]["topology.istio.io/network"] = json!("other");
    });
    fails(
        &in_two,
        &file(2).replace(", network: n1", ""),
        &[],
        3,
        "it is in the networks n1 and other",
    );
    let bare = "apiVersion: meshutils/v1alpha1\nkind: Mesh\nclusters: [{name: c1}, {name: c9}]\n";
    fails(&two, bare, &[], 3, "cluster c9: its network is not known");
    let mut same = two.clone();
    same.0[1] = same.0[0].clone();
    same.0[1][0]["metadata"]["name"] = json!("c2");
    tool(&[]).write_stdin(same.text()).assert().code(3).stderr(contains("have one ID, c1"));
    let installed = two.clone().without(1, "Deployment", "istiod");
    let no_id = file(2).replace("meshId: mesh1\n", "");
    let mut without = installed.clone();
    for cluster in [1, 2] {
        without = without.without(cluster, "ConfigMap", "istio").without(
            cluster,
            "ConfigMap",
            "istio-sidecar-injector",
        );
    }
    fails(&without, &no_id, &[], 3, "the mesh's ID is not known");
    fails(
        &Mesh(vec![without.0[0][..1].to_vec()]),
        "apiVersion: meshutils/v1alpha1\nkind: Mesh\nmeshId: m\nclusters: [{name: c1}]\n",
        &[],
        3,
        "its network is not known",
    );
    let internal = file(2) + "networks: {n1: {loadBalancer: internal}}\n";
    let mesh = two.clone().without(1, "Service", "istio-eastwestgateway");
    fails(&mesh, &internal, &[], 3, "say it in the file: networks, platform");
    tool(&["-"]).write_stdin(two.text()).assert().code(2).stderr(contains("read from a file"));
    tool(&["none.yaml"]).write_stdin(two.text()).assert().code(3).stderr(contains("none.yaml"));
    tool(&["--at", "noon"]).write_stdin(two.text()).assert().code(2);
    tool(&["--stage", "all"]).write_stdin(two.text()).assert().code(2);
    tool(&[]).write_stdin("").assert().code(3).stderr(contains("is empty"));
    // A cluster that is in no mesh is told, and no more.
    let output = run_with(&two, &file(1), &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cluster c2 is not in the mesh"));
}

#[test]
fn scripts_are_shell() {
    let mut empty = healthy(3);
    empty.0[1].truncate(2);
    for (mesh, args) in [
        (empty.silent(3), vec![]),
        (healthy(3), vec!["--undo"]),
        (healthy(3).silent(1), vec!["--leave", "c2"]),
    ] {
        let script = script(&mesh, &file(3), &args);
        let mut shell = assert_cmd::Command::new("sh");
        shell.arg("-n").write_stdin(&*script).assert().success().stderr("");
        assert!(script.starts_with("#!/bin/sh\nset -eu\n{\n\n# 1. "), "{script}");
        // Without any of the tools the first line ends it.
        let mut shell = assert_cmd::Command::new("/bin/sh");
        let ran = shell.env("PATH", "/nowhere").write_stdin(&*script).assert().failure();
        ran.stderr(contains("not found"));
        assert_eq!(script, self::script(&mesh, &file(3), &args));
    }
}

#[test]
fn names_stay_names_in_a_shell() {
    let file = file(2).replace("name: c1,", "name: c1, context: \"a b; $(touch x)\",");
    let text = "apiVersion: meshutils/v1alpha1\nkind: Mesh\nmeshId: mesh1\n";
    assert!(file.starts_with(text));
    let mesh = healthy(2).without(1, "Gateway", "cross-network-gateway");
    let step = only_of(&steps_with(&mesh, &file, &[]));
    assert!(
        step["command"].as_str().is_some_and(|line| line.ends_with("--context 'a b; $(touch x)'"))
    );
}
