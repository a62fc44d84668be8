//! The program as a user runs it.

use predicates::prelude::*;
use predicates::str::{contains, is_empty};
use serde::Deserialize as _;
use serde_json::{Value, json};

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-vm-service");
    tool.env_clear().args(args);
    tool
}

fn stdout(args: &[&str]) -> String {
    let assert = tool(args).assert().success();
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

/// The objects of the YAML stream.
fn objects(args: &[&str]) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(&stdout(args))
        .map(|document| Value::deserialize(document).expect("the output is YAML"))
        .collect()
}

/// As `ServiceEntry mesh-expansion-a, Service a`.
fn names(args: &[&str]) -> String {
    let name = |object: &Value| {
        format!("{} {}", object["kind"], object["metadata"]["name"]).replace('"', "")
    };
    objects(args).iter().map(name).collect::<Vec<_>>().join(", ")
}

#[test]
fn guide_004_needs_no_flag() {
    tool(&["productcatalogservice", "10.128.0.9", "grpc:3550", "--istio-version", "1.6.5"])
        .assert()
        .success()
        .stdout(concat!(
            "apiVersion: networking.istio.io/v1alpha3\n",
            "kind: ServiceEntry\n",
            "metadata:\n",
            "  labels:\n",
            "    app.kubernetes.io/managed-by: meshutils\n",
            "  name: mesh-expansion-productcatalogservice\n",
            "  namespace: default\n",
            "spec:\n",
            "  endpoints:\n",
            "  - address: \"10.128.0.9\"\n",
            "  hosts:\n",
            "  - productcatalogservice.default.svc.cluster.local\n",
            "  location: MESH_INTERNAL\n",
            "  ports:\n",
            "  - name: grpc-3550\n",
            "    number: 3550\n",
            "    protocol: GRPC\n",
            "  resolution: STATIC\n",
            "---\n",
            "apiVersion: v1\n",
            "kind: Service\n",
            "metadata:\n",
            "  annotations:\n",
            "    kubernetes.io/service-account.name: default\n",
            "  labels:\n",
            "    app.kubernetes.io/managed-by: meshutils\n",
            "  name: productcatalogservice\n",
            "  namespace: default\n",
            "spec:\n",
            "  ports:\n",
            "  - name: grpc-3550\n",
            "    port: 3550\n",
            "    protocol: TCP\n",
        ));
}

#[test]
fn the_flags_choose_the_objects() {
    for (args, expected) in [
        (&["a", "10.0.0.1", "80"][..], "ServiceEntry mesh-expansion-a, Service a"),
        (
            &["a", "10.0.0.1", "10.0.0.2", "80", "--modern"],
            "WorkloadEntry a-10.0.0.1, WorkloadEntry a-10.0.0.2, Service a",
        ),
        (&["a", "80", "--modern"], "Service a"),
        (
            &["a", "vm1.example.com", "80", "--modern", "--service-entry"],
            "WorkloadEntry a-vm1.example.com, ServiceEntry a",
        ),
        (&["a", "80", "--group"], "WorkloadGroup a"),
        (&["a", "--group"], "WorkloadGroup a"),
    ] {
        assert_eq!(names(args), expected, "{args:?}");
    }
}

#[test]
fn commas_and_words_are_alike() {
    let expected = stdout(&["a", "10.0.0.1", "fd00::1", "80", "tcp:8888"]);
    for args in [
        &["a", "10.0.0.1,fd00::1", "80", "tcp:8888"][..],
        &["a", "10.0.0.1,FD00:0::1", "HTTP:80,TCP:8888"],
        &["a", ":80", "10.0.0.1", "tcp:8888", "fd00::1"],
    ] {
        assert_eq!(stdout(args), expected, "{args:?}");
    }
    let spec = &objects(&["a", "10.0.0.1,fd00::1", "80"])[0]["spec"];
    assert_eq!(spec["endpoints"], json!([{"address": "10.0.0.1"}, {"address": "fd00::1"}]));
}

