//! Revocation lists, as istiod takes them: each certificate of the chain needs one that it signed.

use meshpki::{Certificate, KeyUsage};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

/// Why istiod does not take a `ca-crl.pem`; completes "its ca-crl.pem …".
#[must_use]
pub fn fault(text: &str, chain: &[Certificate]) -> Option<String> {
    let Ok(blocks) = pem::parse_many(text) else {
        return Some("is no PEM".to_owned());
    };
    let mut lists = Vec::new();
    for (i, block) in blocks.iter().enumerate() {
        match CertificateRevocationList::from_der(block.contents()) {
            Ok((_, list)) => lists.push(list),
            Err(_) => return Some(format!("has a PEM block {} that is no list", i + 1)),
        }
    }
    let lacking: Vec<String> = chain
        .iter()
        .filter(|signer| !lists.iter().any(|list| is_signed_by(list, signer)))
        .map(Certificate::name)
        .collect();
    (!lacking.is_empty()).then(|| format!("has no list that is signed by {}", lacking.join(", ")))
}

/// As Go's `CheckSignatureFrom`: the signer has to be a CA with cRLSign, where it says its usage.
fn is_signed_by(list: &CertificateRevocationList<'_>, signer: &Certificate) -> bool {
    let may_sign =
        signer.is_ca() && signer.key_usage().is_none_or(|usage| usage.contains(&KeyUsage::CrlSign));
    let Ok((_, parsed)) = X509Certificate::from_der(signer.der()) else { return false };
    may_sign && list.verify_signature(parsed.public_key()).is_ok()
}
