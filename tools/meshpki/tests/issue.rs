//! What is made is what was asked for, read back.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use meshpki::issue::{self, CaSpec, IssueError, Role, Signer, Subject, WorkloadSpec};
use meshpki::{Certificate, ExtendedKeyUsage, KeyAlgorithm, KeyKind, KeyUsage, PrivateKey, San};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

fn ecdsa(spec: CaSpec) -> CaSpec {
    CaSpec { key: KeyKind::EcdsaP256, ..spec }
}

fn root() -> Signer {
    let (certificate, key) = issue::root(&ecdsa(CaSpec::root()), NOW).unwrap();
    Signer::new(certificate, key).unwrap()
}

fn workload() -> WorkloadSpec {
    WorkloadSpec::new("spiffe://cluster.local/ns/vm/sa/vm".parse().unwrap())
}

#[test]
fn a_root_of_tools_certs() {
    let (root, key) = issue::root(&CaSpec::root(), NOW).unwrap();
    assert_eq!((root.subject(), root.issuer()), ("O=Istio, CN=Root CA", "O=Istio, CN=Root CA"));
    assert_eq!(root.common_name(), Some("Root CA"));
    assert_eq!((root.not_before(), root.not_after()), (NOW, NOW + 3650 * DAY));
    assert_eq!(root.key_algorithm(), &KeyAlgorithm::Rsa(4096));
    assert_eq!(key.algorithm(), KeyAlgorithm::Rsa(4096));
    assert_eq!(key.public_key_sha256(), root.spki_sha256());
    assert!(root.is_ca() && root.may_sign() && root.is_self_signed());
    assert_eq!(root.path_len(), None);
    assert_eq!(root.san(), []);
    assert_eq!(root.key_usage(), Some(&issue::ca_key_usage()));
    assert_eq!(root.extended_key_usage(), None);
    assert_eq!(root.subject_key_id().unwrap().len(), 40);
    assert_eq!(root.authority_key_id(), None);
}

#[test]
fn an_intermediate_of_tools_certs() {
    let root = root();
    let spec =
        CaSpec { lifetime: Duration::from_secs(365 * 86_400), ..CaSpec::intermediate("west") };
    let (ca, _) = issue::intermediate(&ecdsa(spec), &root, NOW).unwrap();
    assert_eq!(ca.subject(), "O=Istio, CN=Intermediate CA, L=west");
    assert_eq!(ca.issuer(), root.certificate().subject());
    assert_eq!((ca.is_ca(), ca.path_len()), (true, Some(0)));
    assert_eq!(ca.san(), [San::Dns("istiod.istio-system.svc".into())]);
    assert_eq!(ca.key_usage(), Some(&issue::ca_key_usage()));
    assert_eq!(ca.authority_key_id(), root.certificate().subject_key_id());
    assert!(ca.is_signed_by(root.certificate()) && !ca.is_self_issued());
}

#[test]
fn a_workload_of_istiod() {
    let root = root();
    let (leaf, key) = issue::workload(&workload(), &root, NOW).unwrap();
    assert_eq!(leaf.subject(), "");
    assert_eq!(leaf.name(), "\"spiffe://cluster.local/ns/vm/sa/vm\"");
    assert_eq!(leaf.san(), [San::Uri("spiffe://cluster.local/ns/vm/sa/vm".into())]);
    assert_eq!(
        leaf.extended_key_usage().unwrap(),
        [ExtendedKeyUsage::ServerAuth, ExtendedKeyUsage::ClientAuth]
    );
    let usage = BTreeSet::from([KeyUsage::DigitalSignature, KeyUsage::KeyEncipherment]);
    assert_eq!(leaf.key_usage(), Some(&usage));
    assert_eq!((leaf.not_before(), leaf.not_after()), (NOW, NOW + DAY));
    assert!(!leaf.is_ca() && !leaf.may_sign());
    assert_eq!(key.public_key_sha256(), leaf.spki_sha256());
}

