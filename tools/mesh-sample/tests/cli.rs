//! The program as a user runs it.

use predicates::prelude::*;
use predicates::str::{contains, is_empty};
use serde::Deserialize as _;
use serde_json::{Value, json};

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-sample");
    tool.env_clear().args(args);
    tool
}

fn stdout(args: &[&str]) -> String {
    let assert = tool(args).assert().success().stderr("");
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

/// The objects of the YAML stream.
fn objects(args: &[&str]) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(&stdout(args))
        .map(|document| Value::deserialize(document).expect("the output is YAML"))
        .collect()
}

/// As `Service helloworld, Deployment helloworld-v1`.
fn names(args: &[&str]) -> String {
    let name = |object: &Value| {
        format!("{} {}", object["kind"], object["metadata"]["name"]).replace('"', "")
    };
    objects(args).iter().map(name).collect::<Vec<_>>().join(", ")
}

#[test]
fn only_what_is_asked_for_is_written() {
    for (args, expected) in [
        (
            &["helloworld"][..],
            "Service helloworld, Deployment helloworld-v1, Deployment helloworld-v2",
        ),
        (&["helloworld", "--service"], "Service helloworld"),
        (&["helloworld", "--version", "v2"], "Deployment helloworld-v2"),
        (&["--version", "v2", "helloworld"], "Deployment helloworld-v2"),
        (
            &["helloworld", "--version", "v3", "--service", "--version=v1", "--version", "v3"],
            "Service helloworld, Deployment helloworld-v1, Deployment helloworld-v3",
        ),
        (&["sleep"], "ServiceAccount sleep, Service sleep, Deployment sleep"),
        (&["curl"], "ServiceAccount curl, Service curl, Deployment curl"),
        (&["curl", "--service"], "Service curl"),
    ] {
        assert_eq!(names(args), expected, "{args:?}");
    }
}

#[test]
fn the_yaml_is_what_kubectl_would_print() {
    assert_eq!(
        stdout(&["helloworld", "--version", "v1"]),
        concat!(
            "apiVersion: apps/v1\n",
            "kind: Deployment\n",
            "metadata:\n",
            "  labels:\n",
            "    app: helloworld\n",
            "    app.kubernetes.io/managed-by: meshutils\n",
            "    version: v1\n",
            "  name: helloworld-v1\n",
            "spec:\n",
            "  replicas: 1\n",
            "  selector:\n",
            "    matchLabels:\n",
            "      app: helloworld\n",
            "      version: v1\n",
            "  template:\n",
            "    metadata:\n",
            "      labels:\n",
            "        app: helloworld\n",
            "        version: v1\n",
            "    spec:\n",
            "      containers:\n",
            "      - env:\n",
            "        - name: SERVICE_VERSION\n",
            "          value: v1\n",
            "        image: registry.istio.io/release/examples-helloworld-v1:1.0\n",
            "        imagePullPolicy: IfNotPresent\n",
            "        name: helloworld\n",
            "        ports:\n",
            "        - containerPort: 5000\n",
            "          protocol: TCP\n",
            "        resources:\n",
            "          requests:\n",
            "            cpu: \"100m\"\n",
        )
    );
}

#[test]
fn versions_stay_text() {
    let yaml = stdout(&["helloworld", "--version", "1"]);
    assert!(yaml.contains("      version: \"1\"\n"), "{yaml}");
    assert!(yaml.contains("          value: \"1\"\n"), "{yaml}");
    assert!(yaml.contains("  name: helloworld-1\n"), "{yaml}");
}

#[test]
fn every_object_is_marked_and_every_selector_finds_its_pods() {
    for what in ["helloworld", "sleep", "curl"] {
        let objects = objects(&[what]);
        let deployments: Vec<_> = objects.iter().filter(|o| o["kind"] == "Deployment").collect();
        for object in &objects {
            let metadata = object["metadata"].as_object().unwrap();
            assert_eq!(metadata["labels"]["app.kubernetes.io/managed-by"], "meshutils");
            assert!(!metadata.contains_key("namespace"));
            if object["kind"] == "Service" {
                for deployment in &deployments {
                    let pod = &deployment["spec"]["template"]["metadata"]["labels"];
                    assert_eq!(object["spec"]["selector"]["app"], pod["app"]);
                    assert_eq!(&deployment["spec"]["selector"]["matchLabels"], pod);
                }
            }
        }
    }
}

#[test]
fn a_namespace_is_named_in_every_object() {
    for what in ["helloworld", "sleep"] {
        for object in objects(&[what, "-n", "sample"]) {
            assert_eq!(object["metadata"]["namespace"], "sample");
        }
    }
}

#[test]
fn what_runs_can_be_chosen() {
    let args = ["--image", "localhost/tools:1", "--image-pull-policy", "Never", "--replicas", "0"];
    for what in ["helloworld", "curl"] {
        let objects = objects(&[&[what][..], &args].concat());
        let deployment = objects.last().unwrap();
        assert_eq!(deployment["spec"]["replicas"], 0);
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], "localhost/tools:1");
        assert_eq!(container["imagePullPolicy"], "Never");
    }
}

#[test]
fn one_object_is_itself_and_several_are_a_list() {
    let json = |args: &[&str]| {
        serde_json::from_str::<Value>(&stdout(&[args, &["-o", "json"]].concat())).unwrap()
    };
    assert_eq!(json(&["sleep", "--service"])["kind"], "Service");
    let list = json(&["sleep"]);
    assert_eq!((&list["apiVersion"], &list["kind"]), (&json!("v1"), &json!("List")));
    assert_eq!(list["items"], json!(objects(&["sleep"])));
}

#[test]
fn version_alone_is_the_program_s() {
    let version = concat!("mesh-sample ", env!("CARGO_PKG_VERSION"), "\n");
    for args in [["--version"], ["-V"]] {
        assert_eq!(stdout(&args), version);
    }
}

#[test]
fn wrong_usage_names_the_flag_and_prints_nothing() {
    for (args, message) in [
        (&[][..], "<WHAT> is missing"),
        (&["hello"], "'hello' for '[WHAT]'"),
        (&["sleep", "curl"], "unexpected argument 'curl'"),
        (&["helloworld", "--version"], "--version needs a version of helloworld, as v1"),
        (&["helloworld", "--version", "v1.0"], "'--version [<VERSION>]': may have lower-case"),
        (&["--version", "v1"], "say what to write: helloworld, sleep or curl"),
        (&["--version", "helloworld"], "hint: as: mesh-sample helloworld --version v1"),
        (&["sleep", "--version", "v1"], "--version is for helloworld"),
        (&["sleep", "--image", ""], "'--image <IMAGE>'"),
        (&["sleep", "--image", "a b"], "an image has the form"),
        (&["sleep", "--image-pull-policy", "Sometimes"], "'Sometimes' for '--image-pull-policy"),
        (&["sleep", "--replicas", "-1"], "-1"),
        (&["sleep", "--replicas", "2147483648"], "2147483648 is not in 0..=2147483647"),
        (&["sleep", "-n", "A"], "'--namespace <NAMESPACE>': may have lower-case"),
    ] {
        tool(args).assert().code(2).stdout(is_empty()).stderr(contains(message));
    }
}

#[test]
fn flags_may_come_from_the_environment() {
    tool(&["helloworld"])
        .env("MESH_NAMESPACE", "sample")
        .env("MESH_VERSION", "v2")
        .assert()
        .success()
        .stdout(
            contains("  name: helloworld-v2\n  namespace: sample\n")
                .and(contains("name: helloworld-v1").not()),
        );
}
