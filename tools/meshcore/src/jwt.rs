//! What a service account's token says of itself. Only its middle part is decoded; no signature
//! leaves this module.

mod form;

pub use form::Form;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value, json};
use sha2::{Digest as _, Sha256};

/// The claims worth knowing, of both kinds of tokens: those of token Secrets
/// (`kubernetes.io/serviceaccount/…` claims) and bound ones (`kubernetes.io` claim).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JwtClaims {
    /// `iss`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// `sub`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// `aud`; empty for none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// `exp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// `nbf`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// `iat`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued: Option<Timestamp>,
    /// The service account, if it is one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
    /// The Secret that holds it, or that it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The pod that it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
}

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Account {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID, where the token tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// As the payload has them.
#[derive(Deserialize)]
struct Payload {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<OneOrMore>,
    exp: Option<Number>,
    nbf: Option<Number>,
    iat: Option<Number>,
    #[serde(rename = "kubernetes.io/serviceaccount/secret.name")]
    secret: Option<String>,
    #[serde(rename = "kubernetes.io/serviceaccount/service-account.uid")]
    uid: Option<String>,
    #[serde(rename = "kubernetes.io")]
    bound: Option<Bound>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Deserialize)]
struct Bound {
    serviceaccount: Option<Reference>,
    secret: Option<Reference>,
    pod: Option<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    name: Option<String>,
    uid: Option<String>,
}

impl JwtClaims {
    /// Reads the claims of a token; `None` when it is no JWT. No signature is checked: only the
    /// API server can.
    #[must_use]
    pub fn read(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || signature.is_empty() {
            return None;
        }
        let header: Value = serde_json::from_slice(&decode(header)?).ok()?;
        header.get("alg")?;
        let payload = String::from_utf8(decode(payload)?).ok()?;
        let payload: Payload = crate::input::decode(&payload).ok()?;
        Some(payload.into_claims())
    }
}

impl JwtClaims {
    /// For how many hours it was given, at least one; none where it has no end.
    #[must_use]
    pub fn hours(&self) -> Option<i64> {
        let (end, begin) = self.expires.zip(self.issued)?;
        Some(end.duration_since(begin).as_hours().max(1))
    }
}

impl Payload {
    fn into_claims(self) -> JwtClaims {
        let (account, secret, pod) = match self.bound {
            Some(Bound { serviceaccount, secret, pod }) => (serviceaccount, secret, pod),
            None => (None, None, None),
        };
        let name = |reference: Option<Reference>| reference.and_then(|reference| reference.name);
        let uid = account.and_then(|account| account.uid).or(self.uid);
        JwtClaims {
            account: self.sub.as_deref().and_then(|subject| Account::of_subject(subject, uid)),
            issuer: self.iss,
            subject: self.sub,
            audiences: match self.aud {
                Some(OneOrMore::One(audience)) => vec![audience],
                Some(OneOrMore::More(audiences)) => audiences,
                None => Vec::new(),
            },
            expires: self.exp.as_ref().and_then(time),
            not_before: self.nbf.as_ref().and_then(time),
            issued: self.iat.as_ref().and_then(time),
            secret: name(secret).or(self.secret),
            pod: name(pod),
        }
    }
}

impl Account {
    /// From `system:serviceaccount:NAMESPACE:NAME`.
    fn of_subject(subject: &str, uid: Option<String>) -> Option<Self> {
        let (namespace, name) = subject.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        Some(Self { namespace: namespace.to_owned(), name: name.to_owned(), uid })
    }
}

fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

/// A `NumericDate` (RFC 7519): seconds since 1970, possibly with a fraction. One that no clock
/// ever shows is a limit that is never reached.
#[allow(clippy::cast_possible_truncation)] // a float that is too large becomes the largest number
fn time(number: &Number) -> Option<Timestamp> {
    let seconds = number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64))?;
    let seconds = seconds.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(seconds).ok()
}

