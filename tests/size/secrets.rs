//! Secrets of a megabyte, and many of them.

use super::inputs::{MANY, access, kubeconfig, list, object, remote_secret};
use super::{sized, sized_in};
use meshpki::KeyKind;
use meshpki::issue::{self, CaSpec};
use serde_json::{Value, json};

/// What any API server takes.
const MEGABYTE: usize = 1_000_000;

/// A remote Secret with one entry.
fn of(kubeconfig: &Value) -> String {
    remote_secret("a", json!({"a": kubeconfig.to_string()})).to_string()
}

/// Of each kind of size one.
fn large() -> Vec<(&'static str, String)> {
    let users: Value = (0..60_000).map(|i| json!({"name": i.to_string()})).collect();
    let good: Value = serde_json::from_str(&access(0)).expect("it is JSON");
    let mut of_users = good.clone();
    of_users["users"] = users;
    let mut deep = access(0);
    deep.insert_str(1, &format!("\"x\":{}1{},", "[".repeat(400_000), "]".repeat(400_000)));
    let mut noted = good.clone();
    noted["extensions"] = (0..90_000).map(|i| json!(i.to_string())).collect();
    let root = issue::root(&CaSpec { key: KeyKind::EcdsaP256, ..CaSpec::root() }, 1_800_000_000);
    let pem = root.expect("a root").0.to_pem();
    let mut bundle = good;
    let bundles = base64(pem.repeat(MEGABYTE * 3 / 4 / pem.len()).as_bytes());
    bundle["clusters"][0]["cluster"]["certificate-authority-data"] = json!(bundles);
    let keys: Value = (0..MANY)
        .map(|i| (format!("k{i}"), json!(format!("server: https://{i}.example.com"))))
        .collect();
    vec![
        ("users", of(&of_users)),
        ("contexts", of(&kubeconfig(4_000))),
        ("depth", remote_secret("a", json!({"a": deep})).to_string()),
        ("notes", of(&noted)),
        ("certificates", of(&bundle)),
        ("keys", remote_secret("a", keys).to_string()),
    ]
}

fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn a_secret_of_a_megabyte_is_judged() {
    for (what, secret) in large() {
        sized("mesh-cacerts", "verify", &secret).refused("no Secret cacerts");
        sized("mesh-apply", "--to-peers --dry-run=client", &secret).refused("/nowhere/config");
        sized("mesh-plan", "-q -f c=-", &secret).done(1);
        if what == "keys" {
            // A finding for each; two of each, as none of the clusters is known.
            sized("mesh-secret-lint", "", &secret).wrote(1, MANY);
            sized("mesh-check", "-q -f c=-", &secret).wrote(1, 2 * MANY);
            let too_many = "the input tells of 20001 clusters, of 1000 at most";
            sized("mesh-graph", "-f c=- -o dot", &secret).refused(too_many);
        } else {
            sized("mesh-secret-lint", "", &secret).answered();
            sized("mesh-check", "-q -f c=-", &secret).answered();
            sized("mesh-graph", "-f c=- -o dot", &secret).answered();
        }
    }
}

#[test]
fn many_remote_secrets_are_judged() {
    let secrets =
        list(MANY, |i| remote_secret(&i.to_string(), json!({format!("c{i}"): access(i)})));
    sized("mesh-secret-lint", "", &secrets).done(MANY);
    sized("mesh-check", "-q -f c=-", &secrets).done(4 * MANY);
    let too_many = "the input tells of 20001 clusters, of 1000 at most";
    sized("mesh-graph", "-f c=-", &secrets).refused(too_many);
    sized("mesh-cacerts", "verify", &secrets).refused("no Secret cacerts");
    let same = list(MANY, |i| remote_secret(&i.to_string(), json!({"a": access(0)})));
    sized("mesh-secret-lint", "-o json", &same).done(MANY);
}

#[test]
fn many_certificates_are_one_bundle() {
    let spec = CaSpec { key: KeyKind::EcdsaP256, ..CaSpec::root() };
    let (root, key) = issue::root(&spec, 1_800_000_000).expect("a root");
    let pem = root.to_pem();
    let bundle = pem.repeat(MEGABYTE / pem.len());
    let secret = object(
        "Secret",
        "istio-system",
        "cacerts",
        json!({"stringData": {
            "ca-cert.pem": pem, "ca-key.pem": &*key.to_pem(), "cert-chain.pem": bundle,
            "root-cert.pem": bundle,
        }}),
    );
    let at = "--at 2027-06-01T00:00:00Z";
    sized("mesh-cacerts", &format!("verify {at}"), &secret.to_string()).done(1);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let issue = format!("-q {at} --spiffe spiffe://cluster.local/ns/a/sa/b --out certs");
    sized_in(dir.path(), "mesh-cert", &issue, &secret.to_string()).done(3);
    let many = list(MANY, |i| object("Secret", "n", &format!("s{i}"), json!({"data": {}})));
    sized("mesh-cacerts", "verify", &many).refused("no Secret cacerts");
}
