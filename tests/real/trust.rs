//! CAs and certificates of ours, before Go's TLS: API servers keep the CAs, serve with what these
//! signed, and take it from clients.

use crate::clusters::{api_server, kubeconfig, kubectl, namespace, tool, wait_for};
use crate::{Needs, Test};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_tests::{Ran, run};
use serde_json::Value;
use std::cell::RefCell;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

pub const TESTS: &[Test] = &[
    ("trust_api_servers_keep_cas_as_they_are", Needs::Clusters, servers_keep_cas),
    ("trust_go_takes_rsa_certificates", Needs::Clusters, go_takes_rsa),
    ("trust_go_takes_ecdsa_certificates", Needs::Clusters, go_takes_ecdsa),
];

/// A root and the CAs of both clusters below it, which are there in a namespace of their own.
struct Mesh {
    dir: TempDir,
    namespace: String,
    key: &'static str,
}

impl Mesh {
    fn start(key: &'static str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mesh = Self { dir, namespace: namespace("trust"), key };
        assert_eq!(mesh.apply(), [("cluster1", "created"), ("cluster2", "created")]);
        mesh
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The root that everything of the mesh is to lead to.
    fn root(&self) -> PathBuf {
        self.path("root/root-cert.pem")
    }

    /// Secrets from the folders, which are made where they are not there.
    fn init(&self) -> String {
        let args = ["init", "-q", "--key", self.key, "--cluster", "cluster1"];
        let mut init = tool("mesh-cacerts", &args);
        init.args(["--cluster", "cluster2", "-n", &self.namespace]);
        run(init.arg("--root-dir").arg(self.path("root")).arg("--out").arg(self.path("cas")), "")
            .ok()
    }

    /// Applies the Secrets: in which cluster, and what became of them.
    fn apply(&self) -> Vec<(&'static str, &'static str)> {
        let args = ["--context", "cluster1", "--context", "cluster2", "-o", "lines"];
        let ran = run(&mut tool("mesh-apply", &args), &self.init()).ok();
        let secret = format!("secret {}/cacerts ", self.namespace);
        let mut results = Vec::new();
        for line in ran.lines() {
            for cluster in ["cluster1", "cluster2"] {
                for action in ["created", "unchanged"] {
                    if line == format!("{cluster}: {secret}{action}") {
                        results.push((cluster, action));
                    }
                }
            }
        }
        assert_eq!(results.len(), ran.lines().count(), "{ran}");
        results
    }

    /// The Secret as the cluster has it.
    fn stored(&self, context: &str, form: &str) -> String {
        let args = ["--context", context, "-n", &self.namespace, "get", "secret", "cacerts", "-o"];
        run(kubectl(&args).arg(form), "").ok()
    }

    /// A folder with a certificate that the CA in a cluster signed, with its key.
    fn certificate(&self, context: &str, dns: &str, flags: &[&str]) -> PathBuf {
        let out = self.path(&format!("{context}-{dns}"));
        let spiffe = "spiffe://cluster.local/ns/vm/sa/vm";
        let mut make = tool("mesh-cert", &["-q", "--spiffe", spiffe, "--dns", dns]);
        let secret = self.stored(context, "yaml");
        let _ = run(make.args(flags).arg("--out").arg(&out), &secret).ok();
        out
    }
}

/// An API server of a test's own: cluster1's again, with its etcd, where it sees nothing of the
/// cluster. It ends with this value.
struct ApiServer {
    process: RefCell<Child>,
    port: u16,
}

impl ApiServer {
    /// With `flags`; it serves as `dns` whom `own` shows.
    fn start(mesh: &Mesh, flags: &[String], dns: &str, own: &Path) -> Self {
        let log = mesh.path("log");
        for _ in 0..3 {
            let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
            let port = free.expect("loopback has ports").port();
            let home = kubeconfig().with_file_name("cluster1");
            let (_, line) = api_server(&home);
            let process = Command::new(&line[0])
                .args(&line[1..])
                // Of a flag that is there twice the last counts.
                .args([format!("--secure-port={port}"), "--etcd-prefix=/trust".to_owned()])
                .args(flags)
                .current_dir(home)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(File::create(&log).expect("a log"))
                .spawn()
                .expect("it starts");
            let server = Self { process: RefCell::new(process), port };
            let is_up = wait_for("the API server", || {
                if server.process.borrow_mut().try_wait().expect("it can be asked").is_some() {
                    return Some(false);
                }
                let ready = server.ask("/readyz", dns, &mesh.root(), own);
                (ready.code == Some(0)).then_some(true)
            });
            if is_up {
                return server;
            }
            // Another program was first to take the free port; else something is wrong.
            let text = fs::read_to_string(&log).expect("it has a log");
            assert!(text.contains("address already in use"), "{text}");
        }
        panic!("no free port");
    }

