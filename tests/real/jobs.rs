//! `scripts/kubernetes`: our tools as jobs of Kubernetes itself, in the image that users get.

use crate::clusters::{shell_command, wait_for};
use crate::testbed::with_nodes;
use crate::{Needs, Nightly, Test, package};
use mesh_tests::{Ran, root, run};
use serde::Deserialize as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

pub const TESTS: &[Test] = &[
    ("jobs_rotate_remote_secrets", Needs::Nightly(Nightly::NodesAndMusl), rotate_remote_secrets),
    ("jobs_share_a_fan_out", Needs::Nightly(Nightly::NodesAndMusl), share_a_fan_out),
];

const CLUSTERS: [&str; 2] = ["cluster1", "cluster2"];

/// A shell command line that sees the clusters with nodes and our programs.
fn shell(dir: &Path, script: &str) -> Ran {
    let mut command = shell_command();
    command.env("KUBECONFIG", with_nodes().join("kubeconfig")).current_dir(dir);
    run(command.args(["-c", &format!("set -eu\n{script}")]), "")
}

fn here(script: &str) -> String {
    shell(&root().join("scripts/kubernetes"), script).ok()
}

fn get(context: &str, what: &str) -> Value {
    let text = here(&format!("kubectl --context {context} get {what} -o json"));
    serde_json::from_str(&text).expect("kubectl writes JSON")
}

/// Puts the image on cluster1's node of a test bed.
pub fn import_image(bed: &Path) {
    let read = |name: &str| std::fs::read_to_string(bed.join(name)).expect("the node runs");
    let node = read("cluster1/run/node");
    let pid = node.split(' ').next().expect("a number");
    let assets = Command::new(root().join("scripts/testbed-assets"))
        .args(["--node", "--print"])
        .output()
        .expect("it runs");
    let assets = String::from_utf8(assets.stdout).expect("it is a path");
    let mut import = Command::new("nsenter");
    import.args(["--mount", "--target", pid]).arg(Path::new(assets.trim()).join("ctr"));
    import.args(["--namespace", "k8s.io", "images", "import"]);
    import.args(["--snapshotter", read("network/snapshotter").trim()]);
    let said = run(import.arg(package::image()), "").ok();
    assert!(said.contains("localhost/meshutils:"), "{said}");
}

/// The image on cluster1's node, and what an Istio installation has in both clusters.
fn prepare() {
    static DONE: LazyLock<()> = LazyLock::new(|| {
        import_image(with_nodes());
        for context in CLUSTERS {
            let _ = here(&format!(
                "k='kubectl --context {context}'
                 $k apply --server-side -f ../testbed-istio/1-crds.yaml
                 $k create namespace istio-system
                 $k create serviceaccount istio-reader-service-account -n istio-system"
            ));
        }
    });
    LazyLock::force(&DONE);
}

/// What the comments of the manifests tell to do first: a kubeconfig of the job's own accounts in
/// `mesh-jobs`, and the records of the clusters. The shell finds a cluster's number as `$i`, for
/// `flags` of mesh-remote-secret.
pub fn letting_in(job: &str, secret: &str, flags: &str) -> String {
    let access = root().join("scripts/kubernetes").join(format!("{job}-access.yaml"));
    let access = access.display();
    format!(
        "for i in 1 2; do
           c=cluster$i
           kubectl --context $c apply --server-side -f {access}
           mesh-remote-secret --context $c --name $c --allow-other-id --service-account {job} {flags} |
             kubectl create --dry-run=client -f - \
               -o go-template='{{{{range .data}}}}{{{{base64decode .}}}}{{{{end}}}}' |
             mesh-context --out $c.kubeconfig
         done
         mesh-context -f cluster1.kubeconfig -f cluster2.kubeconfig --out config
         mesh-clusters --kubeconfig config > clusters.jsonl
         k='kubectl --context cluster1'
         $k create namespace mesh-jobs --dry-run=client -o yaml | $k apply --server-side -f -
         $k create secret generic {secret} -n mesh-jobs --from-file=config --from-file=clusters.jsonl"
    )
}

/// The addresses are those that pods can reach.
fn let_in(job: &str, secret: &str) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let script = letting_in(job, secret, "--server https://10.$((100 + i)).0.1");
    let _ = shell(dir.path(), &script).ok();
}

fn manifests(job: &str) -> Vec<Value> {
    let file = root().join("scripts/kubernetes").join(format!("{job}.yaml"));
    let text = std::fs::read_to_string(file).expect("it is there");
    let documents = serde_yaml::Deserializer::from_str(&text);
    documents.map(|one| Value::deserialize(one).expect("it is YAML")).collect()
}

fn apply(manifest: &Value) {
    let mut command = Command::new("kubectl");
    command.env("KUBECONFIG", with_nodes().join("kubeconfig"));
    let args = ["--context", "cluster1", "apply", "--server-side", "-f", "-"];
    let _ = run(command.args(args), &manifest.to_string()).ok();
}

