//! Whole clusters that are to be one mesh, and the folder with the mesh's files.

use crate::clusters::wait_for;
use crate::testbed::Bed;
use mesh_tests::{Ran, program_dir, run};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The sample, as in the guides.
pub const HELLO: &str = "http://helloworld.sample:5000/hello";

/// What lets the ingress gateway of a cluster answer with the sample.
const INGRESS: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: hello, namespace: sample}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: hello, namespace: sample}
spec:
  hosts: ['*']
  gateways: [hello]
  http: [{route: [{destination: {host: helloworld.sample.svc.cluster.local, port: {number: 5000}}}]}]
";

pub struct Mesh {
    bed: Bed,
    files: tempfile::TempDir,
}

impl Mesh {
    /// Clusters without Istio; `flags` are those of `scripts/testbed run`.
    pub fn start(flags: &[&str]) -> Self {
        let files = tempfile::tempdir().expect("a temporary folder");
        Self { bed: Bed::start(&[&["--whole"], flags].concat()), files }
    }

    /// The test bed's own folder.
    pub fn bed(&self) -> &Path {
        self.bed.dir()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// A shell command line in the mesh's folder, where API servers are reached and our programs
    /// are found.
    pub fn command(&self, script: &str) -> std::process::Command {
        let mut command = self.bed.enter(script);
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .current_dir(self.files.path())
            .env("PATH", format!("{}:{path}", program_dir().display()));
        command
    }

    pub fn shell(&self, script: &str) -> Ran {
        run(&mut self.command(script), "")
    }

    /// What a script prints that has to succeed.
    pub fn sh(&self, script: &str) -> String {
        let ran = self.shell(script);
        assert_eq!(ran.code, Some(0), "{script}\n{}{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    /// Runs the lines that a command prints, as its manual says.
    pub fn sh_output(&self, command: &str) -> String {
        self.sh(&format!("lines=$({command}) || [ $? = 1 ]\nprintf '%s\\n' \"$lines\" | sh -eu"))
    }

    /// Writes down which mesh is wanted: clusters with their networks, and further fields.
    pub fn want(&self, clusters: &[(&str, &str)], more: &Value) {
        let cluster = |(name, network): &(&str, &str)| json!({"name": name, "network": network});
        let clusters: Vec<Value> = clusters.iter().map(cluster).collect();
        let mut mesh = json!({"apiVersion": "meshutils/v1alpha1", "kind": "Mesh",
            "meshId": "mesh1", "clusters": clusters, "namespaces": ["sample"]});
        let fields = more.as_object().expect("fields").clone();
        mesh.as_object_mut().expect("an object").extend(fields);
        std::fs::write(self.path("mesh.yaml"), mesh.to_string()).expect("it can be written");
    }

    /// Takes the steps that mesh-plan tells for the mesh that is wanted; `flags` choose some.
    pub fn plan(&self, contexts: &[&str], flags: &str) -> String {
        let captured = self::flags(contexts);
        self.sh_output(&format!("mesh-capture {captured} | mesh-plan mesh.yaml -o sh {flags}"))
    }

    /// The clusters become the mesh that is wanted, and nothing is missing any more.
    pub fn make(&self, contexts: &[&str]) {
        let _ = self.plan(contexts, "");
        let left = self.shell(&format!("mesh-capture {} | mesh-plan mesh.yaml", flags(contexts)));
        assert_eq!((left.code, &*left.stdout), (Some(0), "nothing to do\n"), "{left:?}");
    }

    /// `HelloWorld` in each cluster, in the version of its number, and a client. A pod goes on
    /// for some seconds after it was asked to end, as everybody's should: others learn of it in
    /// the meantime.
    pub fn sample(&self, contexts: &[&str]) {
        let all = flags(contexts);
        let mut script = format!(
            "mesh-sample helloworld --service -n sample | mesh-apply {all}
             mesh-sample sleep -n sample | mesh-apply {all} --wait"
        );
        for context in contexts {
            let version = context.replace("cluster", "v");
            script += &format!(
                "
             mesh-sample helloworld --version {version} -n sample -o json |
               kubectl patch --local -f - -o json --type json -p '{GRACE}' |
               mesh-apply --context {context} --wait"
            );
        }
        let _ = self.sh(&script);
    }

    /// The URL at which the ingress gateway of a cluster answers with the sample, to a client
    /// that has no sidecar.
    pub fn ingress(&self, context: &str) -> String {
        let put = self.command(&format!("kubectl --context {context} apply -f -"));
        let _ = run(&mut { put }, INGRESS).ok();
        let script = format!(
            "kubectl --context {context} create namespace outside >&2
             mesh-sample sleep -n outside | mesh-apply --context {context} --wait >&2
             mesh-lbaddr --context {context} --wait istio-ingressgateway"
        );
        format!("http://{}/hello", self.sh(&script).trim())
    }

    /// Waits until no pod is on its way, up or down.
    pub fn rolled_out(&self, contexts: &[&str]) {
        for context in contexts {
            let _ = self.sh(&format!(
                "kubectl --context {context} get deployments -A --no-headers -o \
                   custom-columns=:metadata.namespace,:metadata.name |
                   while read -r namespace name; do
                     kubectl --context {context} -n $namespace rollout status deployment/$name </dev/null
                   done"
            ));
            wait_for("the end of the old pods", || {
                let left =
                    format!("kubectl --context {context} get pods -A -o go-template='{GOING}'");
                self.sh(&left).is_empty().then_some(())
            });
        }
    }
}

/// `preStop` of the sample's container.
const GRACE: &str = r#"[{"op": "add", "path": "/spec/template/spec/containers/0/lifecycle",
    "value": {"preStop": {"sleep": {"seconds": 5}}}}]"#;

/// The names of pods that are about to go.
const GOING: &str =
    "{{range .items}}{{if .metadata.deletionTimestamp}}{{.metadata.name}} {{end}}{{end}}";

pub fn flags(contexts: &[&str]) -> String {
    contexts.iter().flat_map(|context| ["--context ", context, " "]).collect()
}
