//! The program as a user runs it.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use predicates::prelude::*;
use predicates::str::{contains, is_empty};
use serde::Deserialize as _;
use serde_json::{Value, json};

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-install-gen");
    tool.env_clear().args(args);
    tool
}

/// A record as mesh-id writes it, but for the fields that `other` changes.
fn record(name: &str, other: Value) -> String {
    let mut record = json!({"apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": name,
        "id": name, "meshId": "mesh1", "network": format!("net-{name}"), "context": name});
    for (key, value) in other.as_object().unwrap() {
        record[key] = value.clone();
    }
    format!("{record}\n")
}

fn two() -> String {
    record("cluster1", json!({})) + &record("cluster2", json!({}))
}

/// Clusters of GKE as asmcli names them.
fn gke(name: &str, other: Value) -> String {
    let mut fields = json!({"provider": "gke", "project": "p", "location": "l",
        "vpc": "projects/p/global/networks/v", "network": "p-v", "meshId": "proj-1",
        "id": format!("cn-p-l-{name}")});
    for (key, value) in other.as_object().unwrap() {
        fields[key] = value.clone();
    }
    record(name, fields)
}

fn stdout(args: &[&str], input: String) -> String {
    let assert = tool(args).write_stdin(input).assert().success();
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

fn objects(args: &[&str], input: String) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(&stdout(args, input))
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

#[test]
fn two_primaries_as_istio_documents_them() {
    let operator = |name: &str| {
        format!(
            "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nmetadata:\n  \
             annotations:\n    meshutils/cluster: {name}\n  namespace: istio-system\nspec:\n  \
             meshConfig:\n    trustDomain: cluster.local\n  values:\n    global:\n      \
             meshID: mesh1\n      multiCluster:\n        clusterName: {name}\n      \
             network: net-{name}\n"
        )
    };
    let expected = operator("cluster1") + "---\n" + &operator("cluster2");
    tool(&["-q"]).write_stdin(two()).assert().success().stderr("").stdout(expected);
}

/// The one that is chosen is written alone, without a mark, and with what the other needs of it.
#[test]
fn the_others_are_checked_when_one_is_chosen() {
    let input = record("a", json!({})) + &record("b", json!({"trustDomain": "td"}));
    let found = objects(&["--cluster", "a", "--revision", "1-30"], input);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["metadata"], json!({"namespace": "istio-system"}));
    assert_eq!(
        found[0]["spec"]["meshConfig"],
        json!({"trustDomain": "cluster.local", "trustDomainAliases": ["td"]})
    );
    assert_eq!(found[0]["spec"]["revision"], "1-30");
    let collide = record("a", json!({})) + &record("b", json!({"id": "a"}));
    for form in [vec![], vec!["-o", "namespace"], vec!["-o", "helm", "--chart", "base"]] {
        tool(&[&["--cluster", "a"], &form[..]].concat())
            .write_stdin(collide.as_str())
            .assert()
            .code(3)
            .stdout(is_empty())
            .stderr(contains("cluster b: has the ID a of cluster a").and(contains("hint: ")));
    }
}

#[test]
fn a_remote_is_led_to_its_primary() {
    let remote = ["--remote", "cluster2=cluster1"];
    let address = ["--remote-pilot-address", "cluster1=34.75.71.237"];
    let found = objects(&[remote, address].concat(), two());
    assert_eq!(found[0]["spec"]["values"]["global"]["externalIstiod"], true);
    assert_eq!(found[1]["spec"]["profile"], "remote");
    assert_eq!(
        found[1]["spec"]["values"],
        json!({
            "istiodRemote": {"injectionPath": "/inject/cluster/cluster2/net/net-cluster2"},
            "global": {
                "meshID": "mesh1",
                "multiCluster": {"clusterName": "cluster2"},
                "network": "net-cluster2",
                "remotePilotAddress": "34.75.71.237",
            },
        })
    );
    // The namespace and the primary come before the gateway has an address.
    let found = objects(&[&remote[..], &["-o", "namespace"]].concat(), two());
    assert_eq!(
        found[1]["metadata"]["annotations"],
        json!({"meshutils/cluster": "cluster2", "topology.istio.io/controlPlaneClusters": "cluster1"})
    );
    objects(&[&remote[..], &["--cluster", "cluster1"]].concat(), two());
    tool(&remote)
        .write_stdin(two())
        .assert()
        .code(3)
        .stdout(is_empty())
        .stderr(contains("hint: --remote-pilot-address cluster1=ADDRESS"));
}

