//! With what istiod would ask: token, client certificate, password.

use crate::check;
use crate::secret::{EXPIRES_ANNOTATION, ROTATE_ANNOTATION};
use crate::subject::Subject;
use jiff::{SignedDuration, Timestamp};
use meshcore::check::Check;
use meshcore::credentials::User;
use meshcore::finding::Finding;
use meshcore::jwt::{Form, JwtClaims, fingerprint};
use meshcore::{Error, Result};
use serde_json::json;
use std::time::{Duration, SystemTime};

/// How far two clocks may differ, as API servers see it.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// For how many hours a token is made where nothing says it, and one without an end is wrong.
pub const HOURS: i64 = 720;

/// When tokens are judged.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// As of this time.
    pub at: Timestamp,
    /// With a warning this long before the end, unless a Secret notes a time.
    pub ahead: SignedDuration,
}

impl When {
    /// Now, by this machine's clock.
    pub fn now(ahead: Duration) -> Result<Self> {
        let ahead = SignedDuration::try_from(ahead)
            .map_err(|_| Error::usage("a time before the end of tokens is too long"))?;
        Ok(Self { at: now()?, ahead })
    }
}

/// What this machine's clock shows.
pub fn now() -> Result<Timestamp> {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds)
        .map_err(|_| Error::data("the clock of this machine shows no usable time"))
}

/// Findings about the user of a kubeconfig.
#[must_use]
pub fn findings(subject: Subject<'_>, user: &User, when: When) -> Vec<Finding> {
    let finding =
        |check, text: &str| vec![subject.finding(check, text, json!({}), subject.make_again(&[]))];
    if !user.token.is_empty() {
        let fingerprint = fingerprint(&user.token);
        let evidence = json!({"fingerprint": fingerprint});
        let shown = match Form::of(&user.token) {
            Form::Plain => None,
            Form::Unsendable => Some((
                check::CHARACTERS,
                "its token has a line break or another control character in it, and no request can \
                 carry it: was it encoded with a line break at its end?",
            )),
            Form::Eks => Some((
                check::SHORT_LIVED,
                "its token is of aws eks get-token, and ends 15 minutes after it was made",
            )),
            Form::Google => Some((
                check::SHORT_LIVED,
                "its token is an access token of Google's, and ends within an hour",
            )),
            Form::OpenShift => Some((
                check::SHORT_LIVED,
                "its token is of oc login, and ends within a day unless that was changed",
            )),
        };
        if let Some((check, text)) = shown {
            return vec![subject.finding(check, text, evidence, subject.make_again(&[]))];
        }
        if let Some(claims) = JwtClaims::read(&user.token) {
            return of_token(subject, &claims, &fingerprint, when);
        }
        let text = "its token is no JWT, so nobody can tell when it ends or whose it is";
        return vec![subject.finding(check::OPAQUE, text, evidence, subject.make_again(&[]))];
    }
    if !user.username.is_empty() || !user.password.is_empty() {
        let text = "it has a password, which Kubernetes takes since 1.19 no more";
        return finding(check::PASSWORD, text);
    }
    if let Some(provider) = &user.auth_provider
        && provider.name == "oidc"
        && provider.config.refresh_token.is_empty()
        && let Some(expires) = JwtClaims::read(&provider.config.id_token).and_then(|c| c.expires)
        && expires <= when.at
    {
        let text = format!("its id-token has expired, on {expires}, and it has no refresh-token");
        return finding(check::EXPIRED, &text);
    }
    let has_more = user.exec.is_some()
        || user.auth_provider.is_some()
        || !user.token_file.is_empty()
        || !user.client_certificate.is_empty()
        || !user.client_certificate_data.0.is_empty();
    if has_more {
        return Vec::new();
    }
    finding(check::NO_CREDENTIALS, "it has no credentials: istiod would ask as nobody")
}

