//! The program as a user runs it, without a server that answers: what it refuses.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use super::objects::*;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::json;

/// Nothing listens there, and nobody is given it by chance.
const DEAD_PORT: u16 = 1;

#[test]
fn a_token_has_to_fit() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    let out = dir.path().join("vm");
    let args = ["--out", out.to_str().unwrap(), "--token-file", file.to_str().unwrap(), "--at"];
    let injector =
        json!({"global": {"multiCluster": {"clusterName": "c"}, "sds": {"token": {"aud": "asm"}}}});
    for (text, at, input, message) in [
        ("opaque".to_owned(), "2026-01-01T00:00:00Z", list(&objects()), "is no JSON Web Token"),
        (
            token("shop", "istio-ca"),
            "2026-01-01T01:00:00Z",
            list(&objects()),
            "has expired, on 2026-01-01T01:00:00Z",
        ),
        (
            token("shop", "api"),
            "2026-01-01T00:00:00Z",
            list(&objects()),
            "is for api, and istiod's CA takes those for istio-ca",
        ),
        (
            token("shop", "istio-ca"),
            "2026-01-01T00:00:00Z",
            changed(2, "/data/values", json!(injector.to_string())),
            "takes those for asm",
        ),
        (
            token("other", "istio-ca"),
            "2026-01-01T00:00:00Z",
            list(&objects()),
            "is that of vms/other, and not of service account vms/shop",
        ),
    ] {
        std::fs::write(&file, &text).unwrap();
        let ran = tool(&args).arg(at).write_stdin(input).assert().code(3).stdout("");
        let hint = contains("kubectl create token shop -n vms --audience");
        ran.stderr(contains(message).and(hint).and(contains(text.as_str()).not()));
        assert!(!out.exists());
    }
    tool(&["-o", "tar"]).write_stdin(list(&objects())).assert().code(2).stdout("").stderr(
        contains("without --context there is nobody to ask for a token").and(contains(
            "make one (kubectl create token shop -n vms --audience istio-ca > FILE)",
        )),
    );
}

