//! OpenSSL sees what was asked for, and says the same of chains.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use meshpki::chain;
use meshpki::issue::{self, CaSpec, Role, Signer, Subject, WorkloadSpec};
use meshpki::{Certificate, KeyAlgorithm, KeyKind, PrivateKey};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600;

/// Runs openssl in a folder. It is needed: a test without it would say nothing.
fn openssl(folder: &TempDir, arguments: &str) -> Output {
    Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("the tests of certificates need the program openssl")
}

fn text(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn write(folder: &TempDir, name: &str, text: &str) {
    std::fs::write(folder.path().join(name), text).unwrap();
}

fn read(folder: &TempDir, name: &str) -> String {
    std::fs::read_to_string(folder.path().join(Path::new(name))).unwrap()
}

struct Mesh {
    root: Signer,
    ca: Signer,
    leaf: Certificate,
    folder: TempDir,
}

fn mesh(ca: KeyKind, leaf: KeyKind) -> Mesh {
    let (certificate, key) = issue::root(&CaSpec { key: ca, ..CaSpec::root() }, NOW).unwrap();
    let root = Signer::new(certificate, key).unwrap();
    let spec = CaSpec {
        key: ca,
        lifetime: Duration::from_secs(365 * 86_400),
        ..CaSpec::intermediate("west")
    };
    let (certificate, key) = issue::intermediate(&spec, &root, NOW).unwrap();
    let ca = Signer::new(certificate, key).unwrap();
    let spec = WorkloadSpec {
        key: leaf,
        dns: vec!["vm.example.com".into()],
        ..WorkloadSpec::new("spiffe://cluster.local/ns/vm/sa/vm".parse().unwrap())
    };
    let (leaf, leaf_key) = issue::workload(&spec, &ca, NOW).unwrap();
    let folder = TempDir::new().unwrap();
    write(&folder, "root.pem", &root.certificate().to_pem());
    write(&folder, "ca.pem", &ca.certificate().to_pem());
    write(&folder, "leaf.pem", &leaf.to_pem());
    write(&folder, "leaf-key.pem", &leaf_key.to_pem());
    Mesh { root, ca, leaf, folder }
}

#[test]
fn openssl_follows_our_chains() {
    for (ca, leaf) in [
        (KeyKind::EcdsaP256, KeyKind::EcdsaP256),
        (KeyKind::EcdsaP384, KeyKind::EcdsaP384),
        (KeyKind::Rsa2048, KeyKind::Rsa2048),
        (KeyKind::Rsa3072, KeyKind::EcdsaP256),
    ] {
        let mesh = mesh(ca, leaf);
        for purpose in ["sslserver", "sslclient"] {
            let verify = format!(
                "verify -x509_strict -purpose {purpose} -attime {NOW} -CAfile root.pem -untrusted ca.pem leaf.pem"
            );
            assert_eq!(text(openssl(&mesh.folder, &verify)), "leaf.pem: OK\n", "{ca} {leaf}");
        }
        let public = text(openssl(&mesh.folder, "pkey -in leaf-key.pem -pubout"));
        assert_eq!(text(openssl(&mesh.folder, "x509 -in leaf.pem -noout -pubkey")), public);
    }
}

/// The extensions as OpenSSL prints them, without the bytes of key identifiers.
fn extensions(mesh: &Mesh, file: &str) -> Vec<String> {
    let all =
        text(openssl(&mesh.folder, &format!("x509 -in {file} -noout -text -certopt ca_default")));
    let all = all.split_once("X509v3 extensions:").unwrap().1;
    let all = all.split_once("Signature Algorithm:").unwrap().0;
    let hexadecimal = |line: &str| line.bytes().all(|b| b == b':' || b.is_ascii_hexdigit());
    all.lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !hexadecimal(l))
        .map(str::to_owned)
        .collect()
}

