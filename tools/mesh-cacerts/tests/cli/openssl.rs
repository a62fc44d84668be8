//! OpenSSL accepts what is made, sees what was asked for, and makes what is refused.

use super::{at, folder, items, output, text, tool, two, with};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs openssl in a folder. It is needed: a test without it would say nothing.
fn openssl(dir: &Path, arguments: &str) -> String {
    let ran = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(dir)
        .output()
        .expect("the tests of certificates need the program openssl");
    assert!(ran.status.success(), "{arguments}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

fn init(dir: &Path, args: &[&str]) {
    let init = ["init", "-q", "--root-dir", ".", "--out", ".", "--cluster", "west"];
    output(tool(dir, &init).args(["--cluster", "east"]).args(args));
}

#[test]
fn every_chain_is_accepted() {
    // The real time: openssl asks whether certificates are valid now.
    for kind in ["rsa-2048", "ecdsa-p256", "ecdsa-p384"] {
        let dir = folder();
        let mut init = mesh_tests::tool("mesh-cacerts");
        init.env_clear().current_dir(dir.path()).args(["init", "-q", "--root-dir", "."]);
        let names = ["--out", ".", "--cluster", "west", "--cluster", "east", "--key", kind];
        init.args(names).assert().success();
        for cluster in ["west", "east"] {
            let verify = format!("verify -x509_strict -CAfile root-cert.pem {cluster}/ca-cert.pem");
            assert_eq!(openssl(dir.path(), &verify), format!("{cluster}/ca-cert.pem: OK\n"));
            workload(dir.path(), cluster);
        }
        // Either root is the root of the other's CA.
        assert_eq!(
            openssl(dir.path(), "verify -CAfile east/root-cert.pem west/ca-cert.pem"),
            "west/ca-cert.pem: OK\n"
        );
    }
}

/// A workload's certificate as istiod makes them, sent with the chain of its cluster, leads to the
/// root that the other cluster has.
fn workload(dir: &Path, cluster: &str) {
    let other = if cluster == "west" { "east" } else { "west" };
    let extensions = "keyUsage=critical,digitalSignature,keyEncipherment\n\
                      extendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=critical,CA:FALSE\n\
                      subjectAltName=critical,URI:spiffe://cluster.local/ns/a/sa/b\n";
    fs::write(dir.join("leaf.cnf"), extensions).unwrap();
    openssl(
        dir,
        "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj / -keyout leaf-key.pem \
         -out leaf.csr",
    );
    openssl(
        dir,
        &format!(
            "x509 -req -in leaf.csr -CA {cluster}/ca-cert.pem -CAkey {cluster}/ca-key.pem -days 1 \
             -extfile leaf.cnf -out leaf.pem"
        ),
    );
    for purpose in ["sslserver", "sslclient"] {
        let verified = openssl(
            dir,
            &format!(
                "verify -purpose {purpose} -CAfile {other}/root-cert.pem \
                 -untrusted {cluster}/cert-chain.pem leaf.pem"
            ),
        );
        assert_eq!(verified, "leaf.pem: OK\n");
    }
}

/// The lines of openssl's text that say something of this certificate alone: no numbers of keys.
fn shape(dir: &Path, certificate: &str) -> Vec<String> {
    let shown = openssl(dir, &format!("x509 -noout -text -in {certificate}"));
    let is_bytes = |line: &&str| line.contains(':') && line.split(':').all(|b| b.len() <= 2);
    shown.lines().map(str::trim).filter(|line| !is_bytes(line)).map(str::to_owned).collect()
}

#[test]
fn certificates_have_exactly_the_fields_of_tools_certs() {
    let dir = folder();
    init(dir.path(), &[]);
    let head = |subject: &str| {
        [
            "Certificate:".to_owned(),
            "Data:".to_owned(),
            "Version: 3 (0x2)".to_owned(),
            "Serial Number:".to_owned(),
            "Signature Algorithm: sha256WithRSAEncryption".to_owned(),
            "Issuer: O = Istio, CN = Root CA".to_owned(),
            "Validity".to_owned(),
            "Not Before: Dec 31 23:55:00 2025 GMT".to_owned(),
            "Not After : Dec 30 00:00:00 2035 GMT".to_owned(),
            format!("Subject: {subject}"),
            "Subject Public Key Info:".to_owned(),
            "Public Key Algorithm: rsaEncryption".to_owned(),
            "Public-Key: (4096 bit)".to_owned(),
            "Modulus:".to_owned(),
            "Exponent: 65537 (0x10001)".to_owned(),
            "X509v3 extensions:".to_owned(),
            "X509v3 Subject Key Identifier:".to_owned(),
            "X509v3 Basic Constraints: critical".to_owned(),
        ]
    };
    let usage = [
        "X509v3 Key Usage: critical",
        "Digital Signature, Non Repudiation, Key Encipherment, Certificate Sign",
    ];
    let tail = ["Signature Algorithm: sha256WithRSAEncryption", "Signature Value:"];
    let expect = |subject: &str, basic: &str, names: &[&str]| -> Vec<String> {
        let rest = [&[basic][..], &usage, names, &tail].concat();
        head(subject).into_iter().chain(rest.into_iter().map(str::to_owned)).collect()
    };
    assert_eq!(
        shape(dir.path(), "root-cert.pem"),
        expect("O = Istio, CN = Root CA", "CA:TRUE", &[])
    );
    for cluster in ["west", "east"] {
        let names = [
            "X509v3 Subject Alternative Name:",
            "DNS:istiod.istio-system.svc",
            "X509v3 Authority Key Identifier:",
        ];
        assert_eq!(
            shape(dir.path(), &format!("{cluster}/ca-cert.pem")),
            expect(
                &format!("O = Istio, CN = Intermediate CA, L = {cluster}"),
                "CA:TRUE, pathlen:0",
                &names
            )
        );
        let verify =
            format!("verify -attime 1767225600 -CAfile root-cert.pem {cluster}/ca-cert.pem");
        assert_eq!(openssl(dir.path(), &verify), format!("{cluster}/ca-cert.pem: OK\n"));
    }
}

#[test]
fn flags_are_in_the_certificate() {
    let dir = folder();
    init(
        dir.path(),
        &[
            "--key",
            "ecdsa-p384",
            "--lifetime",
            "52w",
            "--root-lifetime",
            "10y",
            "--path-length",
            "1",
            "--san",
            "istiod-r.mesh.svc",
            "--san",
            "spiffe://td/ns/mesh/sa/istiod",
            "--organization",
            "Example",
            "--crl-sign",
        ],
    );
    let shape = shape(dir.path(), "west/ca-cert.pem").join("\n");
    for part in [
        "Signature Algorithm: ecdsa-with-SHA384",
        "Not After : Dec 31 00:00:00 2026 GMT",
        "Subject: O = Example, CN = Intermediate CA, L = west",
        "NIST CURVE: P-384",
        "CA:TRUE, pathlen:1",
        "Key Encipherment, Certificate Sign, CRL Sign",
        "DNS:istiod-r.mesh.svc, URI:spiffe://td/ns/mesh/sa/istiod",
    ] {
        assert!(shape.contains(part), "no {part:?} in {shape}");
    }
}

/// A CA of openssl below the root in `dir`, with these extensions, put into a Secret.
fn made_by_openssl(dir: &Path, key: &str, extensions: &str) -> Value {
    let secret = two(dir).remove(0);
    fs::write(dir.join("ca.cnf"), extensions).unwrap();
    openssl(
        dir,
        &format!("req -new -newkey {key} -nodes -subj /CN=made -keyout ca-key.pem -out ca.csr"),
    );
    openssl(
        dir,
        "x509 -req -in ca.csr -CA root/root-cert.pem -CAkey root/root-key.pem -days 36500 \
         -extfile ca.cnf -out ca-cert.pem",
    );
    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let secret =
        with(secret, "cert-chain.pem", &(read("ca-cert.pem") + &read("root/root-cert.pem")));
    with(with(secret, "ca-key.pem", &read("ca-key.pem")), "ca-cert.pem", &read("ca-cert.pem"))
}

/// While certificates of openssl, which begin now, are valid.
const LATER: &str = "2035-06-01T00:00:00Z";
const P256: &str = "ec -pkeyopt ec_paramgen_curve:P-256";

#[test]
fn cas_that_cannot_sign_are_told() {
    for (key, extensions, code, reason) in [
        (P256, "basicConstraints=CA:FALSE\n", "MESH0509", "says CA:false"),
        (
            P256,
            "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature\n",
            "MESH0511",
            "has no keyCertSign",
        ),
        (
            P256,
            "basicConstraints=critical,CA:TRUE\nextendedKeyUsage=serverAuth\n",
            "MESH0512",
            "has no clientAuth",
        ),
        (
            P256,
            "basicConstraints=critical,CA:TRUE\nextendedKeyUsage=clientAuth\n",
            "MESH0505",
            "is not for servers of TLS",
        ),
        ("rsa:1024", "basicConstraints=critical,CA:TRUE\n", "MESH0513", "is RSA 1024: too small"),
    ] {
        let dir = folder();
        let secret = made_by_openssl(dir.path(), key, extensions);
        let ran = at(dir.path(), LATER, &["verify"]).write_stdin(secret.to_string()).assert();
        let told = contains(format!("({code}; ")).and(contains(reason));
        let ran = ran.code(1).stdout(told);
        let said = String::from_utf8_lossy(&ran.get_output().stdout).into_owned();
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    // Keys in the forms of older tools are read.
    let dir = folder();
    let secret = made_by_openssl(dir.path(), P256, "basicConstraints=critical,CA:TRUE\n");
    openssl(dir.path(), "ec -in ca-key.pem -out sec1.pem");
    let sec1 = fs::read_to_string(dir.path().join("sec1.pem")).unwrap();
    assert!(sec1.contains("BEGIN EC PRIVATE KEY"));
    let secret = with(secret, "ca-key.pem", &sec1).to_string();
    at(dir.path(), LATER, &["verify"]).write_stdin(secret).assert().success().stdout("");
}

/// A list of nothing that a CA in `dir` signs.
fn revocation_list(dir: &Path, certificate: &str, key: &str) -> String {
    let config = "[ca]\ndefault_ca=it\n[it]\ndatabase=index.txt\ndefault_md=sha256\n\
                  default_crl_days=30\n";
    fs::write(dir.join("crl.cnf"), config).unwrap();
    fs::write(dir.join("index.txt"), "").unwrap();
    openssl(dir, &format!("ca -gencrl -config crl.cnf -cert {certificate} -keyfile {key} -out l"));
    fs::read_to_string(dir.join("l")).unwrap()
}

#[test]
fn every_certificate_of_the_chain_needs_a_revocation_list() {
    let dir = folder();
    let args = ["init", "-q", "--root-dir", ".", "--out", ".", "--cluster", "a", "-o", "json"];
    let made = output(tool(dir.path(), &args).args(["--key", "ecdsa-p256", "--crl-sign"]));
    let secret = items(&made).remove(0);
    let of_ca = revocation_list(dir.path(), "a/ca-cert.pem", "a/ca-key.pem");
    let of_root = revocation_list(dir.path(), "root-cert.pem", "root-key.pem");
    let verify = |secret: &Value, crl: &str| {
        let input = with(secret.clone(), "ca-crl.pem", crl).to_string();
        tool(dir.path(), &["verify"]).write_stdin(input).assert()
    };
    verify(&secret, &(of_root.clone() + &of_ca)).success().stdout("");
    verify(&secret, &of_ca).code(1).stdout(contains(
        "its ca-crl.pem has no list that is signed by \"O=Istio, CN=Root CA\" (MESH0508",
    ));
    verify(&secret, &text(&secret, "root-cert.pem"))
        .code(1)
        .stdout(contains("its ca-crl.pem has a PEM block 1 that is no list"));
    // Without cRLSign in the CA no list counts, as tools/certs makes them.
    let other = folder();
    let a = two(other.path()).remove(0);
    for (file, name) in [("ca-cert.pem", "c"), ("ca-key.pem", "k")] {
        fs::write(dir.path().join(name), text(&a, file)).unwrap();
    }
    let of_a = revocation_list(dir.path(), "c", "k");
    let a = with(a.clone(), "cert-chain.pem", &text(&a, "ca-cert.pem"));
    verify(&a, &of_a).code(1).stdout(contains("has no list that is signed by"));
}
