//! The program as a user runs it.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use predicates::prelude::*;

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-nettags");
    tool.env_clear().args(args);
    tool
}

/// `prod` and `prod2` in one network; neither description names a tag.
const CLUSTERS: &str = r#"[
  {"name": "prod", "location": "us-west2", "clusterIpv4Cidr": "10.4.0.0/14",
   "networkConfig": {"network": "projects/p/global/networks/default"}, "nodePools": [{}],
   "selfLink": "https://container.example/v1/projects/p/locations/us-west2/clusters/prod"},
  {"name": "prod2", "location": "us-west2", "clusterIpv4Cidr": "10.8.0.0/14",
   "networkConfig": {"network": "projects/p/global/networks/default"}, "nodePools": [{}],
   "selfLink": "https://container.example/v1/projects/p/locations/us-west2/clusters/prod2"}
]"#;

fn only(name: &str) -> String {
    let clusters: Vec<serde_json::Value> = serde_json::from_str(CLUSTERS).unwrap();
    clusters.into_iter().find(|cluster| cluster["name"] == name).unwrap().to_string()
}

fn instance(name: &str, cluster: &str, tags: &[&str]) -> String {
    serde_json::json!({
        "kind": "compute#instance",
        "name": name,
        "zone": "https://compute.example/compute/v1/projects/p/zones/us-west2-a",
        "selfLink": format!("https://compute.example/compute/v1/projects/p/zones/us-west2-a/instances/{name}"),
        "networkInterfaces": [{"network": "https://compute.example/compute/v1/projects/p/global/networks/default"}],
        "labels": if cluster.is_empty() { serde_json::json!({}) } else {
            serde_json::json!({"goog-k8s-cluster-name": cluster, "goog-k8s-cluster-location": "us-west2"})
        },
        "tags": {"items": tags},
    })
    .to_string()
}

fn rule(name: &str, ranges: &[&str], tags: &[&str]) -> String {
    serde_json::json!({
        "kind": "compute#firewall",
        "name": name,
        "network": "https://compute.example/compute/v1/projects/p/global/networks/default",
        "sourceRanges": ranges,
        "targetTags": tags,
    })
    .to_string()
}

/// The guide's `value(tags.items.[0])` took the first tag of every machine in the project.
#[test]
fn machines_that_are_no_nodes_give_no_tag_and_a_node_s_first_tag_may_be_the_wrong_one() {
    let input = [
        CLUSTERS.to_owned(),
        instance("gke-prod-pool-a", "prod", &["a-first-tag", "gke-prod-1a2b3c4d-node"]),
        instance("gke-prod-pool-b", "prod", &["gke-prod-1a2b3c4d-node"]),
        instance("gke-prod2-pool-a", "prod2", &["gke-prod2-99999999-node"]),
        instance("database", "", &["database"]),
        instance("untagged", "", &[]),
    ];
    tool(&[])
        .write_stdin(input.concat())
        .assert()
        .success()
        .stderr("")
        .stdout("gke-prod-1a2b3c4d-node\ngke-prod2-99999999-node\n");
    tool(&["-o", "csv"])
        .write_stdin(input.concat())
        .assert()
        .success()
        .stdout("gke-prod-1a2b3c4d-node,gke-prod2-99999999-node\n");
    tool(&["-o", "json"]).write_stdin(input.concat()).assert().success().stdout(concat!(
        r#"{"tag":"gke-prod-1a2b3c4d-node","clusters":["p/us-west2/prod"],"nodes":2,"sources":["instances"]}"#,
        "\n",
        r#"{"tag":"gke-prod2-99999999-node","clusters":["p/us-west2/prod2"],"nodes":1,"sources":["instances"]}"#,
        "\n",
    ));
}