    /// kubectl's answer, when it asks for this name, knows this root alone, and shows what is in
    /// the folder `own`.
    fn ask(&self, path: &str, dns: &str, root: &Path, own: &Path) -> Ran {
        let mut kubectl = Command::new("kubectl");
        kubectl.env("KUBECONFIG", "/dev/null").args(["get", "--raw", path]);
        kubectl.arg(format!("--server=https://127.0.0.1:{}", self.port));
        kubectl.arg("--tls-server-name").arg(dns).arg("--certificate-authority").arg(root);
        kubectl.arg("--client-certificate").arg(own.join("cert-chain.pem"));
        kubectl.arg("--client-key").arg(own.join("key.pem"));
        run(&mut kubectl, "")
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        let process = self.process.get_mut();
        let _ = process.kill();
        let _ = process.wait();
    }
}

fn servers_keep_cas() {
    let mesh = Mesh::start("rsa-4096");
    let both = ["cluster1", "cluster2"];
    let secrets = both.map(|context| -> Value {
        serde_json::from_str(&mesh.stored(context, "json")).expect("kubectl writes JSON")
    });
    // Each cluster has its own CA, byte for byte that of the folder, below the one root.
    for (context, secret) in both.iter().zip(&secrets) {
        for name in ["ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem"] {
            let file = fs::read(mesh.path(&format!("cas/{context}/{name}"))).expect("it is there");
            assert_eq!(secret["data"][name], STANDARD.encode(file), "{context}: {name}");
        }
    }
    assert_ne!(secrets[0]["data"]["ca-cert.pem"], secrets[1]["data"]["ca-cert.pem"]);
    assert_eq!(secrets[0]["data"]["root-cert.pem"], secrets[1]["data"]["root-cert.pem"]);
    // Again, from the folders.
    assert_eq!(mesh.apply(), [("cluster1", "unchanged"), ("cluster2", "unchanged")]);
    let documents = both.map(|context| mesh.stored(context, "yaml")).join("---\n");
    let verify = ["verify", "--fail-on", "warning"];
    let ran = run(&mut tool("mesh-cacerts", &verify), &documents);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str(), ran.code), ("", "", Some(0)));
}

fn go_takes_rsa() {
    go_takes("rsa-4096", "rsa-2048");
}

fn go_takes_ecdsa() {
    go_takes("ecdsa-p384", "ecdsa-p256");
}

/// With CAs and workloads that have such keys: the server's certificate is of cluster1, those of
/// its clients of cluster2.
fn go_takes(ca_key: &'static str, key: &'static str) {
    let mesh = Mesh::start(ca_key);
    // Nothing but its key tells the other mesh's root from this one's.
    let other = Mesh::start("ecdsa-p256");
    let (dns, client_dns) = ("server.example.com", "client.example.com");
    let serving = mesh.certificate("cluster1", dns, &["--key", key]);
    let not_serving = mesh.certificate("cluster1", client_dns, &["--key", key, "--client"]);
    let file = |folder: &Path, name: &str| folder.join(name).display().to_string();
    let (chain, private) = ("cert-chain.pem", "key.pem");
    let flags = [
        format!("--tls-cert-file={}", file(&serving, chain)),
        format!("--tls-private-key-file={}", file(&serving, private)),
        // For who asks for this name.
        format!(
            "--tls-sni-cert-key={},{}:{client_dns}",
            file(&not_serving, chain),
            file(&not_serving, private)
        ),
        format!("--client-ca-file={}", mesh.root().display()),
    ];
    let both = mesh.certificate("cluster2", "both.example.com", &["--key", key]);
    let server = ApiServer::start(&mesh, &flags, dns, &both);
    // Everybody may read the version who is not refused as somebody unknown.
    let version = |dns: &str, root: &Path, own: &Path| server.ask("/version", dns, root, own);
    let refused = |ran: Ran, reason: &str| {
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
        assert!(ran.stderr.contains(reason), "{reason}: {ran:?}");
    };
    let root = mesh.root();
    let client = mesh.certificate("cluster2", client_dns, &["--key", key, "--client"]);
    for own in [&both, &client] {
        assert!(version(dns, &root, own).ok().contains("gitVersion"));
        // Its identity is a URI: to an API server it is nobody in particular.
        refused(server.ask("/api", dns, &root, own), "\"system:anonymous\" cannot get path");
    }
    refused(version(dns, &other.root(), &both), "x509: certificate signed by unknown authority");
    refused(version("else.example.com", &root, &both), "x509: certificate is valid for server");
    let not_for_servers = "x509: certificate specifies an incompatible key usage";
    refused(version(client_dns, &root, &both), not_for_servers);

    let not_for_clients = mesh.certificate("cluster2", dns, &["--key", key, "--server"]);
    refused(version(dns, &root, &not_for_clients), "Unauthorized");
    let unknown = other.certificate("cluster2", "both.example.com", &[]);
    refused(version(dns, &root, &unknown), "Unauthorized");
}
