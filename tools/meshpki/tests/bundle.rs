//! The plug-in CA as four files, as a Secret, in TLS style; whole and in parts. And the sample CA.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use meshpki::bundle::{self, BundleError, CaBundle, Files};
use meshpki::issue::{self, CaSpec, Signer};
use meshpki::{Certificate, KeyKind, sample};
use serde_json::json;
use zeroize::Zeroizing;

const NOW: i64 = 1_767_225_600;

fn bundle() -> CaBundle {
    let short = |spec: CaSpec| CaSpec { key: KeyKind::EcdsaP256, ..spec };
    let (root, key) = issue::root(&short(CaSpec::root()), NOW).unwrap();
    let root = Signer::new(root, key).unwrap();
    let (ca_cert, ca_key) =
        issue::intermediate(&short(CaSpec::intermediate("west")), &root, NOW).unwrap();
    let root = root.certificate().clone();
    CaBundle {
        cert_chain: vec![ca_cert.clone(), root.clone()],
        ca_cert,
        ca_key,
        root_cert: vec![root],
    }
}

fn without(files: &Files, names: &[&str]) -> Result<CaBundle, BundleError> {
    let mut files = files.clone();
    for name in names {
        files.remove(name);
    }
    CaBundle::from_files(&files)
}

#[test]
fn four_files_there_and_back() {
    let bundle = bundle();
    let files = bundle.to_files();
    assert_eq!(
        files.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        ["ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem"]
    );
    let again = CaBundle::from_files(&files).unwrap();
    assert_eq!(again.ca_cert, bundle.ca_cert);
    assert_eq!(again.root_cert, bundle.root_cert);
    assert_eq!(again.cert_chain, bundle.cert_chain);
    assert_eq!(again.ca_key.public_key_sha256(), bundle.ca_key.public_key_sha256());
    assert_eq!(again.check(NOW), Ok(()));
    assert!(again.check(NOW - 1).is_err());
    assert!(again.into_signer().is_ok());
}

#[test]
fn a_secret_there_and_back() {
    let files = bundle().to_files();
    let secret = bundle::to_secret("cacerts", "istio-system", "Opaque", &files);
    assert_eq!(secret["metadata"]["namespace"], "istio-system");
    assert_eq!(secret["type"], "Opaque");
    assert_eq!(secret["data"].as_object().unwrap().len(), 4);
    assert!(bundle::from_secret(&secret) == Ok(files.clone()));

    // stringData wins, as in the API server; keys that hold no text are no certificates.
    let mut mixed = secret.clone();
    mixed["data"]["ca-cert.pem"] = json!("AAAA");
    mixed["data"]["other"] = json!("//79");
    mixed["stringData"] = json!({"ca-cert.pem": &files["ca-cert.pem"]});
    assert!(bundle::from_secret(&mixed) == Ok(files));

    for (value, reason) in [
        (json!({"kind": "ConfigMap", "data": {}}), "its kind is another one"),
        (json!({"kind": "Secret", "data": []}), "data that is no object"),
        (json!({"kind": "Secret", "data": {"a": 1}}), ".data[a] that is no text"),
        (json!({"kind": "Secret", "data": {"a": "*"}}), ".data[a] that is not base64"),
        (json!({"kind": "Secret", "stringData": {"a": 1}}), ".stringData[a] that is no text"),
    ] {
        assert!(bundle::from_secret(&value).err().unwrap().contains(reason), "{reason}");
    }
    let empty = bundle::from_secret(&json!({"kind": "Secret", "data": null})).unwrap();
    assert_eq!(CaBundle::from_files(&empty).err(), Some(BundleError::Absent));
}

#[test]
fn tls_style_wins_where_it_is() {
    let bundle = bundle();
    let mut files = bundle.to_files();
    let text = |text: String| Zeroizing::new(text);
    files.insert("ca-cert.pem", text("not looked at".into()));
    files.insert("tls.crt", text(bundle.ca_cert.to_pem()));
    files.insert("tls.key", bundle.ca_key.to_pem());
    files.insert("ca.crt", text(bundle.root_cert[0].to_pem()));
    let tls = CaBundle::from_files(&files).unwrap();
    assert_eq!(tls.ca_cert, bundle.ca_cert);
    assert_eq!(tls.cert_chain, bundle.cert_chain);
    assert_eq!(tls.check(NOW), Ok(()));
    assert_eq!(without(&files, &["ca.crt"]).err(), Some(BundleError::Incomplete(vec!["ca.crt"])));
}

#[test]
fn parts_are_named_in_istiods_words() {
    let files = bundle().to_files();
    let error = without(&files, &["root-cert.pem", "ca-key.pem"]).err().unwrap();
    assert_eq!(
        error.to_string(),
        "incomplete signing CA bundle detected: no ca-key.pem, root-cert.pem"
    );
    let all = without(&files, &bundle::NAMES).err().unwrap();
    assert_eq!(all, BundleError::Absent);
    assert!(all.to_string().contains("neither ca-cert.pem"));
}

#[test]
fn a_file_that_is_something_else() {
    let good = bundle().to_files();
    for (file, with, reason) in [
        ("ca-cert.pem", "ca-key.pem", "ca-cert.pem PEM block 1 is a private key"),
        ("ca-key.pem", "ca-cert.pem", "ca-key.pem is a certificate"),
        ("root-cert.pem", "ca-key.pem", "root-cert.pem PEM block 1 is a private key"),
        ("cert-chain.pem", "ca-key.pem", "cert-chain.pem PEM block 1 is a private key"),
    ] {
        let mut files = good.clone();
        files.insert(file, Zeroizing::new(good[with].to_owned()));
        let error = CaBundle::from_files(&files).err().unwrap().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn the_public_sample_is_known() {
    for (text, origin) in [
        (include_str!("data/sample-ca-2018.pem"), "samples/certs/ca-cert.pem of 2018"),
        (include_str!("data/sample-root-2018.pem"), "samples/certs/root-cert.pem of 2018"),
        (include_str!("data/sample-ca-2024.pem"), "samples/certs/ca-cert.pem of 2024"),
        (include_str!("data/sample-root-2024.pem"), "samples/certs/root-cert.pem of 2024"),
    ] {
        let certificate = Certificate::from_pem(text).unwrap();
        assert_eq!(sample::origin(&certificate), Some(origin));
    }
    assert_eq!(sample::origin(&bundle().ca_cert), None);
    // Read by eye: openssl x509 -fingerprint -sha256.
    let ca = Certificate::from_pem(include_str!("data/sample-ca-2018.pem")).unwrap();
    assert_eq!(ca.sha256(), "f867174e4a31f1792f8c0354a23f8f049bd4019729cd2ee579d67033065b2dc2");
    assert_eq!(ca.san(), [meshpki::San::Dns("ca.istio.io".into())]);
    assert_eq!((ca.is_ca(), ca.path_len(), ca.may_sign()), (true, None, true));
    let root = Certificate::from_pem(include_str!("data/sample-root-2018.pem")).unwrap();
    assert!(ca.is_signed_by(&root) && root.is_self_signed() && !root.is_signed_by(&ca));
}
