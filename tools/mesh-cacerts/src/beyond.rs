//! What istiod does not verify of one cluster's CA, and proxies or people do.

use crate::check;
use crate::istiod::told;
use crate::parsed::Parsed;
use crate::subject::{Restart, Subject, new_root};
use meshcore::finding::Finding;
use meshpki::{Certificate, ExtendedKeyUsage, KeyAlgorithm, chain, date, sample};
use serde_json::json;
use std::collections::{BTreeSet, HashMap};

/// What is wrong with a set at a Unix time, or will be within so many seconds.
#[must_use]
pub fn findings(subject: Subject<'_>, parsed: &Parsed<'_>, at: i64, within: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(something_else(subject, parsed));
    findings.extend(samples(subject, parsed));
    findings.extend(on_the_way(subject, parsed, at, within));
    let Some(ca) = parsed.signing() else { return findings };
    if !ca.may_sign() {
        let text = format!(
            "the key usage of its CA certificate {} has no keyCertSign: every proxy refuses what \
             it signs",
            ca.name()
        );
        let fix = subject.new_intermediate();
        findings.push(subject.finding(check::CERT_SIGN, &text, told(ca), fix));
    }
    for certificate in all(parsed) {
        findings.extend(usage(subject, ca, certificate));
        findings.extend(weak(subject, ca, certificate));
    }
    findings.extend(order(subject, parsed, ca));
    findings
}

/// The signing certificate, the chain and the roots, none twice.
fn all<'a>(parsed: &'a Parsed<'_>) -> Vec<&'a Certificate> {
    let entries = parsed.chain.entries.iter().chain(&parsed.roots.entries);
    let all = parsed.signing().into_iter().chain(entries.map(|(certificate, _)| certificate));
    let mut known = BTreeSet::new();
    all.filter(|certificate| known.insert(certificate.der())).collect()
}

fn something_else(subject: Subject<'_>, parsed: &Parsed<'_>) -> Vec<Finding> {
    let style = subject.set.style;
    [(style.root_cert(), &parsed.roots), (style.cert_chain(), &parsed.chain)]
        .into_iter()
        .filter(|(_, bundle)| !bundle.is_empty())
        .filter_map(|(name, bundle)| {
            let fault = bundle.fault.as_deref()?;
            let text = format!("its {name} {fault}; istiod passes it over");
            let fix = "take it out; a key that stood there is known to every pod".to_owned();
            let finding =
                subject.finding(check::NO_CERTIFICATE, &text, json!({}), (Restart::Istiod, fix));
            Some(finding)
        })
        .collect()
}

fn samples(subject: Subject<'_>, parsed: &Parsed<'_>) -> Option<Finding> {
    let (certificate, origin) =
        all(parsed).into_iter().find_map(|c| sample::origin(c).map(|origin| (c, origin)))?;
    let text = format!(
        "the certificate {} is Istio's {origin}: its key is public, and anybody can be any \
         workload",
        certificate.name()
    );
    Some(subject.finding(check::SAMPLE, &text, told(certificate), new_root()))
}

/// What leads to the root for istiod and not for its workloads, what will not for long, and roots
/// that are in vain. istiod asks for the way of its own certificate alone, which has one CA fewer in
/// it than that of a workload.
fn on_the_way(subject: Subject<'_>, parsed: &Parsed<'_>, at: i64, within: i64) -> Vec<Finding> {
    let (chain, roots) = (parsed.chain.certificates(), parsed.roots.certificates());
    let path = parsed.signing().and_then(|ca| chain::path(ca, &chain, &roots, at).ok());
    let Some(path) = path else { return Vec::new() };
    let mut findings = Vec::new();
    for (below, certificate) in path.iter().enumerate() {
        let allowed = certificate.path_len().map_or(usize::MAX, |length| length as usize);
        if below > allowed {
            let text = format!(
                "the certificate {} allows {allowed} CAs between it and a workload (pathlen), and there \
                 are {below}: peers refuse every workload",
                certificate.name()
            );
            let evidence = told(certificate);
            findings.push(subject.finding(check::PATH_LENGTH, &text, evidence, new_root()));
        }
        if certificate.not_after() <= at.saturating_add(within) {
            let text = format!(
                "the certificate {} expires at {}",
                certificate.name(),
                date(certificate.not_after())
            );
            let is_own = parsed.signing() == Some(certificate);
            let fix = if is_own { subject.new_intermediate() } else { new_root() };
            findings.push(subject.finding(check::EXPIRES, &text, told(certificate), fix));
        }
    }
    for root in roots.iter().filter(|root| !path.contains(root) && root.not_after() < at) {
        let text = format!(
            "its {} still has {}, which expired at {}",
            subject.set.style.root_cert(),
            root.name(),
            date(root.not_after())
        );
        findings.push(subject.finding(check::EXPIRES, &text, told(root), new_root()));
    }
    findings
}