#[test]
fn charts_take_values_of_one_cluster() {
    let helm = ["-o", "helm", "--cluster", "cluster1", "--chart"];
    assert_eq!(stdout(&[&helm[..], &["base"]].concat(), two()), "{}\n");
    assert_eq!(
        stdout(&[&helm[..], &["istiod"]].concat(), two()),
        concat!(
            "global:\n",
            "  meshID: mesh1\n",
            "  multiCluster:\n",
            "    clusterName: cluster1\n",
            "  network: net-cluster1\n",
            "meshConfig:\n",
            "  trustDomain: cluster.local\n",
        )
    );
    tool(&["-o", "helm", "--chart", "istiod"])
        .write_stdin(two())
        .assert()
        .code(2)
        .stderr(contains("values are of one cluster").and(contains("--cluster")));
}

#[test]
fn the_namespace_has_its_label_and_no_mark_of_ours() {
    let input = record("cluster1", json!({"network": "1"}));
    tool(&["-o", "namespace", "-n", "mesh"]).write_stdin(input).assert().success().stdout(concat!(
        "apiVersion: v1\n",
        "kind: Namespace\n",
        "metadata:\n",
        "  labels:\n",
        "    topology.istio.io/network: \"1\"\n",
        "  name: mesh\n",
    ));
}

#[test]
fn names_that_yaml_could_mistake_stay_names() {
    let yaml = stdout(&[], record("on", json!({"meshId": "1e3", "network": "0x1f"})));
    for line in ["meshID: \"1e3\"\n", "clusterName: \"on\"\n", "network: \"0x1f\"\n"] {
        assert!(yaml.contains(line), "{yaml}");
    }
}

#[test]
fn asmcli_is_told_all_that_the_mesh_depends_on() {
    let asm = ["-o", "asmcli", "--managed", "--channel", "regular", "--enable-all"];
    let input = gke("a", json!({})) + &gke("b", json!({}));
    let line = |name: &str| {
        format!(
            "./asmcli install --project_id p --cluster_name {name} --cluster_location l --fleet_id \
             p --network_id p-v --managed --channel regular --ca mesh_ca --output_dir cn-p-l-{name} \
             --enable_registration --enable_all\n"
        )
    };
    tool(&asm)
        .write_stdin(input.as_str())
        .assert()
        .success()
        .stdout(line("a") + &line("b"))
        .stderr(contains("warning: asmcli's --managed is deprecated"));
    assert_eq!(stdout(&[&asm[..], &["--cluster", "cn-p-l-b"]].concat(), input), line("b"));
}

#[test]
fn the_installer_of_old_versions_is_another() {
    let old = ["-o", "asmcli", "--istio-version", "1.9.5-asm.2", "--ca", "mesh_ca"];
    tool(&old)
        .write_stdin(gke("a", json!({})))
        .assert()
        .success()
        .stdout(predicates::str::starts_with("./install_asm --project_id p "));
    for (flags, message) in [
        (vec!["--fleet-id", "f"], "--fleet-id: install_asm does not know it"),
        (vec!["--managed", "--channel", "rapid"], "--channel: install_asm does not know it"),
    ] {
        tool(&[&old[..], &flags].concat()).assert().code(2).stderr(contains(message));
    }
}

