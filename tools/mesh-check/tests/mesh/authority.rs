//! Certificates, tokens and what is made of them.

use super::{DAY, at};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use meshpki::issue::{self, CaSpec, Signer};
use meshpki::{Certificate, KeyKind, PrivateKey};
use serde_json::{Value, json};
use std::sync::OnceLock;
use std::time::Duration;

/// The CA of the mesh, and of no mesh.
pub struct Authority {
    root: Signer,
}

impl Authority {
    fn new() -> Self {
        let spec = CaSpec { key: KeyKind::EcdsaP256, ..CaSpec::root() };
        let (certificate, key) = issue::root(&spec, at().as_second() - 20 * DAY).expect("a root");
        Self { root: Signer::new(certificate, key).expect("a CA") }
    }

    /// The one of all clusters.
    pub fn of_mesh() -> &'static Self {
        static AUTHORITY: OnceLock<Authority> = OnceLock::new();
        AUTHORITY.get_or_init(Self::new)
    }

    /// One of nobody.
    pub fn other() -> &'static Self {
        static AUTHORITY: OnceLock<Authority> = OnceLock::new();
        AUTHORITY.get_or_init(Self::new)
    }

    pub fn root(&self) -> String {
        self.root.certificate().to_pem()
    }

    /// An intermediate that lives for so many days from [`AT`] on.
    pub fn intermediate(&self, cluster: &str, life: i64) -> (Certificate, PrivateKey) {
        self.intermediate_of(CaSpec::intermediate(cluster), life)
    }

    pub fn intermediate_of(&self, spec: CaSpec, life: i64) -> (Certificate, PrivateKey) {
        let lifetime = Duration::from_secs((life + 10).unsigned_abs() * DAY.unsigned_abs());
        let spec = CaSpec { key: KeyKind::EcdsaP256, lifetime, ..spec };
        issue::intermediate(&spec, &self.root, at().as_second() - 10 * DAY)
            .expect("an intermediate")
    }

    /// What stands in `cacerts` of a cluster.
    pub fn cacerts(&self, cluster: &str) -> Value {
        let (certificate, _) = self.intermediate(cluster, 1000);
        let pem = certificate.to_pem();
        json!({
            "ca-cert.pem": base64(&pem),
            "ca-key.pem": base64("redacted"),
            "root-cert.pem": base64(&self.root()),
            "cert-chain.pem": base64(&(pem + &self.root())),
        })
    }
}

pub fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

pub fn decoded(value: &Value) -> String {
    let bytes = STANDARD.decode(value.as_str().expect("base64")).expect("base64");
    String::from_utf8(bytes).expect("text")
}

/// A token as it stands in captures: without its signature.
pub fn token(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": "RS256", "kid": "x"});
    let text = claims.to_string();
    let sum = text.bytes().fold(7_u64, |sum, b| sum.wrapping_mul(31).wrapping_add(u64::from(b)));
    format!("{}.{}.redacted-{:012x}", part(&header), part(claims), sum & 0xffff_ffff_ffff)
}

/// What the token of a cluster's reader says, which ends in so many days.
pub fn claims(cluster: &str, days: i64) -> Value {
    let issuer = format!("https://issuer.{cluster}.example");
    json!({
        "iss": issuer,
        "sub": "system:serviceaccount:istio-system:istio-reader-service-account",
        "aud": [issuer],
        "iat": at().as_second() - DAY,
        "nbf": at().as_second() - DAY,
        "exp": at().as_second() + days * DAY,
        "kubernetes.io": {
            "namespace": "istio-system",
            "serviceaccount": {"name": "istio-reader-service-account", "uid": format!("uid-{cluster}")},
        },
    })
}

pub fn server(cluster: &str) -> String {
    let number: u32 = cluster["cluster".len()..].parse().expect("a number");
    format!("https://203.0.{}.{}", 113 - number / 256, number % 256)
}

/// The CA of a cluster's API server.
pub fn authority(cluster: &str) -> String {
    let body = STANDARD.encode(format!("0the CA of {cluster}"));
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

pub fn kubeconfig(cluster: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": cluster,
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
        "clusters": [{"name": cluster, "cluster": {
            "server": server(cluster), "certificate-authority-data": base64(&authority(cluster)),
        }}],
        "users": [{"name": cluster, "user": {"token": token(&claims(cluster, 90))}}],
    })
}

pub fn remote_secret(cluster: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": format!("istio-remote-secret-{cluster}"),
            "namespace": "istio-system",
            "labels": {"istio/multiCluster": "true"},
            "annotations": {"networking.istio.io/cluster": cluster},
        },
        "data": {cluster: base64(&kubeconfig(cluster).to_string())},
    })
}
