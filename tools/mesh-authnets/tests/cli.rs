//! The program as a user runs it.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};

pub fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-authnets");
    tool.env_clear().args(args);
    tool
}

/// A cluster as gcloud describes it.
pub fn gke(name: &str, zone: &str, pods: &str, authorized: &Value) -> Value {
    json!({
        "name": name, "location": zone, "clusterIpv4Cidr": pods, "endpoint": "203.0.113.10",
        "selfLink": format!("https://container.example/v1/projects/p/zones/{zone}/clusters/{name}"),
        "controlPlaneEndpointsConfig": {
            "ipEndpointsConfig": {"authorizedNetworksConfig": authorized},
        },
    })
}

/// The same without a public endpoint.
fn private(name: &str, zone: &str, pods: &str, authorized: &Value) -> Value {
    let mut cluster = gke(name, zone, pods, authorized);
    cluster["endpoint"] = json!("172.16.0.2");
    let ip = &mut cluster["controlPlaneEndpointsConfig"]["ipEndpointsConfig"];
    ip["enablePublicEndpoint"] = json!(false);
    ip["privateEndpoint"] = json!("172.16.0.2");
    cluster
}

pub fn restricted(blocks: &[&str]) -> Value {
    let blocks: Vec<Value> = blocks.iter().map(|block| json!({"cidrBlock": block})).collect();
    json!({"enabled": true, "cidrBlocks": blocks})
}

fn named_office() -> Value {
    json!({"enabled": true, "cidrBlocks": [
        {"cidrBlock": "192.0.2.0/24", "displayName": "office"}, {"cidrBlock": "198.51.100.7/32"},
    ]})
}

pub fn input(clusters: &[Value]) -> String {
    json!(clusters).to_string()
}

/// Two clusters, of which the first is restricted.
fn pair() -> String {
    input(&[
        gke("a", "us-west2-a", "10.4.0.0/14", &named_office()),
        gke("b", "us-west2-b", "10.0.0.0/14", &json!({})),
    ])
}

const A: &str = "gcloud container clusters update a --location=us-west2-a --project=p";

#[test]
fn a_list_grows_by_the_peers_pods_and_loses_nothing() {
    tool(&["-q"]).write_stdin(pair()).assert().success().stderr("").stdout(format!(
        "{A} --enable-master-authorized-networks \
         --master-authorized-networks=192.0.2.0/24,198.51.100.7/32,10.0.0.0/14\n"
    ));
}

#[test]
fn display_names_survive_in_json_and_gcloud_is_warned_of() {
    tool(&[]).write_stdin(pair()).assert().success().stderr(
        contains("warning: cluster p/us-west2-a/a: gcloud drops the display names of its networks: office\n")
            .and(contains("hint: -o json")),
    );
    tool(&["-o", "json"])
        .write_stdin(pair())
        .assert()
        .success()
        .stderr(contains("gcloud").not())
        .stdout(concat!(
            r#"{"project":"p","location":"us-west2-a","cluster":"a","method":"PUT","#,
            r#""path":"v1/projects/p/locations/us-west2-a/clusters/a","body":{"update":"#,
            r#"{"desiredControlPlaneEndpointsConfig":{"ipEndpointsConfig":"#,
            r#"{"authorizedNetworksConfig":{"enabled":true,"cidrBlocks":["#,
            r#"{"cidrBlock":"192.0.2.0/24","displayName":"office"},"#,
            r#"{"cidrBlock":"198.51.100.7/32"},"#,
            r#"{"cidrBlock":"10.0.0.0/14","displayName":"mesh-b"}]}}}}}}"#,
            "\n"
        ));
}

#[test]
fn an_empty_list_gives_no_comma_too_many() {
    let clusters = input(&[
        gke("a", "us-west2-a", "10.4.0.0/14", &restricted(&[])),
        gke("b", "us-west2-b", "10.0.0.0/14", &json!({})),
    ]);
    tool(&["-q"]).write_stdin(clusters).assert().success().stdout(format!(
        "{A} --enable-master-authorized-networks --master-authorized-networks=10.0.0.0/14\n"
    ));
}

#[test]
fn a_second_run_on_the_result_changes_nothing() {
    let after = input(&[
        gke("a", "us-west2-a", "10.4.0.0/14", &restricted(&["192.0.2.0/24", "10.0.0.0/14"])),
        gke("b", "us-west2-b", "10.0.0.0/14", &restricted(&["10.0.0.0/8"])),
    ]);
    for args in [&[][..], &["-o", "json"]] {
        tool(args)
            .write_stdin(after.as_str())
            .assert()
            .success()
            .stdout("")
            .stderr("mesh-authnets: note: nothing to change\n");
    }
    tool(&["--check"]).write_stdin(after).assert().success().stdout("").stderr("");
}

