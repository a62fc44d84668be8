//! The program as a user runs it, without a server that answers.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use predicates::prelude::*;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

/// Nothing listens there, and nobody is given it by chance.
const DEAD_PORT: u16 = 1;

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-remote-secret");
    tool.env_clear().args(args);
    tool
}

fn kubeconfig(server: &str) -> tempfile::NamedTempFile {
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
fn wrong_flags_are_refused_before_anything_is_sent() {
    let file = kubeconfig("https://127.0.0.1:1");
    let least = ["--context", "a", "--create-service-account", "--reader-role"];
    let with = |first: &[&'static str], more: &[&'static str]| [first, more].concat();
    for (args, message) in [
        (vec!["--context", "a", "--name", "A_b"], "'--name <ID>': may have lower-case letters"),
        (vec!["--context", "a", "--name", "?-invalid-name"], "may have lower-case letters"),
        (vec!["--context", "a", "--server", "10.0.0.2"], "needs its scheme: write https://"),
        (vec!["--context", "a", "--server", "http://10.0.0.2"], "must begin with https://"),
        (vec!["--context", "a", "--proxy-url", "10.0.0.2:3128"], "must begin with http://"),
        (vec!["--context", "a", "--certificate-authority", "/nowhere"], "No such file"),
        (vec!["--context", "a", "--certificate-authority", "/dev/null"], "holds no certificate"),
        (vec!["--context", "a", "--endpoint", "private"], "cannot be used with"),
        (vec!["--context", "b"], "has no context \"b\""),
        (vec!["--context", "a", "--context", "a", "--name", "x"], "--name is for one cluster"),
        (vec!["--context", "a", "--context", "a", "--type", "config"], "is for one cluster"),
        (vec!["--context", "a", "--type", "other"], "possible values: remote, config"),
        (vec!["--context", "a", "--read-only", "--create-service-account"], "cannot be used with"),
        (vec!["--context", "a", "--read-only", "--rotate"], "cannot be used with"),
        (vec!["--context", "a", "--secret-name", "x", "--rotate"], "cannot be used with"),
        (vec!["--context", "a", "--secret-name", "x", "--ttl", "1h"], "cannot be used with"),
        (vec!["--context", "a", "--timeout", "soon"], "is no duration"),
        (vec!["--context", "a", "--ttl", "5m"], "API servers give tokens for 10m or longer"),
        (vec!["--context", "a", "--reader-role", "least"], "--create-service-account"),
        (with(&least, &["no-secrets", "--istio-version", "1.30.3"]), "istiod 1.30.3 reads the Se"),
        (with(&least, &["least", "--type", "config"]), "makes readers, and istiod is none"),
        (
            vec!["--context", "a", "--auth-type", "password"],
            "possible values: bearer-token, plugin",
        ),
        (vec!["--context", "a", "--auth-type", "plugin"], "--auth-plugin-name <NAME>"),
        (vec!["--context", "a", "--auth-plugin-name", "oidc"], "needs --auth-type plugin"),
        (vec!["--context", "a", "--auth-plugin-config", "a=b"], "--auth-plugin-name <NAME>"),
    ] {
        tool(&args)
            .env("KUBECONFIG", file.path())
            .assert()
            .code(2)
            .stdout("")
            .stderr(predicate::str::contains(message));
    }
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

#[test]
fn records_must_say_how_to_reach_their_cluster() {
    for (record, message) in [
        (r#""name":"a""#, "cluster a: the record has no context"),
        (r#""name":"a","id":"A","context":"a""#, "cluster a: its ID may have lower-case letters"),
        (r#""name":"a","context":"gone""#, "has no context \"gone\""),
        (
            r#""name":"a","context":"a","endpoints":[{"url":"10.0.0.2","kind":"private"}]"#,
            "cluster a: the server address \"10.0.0.2\" needs its scheme",
        ),
    ] {
        let file = kubeconfig("https://127.0.0.1:1");
        tool(&[])
            .env("KUBECONFIG", file.path())
            .write_stdin(record_of(record))
            .assert()
            .failure()
            .stdout("")
            .stderr(predicate::str::contains(message));
    }
}

fn record_of(fields: &str) -> String {
    format!(r#"{{"apiVersion":"meshutils/v1alpha1","kind":"Cluster",{fields}}}"#)
}

/// The CA of a token Secret: a certificate as far as PEM tells.
const CA: &str = "-----BEGIN CERTIFICATE-----\nQ0E=\n-----END CERTIFICATE-----\n";

fn token_secret() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "t", "annotations":
            {"kubernetes.io/service-account.name": "istio-reader-service-account"}},
        "data": {"token": STANDARD.encode("t0ken"), "ca.crt": STANDARD.encode(CA)},
    })
}

fn offline(args: &[&str], input: &str) -> assert_cmd::assert::Assert {
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
fn a_file_for_it_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let (file, input) = (dir.path().join("secrets.yaml"), token_secret().to_string());
    let args = ["--name", "c1", "--server", "https://203.0.113.7:6443"];
    let to_file = ["--out", file.to_str().unwrap()];
    let stdout = offline(&args, &input).success().get_output().stdout.clone();
    for _ in 0..2 {
        let told = predicate::str::contains("secrets.yaml: written");
        offline(&[&args[..], &to_file].concat(), &input).success().stdout("").stderr(told);
        assert_eq!(std::fs::read(&file).unwrap(), stdout);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    // What fails leaves the file as it was.
    offline(&[&args[..2], &to_file].concat(), &input).code(2).stdout("");
    assert_eq!(std::fs::read(&file).unwrap(), stdout);
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut child = std::process::Command::new(&mesh_tests::programs()["mesh-remote-secret"])
        .args(["--name", "c1", "--server", "https://10.0.0.2"])
        .stdin(std::process::Stdio::piped())
        .stdout(full)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(token_secret().to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("standard output: No space left"), "{stderr}");
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
fn what_the_input_leaves_open_is_asked_for() {
    let secret = token_secret().to_string();
    let record = |name: &str| record_of(&format!("\"name\":\"{name}\""));
    let with = |pointer: &str, value: Value| {
        let mut secret = token_secret();
        *secret.pointer_mut(pointer).unwrap() = value;
        secret.to_string()
    };
    let whole = ["--name", "c1", "--server", "https://10.0.0.2"];
    for (args, input, code, message) in [
        (&["--name", "c1"][..], secret.clone(), 2, "nothing says where the API server answers"),
        (&["--server", "https://h.example.com"], secret.clone(), 2, "what the cluster is called"),
        (&[], format!("{secret}{secret}"), 3, "2 token secrets and 0 records"),
        (
            &[],
            format!("{secret}{}{}", record("a"), record("b")),
            3,
            "1 token secrets and 2 records",
        ),
        (&["--ttl", "1h"], secret.clone(), 2, "--ttl needs the cluster, and the input is a Secret"),
        (&["--rotate"], secret.clone(), 2, "--rotate needs the cluster"),
        (&whole, with("/data/token", json!("")), 3, "secret t has no token"),
        (&whole, with("/data/ca.crt", json!("")), 3, "the CA of https://10.0.0.2 is not known"),
        (&whole, with("/type", json!("Opaque")), 3, "is of type Opaque"),
    ] {
        offline(args, &input).code(code).stdout("").stderr(predicate::str::contains(message));
    }
    let other = with("/metadata/annotations/kubernetes.io~1service-account.name", json!("default"));
    offline(&whole, &other).success().stderr(predicate::str::contains(
        "the token is of service account default, not istio-reader-service-account",
    ));
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

#[test]
fn a_broken_kubeconfig_is_refused_without_showing_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "users: [{user: {token: very-secret").unwrap();
    tool(&["--context", "a", "--kubeconfig"])
        .arg(file.path())
        .assert()
        .code(3)
        .stdout("")
        .stderr(predicate::str::contains("very-secret").not());
    tool(&["--context", "a", "--kubeconfig", "/nowhere/config"])
        .assert()
        .code(3)
        .stderr(predicate::str::contains("/nowhere/config"));
}

/// Of an attack: the record is a kubeconfig as well, whose `exec` names a program.
#[test]
fn no_kubeconfig_of_a_record_is_opened() {
    let record = r#"{"apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": "c",
        "context": "x", "kubeconfig": "/dev/stdin", "contexts": [{"name": "x"}]}"#;
    mesh_tests::tool("mesh-remote-secret")
        .env_clear()
        .write_stdin(record)
        .assert()
        .code(3)
        .stdout("")
        .stderr(predicate::str::contains("names the kubeconfig /dev/stdin, which you did not"));
}

/// Of an attack, as root: the device became a file with the token in it.
#[test]
fn only_files_are_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink("file", &link).unwrap();
    let run = |out: &std::path::Path| {
        let args = ["--name", "c1", "--server", "https://203.0.113.7", "--out"];
        offline(&[&args[..], &[out.to_str().unwrap()]].concat(), &token_secret().to_string())
    };
    for (out, reason) in [
        ("/dev/null".as_ref(), "/dev/null: is not a regular file"),
        ("/dev/stdout".as_ref(), "is an open file"),
        (socket.as_path(), "socket: is not a regular file"),
        (dir.path(), "is a folder"),
    ] {
        run(out).code(3).stdout("").stderr(predicate::str::contains(reason));
    }
    // The user's own link leads to the place.
    run(&link).success();
    assert!(link.is_symlink() && dir.path().join("file").is_file());
}

#[test]
fn a_token_that_is_not_one_line_makes_no_secret() {
    for token in ["x\ny", "x\r\n", "x y", "\u{e9}"] {
        let mut input = token_secret();
        input["data"]["token"] = json!(STANDARD.encode(token));
        let args = ["--name", "c1", "--server", "https://203.0.113.7:6443"];
        offline(&args, &input.to_string())
            .code(3)
            .stdout("")
            .stderr(predicate::str::contains("the cluster's token is not one line"));
    }
}

/// Of an attack: what a flag or its variable had was in the log.
#[test]
fn a_refused_value_is_not_shown() {
    for (flag, value) in [
        ("--server", "https://u:SECRET@192.0.2.1"),
        ("--server", "https://SECRET/x@192.0.2.1"),
        ("--proxy-url", "ftp://u:SECRET@proxy"),
        ("--proxy-url", "http://u:SECRET#x@proxy"),
        ("--proxy-url", "http://SECRET/x@proxy"),
        ("--auth-plugin-config", "client-secret SECRET"),
    ] {
        let variable = format!("MESH_{}", flag[2..].replace('-', "_").to_uppercase());
        let mut by_flag = mesh_tests::tool("mesh-remote-secret");
        by_flag.env_clear().args(["--context", "a", flag, value]);
        let mut by_variable = mesh_tests::tool("mesh-remote-secret");
        by_variable.env_clear().env(variable, value).args(["--context", "a"]);
        for mut tool in [by_flag, by_variable] {
            let no_secret = predicate::str::contains("SECRET").not();
            tool.assert().code(2).stdout("").stderr(no_secret.and(predicate::str::contains(flag)));
        }
    }
}
