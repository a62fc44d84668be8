//! The program as a user runs it, against stand-ins for API servers.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use super::stand_in::{StandIn, refusal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};

/// Nothing listens there, and nobody is given it by chance.
pub const DEAD_PORT: u16 = 1;

pub fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-capture");
    tool.env_clear().args(args);
    tool
}

/// A kubeconfig with these contexts and servers.
pub fn kubeconfig(clusters: &[(&str, &str)]) -> tempfile::NamedTempFile {
    let list = |entry: fn(&str, &str) -> Value| -> Vec<Value> {
        clusters.iter().map(|(name, server)| entry(name, server)).collect()
    };
    let config = json!({
        "apiVersion": "v1", "kind": "Config",
        "clusters": list(|name, server| json!({"name": name, "cluster": {"server": server}})),
        "contexts": list(|name, _| json!({"name": name, "context": {"cluster": name, "user": name}})),
        "users": list(|name, _| json!({"name": name, "user": {"token": "very-secret"}})),
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config.to_string()).unwrap();
    file
}

pub fn list(items: &[Value]) -> (u16, Value) {
    (200, json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items}))
}

pub fn named(namespace: &str, name: &str) -> Value {
    json!({"metadata": {"namespace": namespace, "name": name}})
}

fn remote_secret() -> Value {
    let mut secret = named("istio-system", "istio-remote-secret-b");
    secret["kind"] = json!("Secret");
    secret["metadata"]["labels"] = json!({"istio/multiCluster": "true"});
    secret["data"] = json!({"b": STANDARD.encode("users: [{name: u, user: {token: CANARY}}]")});
    secret
}

/// A small cluster that lets everything be read.
pub fn small(path: &str, times: usize) -> Option<(u16, Value)> {
    Some(match path {
        "/version" => (200, json!({"gitVersion": "v1.33.1"})),
        "/apis" => (
            200,
            json!({"groups": [
                {"name": "apps", "versions": [{"version": "v1"}], "preferredVersion": {"version": "v1"}},
                {"name": "networking.k8s.io", "versions": [{"version": "v1"}, {"version": "v1beta1"}]},
                {"name": "networking.istio.io", "versions": [{"version": "v1"}]},
            ]}),
        ),
        "/apis/networking.k8s.io/v1beta1/servicecidrs?&limit=500" => list(&[
            json!({"metadata": {"name": "kubernetes"}, "spec": {"cidrs": ["10.96.0.0/12"]}}),
        ]),
        "/api/v1/pods?&limit=500" => {
            let mut page = list(&[named("a", "2")]);
            page.1["metadata"] = json!({"continue": "NEXT"});
            page
        }
        "/api/v1/pods?&limit=500&continue=NEXT" if times == 1 => refusal(410, "too old"),
        "/api/v1/pods?&limit=500&continue=NEXT" => list(&[named("a", "1")]),
        "/api/v1/services?&limit=500" if times == 1 => refusal(429, "later"),
        "/api/v1/services?&limit=500" => list(&[named("a", "s")]),
        "/api/v1/secrets?&limit=500" => {
            let mut remote = remote_secret();
            remote.as_object_mut().unwrap().remove("data");
            list(&[remote, named("istio-system", "other"), named("a", "cacerts")])
        }
        "/api/v1/namespaces/istio-system/secrets/istio-remote-secret-b" => (200, remote_secret()),
        _ => return None,
    })
}

