//! What istiod verifies before it takes a CA, in its order: `Verify` of
//! `security/pkg/pki/util/keycertbundle.go`, and what is around it (Istio 1.30).

use crate::check;
use crate::crl;
use crate::found::Key;
use crate::parsed::Parsed;
use crate::subject::{Restart, Subject, new_root};
use meshcore::finding::Finding;
use meshpki::chain::{self, Problem};
use meshpki::{Certificate, PrivateKey, date};
use serde_json::json;

/// What is wrong with a set, at a Unix time.
#[must_use]
pub fn findings(subject: Subject<'_>, parsed: &Parsed<'_>, at: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(incomplete(subject));
    findings.extend(unreadable(subject, parsed));
    findings.extend(no_root(subject, parsed));
    if let Some(ca) = parsed.signing() {
        findings.extend(no_way(subject, parsed, ca, at));
    }
    findings.extend(key(subject, parsed.signing()));
    if let Some(text) = &parsed.set.crl
        && let Some(fault) = crl::fault(text, &parsed.chain.certificates())
    {
        let fix = "renew ca-crl.pem with a list of each certificate of the chain, or remove it";
        let text = format!("its ca-crl.pem {fault}");
        let fix = (Restart::Istiod, fix.to_owned());
        findings.push(subject.finding(check::CRL, &text, json!({}), fix));
    }
    if let Some(ca) = parsed.signing().filter(|ca| !ca.is_ca()) {
        let text = format!("its CA certificate {} says CA:false: istiod does not start", ca.name());
        findings.push(subject.finding(check::NO_CA, &text, told(ca), subject.new_intermediate()));
    }
    findings
}

/// What a finding tells of a certificate.
pub fn told(certificate: &Certificate) -> serde_json::Value {
    json!({
        "subject": certificate.subject(),
        "serial": certificate.serial(),
        "sha256": certificate.sha256(),
        "expires": date(certificate.not_after()),
    })
}

fn incomplete(subject: Subject<'_>) -> Option<Finding> {
    let missing = subject.set.missing();
    if missing.is_empty() {
        return None;
    }
    let text = format!(
        "it lacks {}: istiod finds an incomplete signing CA bundle and does not start; before \
         1.26 it signs with a root of its own",
        missing.join(", ")
    );
    let (_, fix) = subject.new_intermediate();
    let evidence = json!({"missing": missing});
    Some(subject.finding(check::INCOMPLETE, &text, evidence, (Restart::Proxies, fix)))
}

fn unreadable(subject: Subject<'_>, parsed: &Parsed<'_>) -> Option<Finding> {
    let reason = parsed.ca.as_ref()?.as_ref().err()?;
    let text = format!("its {} {reason}", subject.set.style.ca_cert());
    Some(subject.finding(check::UNREADABLE_CA, &text, json!({}), subject.new_intermediate()))
}

fn no_root(subject: Subject<'_>, parsed: &Parsed<'_>) -> Option<Finding> {
    if subject.set.root_cert.is_none() || !parsed.roots.is_empty() {
        return None;
    }
    let fault = parsed.roots.fault.as_deref().unwrap_or("holds no certificate");
    let text = format!("its {} {fault}", subject.set.style.root_cert());
    let (_, fix) = subject.new_intermediate();
    Some(subject.finding(check::NO_ROOT, &text, json!({}), (Restart::Proxies, fix)))
}

fn no_way(subject: Subject<'_>, parsed: &Parsed<'_>, ca: &Certificate, at: i64) -> Option<Finding> {
    if parsed.roots.is_empty() {
        return None;
    }
    let (chain, roots) = (parsed.chain.certificates(), parsed.roots.certificates());
    let error = chain::verify(ca, &chain, &roots, at).err()?;
    let mut evidence = told(ca);
    evidence["roots"] = json!(roots.iter().map(told).collect::<Vec<_>>());
    let (_, renew) = subject.new_intermediate();
    let (check, fix) = match error.problem {
        // Proxies keep what an expired CA gave them until they are restarted.
        Problem::Expired(_) | Problem::NotYetValid(_) if error.certificate == ca.name() => {
            (check::NOT_VALID_NOW, (Restart::Proxies, renew))
        }
        Problem::Expired(_) | Problem::NotYetValid(_) => (check::NOT_VALID_NOW, new_root()),
        _ => (check::NO_WAY_TO_ROOT, (Restart::Istiod, renew)),
    };
    Some(subject.finding(check, &error.to_string(), evidence, fix))
}

fn key(subject: Subject<'_>, ca: Option<&Certificate>) -> Option<Finding> {
    let name = subject.set.style.ca_key();
    let public_key = match subject.set.ca_key.as_ref()? {
        Key::Redacted { public_key } => public_key.clone()?,
        Key::Pem(text) => match PrivateKey::from_pem(text) {
            Ok(key) => key.public_key_sha256(),
            // Its certificate is told to be too weak.
            Err(_) if ca.is_some_and(crate::beyond::is_weak) => return None,
            Err(reason) => {
                let text = format!("its {name} {reason}");
                let fix = subject.new_intermediate();
                return Some(subject.finding(check::UNREADABLE_KEY, &text, json!({}), fix));
            }
        },
    };
    let ca = ca.filter(|ca| ca.spki_sha256() != public_key)?;
    let text = format!("its {name} is not the key of its CA certificate {}", ca.name());
    let evidence = json!({"certificateKey": ca.spki_sha256(), "key": public_key});
    Some(subject.finding(check::OTHER_KEY, &text, evidence, subject.new_intermediate()))
}
