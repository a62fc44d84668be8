//! The other forms of the gateway, and what all forms say of its load balancer.

use predicates::prelude::*;
use predicates::str::contains;
use serde::Deserialize as _;
use serde_json::{Value, json};

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-gateway-gen");
    tool.env_clear().args(["--network", "network1"]).args(args);
    tool
}

/// The documents on standard output, by kind; values have none.
fn documents(args: &[&str], stdin: &str) -> Vec<(String, Value)> {
    let assert = tool(args).write_stdin(stdin).assert().success();
    let text = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    serde_yaml::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).expect("it is YAML"))
        .map(|value| (value["kind"].as_str().unwrap_or_default().to_owned(), value))
        .collect()
}

fn document(args: &[&str], stdin: &str, kind: &str) -> Value {
    let mut found = documents(args, stdin);
    found.retain(|(known, _)| known == kind);
    assert_eq!(found.len(), 1, "{kind}");
    found.remove(0).1
}

/// The Service's annotations and its two fields, wherever a form puts them.
fn service(form: &str, args: &[&str], stdin: &str) -> [Value; 3] {
    let args = [&["-o", form], args].concat();
    let at = |value: &Value, pointer: &str| value.pointer(pointer).cloned().unwrap_or_default();
    let k8s = "/spec/components/ingressGateways/0/k8s";
    let (kind, annotations, fields) = match form {
        "iop" => ("IstioOperator", format!("{k8s}/serviceAnnotations"), format!("{k8s}/service")),
        "helm" => ("", "/service/annotations".to_owned(), "/service".to_owned()),
        "manifests" => ("Service", "/metadata/annotations".to_owned(), "/spec".to_owned()),
        _ => {
            let gateway = document(&args, stdin, "Gateway");
            let mut all = documents(&args, stdin);
            all.retain(|(kind, _)| kind == "ConfigMap");
            let overlay = all.first().map_or(Value::Null, |(_, map)| {
                let text = map["data"]["service"].as_str().expect("it is text");
                serde_yaml::from_str(text).expect("it is YAML")
            });
            return [
                at(&gateway, "/spec/infrastructure/annotations"),
                at(&gateway, "/spec/addresses/0/value"),
                at(&overlay, "/spec/loadBalancerSourceRanges"),
            ];
        }
    };
    let object = document(&args, stdin, kind);
    [
        at(&object, &annotations),
        at(&object, &format!("{fields}/loadBalancerIP")),
        at(&object, &format!("{fields}/loadBalancerSourceRanges")),
    ]
}

const FORMS: [&str; 4] = ["iop", "helm", "manifests", "gateway-api"];

#[test]
fn every_form_says_the_same_of_the_load_balancer() {
    let azure = |name: &str| format!("service.beta.kubernetes.io/azure-load-balancer-{name}");
    for form in FORMS {
        let args = ["--platform", "gke", "--load-balancer", "internal", "--address", "10.0.0.9"];
        let args = [&args[..], &["--source-ranges", "-", "--annotation", "a/b=c"]].concat();
        assert_eq!(
            service(form, &args, "10.4.0.0/14\n10.0.0.0/14\n"),
            [
                json!({"networking.gke.io/load-balancer-type": "Internal", "a/b": "c"}),
                json!("10.0.0.9"),
                json!(["10.0.0.0/14", "10.4.0.0/14"]),
            ],
            "{form}"
        );
        let args = ["--platform", "aks", "--load-balancer", "internal", "--address", "10.0.0.9"];
        let expected = json!({azure("internal"): "true", azure("ipv4"): "10.0.0.9"});
        assert_eq!(service(form, &args, ""), [expected, Value::Null, Value::Null], "{form}");
        let [annotations, address, ranges] = service(form, &[], "");
        assert_eq!([annotations, address, ranges], [Value::Null, Value::Null, Value::Null]);
    }
}

#[test]
fn source_ranges_come_from_mesh_cidrs() {
    for ranges in
        ["10.4.0.0/14,10.0.0.0/14\n", "{\"cidr\":\"10.0.0.0/14\"}\n{\"cidr\":\"10.4.0.0/14\"}"]
    {
        let [_, _, found] = service("iop", &["--source-ranges", "-"], ranges);
        assert_eq!(found, json!(["10.0.0.0/14", "10.4.0.0/14"]));
    }
    for (ranges, message) in [
        ("", "stdin: is empty"),
        ("[]", "stdin: holds no objects"),
        ("0.0.0.0/1 128.0.0.0/1", "its ranges together are 0.0.0.0/0, which lets everybody in"),
        ("10.0.0.1/8", "has host bits set"),
    ] {
        tool(&["--source-ranges", "-"])
            .write_stdin(ranges)
            .assert()
            .code(3)
            .stdout("")
            .stderr(contains(message));
    }
    tool(&["--source-ranges", "-", "--allow-any-source"])
        .write_stdin("0.0.0.0/0")
        .assert()
        .success()
        .stdout(contains("0.0.0.0/0"));
    let missing = tool(&["--source-ranges", "/nowhere/ranges"]).assert().code(3).stdout("");
    missing.stderr(contains("/nowhere/ranges"));
    tool(&["--source-ranges", "-", "--platform", "gke", "--load-balancer", "external"])
        .write_stdin("10.0.0.0/14")
        .assert()
        .success()
        .stderr(contains("warning: source range 10.0.0.0/14 is private"));
}

