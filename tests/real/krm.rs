//! Tools as functions of the real kubectl (kustomize) and kpt.

use crate::{Needs, Test};
use mesh_tests::{Ran, program_dir, programs, root, run, write_program};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

pub const TESTS: &[Test] = &[
    ("krm_example_of_the_manual_runs_as_printed", Needs::Kustomize, manual),
    ("krm_containers_of_kustomize_are_answered", Needs::Kustomize, containers),
    ("krm_failures_are_shown_by_kustomize", Needs::Kustomize, failures),
    ("krm_plugins_create_and_replace", Needs::Kustomize, plugins_create_and_replace),
    ("krm_functions_of_kpt", Needs::Kpt, kpt),
    ("krm_results_are_shown_by_kpt", Needs::Kpt, results),
    ("krm_items_stay_what_kubectl_reads", Needs::Kubectl, same_to_kubectl),
];

/// Whether kubectl's kustomize runs plugins, as from 1.21 on.
pub fn lacks_kustomize() -> Option<&'static str> {
    let help = Command::new("kubectl").args(["kustomize", "--help"]).output();
    let runs_plugins = help
        .is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains("--enable-alpha-plugins"));
    (!runs_plugins).then_some("kubectl 1.21 or newer on PATH: its kustomize runs plugins")
}

