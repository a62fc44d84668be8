//! Judges what a workload has: would its peers, and its own proxy, take it?

use crate::check;
use crate::presented::Presented;
use meshcore::check::Check;
use meshcore::finding::Finding;
use meshcore::shell::{self, command_line};
use meshpki::chain::{self, Problem, Usage};
use meshpki::issue::Role;
use meshpki::{Certificate, KeyAlgorithm, KeyUsage, Lifetime, San, SpiffeId, date, sample};
use serde_json::{Value, json};

/// What is expected of a workload's certificate.
pub(crate) struct Expected {
    /// Who it is; none for anybody.
    pub identity: Option<SpiffeId>,
    /// Where in TLS it stands.
    pub role: Role,
    /// The time to judge by, as Unix time.
    pub at: i64,
    /// How long before its end it is told of; none for a tenth of its life.
    pub within: Option<Lifetime>,
}

/// The findings, by code.
pub(crate) fn verify(presented: &Presented, expected: &Expected) -> Vec<Finding> {
    // Reading gave at least one certificate.
    let leaf = &presented.chain[0];
    let judge = Judge { presented, leaf, expected };
    let mut findings: Vec<Finding> = [
        judge.chain(),
        judge.end(),
        judge.uses(),
        judge.kinds(),
        judge.sample(),
        judge.names(),
        judge.key(),
    ]
    .concat();
    findings.sort_by(|a, b| (a.code, &a.message).cmp(&(b.code, &b.message)));
    findings
}

struct Judge<'a> {
    presented: &'a Presented,
    leaf: &'a Certificate,
    expected: &'a Expected,
}

