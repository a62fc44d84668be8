//! Gateways of the clusters in records.

use predicates::prelude::*;
use predicates::str::{contains, is_empty};
use serde_json::{Value, json};

fn tool(args: &[&str], records: &[Value]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-gateway-gen");
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    tool.env_clear().args(["-f", "-"]).args(args).write_stdin(lines.join("\n"));
    tool
}

fn record(name: &str, network: &str, vpc: &str) -> Value {
    json!({
        "apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "provider": "gke",
        "name": name, "id": format!("cn-p-us-{name}"), "meshId": "proj-1",
        "network": network, "vpc": format!("projects/p/global/networks/{vpc}"),
    })
}

fn items(args: &[&str], records: &[Value]) -> Vec<Value> {
    let args = [&["-q", "-o", "json"], args].concat();
    let assert = tool(&args, records).assert().success();
    let value: Value = serde_json::from_slice(&assert.get_output().stdout).expect("it is JSON");
    match value["kind"].as_str() {
        Some("List") => value["items"].as_array().expect("it has items").clone(),
        _ => vec![value],
    }
}

#[test]
fn each_cluster_gets_a_gateway_on_its_network() {
    let records = [record("b", "network2", "two"), record("a", "network1", "one")];
    let all = items(&[], &records);
    assert_eq!(all.len(), 2);
    for (item, (name, network)) in all.iter().zip([("a", "network1"), ("b", "network2")]) {
        assert_eq!(item["metadata"]["annotations"], json!({"meshutils/cluster": name}));
        assert_eq!(item["spec"]["values"]["global"]["network"], network);
    }
    tool(&["-o", "manifests"], &records)
        .assert()
        .success()
        .stderr("")
        .stdout(contains("meshutils/cluster: a").count(7).and(contains("networking.gke").not()));
    tool(&["-o", "manifests", "--load-balancer", "internal"], &records)
        .assert()
        .success()
        .stdout(contains("networking.gke.io/load-balancer-type: Internal").count(2));
    tool(&["-o", "gateway-api"], &records)
        .assert()
        .success()
        .stdout(contains("meshutils/cluster").count(2));
}

#[test]
fn of_records_one_may_be_chosen() {
    let records = [record("a", "network1", "one"), record("b", "network2", "two")];
    for name in ["b", "cn-p-us-b"] {
        let all = items(&["--cluster", name], &records);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0]["metadata"]["annotations"]["meshutils/cluster"], "b");
    }
    tool(&["--cluster", "c"], &records)
        .assert()
        .code(2)
        .stdout(is_empty())
        .stderr(contains("--cluster c: no record has it").and(contains("there are a, b")));
    // istioctl would install the first without a word of the second.
    tool(&[], &records).assert().success().stderr(contains("reads the first of several"));
    tool(&["--cluster", "a"], &records).assert().success().stderr("");
    for args in [&["-o", "helm"][..], &["--address", "10.0.0.9"]] {
        tool(args, &records).assert().code(2).stdout("").stderr(contains("a and b"));
        tool(&[args, &["--cluster", "a"]].concat(), &records).assert().success();
    }
}

#[test]
fn before_1_12_the_record_names_cluster_and_mesh() {
    let records = [record("a", "network1", "one")];
    let global = &items(&["--istio-version", "1.11"], &records)[0]["spec"]["values"]["global"];
    assert_eq!(
        *global,
        json!({
            "network": "network1", "meshID": "proj-1", "multiCluster": {"clusterName": "cn-p-us-a"},
        })
    );
    let mut unknown = records[0].clone();
    unknown.as_object_mut().unwrap().remove("meshId");
    let args = ["--istio-version", "1.11"];
    tool(&args, &[unknown.clone()])
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("cluster a: its meshId is not known, and Istio 1.11 names it"));
    tool(&args, &[unknown]).args(["--mesh", "m"]).assert().success().stderr("");
    let mut wrong = records[0].clone();
    wrong["id"] = "arn:aws:eks".into();
    tool(&args, &[wrong]).assert().code(3).stderr(contains("cluster a: its id \"arn:aws:eks\""));
}

