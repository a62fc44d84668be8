//! The program as a user runs it, without a server: the files that it makes.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use super::objects::*;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

#[test]
fn the_files_are_made_of_what_the_cluster_has() {
    let files = make(&[], &list(&objects()));
    assert_eq!(
        files["cluster.env"],
        r#"CANONICAL_REVISION='latest'
CANONICAL_SERVICE='it'"'"'s $HOME'
ISTIO_INBOUND_PORTS='3550,8080'
ISTIO_LOCAL_EXCLUDE_PORTS='22,15090,15021,15020'
ISTIO_METAJSON_LABELS='{"app":"it'"'"'s $HOME","service.istio.io/canonical-name":"it'"'"'s $HOME","service.istio.io/canonical-revision":"latest"}'
ISTIO_META_CLUSTER_ID='cluster1'
ISTIO_META_DNS_CAPTURE='true'
ISTIO_META_MESH_ID='mesh1'
ISTIO_META_NETWORK='vm'
ISTIO_META_POD_PORTS='[{"name":"grpc","containerPort":3550,"protocol":""},{"name":"http","containerPort":8080,"protocol":""}]'
ISTIO_META_WORKLOAD_NAME='shop'
ISTIO_NAMESPACE='vms'
ISTIO_SERVICE='shop.vms'
ISTIO_SERVICE_CIDR='*'
POD_NAMESPACE='vms'
SERVICE_ACCOUNT='shop'
TRUST_DOMAIN='cluster.local'
"#
    );
    let mesh: Value = serde_yaml::from_str(&files["mesh.yaml"]).unwrap();
    let settings = &mesh["defaultConfig"];
    assert_eq!(settings["discoveryAddress"], "istiod.istio-system.svc:15012");
    assert_eq!(settings["proxyMetadata"]["ISTIO_META_CLUSTER_ID"], "cluster1");
    assert_eq!(files["hosts"], "203.0.113.1 istiod.istio-system.svc\n");
    assert_eq!(files["root-cert.pem"], *ROOT);
    assert_eq!(files.len(), 4);
}

#[test]
fn flags_win_over_the_cluster() {
    let args = [
        "--cluster-id",
        "c9",
        "--ingress-ip",
        "2001:db8::1",
        "--internal-ip",
        "fd00::9",
        "--auto-register",
        "--capture-dns=false",
        "--name",
        "shop",
        "-n",
        "vms",
    ];
    // Neither injector nor gateway is needed then.
    let files = make(&args, &list(&[&objects()[..2], &objects()[3..4]].concat()));
    assert_eq!(files["hosts"], "2001:db8::1 istiod.istio-system.svc\n");
    for (line, is_there) in [
        ("ISTIO_META_CLUSTER_ID='c9'\n", true),
        ("ISTIO_META_AUTO_REGISTER_GROUP='shop'\n", true),
        ("ISTIO_SVC_IP='fd00::9'\n", true),
        ("DNS_CAPTURE", false),
    ] {
        assert_eq!(files["cluster.env"].contains(line), is_there, "{line}");
    }
}

#[test]
fn a_revision_has_objects_and_names_of_its_own() {
    let mut objects = objects();
    for (index, name) in [(1, "istio-canary"), (2, "istio-sidecar-injector-canary")] {
        objects[index]["metadata"]["name"] = json!(name);
    }
    objects[1]["data"]["mesh"] = json!("trustDomain: td");
    let files = make(&["--revision", "canary"], &list(&objects));
    assert_eq!(files["hosts"], "203.0.113.1 istiod-canary.istio-system.svc\n");
    assert!(files["cluster.env"].contains("CA_ADDR='istiod-canary.istio-system.svc:15012'\n"));
    assert!(
        files["mesh.yaml"].contains("discoveryAddress: istiod-canary.istio-system.svc:15012\n")
    );
    tool(&["-o", "tar", "--no-token"])
        .write_stdin(list(&objects))
        .assert()
        .code(3)
        .stdout("")
        .stderr(
            contains("the input has no config map istio-system/istio")
                .and(contains("--revision chooses: canary")),
        );
}

#[test]
fn a_folder_is_made_and_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, token("shop", "istio-ca") + "\n").unwrap();
    let out = dir.path().join("vm");
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let args = ["--out", &path(&out), "--token-file", &path(&file), "--at", "2026-01-01T00:30:00Z"];
    for _ in 0..2 {
        let names = ["cluster.env", "hosts", "istio-token", "mesh.yaml", "root-cert.pem"];
        let lines: String =
            names.iter().fold(String::new(), |all, name| all + &path(&out.join(name)) + "\n");
        tool(&args).write_stdin(list(&objects())).assert().success().stderr("").stdout(lines);
        for name in names {
            let mode = out.join(name).metadata().unwrap().permissions().mode() & 0o7777;
            assert_eq!(mode, if name == "istio-token" { 0o600 } else { 0o644 }, "{name}");
        }
        let text = std::fs::read_to_string(out.join("istio-token")).unwrap();
        assert_eq!(text, token("shop", "istio-ca"));
    }
    // The same as an archive.
    let args = ["-o", "tar", "--token-file", &path(&file), "--at", "2026-01-01T00:30:00Z"];
    let ran = tool(&args).write_stdin(list(&objects())).assert().success();
    let files = archive(&ran);
    assert_eq!(files["istio-token"].0, 0o600);
    for (name, (_, text)) in files {
        assert_eq!(std::fs::read_to_string(out.join(&name)).unwrap(), text, "{name}");
    }
}

