//! The program as a user runs it.

use super::mesh::broken::{
    CAPTURES, CONTROL_PLANES, FIREWALLS, GATEWAYS, IDENTITY, INJECTION, LINT,
};
use super::mesh::broken::{MACHINES, NETWORKS, ROOTS, SECRETS, SERVICES};
use super::mesh::{AT, Mesh};
use predicates::prelude::*;
use predicates::str::{contains, is_empty, starts_with};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-check");
    tool.env_clear().args(["--at", AT]).args(args);
    tool
}

/// A healthy mesh, and one that is broken by this code's case.
fn broken(code: &str) -> Mesh {
    let all = [
        CAPTURES,
        IDENTITY,
        CONTROL_PLANES,
        SECRETS,
        LINT,
        ROOTS,
        NETWORKS,
        GATEWAYS,
        FIREWALLS,
        INJECTION,
        SERVICES,
        MACHINES,
    ];
    let (_, break_it) =
        all.into_iter().flatten().find(|(known, _)| *known == code).expect("a case");
    let mut mesh = Mesh::healthy();
    break_it(&mut mesh);
    mesh
}

#[test]
fn a_healthy_mesh_is_a_silent_yes() {
    let text = Mesh::healthy().text();
    for form in ["lines", "json"] {
        let mut tool = tool(&["-o", form, "--fail-on", "warning"]);
        tool.write_stdin(text.clone()).assert().success().stdout(is_empty()).stderr(is_empty());
    }
    tool(&["-o", "sarif"]).write_stdin(text.clone()).assert().success().stdout(contains("2.1.0"));
    let junit = tool(&["-o", "junit"]).write_stdin(text).assert().success();
    junit.stdout(contains("<testsuite name=\"mesh-check\"").and(contains("failures=\"0\"")));
}

#[test]
fn a_finding_is_told_with_what_heals_it() {
    let text = broken("MESH0473").text();
    let lines = "error: cluster cluster1: it has no credentials for cluster2 (MESH0473)\n  \
                 fix: mesh-remote-secret --context cluster2 --name cluster2 --ttl 2184h | \
                 kubectl --context cluster1 apply --server-side --field-manager \
                 meshutils --force-conflicts -f -\n";
    tool(&[]).write_stdin(text.clone()).assert().code(1).stdout(lines).stderr(is_empty());
    let table = "SEVERITY  CODE      OBJECT    MESSAGE\nerror     MESH0473  cluster1  ";
    tool(&["-o", "table"]).write_stdin(text).assert().code(1).stdout(starts_with(table));
}

