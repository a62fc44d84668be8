//! The simulator against an API server: for each pod, before and after each change, the webhooks
//! that it names are those that the server calls, in the same order.

use super::recorder::Recorder;
use crate::clusters::wait_for;
use crate::testbed::Bed;
use mesh_tests::{Ran, programs, root, run};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

/// What namespaces are relabelled to.
const CHANGES: [&[&str]; 7] = [
    &["--rev", "canary"],
    &["--rev", "prod"],
    &["--rev", "default"],
    &["--injection", "enabled"],
    &["--injection", "disabled"],
    &["--dataplane-mode", "ambient"],
    &["--remove"],
];

/// Which webhooks there are, and how many of the changes are tried with them: with the default
/// plane and a revision with a tag; the revision alone; and the tag "default", which switches the
/// default plane off and takes in what has no label.
const MESHES: [(&[&str], usize); 3] =
    [(&["default", "canary"], 7), (&["canary"], 4), (&["canary", "tag-default"], 4)];

/// A cluster of this test's own, with no webhooks but its own; it ends with this value.
struct Cluster {
    bed: Bed,
    recorder: Recorder,
    /// How often it was waited until the server knew of the last change.
    stage: u32,
}

pub fn is_the_api_servers() {
    let mut cluster = Cluster::start();
    let namespaces = namespaces();
    let names: Vec<&str> = namespaces.iter().map(name).collect();
    cluster.kubectl(&["apply", "-f", "-"], &list(&namespaces));
    // Without its service account no pod is admitted.
    wait_for("the service accounts", || {
        let accounts = cluster.kubectl(&["get", "serviceaccounts", "-A", "-o", "json"], "");
        let accounts: Value = serde_json::from_str(&accounts).expect("kubectl writes JSON");
        let of = |namespace: &&&str| {
            let items = accounts["items"].as_array().expect("a list");
            items.iter().any(|account| account["metadata"]["namespace"] == **namespace)
        };
        (names.iter().filter(of).count() == names.len()).then_some(())
    });
    for (planes, changes) in MESHES {
        cluster.install(planes);
        cluster.settle();
        let simulated = cluster.simulated(&names, &[]);
        let called = cluster.called(&names);
        assert_same(&simulated, "now", &called, planes);
        // The rows differ, or nothing was tested.
        assert!(called.values().any(Vec::is_empty) && !called.values().all(Vec::is_empty));
        for change in &CHANGES[..changes] {
            let simulated = cluster.simulated(&names, change);
            assert_same(&simulated, "now", &called, planes);
            let live = [&["--context", "cluster1", "--allow-missing-revision"], *change, &names];
            cluster.label_ns(&live.concat(), "");
            cluster.settle();
            assert_same(&simulated, "after", &cluster.called(&names), change);
            cluster.kubectl(&["replace", "-f", "-"], &list(&namespaces));
        }
    }
}

/// Every pair of the labels that count, and namespaces that are special.
fn namespaces() -> Vec<Value> {
    let mut all = vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ambient",
            "labels": {"istio.io/dataplane-mode": "ambient"}}}),
    ];
    for injection in [None, Some("enabled"), Some("disabled")] {
        for revision in [None, Some("default"), Some("canary"), Some("prod"), Some("ghost")] {
            let name =
                format!("i-{}-r-{}", injection.unwrap_or("none"), revision.unwrap_or("none"));
            let pairs = [("istio-injection", injection), ("istio.io/rev", revision)];
            let labels: BTreeMap<&str, &str> =
                pairs.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
            let metadata = json!({"name": name, "labels": labels});
            all.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}));
        }
    }
    all
}

/// One of each kind for a namespace, named after the stage so that no call counts twice.
fn pods(namespace: &str, stage: u32) -> Vec<Value> {
    let inject = "sidecar.istio.io/inject";
    let kinds = [
        ("plain", json!({}), json!({}), false),
        ("yes", json!({inject: "true"}), json!({}), false),
        ("no", json!({inject: "false"}), json!({}), false),
        ("rev", json!({"istio.io/rev": "canary"}), json!({}), false),
        ("ghost", json!({"istio.io/rev": "ghost"}), json!({}), false),
        ("default-no", json!({"istio.io/rev": "default", inject: "false"}), json!({}), false),
        ("prod-yes", json!({"istio.io/rev": "prod", inject: "true"}), json!({}), false),
        ("noted", json!({}), json!({inject: "false"}), false),
        ("host", json!({}), json!({}), true),
    ];
    let pod = |(kind, labels, annotations, host_network)| {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("{kind}-{stage}"), "namespace": namespace,
                "labels": labels, "annotations": annotations},
            "spec": {"hostNetwork": host_network, "containers": [{"name": "c", "image": "c"}]}})
    };
    kinds.into_iter().map(pod).collect()
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().expect("a name")
}