impl Judge<'_> {
    /// One verdict; `text` completes "OBJECT …".
    fn finding(&self, check: Check, text: &str, evidence: Value) -> Finding {
        let object = &self.presented.object;
        Finding {
            code: check.code,
            severity: check.severity,
            object: object.clone(),
            message: format!("{object}: {text}"),
            evidence,
            fix: self.renew(),
        }
    }

    /// The command that makes another certificate.
    fn renew(&self) -> String {
        let asked = self.expected.identity.as_ref().map(ToString::to_string);
        let own = || self.identities().find_map(|uri| uri.parse::<SpiffeId>().ok());
        let identity = asked
            .or_else(|| own().map(|id| id.to_string()))
            .unwrap_or_else(|| "spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT".to_owned());
        let make = command_line(["mesh-cert", "--spiffe", &identity, "--out", "DIR", "--force"]);
        format!("kubectl get secret cacerts -n istio-system -o yaml | {make}")
    }

    /// The SPIFFE identities, right or wrong.
    fn identities(&self) -> impl Iterator<Item = &str> {
        self.leaf.san().iter().filter_map(|name| match name {
            San::Uri(uri) if uri.starts_with("spiffe://") => Some(uri.as_str()),
            _ => None,
        })
    }

    fn ends(&self) -> &'static [Usage] {
        match self.expected.role {
            Role::Both => &[Usage::Servers, Usage::Clients],
            Role::Server => &[Usage::Servers],
            Role::Client => &[Usage::Clients],
        }
    }

    /// The way to the root.
    fn chain(&self) -> Vec<Finding> {
        let Self { leaf, presented, expected } = self;
        if leaf.is_self_signed() && !leaf.is_ca() {
            let text =
                format!("the certificate {} signed itself, so no peer believes it", leaf.name());
            return vec![self.finding(check::SELF_SIGNED, &text, told(leaf))];
        }
        let above = &presented.chain[1..];
        let verdict = self.ends().iter().find_map(|&end| {
            let way = chain::path_for(leaf, above, &presented.roots, expected.at, end);
            // An end that the leaf itself is not for is told apart.
            way.err().filter(|error| error.problem != Problem::NotFor(end) || leaf.is_for(end))
        });
        let Some(error) = verdict else { return vec![] };
        let check = match error.problem {
            Problem::Expired(_) | Problem::NotYetValid(_) => check::NOT_VALID_NOW,
            _ => check::NO_WAY_TO_ROOT,
        };
        let mut evidence = told(leaf);
        evidence["roots"] = presented.roots.iter().map(told).collect();
        vec![self.finding(check, &error.to_string(), evidence)]
    }

    /// The certificate that ends first, if it is still valid.
    fn end(&self) -> Vec<Finding> {
        let Self { leaf, presented, expected } = self;
        let first = presented.chain.iter().min_by_key(|certificate| certificate.not_after());
        let Some(first) = first else { return vec![] };
        let left = first.not_after() - expected.at;
        let within = match expected.within {
            Some(within) => within.seconds(),
            None => (leaf.not_after() - leaf.not_before()) / 10,
        };
        if left < 0 || left > within {
            return vec![];
        }
        let end = date(first.not_after());
        let text = format!("the certificate {} ends soon, at {end}", first.name());
        vec![self.finding(check::EXPIRES, &text, told(first))]
    }

    /// What the certificate may be used for.
    fn uses(&self) -> Vec<Finding> {
        let leaf = self.leaf;
        let name = leaf.name();
        let mut findings = Vec::new();
        for end in self.ends().iter().filter(|end| !leaf.is_for(**end)) {
            let (end, usage) = match end {
                Usage::Servers => ("servers", "serverAuth"),
                Usage::Clients => ("clients", "clientAuth"),
            };
            let usages: Vec<String> = leaf
                .extended_key_usage()
                .unwrap_or_default()
                .iter()
                .map(ToString::to_string)
                .collect();
            let text = format!(
                "the certificate {name} is not for {end} of TLS: its extended key usage lacks {usage}"
            );
            let evidence = json!({"extendedKeyUsage": usages});
            findings.push(self.finding(check::NOT_FOR_BOTH, &text, evidence));
        }
        if let Some(usage) = leaf.key_usage()
            && !usage.contains(&KeyUsage::DigitalSignature)
        {
            let usage: Vec<String> = usage.iter().map(ToString::to_string).collect();
            let text = format!("the key usage of {name} lacks digitalSignature, which TLS needs");
            findings.push(self.finding(check::NO_SIGNATURES, &text, json!({"keyUsage": usage})));
        }
        findings
    }

    /// What kind of certificate and key it is.
    fn kinds(&self) -> Vec<Finding> {
        let leaf = self.leaf;
        let mut findings = Vec::new();
        if leaf.is_ca() {
            let text = format!(
                "the first certificate, {}, is a CA: with its key a workload is anybody it likes",
                leaf.name()
            );
            findings.push(self.finding(check::IS_CA, &text, told(leaf)));
        }
        let is_weak = match leaf.key_algorithm() {
            KeyAlgorithm::Rsa(bits) => *bits < 2048,
            KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP384 | KeyAlgorithm::EcdsaP521 => false,
            KeyAlgorithm::Other(_) => true,
        };
        if is_weak {
            let kind = leaf.key_algorithm();
            let text = format!(
                "its key is {kind}; Envoy takes RSA of 2048 bits and more, and ECDSA on P-256, \
                 P-384 and P-521"
            );
            let evidence = json!({"key": kind.to_string()});
            findings.push(self.finding(check::WEAK_KEY, &text, evidence));
        }
        findings
    }

    fn sample(&self) -> Vec<Finding> {
        let all = self.presented.chain.iter().chain(&self.presented.roots);
        match all.clone().find_map(|certificate| sample::origin(certificate)) {
            Some(origin) => {
                let text = format!("it leads to Istio's sample CA ({origin}), whose key is public");
                vec![self.finding(check::SAMPLE, &text, json!({"sample": origin}))]
            }
            None => vec![],
        }
    }

    /// Who the workload is.
    fn names(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let san: Vec<String> = self.leaf.san().iter().map(ToString::to_string).collect();
        let evidence = json!({"subjectAltName": san});
        for name in self.leaf.san() {
            if let San::Dns(name) = name
                && name.contains("://")
            {
                let text = format!(
                    "it has the DNS name {name}: only what begins with spiffe:// is an identity"
                );
                findings.push(self.finding(check::MISSPELT, &text, evidence.clone()));
            }
        }
        let identities: Vec<&str> = self.identities().collect();
        match identities[..] {
            [] => {
                let text = "it has no SPIFFE identity, so no policy of the mesh can name it";
                findings.push(self.finding(check::NO_IDENTITY, text, evidence));
            }
            [uri] => findings.extend(self.identity(uri)),
            _ => {
                let text = format!(
                    "it has {} SPIFFE identities, and SPIFFE knows one: {}",
                    identities.len(),
                    identities.join(", ")
                );
                findings.push(self.finding(check::SEVERAL, &text, evidence));
            }
        }
        findings
    }

    fn identity(&self, uri: &str) -> Option<Finding> {
        let evidence = json!({"identity": uri});
        let identity = match uri.parse::<SpiffeId>() {
            Ok(identity) => identity,
            Err(reason) => {
                let text = format!("its identity is {uri}: {reason}");
                return Some(self.finding(check::NOT_ISTIOS, &text, evidence));
            }
        };
        let expected = self.expected.identity.as_ref().filter(|expected| **expected != identity)?;
        let text = format!("its identity is {identity}, and not {expected}");
        Some(self.finding(check::OTHER_IDENTITY, &text, evidence))
    }

    fn key(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let certificate = self.leaf.spki_sha256();
        if let Some(key) = &self.presented.key
            && key.public_key_sha256() != certificate
        {
            let text =
                format!("the key is not that of the first certificate, {}", self.leaf.name());
            let evidence = json!({"certificateKey": certificate, "key": key.public_key_sha256()});
            findings.push(self.finding(check::OTHER_KEY, &text, evidence));
        }
        if let Some((path, mode)) = &self.presented.open_key {
            let name = path.display();
            let text = format!("others than its owner can use {name} (mode {mode:04o})");
            let evidence = json!({"mode": format!("{mode:04o}")});
            let finding = self.finding(check::FILE_MODE, &text, evidence);
            findings.push(Finding { fix: shell::chmod("600", path), ..finding });
        }
        findings
    }
}

/// What a verdict about a certificate rests on.
fn told(certificate: &Certificate) -> Value {
    json!({
        "certificate": certificate.name(),
        "issuer": certificate.issuer(),
        "notAfter": date(certificate.not_after()),
        "sha256": certificate.sha256(),
    })
}
