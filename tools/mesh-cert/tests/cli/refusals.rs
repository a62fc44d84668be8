//! Certificates that are not made, each with the reason, and nothing written.

use super::bed::{Bed, NOW, VM, root};
use meshpki::KeyKind;
use meshpki::bundle;
use meshpki::issue::{self, WorkloadSpec};
use predicates::str::{contains, is_empty};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa};
use rcgen::{KeyPair, NameConstraints};
use std::fs;

/// Fails with this code and these words, and writes nothing.
fn refused(bed: &Bed, words: &str, code: i32, says: &str) {
    let output = bed.tool(words).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{words}: {stderr}");
    assert!(stderr.contains(says), "{words}: {stderr}");
    assert!(!stderr.contains("PRIVATE KEY"), "{words}: {stderr}");
    assert_eq!(output.stdout, b"", "{words}");
    assert!(!bed.path("certs").exists(), "{words}");
}

#[test]
fn wrong_usage() {
    let bed = Bed::new();
    let all = format!("--spiffe {VM} --ca-dir ca --out certs");
    for (words, says) in [
        ("--ca-dir ca --out certs", "give --spiffe, or --namespace and --service-account"),
        (&format!("--spiffe {VM} --ca-dir ca"), "give --out DIR for files, or --secret-name"),
        (
            "--spiffe spiffee://cluster.local/ns/vm/sa/vm --ca-dir ca --out certs",
            "begins with spiffee://",
        ),
        (
            "--spiffe spiffe://cluster.local/vm --ca-dir ca --out certs",
            "an identity is spiffe://TRUST",
        ),
        ("-n vm --ca-dir ca --out certs", "--service-account"),
        ("-n vm --service-account VM --ca-dir ca --out certs", "the service account 'VM' may have"),
        (
            "-n vm --service-account vm --trust-domain TD --ca-dir ca --out certs",
            "'TD' has upper-case",
        ),
        (&format!("{all} -n vm --service-account vm"), "cannot be used with"),
        (&format!("{all} --dns spiffee://cluster.local/ns/vm/sa/vm"), "is a URI"),
        (&format!("{all} --key ed25519"), "a key is one of rsa-2048"),
        (&format!("{all} --lifetime 24"), "has the form 24h"),
        (&format!("{all} --self-signed"), "leads to no root of the mesh"),
        (&format!("{all} --secret-name a"), "cannot be used with"),
        (&format!("{all} --ca-cert ca/ca-cert.pem"), "cannot be used with"),
        (&format!("--spiffe {VM} --out certs --ca-cert ca/ca-cert.pem"), "--ca-key"),
        (&format!("--spiffe {VM} --ca-dir ca --secret-name A"), "has a part 'A'"),
        (&format!("--spiffe {VM} --ca-dir ca --secret-name a -o lines"), "as yaml or json"),
        (&format!("{all} -o json"), "--output is for --secret-name"),
        (&format!("{all} --within 1h"), "--within is for verify"),
        (&format!("verify {all}"), "--ca-dir is for issue"),
        (&format!("--spiffe {VM} --ca-dir ca --secret-name a --force"), "--force is for --out"),
        (&format!("--spiffe {VM} --out certs --root-cert ca/root-cert.pem"), "goes with --ca-cert"),
        ("verify --dir ca --force", "--force is for issue"),
        ("verify --dir ca -f -", "cannot be used with"),
        ("verify --dir ca -o yaml", "as lines or json"),
        ("verify --cert-chain ca/cert-chain.pem", "--root-cert"),
    ] {
        refused(&bed, words, 2, says);
    }
}