#[test]
fn openssl_reads_just_what_was_asked_for() {
    let mesh = mesh(KeyKind::EcdsaP256, KeyKind::EcdsaP256);
    assert_eq!(
        extensions(&mesh, "root.pem"),
        [
            "X509v3 Subject Key Identifier:",
            "X509v3 Basic Constraints: critical",
            "CA:TRUE",
            "X509v3 Key Usage: critical",
            "Digital Signature, Non Repudiation, Key Encipherment, Certificate Sign",
        ]
    );
    assert_eq!(
        extensions(&mesh, "ca.pem"),
        [
            "X509v3 Subject Key Identifier:",
            "X509v3 Basic Constraints: critical",
            "CA:TRUE, pathlen:0",
            "X509v3 Key Usage: critical",
            "Digital Signature, Non Repudiation, Key Encipherment, Certificate Sign",
            "X509v3 Subject Alternative Name:",
            "DNS:istiod.istio-system.svc",
            "X509v3 Authority Key Identifier:",
        ]
    );
    assert_eq!(
        extensions(&mesh, "leaf.pem"),
        [
            "X509v3 Basic Constraints: critical",
            "CA:FALSE",
            "X509v3 Key Usage: critical",
            "Digital Signature, Key Encipherment",
            "X509v3 Extended Key Usage:",
            "TLS Web Server Authentication, TLS Web Client Authentication",
            "X509v3 Subject Alternative Name: critical",
            "URI:spiffe://cluster.local/ns/vm/sa/vm, DNS:vm.example.com",
            "X509v3 Subject Key Identifier:",
            "X509v3 Authority Key Identifier:",
        ]
    );
    let about = |file| {
        let fields =
            format!("x509 -in {file} -noout -subject -issuer -dates -serial -nameopt RFC2253");
        text(openssl(&mesh.folder, &fields))
    };
    let serial = mesh.leaf.serial().to_uppercase();
    assert_eq!(
        about("leaf.pem"),
        format!(
            "subject=\nissuer=L=west,CN=Intermediate CA,O=Istio\nnotBefore=Jan  1 00:00:00 2026 GMT\n\
             notAfter=Jan  2 00:00:00 2026 GMT\nserial={serial}\n"
        )
    );
    let ca = about("ca.pem");
    assert!(ca.contains("notAfter=Jan  1 00:00:00 2027 GMT"), "{ca}");
    assert!(about("root.pem").contains("subject=CN=Root CA,O=Istio"));
    let fingerprint = text(openssl(&mesh.folder, "x509 -in ca.pem -noout -fingerprint -sha256"));
    let fingerprint = fingerprint.split_once('=').unwrap().1.trim().replace(':', "").to_lowercase();
    assert_eq!(fingerprint, mesh.ca.certificate().sha256());
}

#[test]
fn one_end_of_tls() {
    let mesh = mesh(KeyKind::EcdsaP256, KeyKind::EcdsaP256);
    for (role, usage) in [
        (Role::Server, "TLS Web Server Authentication"),
        (Role::Client, "TLS Web Client Authentication"),
    ] {
        let spec = WorkloadSpec {
            role,
            subject: Subject { organization: Some("Juju org".into()), ..Subject::default() },
            ..WorkloadSpec::new("spiffe://cluster.local/ns/vm/sa/vm".parse().unwrap())
        };
        let (leaf, _) = issue::workload(&spec, &mesh.ca, NOW).unwrap();
        write(&mesh.folder, "one.pem", &leaf.to_pem());
        let extensions = extensions(&mesh, "one.pem");
        assert_eq!(extensions[5], usage);
        // A subject names the workload, too: the extension need not be critical.
        assert_eq!(extensions[6], "X509v3 Subject Alternative Name:");
    }
}

