//! The program as a user runs it.

use predicates::prelude::*;
use predicates::str::{contains, is_empty};
use serde::Deserialize as _;
use serde_json::{Value, json};

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-expose");
    tool.env_clear().args(args);
    tool
}

fn stdout(args: &[&str]) -> String {
    let assert = tool(args).assert().success();
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

fn json_of(args: &[&str]) -> Value {
    serde_json::from_str(&stdout(&[args, &["-o", "json"]].concat())).expect("the output is JSON")
}

const HTTPS: [&str; 6] =
    ["istiod", "--https", "--credential-name", "istiod-cert", "--host", "istiod.example.com"];

#[test]
fn services_need_no_flag() {
    tool(&["services"]).assert().success().stderr("").stdout(concat!(
        "apiVersion: networking.istio.io/v1\n",
        "kind: Gateway\n",
        "metadata:\n",
        "  labels:\n",
        "    app.kubernetes.io/managed-by: meshutils\n",
        "  name: cross-network-gateway\n",
        "  namespace: istio-system\n",
        "spec:\n",
        "  selector:\n",
        "    istio: eastwestgateway\n",
        "  servers:\n",
        "  - hosts:\n",
        "    - \"*.local\"\n",
        "    port:\n",
        "      name: tls\n",
        "      number: 15443\n",
        "      protocol: TLS\n",
        "    tls:\n",
        "      mode: AUTO_PASSTHROUGH\n",
    ));
}

#[test]
fn hosts_are_sorted_and_told_once() {
    for (args, hosts) in [
        (vec![], json!(["*.local"])),
        (vec!["--cluster-domain", "k8s.example"], json!(["*.k8s.example"])),
        (
            vec!["--host", "b.example", "--host", "*.a", "--host", "b.example"],
            json!(["*.a", "b.example"]),
        ),
        (
            vec!["--expose-namespace", "b", "--expose-namespace", "a", "--host", "*.z"],
            json!(["*.a.svc.cluster.local", "*.b.svc.cluster.local", "*.z"]),
        ),
        (
            vec!["--expose-namespace", "a", "--cluster-domain", "k8s.example"],
            json!(["*.a.svc.k8s.example"]),
        ),
    ] {
        let gateway = json_of(&[&["services"], &args[..]].concat());
        assert_eq!(gateway["spec"]["servers"][0]["hosts"], hosts, "{args:?}");
    }
}

#[test]
fn one_object_is_itself_and_several_are_a_list() {
    assert_eq!(json_of(&["services"])["kind"], "Gateway");
    let list = json_of(&["istiod"]);
    assert_eq!(list["apiVersion"], "v1");
    assert_eq!(list["kind"], "List");
    let from_yaml: Vec<Value> = serde_yaml::Deserializer::from_str(&stdout(&["istiod"]))
        .map(|document| Value::deserialize(document).unwrap())
        .collect();
    assert_eq!(list["items"], json!(from_yaml));
}

#[test]
fn every_object_says_where_it_belongs_and_who_made_it() {
    let site = ["-n", "mesh", "--istio-version", "1.23", "--gateway-selector", "app=ew"];
    for (args, kinds) in [
        (vec!["istiod"], json!(["Gateway", "VirtualService"])),
        (vec!["istiod", "--revision", "r"], json!(["Gateway", "VirtualService"])),
        (HTTPS.to_vec(), json!(["Gateway", "VirtualService", "DestinationRule"])),
    ] {
        let list = json_of(&[&args[..], &site[..]].concat());
        let items = list["items"].as_array().unwrap();
        assert_eq!(json!(items.iter().map(|item| &item["kind"]).collect::<Vec<_>>()), kinds);
        for item in items {
            assert_eq!(item["apiVersion"], "networking.istio.io/v1alpha3");
            assert_eq!(item["metadata"]["namespace"], "mesh");
            assert_eq!(
                item["metadata"]["labels"],
                json!({"app.kubernetes.io/managed-by": "meshutils"})
            );
        }
        assert_eq!(items[0]["spec"]["selector"], json!({"app": "ew"}));
        assert!(!list.to_string().contains("istio-system"));
    }
}

#[test]
fn a_revision_is_routed_to_by_its_names() {
    let list = json_of(&["istiod", "--revision", "1", "--cluster-domain", "k8s.example"]);
    let virtual_service = &list["items"][1];
    assert_eq!(virtual_service["metadata"]["name"], "istiod-vs-1");
    assert_eq!(
        virtual_service["spec"]["tls"][0]["match"][0]["sniHosts"],
        json!(["istiod-1.istio-system.svc", "istiod-1.istio-system.svc.k8s.example"])
    );
}

/// Where machines that know no revision are led, and by which object.
fn route_of(args: &[&str]) -> (Value, Value, Value) {
    let list = json_of(args);
    let rule = &list["items"][1];
    let route = &rule["spec"]["tls"][0];
    let host = route["route"][0]["destination"]["host"].clone();
    (rule["metadata"]["name"].clone(), route["match"][0]["sniHosts"].clone(), host)
}

#[test]
fn a_revision_takes_the_route_of_the_one_without_over() {
    let (name, hosts, host) = route_of(&["istiod"]);
    let (new_name, new_hosts, new_host) =
        route_of(&["istiod", "--revision", "1-30", "--as-default"]);
    // The same object, so that applying it leaves no second route beside the dead one.
    assert_eq!((name, hosts), (new_name, new_hosts));
    assert_eq!(host, "istiod.istio-system.svc.cluster.local");
    assert_eq!(new_host, "istiod-1-30.istio-system.svc.cluster.local");
    let https = json_of(&[&HTTPS[..], &["--revision", "1-30", "--as-default"]].concat());
    let names = [0, 1, 2].map(|item| https["items"][item]["metadata"]["name"].clone());
    assert_eq!(names, ["istiod-gateway", "istiod-vs", "istiod-dr"]);
    assert_eq!(https["items"][2]["spec"]["host"], "istiod-1-30.istio-system.svc.cluster.local");
    // The revision that is none has no Service istiod-default.
    assert_eq!(stdout(&["istiod", "--revision", "default"]), stdout(&["istiod"]));
}

#[test]
fn the_selector_stays_a_string() {
    let yaml = stdout(&["services", "--gateway-selector", "on=1"]);
    assert!(yaml.contains("    \"on\": \"1\"\n"), "{yaml}");
}

#[test]
fn a_gateway_that_will_not_trust_istiod_is_warned_of() {
    let warning = contains("warning: istiod-dr names no CA").and(contains("hint: if istiod's"));
    tool(&HTTPS).assert().success().stderr(warning);
    tool(&HTTPS).args(["--istio-version", "1.20"]).assert().success().stderr("");
    tool(&HTTPS).arg("-q").assert().success().stderr("");
}

#[test]
fn a_revision_is_not_needed_for_services() {
    tool(&["services"])
        .env("MESH_REVISION", "asm-11910-9")
        .assert()
        .success()
        .stdout(contains("asm-11910-9").not())
        .stderr(contains("warning: --revision is given and not used"));
}

#[test]
fn wrong_usage_names_the_flag_and_prints_nothing() {
    for (args, message) in [
        (vec![], "<WHAT>"),
        (vec!["service"], "'service' for '[WHAT]'"),
        (vec!["services", "istiod"], "unexpected argument 'istiod'"),
        (vec!["services", "--host", "*"], "'--host <HOST>': the DNS label '*'"),
        (vec!["services", "--host", "a..b"], "'--host <HOST>': the DNS label '' is empty"),
        (vec!["services", "--host", "httpbin"], "'--host <HOST>': it is a short name"),
        (vec!["services", "--host", "10.0.0.1"], "'--host <HOST>': it is an address"),
        (vec!["services", "--host", ""], "--host"),
        (vec!["services", "--expose-namespace", "a.b"], "'--expose-namespace <NAMESPACE>': may"),
        (vec!["services", "-n", "A"], "'--namespace <NAMESPACE>': may have lower-case"),
        (vec!["services", "--cluster-domain", "a b"], "'--cluster-domain <DOMAIN>': the DNS label"),
        (vec!["services", "--gateway-selector", "istio"], "the form KEY=VALUE"),
        (vec!["services", "--istio-version", "asm-11910-9"], "a version has the form"),
        (vec!["services", "--https"], "--https and --credential-name are for istiod"),
        (vec!["services", "--credential-name", "a"], "are for istiod"),
        (vec!["istiod", "--revision", "1.19"], "'--revision <REVISION>': may have lower-case"),
        (vec!["istiod", "--as-default"], "--revision <REVISION>"),
        (vec!["services", "--revision", "r", "--as-default"], "--as-default is for istiod"),
        (vec!["istiod", "--expose-namespace", "a"], "--expose-namespace is for services"),
        (vec!["istiod", "--host", "a.b"], "--credential-name and --host need --https"),
        (vec!["istiod", "--credential-name", "a"], "need --https"),
        (vec!["istiod", "--https"], "--https needs --credential-name and one --host"),
        (vec!["istiod", "--https", "--host", "a.b"], "--https needs --credential-name"),
        (vec!["istiod", "--https", "--credential-name", "a"], "and one --host"),
        ([&HTTPS[..], &["--host", "a.b"]].concat(), "and one --host"),
        (
            vec!["istiod", "--https", "--credential-name", "a", "--host", "*.a.b"],
            "--host *.a.b: istiod has one name",
        ),
        (
            vec!["istiod", "--https", "--credential-name", "A", "--host", "a.b"],
            "'--credential-name <NAME>': the DNS label 'A' may have",
        ),
    ] {
        tool(&args).assert().code(2).stdout(is_empty()).stderr(contains(message));
    }
}

#[test]
fn flags_may_come_from_the_environment() {
    tool(&["istiod", "-o", "json"])
        .env("MESH_NAMESPACE", "mesh")
        .env("MESH_HTTPS", "false")
        .assert()
        .success()
        .stdout(contains("\"istiod.mesh.svc.cluster.local\""));
}

/// The program as a shell starts it: `$0` stands for it.
fn in_shell(line: &str) -> std::process::Output {
    let program = &mesh_tests::programs()["mesh-expose"];
    std::process::Command::new("sh").args(["-c", line]).arg(program).output().expect("sh is there")
}

/// What every tool owes to `meshcore::main`.
#[test]
fn output_that_nobody_gets_is_an_error() {
    for (line, reason) in [
        ("exec \"$0\" services >&-", "standard output is closed"),
        ("exec \"$0\" services 1</dev/null", "standard output is open for reading only"),
        ("exec \"$0\" services >/dev/full", "standard output: No space left"),
        ("exec \"$0\" --help >/dev/full", "standard output: No space left"),
        ("exec \"$0\" --version >&-", "standard output is closed"),
    ] {
        let output = in_shell(line);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{line}: {stderr}");
        assert!(stderr.starts_with(&format!("mesh-expose: error: {reason}")), "{line}: {stderr}");
    }
    for line in [
        "exec \"$0\" services >/dev/null",
        // Without any output, as a daemon: one opening for all.
        "exec \"$0\" services 1<>/dev/null 2>&1",
        "exec \"$0\" services 0<>/dev/null 1>&0",
        "\"$0\" services | exit 0",
        "\"$0\" --help | exit 0",
    ] {
        let output = in_shell(line);
        assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
    }
}
