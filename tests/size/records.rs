//! Programs that read cluster records, or what clouds and kubeconfigs say of clusters.

use super::inputs::{MANY, MESH, kubeconfig, lines, list, object, range, record, records};
use super::{sized, sized_in};
use serde_json::json;

#[test]
fn many_records_are_read_filled_in_and_written() {
    let all = records(MANY);
    sized("mesh-clusters", "", &all).done(MANY);
    sized("mesh-clusters", "-o table", &all).done(MANY + 1);
    sized("mesh-id", "", &all).done(MANY);
    sized("mesh-id", "--labels", &all).done(MANY);
    // As many ranges as 20,000 has bits.
    sized("mesh-cidrs", "", &all).done(5);
    sized("mesh-cidrs", "-o json", &all).done(5);
    sized("mesh-nettags", "-q", &all).done(MANY);
    let one_id = lines(MANY, |i| record(i, json!({"id": "same"})));
    sized("mesh-id", "-o table", &one_id).wrote(1, 1);
}

#[test]
fn many_records_of_one_cluster_are_one() {
    let long = "x".repeat(100_000);
    let twins = lines(MANY, |i| {
        let note = if i == 0 { json!(long) } else { json!(i) };
        record(i, json!({"name": "a", "context": "a", "id": "a", "network": "n", "x-note": note}))
    });
    sized("mesh-clusters", "-q", &twins).done(1);
}

#[test]
fn a_mesh_that_is_judged_pair_by_pair_has_a_bound() {
    let (all, mesh) = (records(MANY), records(MESH));
    let too_many = "the input tells of 20000 clusters, of 1000 at most";
    for program in ["mesh-check", "mesh-plan", "mesh-graph", "mesh-authnets"] {
        sized(program, "", &all).refused(too_many);
    }
    sized("mesh-graph", "-o dot", &mesh).done(5 * MESH + 5);
    // A finding of each: it was not captured.
    sized("mesh-check", "-q", &mesh).done(2 * MESH);
    // 44,850 pairs.
    let is_same = json!({"network": "n", "ranges": [{"cidr": "10.0.0.0/8", "kind": "pod"}]});
    let alike = lines(300, |i| {
        let mut record = record(i, is_same.clone());
        record["vpc"] = json!(format!("projects/p{i}/global/networks/v"));
        record
    });
    sized("mesh-check", "-q --only MESH0201", &alike).wrote(1, 2 * 10_001);
    sized("mesh-plan", "-q -o sh", &records(200)).wrote(1, 15 * 200 + 7);
}

#[test]
fn overlaps_of_many_are_told_up_to_a_number() {
    let is_same = json!({"ranges": [{"cidr": "10.0.0.0/8", "kind": "pod"}]});
    let alike = lines(MANY, |i| record(i, is_same.clone()));
    let told = "there are more overlaps than the 10000 that are told";
    sized("mesh-cidrs", "--check-overlap", &alike).wrote(1, 10_000).says(told);
    sized("mesh-cidrs", "--check-overlap -o table", &alike)
        .refused("the matrix is of 20000 clusters");
    sized("mesh-cidrs", "", &alike).done(1);
    sized("mesh-cidrs", "--check-overlap", &records(MANY)).done(0);
}

#[test]
fn what_is_made_of_many_records_is_as_long_as_they_are() {
    let all = records(MANY);
    sized("mesh-install-gen", "-q -o namespace", &all).done(9 * MANY - 1);
    sized("mesh-install-gen", "-q -o asmcli --fleet-id p", &all).refused("the mesh is mesh1");
    let domains = lines(MANY, |i| record(i, json!({"trustDomain": format!("d{i}")})));
    sized("mesh-install-gen", "", &domains).refused("have 20000 trust domains, of 100 at most");
    sized("mesh-gateway-gen", "-q -f - -o iop", &all).done(1);
    let shared = lines(MANY, |i| record(i, json!({"network": "n"})));
    let refusal = "20000 clusters share network n, of 1000 at most";
    sized("mesh-install-gen", "", &shared).refused(refusal);
    sized("mesh-gateway-gen", "-f -", &shared).refused(refusal);
}