fn of_token(
    subject: Subject<'_>,
    claims: &JwtClaims,
    fingerprint: &str,
    when: When,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut find = |check: Check, text: String| {
        let evidence = json!({"claims": claims, "fingerprint": fingerprint});
        // The new one lives as long as the old one did, and is not another that never ends.
        let default = (check.code == check::NO_EXPIRY.code).then_some(HOURS);
        let ttl = claims.hours().or(default).map(|hours| format!("{hours}h"));
        let flags: Vec<&str> = ttl.iter().flat_map(|ttl| ["--ttl", ttl]).collect();
        found.push(subject.finding(check, &text, evidence, subject.make_again(&flags)));
    };
    match claims.expires {
        Some(expires) if expires <= when.at => {
            find(check::EXPIRED, format!("its token has expired, on {expires}"));
        }
        Some(expires) if when.at >= renewal(subject, expires, when) => {
            find(check::EXPIRES, format!("its token expires soon, on {expires}"));
        }
        Some(_) => {}
        None => {
            let text =
                "its token never expires: whoever copies it has it until its Secret is deleted";
            find(check::NO_EXPIRY, text.to_owned());
        }
    }
    let latest = when.at.saturating_add(LEEWAY).unwrap_or(Timestamp::MAX);
    if let Some(from) = claims.not_before.max(claims.issued).filter(|from| *from > latest) {
        find(check::TOO_EARLY, format!("its token is valid from {from} on only"));
    }
    match (&claims.account, &claims.subject) {
        (Some(account), _) if account.namespace != subject.system_namespace => {
            let text = format!(
                "its token is that of service account {}/{}, which is not in {}",
                account.namespace, account.name, subject.system_namespace
            );
            find(check::ACCOUNT_NAMESPACE, text);
        }
        (Some(_), _) => {}
        (None, Some(name)) => {
            find(check::SUBJECT, format!("its token is that of {name}, no service account"));
        }
        (None, None) => find(check::SUBJECT, "its token does not say whose it is".to_owned()),
    }
    if let Some(issuer) = &claims.issuer
        && !claims.audiences.is_empty()
        && !claims.audiences.iter().any(|audience| is_api_server(audience, issuer))
    {
        let text = format!(
            "its token is for {}; API servers ask for their issuer ({issuer}) unless they were \
             told otherwise",
            claims.audiences.join(", ")
        );
        find(check::AUDIENCE, text);
    }
    if let Some(pod) = &claims.pod {
        find(check::POD, format!("its token ends when pod {pod} does"));
    }
    found
}

/// When a token is to be renewed: as its Secret notes, or else some time before its end.
fn renewal(subject: Subject<'_>, expires: Timestamp, when: When) -> Timestamp {
    let noted = subject.secret.rotate_after.as_ref().and_then(|note| note.parse().ok());
    let ahead = || expires.saturating_sub(when.ahead).unwrap_or(Timestamp::MIN);
    noted.unwrap_or_else(ahead)
}

/// Whether a token for `audience` is one for the API server that issued it.
fn is_api_server(audience: &str, issuer: &str) -> bool {
    audience == issuer || audience.starts_with("https://kubernetes.default.svc")
}

