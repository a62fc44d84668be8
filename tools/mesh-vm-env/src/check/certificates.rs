//! The roots, and the certificate of a machine in the recipe of Istio 1.6.

use super::found::{CERT_CHAIN, KEY};
use super::report::Report;
use super::table;
use crate::bundle::ROOT_CERT;
use meshpki::chain::{self, Problem};
use meshpki::{Certificate, PrivateKey, San, SpiffeId, date, sample};
use serde_json::json;

/// Looks at the roots and gives those that can be read. `at` is in seconds since 1970.
pub fn roots(text: &str, at: i64, report: &mut Report<'_>) -> Vec<Certificate> {
    let roots = match Certificate::all_from_pem(text) {
        Ok(roots) => roots,
        Err(reason) => {
            let fix = "take root-cert.pem of config map istio-ca-root-cert";
            report.find(table::ROOT, ROOT_CERT, &reason, json!({}), fix);
            return Vec::new();
        }
    };
    for root in &roots {
        let name = root.name();
        let evidence = json!({"subject": root.subject(), "sha256": root.sha256()});
        let mut find = |check, text: String, fix: &str| {
            report.find(check, ROOT_CERT, &text, evidence.clone(), fix);
        };
        if !root.is_ca() {
            let fix = "take root-cert.pem of config map istio-ca-root-cert";
            find(table::ROOT_CA, format!("has the certificate {name}, which is no CA"), fix);
        }
        if let Some(life) = outside_of_life(root, at) {
            find(
                table::ROOT_LIFE,
                format!("has the root {name}, which {life}"),
                "mesh-cacerts rotate",
            );
        }
        if let Some(origin) = sample::origin(root) {
            let text = format!("has the root {name}, whose private key everybody has: {origin}");
            find(table::ROOT_SAMPLE, text, "mesh-cacerts init makes another");
        }
    }
    roots
}

fn outside_of_life(certificate: &Certificate, at: i64) -> Option<String> {
    if at > certificate.not_after() {
        Some(format!("expired on {}", date(certificate.not_after())))
    } else if at < certificate.not_before() {
        Some(format!("is not valid before {}", date(certificate.not_before())))
    } else {
        None
    }
}

/// Looks at a workload's certificate and what signed it, and gives it if it can be read.
pub fn leaf(
    text: &str,
    roots: &[Certificate],
    at: i64,
    report: &mut Report<'_>,
) -> Option<Certificate> {
    let mut find = |check, text: &str, evidence, fix: &str| {
        report.find(check, CERT_CHAIN, text, evidence, fix);
    };
    let again = "mesh-cert makes one of the mesh's CA";
    let mut certificates = match Certificate::all_from_pem(text) {
        Ok(certificates) => certificates,
        Err(reason) => {
            find(table::LEAF, &reason, json!({}), again);
            return None;
        }
    };
    let above = certificates.split_off(1);
    let leaf = certificates.pop()?;
    let names: Vec<String> = leaf.san().iter().map(ToString::to_string).collect();
    let evidence = json!({"names": names, "sha256": leaf.sha256()});
    let is_identity = |san: &San| matches!(san, San::Uri(uri) if uri.parse::<SpiffeId>().is_ok());
    // Any other beginning than `spiffe://` is a host's name to generate_cert.
    let is_typo = |san: &&San| matches!(san, San::Dns(name) if name.contains("://"));
    match leaf.san().iter().find(is_typo) {
        Some(San::Dns(name)) => {
            let text =
                format!("has {name:?} for the name of a host: an identity begins with spiffe://");
            find(table::LEAF_TYPO, &text, evidence.clone(), again);
        }
        _ if leaf.san().iter().any(is_identity) => {}
        _ => {
            let text =
                "names no workload: it has no name spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT";
            find(table::LEAF_IDENTITY, text, evidence.clone(), again);
        }
    }
    if leaf.is_self_signed() {
        let text = "has a certificate that signed itself: nobody in the mesh believes it";
        find(table::LEAF_SELF_SIGNED, text, evidence, again);
    } else if let Err(error) = chain::verify(&leaf, &above, roots, at) {
        let check = match error.problem {
            Problem::Expired(_) | Problem::NotYetValid(_) => table::LEAF_LIFE,
            _ => table::LEAF_CHAIN,
        };
        find(check, &format!("does not count: {error}"), evidence, again);
    }
    Some(leaf)
}

/// Looks at the key, which is never shown.
pub fn key(text: &str, leaf: Option<&Certificate>, report: &mut Report<'_>) {
    let fix = "take the key that was made together with the certificate";
    match (PrivateKey::from_pem(text), leaf) {
        (Err(reason), _) => report.find(table::KEY, KEY, &reason, json!({}), fix),
        (Ok(key), Some(leaf)) if key.public_key_sha256() != leaf.spki_sha256() => {
            let text = format!("is not the key of the certificate in {CERT_CHAIN}");
            report.find(table::KEY, KEY, &text, json!({}), fix);
        }
        (Ok(_), _) => {}
    }
}
