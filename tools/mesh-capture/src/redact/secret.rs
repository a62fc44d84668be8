//! Secrets of Istio: remote ones, CAs, and tokens of service accounts. Any other is left out, and
//! is not even fetched.

use super::shape::Shape::{self, All, Each, Fields, With};
use super::{REDACTED, kubeconfig, metadata};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meshcore::credentials::{certificates_only, decode_base64};
use meshcore::remote_secret::{LABEL, is_remote};
use meshcore::{DnsLabel, jwt, without_credentials};
use serde_json::{Map, Value, json};

/// What a Secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// istiod reads another cluster with it, or did once.
    Remote,
    /// istiod signs with it: `cacerts`, or what it made itself.
    Authority,
    /// Others are a service account with it.
    Token,
}

impl Use {
    /// By its metadata alone.
    #[must_use]
    pub fn of(metadata: &Value) -> Option<Self> {
        let name = metadata["name"].as_str()?;
        if is_remote(name, metadata["labels"][LABEL].is_string()) {
            Some(Self::Remote)
        } else if matches!(name, "cacerts" | "istio-ca-secret") {
            Some(Self::Authority)
        } else if metadata["annotations"]["kubernetes.io/service-account.name"].is_string() {
            Some(Self::Token)
        } else {
            None
        }
    }
}

const METADATA: Shape = Fields(&[
    ("annotations", With(annotations)),
    ("creationTimestamp", All),
    ("deletionTimestamp", All),
    ("labels", All),
    ("managedFields", Each(&Fields(&[("manager", All), ("operation", All), ("time", All)]))),
    ("name", All),
    ("namespace", All),
    ("uid", All),
]);

/// Annotations that say what a Secret is for.
const ANNOTATIONS: [&str; 5] = [
    "kubernetes.io/service-account.name",
    "kubernetes.io/service-account.uid",
    "meshutils/expires",
    "meshutils/rotate-after",
    "networking.istio.io/cluster",
];

/// What is kept of a Secret.
pub fn keep(mut secret: Value) -> Option<Value> {
    let kind = Use::of(&secret["metadata"])?;
    let data = secret["data"].take();
    let mut kept = Fields(&[("metadata", METADATA), ("type", All)]).keep(secret)?;
    if let Value::Object(data) = data {
        let redacted: Map<String, Value> = data
            .into_iter()
            .map(|(key, value)| {
                (without_credentials(&key).into_owned(), redact(kind, &key, &value))
            })
            .collect();
        kept["data"] = Value::Object(redacted);
    }
    Some(kept)
}

/// One value of a Secret, base64 as it was.
fn redact(kind: Use, key: &str, value: &Value) -> Value {
    let bytes = value.as_str().and_then(decode_base64).unwrap_or_default();
    let text = match kind {
        _ if bytes.is_empty() => String::new(),
        Use::Remote => kubeconfig::redact(bytes),
        Use::Authority => certificates_or_nothing(&bytes),
        Use::Token => match (key, String::from_utf8(bytes)) {
            ("token", Ok(token)) => jwt::redact(&token),
            ("namespace", Ok(name)) if DnsLabel::parse(&name).is_ok() => name,
            ("ca.crt", Ok(pem)) => certificates_or_nothing(pem.as_bytes()),
            _ => REDACTED.to_owned(),
        },
    };
    json!(STANDARD.encode(text))
}

/// Of PEM the certificates; of a key nothing.
fn certificates_or_nothing(bytes: &[u8]) -> String {
    let kept = certificates_only(&String::from_utf8_lossy(bytes));
    if kept.is_empty() { REDACTED.to_owned() } else { kept }
}

fn annotations(annotations: Value) -> Option<Value> {
    let Value::Object(annotations) = annotations else { return None };
    let mut kept = Map::new();
    for (key, value) in annotations {
        if ANNOTATIONS.contains(&key.as_str()) {
            kept.extend(All.keep(value).map(|value| (key, value)));
        } else if key == metadata::COPY {
            kept.insert(key, copy(&value));
        }
    }
    (!kept.is_empty()).then_some(Value::Object(kept))
}

/// That there is a copy is worth knowing, and whether it holds values.
fn copy(manifest: &Value) -> Value {
    let manifest = manifest.as_str().unwrap_or_default();
    let value: Option<Value> = serde_json::from_str(manifest).ok();
    let is_empty = |value: &Value| {
        ["data", "stringData"]
            .iter()
            .all(|field| value[*field].as_object().is_none_or(Map::is_empty))
    };
    let data = match value {
        Some(value) if is_empty(&value) => json!({}),
        _ => json!({REDACTED: REDACTED}),
    };
    json!(json!({"kind": "Secret", "data": data}).to_string())
}
