//! To make certificates.

use super::bed::{AT, Bed, NOW, VM};
use meshpki::bundle::{self, Files};
use meshpki::{Certificate, ExtendedKeyUsage, KeyAlgorithm, PrivateKey, San};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};
use std::fs;
use zeroize::Zeroizing;

const DAY: i64 = 86_400;

/// The Secret that has the files of a folder, as kubectl shows it.
fn secret(bed: &Bed, kind: &str) -> Value {
    let file = |name: &str| (name.to_owned(), Zeroizing::new(bed.read(&format!("ca/{name}"))));
    let files: Files = bundle::NAMES.into_iter().map(file).collect();
    bundle::to_secret("cacerts", "istio-system", kind, &files)
}

#[test]
fn a_machines_three_files() {
    let bed = Bed::new();
    let paths = "certs/key.pem\ncerts/cert-chain.pem\ncerts/root-cert.pem\n";
    bed.tool(&format!("--spiffe {VM} --ca-dir ca --out certs"))
        .assert()
        .success()
        .stdout(paths)
        .stderr("");
    assert_eq!(bed.mode("certs"), 0o700);
    assert_eq!(bed.mode("certs/key.pem"), 0o600);
    assert_eq!(bed.mode("certs/cert-chain.pem"), 0o644);
    assert_eq!(bed.mode("certs/root-cert.pem"), 0o644);

    let chain = bed.certificates("certs/cert-chain.pem");
    assert_eq!(chain.len(), 2);
    assert_eq!(&chain[1], bed.ca.certificate());
    assert_eq!(bed.certificates("certs/root-cert.pem"), [bed.root.certificate().clone()]);
    let leaf = &chain[0];
    assert_eq!(leaf.san(), [San::Uri(VM.into())]);
    assert_eq!((leaf.not_before(), leaf.not_after()), (NOW, NOW + DAY));
    assert_eq!(leaf.key_algorithm(), &KeyAlgorithm::EcdsaP256);
    let key = PrivateKey::from_pem(&bed.read("certs/key.pem")).unwrap();
    assert_eq!(key.public_key_sha256(), leaf.spki_sha256());
    bed.tool(&format!("verify --dir certs --spiffe {VM}")).assert().success().stdout("").stderr("");
}

#[test]
fn everything_can_be_asked_for() {
    let bed = Bed::new();
    bed.run(
        "issue --trust-domain my.td -n vm --service-account a.b --key rsa-2048 --lifetime 1h30m --dns \
         vm.example.com --dns *.vm.example.com --client --ca-dir ca --out certs --at 2026-01-02T00:00:00Z",
    )
    .assert()
    .success();
    let leaf = &bed.certificates("certs/cert-chain.pem")[0];
    let names = ["vm.example.com", "*.vm.example.com"].map(|name| San::Dns(name.into()));
    assert_eq!(leaf.san()[0], San::Uri("spiffe://my.td/ns/vm/sa/a.b".into()));
    assert_eq!(leaf.san()[1..], names);
    assert_eq!(leaf.key_algorithm(), &KeyAlgorithm::Rsa(2048));
    // As istiod does it for slow clocks.
    assert_eq!((leaf.not_before(), leaf.not_after()), (NOW + DAY - 120, NOW + DAY + 5400));
    assert_eq!(leaf.extended_key_usage().unwrap(), [ExtendedKeyUsage::ClientAuth]);

    let server = format!("--spiffe {VM} --ca-dir ca --out server --server");
    bed.tool(&server).assert().success();
    let leaf = &bed.certificates("server/cert-chain.pem")[0];
    assert_eq!(leaf.extended_key_usage().unwrap(), [ExtendedKeyUsage::ServerAuth]);
    let both = format!("--spiffe {VM} --ca-dir ca --out both --server --client");
    bed.tool(&both).assert().success();
    let leaf = &bed.certificates("both/cert-chain.pem")[0];
    assert_eq!(leaf.extended_key_usage().unwrap().len(), 2);

    bed.run("")
        .env("MESH_SPIFFE", VM)
        .env("MESH_CA_DIR", "ca")
        .env("MESH_OUT", "env")
        .env("MESH_AT", AT)
        .assert()
        .success();
}