#[test]
fn the_flags_of_istioctl_are_taken() {
    let args = ["vmhttp", "172.12.23.125,172.12.23.126", "http:9080", "tcp:8888"];
    let long =
        ["--labels", "app=test,version=v1", "--annotations", "env=stage", "--serviceaccount", "sa"];
    let short = ["-l", "app=test", "-l", "version=v1", "-a", "env=stage", "-s", "sa"];
    let found = stdout(&[&args[..], &long].concat());
    assert_eq!(found, stdout(&[&args[..], &short].concat()));
    for text in ["env: stage", "service-account.name: sa", "version: v1"] {
        assert!(found.contains(text), "{found}");
    }
}

#[test]
fn machines_have_the_labels_that_they_are_found_by() {
    for (args, labels, selector) in [
        (&[][..], json!({"app": "a"}), json!({"app": "a"})),
        (&["-l", "version=v1"], json!({"app": "a", "version": "v1"}), json!({"app": "a"})),
        (&["-l", "app=a"], json!({"app": "a"}), json!({"app": "a"})),
        (
            &["--selector", "name=b,tier=c", "-l", "app=d"],
            json!({"app": "d", "name": "b", "tier": "c"}),
            json!({"name": "b", "tier": "c"}),
        ),
    ] {
        let with = |flags: &[&str]| objects(&[&["a", "80"], flags, args].concat());
        let modern = with(&["10.0.0.1", "--modern"]);
        assert_eq!(modern[0]["spec"]["labels"], labels, "{args:?}");
        assert_eq!(modern[1]["spec"]["selector"], selector, "{args:?}");
        let entry = with(&["10.0.0.1", "--modern", "--service-entry"]);
        assert_eq!(entry[1]["spec"]["workloadSelector"]["labels"], selector, "{args:?}");
        assert_eq!(with(&["--group"])[0]["spec"]["metadata"]["labels"], labels, "{args:?}");
    }
}

#[test]
fn every_object_says_where_it_belongs_and_who_made_it() {
    for flags in [&["10.0.0.1"][..], &["10.0.0.1", "--modern"], &["--group"]] {
        for object in objects(&[&["a", "80", "-n", "vm", "-s", "sa"], flags].concat()) {
            assert_eq!(object["metadata"]["namespace"], "vm");
            assert_eq!(
                object["metadata"]["labels"]["app.kubernetes.io/managed-by"], "meshutils",
                "{object}"
            );
            assert_ne!(object["apiVersion"], "networking.istio.io/v1alpha3");
            assert!(!object.to_string().contains("default"), "{object}");
        }
    }
}

#[test]
fn a_service_may_have_a_port_for_each_transport() {
    let modern = objects(&["a", "10.0.0.1", "udp:53", "tcp:53", "--modern"]);
    let ports = &modern[1]["spec"]["ports"];
    assert_eq!((&ports[0]["protocol"], &ports[1]["protocol"]), (&json!("UDP"), &json!("TCP")));
    let group = objects(&["a", "udp:53", "tcp:53", "--group"]);
    let ports = &group[0]["spec"]["template"]["ports"];
    assert_eq!(*ports, json!({"tcp-53": 53, "udp-53": 53}));
}

#[test]
fn texts_stay_texts() {
    let yaml = stdout(&["y", "10.0.0.1", "80", "--modern", "-l", "on=1", "--weight", "3"]);
    for line in ["  name: \"y\"\n", "    \"on\": \"1\"\n", "  weight: 3\n"] {
        assert!(yaml.contains(line), "{yaml}");
    }
}

#[test]
fn one_object_is_itself_and_several_are_a_list() {
    let json = |args: &[&str]| {
        serde_json::from_str::<Value>(&stdout(&[args, &["-o", "json"]].concat())).unwrap()
    };
    assert_eq!(json(&["a", "80", "--group"])["kind"], "WorkloadGroup");
    let list = json(&["a", "10.0.0.1", "80"]);
    assert_eq!((&list["apiVersion"], &list["kind"]), (&json!("v1"), &json!("List")));
    assert_eq!(list["items"], json!(objects(&["a", "10.0.0.1", "80"])));
}

