//! The runbooks of scripts/, each from nothing to its verdict, and once more.

mod gke_mesh;
mod gke_private_mesh;
mod makefile;
mod off_google_mesh;

use crate::Test;
use crate::stand_in::StandIn;
use crate::testbed::Bed;
use crate::vm_install::tree;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_tests::{Ran, program_dir, root, run};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

pub fn tests() -> Vec<Test> {
    [gke_mesh::TESTS, gke_private_mesh::TESTS, off_google_mesh::TESTS, makefile::TESTS].concat()
}

/// What an installation of Istio leaves in a cluster.
const ISTIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/testbed-istio");

/// Clusters of the test's own, and a folder in which runbooks are started, with programs of the
/// test's before all others.
struct Place {
    bed: Bed,
    dir: tempfile::TempDir,
}

impl Place {
    /// `flags` are those of `scripts/testbed run`.
    fn with(flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let place = Self { bed: Bed::start(flags), dir };
        let lint = program_dir().join("mesh-secret-lint");
        let script = format!("exec {} --ignore MESH0422 \"$@\"\n", lint.display());
        place.program("mesh-secret-lint", &script);
        place
    }

    /// All contexts of the test bed are in the kubeconfig.
    fn use_kubeconfig(&self) {
        let _ = std::fs::copy(self.bed.kubeconfig(), self.path("kubeconfig")).expect("it is there");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A program that runbooks find before others of its name.
    fn program(&self, name: &str, script: &str) {
        let path = self.path(&format!("bin/{name}"));
        mesh_tests::write_program(&path, &format!("#!/bin/sh\n{script}"));
    }

    /// A command that sees these programs, and the kubeconfig of the folder.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{}:{path}", self.path("bin").display(), program_dir().display());
        command.current_dir(&self.dir).env("PATH", path).env("KUBECONFIG", self.path("kubeconfig"));
        // What every cluster of a test bed is: on loopback, without an istiod that injects.
        command.env("MESH_SKIP", "MESH0422,MESH0618");
        command
    }

    /// Runs a runbook, with gcloud talking to the stand-in.
    fn runbook(&self, stand_in: Option<&StandIn>, name: &str, args: &[&str]) -> Ran {
        let mut command = self.command("sh");
        command.arg(root().join("scripts").join(name)).args(args);
        if let Some(stand_in) = stand_in {
            stand_in.set(&mut command);
        }
        run(&mut command, "")
    }

    /// kubectl as the test bed's administrator.
    fn kubectl(&self, context: &str, args: &[&str], input: &str) -> Ran {
        let mut command = Command::new("kubectl");
        command.env("KUBECONFIG", self.bed.kubeconfig()).args(["--context", context]).args(args);
        run(&mut command, input)
    }

    fn get(&self, context: &str, args: &[&str]) -> Value {
        let all = [&["get", "-o", "json"], args].concat();
        let answer = self.kubectl(context, &all, "").ok();
        serde_json::from_str(&answer).expect("kubectl writes JSON")
    }

    /// Names and versions of what runbooks write to the clusters.
    fn written(&self) -> Vec<String> {
        let mut all = Vec::new();
        for context in ["cluster1", "cluster2"] {
            let kinds = "namespaces,secrets,services,deployments,serviceaccounts,clusterroles";
            let list = self.get(context, &[kinds, "-A"]);
            for object in list["items"].as_array().expect("a list") {
                let (meta, kind) = (&object["metadata"], &object["kind"]);
                // Deployments have a controller that writes their status at any time.
                let version = if kind == "Deployment" { "generation" } else { "resourceVersion" };
                all.push(format!("{context} {kind} {} {}", meta["name"], meta[version]));
            }
        }
        all
    }

    /// The names of the remote Secrets in a cluster.
    fn remote_secrets(&self, context: &str) -> Vec<String> {
        let list =
            self.get(context, &["secrets", "-n", "istio-system", "-l", "istio/multiCluster=true"]);
        let items = list["items"].as_array().expect("a list");
        let name = |item: &Value| item["metadata"]["name"].as_str().expect("it has one").to_owned();
        items.iter().map(name).collect()
    }

    /// The kubeconfig in one of them.
    fn remote_kubeconfig(&self, context: &str, id: &str) -> String {
        let name = format!("istio-remote-secret-{id}");
        let secret = self.get(context, &["secret", &name, "-n", "istio-system"]);
        decoded(&secret["data"][id])
    }

