//! Credentials that were sent, and answers without them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::sync::{Mutex, PoisonError};

/// A password of fewer bytes may be a word of the API: it is removed from errors alone.
const SHORT: usize = 8;
const REMOVED: &[u8] = b"[removed]";

/// What was sent to a server and must not come back from it.
#[derive(Default)]
pub struct Secrets(Mutex<Vec<Secret>>);

#[derive(PartialEq, Eq)]
struct Secret {
    bytes: Vec<u8>,
    /// It is removed from errors alone.
    is_word: bool,
}

impl Secrets {
    /// Notes the credentials of a request: a token may be another each time.
    pub fn remember(&self, headers: &HeaderMap) {
        let Some(value) = headers.get(AUTHORIZATION) else { return };
        let value = value.as_bytes();
        let start = value.iter().position(|&byte| byte == b' ').map_or(0, |blank| blank + 1);
        let (scheme, sent) = value.split_at(start);
        let other = if scheme == b"Basic " {
            let pair = STANDARD.decode(sent).unwrap_or_default();
            let colon = pair.iter().position(|&byte| byte == b':');
            colon.map(|colon| pair[colon + 1..].to_vec()).unwrap_or_default()
        } else {
            // As a Secret would hold it: whatever follows, the same up to the last two letters.
            STANDARD.encode(sent).trim_end_matches('=').as_bytes().to_vec()
        };
        let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_word = scheme == b"Basic " && other.len() < SHORT;
        for (bytes, is_word) in [(sent.to_vec(), false), (other, is_word)] {
            let secret = Secret { bytes, is_word };
            if !secret.bytes.is_empty() && !secrets.contains(&secret) {
                secrets.push(secret);
                // One may be a part of another.
                secrets.sort_by_key(|secret| std::cmp::Reverse(secret.bytes.len()));
            }
        }
    }

    /// An answer without them, however JSON spells its letters.
    pub fn remove(&self, text: Vec<u8>, is_error: bool) -> Vec<u8> {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fit = secrets.iter().filter(|secret| is_error || !secret.is_word);
        let secrets: Vec<&[u8]> = fit.map(|secret| &*secret.bytes).collect();
        if secrets.is_empty() {
            return text;
        }
        let clean = |text: Vec<u8>| secrets.iter().fold(text, |text, secret| without(text, secret));
        clean(spelled_out(text, |text| clean(text.to_vec())))
    }

    /// Removes headers that hold one of them.
    pub fn remove_headers(&self, headers: &mut HeaderMap) {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let holds =
            |value: &[u8]| secrets.iter().any(|secret| find(value, &secret.bytes).is_some());
        let all = headers.iter().filter(|(_, value)| holds(value.as_bytes()));
        let names: Vec<_> = all.map(|(name, _)| name.clone()).collect();
        for name in names {
            headers.remove(name);
        }
    }
}

/// A text of JSON in which each string that has a `\` and is another after `clean` is what `clean`
/// makes of it. What is no JSON stays as it is: nobody decodes it.
fn spelled_out(text: Vec<u8>, clean: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    if !text.contains(&b'\\') {
        return text;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = &text[..];
    while let Some(start) = rest.iter().position(|&byte| byte == b'"') {
        out.extend_from_slice(&rest[..start]);
        rest = &rest[start..];
        let (length, has_escapes) = string(rest);
        let (literal, after) = rest.split_at(length);
        rest = after;
        let cleaned = has_escapes.then(|| {
            let decoded: String = serde_json::from_slice(literal).ok()?;
            let cleaned = clean(decoded.as_bytes());
            if cleaned == decoded.as_bytes() {
                return None;
            }
            serde_json::to_vec(&String::from_utf8_lossy(&cleaned)).ok()
        });
        out.extend_from_slice(cleaned.flatten().as_deref().unwrap_or(literal));
    }
    out.extend_from_slice(rest);
    out
}

/// Bytes of the string that a text begins with, and whether it has a `\`.
fn string(text: &[u8]) -> (usize, bool) {
    let (mut at, mut has_escapes) = (1, false);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => return (at + 1, has_escapes),
            b'\\' => {
                has_escapes = true;
                at += 2;
            }
            _ => at += 1,
        }
    }
    (text.len(), has_escapes)
}

