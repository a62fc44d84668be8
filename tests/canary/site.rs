//! Documents full of secrets, as users have them, and a folder with those that are files.

use super::api::IDENTITY;
use super::finder::{Finder, fresh};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mesh_tests::{programs, run};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What all runs share.
pub struct Site {
    /// Knows every secret in here.
    pub finder: Finder,
    /// How many there are.
    pub canaries: usize,
    /// Files that programs read: none of them is searched.
    pub files: PathBuf,
    pub documents: Documents,
    _dir: tempfile::TempDir,
}

/// What comes from standard input, or from the API server.
pub struct Documents {
    /// Contexts: cluster1 with a token, and others with all that a user can have.
    pub kubeconfig: Value,
    pub token_secret: Value,
    pub remote_secret: Value,
    pub cacerts: Value,
    /// All that is in a cluster, as `kubectl get -o json` gives it.
    pub cluster: Value,
    pub manifest: Value,
    /// For the API server: the token that it makes.
    pub bound_token: String,
}

struct Secrets {
    finder: Finder,
    count: usize,
}

impl Secrets {
    fn make(&mut self, name: &str) -> String {
        let secret = fresh();
        self.finder.learn(name, &secret);
        self.count += 1;
        secret
    }

    /// A JSON Web Token, of which the signature is what nobody else knows.
    fn token(&mut self, name: &str, audience: &str, account: &str) -> String {
        let claims = json!({"aud": [audience], "exp": 4_000_000_000_u32, "nbf": 1_700_000_000,
            "sub": format!("system:serviceaccount:{account}"), "iss": "https://issuer.example"});
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.{}", part(json!({"alg": "RS256"})), part(claims), self.make(name))
    }