/// Whether the Secret's note of its expiry is that of the token of one of its clusters.
#[must_use]
pub fn expiry_note(subject: Subject<'_>, user: &User) -> Option<Finding> {
    let note = subject.secret.expires.as_deref()?;
    let claims = JwtClaims::read(&user.token)?;
    let noted: Option<Timestamp> = note.parse().ok();
    let text = match (noted, claims.expires) {
        (None, _) => format!("the annotation {EXPIRES_ANNOTATION} is no time"),
        (Some(noted), Some(expires)) if noted.duration_since(expires).abs() <= LEEWAY => {
            return None;
        }
        (Some(noted), Some(expires)) => {
            format!("the annotation {EXPIRES_ANNOTATION} says {noted}, the token says {expires}")
        }
        (Some(noted), None) => {
            format!("the annotation {EXPIRES_ANNOTATION} says {noted}, and the token never expires")
        }
    };
    // Nobody owns an annotation that is gone. One with the right time would be in the way of the
    // next token, whose Secret is applied with another time.
    let notes = [EXPIRES_ANNOTATION, ROTATE_ANNOTATION].map(|note| format!("{note}-"));
    let fix = subject.change("annotate", &notes.each_ref().map(String::as_str));
    let evidence = json!({"annotation": note, "expires": claims.expires});
    Some(subject.finding(check::EXPIRY_NOTE, &text, evidence, fix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::tests::{remote_secret, subject};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::Value;

    const NOON: i64 = 1_767_268_800; // 2026-01-01T12:00:00Z

    fn when() -> When {
        When { at: Timestamp::from_second(NOON).unwrap(), ahead: SignedDuration::from_hours(168) }
    }

    fn user(payload: &Value) -> User {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!("{}.{}.c2lnbmF0dXJl", part(&json!({"alg": "RS256"})), part(payload));
        User { token, ..User::default() }
    }

    fn found(user: &User) -> Vec<Finding> {
        let secret = remote_secret(&json!(null));
        findings(subject(&secret), user, when())
    }

    fn codes(user: &User) -> Vec<&'static str> {
        found(user).iter().map(|finding| finding.code).collect()
    }

    /// A bound token of the reader that is good for 30 days, with `more`.
    fn reader(more: Value) -> User {
        let mut payload = json!({
            "iss": "https://issuer", "aud": ["https://issuer"], "exp": NOON + 30 * 86400,
            "sub": "system:serviceaccount:istio-system:istio-reader-service-account",
        });
        for (key, value) in more.as_object().unwrap() {
            payload[key] = value.clone();
        }
        user(&payload)
    }

    #[test]
    fn tokens_are_judged_as_of_a_time() {
        for (more, expected) in [
            (json!({}), &[][..]),
            (json!({"exp": NOON}), &["MESH0434"]),
            (json!({"exp": NOON + 7 * 86400}), &["MESH0435"]),
            (json!({"exp": null}), &["MESH0436"]),
            (json!({"nbf": NOON + 30, "iat": NOON - 1}), &[]),
            (json!({"nbf": NOON + 61}), &["MESH0437"]),
            (json!({"iat": NOON + 61}), &["MESH0437"]),
            (json!({"exp": 1e18}), &[]),
        ] {
            assert_eq!(codes(&reader(more.clone())), expected, "{more}");
        }
    }

    #[test]
    fn a_token_is_a_readers_for_the_api_server() {
        for (more, expected) in [
            (json!({"sub": "me@example.com"}), &["MESH0438"][..]),
            (json!({"sub": null}), &["MESH0438"]),
            (json!({"sub": "system:serviceaccount:team:a"}), &["MESH0439"]),
            (json!({"aud": "istio-ca"}), &["MESH0440"]),
            (json!({"aud": ["x", "https://kubernetes.default.svc.cluster.local"]}), &[]),
            (json!({"kubernetes.io": {"pod": {"name": "p"}}}), &["MESH0441"]),
        ] {
            assert_eq!(codes(&reader(more.clone())), expected, "{more}");
        }
    }

    #[test]
    fn a_short_token_is_renewed_when_its_secret_says_so() {
        let soon = reader(json!({"exp": NOON + 3600}));
        for (note, expected) in [
            ("2026-01-01T12:00:01Z", &[][..]),
            ("2026-01-01T12:00:00Z", &["MESH0435"]),
            ("later", &["MESH0435"]),
        ] {
            let secret = remote_secret(&json!({"meshutils/rotate-after": note}));
            let found = findings(subject(&secret), &soon, when());
            let codes: Vec<&str> = found.iter().map(|finding| finding.code).collect();
            assert_eq!(codes, expected, "{note}");
        }
    }

    #[test]
    fn no_finding_repeats_a_token() {
        let user =
            reader(json!({"exp": null, "aud": "x", "kubernetes.io": {"pod": {"name": "p"}}}));
        let text = serde_json::to_string(&found(&user)).unwrap();
        assert!(user.token.split('.').all(|part| !text.contains(part)), "{text}");
        assert!(text.contains("\"fingerprint\""), "{text}");
    }

    #[test]
    fn other_credentials_are_known() {
        for (token, code) in [
            ("opaque.secret", "MESH0433"),
            ("ya29.secret", "MESH0444"),
            ("k8s-aws-v1.secret", "MESH0444"),
            ("sha256~secret", "MESH0444"),
            ("secret\n", "MESH0443"),
            ("sec\0ret", "MESH0443"),
        ] {
            assert_eq!(
                codes(&User { token: token.into(), ..User::default() }),
                [code],
                "{token:?}"
            );
        }
        let mut with_line_break = reader(json!({}));
        with_line_break.token.push('\n');
        assert_eq!(codes(&with_line_break), ["MESH0443"]);
        let oidc = |more: Value| {
            let id_token = user(&json!({"exp": NOON})).token;
            let mut config = json!({"id-token": id_token});
            config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let user = json!({"auth-provider": {"name": "oidc", "config": config}});
            codes(&serde_json::from_value::<User>(user).unwrap())
        };
        assert_eq!(oidc(json!({})), ["MESH0434"]);
        assert_eq!(oidc(json!({"refresh-token": "r"})), [] as [&str; 0]);
        let opaque = User { token: "ya29.secret".into(), ..User::default() };
        assert!(!format!("{:?}", found(&opaque)).contains("secret\""));
        assert_eq!(codes(&User { password: "x".into(), ..User::default() }), ["MESH0432"]);
        assert_eq!(codes(&User::default()), ["MESH0431"]);
        assert_eq!(codes(&User { token_file: "/t".into(), ..User::default() }), [] as [&str; 0]);
    }

    #[test]
    fn the_note_of_the_expiry_is_the_tokens() {
        for (note, exp, expected) in [
            ("2026-01-01T12:00:00Z", json!(NOON), None),
            ("2026-01-01T13:00:30+01:00", json!(NOON), None),
            (
                "2026-02-01T12:00:00Z",
                json!(NOON),
                Some("meshutils/expires- meshutils/rotate-after-"),
            ),
            ("tomorrow", json!(NOON), Some("meshutils/expires-")),
            ("2026-01-01T12:00:00Z", json!(null), Some("meshutils/expires-")),
        ] {
            let secret = remote_secret(&json!({EXPIRES_ANNOTATION: note}));
            let finding = expiry_note(subject(&secret), &reader(json!({"exp": exp})));
            assert_eq!(finding.is_some(), expected.is_some(), "{note}");
            if let (Some(finding), Some(fix)) = (finding, expected) {
                assert_eq!(finding.code, "MESH0442");
                assert!(finding.fix.contains(fix), "{finding:?}");
            }
        }
        let secret = remote_secret(&json!(null));
        assert!(expiry_note(subject(&secret), &reader(json!({}))).is_none());
    }
}
