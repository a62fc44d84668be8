//! Credentials that were sent, and answers without them.

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::sync::{Mutex, PoisonError};

/// A password of fewer bytes may be a word of the API: it is removed from errors alone.
const SHORT: usize = 8;
const REMOVED: &str = "[removed]";

/// What was sent to a server and must not come back from it.
#[derive(Default)]
pub struct Secrets(Mutex<Known>);

#[derive(Default)]
struct Known {
    secrets: Vec<Secret>,
    /// Finds those that are no words, and all of them; made anew with each new one.
    anywhere: Option<AhoCorasick>,
    in_errors: Option<AhoCorasick>,
}

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
        let mut new = vec![Secret { bytes: sent.to_vec(), is_word: false }];
        if scheme == b"Basic " {
            let pair = STANDARD.decode(sent).unwrap_or_default();
            let password =
                pair.iter().position(|&byte| byte == b':').map(|colon| &pair[colon + 1..]);
            let bytes = password.unwrap_or_default().to_vec();
            new.push(Secret { is_word: bytes.len() < SHORT, bytes });
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        new.retain(|secret| !secret.bytes.is_empty() && !known.secrets.contains(secret));
        if !new.is_empty() {
            known.secrets.extend(new);
            known.anywhere = finder(known.secrets.iter().filter(|secret| !secret.is_word));
            known.in_errors = finder(known.secrets.iter());
        }
    }

    /// An answer without them, however JSON spells its letters.
    pub fn remove(&self, text: Vec<u8>, is_error: bool) -> Vec<u8> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let finder = if is_error { &known.in_errors } else { &known.anywhere };
        let Some(finder) = finder else { return text };
        let marks = vec![REMOVED; finder.patterns_len()];
        // In one pass, as a server may repeat it a million times.
        let clean = |text: &[u8]| {
            let is_there = finder.is_match(text);
            is_there.then(|| finder.replace_all_bytes(text, &marks))
        };
        let text = spelled_out(text, clean);
        clean(&text).unwrap_or(text)
    }

    /// Removes headers that hold one of them.
    pub fn remove_headers(&self, headers: &mut HeaderMap) {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(finder) = &known.in_errors else { return };
        let all = headers.iter().filter(|(_, value)| finder.is_match(value.as_bytes()));
        let names: Vec<_> = all.map(|(name, _)| name.clone()).collect();
        for name in names {
            headers.remove(name);
        }
    }
}

fn finder<'a>(secrets: impl Iterator<Item = &'a Secret>) -> Option<AhoCorasick> {
    let spellings: Vec<Vec<u8>> = secrets.flat_map(|secret| spellings(&secret.bytes)).collect();
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .build(&spellings)
        .ok()
        .filter(|_| !spellings.is_empty())
}

/// As it is, and as servers and proxies write it in dumps: in base64, by itself or within something
/// longer, in hexadecimal, and as a part of a URL. Upper and lower case are one.
fn spellings(secret: &[u8]) -> Vec<Vec<u8>> {
    let hexadecimal = |before: &str, between: &str| {
        let all: Vec<String> = secret.iter().map(|byte| format!("{before}{byte:02x}")).collect();
        all.join(between).into_bytes()
    };
    let mut all =
        vec![secret.to_vec(), hexadecimal("", ""), hexadecimal("", ":"), hexadecimal("%", "")];
    let url = percent_encoding::percent_encode(secret, percent_encoding::NON_ALPHANUMERIC);
    all.push(url.to_string().into_bytes());
    // Of a URL, too, but with what needs no encoding as it is.
    let quoted = secret.iter().map(|&byte| match byte {
        b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02x}"),
    });
    all.push(quoted.collect::<String>().into_bytes());
    for before in 0..3 {
        let text = [&vec![0; before], secret].concat();
        // Letters at both ends hold bits of what is beside it.
        let (first, last) = ((before * 8).div_ceil(6), text.len() * 8 / 6);
        for code in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
            all.push(code.as_bytes()[first..last].to_vec());
        }
    }
    all.retain(|spelling| !spelling.is_empty());
    all.sort_unstable();
    all.dedup();
    all
}

/// A text of JSON in which each string that has a `\` and is another after `clean` is what `clean`
/// makes of it. What is no JSON stays as it is: nobody decodes it.
fn spelled_out(text: Vec<u8>, clean: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
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
            let cleaned = clean(decoded.as_bytes())?;
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
        let secrets = knowing("Bearer token-1");
        assert_eq!(cleaned(&secrets, "a token-1, a TOKEN-1", false), "a [removed], a [removed]");
        assert_eq!(cleaned(&secrets, "none", false), "none");
    }

    /// Of an attack: in each of these spellings it was printed.
    #[test]
    fn however_a_dump_spells_it_it_is_found() {
        let token = "eyJ.a+b/c=";
        let secrets = knowing(&format!("Bearer {token}"));
        let hex = |between: &str| {
            token.bytes().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(between)
        };
        let mut said = vec![hex(""), hex(":"), format!("%{}", hex("%"))];
        said.push("eyJ.a%2Bb%2Fc%3D".to_owned());
        said.push("eyJ%2ea%2bb%2fc%3d".to_owned());
        for (before, after) in [("", ""), ("Bearer ", ""), ("{\"token\":\"", "\"}"), ("xy", "z")] {
            said.push(STANDARD.encode(format!("{before}{token}{after}")));
            said.push(URL_SAFE.encode(format!("{before}{token}{after}")));
        }
        for text in said {
            let out = cleaned(&secrets, &text, false);
            assert!(
                out.contains("[removed]") && out.len() < "[removed]".len() + 24,
                "{text}: {out}"
            );
        }
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
