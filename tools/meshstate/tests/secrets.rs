//! Secrets: what they tell, and that no credential gets further.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use meshcore::jwt;
use meshstate::{ClusterState, Credential, Mesh};
use serde_json::{Value, json};

const PEM: &str = "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n";
const KEY: &str = "-----BEGIN RSA PRIVATE KEY-----\nU0VDUkVU\n-----END RSA PRIVATE KEY-----\n";

fn cluster(objects: &[Value]) -> ClusterState {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    Mesh::of_text("a", &list.to_string()).unwrap().clusters.remove(0)
}

fn secret(name: &str, kind: &str, data: &[(&str, &str)]) -> Value {
    let data: serde_json::Map<String, Value> =
        data.iter().map(|&(key, value)| (key.to_owned(), json!(STANDARD.encode(value)))).collect();
    json!({"apiVersion": "v1", "kind": "Secret", "type": kind, "data": data,
        "metadata": {"name": name, "namespace": "istio-system"}})
}

fn token() -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"sub": "system:serviceaccount:istio-system:reader", "exp": 1_767_225_600});
    format!("{}.{}.U0VDUkVU", part(json!({"alg": "RS256"})), part(claims))
}

fn kubeconfig(user: &Value) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "c", "cluster": {"server": "https://203.0.113.7:6443",
            "certificate-authority-data": STANDARD.encode(format!("{PEM}{KEY}")),
            "proxy-url": "http://me:SECRET@proxy:3128/x", "tls-server-name": "h"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": user}],
    })
    .to_string()
}

fn remote(entries: &[(&str, &str)]) -> Value {
    let mut secret = secret("istio-remote-secret-c1", "Opaque", entries);
    secret["metadata"]["labels"] = json!({"istio/multiCluster": "true"});
    secret["metadata"]["annotations"] =
        json!({"networking.istio.io/cluster": "c1", "meshutils/expires": "2026-01-01T00:00:00Z"});
    secret
}

#[test]
fn remote_secrets_lead_somewhere() {
    let good = kubeconfig(&json!({"token": token()}));
    let state = cluster(&[remote(&[("c1", &good), ("c2", "{}"), ("c3", "SECRET")])]);
    let secret = &state.remote_secrets[0];
    assert!(secret.is_read_in("istio-system") && !secret.is_read_in("default"));
    assert_eq!(secret.expires.as_deref(), Some("2026-01-01T00:00:00Z"));
    let entry = secret.entries["c1"].as_ref().unwrap();
    assert_eq!(
        (entry.server.as_str(), entry.ca.as_deref()),
        ("https://203.0.113.7:6443", Some(PEM))
    );
    assert_eq!(entry.proxy_url.as_deref(), Some("http://proxy:3128/x"));
    let claims = entry.credential.claims().unwrap();
    assert_eq!(claims.account.as_ref().unwrap().name, "reader");
    let Credential::Token { fingerprint, .. } = &entry.credential else { panic!() };
    assert_eq!(*fingerprint, jwt::fingerprint(&token()));
    assert!(secret.entries["c2"].as_ref().unwrap_err().starts_with("has a current context that"));
    assert!(secret.entries["c3"].is_err());
    assert_no_secret(&state);
}

#[test]
fn a_redacted_token_is_the_same_token() {
    let plain = kubeconfig(&json!({"token": token()}));
    let redacted = kubeconfig(&json!({"token": jwt::redact(&token())}));
    let credential = |text: &str| {
        let state = cluster(&[remote(&[("c1", text)])]);
        state.remote_secrets[0].entries["c1"].as_ref().unwrap().credential.clone()
    };
    assert_eq!(credential(&plain), credential(&redacted));
}