fn list(objects: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()
}

/// Webhooks by namespace and kind of pod.
type Webhooks = BTreeMap<(String, String), Vec<String>>;

fn key(namespace: &str, pod: &str) -> (String, String) {
    let kind = pod.rsplit_once('-').expect("KIND-STAGE").0;
    (namespace.to_owned(), kind.to_owned())
}

fn assert_same(simulated: &[Value], when: &str, called: &Webhooks, what: &[&str]) {
    assert_eq!(simulated.len(), called.len());
    for one in simulated {
        let text = |field: &str| one[field].as_str().expect("a name");
        let called = &called[&key(text("namespace"), text("pod"))];
        assert_eq!(&one[when]["webhooks"], &json!(called), "{what:?}: {when}: {one}");
    }
}

impl Cluster {
    fn start() -> Self {
        Self { bed: Bed::start(&["-n", "1"]), recorder: Recorder::start(), stage: 0 }
    }

    fn try_kubectl(&self, args: &[&str], input: &str) -> Ran {
        run(Command::new("kubectl").args(args).env("KUBECONFIG", self.bed.kubeconfig()), input)
    }

    fn kubectl(&self, args: &[&str], input: &str) -> String {
        self.try_kubectl(args, input).ok()
    }

    fn label_ns(&self, args: &[&str], input: &str) -> String {
        let mut tool = Command::new(&programs()["mesh-label-ns"]);
        run(tool.args(args).env("KUBECONFIG", self.bed.kubeconfig()), input).ok()
    }

    /// Only these webhooks, which call the recorder.
    fn install(&self, planes: &[&str]) {
        use serde::Deserialize as _;
        self.kubectl(&["delete", "mutatingwebhookconfigurations", "--all"], "");
        let mut all = BTreeMap::new();
        for plane in planes {
            let file = root().join(format!("tools/mesh-label-ns/tests/planes/{plane}.yaml"));
            let text = std::fs::read_to_string(file).expect("it is there");
            for document in serde_yaml::Deserializer::from_str(&text) {
                let configuration = Value::deserialize(document).expect("it is YAML");
                let configuration = self.recorder.in_place(&configuration);
                all.insert(name(&configuration).to_owned(), configuration);
            }
        }
        let all: Vec<Value> = all.into_values().collect();
        self.kubectl(&["create", "-f", "-"], &list(&all));
    }

    /// Waits until the API server, which hears of changes a little later, knows of all until
    /// now: it hears of them in their order, and this makes one more of each kind.
    fn settle(&mut self) {
        self.stage += 1;
        let stage = format!("s{}", self.stage);
        let webhook = format!("{stage}.settle.example.com");
        let configuration = json!({"apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration", "metadata": {"name": "settle"},
            "webhooks": [{"name": webhook, "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                    "resources": ["pods"]}],
                "namespaceSelector": {"matchLabels": {"stage": stage}}}]});
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "settle", "labels": {"stage": stage}}});
        let both = [self.recorder.in_place(&configuration), namespace];
        self.kubectl(&["apply", "-f", "-"], &list(&both));
        let wanted = format!("settle/{webhook}");
        wait_for("the API server's knowledge of the last change", || {
            let pod = json!({"apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": stage, "namespace": "settle"},
                "spec": {"containers": [{"name": "c", "image": "c"}]}});
            // Refused at first, while the namespace has no service account.
            let _ = self.try_kubectl(&["create", "--dry-run=server", "-f", "-"], &pod.to_string());
            self.recorder.calls("settle", &stage).contains(&wanted).then_some(())
        });
    }

    /// What the tool says of the pods of these namespaces.
    fn simulated(&self, names: &[&str], change: &[&str]) -> Vec<Value> {
        let kinds = "namespaces,mutatingwebhookconfigurations";
        let known = self.kubectl(&["get", kinds, "-o", "json"], "");
        let pods: Vec<Value> = names.iter().flat_map(|namespace| pods(namespace, 0)).collect();
        let args = [&["--simulate", "--allow-missing-revision"], change, names].concat();
        let lines = self.label_ns(&args, &format!("{known}{}", list(&pods)));
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Which webhooks the API server calls for the pods of these namespaces; none is kept.
    fn called(&self, names: &[&str]) -> Webhooks {
        let pods: Vec<Value> =
            names.iter().flat_map(|namespace| pods(namespace, self.stage)).collect();
        self.kubectl(&["create", "--dry-run=server", "-o", "name", "-f", "-"], &list(&pods));
        let called = |pod: &Value| {
            let namespace = pod["metadata"]["namespace"].as_str().expect("a namespace");
            (key(namespace, name(pod)), self.recorder.calls(namespace, name(pod)))
        };
        pods.iter().map(called).collect()
    }
}