#[test]
fn a_peers_additional_pod_ranges_are_included() {
    let mut b = gke("b", "us-west2-b", "10.0.0.0/14", &json!({}));
    b["nodePools"] = json!([{"networkConfig": {"podIpv4CidrBlock": "10.64.0.0/16"}}]);
    let clusters = input(&[gke("a", "us-west2-a", "10.4.0.0/14", &restricted(&[])), b]);
    tool(&["-q"])
        .write_stdin(clusters)
        .assert()
        .success()
        .stdout(contains("=10.0.0.0/14,10.64.0.0/16\n"));
}

#[test]
fn a_private_endpoint_with_peers_in_another_region_gets_global_access() {
    let clusters = input(&[
        private("a", "us-west2-a", "10.4.0.0/14", &restricted(&["10.0.0.0/14"])),
        gke("b", "us-central1-a", "10.0.0.0/14", &json!({})),
    ]);
    tool(&["-q"])
        .write_stdin(clusters.as_str())
        .assert()
        .success()
        .stdout(format!("{A} --enable-master-global-access\n"));
    tool(&["-q", "-o", "json"]).write_stdin(clusters.as_str()).assert().success().stdout(contains(
        r#"{"update":{"desiredControlPlaneEndpointsConfig":{"ipEndpointsConfig":{"globalAccess":true}}}}"#,
    ));
    tool(&["-q", "--check", "-o", "json"]).write_stdin(clusters).assert().code(1).stdout(
        contains(r#"{"code":"MESH0302","severity":"error","object":"p/us-west2-a/a","#)
            .and(contains(format!(r#""fix":"{A} --enable-master-global-access"}}"#))),
    );
}

#[test]
fn both_changes_of_a_cluster_are_two_command_lines_and_one_request() {
    let clusters = input(&[
        private("a", "us-west2-a", "10.4.0.0/14", &restricted(&[])),
        gke("b", "us-central1-a", "10.0.0.0/14", &json!({})),
    ]);
    let lines = contains("\n").count(2);
    tool(&["-q"]).write_stdin(clusters.as_str()).assert().success().stdout(lines);
    tool(&["-q", "-o", "json"]).write_stdin(clusters).assert().success().stdout(
        contains("\n").count(1).and(contains(r#""displayName":"mesh-b"}]},"globalAccess":true"#)),
    );
}

#[test]
fn limits_are_checked_before_anything_is_written() {
    let there: Vec<String> = (0..50).map(|i| format!("192.0.2.{}/32", i * 2)).collect();
    let there: Vec<&str> = there.iter().map(String::as_str).collect();
    let a = |make: fn(&str, &str, &str, &Value) -> Value| {
        input(&[
            make("a", "us-west2-a", "10.4.0.0/14", &restricted(&there)),
            gke("b", "us-west2-b", "10.0.0.0/14", &restricted(&[])),
        ])
    };
    let counts = "would have 51 authorized networks (50 there, 1 to add), of 50 at most";
    tool(&[]).write_stdin(a(gke)).assert().code(3).stdout("").stderr(
        contains(format!("error: cluster p/us-west2-a/a: {counts}")).and(contains("hint:")),
    );
    tool(&["--max", "51"]).write_stdin(a(gke)).assert().success();
    tool(&["-q"]).write_stdin(a(private)).assert().success();
    tool(&["--check"]).write_stdin(a(gke)).assert().code(1).stdout(contains(counts));
    tool(&["--check", "-ojson"]).write_stdin(a(gke)).assert().code(1).stdout(
        contains("MESH0301")
            .count(2)
            .and(contains(r#""evidence":{"added":1,"limit":50,"there":50}"#)),
    );
}

#[test]
fn a_check_names_what_is_not_let_in() {
    tool(&["--check"]).write_stdin(pair()).assert().code(1).stdout(
        "cluster p/us-west2-a/a does not let in pod range 10.0.0.0/14 of p/us-west2-b/b \
         (clusterIpv4Cidr)\n",
    );
    tool(&["--check", "-o", "json"]).write_stdin(pair()).assert().code(1).stdout(
        contains(r#"{"code":"MESH0301","severity":"error","object":"p/us-west2-a/a","#)
            .and(contains("--master-authorized-networks=192.0.2.0/24,198.51.100.7/32,10.0.0.0/14")),
    );
}

#[test]
fn an_open_server_stays_open_unless_told() {
    let note = "note: cluster p/us-west2-b/b: lets in all addresses";
    tool(&[]).write_stdin(pair()).assert().success().stderr(contains(note));
    tool(&["--enable"])
        .write_stdin(pair())
        .assert()
        .success()
        .stdout(contains("\n").count(2))
        .stderr(contains(note).not().and(contains(
            "warning: cluster p/us-west2-b/b: will let in only the networks of its list (1)",
        )));
}

#[test]
fn chosen_clusters_keep_all_peers() {
    let clusters = input(&[
        gke("a", "us-west2-a", "10.4.0.0/14", &restricted(&[])),
        gke("b", "us-west2-b", "10.0.0.0/14", &restricted(&[])),
        gke("c", "us-west2-b", "10.64.0.0/14", &restricted(&[])),
    ]);
    for name in ["a", "p/us-west2-a/a"] {
        tool(&["-q", "--cluster", name])
            .write_stdin(clusters.as_str())
            .assert()
            .success()
            .stdout(contains("\n").count(1).and(contains("=10.0.0.0/14,10.64.0.0/14\n")));
    }
    tool(&["--cluster", "d"]).write_stdin(clusters).assert().code(2).stdout("").stderr(
        contains("no GKE cluster \"d\" with an IP endpoint")
            .and(contains("hint: it has: p/us-west2-a/a, p/us-west2-b/b, p/us-west2-b/c")),
    );
}

#[test]
fn nodes_are_let_in_when_asked_and_known() {
    tool(&["--with-nodes"])
        .write_stdin(pair())
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("cluster p/us-west2-a/a: its node ranges are not known"));
    let mut clusters: Value = serde_json::from_str(&pair()).unwrap();
    clusters[0]["ipAllocationPolicy"] = json!({"nodeIpv4CidrBlock": "10.100.0.0/20"});
    clusters[1]["ipAllocationPolicy"] = json!({"nodeIpv4CidrBlock": "10.100.16.0/20"});
    tool(&["-q", "--with-nodes"])
        .write_stdin(clusters.to_string())
        .assert()
        .success()
        .stdout(contains(",10.0.0.0/14,10.100.16.0/20\n"));
}

#[test]
fn a_cluster_elsewhere_is_a_peer_only() {
    let record = json!({"apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": "east",
        "provider": "eks", "ranges": [{"cidr": "10.200.0.0/16", "kind": "pod"}]});
    let a = gke("a", "us-west2-a", "10.4.0.0/14", &restricted(&[]));
    tool(&["-q"])
        .write_stdin(input(&[a, record.clone()]))
        .assert()
        .success()
        .stdout(contains("\n").count(1).and(contains("=10.200.0.0/16\n")));
    let mut other = record.clone();
    other["name"] = json!("west");
    tool(&[])
        .write_stdin(input(&[record, other]))
        .assert()
        .code(3)
        .stderr(contains("no cluster of the input is one of GKE with an IP endpoint"));
}

#[test]
fn two_meshes_in_one_input_are_warned_of() {
    let mut clusters: Value = serde_json::from_str(&pair()).unwrap();
    clusters[0]["resourceLabels"] = json!({"mesh_id": "proj-1"});
    clusters[1]["resourceLabels"] = json!({"mesh_id": "proj-2"});
    tool(&[]).write_stdin(clusters.to_string()).assert().success().stderr(contains(
        "clusters p/us-west2-a/a (mesh proj-1) and p/us-west2-b/b (mesh proj-2) are of two meshes",
    ));
}

#[test]
fn wrong_input_is_told_with_its_place() {
    let good = gke("a", "us-west2-a", "10.4.0.0/14", &restricted(&[]));
    let mut nowhere = gke("b", "us-west2-b", "10.0.0.0/14", &json!({}));
    nowhere["selfLink"] = json!("x");
    let injected = gke("--flags-file=x", "us-west2-b", "10.0.0.0/14", &json!({}));
    for (input, message) in [
        (
            input(std::slice::from_ref(&good)),
            "one cluster, p/us-west2-a/a: there is no other to let in",
        ),
        (input(&[good.clone(), nowhere]), "cluster b: its project is not known"),
        (
            input(&[good.clone(), gke("b", "l", "10.0.0.1/14", &json!({}))]),
            "cluster p/l/b: clusterIpv4Cidr: \"10.0.0.1/14\" has host bits",
        ),
        (
            input(&[good.clone(), gke("b", "l", "0.0.0.0/0", &json!({}))]),
            "clusterIpv4Cidr: 0.0.0.0/0 is every address there is",
        ),
        (
            input(&[good.clone(), gke("b", "l", "", &json!({}))]),
            "cluster p/l/b: its pod ranges are not known",
        ),
        (
            input(&[good.clone(), gke("b", "l", "10.0.0.0/14", &restricted(&["x,y"]))]),
            "cluster p/l/b: authorized network \"x,y\" is not a CIDR range",
        ),
        (input(&[good, injected]), "name \"--flags-file=x\""),
        (String::new(), "stdin: is empty"),
        ("{}".to_owned(), "stdin: document 1: is no description"),
    ] {
        tool(&[]).write_stdin(input).assert().code(3).stdout("").stderr(contains(message));
    }
}

#[test]
fn a_form_that_does_not_fit_is_refused() {
    for (args, message) in [
        (&["-o", "lines"][..], "updates have no lines form"),
        (&["--check", "-o", "gcloud"], "findings have no gcloud form"),
        (&["--check", "--enable"], "cannot be used with"),
        (&["--max", "many"], "--max"),
    ] {
        tool(args).write_stdin(pair()).assert().code(2).stdout("").stderr(contains(message));
    }
}