/// Enough of the token's SHA-256 to tell two tokens apart: 12 hexadecimal digits. Of a redacted
/// token, that of the token it was.
#[must_use]
pub fn fingerprint(token: &str) -> String {
    if let Some(noted) = token.rsplit('.').next().and_then(|part| part.strip_prefix(REDACTED))
        && noted.len() == 12
        && noted.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    {
        return noted.to_owned();
    }
    let digest = Sha256::digest(token.as_bytes());
    digest.iter().take(6).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// A token that says and shows the same, has the same fingerprint and opens nothing.
#[must_use]
pub fn without_signature(claims: Option<&JwtClaims>, form: Form, fingerprint: &str) -> String {
    let mark = format!("{REDACTED}{fingerprint}");
    if let Some(redacted) = form.redacted(&mark) {
        return redacted;
    }
    let Some(claims) = claims else { return mark };
    let seconds = |time: Option<Timestamp>| time.map(Timestamp::as_second);
    let account = claims.account.as_ref();
    let payload = json!({
        "iss": claims.issuer,
        "sub": claims.subject,
        "aud": claims.audiences,
        "exp": seconds(claims.expires),
        "nbf": seconds(claims.not_before),
        "iat": seconds(claims.issued),
        "kubernetes.io": {
            "serviceaccount": account.map(|account| json!({"name": account.name, "uid": account.uid})),
            "secret": claims.secret.as_ref().map(|name| json!({"name": name})),
            "pod": claims.pod.as_ref().map(|name| json!({"name": name})),
        },
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{mark}", part(&json!({"alg": "none"})), part(&payload))
}

/// What stands before the fingerprint of a token that was redacted.
const REDACTED: &str = "redacted-";

/// The token with its fingerprint in the signature's place, so that nobody can use it and its
/// claims can still be read; of a token that is no JWT, the fingerprint and its form alone.
#[must_use]
pub fn redact(token: &str) -> String {
    let mark = format!("{REDACTED}{}", fingerprint(token));
    if let Some(redacted) = Form::of(token).redacted(&mark) {
        return redacted;
    }
    match token.rsplit_once('.').filter(|_| JwtClaims::read(token).is_some()) {
        Some((claims, _)) => format!("{claims}.{mark}"),
        None => mark,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn token(payload: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(&json!({"alg": "RS256"})), part(payload))
    }

    fn read(payload: &Value) -> JwtClaims {
        JwtClaims::read(&token(payload)).unwrap()
    }

    #[test]
    fn tokens_of_secrets_are_read() {
        let claims = read(&json!({
            "iss": "kubernetes/serviceaccount",
            "kubernetes.io/serviceaccount/namespace": "istio-system",
            "kubernetes.io/serviceaccount/secret.name": "reader-token-x",
            "kubernetes.io/serviceaccount/service-account.name": "reader",
            "kubernetes.io/serviceaccount/service-account.uid": "u1",
            "sub": "system:serviceaccount:istio-system:reader",
        }));
        let account = claims.account.clone().unwrap();
        assert_eq!((account.namespace.as_str(), account.name.as_str()), ("istio-system", "reader"));
        assert_eq!((account.uid.as_deref(), claims.expires), (Some("u1"), None));
        assert_eq!(claims.secret.as_deref(), Some("reader-token-x"));
    }

    #[test]
    fn bound_tokens_are_read() {
        let claims = read(&json!({
            "aud": ["https://kubernetes.default.svc"], "iss": "https://kubernetes.default.svc",
            "exp": 1_767_225_600, "iat": 1_767_222_000.5, "nbf": 1_767_222_000,
            "kubernetes.io": {"namespace": "n", "serviceaccount": {"name": "a", "uid": "u"},
                "pod": {"name": "p", "uid": "q"}},
            "sub": "system:serviceaccount:n:a",
        }));
        assert_eq!(
            json!(claims),
            json!({
                "issuer": "https://kubernetes.default.svc", "subject": "system:serviceaccount:n:a",
                "audiences": ["https://kubernetes.default.svc"],
                "expires": "2026-01-01T00:00:00Z", "issued": "2025-12-31T23:00:00Z",
                "notBefore": "2025-12-31T23:00:00Z", "pod": "p",
                "account": {"namespace": "n", "name": "a", "uid": "u"},
            })
        );
    }

    #[test]
    fn a_token_without_its_signature_says_the_same() {
        let claims = read(&json!({
            "aud": ["a", "b"], "iss": "i", "exp": 1_767_225_600, "iat": 1_767_222_000,
            "nbf": 1_767_222_000, "sub": "system:serviceaccount:n:a",
            "kubernetes.io": {"serviceaccount": {"name": "a", "uid": "u"}, "pod": {"name": "p"},
                "secret": {"name": "s"}},
        }));
        let token = without_signature(Some(&claims), Form::Plain, "0123456789ab");
        assert_eq!(JwtClaims::read(&token).as_ref(), Some(&claims));
        assert_eq!(fingerprint(&token), "0123456789ab");
        let nothing = JwtClaims::default();
        assert_eq!(
            JwtClaims::read(&without_signature(Some(&nothing), Form::Plain, "0")),
            Some(nothing)
        );
        for form in [Form::Unsendable, Form::Eks, Form::Google, Form::OpenShift] {
            let token = without_signature(Some(&claims), form, "0123456789ab");
            assert_eq!((Form::of(&token), fingerprint(&token).as_str()), (form, "0123456789ab"));
            assert_eq!(redact(&token), token);
        }
        let opaque = without_signature(None, Form::Plain, "0123456789ab");
        assert_eq!(
            (JwtClaims::read(&opaque), fingerprint(&opaque).as_str()),
            (None, "0123456789ab")
        );
    }

    #[test]
    fn other_subjects_and_dates_are_no_error() {
        let claims = read(&json!({"sub": "user@example.com", "aud": "x", "exp": 1e300}));
        assert_eq!((claims.account, claims.audiences), (None, vec!["x".to_owned()]));
        assert_eq!(claims.expires.map(Timestamp::as_second), Some(Timestamp::MAX.as_second()));
    }

    #[test]
    fn what_is_no_jwt_is_none() {
        let good = token(&json!({}));
        assert!(JwtClaims::read(&good).is_some());
        let one = token(&json!([]));
        let more = format!("{good}.x");
        for text in ["", "ya29.opaque", "a.b.c", "..", &one, &more, &good[..good.len() - 4]] {
            assert!(JwtClaims::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_fingerprint_is_the_beginning_of_the_hash() {
        assert_eq!(fingerprint("abc"), "ba7816bf8f01");
    }

    #[test]
    fn a_redacted_token_keeps_its_claims_and_fingerprint() {
        let good = token(&json!({"sub": "me"}));
        let redacted = redact(&good);
        assert!(!redacted.contains("c2ln"), "{redacted}");
        assert_eq!(JwtClaims::read(&redacted), JwtClaims::read(&good));
        assert_eq!(redact("abc"), "redacted-ba7816bf8f01");
        for token in [good.as_str(), "abc", ""] {
            assert_eq!(fingerprint(&redact(token)), fingerprint(token));
            assert_eq!(redact(&redact(token)), redact(token));
        }
        // What only looks like one is a token.
        assert_eq!(fingerprint("redacted-x").len(), 12);
    }

    proptest! {
        #[test]
        fn no_token_makes_it_panic(text in "[A-Za-z0-9_.=-]{0,60}") {
            let _ = JwtClaims::read(&text);
        }
        #[test]
        fn any_number_is_a_time(seconds: f64, whole: i64) {
            let claims = read(&json!({"exp": seconds, "iat": whole}));
            prop_assert_eq!(claims.expires.is_some(), seconds.is_finite());
            prop_assert!(claims.issued.is_some());
        }
    }
}