/// Google's guide gives both clusters the network "default", and says that they are on two.
#[test]
fn clusters_that_cannot_reach_each_other_do_not_share_a_network() {
    let records = [record("a", "default", "one"), record("b", "default", "two")];
    tool(&[], &records).assert().code(3).stdout("").stderr(
        contains("clusters a and b share network default, and their pods cannot reach each other")
            .and(contains("projects/p/global/networks/one"))
            .and(contains("hint: give each a network of its own"))
            .and(contains("--routed default")),
    );
    // The others are asked even where one is chosen.
    tool(&["--cluster", "a"], &records).assert().code(3).stdout("");
    tool(&["--routed", "default"], &records).assert().success();
    let alone = [record("a", "default", "one"), record("b", "network2", "two")];
    tool(&["-o", "manifests"], &alone).assert().success().stderr("");
    let unknown = |network: &str| {
        ["a", "b"].map(|name| {
            let mut record = record(name, network, "");
            record.as_object_mut().unwrap().remove("vpc");
            record
        })
    };
    tool(&["-o", "manifests"], &unknown("n")).assert().success().stderr(
        contains("warning: clusters a and b share network n, ").and(contains("--routed n")),
    );
    tool(&["-o", "manifests", "--routed", "n"], &unknown("n")).assert().success().stderr("");
    tool(&[], &unknown("default"))
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("nothing says that their pods reach each other"));
}

#[test]
fn the_load_balancer_is_of_each_clusters_platform() {
    let mut records = [record("a", "network1", "one"), record("b", "network2", "two")];
    records[1]["provider"] = "kubernetes".into();
    let args = ["-o", "manifests", "--load-balancer", "internal"];
    tool(&args, &records)
        .assert()
        .code(2)
        .stdout("")
        .stderr(contains("cluster b: --load-balancer").and(contains("--platform")));
    tool(&[&args[..], &["--platform", "aks"]].concat(), &records).assert().success().stdout(
        contains("networking.gke.io/load-balancer-type: Internal")
            .count(1)
            .and(contains("azure-load-balancer-internal: \"true\"").count(1)),
    );
}

#[test]
fn what_is_no_record_with_a_network_is_refused() {
    let mut record = record("a", "network1", "one");
    record.as_object_mut().unwrap().remove("network");
    for (records, code, message) in [
        (vec![record], 3, "cluster a: its network is not known"),
        (vec![json!({"kind": "Service"})], 3, "is no description of a cluster but a Service"),
        (vec![], 3, "stdin: is empty"),
    ] {
        tool(&[], &records).assert().code(code).stdout("").stderr(contains(message));
    }
    for (args, message) in [
        (&["--network", "n"][..], "cannot be used with"),
        (&["--single-cluster"], "cannot be used with"),
        (&["--source-ranges", "-"], "standard input can be read once"),
    ] {
        tool(args, &[]).assert().code(2).stdout("").stderr(contains(message));
    }
}

#[test]
fn clusters_of_one_name_are_told_apart_by_their_ids() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("clusters.json");
    let of_file = |second: &Value| {
        let records = json!([record("a", "network1", "one"), second]);
        std::fs::write(&file, records.to_string()).unwrap();
        let mut tool = mesh_tests::tool("mesh-gateway-gen");
        tool.env_clear().args(["-o", "gateway-api", "-f"]).arg(&file).assert()
    };
    let mut namesake = record("a", "network2", "two");
    namesake["location"] = "eu".into();
    namesake["id"] = "cn-p-eu-a".into();
    of_file(&namesake).success().stdout(
        contains("meshutils/cluster: cn-p-us-a").and(contains("meshutils/cluster: cn-p-eu-a")),
    );
    namesake.as_object_mut().unwrap().remove("id");
    of_file(&namesake)
        .code(3)
        .stdout("")
        .stderr(contains("cluster a: another cluster has its name, and its ID is not known"));
}
