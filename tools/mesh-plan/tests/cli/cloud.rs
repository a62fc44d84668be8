//! Firewall rules and authorized networks.

use super::mesh::{Mesh, file, healthy};
use super::{brief, steps_with};
use serde_json::{Value, json};

/// The record of a GKE cluster whose pods are in 10.N.0.0/16.
fn gke(number: usize, blocks: &[&str]) -> String {
    let blocks: Vec<Value> = blocks.iter().map(|cidr| json!({"cidr": cidr})).collect();
    json!({"apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": format!("c{number}"),
        "provider": "gke", "project": "p", "location": "us-west2-a",
        "ranges": [{"cidr": format!("10.{number}.0.0/16"), "kind": "pod"}],
        "authorizedNetworks": {"enabled": true, "blocks": blocks}})
    .to_string()
}

/// The steps of the stage `firewall`, for clusters with these authorized networks.
fn firewall(blocks: &[&[&str]], rules: Option<&Value>, args: &[&str]) -> Vec<Value> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("it can be written");
        path.to_str().expect("a plain path").to_owned()
    };
    let records: String = (1..).zip(blocks).map(|(i, blocks)| gke(i, blocks) + "\n").collect();
    let records = path("records.json", &records);
    let captures = path("captures.json", &healthy(blocks.len()).text());
    let mut file = file(blocks.len());
    let mut all = vec!["-f", &captures, "-f", &records, "--stage", "firewall"];
    let rules = rules.map(|rules| path("rules.json", &rules.to_string()));
    if let Some(rules) = &rules {
        file += "firewall: {network: projects/p/global/networks/vpc, tags: [node]}\n";
        all.extend(["--firewall-rules", rules]);
    }
    all.extend(args);
    steps_with(&Mesh(Vec::new()), &file, &all)
}

#[test]
fn api_servers_let_the_others_in() {
    let steps = firewall(&[&["192.0.2.0/24"], &["10.1.0.0/16"]], None, &[]);
    assert_eq!(brief(&steps), ["firewall c1"]);
    let update = "gcloud container clusters update c1 --location=us-west2-a --project=p \
                  --enable-master-authorized-networks";
    let list = format!("{update} --master-authorized-networks=192.0.2.0/24");
    assert_eq!(steps[0]["command"], format!("{list},10.2.0.0/16"));
    assert_eq!(steps[0]["undo"], list);
    let blocks: [&[&str]; 3] = [
        &["192.0.2.0/24", "10.2.0.0/16", "10.3.0.0/16"],
        &["10.1.0.0/16", "10.3.0.0/16"],
        &["10.0.0.0/14"],
    ];
    assert_eq!(firewall(&blocks, None, &[]).len(), 0);
    let steps = firewall(&blocks, None, &["--leave", "c3"]);
    assert_eq!(brief(&steps), ["firewall c1", "firewall c2"]);
    assert_eq!(steps[0]["command"], format!("{list},10.2.0.0/16"));
    assert_eq!(steps[0]["undo"], format!("{list},10.2.0.0/16,10.3.0.0/16"));
    let steps = firewall(&blocks, None, &["--undo"]);
    assert_eq!(steps[0]["command"], list);
    let none = "gcloud container clusters update c2 --location=us-west2-a --project=p \
                --enable-master-authorized-networks";
    assert_eq!(steps[1]["command"], none);
}

#[test]
fn the_firewall_lets_pods_in() {
    let open: [&[&str]; 2] = [&["10.2.0.0/16"], &["10.1.0.0/16"]];
    let steps = firewall(&open, Some(&json!([])), &[]);
    assert_eq!(brief(&steps), ["firewall mesh"]);
    let command = steps[0]["command"].as_str().expect("it has one");
    assert!(
        command.starts_with(
            "gcloud compute firewall-rules describe istio-multicluster-pods --project=p \
             >/dev/null 2>&1 || gcloud compute firewall-rules create istio-multicluster-pods "
        ),
        "{command}"
    );
    assert!(command.contains("--source-ranges=10.1.0.0/16,10.2.0.0/16"), "{command}");
    let delete = "gcloud compute firewall-rules delete istio-multicluster-pods --project=p --quiet";
    assert_eq!(steps[0]["undo"], delete);
    let protocols = ["tcp", "udp", "icmp", "esp", "ah", "sctp"];
    let allowed = protocols.map(|name| json!({"IPProtocol": name}));
    let rule = |sources: &[&str]| {
        json!([{"name": "istio-multicluster-pods", "network":
            "https://www.googleapis.com/compute/v1/projects/p/global/networks/vpc",
            "direction": "INGRESS", "priority": 900, "sourceRanges": sources, "targetTags": ["node"],
            "allowed": allowed}])
    };
    let both = rule(&["10.1.0.0/16", "10.2.0.0/16"]);
    assert_eq!(firewall(&open, Some(&both), &[]).len(), 0);
    let one = firewall(&open, Some(&rule(&["10.1.0.0/16"])), &[]);
    let update = "gcloud compute firewall-rules update istio-multicluster-pods";
    assert_eq!(
        one[0]["command"],
        format!("{update} --source-ranges=10.1.0.0/16,10.2.0.0/16 --project=p --quiet")
    );
    assert_eq!(one[0]["undo"], format!("{update} --source-ranges=10.1.0.0/16 --project=p --quiet"));
    // With one cluster left, nobody needs it.
    let steps = firewall(&open, Some(&both), &["--leave", "c2"]);
    let last = steps.last().expect("there is one");
    assert!(last["command"].as_str().is_some_and(|line| line.ends_with(delete)), "{last}");
    let three: [&[&str]; 3] = [&["10.0.0.0/14"], &["10.0.0.0/14"], &["10.0.0.0/14"]];
    let all = rule(&["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"]);
    let steps = firewall(&three, Some(&all), &["--leave", "c3"]);
    assert_eq!(steps.len(), 1, "{steps:#?}");
    assert!(
        steps[0]["command"]
            .as_str()
            .is_some_and(|line| line.contains("--source-ranges=10.1.0.0/16,10.2.0.0/16 "))
    );
}