#[test]
fn what_may_surprise_is_said() {
    for (args, said) in [
        (
            &["a", "10.0.0.1", "80"][..],
            "plain text to these addresses, as with istioctl 1.6\nmesh-vm-service: hint: --modern",
        ),
        (
            &["a", "8.8.8.8", "80", "--network", "n"],
            "those outside n not at all if it has a gateway",
        ),
        (
            &["a", "8.8.8.8", "10.0.0.1", "80", "--modern", "--network", "n"],
            "warning: 10.0.0.1 is a private address: others reach it through an east-west gateway \
             of n, or not at all",
        ),
        (&["a", "80", "--group", "--network", "n"], "hint: mesh-vm-env --external-ip"),
        (
            &["a", "10.0.0.1", "80", "--modern", "--service-entry", "-n", "vm"],
            "warning: the name a.vm.svc.cluster.local has no Service",
        ),
        (&["a", "80", "--modern"], "note: no address is given"),
    ] {
        tool(args).assert().success().stderr(contains(said));
        tool(args).arg("-q").assert().success().stderr("");
    }
    for args in [
        &["a", "10.0.0.1", "80", "-l", "security.istio.io/tlsMode=istio"][..],
        &["a", "10.0.0.1", "80", "--modern"],
        &["a", "8.8.8.8", "80", "--modern", "--network", "n"],
        &["a", "80", "--group"],
    ] {
        tool(args).assert().success().stderr("");
    }
}

#[test]
fn what_a_version_lacks_is_refused() {
    for (args, version, message) in [
        (&["a", "10.0.0.1", "thrift:9090"][..], "1.14", "thrift:9090: Istio knows no thrift"),
        (&["a", "10.0.0.1", "80", "--modern"], "1.6", "select machines came with Istio 1.7"),
        (&["a", "10.0.0.1", "80", "--modern"], "1.6", "hint: with --service-entry"),
        (&["a", "10.0.0.1", "80", "--modern", "--service-entry"], "1.5", "came with Istio 1.6"),
        (&["a", "80", "--group"], "1.7.8", "WorkloadGroups came with Istio 1.8"),
        (&["a", "80", "--group", "--probe", "grpc:80"], "1.24", "by gRPC came with Istio 1.25"),
        (&["a", "80", "--group", "--probe", "grpc:80"], "1.24", "hint: --probe tcp:PORT"),
    ] {
        let versioned = [args, &["--istio-version", version]].concat();
        tool(&versioned).assert().code(2).stdout(is_empty()).stderr(contains(message));
    }
    tool(&["a", "10.0.0.1", "thrift:9090"]).assert().code(2).stderr(contains("hint: tcp:9090"));
    for (args, version) in [
        (&["a", "10.0.0.1", "thrift:9090"][..], "1.13"),
        (&["a", "10.0.0.1", "80"], "1.4"),
        (&["a", "10.0.0.1", "80", "--modern"], "1.7"),
        (&["a", "10.0.0.1", "80", "--modern", "--service-entry"], "1.6"),
        (&["a", "80", "--group", "--probe", "tcp:80"], "1.8"),
        (&["a", "80", "--group", "--probe", "grpc:80"], "1.25"),
    ] {
        tool(&[args, &["--istio-version", version]].concat()).assert().success();
    }
}