/// Commands that can be told by heart: one for each kind of what is broken.
#[test]
fn fixes_are_whole_commands() {
    for (code, fix) in [
        (
            "MESH0434",
            "mesh-remote-secret --context cluster2 --name cluster2 --ttl 24h | kubectl --context \
             cluster1 apply --server-side --field-manager meshutils --force-conflicts -f -",
        ),
        (
            "MESH0402",
            "kubectl --context cluster1 label secret istio-remote-secret-cluster2 -n istio-system \
             istio/multiCluster=true --overwrite --field-manager meshutils",
        ),
        (
            "MESH0401",
            "kubectl --context cluster1 get secret istio-remote-secret-cluster2 -n default -o yaml \
             | sed -e '/^  resourceVersion:/d' -e '/^  uid:/d' -e '/^  creationTimestamp:/d' -e \
             's/^  namespace: default$/  namespace: istio-system/' | kubectl --context cluster1 \
             apply --server-side --field-manager meshutils --force-conflicts -f - && kubectl \
             --context cluster1 delete secret \
             istio-remote-secret-cluster2 -n default",
        ),
        (
            "MESH0471",
            "kubectl --context cluster1 delete secret istio-remote-secret-cluster2 -n istio-system \
             && mesh-remote-secret --context cluster2 --name cluster2 --ttl 2184h | kubectl --context cluster1 \
             apply --server-side --field-manager meshutils --force-conflicts -f -",
        ),
        (
            "MESH0101",
            "kubectl --context cluster2 set env deployment/istiod -n istio-system \
             CLUSTER_ID=cluster2",
        ),
        ("MESH0601", "mesh-label-ns --context cluster1 --network network1 istio-system"),
        (
            "MESH0612",
            "kubectl --context cluster1 label service istio-eastwestgateway -n istio-system \
             topology.istio.io/network=network1 --overwrite --field-manager meshutils",
        ),
        ("MESH0614", "mesh-lbaddr --context cluster1 istio-eastwestgateway -n istio-system --wait"),
        (
            "MESH0619",
            "mesh-expose services --istio-version=1.29.2 | kubectl --context cluster1 apply \
             --server-side --field-manager meshutils --force-conflicts -f -",
        ),
        (
            "MESH0711",
            "mesh-label-ns --context cluster1 --rev default sample && kubectl --context cluster1 \
             rollout restart -n sample deployment/helloworld",
        ),
        (
            "MESH0721",
            "kubectl --context cluster1 patch service helloworld -n sample --type=merge -p \
             '{\"spec\":{\"ports\":[{\"name\":\"http\",\"port\":5000,\"protocol\":\"TCP\"\
             }]}}'",
        ),
    ] {
        let output =
            tool(&["-o", "json"]).write_stdin(broken(code).text()).assert().get_output().clone();
        let text = String::from_utf8(output.stdout).expect("text");
        let first: Value =
            serde_json::from_str(text.lines().next().expect("a finding")).expect("JSON");
        assert_eq!(first["code"], code);
        assert_eq!(first["fix"], fix, "{code}");
    }
}

/// The first fix with this code.
fn fix_of(code: &str, mesh: &Mesh) -> String {
    let output = tool(&["-o", "json"]).write_stdin(mesh.text()).assert().get_output().clone();
    let text = String::from_utf8(output.stdout).expect("text");
    let mut findings = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let finding = findings.find(|finding| finding["code"] == code);
    let finding = finding.unwrap_or_else(|| panic!("no {code} in {text}"));
    finding["fix"].as_str().expect("a fix").to_owned()
}

/// The same command again would make another token without an end, and without a control plane a
/// cluster of another name.
#[test]
fn a_token_without_an_end_gets_one_and_its_cluster_keeps_its_name() {
    let expected = "mesh-remote-secret --context cluster2 --name cluster2 --ttl 720h | kubectl \
                    --context cluster1 apply --server-side --field-manager meshutils \
                    --force-conflicts -f -";
    let mut mesh = broken("MESH0436");
    assert_eq!(fix_of("MESH0436", &mesh), expected);
    // No control plane of its own, and no record: only its readers have a name for it.
    let known = ["Deployment", "ConfigMap"];
    let is_known = |item: &Value| known.iter().any(|kind| item["kind"] == *kind);
    mesh.items("cluster2").retain(|item| !is_known(item));
    if let Some(header) = mesh.header("cluster2").as_object_mut() {
        header.remove("record");
    }
    assert_eq!(fix_of("MESH0436", &mesh), expected);
}

