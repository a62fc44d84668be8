//! The program as a user runs it.

use predicates::prelude::*;
use predicates::str::{contains, is_empty};
use serde_json::{Value, json};

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-gateway-gen");
    tool.env_clear().args(args);
    tool
}

fn stdout(args: &[&str]) -> String {
    let assert = tool(args).assert().success();
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

#[test]
fn the_current_form_needs_only_the_network() {
    tool(&["--network", "network1", "--revision", "asm-11910-9"])
        .assert()
        .success()
        .stderr("")
        .stdout(concat!(
            "apiVersion: install.istio.io/v1alpha1\n",
            "kind: IstioOperator\n",
            "metadata:\n",
            "  name: eastwest\n",
            "spec:\n",
            "  components:\n",
            "    ingressGateways:\n",
            "    - enabled: true\n",
            "      k8s:\n",
            "        env:\n",
            "        - name: ISTIO_META_REQUESTED_NETWORK_VIEW\n",
            "          value: network1\n",
            "        service:\n",
            "          ports:\n",
            "          - name: status-port\n",
            "            port: 15021\n",
            "            targetPort: 15021\n",
            "          - name: tls\n",
            "            port: 15443\n",
            "            targetPort: 15443\n",
            "          - name: tls-istiod\n",
            "            port: 15012\n",
            "            targetPort: 15012\n",
            "          - name: tls-webhook\n",
            "            port: 15017\n",
            "            targetPort: 15017\n",
            "      label:\n",
            "        app: istio-eastwestgateway\n",
            "        istio: eastwestgateway\n",
            "        topology.istio.io/network: network1\n",
            "      name: istio-eastwestgateway\n",
            "  profile: empty\n",
            "  revision: asm-11910-9\n",
            "  values:\n",
            "    gateways:\n",
            "      istio-ingressgateway:\n",
            "        injectionTemplate: gateway\n",
            "    global:\n",
            "      network: network1\n",
        ));
}

#[test]
fn json_is_the_same_object() {
    let args = ["--single-cluster", "--cert-provider", "istiod"];
    let yaml: Value = serde_yaml::from_str(&stdout(&args)).unwrap();
    let json = stdout(&[&args[..], &["-o", "json"]].concat());
    assert!(json.ends_with("}\n"));
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), yaml);
}

#[test]
fn networks_that_look_like_something_else_stay_strings() {
    for network in ["on", "1", "0x1f", "1e3", "null", "y", "true", "1.5", "2026-01-01", "0o7"] {
        let text = stdout(&[
            "--istio-version=1.11",
            "--network",
            network,
            "--cluster",
            network,
            "--mesh",
            network,
            "--revision",
            if network == "1.5" { "15" } else { network },
        ]);
        let quoted = format!(": \"{network}\"\n");
        // Label, NETWORK_VIEW, global.network, meshID, clusterName; and the revision.
        assert!(text.matches(&quoted).count() >= 5, "{text}");
        let yaml: Value = serde_yaml::from_str(&text).unwrap();
        let spec = &yaml["spec"];
        let gateway = &spec["components"]["ingressGateways"][0];
        assert!(spec["revision"].is_string());
        assert_eq!(gateway["label"]["topology.istio.io/network"], network);
        assert_eq!(gateway["k8s"]["env"][1]["value"], network);
        let expected = json!({
            "network": network, "meshID": network, "multiCluster": {"clusterName": network},
        });
        assert_eq!(spec["values"]["global"], expected);
    }
}

#[test]
fn each_version_has_its_form() {
    let member = ["--network", "n", "--cluster", "c", "--mesh", "m", "-o", "json"];
    for (version, port, has_revision, router_mode, template, mesh_id) in [
        ("1.8.0", "mtls", false, true, false, true),
        ("1.8", "tls", true, true, false, true),
        ("1.8.1", "tls", true, true, false, true),
        ("1.10.6-asm.2", "tls", true, true, false, true),
        ("1.11", "tls", true, true, true, true),
        ("1.12", "tls", true, false, true, false),
        ("v1.30.3", "tls", true, false, true, false),
    ] {
        let text = stdout(&[&member[..], &["-q", "--istio-version", version]].concat());
        let spec = &serde_json::from_str::<Value>(&text).unwrap()["spec"];
        let k8s = &spec["components"]["ingressGateways"][0]["k8s"];
        assert_eq!(k8s["service"]["ports"][1]["name"], port, "{version}");
        assert_eq!(spec.get("revision").is_some(), has_revision, "{version}");
        assert_eq!(text.contains("ROUTER_MODE"), router_mode, "{version}");
        assert_eq!(text.contains("injectionTemplate"), template, "{version}");
        assert_eq!(text.contains("meshID"), mesh_id, "{version}");
    }
}