#[test]
fn what_is_wrong_or_missing_is_told_and_nothing_is_written() {
    let without = |index: usize| {
        let mut objects = objects();
        objects.remove(index);
        list(&objects)
    };
    let group = |pointer, value| changed(0, pointer, value);
    let mut second = objects();
    second.push(json!({"kind": "WorkloadGroup", "metadata": {"name": "b", "namespace": "vms"}}));
    let mut certificate = objects();
    certificate[3]["data"]["root-cert.pem"] = json!("none");
    for (input, message, hint) in [
        (without(0), "the input has no workload group", "--context and --name"),
        (list(&second), "several workload groups: vms/shop, vms/b", "--name and --namespace"),
        (
            group("/metadata/namespace", json!(null)),
            "workload group shop has no namespace",
            "--namespace",
        ),
        (group("/spec/template/ports/http", json!(70000)), ".spec.template.ports.http: ", ""),
        (without(1), "no config map istio-system/istio", "--istio-namespace"),
        (changed(1, "/data", json!({})), "config map istio-system/istio has no mesh", ""),
        (
            changed(1, "/data/mesh", json!("a: b: c")),
            "config map istio-system/istio: mesh: document 1: is not YAML",
            "",
        ),
        (without(2), "no config map istio-system/istio-sidecar-injector", "--cluster-id stands in"),
        (
            changed(2, "/data/values", json!("{}")),
            "istio-sidecar-injector names no cluster",
            "--cluster-id does",
        ),
        (
            changed(2, "/data/values", json!("x: 1")),
            "istio-sidecar-injector: values: is not the JSON",
            "",
        ),
        (without(3), "no config map vms/istio-ca-root-cert", "istiod writes it"),
        (
            changed(3, "/data", json!({"ca.crt": "x"})),
            "vms/istio-ca-root-cert has no root-cert.pem",
            "",
        ),
        (list(&certificate), "vms/istio-ca-root-cert: root-cert.pem: holds no PEM block", ""),
        (without(4), "no service istio-system/istio-eastwestgateway", "--ingress-ip"),
        (
            changed(4, "/status", json!({})),
            "istio-eastwestgateway has no address yet",
            "--ingress-ip",
        ),
        (
            changed(4, "/status/loadBalancer/ingress", json!([{"hostname": "a.elb.example"}])),
            "has a name and no address: a.elb.example",
            "--resolve looks it up",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("vm");
        let args = ["--no-token", "--out", out.to_str().unwrap()];
        tool(&args)
            .write_stdin(input)
            .assert()
            .code(3)
            .stdout("")
            .stderr(contains(message).and(contains(hint)));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{message}");
    }
}

#[test]
fn a_value_that_no_shell_can_hold_is_refused() {
    let input = changed(0, "/spec/template/network", json!("a\0b"));
    let message = "ISTIO_META_NETWORK has a control character";
    let ran = tool(&["-o", "tar", "--no-token"]).write_stdin(input).assert();
    ran.code(3).stdout("").stderr(contains(message));
}

#[test]
fn wrong_usage_is_refused() {
    for (args, message) in [
        (&[][..], "where are the files to go?"),
        (&["-o", "json"], "-o lines and -o json are for --check"),
        (&["--check", ".", "-o", "tar"], "-o tar is for files that are made"),
        (&["-o", "tar", "--out", "x"], "cannot be used with"),
        (
            &["-o", "tar", "--internal-ip", "10.0.0.1", "--external-ip", "10.0.0.2"],
            "cannot be used with",
        ),
        (&["-o", "tar", "--internal-ip", "vm"], "invalid IP address"),
        (&["-o", "tar", "--token-duration", "9m"], "for 10m or longer"),
        (&["-o", "tar", "--token-duration", "1h", "--no-token"], "cannot be used with"),
        (&["-o", "tar", "--ingress-service", "a.b.c"], "lower-case"),
        (&["-o", "tar", "--cluster-id", ""], "is empty"),
        (&["-o", "tar", "--name", "../x"], "is empty"),
        (&["-o", "tar", "--inbound-port", "80"], "--inbound-port is for --format 1.6"),
        (&["-o", "tar", "--format", "1.6", "--no-token"], "--no-token is not for --format 1.6"),
        (&["-o", "tar", "--format", "1.6", "--capture-dns=false"], "--capture-dns is not for"),
        (&["-o", "tar", "--format", "1.6", "--service-cidr", "10.0.0.1"], "has no prefix length"),
        (&["--check", ".", "--out", "x"], "cannot be used with"),
        (&["--check", ".", "--ignore", "MESH0805"], "--list-checks shows them"),
        (&["--fail-on", "warning", "-o", "tar"], "--check"),
    ] {
        let ran = tool(args).write_stdin(list(&objects())).assert();
        ran.code(2).stdout("").stderr(contains(message));
    }
}

#[test]
fn a_server_that_is_down_is_told() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let server = format!("https://127.0.0.1:{DEAD_PORT}");
    let config = json!({
        "clusters": [{"name": "a", "cluster": {"server": server}}], "users": [{"name": "a", "user": {}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    });
    std::fs::write(file.path(), config.to_string()).unwrap();
    for args in [&["--name", "shop", "-n", "vms"][..], &[]] {
        let args = [&["--context", "a", "-o", "tar"], args].concat();
        let ran =
            tool(&args).env("KUBECONFIG", file.path()).write_stdin(group().to_string()).assert();
        ran.code(4).stdout("").stderr(contains(format!("context a: {server} cannot be reached")));
    }
    let ran = tool(&["--context", "a", "-o", "tar", "--name", "shop"])
        .env("KUBECONFIG", file.path())
        .assert();
    ran.code(2).stdout("").stderr(contains("--name needs --namespace"));
}