/// Waits for the end of a Job: whether it was done, and what its pods said.
fn ends(name: &str) -> (bool, String) {
    let condition = wait_for(&format!("the end of {name}"), || {
        let job = get("cluster1", &format!("job/{name} -n mesh-jobs"));
        let conditions = job["status"]["conditions"].as_array()?.clone();
        let ended = |one: &Value| ["Complete", "Failed"].iter().any(|end| one["type"] == *end);
        conditions.into_iter().find(|one| ended(one) && one["status"] == "True")
    });
    let logs = "logs --all-containers --ignore-errors --tail=-1";
    let said = here(&format!("kubectl --context cluster1 -n mesh-jobs {logs} -l job-name={name}"));
    (condition["type"] == "Complete", said)
}

/// Runs what the `CronJob` runs, now and once.
fn rotate(name: &str) -> (bool, String) {
    let _ = here(&format!(
        "kubectl --context cluster1 -n mesh-jobs create job {name} \
           --from=cronjob/rotate-remote-secrets --dry-run=client -o json |
           kubectl patch --local -f - -o json --type=merge -p '{{\"spec\": {{\"backoffLimit\": 0}}}}' |
           kubectl --context cluster1 create -f -"
    ));
    ends(name)
}

/// The token that `context` has for the other cluster.
fn token(context: &str, other: &str) -> String {
    let name = format!("istio-remote-secret-{other}");
    here(&format!(
        "kubectl --context {context} get secret {name} -n istio-system -o go-template='{{{{range .data}}}}{{{{base64decode .}}}}{{{{end}}}}' |
           sed -n 's/^ *token: //p'"
    ))
}

fn rotate_remote_secrets() {
    prepare();
    let_in("rotate-remote-secrets", "mesh");
    manifests("rotate-remote-secrets").iter().for_each(apply);
    let (done, said) = rotate("rotate-1");
    assert!(done, "{said}");
    assert!(said.contains("cluster1: secret istio-system/istio-remote-secret-cluster2 created"));
    let first = token("cluster1", "cluster2");
    assert!(first.starts_with("eyJ"), "{first}");
    // Tokens are new when their second is.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let (done, said) = rotate("rotate-2");
    assert!(done, "{said}");
    assert!(said.contains("cluster2: secret istio-system/istio-remote-secret-cluster1 "), "{said}");
    assert_ne!(token("cluster1", "cluster2"), first);
    // The new one is the reader's, in the other cluster.
    let asked = here(&format!(
        "kubectl --context cluster2 create -o 'jsonpath={{.status.user.username}}' -f - <<END
{{\"apiVersion\": \"authentication.k8s.io/v1\", \"kind\": \"TokenReview\", \"spec\": {{\"token\": \"{}\"}}}}
END",
        token("cluster1", "cluster2").trim()
    ));
    assert_eq!(asked, "system:serviceaccount:istio-system:istio-reader-service-account");
    every_rule_is_needed();
}

/// Without any one of its rights in a cluster, the job fails or does less.
fn every_rule_is_needed() {
    let role = "role/rotate-remote-secrets -n istio-system";
    let rules = get("cluster2", role)["rules"].clone();
    let count = rules.as_array().expect("a list").len();
    for rule in 0..count {
        let lacking = rules[rule]["resources"][0].as_str().expect("a name");
        // Nothing fails where istiod is not asked what it calls its cluster.
        if lacking == "deployments" {
            continue;
        }
        let patch = json!([{"op": "remove", "path": format!("/rules/{rule}")}]);
        let patch = format!("kubectl --context cluster2 patch {role} --type json -p '{patch}'");
        let _ = here(&patch);
        let _ = here(
            "kubectl --context cluster2 -n istio-system delete secret istio-remote-secret-cluster1 --ignore-not-found",
        );
        let (done, said) = rotate(&format!("rotate-without-{rule}"));
        assert!(!done && said.contains("forbidden"), "without {lacking}: {said}");
        let patch = json!({"rules": rules});
        let patch = format!("kubectl --context cluster2 patch {role} --type merge -p '{patch}'");
        let _ = here(&patch);
    }
}

fn share_a_fan_out() {
    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
    prepare();
    let_in("fan-out", "fan-out");
    let gateway = |name: &&str| {
        json!({"apiVersion": "networking.istio.io/v1", "kind": "Gateway",
            "metadata": {"name": format!("fan-out-{name}"), "namespace": "istio-system"},
            "spec": {"selector": {"istio": "eastwestgateway"}, "servers": []}})
    };
    let input = NAMES.iter().map(|name| gateway(name).to_string()).collect::<Vec<_>>().join("\n");
    apply(&json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "fan-out", "namespace": "mesh-jobs"}, "data": {"manifests.yaml": input}}));
    manifests("fan-out").iter().for_each(apply);
    let (done, said) = ends("fan-out");
    assert!(done, "{said}");
    let mut did: BTreeMap<&str, usize> = BTreeMap::new();
    for line in said.lines() {
        assert!(line.ends_with(" created"), "{line}");
        *did.entry(line).or_default() += 1;
    }
    assert_eq!((did.len(), did.values().sum::<usize>()), (10, 10), "{did:?}");
    for context in CLUSTERS {
        for name in NAMES {
            let _ = get(
                context,
                &format!("gateways.networking.istio.io/fan-out-{name} -n istio-system"),
            );
        }
    }
}
