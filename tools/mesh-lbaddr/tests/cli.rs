//! The program as a user runs it, without a server that answers.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use predicates::prelude::*;
use serde_json::{Value, json};

/// Nothing listens there, and nobody is given it by chance.
const DEAD_PORT: u16 = 1;

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-lbaddr");
    tool.env_clear().args(args);
    tool
}

/// As `kubectl get service -o json` prints it.
fn service(name: &str, spec: &Value, ingress: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": "istio-system", "resourceVersion": "7"},
        "spec": spec, "status": {"loadBalancer": {"ingress": ingress}},
    })
}

fn gateway(ingress: &Value) -> Value {
    let ports = json!([
        {"name": "status-port", "port": 15021, "nodePort": 31021, "targetPort": 15021},
        {"name": "tls", "port": 15443, "nodePort": 31443, "targetPort": 15443},
    ]);
    service("istio-eastwestgateway", &json!({"type": "LoadBalancer", "ports": ports}), ingress)
}

#[test]
fn addresses_are_printed_one_per_line() {
    let input =
        gateway(&json!([{"ip": "203.0.113.1"}, {"ip": "2001:db8::1"}, {"hostname": "a.b"}]));
    for (args, output) in [
        (&[][..], "203.0.113.1\n2001:db8::1\na.b\n"),
        (&["--port", "tls"], "203.0.113.1:15443\n[2001:db8::1]:15443\na.b:15443\n"),
        (&["--port", "15021"], "203.0.113.1:15021\n[2001:db8::1]:15021\na.b:15021\n"),
        (&["istio-eastwestgateway", "-n", "istio-system"], "203.0.113.1\n2001:db8::1\na.b\n"),
    ] {
        tool(args).write_stdin(input.to_string()).assert().success().stderr("").stdout(output);
    }
}

#[test]
fn json_says_whose_address_it_is() {
    let input = gateway(&json!([{"hostname": "localhost"}])).to_string();
    tool(&["-o", "json", "--port", "tls"]).write_stdin(input.as_str()).assert().success().stdout(
        concat!(
            r#"{"namespace":"istio-system","name":"istio-eastwestgateway","addresses":"#,
            r#"[{"address":"localhost","port":15443,"source":"loadBalancer"}]}"#,
            "\n"
        ),
    );
    let assert = tool(&["-o", "json", "--resolve"]).write_stdin(input).assert().success();
    let found: Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    let local = json!({"address": "127.0.0.1", "source": "loadBalancer", "hostname": "localhost"});
    assert!(found["addresses"].as_array().unwrap().contains(&local), "{found}");
}

#[test]
fn the_only_service_needs_no_name_and_one_of_many_does() {
    let other = service("other", &json!({"externalIPs": ["198.51.100.1"]}), &json!([]));
    tool(&[]).write_stdin(other.to_string()).assert().success().stdout("198.51.100.1\n");
    let list = json!({"kind": "List", "items": [other, gateway(&json!([{"ip": "203.0.113.1"}]))]});
    tool(&[]).write_stdin(list.to_string()).assert().success().stdout("203.0.113.1\n");
    tool(&["other"]).write_stdin(list.to_string()).assert().success().stdout("198.51.100.1\n");
    for (args, message) in [
        (&["gone"][..], "there is no service istio-system/gone"),
        (&["other", "-n", "default"], "there is no service default/other"),
    ] {
        tool(args)
            .write_stdin(list.to_string())
            .assert()
            .code(3)
            .stdout("")
            .stderr(predicate::str::contains(message));
    }
    let twice = format!("{}{}", gateway(&json!([])), gateway(&json!([])));
    tool(&[]).write_stdin(twice).assert().code(3).stdout("").stderr(predicate::str::contains(
        "the input has service istio-system/istio-eastwestgateway twice",
    ));
}

