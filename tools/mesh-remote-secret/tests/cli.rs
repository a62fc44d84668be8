//! The program as a user runs it, without a server that answers.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use predicates::prelude::*;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

/// Nothing listens there, and nobody is given it by chance.
pub const DEAD_PORT: u16 = 1;

pub fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-remote-secret");
    tool.env_clear().args(args);
    tool
}

pub fn kubeconfig(server: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: a\n  cluster: {{server: \"{server}\"}}\n\
         contexts:\n- name: a\n  context: {{cluster: a, user: a}}\n\
         users:\n- name: a\n  user: {{token: very-secret}}\n"
    );
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn a_server_that_is_down_is_told_with_its_address() {
    let file = kubeconfig(&format!("https://127.0.0.1:{DEAD_PORT}"));
    tool(&["--context", "a", "--kubeconfig"]).arg(file.path()).assert().code(4).stdout("").stderr(
        predicate::str::contains(format!(
            "error: context a: https://127.0.0.1:{DEAD_PORT} cannot be reached: Connection refused"
        ))
        .and(predicate::str::contains("hint: is the cluster up"))
        .and(predicate::str::contains("very-secret").not()),
    );
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = kubeconfig(&format!("https://{}", silent.local_addr().unwrap()));
    tool(&["--context", "a", "--request-timeout", "300ms", "--kubeconfig"])
        .arg(file.path())
        .assert()
        .code(4)
        .stdout("")
        .stderr(predicate::str::contains("does not answer within 300ms"));
}

#[test]
fn addresses_that_others_cannot_reach_are_warned_of() {
    let file = kubeconfig(&format!("https://localhost:{DEAD_PORT}"));
    let warning = format!(
        "warning: context a: https://localhost:{DEAD_PORT} is a loopback name: another cluster cannot \
         reach it"
    );
    tool(&["--context", "a", "--kubeconfig"])
        .arg(file.path())
        .assert()
        .code(4)
        .stderr(predicate::str::contains(&warning).and(predicate::str::contains("--server")));
    tool(&["--context", "a", "-q", "--kubeconfig"])
        .arg(file.path())
        .assert()
        .code(4)
        .stderr(predicate::str::contains(&warning).not());
}

#[test]
fn every_cluster_that_is_down_is_told() {
    let file = kubeconfig(&format!("https://127.0.0.1:{DEAD_PORT}"));
    tool(&["--context", "a", "--context", "a", "--kubeconfig"])
        .arg(file.path())
        .assert()
        .code(4)
        .stdout("")
        .stderr(predicate::str::contains("error: 2 of 2 clusters failed: context a: https://"));
}

#[test]
fn a_plugin_has_no_token_and_no_secret_on_the_command_line() {
    let file = kubeconfig("https://127.0.0.1:1");
    let plugin = ["--context", "a", "--auth-type", "plugin", "--auth-plugin-name"];
    for (args, message) in [
        (&["oidc", "--ttl", "1h"][..], "--ttl is about tokens"),
        (&["oidc", "--rotate"], "--rotate is about tokens"),
        (&["oidc", "--auth-plugin-config", "client-secret=hush"], "client-secret=@FILE"),
        (&["oidc", "--auth-plugin-config", "a"], "is no KEY=VALUE"),
    ] {
        tool(&[&plugin[..], args].concat())
            .env("KUBECONFIG", file.path())
            .assert()
            .code(2)
            .stdout("")
            .stderr(predicate::str::contains(message).and(predicate::str::contains("hush").not()));
    }
    let refusal = "warning: istiod refuses auth provider gcp unless its environment has";
    tool(&[&plugin[..], &["gcp"]].concat())
        .env("KUBECONFIG", file.path())
        .assert()
        .code(4)
        .stderr(predicate::str::contains(refusal));
}

pub fn record_of(fields: &str) -> String {
    format!(r#"{{"apiVersion":"meshutils/v1alpha1","kind":"Cluster",{fields}}}"#)
}

/// The CA of a token Secret: a certificate as far as PEM tells.
const CA: &str = "-----BEGIN CERTIFICATE-----\nQ0E=\n-----END CERTIFICATE-----\n";

pub fn token_secret() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "t", "annotations":
            {"kubernetes.io/service-account.name": "istio-reader-service-account"}},
        "data": {"token": STANDARD.encode("t0ken"), "ca.crt": STANDARD.encode(CA)},
    })
}