#[test]
fn the_trust_domain_is_that_of_istio_unless_told() {
    let bed = Bed::new();
    bed.tool("-n vm --service-account vm --ca-dir ca --out certs").assert().success();
    assert_eq!(bed.certificates("certs/cert-chain.pem")[0].san(), [San::Uri(VM.into())]);
}

#[test]
fn the_ca_from_files_of_any_name() {
    let bed = Bed::new();
    for (from, to) in [("ca-cert", "a"), ("ca-key", "b"), ("root-cert", "c"), ("cert-chain", "d")] {
        fs::rename(bed.path(&format!("ca/{from}.pem")), bed.path(to)).unwrap();
    }
    let make = format!("--spiffe {VM} --ca-cert a --ca-key b --root-cert c");
    bed.tool(&format!("{make} --out one")).assert().success();
    bed.tool(&format!("{make} --cert-chain d --out two")).assert().success();
    for dir in ["one", "two"] {
        assert_eq!(bed.certificates(&format!("{dir}/cert-chain.pem")).len(), 2);
        bed.tool(&format!("verify --dir {dir}")).assert().success().stdout("");
    }
    // The root itself may sign; then no intermediate is sent.
    bed.write("root-key", &bed.root.key().to_pem(), 0o600);
    bed.tool(&format!("--spiffe {VM} --ca-cert c --ca-key root-key --root-cert c --out three"))
        .assert()
        .success();
    assert_eq!(bed.certificates("three/cert-chain.pem").len(), 1);
}

