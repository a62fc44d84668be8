//! What the old recipes get wrong without a word, each as a test of the tool that does not.
//!
//! Seed 000: two GKE clusters with a managed control plane. Seed 001: clusters outside Google
//! Cloud. Seed 003: GKE clusters of one project or a shared VPC. Those that need the recipe
//! itself to run beside ours, through gcloud, are in `real/gcloud.rs`.

use mesh_tests::{Ran, programs, run};
use std::process::Command;

fn tool(name: &str, args: &[&str], input: &str) -> Ran {
    run(Command::new(&programs()[name]).args(args).env_clear(), input)
}

const CLUSTER: &str = r#"{"name": "asm-a", "location": "us-west2-a", "clusterIpv4Cidr": "10.4.0.0/14",
    "selfLink": "https://container.example/v1/projects/my-proj/zones/us-west2-a/clusters/asm-a",
    "networkConfig": {"network": "projects/my-proj/global/networks/prod",
        "subnetwork": "projects/my-proj/regions/us-west2/subnetworks/nodes-1"},
    "ipAllocationPolicy": {"additionalPodRangesConfig": {"podRangeNames": ["more"]}},
    "nodePools": [{"networkConfig": {"podIpv4CidrBlock": "10.80.0.0/16"}}]}"#;
const SUBNET: &str = r#"{"kind": "compute#subnetwork", "name": "nodes-1", "ipCidrRange": "10.168.0.0/20",
    "selfLink": "https://compute.example/compute/v1/projects/my-proj/regions/us-west2/subnetworks/nodes-1",
    "secondaryIpRanges": [{"rangeName": "more", "ipCidrRange": "10.90.0.0/16"}]}"#;

/// The remote Secret was named asm-a, and istiod calls the cluster cn-….
#[test]
fn seed_000_the_secret_has_another_name_than_the_cluster() {
    let out = tool("mesh-id", &[], CLUSTER).ok();
    assert!(out.contains(r#""id":"cn-my-proj-us-west2-a-asm-a""#), "{out}");
}

/// The recipe reads the range of the subnet "default", wherever the nodes are.
#[test]
fn seed_000_the_subnet_need_not_be_called_default() {
    let input = format!("{CLUSTER}{SUBNET}");
    assert_eq!(tool("mesh-cidrs", &["--kind", "node"], &input).ok(), "10.168.0.0/20\n");
}

/// `firewall-rules create` fails when the rule is there, and leaves it as it was.
#[test]
fn seed_000_a_second_run_updates_only_what_differs() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("rules.json");
    let path = file.to_str().expect("a plain path");
    let args = ["--network", "prod", "--project", "my-proj", "--target-tags", "t"];
    let body = tool("mesh-firewall", &[&args[..], &["-o", "json"]].concat(), "10.4.0.0/14").ok();
    std::fs::write(&file, format!("[{body}]")).expect("it can be written");
    let again = [&args[..], &["--existing", path]].concat();
    assert_eq!(tool("mesh-firewall", &again, "10.4.0.0/14").ok(), "");
    let wider = tool("mesh-firewall", &again, "10.4.0.0/14 10.80.0.0/16").ok();
    assert!(wider.starts_with("gcloud compute firewall-rules update "), "{wider}");
}

/// An unset variable gave an empty list of tags: a rule for nobody, or for everybody.
#[test]
fn seed_000_no_target_is_not_every_machine() {
    for args in [&["--network", "n"][..], &["--network", "n", "--target-tags", ""]] {
        assert_eq!(tool("mesh-firewall", args, "10.4.0.0/14").code, Some(2), "{args:?}");
    }
}

/// Both clusters get the network "default": istiod then routes to pods that it cannot reach.
#[test]
fn seed_001_the_network_default_is_warned_of() {
    let ran = tool("mesh-gateway-gen", &["--network", "default"], "");
    assert!(
        ran.stderr.contains("clusters on networks of one name are taken for directly"),
        "{ran:?}"
    );
}

/// The recipe knows one range per cluster; there are four places.
#[test]
fn seed_003_further_pod_ranges_are_missed() {
    let input = format!("{CLUSTER}{SUBNET}");
    assert_eq!(tool("mesh-cidrs", &[], &input).ok(), "10.4.0.0/14\n10.80.0.0/16\n10.90.0.0/16\n");
    let without = tool("mesh-cidrs", &[], CLUSTER);
    assert!(without.stderr.contains("further pod ranges"), "{without:?}");
}

#[test]
fn seed_003_overlaps_are_not_looked_for() {
    let other = CLUSTER.replace("asm-a", "asm-b").replace("10.4.0.0/14", "10.7.0.0/16");
    let ran = tool("mesh-cidrs", &["--check-overlap"], &format!("{CLUSTER}{other}"));
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("my-proj/us-west2-a/asm-b"), "{ran:?}");
}

#[test]
fn seed_003_the_whole_internet_is_let_in() {
    let everything = CLUSTER.replace("10.4.0.0/14", "0.0.0.0/0");
    assert_eq!(tool("mesh-cidrs", &[], &everything).code, Some(3));
    let args = ["--network", "n", "--target-tags", "t"];
    assert_eq!(tool("mesh-firewall", &args, "0.0.0.0/0").code, Some(3));
}

#[test]
fn seed_003_an_empty_list_opens_nothing() {
    for input in ["", "[]", r#"{"name": "a", "clusterIpv4Cidr": ""}"#] {
        let ran = tool("mesh-cidrs", &["-o", "csv"], input);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""), "{ran:?}");
    }
}

#[test]
fn seed_003_limits_are_not_checked() {
    let args = ["--network", "n", "--target-tags", "t", "--max-ranges", "2"];
    let ranges = "10.0.0.0/24 10.2.0.0/24 10.4.0.0/24";
    assert_eq!(tool("mesh-firewall", &args, ranges).ok().lines().count(), 2);
    let clusters: String = (0..60)
        .map(|i| {
            CLUSTER
                .replace("asm-a", &format!("asm-{i}"))
                .replace("10.4.0.0/14", &format!("10.{}.0.0/24", 2 * i))
                .replace("10.80.0.0/16", "10.200.0.0/24")
                .replace(r#""additionalPodRangesConfig""#, r#""ignored""#)
                .replacen('{', r#"{"endpoint": "34.1.1.1","#, 1)
        })
        .collect();
    let ran = tool("mesh-authnets", &["--enable"], &clusters);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""), "{ran:?}");
    assert!(ran.stderr.contains("50 at most"), "{ran:?}");
}