    /// What looks like a key, for those that do not read it.
    fn key(&mut self, name: &str) -> String {
        let key = self.make(name);
        format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n")
    }
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

impl Site {
    /// `server` is the API server of context cluster1.
    pub fn make(server: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let files = dir.path().to_owned();
        let mut secrets = Secrets { finder: Finder::default(), count: 0 };
        let authority = authority(&files, &mut secrets);
        let documents = Documents::make(server, &files, &authority, &mut secrets);
        let private = |name: &str, text: &str| {
            let path = files.join(name);
            std::fs::write(&path, text).expect("the folder is ours");
            let mode = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(&path, mode).expect("the file is ours");
        };
        private("kubeconfig", &documents.kubeconfig.to_string());
        private("client-secret", &secrets.make("a client secret in a file"));
        let token = secrets.token("a token in a file", "istio-ca", "vms:shop");
        private("token", &token);
        Self { finder: secrets.finder, canaries: secrets.count, files, documents, _dir: dir }
    }
}

/// A root, and the CA files of cluster1 below it, with real keys.
fn authority(files: &Path, secrets: &mut Secrets) -> Value {
    let mut command = Command::new(&programs()["mesh-cacerts"]);
    command.current_dir(files).env_clear().args(["init", "--cluster", "cluster1", "-o", "json"]);
    command.args(["--key", "ecdsa-p256", "--root-dir", "root", "--out", "cas"]);
    let secret = serde_json::from_str(&run(&mut command, "").ok()).expect("it is JSON");
    for (name, path) in
        [("a root's key", "root/root-key.pem"), ("a CA's key", "cas/cluster1/ca-key.pem")]
    {
        let pem = std::fs::read_to_string(files.join(path)).expect("it was made");
        secrets.finder.learn_key(name, &pem);
        secrets.count += 1;
    }
    let mut command = Command::new(&programs()["mesh-cert"]);
    command.current_dir(files).env_clear().args(["--ca-dir", "cas/cluster1", "--out", "certs"]);
    command.args(["--spiffe", "spiffe://cluster.local/ns/vms/sa/shop"]);
    let _ = run(&mut command, "").ok();
    let pem = std::fs::read_to_string(files.join("certs/key.pem")).expect("it was made");
    secrets.finder.learn_key("a workload's key", &pem);
    secrets.count += 1;
    secret
}

impl Documents {
    fn make(server: &str, files: &Path, cacerts: &Value, secrets: &mut Secrets) -> Self {
        let root = std::fs::read_to_string(files.join("root/root-cert.pem")).expect("it was made");
        let reader = "istio-system:istio-reader-service-account";
        let token = secrets.token("a service account's token", "api", reader);
        let token_secret = json!({"apiVersion": "v1", "kind": "Secret",
            "type": "kubernetes.io/service-account-token",
            "metadata": {"name": "istio-reader-service-account-istio-remote-secret-token",
                "namespace": "istio-system", "uid": "u1",
                "annotations": {"kubernetes.io/service-account.name": "istio-reader-service-account"}},
            "data": {"token": base64(&token), "ca.crt": base64(&root)}});
        let remote = |name: &str, user: Value| {
            let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": name,
                "clusters": [{"name": name, "cluster": {"server": "https://127.0.0.1:1",
                    "certificate-authority-data": base64(&root)}}],
                "users": [{"name": name, "user": user}],
                "contexts": [{"name": name, "context": {"cluster": name, "user": name}}]});
            json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {
                "name": format!("istio-remote-secret-{name}"), "namespace": "istio-system",
                "labels": {"istio/multiCluster": "true"},
                "annotations": {"networking.istio.io/cluster": name}},
                "data": {name: base64(&config.to_string())}})
        };
        let given = secrets.token("a remote Secret's token", "api", reader);
        let mut remote_secret = remote("cluster2", json!({"token": given}));
        // As a client-side apply leaves it.
        let copy = remote("cluster2", json!({"token": secrets.make("a token in an annotation")}));
        remote_secret["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] =
            json!(copy.to_string());
        let others = [
            remote("cluster3", json!({"username": "u", "password": secrets.make("a password")})),
            remote(
                "cluster4",
                json!({"client-certificate-data": base64(&root),
                    "client-key-data": base64(&secrets.key("a client's key in a remote Secret"))}),
            ),
            remote(
                "cluster5",
                json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws",
                    "args": [secrets.make("an argument of exec")], "env": [{"name": "A",
                    "value": secrets.make("a variable of exec")}]}}),
            ),
            remote(
                "cluster6",
                json!({"auth-provider": {"name": "oidc", "config": {
                    "refresh-token": secrets.make("a refresh token")}}}),
            ),
        ];
        let any = json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": "database", "namespace": "shop"},
            "data": {"password": base64(&secrets.make("somebody's password"))},
            "stringData": {"more": secrets.make("somebody's text")}});
        let mut items =
            vec![token_secret.clone(), remote_secret.clone(), cacerts.clone(), any.clone()];
        items.extend(others);
        items.extend(objects(&root, secrets));
        let manifest = json!({"apiVersion": "v1", "kind": "List", "items": [any, remote_secret]});
        Self {
            kubeconfig: kubeconfig(server, files, &root, secrets),
            token_secret,
            remote_secret: items[1].clone(),
            cacerts: cacerts.clone(),
            cluster: json!({"apiVersion": "v1", "kind": "List", "items": items}),
            manifest,
            bound_token: secrets.token("a bound token", "istio-ca", "vms:shop"),
        }
    }
}