#[test]
fn flags_that_are_not_used_are_named() {
    let warning =
        |flag: &str, why: &str| contains(format!("warning: {flag} is given and not used: {why}"));
    let why = "from Istio 1.12 on";
    tool(&["--network", "n", "--cluster", "c", "--mesh", "m"])
        .assert()
        .success()
        .stdout(contains("clusterName").not())
        .stderr(warning("--cluster", why).and(warning("--mesh", why)));
    let why = "the gateway of a single cluster";
    tool(&["--single-cluster", "--network", "n", "--mesh", "m"])
        .assert()
        .success()
        .stdout(contains("network").not())
        .stderr(warning("--network", why).and(warning("--mesh", why)));
    tool(&["--single-cluster", "--mesh", "m", "-q"]).assert().success().stderr("");
}

#[test]
fn the_network_default_is_warned_of() {
    tool(&["--network", "default"])
        .assert()
        .success()
        .stdout(contains("topology.istio.io/network: default"))
        .stderr(contains("warning: network \"default\"").and(contains("directly routable")));
    tool(&["--network", "default", "--single-cluster"])
        .assert()
        .stderr(contains("directly routable").not());
}

#[test]
fn the_kubernetes_cert_provider_ends_with_istio_1_22() {
    let args = ["--network", "n", "--cert-provider", "kubernetes"];
    for version in ["1.19.10-asm.9", "1.22"] {
        tool(&args)
            .args(["--istio-version", version])
            .assert()
            .success()
            .stdout(contains("pilotCertProvider: kubernetes"));
    }
    for version in ["1.23", "1.30.3"] {
        tool(&args).args(["--istio-version", version]).assert().code(2).stdout("").stderr(
            contains("istiod refuses it from Istio 1.23").and(contains("hint: use istiod")),
        );
    }
    tool(&args)
        .assert()
        .code(2)
        .stdout("")
        .stderr(contains("1.23").and(contains("--istio-version 1.19")));
    tool(&["--network", "n", "--cert-provider", "custom"]).assert().code(2).stdout("");
}

#[test]
fn wrong_usage_names_the_flag_and_prints_nothing() {
    let member = ["--istio-version", "1.10", "--network", "n"];
    for (args, message) in [
        (vec![], "--network is missing"),
        (vec!["--network", "a b"], "'--network <NAME>': a network is a label value"),
        (vec!["--network=-a"], "'--network <NAME>': a network"),
        (vec!["--network", ""], "--network"),
        (
            vec!["--network", "n", "--revision", "1.19.10"],
            "'--revision <REVISION>': may have lower-case letters",
        ),
        (vec!["--network", "n", "--cluster", "arn:aws:eks"], "'--cluster <NAME>': an ID"),
        (vec!["--network", "n", "--mesh", "m/m"], "'--mesh <ID>': an ID"),
        (vec!["--network", "n", "--istio-version", "asm-11910-9"], "a version has the form"),
        (vec!["--network", "n", "--istio-version", "1.7"], "came with Istio 1.8"),
        (member.to_vec(), "--cluster is missing: the gateway of Istio 1.10 names it"),
        ([&member[..], &["--cluster", "c"]].concat(), "--mesh is missing"),
        (
            vec!["--istio-version", "1.8.0", "--single-cluster", "--revision", "r"],
            "--revision: the gateway of Istio 1.8.0 has none",
        ),
        (vec!["network1"], "unexpected argument 'network1'"),
    ] {
        tool(&args).assert().code(2).stdout(is_empty()).stderr(contains(message));
    }
}

#[test]
fn flags_may_come_from_the_environment() {
    tool(&["-o", "json"])
        .env("MESH_NETWORK", "network2")
        .assert()
        .success()
        .stdout(contains("\"network\": \"network2\""));
}
