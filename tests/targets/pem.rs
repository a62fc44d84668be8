//! Certificates and keys as PEM and DER, and the files of a CA.

use meshpki::bundle::{CaBundle, Files};
use meshpki::{Certificate, PrivateKey};
use zeroize::Zeroizing;

pub fn run(bytes: &[u8]) {
    if let Ok(certificate) = Certificate::from_der(bytes) {
        look(&certificate);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for certificate in Certificate::all_from_pem(text).unwrap_or_default() {
        look(&certificate);
    }
    if let Ok(key) = PrivateKey::from_pem(text) {
        let _ = key.public_key_sha256();
    }
    let mut files = Files::default();
    for name in ["ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem"] {
        files.insert(name, Zeroizing::new(text.to_owned()));
    }
    if let Ok(bundle) = CaBundle::from_files(&files) {
        let _ = bundle.check(0);
    }
}

fn look(certificate: &Certificate) {
    let again = Certificate::from_pem(&certificate.to_pem()).expect("it was one");
    assert_eq!(again.der(), certificate.der());
    let _ = (certificate.name(), certificate.common_name(), certificate.subject_key_id());
    let _ = (certificate.authority_key_id(), certificate.is_signed_by(certificate));
}
