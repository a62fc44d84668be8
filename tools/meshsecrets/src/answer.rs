//! What an API server says to the credentials of a remote Secret, and what follows from it.

use crate::check;
use crate::lint::Remote;
use crate::rights::{Right, Rule, excess, resource_name};
use meshcore::finding::Finding;
use meshcore::jwt::JwtClaims;
use meshcore::shell::command_line;
use meshcore::{Server, visible};
use serde_json::json;
use std::collections::BTreeMap;

/// An answer, or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The credentials work.
    Works {
        /// Needed rights that it denies.
        denied: Vec<Right>,
        /// What it allows in the whole cluster and in `namespace`.
        rules: Vec<Rule>,
        /// The namespace that was asked about.
        namespace: String,
    },
    /// The credentials do not work (HTTP status 401).
    Rejected,
    /// No TLS connection: the certificate is not one of this CA, or not for this name.
    Certificate(String),
    /// No connection, or nothing of an API server.
    Unreachable(String),
    /// Not asked, or nothing answered.
    NotAsked(String),
}

/// Why these credentials are not for asking from here.
#[must_use]
pub fn reason_not_to_ask(remote: &Remote<'_>) -> Option<&'static str> {
    let Remote { cluster, user, .. } = remote;
    let files = [&user.token_file, &user.client_certificate, &user.client_key];
    let rules = [
        (Server::parse(&cluster.server).is_err(), "its server is no https address"),
        (
            cluster.insecure_skip_tls_verify,
            "without a check of the certificate it could be anybody",
        ),
        (!cluster.proxy_url.is_empty(), "the proxy is for istiod's pod"),
        (!cluster.certificate_authority.is_empty(), "its CA is a file in istiod's pod"),
        (
            user.exec.is_some() || user.auth_provider.is_some(),
            "its credentials come from a program",
        ),
        (files.iter().any(|file| !file.is_empty()), "its credentials are a file in istiod's pod"),
    ];
    rules.into_iter().find(|(applies, _)| *applies).map(|(_, reason)| reason)
}

/// The namespace to ask about: where the service account lives, it may have more rights than
/// elsewhere.
#[must_use]
pub fn namespace_to_ask_about(remote: &Remote<'_>) -> String {
    let account = JwtClaims::read(&remote.user.token).and_then(|claims| claims.account);
    account.map_or_else(|| remote.subject.system_namespace.to_owned(), |account| account.namespace)
}

impl Answer {
    /// What is wrong according to it.
    #[must_use]
    pub fn findings(&self, remote: Remote<'_>) -> Vec<Finding> {
        let subject = remote.subject;
        let server = crate::connection::shown(&remote.cluster.server);
        let finding = |check, text: String, flags: &[&str]| {
            let evidence = json!({"server": server});
            vec![subject.finding(check, &text, evidence, subject.make_again(flags))]
        };
        match self {
            Self::Works { denied, rules, namespace } => {
                let mut found = Vec::new();
                found.extend(missing(remote, denied));
                found.extend(over_wide(remote, rules, namespace));
                found
            }
            Self::Rejected => finding(
                check::REJECTED,
                format!(
                    "{server} rejects its credentials: expired, taken back, or of another cluster"
                ),
                &[],
            ),
            Self::Certificate(reason) => finding(
                check::CERTIFICATE,
                format!(
                    "the certificate of {server} does not fit its CA and name: {}",
                    visible(reason)
                ),
                &["--server", "URL"],
            ),
            Self::Unreachable(reason) => finding(
                check::UNREACHABLE,
                format!("{server} cannot be reached from here: {}", visible(reason)),
                &["--server", "URL"],
            ),
            Self::NotAsked(reason) => {
                let text = format!("{server} was not asked: {}", visible(reason));
                let fix = "ask from where it can be asked".to_owned();
                vec![subject.finding(check::NOT_ASKED, &text, json!({"server": server}), fix)]
            }
        }
    }
}

fn missing(remote: Remote<'_>, denied: &[Right]) -> Option<Finding> {
    if denied.is_empty() {
        return None;
    }
    let mut verbs: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for right in denied {
        verbs.entry(resource_name(right.resource, right.group)).or_default().push(right.verb);
    }
    let rights: Vec<String> =
        verbs.iter().map(|(resource, verbs)| format!("{} {resource}", verbs.join(","))).collect();
    let text = format!("it may not {}: istiod would wait for them in vain", rights.join("; "));
    let account = JwtClaims::read(&remote.user.token).and_then(|claims| claims.account);
    let fix = match account {
        // kubectl would take another for a flag.
        Some(account) if !account.name.starts_with('-') => {
            let role = format!("istio-reader-clusterrole-{}", remote.subject.system_namespace);
            command_line([
                "kubectl",
                "--context",
                "CONTEXT",
                "create",
                "clusterrolebinding",
                &format!("{}-{}", account.name, account.namespace),
                &format!("--clusterrole={role}"),
                &format!("--serviceaccount={}:{}", account.namespace, account.name),
            ])
        }
        _ => remote.subject.make_again(&["--create-service-account"]),
    };
    Some(remote.subject.finding(check::RIGHT_MISSING, &text, json!({"missing": rights}), fix))
}

fn over_wide(remote: Remote<'_>, rules: &[Rule], namespace: &str) -> Option<Finding> {
    /// The rest is in the evidence.
    const SHOWN: usize = 4;
    let rights = excess(rules);
    if rights.is_empty() {
        return None;
    }
    let more = match rights.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let text = format!(
        "it may do more than istiod's reader: {}{more} (in the cluster or in namespace {namespace})",
        rights[..rights.len().min(SHOWN)].join("; ")
    );
    let fix = remote.subject.make_again(&["--create-service-account"]);
    let evidence = json!({"rights": rights, "namespace": namespace});
    Some(remote.subject.finding(check::OVER_WIDE, &text, evidence, fix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rights::needed;
    use crate::subject::tests::{remote_secret, subject};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use meshcore::credentials::{AuthProvider, Cluster, Exec, User};

    fn cluster() -> Cluster {
        Cluster { server: "https://10.0.0.2".into(), ..Cluster::default() }
    }

    fn user() -> User {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let claims = part(r#"{"sub": "system:serviceaccount:team:reader"}"#);
        let token = format!("{}.{claims}.eA", part(r#"{"alg": "RS256"}"#));
        User { token, ..User::default() }
    }

    fn with<T>(cluster: &Cluster, user: &User, judge: impl FnOnce(Remote<'_>) -> T) -> T {
        let secret = remote_secret(&json!(null));
        judge(Remote { subject: subject(&secret), cluster, user, is_valid: true })
    }

    fn found(answer: &Answer) -> Vec<Finding> {
        with(&cluster(), &user(), |remote| answer.findings(remote))
    }

    #[test]
    fn every_answer_has_its_finding() {
        let text = || "reason".to_owned();
        for (answer, code) in [
            (Answer::Rejected, "MESH0461"),
            (Answer::Unreachable(text()), "MESH0462"),
            (Answer::Certificate(text()), "MESH0463"),
            (Answer::NotAsked(text()), "MESH0466"),
        ] {
            let found = found(&answer);
            assert_eq!((found.len(), found[0].code), (1, code));
            assert!(found[0].message.contains("https://10.0.0.2"), "{found:?}");
        }
    }

    #[test]
    fn rights_are_weighed() {
        let works = |denied, rules| Answer::Works { denied, rules, namespace: "team".into() };
        assert_eq!(found(&works(Vec::new(), Vec::new())), []);
        let denied = needed().filter(|right| right.resource.starts_with("end")).collect();
        let lacking = found(&works(denied, Vec::new()));
        assert_eq!(lacking[0].code, "MESH0464");
        assert!(lacking[0].message.contains("may not list,watch endpointslices.discovery.k8s.io:"));
        assert!(lacking[0].fix.ends_with(
            "clusterrolebinding reader-team --clusterrole=istio-reader-clusterrole-istio-system \
             --serviceaccount=team:reader"
        ));
        let all = || vec!["*".to_owned()];
        let admin = Rule { verbs: all(), groups: all(), resources: all(), names: Vec::new() };
        let wide = found(&works(Vec::new(), vec![admin]));
        assert_eq!(wide[0].code, "MESH0465");
        assert!(
            wide[0].message.ends_with(
                "more than istiod's reader: * *.* (in the cluster or in namespace team)"
            )
        );
        let letters = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec();
        let some = Rule {
            verbs: vec!["create".into()],
            groups: vec![String::new()],
            resources: letters,
            names: Vec::new(),
        };
        let wide = found(&works(Vec::new(), vec![some]));
        assert!(wide[0].message.contains("create d and 2 more"), "{wide:?}");
    }

    #[test]
    fn nothing_is_run_or_read_or_told_to_anybody_here() {
        let ask = |cluster: &Cluster, user: &User| with(cluster, user, |r| reason_not_to_ask(&r));
        assert_eq!(ask(&cluster(), &user()), None);
        for cluster in [
            Cluster { server: "http://10.0.0.2".into(), ..cluster() },
            Cluster { insecure_skip_tls_verify: true, ..cluster() },
            Cluster { proxy_url: "http://p".into(), ..cluster() },
            Cluster { certificate_authority: "/ca".into(), ..cluster() },
        ] {
            assert!(ask(&cluster, &user()).is_some(), "{}", cluster.server);
        }
        for user in [
            User { exec: Some(Exec::default()), ..user() },
            User { auth_provider: Some(AuthProvider::default()), ..user() },
            User { token_file: "/t".into(), ..User::default() },
            User { client_key: "/k".into(), ..user() },
        ] {
            assert!(ask(&cluster(), &user).is_some());
        }
    }

    #[test]
    fn rights_are_asked_for_where_the_account_lives() {
        let namespace = |user: &User| with(&cluster(), user, |r| namespace_to_ask_about(&r));
        assert_eq!(namespace(&user()), "team");
        assert_eq!(namespace(&User::default()), "istio-system");
    }
}