fn kubeconfig(server: &str, files: &Path, root: &str, secrets: &mut Secrets) -> Value {
    let password = secrets.make("a proxy's password");
    let users = [
        ("cluster1", json!({"token": secrets.make("a user's token")})),
        ("basic", json!({"username": "u", "password": secrets.make("a user's password")})),
        (
            "certificate",
            json!({"client-certificate-data": base64(root),
                "client-key-data": base64(&secrets.key("a user's key"))}),
        ),
        (
            "exec",
            json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1",
                "command": files.join("plugin"), "args": ["get-token"],
                "provideClusterInfo": true, "interactiveMode": "Never",
                "env": [{"name": "OWN", "value": secrets.make("the plugin's variable")}]}}),
        ),
        (
            "provider",
            json!({"auth-provider": {"name": "oidc", "config": {
                "id-token": secrets.make("an ID token"),
                "client-secret": secrets.make("a client secret")}}}),
        ),
    ];
    let plugin = format!(
        "#!/bin/sh\n{{ echo \"$0 $*\"; env; cat /proc/$PPID/cmdline; }} >>{}/heard\necho '{}'\n",
        files.display(),
        json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
            "status": {"token": secrets.make("the plugin's token")}})
    );
    mesh_tests::write_program(&files.join("plugin"), &plugin);
    let names: Vec<&str> = users.iter().map(|(name, _)| *name).collect();
    json!({"apiVersion": "v1", "kind": "Config", "current-context": "cluster1",
        "clusters": [
            {"name": "c", "cluster": {"server": server,
                "certificate-authority-data": base64(&IDENTITY.certificate)}},
            {"name": "proxied", "cluster": {"server": "https://127.0.0.1:1",
                "proxy-url": format!("http://user:{password}@127.0.0.1:1")}},
            {"name": "nobody", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": users.iter().map(|(name, user)| json!({"name": name, "user": user}))
            .collect::<Vec<_>>(),
        "contexts": names.iter().map(|name| json!({"name": name, "context": {"user": name,
            "cluster": if ["cluster1", "exec"].contains(name) { "c" } else { "nobody" }}}))
            .chain([json!({"name": "proxied", "context": {"cluster": "proxied", "user": "basic"}})])
            .collect::<Vec<_>>(),
        "extensions": [{"name": "e", "extension": {"secret": secrets.make("an extension")}}]})
}

/// What decides about the mesh, and secrets where nobody should have put them.
fn objects(root: &str, secrets: &mut Secrets) -> Vec<Value> {
    let vms = json!({"name": "shop", "namespace": "vms"});
    let named = |name: &str| json!({"name": name, "namespace": "istio-system"});
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system",
            "uid": "u0", "annotations": {"note": secrets.make("a note on a namespace")}}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "istio-reader-service-account", "namespace": "istio-system", "uid": "u2"},
            "secrets": [{"name": "istio-reader-service-account-istio-remote-secret-token"}]}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": vms}),
        json!({"apiVersion": "networking.istio.io/v1", "kind": "WorkloadGroup", "metadata": vms,
            "spec": {"template": {"serviceAccount": "shop", "ports": {"http": 80}}}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": named("istio"), "data": {
            "mesh": "defaultConfig: {discoveryAddress: 'istiod.istio-system.svc:15012', meshId: m}\n"}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": named("istio-sidecar-injector"),
            "data": {"values": "{\"global\": {\"multiCluster\": {\"clusterName\": \"cluster1\"}}}"}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"root-cert.pem": root},
            "metadata": {"name": "istio-ca-root-cert", "namespace": "vms"}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"root-cert.pem": root},
            "metadata": named("istio-ca-root-cert")}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": named("istio-eastwestgateway"),
            "spec": {"type": "LoadBalancer", "ports": [{"name": "tls", "port": 15443}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.1"}]}}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "istiod",
            "namespace": "istio-system", "uid": "u3", "labels": {"app": "istiod"}}, "spec": {
            "selector": {"matchLabels": {"app": "istiod"}}, "template": {
            "metadata": {"labels": {"app": "istiod"}}, "spec": {"containers": [{"name": "discovery",
            "image": "istio/pilot:1.26.0", "args": ["--token", secrets.make("an argument of a pod")],
            "env": [{"name": "CLUSTER_ID", "value": "cluster1"},
                {"name": "PASSWORD", "value": secrets.make("a variable of a pod")}]}]}}}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "sleep-1",
            "namespace": "sample", "labels": {"app": "sleep"}},
            "spec": {"containers": [{"name": "sleep", "image": "curl", "env": [
                {"name": "TOKEN", "value": secrets.make("a variable of a client")}]}]},
            "status": {"phase": "Running", "podIP": "10.0.0.1",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "sleep", "ready": true, "image": "curl",
                    "imageID": "", "restartCount": 0, "state": {"running": {}}}]}}),
    ]
}