/// A shell in `dir` that finds the tools, and kustomize's plugins in `dir` alone.
fn shell(dir: &Path, script: &str) -> Ran {
    let mut shell = Command::new("sh");
    let path = std::env::var("PATH").unwrap_or_default();
    let bin = dir.join("bin");
    shell
        .args(["-ec", script])
        .current_dir(dir)
        .env("PATH", format!("{}:{}:{path}", bin.display(), program_dir().display()))
        .env("XDG_CONFIG_HOME", dir.join("config"))
        .env("HOME", dir)
        .env("KUBECONFIG", "/dev/null");
    run(&mut shell, "")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// The example of meshutils.7.
fn example() -> String {
    let page = std::fs::read_to_string(root().join("man/meshutils.7")).expect("it is there");
    let section = page.split(".Sh KRM FUNCTIONS\n").nth(1).expect("it has the section");
    let block = section.split(".Bd -literal -offset indent\n").nth(1);
    let block = block.and_then(|block| block.split(".Ed\n").next()).expect("it has an example");
    assert!(!block.contains('\\'), "letters stand for themselves");
    block.to_owned()
}

/// Kinds and names, in their order.
fn objects(stream: &str) -> Vec<String> {
    let object = |document: &str| {
        let object: Value = serde_yaml::from_str(document).expect("kustomize writes YAML");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
    };
    stream.split("\n---\n").map(object).collect()
}

/// What the example has to come to.
const OBJECTS: [&str; 9] = [
    "Namespace sample",
    "ServiceAccount istio-eastwestgateway",
    "Role istio-eastwestgateway",
    "RoleBinding istio-eastwestgateway",
    "Service istio-eastwestgateway",
    "Deployment istio-eastwestgateway",
    "PodDisruptionBudget istio-eastwestgateway",
    "HorizontalPodAutoscaler istio-eastwestgateway",
    "Gateway cross-network-gateway",
];

/// Sorts what kustomize sorts in its own way, which has changed.
fn sorted(mut objects: Vec<String>) -> Vec<String> {
    objects.sort();
    objects
}

fn is_as_wanted(stream: &str) {
    let wanted = OBJECTS.map(str::to_owned).to_vec();
    assert_eq!(sorted(objects(stream)), sorted(wanted), "{stream}");
    let namespace = stream.split("\n---\n").find(|document| document.contains("kind: Namespace"));
    let labels = "  labels:\n    istio.io/rev: asm-managed\n";
    assert!(namespace.is_some_and(|namespace| namespace.contains(labels)), "{stream}");
    assert!(!stream.contains("config.k"), "kustomize's own annotations are gone: {stream}");
}

fn manual() {
    let dir = folder();
    let ran = shell(dir.path(), &example());
    assert_eq!(ran.stderr, "", "{ran:?}");
    is_as_wanted(&ran.ok());
}

/// Without the plugins, and with annotations that name images. A stand-in for docker runs the
/// programs themselves; what they are given and have to give is kustomize's own.
fn containers() {
    let dir = folder();
    let built = shell(dir.path(), &example()).ok();
    let docker = "#!/bin/sh\nfor image; do :; done\nexec \"$image\"\n";
    write_program(&dir.path().join("bin/docker"), docker);
    let annotate = "
        rm -r config; cd mesh
        for one in gateway=mesh-gateway-gen services=mesh-expose label=mesh-label-ns \
                   check=mesh-check; do
          container='\"container: {image: '${one#*=}'}\"'
          sed \"s|^metadata: {|&annotations: {config.kubernetes.io/function: $container}, |\" \
            \"${one%=*}.yaml\" > new
          mv new \"${one%=*}.yaml\"
        done
        kubectl kustomize --enable-alpha-plugins .";
    let ran = shell(dir.path(), annotate);
    assert_eq!(ran.stderr, "", "{ran:?}");
    assert_eq!(ran.ok(), built);
}

fn failures() {
    let dir = folder();
    let _ = shell(dir.path(), &example()).ok();
    let build = "kubectl kustomize --enable-alpha-plugins mesh";
    for (file, from, to, message) in [
        ("label.yaml", "rev:", "revv:", "functionConfig: unknown key \"revv\""),
        ("label.yaml", "[sample]", "[other]", "there is no Namespace other among the items"),
        (
            "namespace.yaml",
            "{name: sample}",
            "{name: sample, labels: {istio-injection: enabled}}\n---\napiVersion: v1\nkind: \
             Namespace\nmetadata: {name: b, labels: {istio-injection: enabled, istio.io/rev: x}}",
            "mesh-check: error: cluster items: namespace b has both istio-injection=enabled",
        ),
    ] {
        let path = dir.path().join("mesh").join(file);
        let text = std::fs::read_to_string(&path).expect("the example writes it");
        std::fs::write(&path, text.replace(from, to)).expect("it is ours");
        let ran = shell(dir.path(), build);
        assert_ne!(ran.code, Some(0), "{ran:?}");
        assert_eq!(ran.stdout, "");
        assert!(ran.stderr.contains(message), "{ran:?}");
        std::fs::write(&path, text).expect("it is ours");
    }
    is_as_wanted(&shell(dir.path(), build).ok());
}

/// kustomize finds the objects that it knows again by its annotations.
fn plugins_create_and_replace() {
    let dir = folder();
    let _ = shell(dir.path(), &example()).ok();
    let ran = shell(
        dir.path(),
        "cd mesh
        sed 's/name: services/name: again/' services.yaml > again.yaml
        echo 'transformers: [services.yaml, again.yaml, label.yaml]' > more
        echo 'generators: [gateway.yaml]' >> more
        echo 'resources: [namespace.yaml]' >> more
        mv more kustomization.yaml
        kubectl kustomize --enable-alpha-plugins .",
    );
    is_as_wanted(&ran.ok());
}

const PACKAGE: &str = "
    mkdir package; cd package
    cat > namespace.yaml <<END
# the team's own
apiVersion: v1
kind: Namespace
metadata:
  name: sample # short
---
apiVersion: v1
kind: ConfigMap
metadata: {name: words, namespace: sample}
data: {mode: '0777', on: \"yes\"}
END
    cat > Kptfile <<END
apiVersion: kpt.dev/v1
kind: Kptfile
metadata: {name: package}
pipeline:
  mutators:
  - exec: mesh-label-ns
    configMap: {rev: asm-managed}
  - exec: mesh-sample
    configMap: {what: sleep, namespace: sample}
  - exec: mesh-gateway-gen
    configMap: {network: network1, replicas: '2'}
  validators:
  - exec: mesh-check
    configMap: {fail-on: warning}
END
    cd ..\n";

fn kpt() {
    let dir = folder();
    let list = "find package -type f | LC_ALL=C sort; cat package/namespace.yaml";
    let render = "kpt fn render package --allow-exec >log 2>&1 || { cat log; exit 1; }";
    let once = shell(dir.path(), &format!("{PACKAGE} {render}\n {list}")).ok();
    for text in [
        "package/istio-system/deployment_istio-eastwestgateway.yaml\n",
        "package/sample/deployment_sleep.yaml\n",
        "# the team's own\n",
        "  name: sample # short\n  labels:\n    istio.io/rev: asm-managed\n",
        "data: {mode: '0777', on: \"yes\"}\n",
    ] {
        assert!(once.contains(text), "{text}: {once}");
    }
    // As someone at a terminal does it, and without a change.
    let eval = "
        cp -r package before
        kpt fn eval package --exec 'mesh-label-ns --rev asm-managed --krm' >log 2>&1
        kpt fn eval package --exec 'mesh-sample sleep -n sample --krm' >log 2>&1
        kpt fn eval package --exec 'mesh-expose services --krm' >log 2>&1
        rm package/istio-system/gateway_cross-network-gateway.yaml
        diff -r before package >&2";
    let again = shell(dir.path(), &format!("{eval}\n {render}\n {list}"));
    assert_eq!(again.stderr, "");
    assert_eq!(again.ok(), once);
}

fn results() {
    let dir = folder();
    let both = "sed 's/  name: sample # short/&\\n  labels: {istio-injection: enabled, istio.io\\/rev: x}/' \
        package/namespace.yaml > new; mv new package/namespace.yaml\n";
    let check = "kpt fn eval package --exec 'mesh-check --krm' --results-dir results";
    let ran = shell(dir.path(), &format!("{PACKAGE} {both} {check}"));
    assert_ne!(ran.code, Some(0), "{ran:?}");
    let shown = "[error] v1/Namespace/sample: cluster items: namespace sample has both";
    assert!(ran.stderr.contains(shown), "{ran:?}");
    let results = std::fs::read_to_string(dir.path().join("results/results.yaml"));
    assert!(results.is_ok_and(|results| results.contains("code: MESH0711")));
}

/// kubectl's reader knows YAML 1.1, in which some words are no text.
fn same_to_kubectl() {
    let words =
        "yes no on off y n 0777 0o17 1_000 0b11 12:30 1e3 .5 ~ null 2001-01-01 '0777' \"on\"";
    let words: Vec<String> =
        words.split(' ').enumerate().map(|(i, word)| format!("    w{i}: {word}\n")).collect();
    let items = format!(
        "items:\n- apiVersion: example.com/v1\n  kind: Words\n  metadata:\n    name: words\n  spec:\n{}\
         - apiVersion: v1\n  kind: Namespace\n  metadata:\n    name: sample\n",
        words.concat()
    );
    let list = format!("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n{items}");
    let mut tool = Command::new(&programs()["mesh-label-ns"]);
    let answer = run(tool.args(["--rev", "r"]), &list).ok();
    let read = |list: &str| {
        let list = list.replace("config.kubernetes.io/v1\nkind: ResourceList", "v1\nkind: List");
        let mut kubectl = Command::new("kubectl");
        kubectl.args(["annotate", "--local", "-f", "-", "a=b", "-o", "json"]);
        run(kubectl.env("KUBECONFIG", "/dev/null"), &list).ok()
    };
    let (before, after) = (read(&list), read(&answer));
    assert!(before.contains("\"w0\": true") && before.contains("\"w6\": 511"), "{before}");
    let labelled = "\"labels\": {\n            \"istio.io/rev\": \"r\"\n        },\n";
    let without: String = after.split(labelled).map(str::trim_end).collect::<Vec<_>>().join("\n");
    let plain = |text: &str| text.split_whitespace().collect::<String>();
    assert!(after.contains(labelled), "{after}");
    assert_eq!(plain(&without), plain(&before));
}