#[test]
fn everything_can_be_asked_for() {
    let root = root();
    let usage = BTreeSet::from([KeyUsage::KeyCertSign, KeyUsage::CrlSign]);
    let san = vec![
        San::Uri("spiffe://a".into()),
        San::Ip([10, 0, 0, 1].into()),
        San::Ip("fd00::1".parse().unwrap()),
        San::Email("a@b".into()),
    ];
    let ca = CaSpec {
        subject: Subject { common_name: Some("Ü".into()), ..Subject::default() },
        key: KeyKind::EcdsaP384,
        backdate: Duration::from_secs(60),
        path_len: Some(3),
        san: san.clone(),
        key_usage: usage.clone(),
        ..CaSpec::root()
    };
    let (ca, key) = issue::root(&ca, NOW).unwrap();
    assert_eq!((ca.subject(), ca.not_before()), ("CN=Ü", NOW - 60));
    assert_eq!((ca.path_len(), ca.san(), ca.key_usage()), (Some(3), &san[..], Some(&usage)));
    assert_eq!(key.algorithm(), KeyAlgorithm::EcdsaP384);

    for (role, usage) in
        [(Role::Server, ExtendedKeyUsage::ServerAuth), (Role::Client, ExtendedKeyUsage::ClientAuth)]
    {
        let spec = WorkloadSpec { role, dns: vec!["vm.example.com".into()], ..workload() };
        let (leaf, _) = issue::workload(&spec, &root, NOW).unwrap();
        assert_eq!(leaf.extended_key_usage().unwrap(), [usage]);
        assert_eq!(leaf.san()[1..], [San::Dns("vm.example.com".into())]);
    }
}

#[test]
fn a_life_begins_within_that_of_the_ca() {
    let root = root();
    let spec = WorkloadSpec { backdate: Duration::from_secs(3600), ..workload() };
    let early = issue::workload(&spec, &root, NOW + 60).unwrap().0;
    assert_eq!(early.not_before(), NOW);
    let later = issue::workload(&spec, &root, NOW + 7200).unwrap().0;
    assert_eq!(later.not_before(), NOW + 3600);
}

#[test]
fn serial_numbers_are_positive_and_differ() {
    let root = root();
    let serial = || issue::workload(&workload(), &root, NOW).unwrap().0.serial().to_owned();
    let all: BTreeSet<String> = (0..20).map(|_| serial()).collect();
    assert_eq!(all.len(), 20);
    assert!(all.iter().all(|serial| serial.len() == 32 && serial.as_str() < "8"), "{all:?}");
}

#[test]
fn what_cannot_be_is_not_made() {
    let root = root();
    let end = NOW + 3650 * DAY;
    let at = |now| issue::workload(&workload(), &root, now).err();
    assert_eq!(at(NOW - 1), Some(IssueError::NotYetValid(NOW)));
    assert_eq!(at(end + 1), Some(IssueError::Expired(end)));
    assert_eq!(at(end - DAY + 1), Some(IssueError::OutlivesSigner(end)));
    assert_eq!(at(end - DAY), None);
    let name = WorkloadSpec { dns: vec!["bücher".into()], ..workload() };
    assert_eq!(
        issue::workload(&name, &root, NOW).err(),
        Some(IssueError::BadName("bücher".into()))
    );
    let forever = WorkloadSpec { lifetime: Duration::MAX, ..workload() };
    assert_eq!(issue::workload(&forever, &root, NOW).err(), Some(IssueError::BadTime));

    let subject = |text: &str| CaSpec {
        subject: Subject { common_name: Some(text.to_owned()), ..Subject::default() },
        ..ecdsa(CaSpec::root())
    };
    let bad = Some(IssueError::BadSubject("common name (CN)", 64));
    assert_eq!(issue::root(&subject(""), NOW).err(), bad);
    assert_eq!(issue::root(&subject(&"a".repeat(65)), NOW).err(), bad);
    let forever =
        CaSpec { lifetime: Duration::from_secs(400_000_000_000), ..ecdsa(CaSpec::root()) };
    assert_eq!(issue::root(&forever, NOW).err(), Some(IssueError::BadTime));
}

