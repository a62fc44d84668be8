//! How long a token is good for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use meshkube::k8s_openapi::jiff::Timestamp;
use serde::Deserialize;
use std::time::Duration;

/// When a token ends, and when it is time for the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// From here on the API server refuses it.
    pub expires: Timestamp,
    /// After four fifths of its time, when the kubelet renews its pods' tokens, too.
    pub rotate_after: Timestamp,
}

/// The times in a token, in seconds since 1970.
#[derive(Deserialize)]
pub struct Claims {
    iat: Option<i64>,
    exp: Option<i64>,
}

impl Claims {
    /// Reads a JSON Web Token without checking it: that is the API server's business. `None` for
    /// what is none.
    #[must_use]
    pub fn of(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    /// When the token was made.
    #[must_use]
    pub fn issued(&self) -> Option<i64> {
        self.iat
    }

    /// How long the token is good for; `None` without end.
    #[must_use]
    pub fn expiry(&self) -> Option<Expiry> {
        Expiry::new(self.iat?, self.exp?)
    }
}

impl Expiry {
    /// Of a token made at `issued` that ends at `expires`, both in seconds since 1970.
    #[must_use]
    pub fn new(issued: i64, expires: i64) -> Option<Self> {
        let rotate_after = issued + (expires - issued) / 5 * 4;
        Some(Self {
            expires: Timestamp::from_second(expires).ok()?,
            rotate_after: Timestamp::from_second(rotate_after).ok()?,
        })
    }
}

/// A duration in Go's notation, as it is given on the command line.
#[must_use]
pub fn spell(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    let text = parts.fold(String::new(), |text, (number, unit)| format!("{text}{number}{unit}"));
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(payload: &str) -> String {
        format!("eyJhbGciOiJFUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn a_token_says_when_it_ends() {
        let claims =
            Claims::of(&token(r#"{"iat":1767225600,"exp":1767229200,"sub":"a"}"#)).unwrap();
        assert_eq!(claims.issued(), Some(1_767_225_600));
        assert_eq!(claims.expiry(), Expiry::new(1_767_225_600, 1_767_229_200));
        let forever = Claims::of(&token(r#"{"sub":"a"}"#)).unwrap();
        assert_eq!(forever.expiry(), None);
        for text in ["", "t0ken", "a.b.c", &token("[]"), &token(r#"{"exp":"soon"}"#)] {
            assert!(Claims::of(text).is_none(), "{text}");
        }
    }

    #[test]
    fn durations_are_spelled_as_they_are_read() {
        for text in ["720h", "1h30m", "10m", "1m1s", "59s"] {
            assert_eq!(spell(meshkube::parse_duration(text).unwrap()), text);
        }
        assert_eq!(spell(Duration::ZERO), "0s");
    }

    proptest! {
        #[test]
        fn no_token_makes_it_panic(token in "\\PC{0,40}", iat: i32, exp: i32) {
            let _ = Claims::of(&token);
            let expiry = Expiry::new(iat.into(), exp.into()).unwrap();
            prop_assert!(exp < iat || expiry.rotate_after <= expiry.expires);
        }
    }
}
