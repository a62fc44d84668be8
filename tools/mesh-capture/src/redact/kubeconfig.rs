//! Kubeconfigs, so that istiod's rules can still be tried on them: where it leads and as whom, but
//! not with what.

use super::REDACTED;
use super::shape::Shape::{self, All, Each, Fields, With};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meshcore::credentials::{certificates_only, decode_base64, is_pem};
use meshcore::input::Source;
use meshcore::{Address, is_qualified_name, jwt, yaml};
use serde_json::{Value, json};

/// A key that opens nothing: an empty sequence of DER.
const NO_KEY: &str = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";

const KEPT: Shape = Fields(&[
    ("apiVersion", With(|value| only(value, "v1"))),
    ("kind", With(|value| only(value, "Config"))),
    ("current-context", All),
    (
        "contexts",
        Each(&Fields(&[
            ("name", All),
            ("context", Fields(&[("cluster", All), ("namespace", All), ("user", All)])),
        ])),
    ),
    ("clusters", Each(&Fields(&[("name", All), ("cluster", CLUSTER)]))),
    ("users", Each(&Fields(&[("name", All), ("user", USER)]))),
]);

const CLUSTER: Shape = Fields(&[
    ("certificate-authority", With(hidden)),
    ("certificate-authority-data", With(certificates)),
    ("insecure-skip-tls-verify", With(yes_or_no)),
    ("proxy-url", With(url)),
    ("server", With(url)),
    ("tls-server-name", All),
]);

const USER: Shape = Fields(&[
    ("as", With(hidden)),
    ("as-groups", Each(&With(hidden))),
    ("auth-provider", Fields(&[("name", With(name))])),
    ("client-certificate", With(hidden)),
    ("client-certificate-data", With(certificates)),
    ("client-key", With(hidden)),
    ("client-key-data", With(key)),
    ("exec", Fields(&[("apiVersion", With(hidden)), ("command", With(hidden))])),
    ("password", With(hidden)),
    ("token", With(token)),
    ("tokenFile", With(hidden)),
    ("username", With(hidden)),
]);

/// A kubeconfig without its credentials. Of files, programs and names of users it is enough that
/// they are there: a command has its arguments in it, and a path may have anything. What cannot be
/// read as one is not shown at all.
#[must_use]
pub fn redact(bytes: Vec<u8>) -> String {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return String::from_utf8_lossy(&bytes).into_owned();
    }
    let value = Source::new(String::new(), bytes).ok().and_then(|source| {
        // client-go reads no further than the first document.
        source.documents().ok()?.first()?.decode::<Value>().ok()
    });
    match value.and_then(|value| KEPT.keep(value)) {
        Some(kept) => yaml::document_text(&kept),
        None => REDACTED.to_owned(),
    }
}

fn hidden(value: Value) -> Option<Value> {
    let text = value.as_str()?;
    Some(json!(if text.is_empty() { "" } else { REDACTED }))
}

/// The name of a plugin, which is a word.
fn name(value: Value) -> Option<Value> {
    let text = value.as_str()?;
    Some(json!(if text.is_empty() || is_qualified_name(text) { text } else { REDACTED }))
}

fn token(value: Value) -> Option<Value> {
    let token = value.as_str()?;
    Some(if token.is_empty() { json!("") } else { json!(jwt::redact(token)) })
}

fn url(value: Value) -> Option<Value> {
    Some(json!(Address::of(value.as_str()?)))
}

fn yes_or_no(value: Value) -> Option<Value> {
    value.is_boolean().then_some(value)
}

/// A word that a field has to hold; another is not shown.
fn only(value: Value, word: &str) -> Option<Value> {
    let text = value.as_str()?;
    Some(json!(if text == word || text.is_empty() { text } else { REDACTED }))
}

/// A bundle of certificates in base64, without a key that somebody put among them.
pub fn certificates(value: Value) -> Option<Value> {
    let bytes = decode_base64(value.as_str()?)?;
    if bytes.is_empty() {
        return Some(json!(""));
    }
    let kept = certificates_only(&String::from_utf8_lossy(&bytes));
    Some(json!(STANDARD.encode(if kept.is_empty() { REDACTED } else { &kept })))
}

fn key(value: Value) -> Option<Value> {
    let bytes = decode_base64(value.as_str()?)?;
    let kept = match () {
        () if bytes.is_empty() => "",
        () if is_pem(&bytes, "PRIVATE KEY") => NO_KEY,
        () => REDACTED,
    };
    Some(json!(STANDARD.encode(kept)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshcore::credentials::Kubeconfig;

    #[test]
    fn what_cannot_be_read_is_not_shown() {
        for text in ["secret", "a: b: secret", "secret: x", "[secret]", "\u{1}secret"] {
            assert_eq!(redact(text.as_bytes().to_vec()), "redacted", "{text}");
        }
        assert_eq!(redact(vec![0xff, 0xfe, 1]), "redacted");
        for text in ["", " \n"] {
            assert_eq!(redact(text.as_bytes().to_vec()), text);
        }
    }

    #[test]
    fn where_it_leads_and_as_whom_is_kept() {
        let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        let key = "-----BEGIN EC PRIVATE KEY-----\nMIIB\n-----END EC PRIVATE KEY-----\n";
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x", "extensions": ["secret"],
            "clusters": [{"name": "c", "cluster": {
                "server": "https://me:secret@h:6443/p?secret", "proxy-url": "http://me:secret@proxy",
                "certificate-authority-data": STANDARD.encode(format!("{pem}{key}")),
                "insecure-skip-tls-verify": true, "extensions": "secret"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "extensions": 1}}],
            "users": [{"name": "u", "user": {
                "token": "secret", "password": "secret", "username": "me",
                "client-certificate-data": STANDARD.encode(pem), "client-key-data": STANDARD.encode(key),
                "exec": {"command": "aws", "args": ["secret"], "env": [{"name": "X", "value": "secret"}]},
                "auth-provider": {"name": "oidc", "config": {"id-token": "secret"}}}}],
        });
        let text = redact(config.to_string().into_bytes());
        assert!(!text.contains("secret"), "{text}");
        let loaded = Kubeconfig::load(text.into_bytes()).unwrap_or_else(|error| panic!("{error}"));
        let (cluster, user) = loaded.current().unwrap();
        assert_eq!(
            (cluster.server.as_str(), cluster.proxy_url.as_str()),
            ("https://h:6443/p", "http://proxy")
        );
        assert_eq!(cluster.certificate_authority_data.0, pem.as_bytes());
        assert!(
            cluster.insecure_skip_tls_verify && user.exec.is_some() && user.password == "redacted"
        );
        assert_eq!(user.token, jwt::redact("secret"));
        assert!(is_pem(&user.client_key_data.0, "PRIVATE KEY"));
        assert_eq!(
            user.auth_provider.as_ref().map(|provider| provider.name.as_str()),
            Some("oidc")
        );
    }

    #[test]
    fn errors_stay_errors() {
        for text in [
            "users: [{name: a}, {name: a}]",
            "apiVersion: v2\nusers: []",
            "clusters: [{name: a, cluster: {certificate-authority-data: QQ==}}]",
        ] {
            let (before, after) = (text.as_bytes().to_vec(), redact(text.as_bytes().to_vec()));
            let error = |bytes| Kubeconfig::load(bytes).err();
            assert_eq!(error(after.into_bytes()), error(before), "{text}");
        }
    }
}