#[test]
fn names_of_load_balancers_are_looked_up_where_that_is_wanted() {
    let input = |host| changed(4, "/status/loadBalancer/ingress", json!([{"hostname": host}]));
    let args = ["-o", "tar", "--no-token", "--resolve"];
    let ran =
        tool(&args).args(["--internal-ip", "192.0.2.9"]).write_stdin(input("localhost")).assert();
    let ran = ran.success().stderr(contains("hosts has 127.0.0.1, an address of localhost now"));
    assert_eq!(archive(&ran)["hosts"].1, "127.0.0.1 istiod.istio-system.svc\n");
    let ran = tool(&args).write_stdin(input("ew.invalid")).assert().code(3).stdout("");
    ran.stderr(contains("has the address ew.invalid, which cannot be resolved"));
}

#[test]
fn what_may_surprise_is_told() {
    for (input, warning) in [
        (
            changed(0, "/spec/template", json!({"labels": {"app": "b"}})),
            "label app is in the workload group twice",
        ),
        (
            changed(4, "/spec/ports", json!([{"port": 15443}])),
            "has no port 15012, where machines look",
        ),
        (
            changed(
                1,
                "/data/mesh",
                json!("defaultConfig: {discoveryAddress: 'istiod.example.com:15012'}"),
            ),
            "the mesh sends proxies to istiod.example.com:15012, and hosts names istiod.istio-system.svc alone",
        ),
        (
            changed(1, "/data/mesh", json!("defaultConfig: {proxyMetadata: {A-B: x}}")),
            "cluster.env is without \"A-B\": no shell can set such a variable",
        ),
    ] {
        let ran = tool(&["-o", "tar", "--no-token"]).write_stdin(input.as_str()).assert().success();
        ran.stderr(contains(warning));
        tool(&["-o", "tar", "--no-token", "-q"]).write_stdin(input).assert().success().stderr("");
    }
}

#[test]
fn the_recipe_of_1_6_takes_ranges_from_records() {
    let ingress = |name: &str| {
        let mut service = gateway(json!([{"ip": "203.0.113.1"}]));
        service["metadata"]["name"] = json!(name);
        service
    };
    let record = |range: &str| {
        json!({
            "apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": "c",
            "ranges": [{"cidr": "10.0.0.0/14", "kind": "pod"}, {"cidr": range, "kind": "service"}],
        })
    };
    let root = map("default", "istio-ca-root-cert", json!({"root-cert.pem": *ROOT}));
    let input = list(&[record("10.8.0.0/20"), root.clone(), ingress("istio-ingressgateway")]);
    let args = ["--format", "1.6", "-o", "tar"];
    let ran = tool(&args)
        .args(["--inbound-port", "3550"])
        .write_stdin(input.as_str())
        .assert()
        .success()
        .stderr("");
    let files: BTreeMap<_, _> =
        archive(&ran).into_iter().map(|(name, (_, text))| (name, text)).collect();
    assert_eq!(
        files["cluster.env"],
        "ISTIO_INBOUND_PORTS='3550'\nISTIO_SERVICE_CIDR='10.8.0.0/20'\n"
    );
    assert_eq!(
        files["hosts"],
        "203.0.113.1 istiod.istio-system.svc istio-citadel istio-pilot istio-pilot.istio-system\n"
    );
    assert_eq!(files.keys().collect::<Vec<_>>(), ["cluster.env", "hosts", "root-cert.pem"]);
    // With a workload group, its ports and namespace count.
    let with_group = list(&objects());
    let more =
        ["--service-cidr", "10.8.0.0/20,10.4.0.0/20", "--ingress-service", "istio-eastwestgateway"];
    let ran = tool(&args).args(more).write_stdin(with_group).assert().success();
    assert_eq!(
        archive(&ran)["cluster.env"].1,
        "ISTIO_INBOUND_PORTS='3550,8080'\nISTIO_NAMESPACE='vms'\nISTIO_SERVICE_CIDR='10.4.0.0/20,10.8.0.0/20'\n"
    );
    for (objects, message) in [
        (vec![root.clone(), ingress("istio-ingressgateway")], "no range of Services is known"),
        (vec![record("10.8.0.1/20"), root], "cluster c: \"10.8.0.1/20\" has host bits set"),
        (vec![record("10.8.0.0/20")], "no config map default/istio-ca-root-cert"),
    ] {
        let ran = tool(&args).write_stdin(list(&objects)).assert().code(3).stdout("");
        ran.stderr(contains(message));
    }
}

#[test]
fn a_cluster_id_that_is_no_key_of_a_secret_is_refused() {
    let input = changed(1, "/data/mesh", json!("defaultConfig: {}"));
    for id in ["\u{202e}x", "a b", "a\u{1b}[31m"] {
        let args = ["-o", "tar", "--no-token", "--cluster-id", id];
        let ran = tool(&args).write_stdin(input.as_str()).assert().code(3).stdout("");
        ran.stderr(contains("cannot be one"));
    }
}
