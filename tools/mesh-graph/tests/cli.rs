//! The program as a user runs it.

use predicates::prelude::*;
use predicates::str::{contains, is_empty, starts_with};
use serde_json::{Value, json};
use std::path::PathBuf;

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-graph");
    tool.env_clear().args(args);
    tool
}

fn stdout(args: &[&str], input: &str) -> String {
    let assert = tool(args).write_stdin(input).assert().success().stderr("");
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

/// A capture of a cluster that holds credentials of these, in `KEY: KUBECONFIG`.
fn capture(name: &str, network: &str, held: &[&str]) -> Value {
    let kubeconfig = "{clusters: [{name: c, cluster: {server: 'https://192.0.2.1'}}], users: \
                      [{name: u, user: {token: redacted}}], contexts: [{name: x, context: \
                      {cluster: c, user: u}}], current-context: x}";
    let system = "istio-system";
    let mut items = vec![
        json!({
            "apiVersion": "meshutils/v1alpha1", "kind": "Capture", "metadata": {"name": name},
            "time": "2026-06-01T00:00:00Z",
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "istiod", "namespace": system, "labels": {"app": "istiod"}},
            "spec": {"template": {"spec": {"containers": [{
                "name": "discovery", "image": "istio/pilot:1.26.2",
                "env": [{"name": "CLUSTER_ID", "value": name}],
            }]}}},
            "status": {"readyReplicas": 1},
        }),
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": system, "labels": {"topology.istio.io/network": network}},
        }),
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": "gw", "namespace": system, "labels": {"topology.istio.io/network": network},
            },
            "spec": {"type": "LoadBalancer", "ports": [{"name": "tls", "port": 15443}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}},
        }),
    ];
    items.extend(held.iter().map(|id| {
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {
                "name": format!("istio-remote-secret-{id}"), "namespace": system,
                "labels": {"istio/multiCluster": "true"},
            },
            "stringData": {*id: kubeconfig},
        })
    }));
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

fn two() -> String {
    let [a, b] = [capture("a", "n1", &["b"]), capture("b", "n2", &["a"])];
    format!("{a}\n{b}\n")
}

fn record(name: &str) -> String {
    let record = json!({"apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": name});
    format!("{record}\n")
}

fn finding(object: &str) -> String {
    let finding = json!({
        "code": "MESH0434", "severity": "error", "object": object, "message": "the token ended",
        "evidence": {}, "fix": "make another",
    });
    format!("{finding}\n")
}

fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a file");
    (folder, path)
}

#[test]
fn a_picture_is_svg() {
    let svg = stdout(&[], &two());
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width="), "{svg}");
    assert!(svg.ends_with("</svg>\n"), "{svg}");
    for text in [
        ">2 clusters in 2 networks<",
        ">credentials of each other: 2 valid<",
        ">n1<",
        ">Istio 1.26.2<",
        ">gateway 192.0.2.7:15443<",
        "a and b hold each other's credentials",
    ] {
        assert!(svg.replace("&#39;", "'").contains(text), "{text}: {svg}");
    }
    assert_eq!(svg, stdout(&["-o", "svg"], &two()));
}

#[test]
fn the_order_of_the_input_makes_no_difference() {
    let lines = two();
    let (a, b) = lines.split_once('\n').expect("two lines");
    for form in ["svg", "mermaid", "dot"] {
        assert_eq!(stdout(&["-o", form], &lines), stdout(&["-o", form], &format!("{b}{a}\n")));
    }
}

#[test]
fn text_for_others_to_draw() {
    assert_eq!(
        stdout(&["-o", "mermaid"], &two()),
        concat!(
            "flowchart LR\n",
            "  accTitle: 2 clusters in 2 networks, credentials of each other: 2 valid\n",
            "  subgraph n0[\"n1<br/>1 cluster\"]\n",
            "    c0[\"a<br/>Istio 1.26.2<br/>gateway 192.0.2.7:15443\"]\n",
            "  end\n",
            "  subgraph n1[\"n2<br/>1 cluster\"]\n",
            "    c1[\"b<br/>Istio 1.26.2<br/>gateway 192.0.2.7:15443\"]\n",
            "  end\n",
            "  c0 <--> c1\n",
            "  linkStyle 0 stroke:#0b5cad\n",
        )
    );
    let dot = stdout(&["-o", "dot"], &two());
    assert!(dot.starts_with("digraph mesh {\n"), "{dot}");
    assert!(dot.contains("  c0 -> c1 [dir=both, color=\"#0b5cad\"];\n"), "{dot}");
}

#[test]
fn a_missing_secret_is_drawn_and_told() {
    let [a, b] = [capture("a", "n1", &["b"]), capture("b", "n1", &[])];
    let mermaid = stdout(&["-o", "mermaid"], &format!("{a}\n{b}\n"));
    assert!(mermaid.contains("  c0 --> c1\n  c1 -.-o|\"missing\"| c0\n"), "{mermaid}");
    let svg = stdout(&[], &format!("{a}\n{b}\n"));
    assert!(svg.contains(">a: missing<"), "{svg}");
    assert!(svg.contains("<title>b holds no credentials of a</title>"), "{svg}");
}

#[test]
fn findings_are_marks() {
    let (_folder, path) = file("findings", &(finding("a: secret n/s") + &finding("elsewhere")));
    let findings = path.to_str().expect("UTF-8");
    let svg = stdout(&["--findings", findings], &two());
    assert!(svg.contains(">1 error: MESH0434<title>MESH0434: the token ended</title>"), "{svg}");
    assert!(svg.contains(">error MESH0434: the token ended<"), "{svg}");
    let mermaid = stdout(&["--findings", findings, "-o", "mermaid"], &two());
    assert!(mermaid.contains("  class c0 error\n"), "{mermaid}");
}

