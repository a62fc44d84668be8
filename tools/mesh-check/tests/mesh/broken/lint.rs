//! What mesh-secret-lint finds.

use super::super::{Mesh, at, authority, base64, days, remote_secret};
use super::Case;
use serde_json::{Value, json};

/// cluster1's Secret for cluster2.
fn secret(mesh: &mut Mesh) -> &mut Value {
    mesh.object("cluster1", "Secret", "istio-remote-secret-cluster2")
}

fn user(mesh: &mut Mesh, user: Value) {
    mesh.kubeconfig(|config| config["users"][0]["user"] = user);
}

fn server(mesh: &mut Mesh, field: &str, value: Value) {
    mesh.kubeconfig(|config| config["clusters"][0]["cluster"][field] = value);
}

fn no_authority(mesh: &mut Mesh) {
    mesh.kubeconfig(|config| {
        let cluster = config["clusters"][0]["cluster"].as_object_mut().expect("a cluster");
        cluster.remove("certificate-authority-data");
    });
}

pub const LINT: &[Case] = &[
    ("MESH0401", |mesh| secret(mesh)["metadata"]["namespace"] = json!("default")),
    ("MESH0402", |mesh| secret(mesh)["metadata"]["labels"] = json!({})),
    ("MESH0403", |mesh| {
        secret(mesh)["metadata"]["annotations"]["networking.istio.io/cluster"] = json!("old");
    }),
    ("MESH0404", |mesh| {
        let mut empty = remote_secret("cluster9");
        empty["data"] = json!({});
        empty["metadata"]["annotations"] = json!({});
        mesh.add("cluster1", empty);
    }),
    ("MESH0405", |mesh| {
        let mut secret = remote_secret("cluster9");
        let data = secret["data"]["cluster9"].clone();
        secret["data"] = json!({"arn:aws:eks:x:1:cluster/9": data});
        secret["metadata"]["annotations"] = json!({});
        mesh.add("cluster1", secret);
    }),
    ("MESH0406", |mesh| {
        let mut secret = remote_secret("cluster9");
        let data = secret["data"]["cluster9"].clone();
        secret["data"] = json!({"Kubernetes": data});
        secret["metadata"]["annotations"] = json!({});
        mesh.add("cluster1", secret);
    }),
    ("MESH0407", |mesh| {
        let data = secret(mesh)["data"]["cluster2"].clone();
        secret(mesh)["data"] = json!({"cluster1": data});
        secret(mesh)["metadata"]["annotations"] = json!({});
    }),
    ("MESH0408", |mesh| {
        let mut copy = remote_secret("cluster2");
        copy["metadata"]["name"] = json!("copy");
        mesh.add("cluster1", copy);
    }),
    ("MESH0409", |mesh| {
        for name in ["cluster8", "cluster9"] {
            let mut secret = remote_secret("cluster9");
            let data = secret["data"]["cluster9"].clone();
            secret["data"] = json!({ name: data });
            secret["metadata"]["name"] = json!(name);
            secret["metadata"]["annotations"] = json!({});
            mesh.add("cluster1", secret);
        }
    }),
    ("MESH0411", |mesh| secret(mesh)["data"]["cluster2"] = json!(base64("]"))),
    ("MESH0413", |mesh| user(mesh, json!({"exec": {"command": "gke-gcloud-auth-plugin"}}))),
    ("MESH0421", |mesh| server(mesh, "server", json!("http://203.0.113.2"))),
    ("MESH0422", |mesh| server(mesh, "server", json!("https://127.0.0.1:6443"))),
    ("MESH0423", |mesh| server(mesh, "server", json!("https://kind-control-plane:6443"))),
    ("MESH0424", |mesh| server(mesh, "proxy-url", json!("http://proxy.example:3128"))),
    ("MESH0425", |mesh| {
        no_authority(mesh);
        server(mesh, "insecure-skip-tls-verify", json!(true));
    }),
    ("MESH0426", |mesh| {
        no_authority(mesh);
        server(mesh, "certificate-authority", json!("/ca.crt"));
    }),
    ("MESH0427", |mesh| no_authority(mesh)),
    ("MESH0428", |mesh| {
        server(mesh, "certificate-authority-data", json!(base64("junk")));
    }),
    ("MESH0429", |mesh| server(mesh, "server", json!("https://gke-1.us-central1.gke.goog"))),
    ("MESH0431", |mesh| user(mesh, json!({}))),
    ("MESH0432", |mesh| user(mesh, json!({"username": "u", "password": "redacted"}))),
    ("MESH0433", |mesh| user(mesh, json!({"token": "redacted-0123456789ab"}))),
    ("MESH0434", |mesh| mesh.token(|claims| claims["exp"] = json!(at().as_second()))),
    ("MESH0435", |mesh| {
        mesh.token(|claims| claims["exp"] = json!(at().as_second() + 29 * 24 * 3600));
    }),
    ("MESH0436", |mesh| {
        mesh.token(|claims| claims["exp"] = json!(null));
    }),
    ("MESH0437", |mesh| {
        mesh.token(|claims| claims["nbf"] = json!(at().as_second() + 61));
    }),
    ("MESH0438", |mesh| mesh.token(|claims| claims["sub"] = json!("me@example.com"))),
    ("MESH0439", |mesh| {
        // The other cluster tells nothing of service accounts.
        mesh.remove("cluster2", "ServiceAccount", "istio-reader-service-account");
        mesh.token(|claims| claims["sub"] = json!("system:serviceaccount:team:reader"));
    }),
    ("MESH0440", |mesh| mesh.token(|claims| claims["aud"] = json!(["istio-ca"]))),
    ("MESH0441", |mesh| {
        mesh.token(|claims| claims["kubernetes.io"]["pod"] = json!({"name": "p"}));
    }),
    ("MESH0442", |mesh| {
        secret(mesh)["metadata"]["annotations"]["meshutils/expires"] = json!(days(1));
    }),
    ("MESH0443", |mesh| user(mesh, json!({"token": "redacted-0123456789ab\n"}))),
    ("MESH0444", |mesh| user(mesh, json!({"token": "k8s-aws-v1.redacted"}))),
    ("MESH0451", |mesh| {
        let account = mesh.object("cluster2", "ServiceAccount", "istio-reader-service-account");
        account["metadata"]["name"] = json!("other");
    }),
    ("MESH0452", |mesh| {
        mesh.remove("cluster2", "ServiceAccount", "istio-reader-service-account");
        // One of the kind that a Secret holds, of another Secret than the one that is there.
        let bound = json!({"secret": {"name": "gone"}, "serviceaccount": {"name": "x"}});
        mesh.token(|claims| {
            claims["kubernetes.io"] = bound;
            claims["exp"] = json!(null);
        });
    }),
    ("MESH0453", |mesh| {
        let other = base64(&authority("cluster7"));
        server(mesh, "certificate-authority-data", json!(other));
    }),
];