/// Every command can be read by a shell, and begins with a program of ours or one that people have.
#[test]
fn every_fix_is_one_that_a_shell_reads() {
    let known = [
        "kubectl",
        "istioctl",
        "gcloud",
        "chronyc",
        "mesh-apply",
        "mesh-cacerts",
        "mesh-capture",
        "mesh-cidrs",
        "mesh-expose",
        "mesh-gateway-gen",
        "mesh-label-ns",
        "mesh-lbaddr",
        "mesh-remote-secret",
        "mesh-clusters",
        "echo",
        "sed",
    ];
    let mut script = String::new();
    for (code, _) in [CAPTURES, IDENTITY, CONTROL_PLANES, SECRETS, LINT, ROOTS, NETWORKS, GATEWAYS]
        .into_iter()
        .chain([FIREWALLS, INJECTION, SERVICES, MACHINES])
        .flatten()
    {
        let output =
            tool(&["-o", "json"]).write_stdin(broken(code).text()).assert().get_output().clone();
        let text = String::from_utf8(output.stdout).expect("text");
        for line in text.lines() {
            let finding: Value = serde_json::from_str(line).expect("JSON");
            let fix = finding["fix"].as_str().expect("a fix");
            if *code == "MESH0303" {
                // No command makes a list shorter.
                continue;
            }
            writeln!(script, "{fix}").expect("it is written");
        }
    }
    // Each program says its name and takes what is piped in.
    let stand_ins: String = known.iter().fold(String::new(), |all, name| {
        let function = name.replace('-', "_");
        all + &format!("{function}() {{ if [ ! -t 0 ]; then command cat >/dev/null; fi; }}\n")
    });
    let script =
        known.iter().fold(script, |script, name| script.replace(name, &name.replace('-', "_")));
    let mut shell = assert_cmd::Command::new("sh");
    let run = shell.args(["-eu", "-c", &(stand_ins + &script)]).write_stdin("");
    run.assert().success().stdout(is_empty()).stderr(is_empty());
}

#[test]
fn checks_are_chosen_by_code() {
    let text = broken("MESH0473").text();
    for (args, code, stdout) in [
        (["--only", "MESH0473"], 1, "MESH0473"),
        (["--only", "mesh0474"], 0, ""),
        (["--skip", "MESH0473"], 0, ""),
    ] {
        tool(&args).write_stdin(text.clone()).assert().code(code).stdout(contains(stdout));
    }
    let warning = broken("MESH0722").text();
    tool(&[]).write_stdin(warning.clone()).assert().success().stdout(contains("warning: "));
    tool(&["--fail-on", "warning"]).write_stdin(warning).assert().code(1);
}

#[test]
fn time_is_the_users() {
    let mesh = Mesh::healthy().text();
    let judged = |args: &[&str]| {
        let mut tool = mesh_tests::tool("mesh-check");
        let output = tool.env_clear().args(["-o", "json"]).args(args).write_stdin(mesh.clone());
        let text = String::from_utf8(output.assert().get_output().stdout.clone()).expect("text");
        let code = |line: &str| {
            serde_json::from_str::<Value>(line).expect("JSON")["code"].as_str().map(str::to_owned)
        };
        text.lines().filter_map(code).collect::<BTreeSet<String>>()
    };
    assert_eq!(judged(&["--at", "2027-08-30T00:00:00Z"]), ["MESH0434".to_owned()].into());
    assert_eq!(judged(&["--at", AT, "--within", "13w"]), ["MESH0435".to_owned()].into());
    assert_eq!(judged(&["--at", AT, "--within", "2100h"]), BTreeSet::new());
    assert!(judged(&["--at", "2026-01-01T00:00:00Z"]).contains("MESH0437"));
}

#[test]
fn the_checks_are_listed_and_explained() {
    tool(&["--list"])
        .assert()
        .success()
        .stdout(starts_with("MESH0101 error   one cluster ID twice\n"));
    tool(&["--list", "-o", "table"]).assert().success().stdout(starts_with("CODE "));
    let text = "MESH0101 (error): one cluster ID twice\n";
    let explained = tool(&["--explain", "mesh0101"]).assert().success();
    explained.stdout(starts_with(text).and(contains("Source: istio/istio issue 36990")));
    tool(&["--explain", "MESH0000"]).assert().code(2).stderr(contains("--list shows them"));
}

