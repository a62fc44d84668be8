//! The plug-in CA of a cluster (Istio's Secret `cacerts`), as texts by file name and as what
//! they mean.

use crate::issue::{IssueError, Signer};
use crate::{Certificate, PrivateKey, chain};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Index;
use zeroize::Zeroizing;

/// Texts by the names that they have as files in a folder and as keys in a Secret. No `Debug`:
/// there are keys among them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<String, Zeroizing<String>>);

/// The CA's certificate.
pub const CA_CERT: &str = "ca-cert.pem";
/// Its key.
pub const CA_KEY: &str = "ca-key.pem";
/// The roots.
pub const ROOT_CERT: &str = "root-cert.pem";
/// What workloads get behind their own certificate: the CA, then those above it.
pub const CERT_CHAIN: &str = "cert-chain.pem";

/// The four names, in the order in which istiod reads them.
pub const NAMES: [&str; 4] = [CA_CERT, CA_KEY, ROOT_CERT, CERT_CHAIN];
/// The names of a Secret as cert-manager makes it; where there is a `tls.crt`, istiod reads these.
pub const TLS_NAMES: [&str; 3] = ["tls.crt", "tls.key", "ca.crt"];

/// A CA, its key, the roots and the chain between them.
pub struct CaBundle {
    /// The CA. Of several certificates in its file istiod takes the first, and so does this.
    pub ca_cert: Certificate,
    /// Its key.
    pub ca_key: PrivateKey,
    /// The roots, at least one.
    pub root_cert: Vec<Certificate>,
    /// The chain, at least one.
    pub cert_chain: Vec<Certificate>,
}

/// Why texts are no CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BundleError {
    /// There is nothing of a CA.
    Absent,
    /// Some are there, and these are not: istiod from 1.26 on does not start.
    Incomplete(Vec<&'static str>),
    /// A file, and what it is or holds.
    Unreadable {
        /// Its name.
        file: &'static str,
        /// Completes "FILE …".
        reason: String,
    },
}

impl Files {
    /// Adds a text, or puts it in the place of that with its name.
    pub fn insert(&mut self, name: impl Into<String>, text: Zeroizing<String>) {
        self.0.insert(name.into(), text);
    }

    /// Takes a text out.
    pub fn remove(&mut self, name: &str) -> Option<Zeroizing<String>> {
        self.0.remove(name)
    }

    /// The text of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|text| text.as_str())
    }

    /// Whether there is a text of that name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Names and texts, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }
}

/// The text of that name, which has to be there.
impl Index<&str> for Files {
    type Output = str;

    fn index(&self, name: &str) -> &str {
        &self.0[name]
    }
}

impl<N: Into<String>> FromIterator<(N, Zeroizing<String>)> for Files {
    fn from_iter<I: IntoIterator<Item = (N, Zeroizing<String>)>>(files: I) -> Self {
        Self(files.into_iter().map(|(name, text)| (name.into(), text)).collect())
    }
}

impl<N: Into<String>, const LEN: usize> From<[(N, Zeroizing<String>); LEN]> for Files {
    fn from(files: [(N, Zeroizing<String>); LEN]) -> Self {
        files.into_iter().collect()
    }
}

