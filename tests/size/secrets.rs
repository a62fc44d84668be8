//! Secrets of a megabyte, and many of them.

use super::inputs::{access, kubeconfig, list, many, object, remote_secret};
use super::{sized, sized_in};
use meshpki::KeyKind;
use meshpki::issue::{self, CaSpec};
use serde_json::{Value, json};

/// What any API server takes.
const MEGABYTE: usize = 1_000_000;

/// What a Secret has much of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Much {
    Users,
    Contexts,
    Depth,
    Notes,
    Certificates,
    Keys,
}

/// The gate has time for one of them.
fn kinds() -> &'static [Much] {
    use Much::{Certificates, Contexts, Depth, Keys, Notes, Users};
    let all = &[Users, Contexts, Depth, Notes, Certificates, Keys];
    if mesh_tests::is_nightly() { all } else { &all[..1] }
}

/// A Secret of a megabyte.
fn large(much: Much) -> String {
    let mut good: Value = serde_json::from_str(&access(0)).expect("it is JSON");
    match much {
        Much::Users => {
            good["users"] = (0..60_000).map(|i| json!({"name": i.to_string()})).collect();
        }
        Much::Contexts => good = kubeconfig(4_000),
        Much::Depth => {
            let mut deep = access(0);
            deep.insert_str(1, &format!("\"x\":{}1{},", "[".repeat(400_000), "]".repeat(400_000)));
            return remote_secret("a", json!({"a": deep})).to_string();
        }
        Much::Notes => good["extensions"] = (0..90_000).map(|i| json!(i.to_string())).collect(),
        Much::Certificates => {
            let spec = CaSpec { key: KeyKind::EcdsaP256, ..CaSpec::root() };
            let pem = issue::root(&spec, 1_800_000_000).expect("a root").0.to_pem();
            let bundle = base64(pem.repeat(MEGABYTE * 3 / 4 / pem.len()).as_bytes());
            good["clusters"][0]["cluster"]["certificate-authority-data"] = json!(bundle);
        }
        Much::Keys => {
            let server = |i| json!(format!("server: https://{i}.example.com"));
            let keys: Value = (0..many()).map(|i| (format!("k{i}"), server(i))).collect();
            return remote_secret("a", keys).to_string();
        }
    }
    remote_secret("a", json!({"a": good.to_string()})).to_string()
}

fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn a_secret_of_a_megabyte_is_judged() {
    for &much in kinds() {
        let secret = large(much);
        let apply = sized("mesh-apply", "--to-peers --dry-run=client", &secret);
        if much == Much::Keys {
            apply.refused(&format!("it gives access to {} clusters", many()));
            // A finding for each.
            sized("mesh-secret-lint", "", &secret).wrote(1, many());
            let too_many = format!("the input tells of {} clusters, of 1000 at most", many() + 1);
            sized("mesh-graph", "-f c=- -o dot", &secret).refused(&too_many);
        } else {
            apply.refused("/nowhere/config");
            sized("mesh-secret-lint", "", &secret).answered();
            sized("mesh-graph", "-f c=- -o dot", &secret).answered();
        }
        if mesh_tests::is_nightly() {
            sized("mesh-cacerts", "verify", &secret).refused("no Secret cacerts");
            sized("mesh-plan", "-q -f c=-", &secret).done(1);
            let check = sized("mesh-check", "-q -f c=-", &secret);
            // Two of each, as none of the clusters is known.
            if much == Much::Keys {
                check.wrote(1, 2 * many())
            } else {
                check.answered()
            };
        }
    }
}

#[test]
fn many_remote_secrets_are_judged() {
    let secrets =
        list(many(), |i| remote_secret(&i.to_string(), json!({format!("c{i}"): access(i)})));
    sized("mesh-secret-lint", "", &secrets).done(many());
    sized("mesh-check", "-q -f c=-", &secrets).done(4 * many());
    let too_many = format!("the input tells of {} clusters, of 1000 at most", many() + 1);
    sized("mesh-graph", "-f c=-", &secrets).refused(&too_many);
    sized("mesh-cacerts", "verify", &secrets).refused("no Secret cacerts");
    // All but the first are of a cluster that has one.
    let same = list(many(), |i| remote_secret(&i.to_string(), json!({"a": access(0)})));
    sized("mesh-secret-lint", "-o json", &same).wrote(1, 2 * many() - 1);
}

#[test]
fn many_certificates_are_one_bundle() {
    let spec = CaSpec { key: KeyKind::EcdsaP256, ..CaSpec::root() };
    let (root, key) = issue::root(&spec, 1_800_000_000).expect("a root");
    let pem = root.to_pem();
    let size = if mesh_tests::is_nightly() { MEGABYTE } else { MEGABYTE / 5 };
    let bundle = pem.repeat(size / pem.len());
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
    sized("mesh-cacerts", &format!("verify {at}"), &secret.to_string()).done(0);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let issue = format!("-q {at} --spiffe spiffe://cluster.local/ns/a/sa/b --out certs");
    sized_in(dir.path(), "mesh-cert", &issue, &secret.to_string()).done(3);
    let many = list(many(), |i| object("Secret", "n", &format!("s{i}"), json!({"data": {}})));
    sized("mesh-cacerts", "verify", &many).refused("no Secret cacerts");
}
