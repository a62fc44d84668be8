//! A service account's token, as the machine gives it to istiod's CA. Only its middle part is
//! decoded, and neither it nor its signature leaves this module.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Number;

/// How far two clocks may differ, in seconds.
const LEEWAY: i64 = 60;

/// What a token has to be.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// For whom it is.
    pub audience: &'a str,
    /// `NAMESPACE/NAME` of the service account, where it is known.
    pub account: Option<&'a str>,
    /// When it is judged, in seconds since 1970.
    pub at: i64,
}

/// Why istiod's CA would not take a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is no JWT.
    Opaque,
    /// It has ended, in seconds since 1970.
    Expired(i64),
    /// It has not begun, in seconds since 1970.
    TooEarly(i64),
    /// It is for these.
    Audience(Vec<String>),
    /// It is this one's.
    Account(String),
}

/// The claims that count.
#[derive(Debug, Deserialize)]
pub struct Claims {
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    aud: Option<OneOrMore>,
    #[serde(default)]
    exp: Option<Number>,
    #[serde(default)]
    nbf: Option<Number>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Claims {
    /// Reads a JSON Web Token without checking its signature: only the API server can. `None` for
    /// what is none.
    #[must_use]
    pub fn read(token: &str) -> Option<Self> {
        let [_, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { return None };
        if signature.is_empty() {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    /// When it ends, in seconds since 1970.
    #[must_use]
    pub fn expires(&self) -> Option<i64> {
        self.exp.as_ref().map(seconds)
    }

    /// From its beginning to its end, in seconds.
    #[must_use]
    pub fn lifetime(&self) -> Option<i64> {
        Some(self.expires()?.saturating_sub(seconds(self.nbf.as_ref()?)))
    }
}

/// A number of seconds, perhaps with a fraction.
#[allow(clippy::cast_possible_truncation)] // a float that is too large becomes the largest number
fn seconds(number: &Number) -> i64 {
    number.as_i64().unwrap_or_else(|| number.as_f64().map_or(i64::MAX, |seconds| seconds as i64))
}

/// All that is wrong with a token.
#[must_use]
pub fn faults(token: &str, wanted: Wanted<'_>) -> Vec<Fault> {
    let Some(claims) = Claims::read(token) else { return vec![Fault::Opaque] };
    let mut faults = Vec::new();
    if let Some(expires) = claims.expires().filter(|&expires| expires <= wanted.at) {
        faults.push(Fault::Expired(expires));
    }
    let from = claims.nbf.as_ref().map(seconds);
    if let Some(from) = from.filter(|&from| from > wanted.at.saturating_add(LEEWAY)) {
        faults.push(Fault::TooEarly(from));
    }
    let audiences = match claims.aud {
        Some(OneOrMore::One(audience)) => vec![audience],
        Some(OneOrMore::More(audiences)) => audiences,
        None => Vec::new(),
    };
    if !audiences.iter().any(|audience| audience == wanted.audience) {
        faults.push(Fault::Audience(audiences));
    }
    let subject = claims.sub.unwrap_or_default();
    let account = subject.strip_prefix("system:serviceaccount:").map(|it| it.replacen(':', "/", 1));
    let is_fit = match (&account, wanted.account) {
        (Some(account), Some(wanted)) => account == wanted,
        (account, None) => account.is_some(),
        (None, _) => false,
    };
    if !is_fit {
        faults.push(Fault::Account(account.unwrap_or(subject)));
    }
    faults
}

impl Fault {
    /// Completes "the token …".
    #[must_use]
    pub fn text(&self, wanted: Wanted<'_>) -> String {
        match self {
            Self::Opaque => "is no JSON Web Token".to_owned(),
            Self::Expired(at) => format!("has expired, on {}", meshpki::date(*at)),
            Self::TooEarly(at) => format!("is valid from {} on only", meshpki::date(*at)),
            Self::Audience(audiences) if audiences.is_empty() => {
                format!("names no audience, and istiod's CA takes those for {}", wanted.audience)
            }
            Self::Audience(audiences) => format!(
                "is for {}, and istiod's CA takes those for {}",
                audiences.join(", "),
                wanted.audience
            ),
            Self::Account(subject) if subject.is_empty() => "does not say whose it is".to_owned(),
            Self::Account(subject) => match wanted.account {
                Some(account) => {
                    format!("is that of {subject}, and not of service account {account}")
                }
                None => format!("is that of {subject}, no service account"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const WANTED: Wanted<'_> = Wanted { audience: "istio-ca", account: Some("vms/a"), at: 1000 };

    fn token(more: &Value) -> String {
        let mut claims =
            json!({"aud": ["istio-ca"], "exp": 1001, "sub": "system:serviceaccount:vms:a"});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn tokens_are_judged_claim_by_claim() {
        for (more, expected, text) in [
            (json!({}), None, ""),
            (json!({"aud": "istio-ca", "nbf": 1060, "exp": 1e300}), None, ""),
            (json!({"exp": 1000}), Some(Fault::Expired(1000)), "on 1970-01-01T00:16:40Z"),
            (json!({"exp": 999.9}), Some(Fault::Expired(999)), "has expired"),
            (json!({"nbf": 1061}), Some(Fault::TooEarly(1061)), "valid from 1970-"),
            (json!({"aud": null}), Some(Fault::Audience(vec![])), "names no audience"),
            (
                json!({"aud": ["a", "b"]}),
                Some(Fault::Audience(vec!["a".into(), "b".into()])),
                "is for a, b, and",
            ),
            (
                json!({"sub": "system:serviceaccount:vms:b"}),
                Some(Fault::Account("vms/b".into())),
                "of vms/b, and not of service account vms/a",
            ),
            (json!({"sub": "admin"}), Some(Fault::Account("admin".into())), "of admin, and not"),
            (json!({"sub": null}), Some(Fault::Account(String::new())), "whose it is"),
        ] {
            let found = faults(&token(&more), WANTED);
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{more}");
            assert!(found.iter().all(|fault| fault.text(WANTED).contains(text)), "{found:?}");
        }
        let claims = Claims::read(&token(&json!({"nbf": 401}))).unwrap();
        assert_eq!((claims.expires(), claims.lifetime()), (Some(1001), Some(600)));
    }

    #[test]
    fn where_nobody_knows_whose_it_is_any_account_is_fit() {
        let wanted = Wanted { account: None, ..WANTED };
        assert_eq!(faults(&token(&json!({})), wanted), []);
        let admin = faults(&token(&json!({"sub": "admin"})), wanted);
        assert_eq!(admin[0].text(wanted), "is that of admin, no service account");
    }

    #[test]
    fn what_is_no_jwt_is_told() {
        for text in ["", "opaque", "a.b", "a.b.c", "e30.e30.", &format!("{}.x", token(&json!({})))]
        {
            assert_eq!(faults(text, WANTED), [Fault::Opaque], "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_token_makes_it_panic(text in "[A-Za-z0-9_.-]{0,60}", exp: f64) {
            let _ = faults(&text, WANTED);
            let _ = faults(&token(&json!({"exp": exp})), WANTED);
        }
    }
}