#[test]
fn dumps_of_kubectl_are_read_cluster_by_cluster() {
    let mut mesh = Mesh::healthy();
    mesh.remove("cluster1", "Secret", "istio-remote-secret-cluster2");
    let dir = tempfile::tempdir().expect("a folder");
    let mut args = vec!["-o".to_owned(), "json".to_owned()];
    for capture in &mesh.captures {
        let mut items = capture["items"].as_array().expect("a list").clone();
        let name = items.remove(0)["metadata"]["name"].as_str().expect("a name").to_owned();
        let path = dir.path().join(format!("dump-{name}.json"));
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        std::fs::write(&path, list.to_string()).expect("it is written");
        args.extend(["-f".to_owned(), format!("{name}={}", path.display())]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let found = tool(&args).assert().code(1);
    found.stdout(contains("\"code\":\"MESH0473\"").and(contains("--context cluster1 apply")));
}

#[test]
fn descriptions_of_a_cloud_are_put_to_their_clusters() {
    let mut mesh = Mesh::healthy();
    for cluster in ["cluster1", "cluster2", "cluster3"] {
        mesh.header(cluster).as_object_mut().expect("a header").remove("record");
    }
    mesh.header("cluster1")["context"] = json!("gke_p1_us-west2_west");
    let described = json!([
        {"name": "west", "location": "us-west2", "clusterIpv4Cidr": "10.4.0.0/14",
            "selfLink": "https://container.googleapis.com/v1/projects/p1/locations/us-west2/clusters/west",
            "endpoint": "203.0.113.1", "masterAuthorizedNetworksConfig": {"enabled": true}},
        {"name": "cluster2", "location": "us-central1", "clusterIpv4Cidr": "10.8.0.0/14",
            "selfLink": "https://container.googleapis.com/v1/projects/p1/locations/us-central1/clusters/cluster2",
            "endpoint": "203.0.113.2"},
    ]);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), described.to_string()).expect("it is written");
    let args = ["-f", "-", "-o", "json", "--clusters", file.path().to_str().expect("a path")];
    let found = tool(&args).write_stdin(mesh.text()).assert().code(1);
    found.stdout(
        contains("\"code\":\"MESH0301\"")
            .and(contains("gcloud container clusters update west"))
            .and(contains("\"cluster\":\"cluster1\"")),
    );
}

#[test]
fn wrong_usage_is_refused() {
    for (args, message) in [
        (&["--only", "MESH9"][..], "is no code of a check"),
        (&["--within", "soon"], "a time has the form 30d"),
        (&["--why", "cluster1", "cluster2"], "3 values required"),
        (&["--why", "cluster1", "cluster2", "x"], "NAMESPACE/NAME"),
        (&["--why", "cluster1", "cluster9", "a/b"], "has no cluster cluster9"),
        (&["--why", "cluster1", "cluster1", "a/b"], "both are one cluster"),
        (&["--why", "cluster1", "cluster2", "a/b", "-o", "sarif"], "lines, json or table"),
        (&["--client", "a"], "--why"),
        (&["--list", "--explain", "MESH0101"], "cannot be used with"),
        (&["--list", "-o", "junit"], "lines, json or table"),
    ] {
        let wrong = tool(args).write_stdin(Mesh::healthy().text()).assert().code(2);
        wrong.stdout(is_empty()).stderr(contains(message));
    }
}

#[test]
fn bad_input_is_refused() {
    for (input, message) in [
        ("", "is empty"),
        ("junk", "stdin"),
        ("{\"kind\": \"Config\", \"apiVersion\": \"v1\"}", "kubeconfig"),
    ] {
        tool(&[]).write_stdin(input).assert().code(3).stdout(is_empty()).stderr(contains(message));
    }
    let mut rules = tool(&["--firewall-rules", "/does/not/exist"]);
    rules.write_stdin(Mesh::healthy().text()).assert().code(3).stderr(contains("No such file"));
}

#[test]
fn captures_that_are_far_apart_are_noted() {
    let mut mesh = Mesh::healthy();
    for field in ["time", "capturedAt"] {
        mesh.header("cluster2")[field] = json!("2027-06-01T01:30:00Z");
    }
    let noted = tool(&[]).write_stdin(mesh.text()).assert().success().stdout(is_empty());
    noted.stderr(contains("note: captures were made 90 minutes apart"));
}
