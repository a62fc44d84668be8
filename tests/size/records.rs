//! Programs that read cluster records, or what clouds and kubeconfigs say of clusters.

use super::inputs::{MESH, kubeconfig, lines, list, many, object, range, record, records};
use super::{sized, sized_in};
use serde_json::json;

#[test]
fn many_records_are_read_filled_in_and_written() {
    let all = records(many());
    sized("mesh-clusters", "", &all).done(many());
    sized("mesh-clusters", "-o table", &all).done(many() + 1);
    sized("mesh-id", "", &all).done(many());
    sized("mesh-id", "--labels", &all).done(many());
    // A range for each bit of their number.
    let bits = many().count_ones() as usize;
    sized("mesh-cidrs", "", &all).done(bits);
    sized("mesh-cidrs", "-o json", &all).done(bits);
    sized("mesh-nettags", "-q", &all).done(many());
    let one_id = lines(many(), |i| record(i, json!({"id": "same"})));
    sized("mesh-id", "-o table", &one_id).wrote(1, 1);
}

#[test]
fn many_records_of_one_cluster_are_one() {
    let long = "x".repeat(100_000);
    let twins = lines(many(), |i| {
        let note = if i == 0 { json!(long) } else { json!(i) };
        record(i, json!({"name": "a", "context": "a", "id": "a", "network": "n", "x-note": note}))
    });
    sized("mesh-clusters", "-q", &twins).done(1);
}

#[test]
fn a_mesh_that_is_judged_pair_by_pair_has_a_bound() {
    let (all, mesh) = (records(many()), records(MESH));
    let too_many = format!("the input tells of {} clusters, of 1000 at most", many());
    for program in ["mesh-check", "mesh-plan", "mesh-graph"] {
        sized(program, "", &all).refused(&too_many);
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
    sized("mesh-check", "-q --only MESH0201", &alike).wrote(1, 2 * 10_000);
    sized("mesh-plan", "-q -o sh", &records(200)).wrote(1, 16 * 200 + 7);
}

#[test]
fn overlaps_of_many_are_told_up_to_a_number() {
    let is_same = json!({"ranges": [{"cidr": "10.0.0.0/8", "kind": "pod"}]});
    let alike = lines(many(), |i| record(i, is_same.clone()));
    let told = "there are more than 10000 overlaps: these are the first";
    sized("mesh-cidrs", "--check-overlap", &alike).wrote(1, 10_000).says(told);
    let too_wide = format!("a table of {} clusters, of 500 at most", many());
    sized("mesh-cidrs", "--check-overlap -o table", &alike).refused(&too_wide);
    sized("mesh-cidrs", "", &alike).done(1);
    sized("mesh-cidrs", "--check-overlap", &records(many())).done(0);
}

#[test]
fn what_is_made_of_many_records_is_as_long_as_they_are() {
    let all = records(many());
    sized("mesh-install-gen", "-q -o namespace", &all).done(9 * many() - 1);
    sized("mesh-install-gen", "-q -o asmcli --fleet-id p", &all).refused("the mesh is mesh1");
    let domains = lines(many(), |i| record(i, json!({"trustDomain": format!("d{i}")})));
    sized("mesh-install-gen", "", &domains)
        .refused(&format!("have {} trust domains, of 100 at most", many()));
    sized("mesh-gateway-gen", "-q -f - -o iop", &all).done(42 * many() - 1);
    let shared = lines(many(), |i| record(i, json!({"network": "n"})));
    let refusal = format!("{} clusters share network n, of 1000 at most", many());
    sized("mesh-install-gen", "", &shared).refused(&refusal);
    sized("mesh-gateway-gen", "-f -", &shared).refused(&refusal);
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
    sized("mesh-authnets", "-q", &records(many())).done(0);
    // Neighbours become few blocks, and others do not fit.
    let neighbours = lines(many(), |i| restricted(i, range(i)));
    sized("mesh-authnets", "", &neighbours).done(many());
    let apart = lines(many(), |i| restricted(i, range(2 * i)));
    sized("mesh-authnets", "", &apart).refused("would have 51 or more authorized networks");
    // For each: how many of its peers, and that the list is too long.
    sized("mesh-authnets", "--check", &apart).wrote(1, 2 * many());
}

#[test]
fn nodes_rules_and_ranges() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file =
        |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("it is ours");
    file("records", &records(many()));
    let instance = |i: usize, node_of: Option<String>, tag: String| {
        json!({"kind": "compute#instance", "name": format!("i{i}"), "tags": {"items": [tag]},
            "labels": node_of.map(|name| json!({"goog-k8s-cluster-name": name})).unwrap_or(json!({})),
            "networkInterfaces": [{"network": "projects/p/global/networks/v"}]})
    };
    file("nodes", &lines(many(), |i| instance(i, Some(format!("c{i}")), format!("t{i}"))));
    file("others", &lines(many(), |i| instance(i, None, format!("o{}", i % 7))));
    sized_in(dir.path(), "mesh-nettags", "-f records -f nodes -f others", "").done(many());
    let rule = |i: usize| {
        json!({"kind": "compute#firewall", "name": format!("gke-c{i}-1a2b3c4d-all"), "network":
            "projects/p/global/networks/v", "sourceRanges": [range(i)], "targetTags": [format!("r{i}")],
            "direction": "INGRESS", "priority": 1000, "allowed": [{"IPProtocol": "tcp"}]})
    };
    file("rules", &lines(many(), rule));
    sized_in(dir.path(), "mesh-nettags", "-f records -f rules", "").done(many());
    let ranges: String = (0..many()).map(|i| range(2 * i) + "\n").collect();
    let firewall = "-q --network v --target-tags a";
    // Rules have 5000 ranges at most.
    let rules = many().div_ceil(5000);
    sized("mesh-firewall", firewall, &ranges).done(rules);
    let with_rules = "-q --network projects/p/global/networks/v --target-tags a --existing rules";
    sized_in(dir.path(), "mesh-firewall", with_rules, &ranges).done(rules);
}

#[test]
fn clusters_that_others_name() {
    let all = records(many());
    let twice = all.clone() + &record(many(), json!({"id": "c7"})).to_string();
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
    let refusal = format!("1 token secrets and {} records", many());
    sized("mesh-remote-secret", "", &(all + &secret.to_string())).refused(&refusal);
    let map = object("ConfigMap", "n", "m", json!({})).to_string();
    sized_in(dir.path(), "mesh-apply", "--to records", &map).refused(unreachable);
}

#[test]
fn many_contexts() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (all, last) = (kubeconfig(many()).to_string(), many() - 1);
    std::fs::write(dir.path().join("config"), &all).expect("it is ours");
    sized("mesh-context", "--list", &all).done(many());
    sized("mesh-context", "-o json", &all).done(19 * many() + 11);
    sized_in(dir.path(), "mesh-context", "-q --list -f config -f config", "").done(many());
    sized("mesh-context", &format!("--minify --context c{last} -o json"), &all).done(19 + 11);
    sized("mesh-clusters", "", &all).done(many());
    let manifests = list(many(), |i| object("ConfigMap", "n", &format!("m{i}"), json!({})));
    let apply = format!("--dry-run=client --kubeconfig config --context c{last}");
    // Its kubeconfigs are read by the client of Kubernetes, which takes no more of 20,000.
    let applied = sized_in(dir.path(), "mesh-apply", &apply, &manifests);
    if mesh_tests::is_nightly() {
        applied.refused("the kubeconfig holds more than can be read");
    } else {
        let _ = applied.done(many());
    }
}