/// The guide's `--filter Name:prod*` also found the rules of `prod2`, and anybody's.
#[test]
fn the_rules_of_prod_are_not_those_of_prod2() {
    let rules = [
        rule("gke-prod-1a2b3c4d-all", &["10.4.0.0/14"], &["gke-prod-1a2b3c4d-node"]),
        rule("gke-prod2-99999999-all", &["10.8.0.0/14"], &["gke-prod2-99999999-node"]),
        rule("prod-ssh", &["0.0.0.0/0"], &["ssh"]),
    ];
    tool(&["-ojson"])
        .write_stdin(only("prod") + "[]" + &rules.concat())
        .assert()
        .success()
        .stderr("")
        .stdout(concat!(
            r#"{"tag":"gke-prod-1a2b3c4d-node","clusters":["p/us-west2/prod"],"nodes":0,"sources":["firewallRules"]}"#,
            "\n",
        ));
}

/// Nor did it see that a rule of this name was another cluster's.
#[test]
fn a_rule_of_the_right_name_with_another_s_pods_is_not_believed() {
    let rules = rule("gke-prod-1a2b3c4d-all", &["10.64.0.0/14"], &["gke-prod-1a2b3c4d-node"]);
    tool(&[])
        .write_stdin(only("prod") + &rules)
        .assert()
        .code(3)
        .stdout("")
        .stderr(predicate::str::contains("error: cluster p/us-west2/prod: no tag"));
}

#[test]
fn a_cluster_that_no_tag_reaches_is_an_error() {
    let input =
        CLUSTERS.to_owned() + &instance("gke-prod-pool-a", "prod", &["gke-prod-1a2b3c4d-node"]);
    tool(&[]).write_stdin(input).assert().code(3).stdout("").stderr(
        predicate::str::contains("error: cluster p/us-west2/prod2: no tag of all its nodes")
            .and(predicate::str::contains("hint: add its nodes with -f")),
    );
    let untagged = only("prod") + &instance("n", "prod", &[]);
    tool(&[])
        .write_stdin(untagged)
        .assert()
        .code(3)
        .stdout("")
        .stderr(predicate::str::contains("no tags reach all of its nodes, such as us-west2-a/n"));
}

#[test]
fn a_bastion_with_a_node_s_tag_is_warned_of() {
    let input = only("prod")
        + &instance("gke-prod-pool-a", "prod", &["gke-prod-1a2b3c4d-node"])
        + &instance("bastion", "", &["gke-prod-1a2b3c4d-node"]);
    let warning = "warning: tag gke-prod-1a2b3c4d-node is also carried by us-west2-a/bastion";
    tool(&[])
        .write_stdin(input.clone())
        .assert()
        .success()
        .stdout("gke-prod-1a2b3c4d-node\n")
        .stderr(predicate::str::contains(warning));
    tool(&["-q"]).write_stdin(input).assert().success().stderr("");
}

#[test]
fn node_pools_and_records_are_enough_where_they_name_tags() {
    let described = r#"{"name": "a", "clusterIpv4Cidr": "10.0.0.0/14",
        "nodePools": [{"config": {"tags": ["x", "mesh"]}}, {"config": {"tags": ["mesh"]}}]}"#;
    tool(&[]).write_stdin(described).assert().success().stderr("").stdout("mesh\n");
    let record = r#"{"apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": "a",
        "nodeTags": ["mesh", "x"]}"#;
    tool(&["-ocsv"])
        .write_stdin(record)
        .assert()
        .success()
        .stdout("mesh,x\n")
        .stderr(predicate::str::contains("does not say whether every node pool"));
}

#[test]
fn nothing_is_guessed() {
    for (input, message) in [
        ("", "stdin: is empty"),
        ("[]", "stdin: holds no objects"),
        ("{\"kind\": \"compute#disk\"}", "stdin: document 1: is no description of a cluster"),
        ("{\"kind\": \"compute#instance\"}", "stdin: document 1: missing field `name`"),
        ("{\"kind\": \"compute#instance\", \"name\": \"i\"}", "the input describes no cluster"),
    ] {
        tool(&[])
            .write_stdin(input)
            .assert()
            .code(3)
            .stdout("")
            .stderr(predicate::str::contains(message));
    }
}