/// Rows 9, 10, 12, 13, 15 and 16 of what users run into: refused, with what to do.
#[test]
fn what_is_no_mesh_is_refused() {
    let one = record("a", json!({}));
    let gke_on = |vpc: &str| json!({"network": "n", "provider": "gke", "project": "p", "vpc": vpc});
    let pods = json!({"network": "n", "ranges": [{"cidr": "10.0.0.0/14", "kind": "pod"}]});
    for (input, message, hint) in [
        (record("b", json!({"id": null})), "cluster b: has no id", "mesh-id"),
        (record("b", json!({"id": "Kubernetes"})), "is what istiod calls every", "clusterName"),
        (record("b", json!({"id": "arn:x"})), "cannot be the key of a Secret", "clusterName"),
        (record("b", json!({"network": null})), "cluster b: has no network", "mesh-id"),
        (record("b", json!({"network": "a/b"})), "a network is a label value", "label"),
        (record("b", json!({"meshId": null})), "cluster b: has no meshId", "--mesh-id"),
        (
            one.clone() + &record("b", json!({"id": "a"})),
            "has the ID a of cluster a",
            "clusterName",
        ),
        (one.clone() + &record("b", json!({"meshId": "m2"})), "these are two meshes", "one mesh"),
        (
            record("a", gke_on("v1")) + &record("b", gke_on("v2")),
            "they are on the VPC networks v1 and v2",
            "--routed n",
        ),
        (
            record("a", json!({"network": "n", "provider": "gke"}))
                + &record("b", json!({"network": "n", "provider": "eks"})),
            "they run on gke and eks",
            "--routed n",
        ),
        (
            record("a", json!({"network": "default"}))
                + &record("b", json!({"network": "default"})),
            "clusters a and b share network default",
            "--routed default",
        ),
        (
            record("a", pods.clone()) + &record("b", pods),
            "their pod ranges 10.0.0.0/14 and 10.0.0.0/14 overlap",
            "a network of its own",
        ),
        (
            record("a", json!({"rootFingerprints": ["aa"]}))
                + &record("b", json!({"rootFingerprints": ["bb"]})),
            "have no root certificate in common",
            "mesh-cacerts",
        ),
        (record("b", json!({"trustDomain": "A"})), "cluster b: .trustDomain: ", ""),
        (record("b", json!({"revisions": ["r1", "r2"]})), "has several revisions", "--revision"),
    ] {
        tool(&[])
            .write_stdin(input)
            .assert()
            .code(3)
            .stdout(is_empty())
            .stderr(contains(message).and(contains(hint)));
    }
}

#[test]
fn what_asmcli_would_install_otherwise_is_refused() {
    for (args, input, message) in [
        (vec![], gke("a", json!({"id": "a"})), "its ID is a, and asmcli installs cn-p-l-a"),
        (vec![], record("a", json!({"meshId": "proj-1"})), "the fleet is not known"),
        (
            vec!["--ca", "citadel", "--custom-ca-dir", "certs"],
            gke("a", json!({"trustDomain": "p.svc.id.goog"})),
            "its trust domain is p.svc.id.goog, and with citadel asmcli sets cluster.local",
        ),
        (
            vec!["--ca", "citadel"],
            gke("a", json!({})) + &gke("b", json!({})),
            "citadel makes one that no other cluster trusts",
        ),
    ] {
        tool(&[&["-o", "asmcli"], &args[..]].concat())
            .write_stdin(input)
            .assert()
            .failure()
            .stdout(is_empty())
            .stderr(contains(message).and(contains("hint: ")));
    }
}

/// asmcli opens it, and a kubeconfig may run programs.
#[test]
fn a_kubeconfig_of_the_input_is_in_no_command_unless_the_user_gave_it() {
    let lab = json!({"meshId": "proj-1", "id": "cn-f-global-lab", "network": "default",
        "context": "lab", "kubeconfig": "/lab.yaml"});
    let asm = ["-o", "asmcli", "--fleet-id", "f"];
    tool(&asm)
        .env("KUBECONFIG", "/other.yaml")
        .write_stdin(record("lab", lab.clone()))
        .assert()
        .code(3)
        .stdout(is_empty())
        .stderr(contains("names the kubeconfig /lab.yaml, which you did not"));
    tool(&asm)
        .env("KUBECONFIG", "/other.yaml:/lab.yaml")
        .write_stdin(record("lab", lab))
        .assert()
        .success()
        .stdout(contains("--kubeconfig /lab.yaml"));
}

#[test]
fn unknown_roots_are_warned_of() {
    let warning =
        contains("the roots of cluster1, cluster2 are not known").and(contains("cacerts"));
    tool(&[]).write_stdin(two()).assert().success().stderr(warning);
    for (args, input) in [
        (vec!["-o", "namespace"], two()),
        (vec![], record("cluster1", json!({}))),
        (
            vec![],
            record("a", json!({"rootFingerprints": ["aa"]}))
                + &record("b", json!({"rootFingerprints": ["AA"]})),
        ),
    ] {
        tool(&args).write_stdin(input).assert().success().stderr("");
    }
}

#[test]
fn two_clusters_of_one_name_are_told_apart() {
    let at = |location: &str, id: &str| {
        record("a", json!({"project": "p", "location": location, "id": id, "network": id}))
    };
    let found = objects(&["-o", "namespace"], at("x", "one") + &at("y", "two"));
    assert_eq!(found[0]["metadata"]["annotations"]["meshutils/cluster"], "one");
    assert_eq!(found[1]["metadata"]["annotations"]["meshutils/cluster"], "two");
}

