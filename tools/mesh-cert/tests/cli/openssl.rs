//! OpenSSL takes what the program makes, and sees in it what was asked for.

use super::bed::{Bed, NOW, VM};
use meshpki::KeyKind;
use std::process::Command;

/// Runs openssl in the bed's folder. It is needed: a test without it would say nothing.
fn openssl(bed: &Bed, words: &str) -> String {
    let output = Command::new("openssl")
        .args(words.split(' '))
        .current_dir(bed.dir.path())
        .output()
        .expect("the tests of certificates need the program openssl");
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn chains_lead_to_the_root_for_every_kind_of_key() {
    for (ca, leaf) in [
        (KeyKind::EcdsaP256, "ecdsa-p256"),
        (KeyKind::EcdsaP384, "ecdsa-p384"),
        (KeyKind::Rsa2048, "rsa-2048"),
        (KeyKind::EcdsaP256, "rsa-3072"),
    ] {
        let bed = Bed::of(ca, |spec| spec);
        bed.tool(&format!("--spiffe {VM} --ca-dir ca --out certs --key {leaf}")).assert().success();
        for purpose in ["sslserver", "sslclient"] {
            let verify = format!(
                "verify -x509_strict -purpose {purpose} -attime {NOW} -CAfile certs/root-cert.pem \
                 -untrusted certs/cert-chain.pem certs/cert-chain.pem"
            );
            assert_eq!(openssl(&bed, &verify), "certs/cert-chain.pem: OK\n", "{ca} {leaf}");
        }
        let public = openssl(&bed, "x509 -in certs/cert-chain.pem -noout -pubkey");
        assert_eq!(openssl(&bed, "pkey -in certs/key.pem -pubout"), public);
    }
}

#[test]
fn the_text_has_just_what_was_asked_for() {
    let bed = Bed::new();
    bed.tool(&format!("--spiffe {VM} --ca-dir ca --out certs --dns vm.example.com --server"))
        .assert()
        .success();
    let text = openssl(&bed, "x509 -in certs/cert-chain.pem -noout -text");
    let (fields, extensions) = text.split_once("X509v3 extensions:").unwrap();
    for line in [
        "Version: 3 (0x2)",
        "Signature Algorithm: ecdsa-with-SHA256",
        "Issuer: O = Istio, CN = Intermediate CA, L = cluster1",
        "Not Before: Jan  1 00:00:00 2026 GMT",
        "Not After : Jan  2 00:00:00 2026 GMT",
        "Subject: ",
        "ASN1 OID: prime256v1",
    ] {
        assert!(fields.lines().any(|l| l.trim() == line.trim()), "{line}: {fields}");
    }
    let extensions = extensions.split_once("Signature Algorithm").unwrap().0;
    let is_id = |line: &&str| {
        line.contains(':') && line.bytes().all(|b| b == b':' || b.is_ascii_hexdigit())
    };
    let lines: Vec<&str> =
        extensions.lines().map(str::trim).filter(|l| !l.is_empty() && !is_id(l)).collect();
    assert_eq!(
        lines,
        [
            "X509v3 Basic Constraints: critical",
            "CA:FALSE",
            "X509v3 Key Usage: critical",
            "Digital Signature, Key Encipherment",
            "X509v3 Extended Key Usage:",
            "TLS Web Server Authentication",
            "X509v3 Subject Alternative Name: critical",
            "URI:spiffe://cluster.local/ns/vm/sa/vm, DNS:vm.example.com",
            "X509v3 Subject Key Identifier:",
            "X509v3 Authority Key Identifier:",
        ]
    );
}