#[test]
fn authorized_networks_of_a_large_mesh() {
    let restricted = |i: usize, cidr: String| {
        record(
            i,
            json!({"authorizedNetworks": {"enabled": true},
            "ranges": [{"cidr": cidr, "kind": "pod"}]}),
        )
    };
    // Neighbours become few blocks, and others do not fit.
    let neighbours = lines(300, |i| restricted(i, range(i)));
    sized("mesh-authnets", "", &neighbours).done(300);
    let apart = lines(300, |i| restricted(i, range(2 * i)));
    sized("mesh-authnets", "", &apart).refused("would have 299 authorized networks");
    // For each: 20 of its peers, how many more, and that the list is too long.
    sized("mesh-authnets", "--check", &apart).wrote(1, 22 * 300);
}

#[test]
fn nodes_rules_and_ranges() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file =
        |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("it is ours");
    file("records", &records(MANY));
    let instance = |i: usize, node_of: Option<String>, tag: String| {
        json!({"kind": "compute#instance", "name": format!("i{i}"), "tags": {"items": [tag]},
            "labels": node_of.map(|name| json!({"goog-k8s-cluster-name": name})).unwrap_or(json!({})),
            "networkInterfaces": [{"network": "projects/p/global/networks/v"}]})
    };
    file("nodes", &lines(MANY, |i| instance(i, Some(format!("c{i}")), format!("t{i}"))));
    file("others", &lines(MANY, |i| instance(i, None, format!("o{}", i % 7))));
    sized_in(dir.path(), "mesh-nettags", "-f records -f nodes -f others", "").done(MANY);
    let rule = |i: usize| {
        json!({"kind": "compute#firewall", "name": format!("gke-c{i}-1a2b3c4d-all"), "network":
            "projects/p/global/networks/v", "sourceRanges": [range(i)], "targetTags": [format!("r{i}")],
            "direction": "INGRESS", "priority": 1000, "allowed": [{"IPProtocol": "tcp"}]})
    };
    file("rules", &lines(MANY, rule));
    sized_in(dir.path(), "mesh-nettags", "-f records -f rules", "").done(MANY);
    let ranges: String = (0..MANY).map(|i| range(2 * i) + "\n").collect();
    let firewall = "-q --network v --target-tags a";
    // Rules have 5000 ranges at most.
    sized("mesh-firewall", firewall, &ranges).done(4);
    let with_rules = "-q --network projects/p/global/networks/v --target-tags a --existing rules";
    sized_in(dir.path(), "mesh-firewall", with_rules, &ranges).done(4);
}

#[test]
fn clusters_that_others_name() {
    let all = records(MANY);
    let twice = all.clone() + &record(MANY, json!({"id": "c7"})).to_string();
    // Before any key is made.
    sized("mesh-cacerts", "init", &twice).refused("has the ID c7 of cluster");
    let dir = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(dir.path().join("records"), &all).expect("it is ours");
    let unreachable = "/nowhere/config";
    sized("mesh-capture", "--timeout 1s", &all).refused(unreachable);
    sized("mesh-remote-secret", "", &all).refused(unreachable);
    let secret = object(
        "Secret",
        "istio-system",
        "s",
        json!({
        "type": "kubernetes.io/service-account-token", "data": {"token": "dA==", "ca.crt": "Q0E="},
        "metadata": {"annotations": {"kubernetes.io/service-account.name": "s"}}}),
    );
    let refusal = "1 token secrets and 20000 records";
    sized("mesh-remote-secret", "", &(all + &secret.to_string())).refused(refusal);
    let map = object("ConfigMap", "n", "m", json!({})).to_string();
    sized_in(dir.path(), "mesh-apply", "--to records", &map).refused(unreachable);
}

#[test]
fn many_contexts() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let many = kubeconfig(MANY).to_string();
    std::fs::write(dir.path().join("config"), &many).expect("it is ours");
    sized("mesh-context", "--list", &many).done(MANY);
    sized("mesh-context", "-o json", &many).done(1);
    sized_in(dir.path(), "mesh-context", "-q --list -f config -f config", "").done(MANY);
    sized("mesh-context", "--minify --context c19999 -o json", &many).done(1);
    sized("mesh-clusters", "", &many).done(MANY);
    let manifests = list(MANY, |i| object("ConfigMap", "n", &format!("m{i}"), json!({})));
    let apply = "--dry-run=client --kubeconfig config --context c19999";
    sized_in(dir.path(), "mesh-apply", apply, &manifests).done(MANY);
}