#[test]
fn wrong_usage_names_the_argument_and_prints_nothing() {
    for (args, message) in [
        (&[][..], "<NAME>"),
        (&["a"], "the address of a machine is missing"),
        (&["a", "grpc:3550"], "hint: as: mesh-vm-service a 10.128.0.9 grpc:3550"),
        (&["a", "10.0.0.1"], "a port of the service is missing"),
        (&["a", "10.0.0.1", "--modern"], "a port of the service is missing"),
        (&["a", "--modern"], "a port of the service is missing"),
        (&["1a", "10.0.0.1", "80"], "'1a' for '<NAME>': must begin with a letter"),
        (&["a.b", "10.0.0.1", "80"], "'<NAME>': may have lower-case"),
        (&["a", "vm1", "80"], "'vm1' for '[ADDRESS|PROTOCOL:PORT]...': it is neither"),
        (&["a", "10.0.0.1,", "80"], "'' is not a port"),
        (&["a", "127.0.0.1", "80"], "each machine has this address for itself"),
        (&["a", "10.0.0.256", "80"], "it looks like an address and is none"),
        (&["a", "10.0.0.1", "3550"], "port 3550 needs its protocol, as tcp:3550: tcp, udp"),
        (&["a", "10.0.0.1", "spdy:80"], "Istio knows no protocol 'spdy'; it is one of tcp"),
        (&["a", "10.0.0.1", "http_proxy:80"], "egress listeners of a Sidecar; use http"),
        (&["a", "10.0.0.1", "http:0"], "'0' is not a port from 1 to 65535"),
        (&["a", "10.0.0.1", "http:65536"], "'65536' is not a port"),
        (&["a", "10.0.0.1", "::ffff:10.0.0.1", "80"], "address 10.0.0.1 is there twice"),
        (&["a", "10.0.0.1", "80", "80"], "http:80 and http:80 are one port"),
        (&["a", "10.0.0.1", "udp:53", "tcp:53"], "udp:53 and tcp:53 are one port"),
        (&["a", "80", "tcp:80", "--modern"], "hint: a service speaks one protocol at a port"),
        (&["a", "vm1.example.com", "80"], "a Service has no endpoint by name: vm1.example.com"),
        (&["a", "vm1.example.com", "80", "--modern"], "hint: --modern --service-entry lets"),
        (&["a", "10.0.0.1", "80", "--group"], "--group takes no address: 10.0.0.1"),
        (&["a", "80", "--group", "--modern"], "--modern and --group are two steps"),
        (&["a", "10.0.0.1", "80", "--service-entry"], "--service-entry is for --modern"),
        (&["a", "80", "--group", "--service-entry"], "--service-entry is for --modern"),
        (&["a", "10.0.0.1", "80", "--probe", "tcp:80"], "--probe is for --group"),
        (&["a", "80", "--modern", "--probe", "tcp:80"], "--probe is for --group"),
        (&["a", "80", "--group", "--probe", "80"], "a probe has the form http:PATH:PORT"),
        (&["a", "10.0.0.1", "80", "--selector", "a=b"], "--selector is for --modern and --group"),
        (&["a", "80", "--modern", "-l", "app=b"], "label app=b are not found by app=a"),
        (&["a", "80", "--group", "-l", "app=b"], "hint: --selector app=b finds them"),
        (&["a", "10.0.0.1", "80", "-l", "x=1,x=1"], "--labels: x is there twice"),
        (&["a", "80", "--group", "--selector", "x=1", "--selector", "x=2"], "--selector: x is"),
        (&["a", "10.0.0.1", "80", "-a", "x=1,x=2"], "--annotations: x is there twice"),
        (&["a", "10.0.0.1", "80", "-l", "x"], "a label has the form KEY=VALUE"),
        (&["a", "10.0.0.1", "80", "-l", "app.kubernetes.io/managed-by=x"], "is set already"),
        (&["a", "10.0.0.1", "80", "-a", "x"], "an annotation has the form KEY=VALUE"),
        (&["a", "10.0.0.1", "80", "-s", "stageAdmin"], "a service account is a DNS name"),
        (&["a", "10.0.0.1", "80", "--network", "a b"], "a network is a label value"),
        (&["a", "10.0.0.1", "80", "--locality", "a/"], "a locality has the form"),
        (&["a", "10.0.0.1", "80", "--weight", "0"], "'0' for '--weight <N>'"),
        (&["a", "10.0.0.1", "80", "-n", "A"], "'--namespace <NAMESPACE>': may have lower-case"),
        (&["a", "10.0.0.1", "80", "--cluster-domain", "a b"], "a domain is a DNS name"),
        (&["a", "10.0.0.1", "80", "--istio-version", "newest"], "a version has the form"),
        (&["a", "10.0.0.1", "80", "-o", "table"], "'table' for '--output <OUTPUT>'"),
    ] {
        let assert = tool(args).assert().code(2).stdout(is_empty());
        assert.stderr(contains(message).and(contains("Usage").or(contains("error:"))));
    }
}

#[test]
fn flags_may_come_from_the_environment() {
    tool(&["a", "10.0.0.1", "80"])
        .env("MESH_NAMESPACE", "vm")
        .env("MESH_MODERN", "true")
        .env("MESH_GROUP", "false")
        .env("MESH_LABELS", "x=1,y=2")
        .assert()
        .success()
        .stderr("")
        .stdout(contains("namespace: vm\n").and(contains("    x: \"1\"\n    \"y\": \"2\"\n")));
}