pub fn captured(stdout: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `KIND NAMESPACE/NAME` of all items but the header.
pub fn items(capture: &Value) -> Vec<String> {
    let items = capture["items"].as_array().unwrap().iter().skip(1);
    items
        .map(|item| {
            let text = |field: &str| item["metadata"][field].as_str().unwrap_or_default();
            format!("{} {}/{}", item["kind"].as_str().unwrap(), text("namespace"), text("name"))
        })
        .collect()
}

#[test]
fn a_cluster_is_one_line_and_nothing_secret_is_in_it() {
    let server = StandIn::start(small);
    let file = kubeconfig(&[("a", &server.url)]);
    let ran =
        tool(&["--context", "a", "--kubeconfig"]).arg(file.path()).assert().success().stderr("");
    let captures = captured(&ran.get_output().stdout);
    let [capture] = &captures[..] else { panic!("{captures:?}") };
    let header = &capture["items"][0];
    assert_eq!((&header["kind"], &header["metadata"]["name"]), (&json!("Capture"), &json!("a")));
    assert_eq!(header["kubernetes"], "v1.33.1");
    assert_eq!(
        (&header["time"], &header["server"]),
        (&json!("2026-01-01T12:00:00Z"), &json!(server.url))
    );
    assert!(header["notRead"].is_null(), "{header}");
    assert_eq!(
        items(capture),
        [
            "ServiceCIDR /kubernetes",
            "Pod a/1",
            "Pod a/2",
            "Secret istio-system/istio-remote-secret-b",
            "Service a/s",
        ]
    );
    let text = capture.to_string();
    assert!(!text.contains("CANARY") && !text.contains("very-secret"), "{text}");
    let decoded =
        capture["items"][4]["data"]["b"].as_str().map(|data| STANDARD.decode(data).unwrap());
    assert!(String::from_utf8(decoded.unwrap()).unwrap().contains("token: redacted-"));

    let asked = server.asked();
    assert!(asked.iter().all(|request| request.starts_with("GET ")), "{asked:?}");
    // Of other Secrets nothing but the metadata is ever fetched.
    let secrets: Vec<&String> =
        asked.iter().filter(|request| request.contains("/secrets")).collect();
    let [all, one] = &secrets[..] else { panic!("{secrets:?}") };
    assert!(all.contains("partialobjectmetadatalist") && one.contains("/istio-remote-secret-b "));
}

/// A server where only Istio's namespace may be read, and no Secret.
pub fn strict(path: &str, times: usize) -> Option<(u16, Value)> {
    match path {
        "/version" | "/apis" => small(path, times),
        "/api/v1/namespaces/mesh/services?&limit=500" => Some(list(&[named("mesh", "istiod")])),
        _ => Some(refusal(403, "user cannot list")),
    }
}

#[test]
fn clusters_come_in_the_order_of_the_contexts_as_json_or_yaml() {
    fn slow(path: &str, times: usize) -> Option<(u16, Value)> {
        if path == "/version" {
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
        small(path, times)
    }
    let (first, second) = (StandIn::start(slow), StandIn::start(small));
    let file = kubeconfig(&[("a", &second.url), ("b", &first.url)]);
    let run = |form: &str| {
        let args = ["--context", "b", "--context", "a", "-o", form, "--kubeconfig"];
        let ran = tool(&args).arg(file.path()).assert().success();
        String::from_utf8(ran.get_output().stdout.clone()).unwrap()
    };
    let without_times = |mut capture: Value| {
        capture["items"][0]["capturedAt"].take();
        capture
    };
    let json: Vec<Value> =
        captured(run("jsonl").as_bytes()).into_iter().map(without_times).collect();
    let names: Vec<&Value> = json.iter().map(|one| &one["items"][0]["metadata"]["name"]).collect();
    assert_eq!(names, ["b", "a"]);
    let documents = serde_yaml::Deserializer::from_str(&run("yaml"))
        .map(|document| without_times(serde::Deserialize::deserialize(document).unwrap()))
        .collect::<Vec<Value>>();
    assert_eq!(documents, json);
}

#[test]
fn records_name_clusters_and_stay_with_them() {
    let server = StandIn::start(small);
    let file = kubeconfig(&[("ctx", &server.url)]);
    let record = json!({"apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": "asm-a",
        "context": "ctx", "kubeconfig": file.path(), "vpc": "v"});
    let mut run = tool(&[]);
    let ran = run.env("KUBECONFIG", file.path()).write_stdin(record.to_string()).assert().success();
    let header = &captured(&ran.get_output().stdout)[0]["items"][0];
    assert_eq!((&header["metadata"]["name"], &header["context"]), (&json!("asm-a"), &json!("ctx")));
    assert_eq!(header["record"]["vpc"], "v");
    let mut lost = record;
    lost["context"].take();
    tool(&[]).write_stdin(lost.to_string()).assert().code(3).stdout("").stderr(
        contains("cluster asm-a: the record has no context").and(contains("mesh-clusters")),
    );
}

/// Of an attack: the record is a kubeconfig as well, whose `exec` names a program.
#[test]
fn no_file_of_the_input_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let evil = |kubeconfig: &str| {
        json!({"apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": "c", "context": "x",
            "kubeconfig": kubeconfig,
            "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {"exec": {"command": "touch", "args": ["PWNED"],
                "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}}}]})
        .to_string()
    };
    for path in ["evil.json", "./evil.json", "/dev/stdin", "/nowhere"] {
        std::fs::write(dir.path().join("evil.json"), evil(path)).unwrap();
        let refused = contains(format!("names the kubeconfig {path}, which you did not"));
        tool(&["-f", "evil.json"])
            .current_dir(&dir)
            .env("PATH", "/usr/bin:/bin")
            .env("KUBECONFIG", "other.json")
            .assert()
            .code(3)
            .stdout("")
            .stderr(refused.and(contains("hint: a kubeconfig may run programs")));
        assert!(!dir.path().join("PWNED").exists());
    }
}

#[test]
fn wrong_usage_is_refused_before_anything_is_asked() {
    let server = StandIn::start(small);
    let file = kubeconfig(&[("a", &server.url)]);
    for (args, message) in [
        (&["--context", "a", "--context", "a"][..], "--context names a twice"),
        (&["--context", "a", "--context", "b"], "the kubeconfig has no context \"b\""),
        (&["--context", "a", "-f", "x"], "cannot be used with"),
        (&["--context", "a", "-o", "table"], "possible values: jsonl, yaml"),
        (&["--context", "a", "--timeout", "soon"], "is no duration"),
        (&["--context", "a", "-n", "a/../b"], "may have lower-case letters"),
    ] {
        let args = [args, &["--kubeconfig"]].concat();
        tool(&args).arg(file.path()).assert().code(2).stdout("").stderr(contains(message));
    }
    tool(&[]).write_stdin("").assert().code(3).stdout("").stderr(contains("stdin: is empty"));
    tool(&[])
        .write_stdin("kind: Pod")
        .assert()
        .code(3)
        .stderr(contains("no description of a cluster"));
    assert_eq!(server.asked(), [] as [String; 0]);
}

/// As kubectl: whoever listens on the way, or writes `http` into a kubeconfig, gets no token.
#[test]
fn credentials_are_not_sent_without_tls() {
    let server = StandIn::start(small);
    let file = kubeconfig(&[("a", &server.url)]);
    tool(&["--context", "a", "--kubeconfig"]).arg(file.path()).assert().success();
    let asked = server.asked();
    assert!(asked.len() > 3 && asked.iter().all(|one| !one.contains("with credentials")));
    let refuses = StandIn::start(|_, _| Some(refusal(401, "Unauthorized")));
    let file = kubeconfig(&[("a", &refuses.url)]);
    tool(&["--context", "a", "--kubeconfig"])
        .arg(file.path())
        .assert()
        .code(4)
        .stderr(contains("hint: without TLS no credentials are sent"));
}

#[test]
fn passwords_in_addresses_are_in_no_message_and_no_capture() {
    let up = StandIn::start(small);
    let cluster = |name: &str, server: &str, proxy: Option<&str>| json!({"name": name, "cluster": {"server": server, "proxy-url": proxy}});
    let names = ["up", "user", "query", "proxy", "ftp"];
    let config = json!({
        "apiVersion": "v1", "kind": "Config",
        "clusters": [
            cluster("up", &up.url, None),
            cluster("user", "https://me:SECRET@127.0.0.1:1", None),
            cluster("query", "https://127.0.0.1:1/?token=SECRET", None),
            cluster("proxy", "https://h", Some("http://me:SECRET@127.0.0.1:1")),
            cluster("ftp", "https://h", Some("ftp://me:SECRET@h")),
        ],
        "contexts": names.map(|name| json!({"name": name, "context": {"cluster": name}})),
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config.to_string()).unwrap();
    let mut args = vec!["--partial", "--timeout", "10ms"];
    args.extend(names.iter().flat_map(|name| ["--context", name]));
    args.push("--kubeconfig");
    let ran = tool(&args).arg(file.path()).assert().success();
    let output = ran.get_output();
    for text in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(text);
        assert!(text.contains("127.0.0.1") && !text.contains("SECRET"), "{text}");
    }
    let mut by_variable = tool(&["--context", "up", "--timeout", "10ms", "--kubeconfig"]);
    by_variable.arg(file.path()).env("HTTPS_PROXY", "ftp://me:SECRET@h");
    by_variable
        .assert()
        .code(3)
        .stderr(contains("ftp://h/ is not one of").and(contains("SECRET").not()));
}