#[test]
fn only_a_ca_with_its_key_signs() {
    let root = root();
    let pem = |key: &PrivateKey| PrivateKey::from_pem(&key.to_pem()).unwrap();
    let (leaf, leaf_key) = issue::workload(&workload(), &root, NOW).unwrap();
    assert_eq!(Signer::new(leaf, pem(&leaf_key)).err(), Some(IssueError::NotCa));
    let other = Signer::new(root.certificate().clone(), leaf_key);
    assert_eq!(other.err(), Some(IssueError::KeyMismatch));

    let unfit = CaSpec { key_usage: [KeyUsage::CrlSign].into(), ..ecdsa(CaSpec::root()) };
    let (unfit, key) = issue::root(&unfit, NOW).unwrap();
    assert_eq!(Signer::new(unfit, key).err(), Some(IssueError::MayNotSign));

    let lowest =
        CaSpec { lifetime: Duration::from_secs(86_400), ..ecdsa(CaSpec::intermediate("a")) };
    let (ca, key) = issue::intermediate(&lowest, &root, NOW).unwrap();
    let ca = Signer::new(ca, key).unwrap();
    assert_eq!(issue::intermediate(&lowest, &ca, NOW).err(), Some(IssueError::NoCaBelow));
}

#[test]
fn certificates_are_read_as_they_were_written() {
    let root = root();
    let certificate = root.certificate();
    let again = Certificate::from_pem(&certificate.to_pem()).unwrap();
    assert_eq!(&again, certificate);
    assert_eq!(Certificate::from_der(certificate.der()).unwrap().sha256(), certificate.sha256());

    let two = certificate.to_pem() + &certificate.to_pem();
    assert_eq!(Certificate::all_from_pem(&two).unwrap(), [again.clone(), again]);
    let key = root.key().to_pem();
    let with_key = certificate.to_pem() + &key;
    for (text, reason) in [
        (two.as_str(), "holds 2 certificates, and not one"),
        ("", "no certificate"),
        (with_key.as_str(), "PEM block 2 is a private key"),
        (&two.replace("CERTIFICATE", "X509 CRL"), "PEM block 1 is a X509 CRL"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "is not an X.509"),
    ] {
        let error = Certificate::from_pem(text).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
    let behind = [certificate.der(), &[0]].concat();
    assert!(Certificate::from_der(&behind).unwrap_err().contains("bytes behind"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_subject_is_read_as_it_was_given(cn in "\\PC{1,64}", l in "\\PC{1,128}", days in 1..900_000_i64) {
        let subject =
            Subject { common_name: Some(cn.clone()), locality: Some(l), ..Subject::default() };
        let lifetime = Duration::from_secs(days.unsigned_abs() * 86_400);
        let (root, _) = issue::root(&CaSpec { subject, lifetime, ..ecdsa(CaSpec::root()) }, NOW).unwrap();
        prop_assert_eq!(root.common_name(), Some(cn.as_str()));
        prop_assert_eq!(root.not_after(), NOW + days * DAY);
        prop_assert!(root.is_self_signed());
    }

    #[test]
    fn broken_bytes_are_refused_or_read(at in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>()) {
        let root = root();
        let mut der = root.certificate().der().to_vec();
        let place = at.index(der.len());
        let is_same = der[place] == byte;
        der[place] = byte;
        if let Ok(read) = Certificate::from_der(&der) {
            prop_assert!(is_same || read != *root.certificate());
            prop_assert_eq!(read.is_self_signed(), is_same);
        }
        prop_assert!(Certificate::from_der(&der[..cut.index(der.len())]).is_err());
        let text = root.key().to_pem();
        let broken: String = text.chars().take(cut.index(text.len() - 1)).collect();
        prop_assert!(PrivateKey::from_pem(&broken).is_err());
    }
}
