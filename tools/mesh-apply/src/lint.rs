//! Remote Secrets are judged as mesh-secret-lint judges them before they go to any istiod.

use crate::manifest::Manifest;
use crate::placement::Target;
use meshcore::finding::{Finding, Severity};
use meshcore::{Console, Error, Message, Result};
use meshsecrets::{Check, Policy, Primary, When, check, connection, lint};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Tokens that end within this time make a warning, as mesh-secret-lint has it.
const AHEAD: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What has istiod run a program or open a file goes nowhere, whoever names the clusters.
const DANGERS: [Check; 3] = [check::UNREADABLE, check::NOT_ALLOWED, check::CA_FILE];

/// How strict to be.
pub struct Rules<'a> {
    /// Errors refuse a Secret, and warnings are said. Otherwise dangers alone refuse it.
    pub is_spread: bool,
    /// Checks that the user has left out.
    pub ignored: &'a [Check],
    /// Where the Secrets go.
    pub targets: &'a [Target],
}

fn is_danger(finding: &Finding) -> bool {
    DANGERS.iter().any(|danger| danger.code == finding.code)
}

impl Rules<'_> {
    fn refuses(&self, finding: &Finding) -> bool {
        is_danger(finding) || self.is_spread && finding.severity == Severity::Error
    }

    /// Loopback addresses lead to the other clusters only where those who ask are there, too: in
    /// a test bed. The kubeconfig says so, which is the user's, and no Secret.
    fn is_test_bed(&self) -> bool {
        let is_local = |target: &Target| connection::leads_nowhere_else(&target.server);
        !self.targets.is_empty() && self.targets.iter().all(is_local)
    }
}

/// Refuses what must not be spread, before anything is written; says what is worth knowing.
pub fn check(manifests: &mut [Manifest], rules: &Rules<'_>, console: &Console) -> Result<()> {
    let when = When::now(AHEAD)?;
    let is_test_bed = rules.is_test_bed();
    let mut refused = Vec::new();
    let mut warnings: BTreeMap<&str, (Finding, usize)> = BTreeMap::new();
    for manifest in manifests {
        for mut finding in findings(manifest, when)? {
            if rules.ignored.iter().any(|check| check.code == finding.code) {
                continue;
            }
            if is_test_bed && finding.code == check::SERVER_LOCAL.code {
                finding.severity = Severity::Warning;
            }
            if rules.refuses(&finding) {
                refused.push(finding);
            } else if rules.is_spread {
                let code = finding.code;
                warnings.entry(code).and_modify(|(_, more)| *more += 1).or_insert((finding, 0));
            }
        }
    }
    let worst = refused.iter().find(|finding| is_danger(finding)).or(refused.first());
    if let Some(first) = worst {
        return Err(Error::data(words(first, refused.len() - 1))
            .hint(format!("make it again: {}", first.fix))
            .hint(format!("mesh-secret-lint shows all; --ignore {} passes it over", first.code)));
    }
    for (finding, more) in warnings.into_values() {
        console.warn(&Message::new(words(&finding, more)).hint(finding.fix));
    }
    Ok(())
}

fn words(finding: &Finding, more: usize) -> String {
    let Finding { message, code, .. } = finding;
    match more {
        0 => format!("{message} ({code})"),
        more => format!("{message} ({code}), and {more} more"),
    }
}

/// What is wrong with a remote Secret by itself: each is judged alone, as if istiod were where it
/// lies. The Secret is gone from the manifest then.
fn findings(manifest: &mut Manifest, when: When) -> Result<Vec<Finding>> {
    let Some(secret) = manifest.remote.take() else { return Ok(Vec::new()) };
    let namespace = secret.namespace.clone().unwrap_or_else(|| "istio-system".to_owned());
    let policy = Policy { namespace, own_id: None, allowed: BTreeSet::new(), when };
    let primary = Primary { secrets: vec![secret], ..Primary::default() };
    let mut findings = lint(&primary, &policy, &BTreeMap::new())?.findings;
    findings.sort_by(|a, b| (a.code, &a.message).cmp(&(b.code, &b.message)));
    Ok(findings)
}