impl CaBundle {
    /// Reads the four texts, or the three of TLS style; others are passed over. Whether they
    /// belong together is not asked: see [`CaBundle::check`] and [`CaBundle::into_signer`].
    pub fn from_files(files: &Files) -> Result<Self, BundleError> {
        let is_tls = files.contains(TLS_NAMES[0]);
        let names: &[&'static str] = if is_tls { &TLS_NAMES } else { &NAMES };
        let missing: Vec<&'static str> =
            names.iter().copied().filter(|name| !files.contains(name)).collect();
        if missing.len() == names.len() {
            return Err(BundleError::Absent);
        }
        if !missing.is_empty() {
            return Err(BundleError::Incomplete(missing));
        }
        let certificates = |file: &'static str| {
            Certificate::all_from_pem(&files[file])
                .map_err(|reason| BundleError::Unreadable { file, reason })
        };
        let key = |file: &'static str| {
            PrivateKey::from_pem(&files[file])
                .map_err(|reason| BundleError::Unreadable { file, reason })
        };
        if is_tls {
            let own = certificates(TLS_NAMES[0])?;
            let ca_key = key(TLS_NAMES[1])?;
            let root_cert = certificates(TLS_NAMES[2])?;
            let cert_chain = own.iter().chain(&root_cert).cloned().collect();
            return Ok(Self { ca_cert: own[0].clone(), ca_key, root_cert, cert_chain });
        }
        let mut own = certificates(CA_CERT)?;
        Ok(Self {
            ca_cert: own.swap_remove(0),
            ca_key: key(CA_KEY)?,
            root_cert: certificates(ROOT_CERT)?,
            cert_chain: certificates(CERT_CHAIN)?,
        })
    }

    /// The four texts.
    #[must_use]
    pub fn to_files(&self) -> Files {
        let all =
            |list: &[Certificate]| Zeroizing::new(list.iter().map(Certificate::to_pem).collect());
        Files::from([
            (CA_CERT, Zeroizing::new(self.ca_cert.to_pem())),
            (CA_KEY, self.ca_key.to_pem()),
            (ROOT_CERT, all(&self.root_cert)),
            (CERT_CHAIN, all(&self.cert_chain)),
        ])
    }

    /// Whether the CA leads to the roots over the chain, at a Unix time.
    pub fn check(&self, at: i64) -> Result<(), chain::ChainError> {
        chain::verify(&self.ca_cert, &self.cert_chain, &self.root_cert, at)
    }

    /// The CA as one that signs, if it may.
    pub fn into_signer(self) -> Result<Signer, IssueError> {
        Signer::new(self.ca_cert, self.ca_key)
    }
}

/// The texts in a Secret's `data` and `stringData`; the error completes "the Secret …".
pub fn from_secret(secret: &Value) -> Result<Files, String> {
    if secret["kind"] != "Secret" {
        return Err("is none: its kind is another one".to_owned());
    }
    let mut files = Files::default();
    for (key, value) in entries(&secret["data"])? {
        let text = value.as_str().ok_or_else(|| format!("has a .data[{key}] that is no text"))?;
        let bytes = STANDARD
            .decode(text.split_whitespace().collect::<String>())
            .map_err(|_| format!("has a .data[{key}] that is not base64"))?;
        // Other keys may hold anything.
        if let Ok(text) = String::from_utf8(bytes) {
            files.insert(key, Zeroizing::new(text));
        }
    }
    // The API server lets stringData win.
    for (key, value) in entries(&secret["stringData"])? {
        let text =
            value.as_str().ok_or_else(|| format!("has a .stringData[{key}] that is no text"))?;
        files.insert(key, Zeroizing::new(text.to_owned()));
    }
    Ok(files)
}

fn entries(value: &Value) -> Result<impl Iterator<Item = (&String, &Value)>, String> {
    match value {
        Value::Null => Ok(None.into_iter().flatten()),
        Value::Object(map) => Ok(Some(map).into_iter().flatten()),
        _ => Err("has data that is no object".to_owned()),
    }
}

/// A Secret with these texts.
#[must_use]
pub fn to_secret(name: &str, namespace: &str, kind: &str, files: &Files) -> Value {
    let data: Map<String, Value> = files
        .iter()
        .map(|(key, text)| (key.to_owned(), Value::from(STANDARD.encode(text))))
        .collect();
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": "meshutils"},
        },
        "type": kind,
        "data": data,
    })
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => {
                write!(f, "no CA: neither {} nor {}", NAMES.join(", "), TLS_NAMES.join(", "))
            }
            Self::Incomplete(missing) => {
                write!(f, "incomplete signing CA bundle detected: no {}", missing.join(", "))
            }
            Self::Unreadable { file, reason } => write!(f, "{file} {reason}"),
        }
    }
}