/// Go nests extended key usages: what a CA leaves out, nothing below it has. Servers are what
/// istiod asks for; each proxy is a client, too.
fn usage(subject: Subject<'_>, ca: &Certificate, certificate: &Certificate) -> Option<Finding> {
    let usages = certificate.extended_key_usage()?;
    if usages.iter().any(|u| matches!(u, ExtendedKeyUsage::ClientAuth | ExtendedKeyUsage::Any)) {
        return None;
    }
    let text = format!(
        "the extended key usage of {} has no clientAuth: no proxy could be a client",
        certificate.name()
    );
    Some(subject.finding(
        check::EXTENDED_USAGE,
        &text,
        told(certificate),
        fix(subject, ca, certificate),
    ))
}

/// Whether a key is smaller than Envoy and public CAs take.
pub fn is_weak(certificate: &Certificate) -> bool {
    matches!(certificate.key_algorithm(), KeyAlgorithm::Rsa(..2048))
}

fn weak(subject: Subject<'_>, ca: &Certificate, certificate: &Certificate) -> Option<Finding> {
    is_weak(certificate).then(|| {
        let algorithm = certificate.key_algorithm();
        let text = format!("the key of {} is {algorithm}: too small", certificate.name());
        let mut evidence = told(certificate);
        evidence["key"] = json!(algorithm.to_string());
        subject.finding(check::WEAK_KEY, &text, evidence, fix(subject, ca, certificate))
    })
}

fn fix(subject: Subject<'_>, ca: &Certificate, certificate: &Certificate) -> (Restart, String) {
    if ca == certificate { subject.new_intermediate() } else { new_root() }
}

/// Proxies send their own certificate and then this file: the CA first, each signed by the next.
fn order(subject: Subject<'_>, parsed: &Parsed<'_>, ca: &Certificate) -> Vec<Finding> {
    let chain = parsed.chain.certificates();
    let name = subject.set.style.cert_chain();
    let mut findings = Vec::new();
    let mut found = |check, text: String| {
        let subjects: Vec<&str> = chain.iter().map(Certificate::subject).collect();
        let evidence = json!({"chain": subjects});
        findings.push(subject.finding(check, &text, evidence, subject.new_intermediate()));
    };
    if chain.is_empty() {
        return Vec::new();
    }
    if !chain.contains(ca) {
        // A CA that is a root needs nobody to send it.
        if !parsed.roots.has(ca) {
            let text = format!(
                "its {name} has not the CA certificate {}: proxies do not send it, and their peers \
                 find no way to the root",
                ca.name()
            );
            found(check::NOT_IN_CHAIN, text);
        }
    } else if chain[0] != *ca || !is_in_order(&chain) {
        found(
            check::CHAIN_ORDER,
            format!(
                "its {name} begins with {}: strict peers want the CA first and each certificate \
                 signed by the next",
                chain[0].name()
            ),
        );
    }
    let roots = parsed.roots.public_keys();
    let strange = chain.iter().find(|c| c.is_self_signed() && !roots.contains(&c.spki_sha256()));
    if let Some(strange) = strange {
        let root_cert = subject.set.style.root_cert();
        let text = format!("its {name} has the root {}, which {root_cert} has not", strange.name());
        found(check::OTHER_ROOT, text);
    }
    findings
}

/// Signatures that are checked of one file: of names that are all alike, each pair could be one.
const MOST_SIGNATURES: usize = 100;

/// Whether each is signed by the next, as far as its signer is there.
fn is_in_order(chain: &[Certificate]) -> bool {
    let mut by_name: HashMap<&[u8], Vec<&Certificate>> = HashMap::new();
    for certificate in chain {
        by_name.entry(certificate.raw_names()[0]).or_default().push(certificate);
    }
    let mut left = MOST_SIGNATURES;
    let mut is_signed = |one: &Certificate, signer: &Certificate| {
        left = left.saturating_sub(1);
        left > 0 && one.is_signed_by(signer)
    };
    chain.windows(2).all(|pair| {
        let signers = by_name.get(pair[0].raw_names()[1]).into_iter().flatten();
        pair[0].is_self_issued()
            || is_signed(&pair[0], &pair[1])
            || !signers.into_iter().any(|signer| is_signed(&pair[0], signer))
    })
}