#[test]
fn the_ca_from_a_secret() {
    let bed = Bed::new();
    let make = format!("--spiffe {VM} --out");
    let opaque = secret(&bed, "Opaque");
    bed.tool(&format!("{make} one")).write_stdin(opaque.to_string()).assert().success().stderr("");
    bed.write("cacerts.json", &opaque.to_string(), 0o600);
    bed.tool(&format!("{make} two -f cacerts.json")).assert().success().stderr("");
    // Others in a list are passed over.
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"kind": "ConfigMap", "data": {"ca-cert.pem": "x"}}, opaque, {"kind": "Secret", "data": {"a": "AA=="}},
    ]});
    bed.tool(&format!("{make} three")).write_stdin(list.to_string()).assert().success();
    // A Secret of cert-manager.
    let text = |name: &str| Zeroizing::new(bed.read(&format!("ca/{name}")));
    let tls = Files::from([
        ("tls.crt", text("ca-cert.pem")),
        ("tls.key", text("ca-key.pem")),
        ("ca.crt", text("root-cert.pem")),
    ]);
    let tls = bundle::to_secret("cacerts", "istio-system", "kubernetes.io/tls", &tls);
    bed.tool(&format!("{make} four")).write_stdin(tls.to_string()).assert().success();
    for dir in ["one", "two", "three", "four"] {
        bed.tool(&format!("verify --dir {dir} --spiffe {VM}")).assert().success().stdout("");
    }

    // Open to others, it is told: it holds the key.
    bed.write("cacerts.json", &opaque.to_string(), 0o644);
    bed.tool(&format!("{make} five -f cacerts.json"))
        .assert()
        .success()
        .stderr(contains("warning: cacerts.json: others than its owner can use it (mode 0644)"))
        .stderr(contains("hint: chmod 600 cacerts.json"));
    let twice = format!("{opaque}\n{opaque}");
    bed.tool(&format!("{make} six"))
        .write_stdin(twice)
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("stdin: document 1: there are 2 Secrets with a CA"));
    bed.tool(&format!("{make} six"))
        .write_stdin(r#"{"kind": "Secret", "data": {"ca-cert.pem": "*"}}"#)
        .assert()
        .code(3)
        .stderr(contains(
            "stdin: document 1: the Secret has a .data[ca-cert.pem] that is not base64",
        ));
    bed.tool(&format!("{make} six"))
        .write_stdin(r#"{"kind": "ConfigMap"}"#)
        .assert()
        .code(3)
        .stderr(contains("stdin: document 1: is no Secret with a CA"));
    assert!(!bed.path("six").exists());
}

#[test]
fn istiods_own_ca_is_its_own_root() {
    let bed = Bed::new();
    let own = |name: &str, text: &str| (name.to_owned(), Zeroizing::new(text.to_owned()));
    let files = Files::from([
        own("ca-cert.pem", &bed.root.certificate().to_pem()),
        own("ca-key.pem", &bed.root.key().to_pem()),
        own("root-cert.pem", ""),
        own("cert-chain.pem", ""),
    ]);
    let secret = bundle::to_secret("istio-ca-secret", "istio-system", "istio.io/ca-root", &files);
    bed.tool(&format!("--spiffe {VM} --out certs"))
        .write_stdin(secret.to_string())
        .assert()
        .success();
    bed.tool("verify --dir certs").assert().success().stdout("");
    let other = bundle::to_secret("cacerts", "istio-system", "Opaque", &files);
    bed.tool(&format!("--spiffe {VM} --out other"))
        .write_stdin(other.to_string())
        .assert()
        .code(3)
        .stderr(contains("root-cert.pem: holds no PEM block"));
}

#[test]
fn a_secret_for_the_workload() {
    let bed = Bed::new();
    let make = format!("--spiffe {VM} --ca-dir ca --secret-name vm-cert");
    let assert = bed.tool(&format!("{make} -o json")).assert().success();
    let secret: Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    assert_eq!(secret["type"], "kubernetes.io/tls");
    assert_eq!(
        secret["metadata"],
        json!({
            "name": "vm-cert",
            "namespace": "vm",
            "labels": {"app.kubernetes.io/managed-by": "meshutils"},
            "annotations": {"meshutils/expires": "2026-01-02T00:00:00Z"},
        })
    );
    let files = bundle::from_secret(&secret).unwrap();
    assert_eq!(
        files.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        ["ca.crt", "tls.crt", "tls.key"]
    );
    assert_eq!(Certificate::all_from_pem(&files["tls.crt"]).unwrap().len(), 2);

    let yaml = bed.tool(&make).assert().success();
    let yaml = String::from_utf8(yaml.get_output().stdout.clone()).unwrap();
    assert!(yaml.starts_with("apiVersion: v1\ndata:\n  ca.crt: "), "{yaml}");
    bed.tool(&format!("verify --spiffe {VM}")).write_stdin(yaml).assert().success().stdout("");
    assert_eq!(fs::read_dir(bed.dir.path()).unwrap().count(), 1);
}

#[test]
fn what_is_there_is_kept() {
    let bed = Bed::new();
    let make = format!("--spiffe {VM} --ca-dir ca --out certs");
    bed.tool(&make).assert().success();
    let key = bed.read("certs/key.pem");
    bed.tool(&make)
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("certs/key.pem: is there already"))
        .stderr(contains("hint: --force replaces"));
    assert_eq!(bed.read("certs/key.pem"), key);
    bed.write("certs/mine", "mine", 0o644);
    bed.tool(&format!("{make} --force")).assert().success();
    assert_ne!(bed.read("certs/key.pem"), key);
    assert_eq!(bed.read("certs/mine"), "mine");
    bed.tool("verify --dir certs").assert().success();
}

#[test]
fn help_shows_examples_and_hides_what_is_refused() {
    let bed = Bed::new();
    bed.run("--help")
        .assert()
        .success()
        .stdout(predicate::str::starts_with("Examples:\n  mesh-cacerts init"))
        .stdout(contains("self-signed").not());
}