#[test]
fn wrong_usage_names_the_flag_and_prints_nothing() {
    let pool = "projects/p/locations/l/caPools/n";
    for (args, message) in [
        (vec!["-o", "kustomize"], "'kustomize' for '--output <OUTPUT>'"),
        (vec!["--mesh-id", "a b"], "'--mesh-id <ID>': a mesh ID has"),
        (vec!["--routed", "-"], "--routed"),
        (vec!["--trust-domain", "A"], "'--trust-domain <DOMAIN>': a trust domain has"),
        (vec!["--revision", "1.19"], "'--revision <REVISION>': may have lower-case"),
        (vec!["-n", "A"], "'--namespace <NAMESPACE>': may have lower-case"),
        (vec!["--remote", "b"], "'--remote <REMOTE=PRIMARY>': it has the form"),
        (vec!["--remote", "=a"], "it has the form REMOTE=PRIMARY"),
        (vec!["--remote-pilot-address", "1.2.3.4"], "it has the form PRIMARY=ADDRESS"),
        (vec!["--remote-pilot-address", "a=b.example.com"], "\"b.example.com\" is no IP address"),
        (vec!["--remote-pilot-address", "a=127.0.0.1"], "is a loopback address"),
        (vec!["--managed"], "--managed has no meaning with -o iop"),
        (vec!["--ca", "mesh_ca"], "--ca has no meaning with -o iop"),
        (vec!["--chart", "base"], "--chart has no meaning with -o iop"),
        (vec!["-o", "helm"], "--chart is missing"),
        (
            vec!["-o", "helm", "--chart", "base", "--istio-version", "1.23", "--remote", "b=a"],
            "from Istio 1.24 on",
        ),
        (vec!["-o", "namespace", "--revision", "r"], "--revision has no meaning with -o namespace"),
        (vec!["-o", "asmcli", "--remote", "b=a"], "--remote has no meaning with -o asmcli"),
        (vec!["-o", "asmcli", "--trust-domain", "td"], "--trust-domain has no meaning"),
        (vec!["-o", "asmcli", "-n", "mesh"], "--namespace has no meaning with -o asmcli"),
        (vec!["-o", "asmcli", "--channel", "rapid"], "--channel is of the managed control plane"),
        (vec!["-o", "asmcli", "--managed", "--ca", "citadel"], "does not sign itself"),
        (
            vec!["-o", "asmcli", "--managed", "--custom-ca-dir", "certs"],
            "--custom-ca-dir is of --ca citadel",
        ),
        (vec!["-o", "asmcli", "--managed", "--revision", "r"], "names its own"),
        (vec!["-o", "asmcli", "--ca", "gcp_cas"], "--ca gcp_cas needs --ca-pool"),
        (vec!["-o", "asmcli", "--ca-pool", pool], "--ca-pool is of --ca gcp_cas"),
        (
            vec!["-o", "asmcli", "--ca", "citadel", "--ca-pool", pool],
            "--ca-pool is of --ca gcp_cas",
        ),
        (vec!["-o", "asmcli", "--ca", "gcp_cas", "--ca-pool", "n"], "a pool is projects/"),
        (vec!["-o", "asmcli", "--ca", "mesh-ca"], "'mesh-ca' for '--ca <CA>'"),
    ] {
        tool(&args).assert().code(2).stdout(is_empty()).stderr(contains(message));
    }
    tool(&["--cluster", "c"])
        .write_stdin(two())
        .assert()
        .code(2)
        .stdout(is_empty())
        .stderr(contains("no cluster \"c\"").and(contains("it has: cluster1, cluster2")));
}

#[test]
fn what_is_no_cluster_is_told() {
    let subnet = r#"{"Subnets": [{"SubnetId": "s", "VpcId": "v", "CidrBlock": "10.0.0.0/8"}]}"#;
    for (input, message) in [
        ("", "stdin: is empty"),
        ("{\"a\": 1}", "stdin: document 1"),
        (subnet, "the input describes no cluster"),
    ] {
        tool(&["--mesh-id", "m"])
            .write_stdin(input)
            .assert()
            .code(3)
            .stdout(is_empty())
            .stderr(contains(message));
    }
}

#[test]
fn flags_may_come_from_the_environment() {
    tool(&[])
        .env("MESH_OUTPUT", "namespace")
        .env("MESH_MANAGED", "false")
        .write_stdin(two())
        .assert()
        .success()
        .stdout(contains("kind: Namespace"));
}