#[test]
fn cas_that_are_not_there() {
    let bed = Bed::new();
    let make = format!("--spiffe {VM} --out certs");
    fs::create_dir(bed.path("empty")).unwrap();
    refused(&bed, &format!("{make} --ca-dir none"), 3, "none: No such file");
    refused(&bed, &format!("{make} --ca-dir empty"), 3, "empty: holds no CA");
    let files = "--ca-cert none --ca-key ca/ca-key.pem --root-cert ca/root-cert.pem";
    refused(&bed, &format!("{make} {files}"), 3, "none: No such file");
    for name in bundle::NAMES {
        let text = bed.read(&format!("ca/{name}"));
        let path = format!("ca/{name}");
        fs::remove_file(bed.path(&path)).unwrap();
        let says = format!("ca: incomplete signing CA bundle detected: no {name}");
        refused(&bed, &format!("{make} --ca-dir ca"), 3, &says);
        bed.write(&path, "no PEM", 0o600);
        refused(&bed, &format!("{make} --ca-dir ca"), 3, &format!("{path}: holds no PEM block"));
        bed.write(&path, &text, 0o600);
    }
    bed.tool(&format!("{make} --ca-dir ca")).assert().success();
}

#[test]
fn keys_that_others_can_read() {
    let bed = Bed::new();
    let make = format!("--spiffe {VM} --out certs");
    let files = "--ca-cert ca/ca-cert.pem --ca-key ca/ca-key.pem --root-cert ca/root-cert.pem";
    for mode in [0o644, 0o640, 0o604, 0o620] {
        bed.write("ca/ca-key.pem", &bed.ca.key().to_pem(), mode);
        let says = format!("ca/ca-key.pem: others than its owner can use it (mode {mode:04o})");
        refused(&bed, &format!("{make} --ca-dir ca"), 3, &says);
        refused(&bed, &format!("{make} {files}"), 3, "hint: chmod 600 ca/ca-key.pem");
    }
    bed.write("ca/ca-key.pem", &bed.ca.key().to_pem(), 0o400);
    bed.tool(&format!("{make} {files}")).assert().success();
}

#[test]
fn cas_that_may_not_sign() {
    let bed = Bed::new();
    let make = format!("--spiffe {VM} --ca-dir ca --out certs");
    let restore = |name: &str, text: &str| bed.write(&format!("ca/{name}"), text, 0o600);
    let ca = bed.read("ca/ca-cert.pem");
    let key = bed.read("ca/ca-key.pem");

    // A workload's certificate, one that signed itself among them.
    let spec = WorkloadSpec::new(VM.parse().unwrap());
    let (leaf, leaf_key) = issue::workload(&spec, &bed.ca, NOW).unwrap();
    restore("ca-cert.pem", &leaf.to_pem());
    restore("ca-key.pem", &leaf_key.to_pem());
    refused(&bed, &make, 3, "the certificate that is to sign is no CA (CA:false)");
    restore("ca-cert.pem", &ca);
    refused(&bed, &make, 3, "the key is not the CA certificate's");
    restore("ca-key.pem", &key);

    // A root of the same name, as from another run of tools/certs.
    let stranger = root("Root CA", KeyKind::EcdsaP256);
    let right = bed.read("ca/root-cert.pem");
    restore("root-cert.pem", &stranger.certificate().to_pem());
    refused(&bed, &make, 3, "has the right issuer, but its signature is not by that CA's key");
    restore("root-cert.pem", &right);

    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let output = {
        restore("ca-key.pem", encrypted);
        bed.tool(&make).output().unwrap()
    };
    assert!(String::from_utf8(output.stderr).unwrap().contains("ca/ca-key.pem: is encrypted"));
    restore("ca-key.pem", &key);
    bed.tool(&make).assert().success();
}

#[test]
fn lives_within_that_of_the_ca() {
    let bed = Bed::new();
    let make = format!("--spiffe {VM} --ca-dir ca --out certs");
    let end = "which ends at 2026-01-31T00:00:00Z";
    let long = format!("{make} --lifetime 721h");
    refused(&bed, &long, 3, end);
    refused(&bed, &long, 3, "hint: --lifetime 30d is the longest");
    for (at, says) in [
        ("2026-01-31T00:00:01Z", "expired at 2026-01-31T00:00:00Z"),
        ("2025-12-31T23:59:59Z", "is not valid before 2026-01-01T00:00:00Z"),
        ("2036-01-01T00:00:00Z", "expired at"),
    ] {
        let words = format!("{make} --at {at}");
        bed.run(&words).assert().code(3).stdout(is_empty()).stderr(contains(says));
    }
    assert!(!bed.path("certs").exists());
    bed.tool(&format!("{make} --lifetime 30d")).assert().success();
    bed.tool(&format!("verify --dir certs --spiffe {VM}")).assert().success().stdout("");
}

