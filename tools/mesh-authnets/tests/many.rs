//! Many records: each test would take minutes where the cost grew with the square of them.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use super::cli::tool;
use meshcore::cidr::{self, Joined};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;

/// The record of a cluster, all of one region.
fn record(i: usize, pods: &str, rest: &str) -> String {
    format!(
        r#"{{"apiVersion":"meshutils/v1alpha1","kind":"Cluster","name":"c{i:05}","provider":"gke","project":"p","location":"us-west2-a","ranges":[{{"cidr":"{pods}","kind":"pod"}}]{rest}}}"#
    ) + "\n"
}

const RESTRICTED: &str = r#","authorizedNetworks":{"enabled":true,"blocks":[]}"#;

/// As many records as a stranger likes, each with a server and a range of its own: four hundred
/// million pairs.
#[test]
fn twenty_thousand_servers_let_in_neighbours() {
    let pods = |i: usize| format!("10.{}.{}.0/24", i / 256, i % 256);
    let clusters: String = (0..16_384).map(|i| record(i, &pods(i), RESTRICTED)).collect();
    let more: String = (16_384..20_000).map(|i| record(i, "10.0.0.0/24", RESTRICTED)).collect();
    let output = tool(&["-q", "-ojson"]).write_stdin(clusters + &more).assert().success();
    let output = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let lists: Vec<Vec<String>> = output
        .lines()
        .map(|line| {
            let request: Value = serde_json::from_str(line).unwrap();
            let config = &request["body"]["update"]["desiredControlPlaneEndpointsConfig"];
            let blocks = &config["ipEndpointsConfig"]["authorizedNetworksConfig"]["cidrBlocks"];
            let block = |block: &Value| block["cidrBlock"].as_str().unwrap().to_owned();
            blocks.as_array().unwrap().iter().map(block).collect()
        })
        .collect();
    assert_eq!(lists.len(), 20_000);
    for (i, list) in lists.iter().enumerate() {
        // Others have the first range, too.
        if i == 0 || i >= 16_384 {
            assert_eq!(list, &["10.0.0.0/10"], "{i}");
            continue;
        }
        // All of the /10 but its own /24: as many blocks as there are bits between.
        assert_eq!(list.len(), 14, "{i}");
        let own = cidr::parse(&pods(i)).unwrap();
        let mut nets: Vec<_> = list.iter().map(|net| cidr::parse(net).unwrap()).collect();
        assert!(nets.iter().all(|net| !net.contains(&own)), "{i}");
        nets.push(own);
        assert_eq!(Joined::of(&nets).ranges(), [cidr::parse("10.0.0.0/10").unwrap()], "{i}");
    }
}

#[test]
fn twenty_thousand_ranges_apart_are_too_many_for_each() {
    let pods = |i: usize| format!("10.{}.{}.0/25", i / 256, i % 256);
    let clusters: String = (0..20_000).map(|i| record(i, &pods(i), RESTRICTED)).collect();
    let counts =
        "would have 51 or more authorized networks (0 there, 51 or more to add), of 50 at most";
    tool(&["-q"])
        .write_stdin(clusters.as_str())
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains(format!("error: cluster p/us-west2-a/c00000: {counts}")));
    let first = "cluster p/us-west2-a/c00000 does not let in 19999 ranges of other clusters, of \
                 p/us-west2-a/c00001, ";
    tool(&["-q", "--check"]).write_stdin(clusters.as_str()).assert().code(1).stdout(
        contains(first).and(contains(counts).count(20_000)).and(contains("\n").count(40_000)),
    );
    // One that lets in the whole network lacks nothing.
    let open = r#","authorizedNetworks":{"enabled":true,"blocks":[{"cidr":"10.0.0.0/8"}]}"#;
    let clusters: String = (0..20_000).map(|i| record(i, &pods(i), open)).collect();
    tool(&["-q", "--check"]).write_stdin(clusters).assert().success().stdout("");
}

#[test]
fn private_servers_of_twenty_thousand_regions_get_global_access() {
    let server = r#","authorizedNetworks":{"enabled":true,"blocks":[{"cidr":"10.0.0.0/14"}]},"endpoints":[{"url":"https://172.16.0.2","kind":"private"}]"#;
    let clusters: String = (0..20_000)
        .map(|i| record(i, "10.0.0.0/14", server).replace("us-west2-a", &format!("r{i}-x-a")))
        .collect();
    tool(&["-q", "--check"])
        .write_stdin(clusters.as_str())
        .assert()
        .code(1)
        .stdout(contains("\n").count(20_000).and(contains(" and 19989 more\n").count(20_000)));
    tool(&["-q"])
        .write_stdin(clusters)
        .assert()
        .success()
        .stdout(contains("--enable-master-global-access\n").count(20_000));
}

/// One name in all records, and each adds to it.
#[test]
fn twenty_thousand_records_of_one_cluster_are_one() {
    let pods = |i: usize| format!("10.{}.{}.0/24", i / 256, i % 256);
    let mut clusters: String = (0..16_384).map(|i| record(1, &pods(i), "")).collect();
    clusters += &record(1, "10.0.0.0/24", "").repeat(3_616);
    clusters += &record(2, "10.128.0.0/14", RESTRICTED);
    tool(&["-q"])
        .write_stdin(clusters)
        .assert()
        .success()
        .stdout(contains(" c00002 ").and(contains("--master-authorized-networks=10.0.0.0/10\n")));
}