#[test]
fn both_say_the_same_of_chains() {
    let mesh = mesh(KeyKind::EcdsaP256, KeyKind::EcdsaP256);
    let other = self::mesh(KeyKind::EcdsaP256, KeyKind::EcdsaP256);
    write(&mesh.folder, "other.pem", &other.root.certificate().to_pem());
    let [root, ca] = [&mesh.root, &mesh.ca].map(|signer| signer.certificate().clone());
    let far = other.root.certificate().clone();
    for (name, leaf, root_name, root, at, expected) in [
        ("leaf.pem", &mesh.leaf, "root.pem", &root, NOW, true),
        ("leaf.pem", &mesh.leaf, "root.pem", &root, NOW + 86_400 - 1, true),
        ("leaf.pem", &mesh.leaf, "root.pem", &root, NOW + 86_401, false),
        ("leaf.pem", &mesh.leaf, "root.pem", &root, NOW - 1, false),
        ("leaf.pem", &mesh.leaf, "other.pem", &far, NOW, false),
        ("ca.pem", &ca, "root.pem", &root, NOW, true),
        ("ca.pem", &ca, "other.pem", &far, NOW, false),
    ] {
        let verify = format!("verify -attime {at} -CAfile {root_name} -untrusted ca.pem {name}");
        assert_eq!(openssl(&mesh.folder, &verify).status.success(), expected, "{name} {at}");
        let ours = chain::verify(leaf, std::slice::from_ref(&ca), std::slice::from_ref(root), at);
        assert_eq!(ours.is_ok(), expected, "{name} {at}: {ours:?}");
    }
    // A CA below one that allows none; rcgen makes what we refuse to.
    let key = rcgen::KeyPair::from_pem(&mesh.ca.key().to_pem()).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(&ca.to_pem(), key).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.not_after = time::OffsetDateTime::from_unix_timestamp(NOW + 86_400).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let key = rcgen::KeyPair::generate().unwrap();
    let deep = params.signed_by(&key, &issuer).unwrap().pem();
    let deep = Certificate::from_pem(&deep).unwrap();
    let signer = Signer::new(deep.clone(), PrivateKey::from_pem(&key.serialize_pem()).unwrap());
    let spec = WorkloadSpec::new("spiffe://cluster.local/ns/vm/sa/vm".parse().unwrap());
    let (end, _) = issue::workload(&spec, &signer.unwrap(), NOW).unwrap();
    write(&mesh.folder, "end.pem", &end.to_pem());
    write(&mesh.folder, "chain.pem", &(deep.to_pem() + &ca.to_pem()));
    let verify = format!("verify -attime {NOW} -CAfile root.pem -untrusted chain.pem end.pem");
    let verdict = openssl(&mesh.folder, &verify);
    assert!(String::from_utf8_lossy(&verdict.stderr).contains("path length constraint exceeded"));
    let error = chain::verify(&end, &[deep, ca], &[root], NOW).unwrap_err();
    assert_eq!(error.problem, chain::Problem::PathLength { allowed: 0, found: 1 });
}

#[test]
fn names_that_are_not_ours_are_kept_to_the_byte() {
    // Two DC and two values in one part: what a company's CA is called.
    let folder = TempDir::new().unwrap();
    text(openssl(
        &folder,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:secp384r1 -noenc -keyout key.pem -out ca.pem -days 2 \
         -addext keyUsage=critical,keyCertSign -multivalue-rdn -subj /DC=com/DC=example/OU=a+CN=mesh",
    ));
    let certificate = Certificate::from_pem(&read(&folder, "ca.pem")).unwrap();
    assert_eq!(certificate.subject(), "DC=com, DC=example, OU=a + CN=mesh");
    let now = certificate.not_before();
    let signer = Signer::new(certificate, PrivateKey::from_pem(&read(&folder, "key.pem")).unwrap());
    let spec = WorkloadSpec::new("spiffe://cluster.local/ns/vm/sa/vm".parse().unwrap());
    let (leaf, _) = issue::workload(&spec, &signer.unwrap(), now).unwrap();
    write(&folder, "leaf.pem", &leaf.to_pem());
    let verify = format!("verify -x509_strict -attime {now} -CAfile ca.pem leaf.pem");
    assert_eq!(text(openssl(&folder, &verify)), "leaf.pem: OK\n");
}

