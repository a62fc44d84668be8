//! Revocation lists, as istiod takes them: each certificate of the chain needs one that it signed.

use meshpki::{Certificate, KeyUsage};
use std::collections::HashMap;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

/// Signatures that are checked: of names that are all alike, each pair could be one.
const MOST_SIGNATURES: usize = 1000;

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
    let mut by_issuer: HashMap<&[u8], Vec<&CertificateRevocationList<'_>>> = HashMap::new();
    for list in &lists {
        by_issuer.entry(list.tbs_cert_list.issuer.as_raw()).or_default().push(list);
    }
    let mut left = MOST_SIGNATURES;
    let mut has_list = |signer: &Certificate| {
        let named = by_issuer.get(signer.raw_names()[0]).into_iter().flatten();
        named.into_iter().any(|list| {
            left = left.saturating_sub(1);
            left > 0 && is_signed_by(list, signer)
        })
    };
    let lacking: Vec<String> =
        chain.iter().filter(|signer| !has_list(signer)).map(Certificate::name).collect();
    (!lacking.is_empty()).then(|| format!("has no list that is signed by {}", lacking.join(", ")))
}

/// As Go's `CheckSignatureFrom`: the signer has to be a CA with cRLSign, where it says its usage.
fn is_signed_by(list: &CertificateRevocationList<'_>, signer: &Certificate) -> bool {
    let may_sign =
        signer.is_ca() && signer.key_usage().is_none_or(|usage| usage.contains(&KeyUsage::CrlSign));
    let Ok((_, parsed)) = X509Certificate::from_der(signer.der()) else { return false };
    may_sign && list.verify_signature(parsed.public_key()).is_ok()
}