#[test]
fn values_of_the_chart() {
    tool(&["-o", "helm", "--revision", "asm-11910-9", "--replicas", "2-5"])
        .assert()
        .success()
        .stderr("")
        .stdout(concat!(
            "autoscaling:\n",
            "  enabled: true\n",
            "  maxReplicas: 5\n",
            "  minReplicas: 2\n",
            "name: istio-eastwestgateway\n",
            "networkGateway: network1\n",
            "revision: asm-11910-9\n",
        ));
}

#[test]
fn plain_objects() {
    let kinds: Vec<String> =
        documents(&["-o", "manifests"], "").into_iter().map(|(kind, _)| kind).collect();
    let expected = [
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "Deployment",
        "Service",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
    ];
    assert_eq!(kinds, expected);
    let api = |kind| document(&["-o", "manifests"], "", kind)["apiVersion"].clone();
    assert_eq!(api("HorizontalPodAutoscaler"), "autoscaling/v2");
    assert_eq!(api("PodDisruptionBudget"), "policy/v1");
}

#[test]
fn the_gateway_of_an_ambient_mesh_names_its_revision() {
    let gateway = document(&["-o", "gateway-api", "--revision", "canary"], "", "Gateway");
    assert_eq!(
        gateway["metadata"]["labels"],
        json!({
            "app.kubernetes.io/managed-by": "meshutils",
            "istio.io/rev": "canary",
            "topology.istio.io/network": "network1",
        })
    );
    tool(&["--ambient", "--revision", "canary"])
        .assert()
        .success()
        .stdout(contains("canary").not())
        .stderr(contains("--revision is given and not used").and(contains("-o gateway-api")));
    let list = tool(&["-o", "json", "--ambient", "--replicas", "2"]).assert().success();
    list.stdout(contains("\"kind\": \"List\"").and(contains("\"kind\": \"ConfigMap\"")));
}

#[test]
fn the_ca_chooses_the_cert_provider() {
    let provider = |args: &[&str]| {
        let object = document(args, "", "IstioOperator");
        object["spec"]["values"]["global"]["pilotCertProvider"].clone()
    };
    let old = ["--asm-version", "1.19.10-asm.9"];
    let of = |platform, ca| provider(&[&old[..], &["--platform", platform, "--ca", ca]].concat());
    assert_eq!(of("onprem", "mesh-ca"), "kubernetes");
    assert_eq!(of("onprem", "cas"), "kubernetes");
    assert_eq!(of("onprem", "istio-ca"), "istiod");
    assert_eq!(of("eks", "mesh-ca"), "istiod");
    assert_eq!(of("attached", "cas"), "istiod");
    assert_eq!(provider(&["--platform", "onprem", "--ca", "mesh-ca"]), "istiod");
}

#[test]
fn what_matters_to_other_forms_is_named() {
    for (args, message) in [
        (&["-o", "helm", "-n", "mesh"][..], "--namespace is given and not used"),
        (&["-o", "manifests", "--cert-provider", "istiod"], "--cert-provider is given"),
        (&["-o", "helm", "--platform", "gke", "--ca", "cas"], "--ca is given and not used"),
        (&["--platform", "gke"], "--platform is given and not used"),
        (&["--routed", "n"], "--routed is given and not used"),
        (&["-o", "helm", "--cluster", "a", "--mesh", "m"], "--cluster is given and not used"),
        (&["--platform", "onprem", "--load-balancer", "internal"], "the pool of its address"),
    ] {
        tool(args).assert().success().stderr(contains(message));
        tool(args).arg("-q").assert().success().stderr("");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    for (args, message) in [
        (&["-o", "helm", "--ambient"][..], "-o gateway-api"),
        (&["-o", "manifests", "--ambient"], "istiod makes the gateway"),
        (&["-o", "helm", "--istio-version", "1.11"], "Istio 1.12 and newer"),
        (&["-o", "manifests", "--istio-version", "1.11"], "Istio 1.12 and newer"),
        (&["--ambient", "--istio-version", "1.26"], "came with Istio 1.27"),
        (&["-o", "gateway-api", "--istio-version", "1.26"], "came with Istio 1.27"),
        (&["--ambient", "--istio-version", "1.28", "--replicas", "1-3"], "do not scale"),
        (&["--load-balancer", "internal"], "--platform"),
        (&["--load-balancer", "internal", "--platform", "attached"], "--annotation"),
        (&["--load-balancer", "none"], "external, internal"),
        (&["--global-access", "--platform", "gke"], "--load-balancer internal on GKE"),
        (&["--address", "10.0.0.9", "--platform", "eks"], "each subnet"),
        (&["--address", "gateway.example.com"], "--address"),
        (&["--annotation", "a b=c"], "the key of an annotation"),
        (&["--replicas", "0"], "a number of pods"),
        (&["--image-pull-policy", "always"], "Always, IfNotPresent, Never"),
        (&["--ca", "mesh-ca"], "--platform"),
        (&["--ca", "mesh-ca", "--platform", "gke", "--cert-provider", "istiod"], "--cert-provider"),
        (&["--allow-any-source"], "--source-ranges"),
        (&["-n", "Mesh"], "lower-case"),
        (&["-o", "kustomize"], "possible values"),
    ] {
        tool(args).assert().code(2).stdout("").stderr(contains(message));
    }
}
