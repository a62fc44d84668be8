//! A token Secret from standard input: `kubectl get secret -o json`, in place of the cluster.

use crate::choice::{ACCOUNT_NAME, Credential, TOKEN_TYPE};
use crate::expiry::Claims;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meshcore::input::Document;
use meshcore::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a token Secret holds. No `Debug`.
pub struct TokenSecret {
    /// Where it was read.
    pub place: String,
    /// The service account that it belongs to.
    pub account: String,
    /// Its token and the cluster's CA.
    pub credential: Credential,
}

#[derive(Deserialize)]
struct Secret {
    #[serde(rename = "type")]
    kind_of_secret: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    data: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
    annotations: Option<BTreeMap<String, String>>,
}

/// Reads a token Secret; `None` for what is no Secret at all.
pub fn read(document: &Document<'_>) -> Result<Option<TokenSecret>> {
    #[derive(Deserialize)]
    struct Probe {
        kind: Option<String>,
    }
    if document.decode::<Probe>()?.kind.as_deref() != Some("Secret") {
        return Ok(None);
    }
    let secret: Secret = document.decode()?;
    let name = secret.metadata.name;
    let refuse = |text: String| Error::data(format!("secret {name} {text}")).at(document.place());
    if secret.kind_of_secret.as_deref() != Some(TOKEN_TYPE) {
        let is = secret.kind_of_secret.as_deref().unwrap_or("Opaque");
        return Err(refuse(format!("is of type {is} and not {TOKEN_TYPE}"))
            .hint("give the token secret of the reader's service account"));
    }
    let mut data = secret.data.unwrap_or_default();
    let mut part = |key: &str| -> Result<Option<Vec<u8>>> {
        let Some(text) = data.remove(key).filter(|text| !text.is_empty()) else { return Ok(None) };
        let bytes = STANDARD.decode(text).map_err(|_| refuse(format!("has no base64 in {key}")))?;
        Ok(Some(bytes))
    };
    let token = part("token")?.ok_or_else(|| {
        refuse("has no token".to_owned()).hint("the token controller fills it in: try again later")
    })?;
    let token =
        String::from_utf8(token).map_err(|_| refuse("has a token of no text".to_owned()))?;
    let ca = part("ca.crt")?;
    let mut annotations = secret.metadata.annotations.unwrap_or_default();
    let expiry = Claims::of(&token).and_then(|claims| claims.expiry());
    Ok(Some(TokenSecret {
        place: document.place().to_owned(),
        account: annotations.remove(ACCOUNT_NAME).unwrap_or_default(),
        credential: Credential { token: token.into(), ca, expiry },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshcore::input::Source;
    use serde_json::{Value, json};

    fn read_json(value: &Value) -> Result<Option<TokenSecret>> {
        let source = Source::new("stdin".to_owned(), value.to_string().into_bytes()).unwrap();
        read(&source.documents().unwrap()[0])
    }

    fn token_secret() -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": TOKEN_TYPE,
            "metadata": {"name": "t", "annotations": {ACCOUNT_NAME: "reader"}},
            "data": {"token": STANDARD.encode("hush"), "ca.crt": STANDARD.encode("CA")},
        })
    }

    #[test]
    fn token_and_ca_are_read() {
        let secret = read_json(&token_secret()).unwrap().unwrap();
        assert_eq!(secret.account, "reader");
        assert_eq!(*secret.credential.token, "hush");
        assert_eq!(secret.credential.ca.unwrap(), b"CA");
        assert_eq!(secret.credential.expiry, None);
        assert!(read_json(&json!({"kind": "ConfigMap"})).unwrap().is_none());
    }

    #[test]
    fn what_gives_no_access_is_refused_without_showing_it() {
        for (pointer, value, message) in [
            ("/type", json!("Opaque"), "secret t is of type Opaque and not kubernetes.io/"),
            ("/type", json!(null), "secret t is of type Opaque"),
            ("/data/token", json!(""), "secret t has no token"),
            ("/data", json!(null), "secret t has no token"),
            ("/data/token", json!("hush!"), "secret t has no base64 in token"),
            ("/data/token", json!("/w=="), "secret t has a token of no text"),
            ("/data/ca.crt", json!("?"), "secret t has no base64 in ca.crt"),
            ("/data/token", json!(["hush"]), "invalid type: sequence, expected a string"),
        ] {
            let mut secret = token_secret();
            *secret.pointer_mut(pointer).unwrap() = value;
            let error = read_json(&secret).err().unwrap();
            let text = error.message().text();
            assert!(text.contains(message) && text.starts_with("stdin: document 1"), "{text}");
            assert!(!text.contains("hush"), "{text}");
        }
    }
}
