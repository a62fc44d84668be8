//! To verify certificates.

use super::bed::{AT, Bed, NOW, VM, root};
use meshpki::issue::{self, Role, WorkloadSpec};
use meshpki::{Certificate, KeyKind, PrivateKey};
use predicates::str::{contains, starts_with};
use rcgen::{
    CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use serde_json::Value;
use std::fs;
use time::OffsetDateTime;

/// A bed whose CA has given `certs` to a machine.
fn issued(more: &str) -> Bed {
    let bed = Bed::new();
    bed.tool(&format!("--spiffe {VM} --ca-dir ca --out certs {more}")).assert().success();
    bed
}

/// The codes of what is found, and the whole as JSON.
fn found(bed: &Bed, words: &str, at: &str) -> (Vec<String>, Vec<Value>) {
    let output = bed.run(&format!("verify -o json --at {at} {words}")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let findings: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let codes: Vec<String> =
        findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect();
    let fails = findings.iter().any(|finding| finding["severity"] == "error");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(i32::from(fails)), "{words}: {text}{stderr}");
    (codes, findings)
}

fn codes(bed: &Bed, words: &str) -> Vec<String> {
    found(bed, words, AT).0
}

#[test]
fn a_good_one_has_no_findings() {
    let bed = issued("");
    for words in [
        "--dir certs",
        &format!("--dir certs --spiffe {VM}"),
        "--dir certs -n vm --service-account vm",
        "--dir certs --root-cert ca/root-cert.pem",
        "--cert-chain certs/cert-chain.pem --root-cert certs/root-cert.pem --private-key certs/key.pem",
    ] {
        bed.tool(&format!("verify {words}")).assert().success().stdout("").stderr("");
    }
    fs::remove_file(bed.path("certs/key.pem")).unwrap();
    bed.tool("verify --dir certs")
        .assert()
        .success()
        .stdout("")
        .stderr("mesh-cert: note: certs: there is no key, so none was checked\n");
    bed.tool("verify --dir certs -q").assert().success().stderr("");
}

#[test]
fn times() {
    let bed = issued("");
    for (at, expected) in [
        ("2025-12-31T23:59:59Z", vec!["MESH0541"]),
        ("2026-01-01T12:00:00Z", vec![]),
        // A tenth of a day is left.
        ("2026-01-01T21:35:59Z", vec![]),
        ("2026-01-01T21:36:00Z", vec!["MESH0542"]),
        ("2026-01-02T00:00:00Z", vec!["MESH0542"]),
        ("2026-01-02T00:00:01Z", vec!["MESH0541"]),
        ("2037-01-01T00:00:00Z", vec!["MESH0541"]),
    ] {
        assert_eq!(found(&bed, "--dir certs", at).0, expected, "{at}");
    }
    assert_eq!(codes(&bed, "--dir certs --within 23h"), [""; 0]);
    assert_eq!(codes(&bed, "--dir certs --within 24h"), ["MESH0542"]);
    let late = "verify --dir certs --at 2026-01-02T00:00:00Z";
    bed.run(late).assert().success().stdout(
        "warning: certs: the certificate \"spiffe://cluster.local/ns/vm/sa/vm\" ends soon, at \
         2026-01-02T00:00:00Z (MESH0542)\n",
    );
    bed.run(&format!("{late} --fail-on warning")).assert().code(1);
    bed.run(&format!("{late} --fail-on warning --ignore MESH0542")).assert().success().stdout("");
}

#[test]
fn the_way_to_the_root() {
    let bed = issued("");
    let chain = bed.read("certs/cert-chain.pem");
    // The CA left out, as generate_cert did.
    let leaf = bed.certificates("certs/cert-chain.pem")[0].to_pem();
    bed.write("certs/cert-chain.pem", &leaf, 0o644);
    let (found_codes, findings) = found(&bed, "--dir certs", AT);
    assert_eq!(found_codes, ["MESH0540"]);
    let message = findings[0]["message"].as_str().unwrap();
    assert!(
        message.contains("is signed by \"O=Istio, CN=Intermediate CA, L=cluster1\""),
        "{message}"
    );
    assert_eq!(findings[0]["object"], "certs");
    assert_eq!(findings[0]["evidence"]["roots"][0]["issuer"], "O=Istio, CN=Root CA");
    assert_eq!(
        findings[0]["fix"],
        format!(
            "kubectl get secret cacerts -n istio-system -o yaml | mesh-cert --spiffe {VM} --out DIR --force"
        )
    );
    // Another mesh's root, of the same name.
    bed.write("certs/cert-chain.pem", &chain, 0o644);
    bed.write("other.pem", &root("Root CA", KeyKind::EcdsaP256).certificate().to_pem(), 0o644);
    assert_eq!(codes(&bed, "--dir certs --root-cert other.pem"), ["MESH0540"]);
    let both = bed.read("other.pem") + &bed.read("certs/root-cert.pem");
    bed.write("both.pem", &both, 0o644);
    assert_eq!(codes(&bed, "--dir certs --root-cert both.pem"), [""; 0]);
}

#[test]
fn keys() {
    let bed = issued("");
    let other = PrivateKey::generate(KeyKind::EcdsaP256).to_pem();
    bed.write("certs/key.pem", &other, 0o600);
    assert_eq!(codes(&bed, "--dir certs"), ["MESH0561"]);
    bed.write("certs/key.pem", &other, 0o640);
    let (found_codes, findings) = found(&bed, "--dir certs", AT);
    assert_eq!(found_codes, ["MESH0561", "MESH0562"]);
    assert_eq!(findings[1]["evidence"]["mode"], "0640");
    assert_eq!(findings[1]["fix"], "chmod 600 certs/key.pem");
    assert!(findings.iter().all(|finding| !finding.to_string().contains("PRIVATE")));
    bed.write("certs/key.pem", "no key", 0o600);
    bed.tool("verify --dir certs")
        .assert()
        .code(3)
        .stdout("")
        .stderr(starts_with("mesh-cert: error: certs/key.pem: holds no PEM block"));
}

#[test]
fn ends_of_tls() {
    let bed = issued("--client");
    assert_eq!(codes(&bed, "--dir certs"), ["MESH0544"]);
    assert_eq!(codes(&bed, "--dir certs --client"), [""; 0]);
    assert_eq!(codes(&bed, "--dir certs --server"), ["MESH0544"]);
    assert_eq!(codes(&bed, "--dir certs --server --client"), ["MESH0544"]);
    bed.tool("verify --dir certs")
        .assert()
        .code(1)
        .stdout(contains("is not for servers of TLS: its extended key usage lacks serverAuth"));
    // What the CA may not pass on is told as the way to the root.
    let mut params = params(&[SanType::URI(VM.try_into().unwrap())]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    replace(&bed, &params);
    assert_eq!(codes(&bed, "--dir certs"), ["MESH0544", "MESH0544"]);
}

fn time(unix: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(unix).unwrap()
}

/// A certificate as others make it.
fn params(names: &[SanType]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.not_before = time(NOW);
    params.not_after = time(NOW + 86_400);
    params.subject_alt_names = names.to_vec();
    params.is_ca = IsCa::ExplicitNoCa;
    params
}

/// Puts a certificate that the bed's CA signs, and its key, in place of the machine's.
fn replace(bed: &Bed, params: &CertificateParams) {
    let ca_key = KeyPair::from_pem(&bed.ca.key().to_pem()).unwrap();
    let ca = bed.ca.certificate().to_pem();
    let issuer = Issuer::from_ca_cert_pem(&ca, ca_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, &issuer).unwrap().pem();
    bed.write("certs/cert-chain.pem", &(leaf + &ca), 0o644);
    bed.write("certs/key.pem", &key.serialize_pem(), 0o600);
}

#[test]
fn identities() {
    let bed = issued("");
    let uri = |text: &str| SanType::URI(text.try_into().unwrap());
    let dns = |text: &str| SanType::DnsName(text.try_into().unwrap());
    let other = "spiffe://cluster.local/ns/other/sa/vm";
    for (names, expected) in [
        (vec![uri(VM)], vec![]),
        (vec![uri(VM), dns("vm.example.com"), uri("https://vm.example.com/x")], vec![]),
        // The guide's typo.
        (vec![dns("spiffee://cluster.local/ns/vm/sa/vm")], vec!["MESH0551", "MESH0552"]),
        (vec![uri("spiffee://cluster.local/ns/vm/sa/vm")], vec!["MESH0552"]),
        (vec![dns("vm.example.com")], vec!["MESH0552"]),
        (vec![], vec!["MESH0552"]),
        (vec![uri("spiffe://cluster.local/vm")], vec!["MESH0553"]),
        (vec![uri(other)], vec!["MESH0554"]),
        (vec![uri(VM), uri(other)], vec!["MESH0555"]),
    ] {
        replace(&bed, &params(&names));
        assert_eq!(codes(&bed, &format!("--dir certs --spiffe {VM}")), expected, "{names:?}");
    }
    replace(&bed, &params(&[uri(other)]));
    assert_eq!(codes(&bed, "--dir certs"), [""; 0]);
    bed.tool(&format!("verify --dir certs --spiffe {VM}"))
        .assert()
        .code(1)
        .stdout(format!("error: certs: its identity is {other}, and not {VM} (MESH0554)\n"));
    replace(&bed, &params(&[dns("spiffee://cluster.local/ns/vm/sa/vm\n")]));
    bed.tool("verify --dir certs")
        .assert()
        .code(1)
        .stdout(contains("only what begins with spiffe:// is an identity"))
        .stdout(contains("sa/vm\\u{a}:"));
}

#[test]
fn a_certificate_that_signed_itself() {
    let bed = issued("");
    let key = KeyPair::generate().unwrap();
    let leaf = params(&[SanType::URI(VM.try_into().unwrap())]).self_signed(&key).unwrap();
    bed.write("certs/cert-chain.pem", &leaf.pem(), 0o644);
    bed.write("certs/key.pem", &key.serialize_pem(), 0o600);
    assert_eq!(codes(&bed, "--dir certs"), ["MESH0543"]);
    // No root makes it better: whoever believes it believes nobody else.
    bed.write("certs/root-cert.pem", &leaf.pem(), 0o644);
    assert_eq!(codes(&bed, "--dir certs"), ["MESH0543"]);
}

#[test]
fn what_no_workload_should_have() {
    let bed = issued("");
    // The CA itself, as its own workload.
    bed.write("certs/cert-chain.pem", &bed.ca.certificate().to_pem(), 0o644);
    bed.write("certs/key.pem", &bed.ca.key().to_pem(), 0o600);
    assert_eq!(codes(&bed, "--dir certs"), ["MESH0547", "MESH0552"]);

    let names = [SanType::URI(VM.try_into().unwrap())];
    let mut encipher = params(&names);
    encipher.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    replace(&bed, &encipher);
    assert_eq!(codes(&bed, "--dir certs"), ["MESH0545"]);

    let mut strange = params(&names);
    let mut extension = CustomExtension::from_oid_content(&[1, 2, 3], vec![5, 0]);
    extension.set_criticality(true);
    strange.custom_extensions = vec![extension];
    replace(&bed, &strange);
    assert_eq!(codes(&bed, "--dir certs"), ["MESH0540"]);

    // Envoy does not take Ed25519.
    let ca_key = KeyPair::from_pem(&bed.ca.key().to_pem()).unwrap();
    let ca = bed.ca.certificate().to_pem();
    let issuer = Issuer::from_ca_cert_pem(&ca, ca_key).unwrap();
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let leaf = params(&names).signed_by(&key, &issuer).unwrap().pem();
    bed.write("certs/cert-chain.pem", &(leaf + &ca), 0o644);
    fs::remove_file(bed.path("certs/key.pem")).unwrap();
    assert_eq!(codes(&bed, "--dir certs"), ["MESH0546"]);
}

#[test]
fn the_sample_ca_is_told() {
    let bed = issued("");
    let sample = include_str!("../../../meshpki/tests/data/sample-root-2018.pem");
    let roots = bed.read("certs/root-cert.pem") + sample;
    bed.write("certs/root-cert.pem", &roots, 0o644);
    assert_eq!(codes(&bed, "--dir certs"), ["MESH0548"]);
    assert_eq!(codes(&bed, "--dir certs --ignore MESH0548"), [""; 0]);
}

#[test]
fn a_secret_with_a_key_of_another() {
    let bed = Bed::new();
    let make = format!("--spiffe {VM} --ca-dir ca --secret-name vm-cert -o json");
    let secret = |bed: &Bed| -> Value {
        serde_json::from_slice(&bed.tool(&make).output().unwrap().stdout).unwrap()
    };
    let mut mixed = secret(&bed);
    mixed["data"]["tls.key"] = secret(&bed)["data"]["tls.key"].clone();
    bed.tool("verify")
        .write_stdin(mixed.to_string())
        .assert()
        .code(1)
        .stdout(starts_with("error: vm/vm-cert: the key is not that of the first certificate"));
    mixed["data"]["tls.key"] = "AAAA".into();
    bed.tool("verify")
        .write_stdin(mixed.to_string())
        .assert()
        .code(3)
        .stderr(contains("stdin: document 1: .data[tls.key]: holds no PEM block"));
    mixed["data"]["ca.crt"] = Value::Null;
    bed.tool("verify")
        .write_stdin(mixed.to_string())
        .assert()
        .code(3)
        .stderr(contains("stdin: document 1: is no Secret with tls.crt and ca.crt"));
    let two = format!("{}\n{}", secret(&bed), secret(&bed));
    bed.tool("verify").write_stdin(two).assert().code(3).stderr(contains("there are 2 Secrets"));
}

#[test]
fn what_cannot_be_read() {
    let bed = issued("");
    for (name, text, says) in [
        ("cert-chain.pem", "no PEM", "certs/cert-chain.pem: holds no PEM block"),
        ("root-cert.pem", "", "certs/root-cert.pem: holds no PEM block"),
    ] {
        let good = bed.read(&format!("certs/{name}"));
        bed.write(&format!("certs/{name}"), text, 0o644);
        bed.tool("verify --dir certs").assert().code(3).stdout("").stderr(contains(says));
        bed.write(&format!("certs/{name}"), &good, 0o644);
    }
    bed.tool("verify --dir none")
        .assert()
        .code(3)
        .stderr(contains("none/cert-chain.pem: No such file"));
}

#[test]
fn the_checks_can_be_listed() {
    let bed = Bed::new();
    bed.tool("verify --list-checks")
        .assert()
        .success()
        .stdout(starts_with("MESH0540 error   a certificate that does not lead to the root\n"));
    bed.tool("verify --list-checks -o json")
        .assert()
        .success()
        .stdout(starts_with(r#"{"code":"MESH0540","severity":"error","title":"a cert"#));
    bed.tool("verify --ignore MESH0999").assert().code(2).stderr(contains("--list-checks"));
}

#[test]
fn roles_are_as_asked() {
    // What `issue` gives for one end, `verify` takes for that end alone.
    let bed = Bed::new();
    let spec = WorkloadSpec { role: Role::Server, ..WorkloadSpec::new(VM.parse().unwrap()) };
    let (leaf, key) = issue::workload(&spec, &bed.ca, NOW).unwrap();
    fs::create_dir(bed.path("certs")).unwrap();
    let chain: String = [&leaf, bed.ca.certificate()].map(Certificate::to_pem).concat();
    bed.write("certs/cert-chain.pem", &chain, 0o644);
    bed.write("certs/root-cert.pem", &bed.root.certificate().to_pem(), 0o644);
    bed.write("certs/key.pem", &key.to_pem(), 0o600);
    assert_eq!(codes(&bed, "--dir certs --server"), [""; 0]);
    assert_eq!(codes(&bed, "--dir certs"), ["MESH0544"]);
}