#[test]
fn every_kind_of_credential_is_known() {
    for (user, expected) in [
        (json!({"token": "t", "exec": {"command": "aws"}}), Credential::Exec { has_command: true }),
        (
            json!({"auth-provider": {"name": "gcp"}}),
            Credential::AuthProvider { name: "gcp".into() },
        ),
        (json!({"token": "t", "tokenFile": "/t"}), Credential::Files),
        (
            json!({"client-certificate-data": STANDARD.encode(PEM), "client-key-data": STANDARD.encode(KEY)}),
            Credential::ClientCertificate(PEM.into()),
        ),
        (json!({"username": "me", "password": "SECRET"}), Credential::Password),
        (json!({}), Credential::None),
    ] {
        let state = cluster(&[remote(&[("c1", &kubeconfig(&user))])]);
        let entry = state.remote_secrets[0].entries["c1"].as_ref().unwrap();
        assert_eq!(entry.credential, expected);
        assert_no_secret(&state);
    }
}

#[test]
fn authorities_have_certificates_and_no_keys() {
    let chain = format!("{PEM}{KEY}{PEM}");
    let mut plugged = secret(
        "cacerts",
        "Opaque",
        &[
            ("ca-cert.pem", PEM),
            ("ca-key.pem", KEY),
            ("cert-chain.pem", &chain),
            ("root-cert.pem", PEM),
        ],
    );
    plugged["metadata"]["managedFields"] = json!([
        {"manager": "a", "time": "2026-01-02T00:00:00Z", "fieldsV1": {}}, {"time": "2026-01-01T00:00:00Z"},
    ]);
    let own =
        secret("istio-ca-secret", "istio.io/ca-root", &[("ca-cert.pem", PEM), ("ca-key.pem", KEY)]);
    let mut elsewhere = secret("cacerts", "Opaque", &[("root-cert.pem", "x")]);
    elsewhere["metadata"]["namespace"] = json!("default");
    let state = cluster(&[plugged, own.clone(), elsewhere]);
    let signer = state.roots.signer().unwrap();
    assert_eq!((signer.name.as_str(), signer.keys.len()), ("cacerts", 4));
    assert_eq!(signer.chain.as_deref(), Some(format!("{PEM}{PEM}").as_str()));
    assert_eq!(
        signer.updated.map(|time| time.to_string()).as_deref(),
        Some("2026-01-02T00:00:00Z")
    );
    assert_no_secret(&state);
    let state = cluster(&[own]);
    assert_eq!(state.roots.signer().unwrap().root, None);
    let tls = secret(
        "cacerts",
        "kubernetes.io/tls",
        &[("tls.crt", PEM), ("tls.key", KEY), ("ca.crt", PEM)],
    );
    let state = cluster(&[tls]);
    let signer = state.roots.signer().unwrap();
    assert!(signer.root.is_some() && signer.certificate.is_some() && signer.chain.is_none());
}

#[test]
fn token_secrets_tell_whose_they_are() {
    let kind = "kubernetes.io/service-account-token";
    let mut full = secret("reader-token", kind, &[("token", &token()), ("ca.crt", PEM)]);
    full["metadata"]["annotations"] = json!({"kubernetes.io/service-account.name": "reader"});
    let state = cluster(&[
        full,
        secret("waiting", kind, &[]),
        secret("other", "Opaque", &[("token", "SECRET")]),
    ]);
    let [full, waiting] = &state.token_secrets[..] else { panic!() };
    assert_eq!((full.account.as_deref(), full.ca.as_deref()), (Some("reader"), Some(PEM)));
    assert_eq!(full.fingerprint.as_deref(), Some(jwt::fingerprint(&token()).as_str()));
    assert_eq!((waiting.fingerprint.as_deref(), waiting.claims.is_none()), (None, true));
    assert_no_secret(&state);
}

/// Whatever else is shown of a cluster, nothing that was secret in it is.
fn assert_no_secret(state: &ClusterState) {
    let shown = format!("{state:?}");
    for secret in ["SECRET", "U0VDUkVU", &token()] {
        assert!(!shown.contains(secret), "{secret} is in {shown}");
    }
}