    /// Puts Istio's objects of these files into a cluster, as an installation does.
    fn install(&self, context: &str, files: &[&str], id: &str, network: &str, revision: &str) {
        for file in files {
            let text = std::fs::read_to_string(format!("{ISTIO}/{file}")).expect("it is there");
            let text = text.replace("__CLUSTER__", id).replace("__NETWORK__", network);
            let text = text.replace("__REVISION__", revision);
            let _ = self.kubectl(context, &["apply", "-f", "-"], &text).ok();
        }
    }

    /// Lets istiod's pod be ready, as a node would; false until it is and its Deployment says so.
    fn starts_istiod(&self, context: &str) -> bool {
        self.starts(context, "app=istiod")
    }

    /// The same for the pods of any of Istio's Deployments.
    fn starts(&self, context: &str, label: &str) -> bool {
        let labelled = ["-n", "istio-system", "-l", label];
        let list = self.get(context, &[&["pods"], &labelled[..]].concat());
        for pod in list["items"].as_array().into_iter().flatten() {
            if pod["status"]["phase"] != "Running" {
                let name = pod["metadata"]["name"].as_str().expect("it has one");
                let mut pod = pod.clone();
                let now = "2026-01-01T00:00:00Z";
                pod["status"] = json!({"phase": "Running", "startTime": now,
                    "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": now}],
                    "containerStatuses": [{"name": pod["spec"]["containers"][0]["name"], "ready": true, "started": true,
                        "restartCount": 0, "image": "", "imageID": "",
                        "state": {"running": {"startedAt": now}}}]});
                let path = format!("/api/v1/namespaces/istio-system/pods/{name}/status");
                // Somebody else may have written it in the meantime; the next turn comes soon.
                let _ = self.kubectl(
                    context,
                    &["replace", "--raw", &path, "-f", "-"],
                    &pod.to_string(),
                );
            }
        }
        let list = self.get(context, &[&["deployments"], &labelled[..]].concat());
        list["items"]
            .as_array()
            .is_some_and(|all| all.iter().any(|d| d["status"]["readyReplicas"] == 1))
    }

    /// Descriptions by GKE whose API servers are the test bed's; kubectl gets in by the program
    /// that Google's clusters need.
    fn as_gke(&self, mut clusters: Vec<Value>) -> Vec<Value> {
        let text = std::fs::read_to_string(self.bed.kubeconfig()).expect("it is there");
        let config: Value = serde_yaml::from_str(&text).expect("it is YAML");
        let mut plugin = "[ \"$1\" != --version ] || exit 0\n".to_owned();
        for (number, cluster) in clusters.iter_mut().enumerate() {
            let server = &config["clusters"][number]["cluster"];
            let address = server["server"].as_str().and_then(|url| url.strip_prefix("https://"));
            let address = address.expect("it has an address");
            cluster["endpoint"] = json!(address);
            cluster["masterAuth"]["clusterCaCertificate"] =
                server["certificate-authority-data"].clone();
            let user = &config["users"][number]["user"];
            let pem = |name: &str| decoded(&user[name]);
            let credential = json!({"apiVersion": "client.authentication.k8s.io/v1beta1",
                "kind": "ExecCredential", "status": {
                    "clientCertificateData": pem("client-certificate-data"),
                    "clientKeyData": pem("client-key-data")}});
            let file = self.path(&format!("credential{number}"));
            std::fs::write(&file, credential.to_string()).expect("it can be written");
            let port = address.rsplit(':').next().unwrap_or_default();
            plugin += &format!(
                "case $KUBERNETES_EXEC_INFO in *:{port}*) exec cat '{}' ;; esac\n",
                file.display()
            );
        }
        self.program("gke-gcloud-auth-plugin", &format!("{plugin}exit 1\n"));
        clusters
    }
}

/// Text in base64.
fn decoded(value: &Value) -> String {
    let data = STANDARD.decode(value.as_str().expect("it is there")).expect("it is base64");
    String::from_utf8(data).expect("it is text")
}

/// A runbook with -n: a script that a shell can read; nobody was asked and nothing written.
fn shows(place: &Place, name: &str, args: &[&str]) -> String {
    let asks = "touch \"asked-$$\"\n";
    place.program("gcloud", asks);
    let but_config =
        format!("[ \"$1\" = config ] || {asks}PATH=${{PATH#*:}}\nexec kubectl \"$@\"\n");
    place.program("kubectl", &but_config);
    let before = tree(place.dir.path());
    let script = place.runbook(None, name, &[&["-n"], args].concat()).ok();
    assert_eq!(tree(place.dir.path()), before);
    for name in ["gcloud", "kubectl"] {
        std::fs::remove_file(place.path(&format!("bin/{name}"))).expect("it is there");
    }
    let read = run(Command::new("sh").args(["-n"]), &script);
    assert_eq!(read.code, Some(0), "{read:?}");
    script
}