#[test]
fn the_sample_ca_is_refused() {
    let bed = Bed::new();
    let sample = include_str!("../../../meshpki/tests/data/sample-root-2018.pem");
    // Wherever it stands.
    for name in ["ca-cert.pem", "root-cert.pem", "cert-chain.pem"] {
        let path = format!("ca/{name}");
        let text = bed.read(&path);
        bed.write(&path, &(sample.to_owned() + &text), 0o644);
        let make = format!("--spiffe {VM} --ca-dir ca --out certs");
        refused(&bed, &make, 3, "ca: is Istio's sample CA (samples/certs/root-cert.pem of 2018)");
        bed.write(&path, &text, 0o644);
    }
    let text = bed.read("ca/root-cert.pem");
    bed.write("ca/root-cert.pem", &(text + sample), 0o644);
    bed.tool(&format!("--spiffe {VM} --ca-dir ca --out certs --allow-sample-ca"))
        .assert()
        .success()
        .stderr(contains("warning: ca: is Istio's sample CA"));
    bed.tool("verify --dir certs").assert().code(1).stdout(contains("(MESH0548)"));
}

/// Puts a CA that rcgen makes, which is its own root, in place of the bed's.
fn replace(bed: &Bed, change: fn(&mut CertificateParams)) {
    let mut params = CertificateParams::default();
    params.not_before = time::OffsetDateTime::from_unix_timestamp(NOW).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap().pem();
    for name in ["ca-cert.pem", "root-cert.pem", "cert-chain.pem"] {
        bed.write(&format!("ca/{name}"), &ca, 0o644);
    }
    bed.write("ca/ca-key.pem", &key.serialize_pem(), 0o600);
}

#[test]
fn cas_that_peers_would_refuse() {
    // istiod starts with both of these.
    let bed = Bed::new();
    let make = format!("--spiffe {VM} --ca-dir ca --out certs");
    replace(&bed, |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    refused(&bed, &make, 3, "ca: peers would refuse its certificates");
    refused(&bed, &make, 3, "its extended key usage lacks clientAuth");
    replace(&bed, |params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("example.com".into())],
            excluded_subtrees: vec![],
        });
    });
    let name = format!("{make} --dns vm.example.org");
    refused(&bed, &name, 3, "may not sign for the name DNS:vm.example.org");
    bed.tool(&format!("{make} --dns vm.example.com")).assert().success();
    bed.tool("verify --dir certs").assert().success();
}

#[test]
fn folders_that_cannot_be() {
    let bed = Bed::new();
    let make = format!("--spiffe {VM} --ca-dir ca --out");
    refused(&bed, &format!("{make} none/certs"), 3, "none/certs: No such file");
    bed.write("file", "", 0o644);
    refused(&bed, &format!("{make} file"), 3, "file: is no folder");
    assert_eq!(fs::read_dir(bed.dir.path()).unwrap().count(), 2);
}

#[test]
fn a_full_output_says_that_the_files_are_there() {
    let bed = Bed::new();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let words = format!("--spiffe {VM} --ca-dir ca --out certs --at 2026-01-01T00:00:00Z");
    let output = std::process::Command::new(&mesh_tests::programs()["mesh-cert"])
        .args(words.split_whitespace())
        .current_dir(bed.path("."))
        .stdout(full)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("standard output: No space left"), "{stderr}");
    assert!(stderr.contains("the files are written, and whole"), "{stderr}");
    assert!(bed.path("certs/key.pem").exists());
}