#[test]
fn signatures_of_other_kinds() {
    let folder = TempDir::new().unwrap();
    for (options, counts) in [
        ("rsa:2048 -sha384", true),
        ("rsa:2048 -sha512", true),
        ("rsa:2048 -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest", true),
        ("rsa:2048 -sha1", false),
        ("ec -pkeyopt ec_paramgen_curve:secp384r1 -sha256", true),
        ("ec -pkeyopt ec_paramgen_curve:prime256v1 -sha512", true),
        ("ec -pkeyopt ec_paramgen_curve:secp521r1 -sha512", true),
        ("ec -pkeyopt ec_paramgen_curve:prime256v1 -sha1", false),
        ("ed25519", true),
    ] {
        let request =
            format!("req -x509 -newkey {options} -noenc -keyout k.pem -out c.pem -subj /CN=a");
        text(openssl(&folder, &request));
        let certificate = Certificate::from_pem(&read(&folder, "c.pem")).unwrap();
        assert_eq!(certificate.is_self_signed(), counts, "{options}");
    }
}

#[test]
fn keys_in_every_form() {
    let folder = TempDir::new().unwrap();
    let same = |file: &str, algorithm: KeyAlgorithm| {
        let key =
            PrivateKey::from_pem(&read(&folder, file)).unwrap_or_else(|e| panic!("{file} {e}"));
        assert_eq!(key.algorithm(), algorithm);
        write(&folder, "ours.pem", &key.to_pem());
        let public = |file| text(openssl(&folder, &format!("pkey -in {file} -pubout")));
        assert_eq!(public("ours.pem"), public(file));
        assert!(text(openssl(&folder, "pkey -in ours.pem -check -noout")).contains("valid"));
        assert!(read(&folder, "ours.pem").starts_with("-----BEGIN PRIVATE KEY-----\n"));
    };
    text(openssl(&folder, "genrsa -out rsa.pem 2048"));
    same("rsa.pem", KeyAlgorithm::Rsa(2048));
    text(openssl(&folder, "rsa -in rsa.pem -traditional -out rsa1.pem"));
    assert!(read(&folder, "rsa1.pem").contains("BEGIN RSA PRIVATE KEY"));
    same("rsa1.pem", KeyAlgorithm::Rsa(2048));
    for (curve, algorithm) in [
        ("prime256v1", KeyAlgorithm::EcdsaP256),
        ("secp384r1", KeyAlgorithm::EcdsaP384),
        ("secp521r1", KeyAlgorithm::EcdsaP521),
    ] {
        // With the block EC PARAMETERS before it.
        text(openssl(&folder, &format!("ecparam -name {curve} -genkey -out sec1.pem")));
        assert!(read(&folder, "sec1.pem").contains("EC PARAMETERS"));
        same("sec1.pem", algorithm.clone());
        text(openssl(&folder, "pkcs8 -topk8 -nocrypt -in sec1.pem -out ec8.pem"));
        same("ec8.pem", algorithm);
    }

    text(openssl(&folder, "pkcs8 -topk8 -in rsa.pem -passout pass:x -out locked8.pem"));
    text(openssl(&folder, "rsa -in rsa.pem -traditional -aes256 -passout pass:x -out locked1.pem"));
    text(openssl(&folder, "genrsa -out small.pem 1024"));
    text(openssl(&folder, "genpkey -algorithm ed25519 -out ed.pem"));
    text(openssl(&folder, "pkey -in rsa.pem -pubout -out public.pem"));
    text(openssl(&folder, "req -x509 -key rsa.pem -subj /CN=a -out certificate.pem"));
    let both = read(&folder, "rsa.pem") + &read(&folder, "ec8.pem");
    write(&folder, "both.pem", &both);
    write(&folder, "empty.pem", "");
    for (file, reason) in [
        ("locked8.pem", "is encrypted"),
        ("locked1.pem", "is encrypted"),
        ("small.pem", "is no key that a mesh can use"),
        ("ed.pem", "is no key that a mesh can use"),
        ("public.pem", "is a PEM block PUBLIC KEY"),
        ("certificate.pem", "is a certificate"),
        ("both.pem", "holds 2 PEM blocks"),
        ("empty.pem", "holds no PEM block"),
    ] {
        let error = PrivateKey::from_pem(&read(&folder, file)).err().unwrap();
        assert!(error.starts_with(reason), "{file}: {error}");
    }
}