fn find(text: &[u8], secret: &[u8]) -> Option<usize> {
    text.windows(secret.len()).position(|part| part == secret)
}

/// A text without a secret: in one pass, as a server may repeat it a million times.
fn without(text: Vec<u8>, secret: &[u8]) -> Vec<u8> {
    if find(&text, secret).is_none() {
        return text;
    }
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), &text[..]);
    while let Some(start) = find(rest, secret) {
        out.extend_from_slice(&rest[..start]);
        out.extend_from_slice(REMOVED);
        rest = &rest[start + secret.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn knowing(header: &str) -> Secrets {
        let secrets = Secrets::default();
        let header = HeaderValue::from_str(header).unwrap();
        secrets.remember(&HeaderMap::from_iter([(AUTHORIZATION, header)]));
        secrets
    }

    fn cleaned(secrets: &Secrets, text: &str, is_error: bool) -> String {
        String::from_utf8(secrets.remove(text.into(), is_error)).unwrap()
    }

    #[test]
    fn a_credential_goes_wherever_it_is() {
        let text = |text: &str, secret: &str| without(text.into(), secret.as_bytes());
        assert_eq!(text("a token, a token", "token"), b"a [removed], a [removed]");
        assert_eq!(text("ee", "e"), b"[removed][removed]");
        assert_eq!(text("none", "token"), b"none");
    }

    /// Of an attack: one escape was enough to have the token printed.
    #[test]
    fn however_json_spells_it_it_is_found() {
        let secrets = knowing("Bearer TOKEN&1/2");
        for (answer, expected) in [
            (r#"{"a": "x \u0054OKEN&1/2"}"#, r#"{"a": "x [removed]"}"#),
            (r#"{"a": "TOKEN\u00261\/2 \"q\" \n"}"#, r#"{"a": "[removed] \"q\" \n"}"#),
            (r#"{"TOKEN\u00261/2": [1.50, "\\"]}"#, r#"{"[removed]": [1.50, "\\"]}"#),
            (r#"["\"", "\u0054OKEN&1/2", "\ud800"]"#, r#"["\"", "[removed]", "\ud800"]"#),
            // No JSON, and its end is missing.
            (r#"TOKEN&1/2 "\u0054"#, r#"[removed] "\u0054"#),
        ] {
            assert_eq!(cleaned(&secrets, answer, false), expected);
        }
        let untouched = r#"{"a": "\u0041 \/", "b": 1e400}"#;
        assert_eq!(cleaned(&secrets, untouched, false), untouched);
    }

    #[test]
    fn passwords_and_base64_go_too() {
        // u:pass-word-1
        let secrets = knowing("Basic dTpwYXNzLXdvcmQtMQ==");
        let said = "pass-word-1, dTpwYXNzLXdvcmQtMQ==";
        assert_eq!(cleaned(&secrets, said, false), "[removed], [removed]");
        let secrets = knowing("Bearer TOKEN-123");
        assert_eq!(cleaned(&secrets, "TOKEN-123 VE9LRU4tMTIz", false), "[removed] [removed]");
        // u:Pod
        let secrets = knowing("Basic dTpQb2Q=");
        assert_eq!(cleaned(&secrets, r#"{"kind": "Pod"}"#, false), r#"{"kind": "Pod"}"#);
        assert_eq!(cleaned(&secrets, "denied for Pod", true), "denied for [removed]");
    }

    #[test]
    fn headers_with_them_are_dropped() {
        let secrets = knowing("Bearer TOKEN-123");
        let mut headers = HeaderMap::new();
        headers.insert("date", HeaderValue::from_static("a TOKEN-123"));
        headers.insert("location", HeaderValue::from_static("/"));
        secrets.remove_headers(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["location"]);
    }
}