#[test]
fn nodes_stand_in_for_a_load_balancer() {
    let mut on_nodes = gateway(&json!([]));
    on_nodes["spec"]["type"] = json!("NodePort");
    on_nodes["metadata"]["annotations"] =
        json!({"traffic.istio.io/nodeSelector": "{\"gw\":\"1\"}"});
    let node = |gateway: &str, ip: &str| {
        json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": ip, "labels": {"gw": gateway}},
            "status": {"addresses": [{"type": "ExternalIP", "address": ip}]},
        })
    };
    let list = json!({"apiVersion": "v1", "kind": "List", "items":
        [on_nodes, node("1", "203.0.113.1"), node("0", "203.0.113.2"), node("1", "203.0.113.3")]});
    tool(&["--port", "tls"])
        .write_stdin(list.to_string())
        .assert()
        .success()
        .stdout("203.0.113.1:31443\n203.0.113.3:31443\n");
    tool(&[]).write_stdin(on_nodes.to_string()).assert().code(3).stdout("").stderr(
        predicate::str::contains("is of type NodePort, and no node is known").and(
            predicate::str::contains(
                "hint: give the nodes, too: kubectl get services,nodes -n istio-",
            ),
        ),
    );
}

#[test]
fn without_an_address_it_says_why() {
    let ew = "service istio-system/istio-eastwestgateway";
    let of = |kind: &str| {
        let mut service = gateway(&json!([]));
        service["spec"]["type"] = json!(kind);
        service["spec"]["externalName"] = json!("h.example");
        service.to_string()
    };
    for (args, input, message, hint) in [
        (&[][..], of("LoadBalancer"), "has no address yet", "kubectl describe service"),
        (&[], of("ClusterIP"), "is known inside its cluster alone", "of type LoadBalancer"),
        (&[], of("ExternalName"), "is of type ExternalName: another name for h.example", ""),
        (
            &[],
            of("NodePort"),
            "is of type NodePort and has no annotation traffic.istio.io/nodeSelector: istiod",
            "kubectl annotate service istio-eastwestgateway -n istio-system \
             'traffic.istio.io/nodeSelector={}' --field-manager meshutils",
        ),
        (
            &["--port", "https"],
            gateway(&json!([{"ip": "203.0.113.1"}])).to_string(),
            "has no port https",
            "it has: status-port 15021, tls 15443",
        ),
        (
            &["--resolve"],
            gateway(&json!([{"hostname": "ew.invalid"}])).to_string(),
            "has the address ew.invalid, which cannot be resolved",
            "take minutes",
        ),
    ] {
        let said = predicate::str::contains(format!("{ew} {message}"));
        tool(args)
            .write_stdin(input)
            .assert()
            .code(3)
            .stdout("")
            .stderr(said.and(predicate::str::contains(hint)));
    }
}

#[test]
fn bad_input_and_wrong_flags_are_refused() {
    for (input, message) in [
        ("", "stdin: is empty"),
        (r#"{"kind":"Pod"}"#, "stdin: document 1: is a Pod, neither Service nor Node"),
        (
            r#"{"kind":"Service","spec":{"ports":3}}"#,
            "stdin: document 1: .spec.ports: invalid type",
        ),
    ] {
        tool(&[])
            .write_stdin(input)
            .assert()
            .code(3)
            .stdout("")
            .stderr(predicate::str::contains(message));
    }
    for (args, message) in [
        (&["--port", "0"][..], "is no port from 1 to 65535"),
        (&["--port", ""], "is empty"),
        (&["A_b"], "lower-case"),
        (&["--wait"], "--context"),
        (&["--context", "a", "--timeout", "5m"], "--wait"),
        (&["--context", "a", "--wait", "--timeout", "soon"], "is no duration"),
        (&["--context", "a", "-f", "x"], "cannot be used with"),
    ] {
        tool(args).assert().code(2).stdout("").stderr(predicate::str::contains(message));
    }
}

#[test]
fn a_server_that_is_down_is_not_waited_for() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: a\n  cluster: {{server: \
         \"https://127.0.0.1:{DEAD_PORT}\"}}\ncontexts:\n- name: a\n  context: {{cluster: a, user: a}}\n\
         users:\n- name: a\n  user: {{}}\n"
    );
    std::fs::write(file.path(), text).unwrap();
    for args in [&["--context", "a"][..], &["--context", "a", "--wait"]] {
        tool(args).env("KUBECONFIG", file.path()).assert().code(4).stdout("").stderr(
            predicate::str::contains(format!(
                "context a: https://127.0.0.1:{DEAD_PORT} cannot be reached"
            )),
        );
    }
    tool(&["--context", "b"])
        .env("KUBECONFIG", file.path())
        .assert()
        .code(2)
        .stdout("")
        .stderr(predicate::str::contains("the kubeconfig has no context \"b\""));
}