pub fn offline(args: &[&str], input: &str) -> assert_cmd::assert::Assert {
    tool(args).write_stdin(input).assert()
}

/// The kubeconfig in the only Secret of a List.
fn kubeconfig_in(output: &[u8], key: &str) -> Value {
    let list: Value = serde_json::from_slice(output).unwrap();
    let data = list["items"][0]["data"][key].as_str().unwrap();
    serde_yaml::from_slice(&STANDARD.decode(data).unwrap()).unwrap()
}

#[test]
fn a_token_secret_is_enough_without_any_server() {
    let input = token_secret().to_string();
    let args = ["--name", "c1", "--server", "https://203.0.113.7:6443", "-o", "json"];
    let output = offline(&args, &input).success().stderr("").get_output().stdout.clone();
    let config = kubeconfig_in(&output, "c1");
    assert_eq!(config["users"][0]["user"]["token"], "t0ken");
    let cluster = &config["clusters"][0]["cluster"];
    assert_eq!(cluster["server"], "https://203.0.113.7:6443");
    assert_eq!(cluster["certificate-authority-data"], STANDARD.encode(CA));
    // A List as kubectl writes it with several names, YAML, and a second run: the same bytes.
    let list = json!({"kind": "List", "items": [token_secret()]}).to_string();
    assert_eq!(offline(&args, &list).success().get_output().stdout, output);
    let yaml = serde_yaml::to_string(&token_secret()).unwrap();
    assert_eq!(offline(&args, &yaml).success().get_output().stdout, output);
}

#[test]
fn a_token_secret_and_a_record_make_a_whole() {
    let endpoints = json!([
        {"url": "https://34.1.1.1", "kind": "public", "caData": STANDARD.encode(CA)},
        {"url": "https://10.0.0.2", "kind": "private", "caData": STANDARD.encode(CA)},
        {"url": "https://gke-1.us-west2.gke.goog", "kind": "dns"},
    ]);
    let record = record_of(&format!(
        r#""name":"a","project":"p","location":"l","id":"cn-p-l-a","endpoints":{endpoints}"#
    ));
    let input = format!("{record}\n{}", token_secret());
    for (kind, server, ca) in [
        ("auto", "https://34.1.1.1", true),
        ("private", "https://10.0.0.2", true),
        ("dns", "https://gke-1.us-west2.gke.goog", false),
    ] {
        let assert = offline(&["--endpoint", kind, "-o", "json"], &input).success();
        let config = kubeconfig_in(&assert.get_output().stdout, "cn-p-l-a");
        let cluster = &config["clusters"][0]["cluster"];
        assert_eq!(cluster["server"], server);
        assert_eq!(cluster["certificate-authority-data"].is_string(), ca, "{kind}");
        let warned = !assert.get_output().stderr.is_empty();
        assert_eq!(warned, kind == "dns", "{kind}");
    }
    let private = record.replace("\"public\"", "\"private\"");
    offline(&["--endpoint", "public"], &format!("{private}\n{}", token_secret()))
        .code(3)
        .stdout("")
        .stderr(predicate::str::contains("cluster p/l/a: the record has no public endpoint"));
}