#[test]
fn findings_may_be_piped_in_and_none_is_good() {
    let (_folder, path) = file("mesh.json", &two());
    let mesh = path.to_str().expect("UTF-8");
    let args = ["-f", mesh, "--findings", "-", "-o", "mermaid"];
    let healthy = stdout(&args, "");
    assert_eq!(healthy, stdout(&["-o", "mermaid"], &two()));
    let broken = stdout(&args, &finding("network n2"));
    assert!(
        broken.contains("  subgraph n1[\"n2<br/>1 cluster<br/>1 error: MESH0434\"]"),
        "{broken}"
    );
}

#[test]
fn records_and_dumps_are_clusters_too() {
    let svg = stdout(&[], &(record("b") + &record("a")));
    assert!(svg.contains(">2 clusters<") && svg.contains(">network not known<"), "{svg}");
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}});
    let (_folder, path) = file("lab.json", &service.to_string());
    let path = path.to_str().expect("UTF-8");
    assert!(stdout(&["-f", path, "-o", "mermaid"], "").contains("c0[\"lab\"]"));
    let named = format!("east={path}");
    assert!(stdout(&["-f", &named, "-o", "mermaid"], "").contains("c0[\"east\"]"));
}

#[test]
fn names_cannot_break_out() {
    let name = "</text><script>alert('x')</script>\"];evil";
    let svg = stdout(&[], &record(name));
    assert!(!svg.contains("<script"), "{svg}");
    for form in ["mermaid", "dot"] {
        let text = stdout(&["-o", form], &record(name));
        assert!(!text.contains("x')</script>\"];evil"), "{text}");
    }
}

#[test]
fn a_hundred_clusters_are_a_matrix() {
    let ids: Vec<String> = (0..100).map(|i| format!("c{i:02}")).collect();
    let of = |i: usize| {
        let others = ids.iter().filter(|id| **id != ids[i]).map(String::as_str);
        capture(&ids[i], ["n1", "n2", "n3"][i % 3], &others.collect::<Vec<_>>()).to_string()
    };
    let all = (0..100).map(of).collect::<Vec<_>>().join("\n");
    let svg = stdout(&[], &all);
    assert!(svg.contains("credentials of each other: 9900 valid"), "{svg}");
    assert!(svg.contains("row holds credentials of column"), "{svg}");
    // One rectangle for each run of fields, not for each field.
    assert!(svg.matches("class=\"cell-valid\"").count() < 500, "{svg}");
    let mermaid = stdout(&["-o", "mermaid"], &all);
    assert_eq!(mermaid.matches("<==>").count(), 3, "{mermaid}");
}

#[test]
fn what_mermaid_would_not_draw_is_warned_of() {
    let ids: Vec<String> = (0..40).map(|i| format!("c{i:02}")).collect();
    let of = |i: usize| {
        let below: Vec<&str> = ids[..i].iter().map(String::as_str).collect();
        capture(&ids[i], "n1", &below).to_string()
    };
    let all = (0..40).map(of).collect::<Vec<_>>().join("\n");
    let warning = contains("warning: Mermaid draws no more than 500 arrows: there are 1560")
        .and(contains("hint: -o svg draws meshes of any size"));
    tool(&["-o", "mermaid"]).write_stdin(all.as_str()).assert().success().stderr(warning);
    tool(&["-o", "mermaid", "-q"]).write_stdin(all.as_str()).assert().success().stderr("");
}

#[test]
fn wrong_usage_prints_nothing() {
    for (args, message) in [
        (vec!["-o", "png"], "'--output <OUTPUT>'"),
        (vec!["--at", "tomorrow"], "is no time, such as"),
        (vec!["--findings", "-"], "standard input can be read once"),
        (vec!["-f", "-", "--findings", "-"], "standard input can be read once"),
        (vec!["-f", "a", "--findings", "-", "--findings", "-"], "standard input can be read once"),
        (vec!["-f", "-", "-f", "-"], "standard input can be read once"),
        (vec!["file"], "unexpected argument 'file'"),
    ] {
        tool(&args)
            .write_stdin(two())
            .assert()
            .code(2)
            .stdout(is_empty())
            .stderr(contains(message));
    }
}

#[test]
fn bad_input_prints_nothing() {
    for (input, message) in [
        ("", "error: stdin: is empty"),
        ("[]", "holds no objects"),
        ("{", "is not JSON"),
        ("{\"a\": 1}", "is neither an object of Kubernetes nor a cluster record"),
        (
            "{\"apiVersion\": \"meshutils/v1alpha1\", \"kind\": \"Cluster\", \"name\": \"a\", \
             \"gateways\": 1}",
            "cluster a: .gateways: ",
        ),
    ] {
        tool(&[]).write_stdin(input).assert().code(3).stdout(is_empty()).stderr(contains(message));
    }
    let missing = tool(&["--findings", "/nowhere"]).write_stdin(two()).assert();
    missing.code(3).stdout(is_empty()).stderr(starts_with("mesh-graph: error: /nowhere: "));
    let (_folder, path) = file("f", "{\"kind\": \"Pod\"}");
    let findings = ["--findings", path.to_str().expect("UTF-8")];
    let wrong = tool(&findings).write_stdin(two()).assert();
    wrong.code(3).stdout(is_empty()).stderr(contains("hint: mesh-check -o json writes findings"));
}

#[test]
fn flags_may_come_from_the_environment() {
    tool(&[])
        .env("MESH_OUTPUT", "dot")
        .write_stdin(two())
        .assert()
        .success()
        .stdout(starts_with("digraph mesh {"));
}