#[test]
fn flags_go_into_the_kubeconfig() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let other = CA.replace("Q0E=", "b3RoZXI=");
    std::fs::write(file.path(), &other).unwrap();
    let ca_file = file.path().to_str().unwrap();
    let args = ["--name", "c1", "--server", "https://10.0.0.2", "-o", "json"];
    let more = ["--tls-server-name", "kubernetes", "--proxy-url", "http://10.0.0.9:3128"];
    let ca = ["--certificate-authority", ca_file];
    let input = token_secret().to_string();
    let all = [&args[..], &more, &ca].concat();
    let output = offline(&all, &input).success().stderr("").get_output().stdout.clone();
    let cluster = kubeconfig_in(&output, "c1")["clusters"][0]["cluster"].clone();
    let expected = json!({
        "server": "https://10.0.0.2", "tls-server-name": "kubernetes",
        "proxy-url": "http://10.0.0.9:3128", "certificate-authority-data": STANDARD.encode(other),
    });
    assert_eq!(cluster, expected);
    let none = [&args[..], &["--certificate-authority", "none"]].concat();
    let output = offline(&none, &input).success().get_output().stdout.clone();
    let cluster = kubeconfig_in(&output, "c1")["clusters"][0]["cluster"].clone();
    assert_eq!(cluster, json!({"server": "https://10.0.0.2"}));
}

#[test]
fn a_config_cluster_has_its_own_secret() {
    let mut secret = token_secret();
    secret["metadata"]["annotations"]["kubernetes.io/service-account.name"] = json!("istiod");
    let args = ["--type", "config", "--name", "primary", "--server", "https://10.0.0.2"];
    offline(&args, &secret.to_string())
        .success()
        .stderr("")
        .stdout(predicate::str::contains("\n  name: istio-kubeconfig\n"))
        .stdout(predicate::str::contains("data:\n  config: "))
        .stdout(predicate::str::contains("networking.istio.io/cluster: primary"));
}

#[test]
fn an_end_of_the_token_is_written_down() {
    let token =
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"iat":1767225600,"exp":1767229200}"#));
    let mut secret = token_secret();
    secret["data"]["token"] = json!(STANDARD.encode(token));
    offline(&["--name", "c1", "--server", "https://10.0.0.2"], &secret.to_string())
        .success()
        .stdout(predicate::str::contains("meshutils/expires: \"2026-01-01T01:00:00Z\""))
        .stdout(predicate::str::contains("meshutils/rotate-after: \"2026-01-01T00:48:00Z\""));
}

#[test]
fn a_long_name_is_istiods_and_not_istioctls() {
    let name = "cn-".to_owned() + &"long-".repeat(15) + "end";
    let args = ["--name", &name, "--server", "https://10.0.0.2"];
    let input = token_secret().to_string();
    offline(&args, &input)
        .success()
        .stdout(predicate::str::contains(format!("name: istio-remote-secret-{name}\n")))
        .stderr(predicate::str::contains("warning: stdin: document 1: istioctl would refuse"));
    offline(&["--name", &"a".repeat(234)], &input)
        .code(2)
        .stderr(predicate::str::contains("has more than 233 characters"));
}

#[test]
fn the_endpoint_is_tried_before_anything_is_written() {
    let input = token_secret().to_string();
    let check = |more: &[&str], code: i32, message: &str| {
        let args = ["-q", "--name", "c1", "--check-endpoint", "--server"];
        offline(&[&args[..], more].concat(), &input)
            .code(code)
            .stdout("")
            .stderr(predicate::str::contains(message).and(predicate::str::contains("t0ken").not()));
    };
    let closed = format!("https://127.0.0.1:{DEAD_PORT}");
    let public = ["--certificate-authority", "none"];
    let message = format!("cluster c1: {closed} cannot be reached: Connection refused");
    check(&[&[closed.as_str()], &public[..]].concat(), 4, &message);
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("https://{}", plain.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in plain.incoming().flatten() {
            let _ = stream.read(&mut [0; 64]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let message = format!("cluster c1: {server} does not speak TLS");
    check(&[&[server.as_str()], &public[..]].concat(), 4, &message);
    // The "certificate" in this token Secret is none.
    check(&[&server], 3, "cluster c1: the CA or the proxy for https://127.0.0.1");
}
