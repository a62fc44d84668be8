//! What a cluster's CA is made of, as it was found. No `Debug`: it holds keys.

use crate::proxies::Proxies;
use meshpki::bundle::Files;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// One cluster, as far as its CA can be seen.
#[derive(Default)]
pub struct Cluster {
    /// Its sets of CA files: one, unless it has several control planes or none of them.
    pub sets: Vec<FileSet>,
    /// What its proxies are given as roots: the config maps `istio-ca-root-cert`, by namespace.
    pub published: BTreeMap<String, String>,
    /// When its CA was last written, as Unix time, where the input tells.
    pub given_at: Option<i64>,
    /// When its proxies were first given these roots, as Unix time, where the input tells.
    pub published_at: Option<i64>,
    /// Its proxies, as far as they were looked for.
    pub proxies: Proxies,
    /// What its objects are annotated with for mesh-apply, where it is known.
    pub name: Option<String>,
}

/// The files that istiod reads at start: a Secret, or a folder.
#[derive(PartialEq, Eq)]
pub struct FileSet {
    /// `istio-system/cacerts`, or the folder.
    pub object: String,
    /// The Secret's namespace; none for a folder.
    pub namespace: Option<String>,
    /// How the files are named.
    pub style: Style,
    /// `ca-cert.pem`: the first certificate of it signs.
    pub ca_cert: Option<String>,
    /// `ca-key.pem`.
    pub ca_key: Option<Key>,
    /// `root-cert.pem`.
    pub root_cert: Option<String>,
    /// `cert-chain.pem`.
    pub cert_chain: Option<String>,
    /// `ca-crl.pem`, which is optional.
    pub crl: Option<String>,
}

/// The private key of a set.
#[derive(PartialEq, Eq)]
pub enum Key {
    /// As it was found.
    Pem(Zeroizing<String>),
    /// A capture says which key it was, or only that there was one.
    Redacted {
        /// SHA-256 of its public key, in hexadecimal.
        public_key: Option<String>,
    },
}

/// How the files of a set are named (istio `pilot/pkg/bootstrap/istio_ca.go`, 1.30).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `ca-cert.pem`, `ca-key.pem`, `root-cert.pem`, `cert-chain.pem`.
    Istio,
    /// `tls.crt`, `tls.key`, `ca.crt`: a Secret of cert-manager.
    Tls,
    /// The self-signed CA that istiod makes where it is given none: `istio-ca-secret`.
    SelfSigned,
}

/// What a redacted key begins with.
const REDACTED: &str = "redacted";
/// What follows where the public key is told.
const PUBLIC_KEY: &str = "redacted:public-key-sha256:";

impl Style {
    /// The name of the file with the CA certificate.
    #[must_use]
    pub fn ca_cert(self) -> &'static str {
        if self == Self::Tls { "tls.crt" } else { "ca-cert.pem" }
    }

    /// The name of the file with its key.
    #[must_use]
    pub fn ca_key(self) -> &'static str {
        if self == Self::Tls { "tls.key" } else { "ca-key.pem" }
    }

    /// The name of the file with the roots.
    #[must_use]
    pub fn root_cert(self) -> &'static str {
        match self {
            Self::Istio => "root-cert.pem",
            Self::Tls => "ca.crt",
            Self::SelfSigned => "ca-cert.pem",
        }
    }

    /// The name of the file with the chain that proxies send.
    #[must_use]
    pub fn cert_chain(self) -> &'static str {
        if self == Self::Istio { "cert-chain.pem" } else { self.ca_cert() }
    }
}

impl FileSet {
    /// Sorts files by the names that istiod looks for; `None` if none of them is there.
    #[must_use]
    pub fn of_files(object: String, namespace: Option<String>, mut files: Files) -> Option<Self> {
        // With tls.crt there, istiod looks at no other name.
        let style = if files.contains("tls.crt") { Style::Tls } else { Style::Istio };
        let mut take = |name: &str| files.remove(name);
        let plain = |text: Option<Zeroizing<String>>| text.map(|text| text.to_string());
        let ca_key = take(style.ca_key()).map(Key::read);
        let ca_cert = plain(take(style.ca_cert()));
        let root_cert = plain(take(style.root_cert()));
        let cert_chain = match style {
            Style::Tls => ca_cert.clone().zip(root_cert.clone()).map(|(tls, ca)| tls + &ca),
            _ => plain(take(style.cert_chain())),
        };
        let crl = plain(take("ca-crl.pem"));
        let is_there =
            ca_cert.is_some() || ca_key.is_some() || root_cert.is_some() || cert_chain.is_some();
        is_there.then_some(Self {
            object,
            namespace,
            style,
            ca_cert,
            ca_key,
            root_cert,
            cert_chain,
            crl,
        })
    }

    /// istiod's own CA: the certificate is root and chain at once.
    #[must_use]
    pub fn self_signed(
        object: String,
        namespace: Option<String>,
        mut files: Files,
    ) -> Option<Self> {
        let ca_key = files.remove("ca-key.pem").map(Key::read);
        let ca_cert = files.remove("ca-cert.pem")?.to_string();
        Some(Self {
            object,
            namespace,
            style: Style::SelfSigned,
            root_cert: Some(ca_cert.clone()),
            cert_chain: Some(ca_cert.clone()),
            ca_cert: Some(ca_cert),
            ca_key,
            crl: None,
        })
    }

    /// The files that istiod misses.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let style = self.style;
        [
            (self.ca_cert.is_none(), style.ca_cert()),
            (self.ca_key.is_none(), style.ca_key()),
            (self.root_cert.is_none(), style.root_cert()),
            (self.cert_chain.is_none() && style == Style::Istio, style.cert_chain()),
        ]
        .into_iter()
        .filter_map(|(is_missing, name)| is_missing.then_some(name))
        .collect()
    }
}

impl Key {
    fn read(text: Zeroizing<String>) -> Self {
        if !text.starts_with(REDACTED) {
            return Self::Pem(text);
        }
        let public_key = text.trim_end().strip_prefix(PUBLIC_KEY).map(str::to_owned);
        Self::Redacted { public_key }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> Option<FileSet> {
        let files = names.iter().map(|&name| (name, Zeroizing::new(format!("{name}\n"))));
        FileSet::of_files("o".to_owned(), None, files.collect())
    }

    #[test]
    fn partial_sets_tell_what_they_lack() {
        let missing = |names: &[&str]| set(names).unwrap().missing();
        assert_eq!(missing(&["ca-key.pem"]), ["ca-cert.pem", "root-cert.pem", "cert-chain.pem"]);
        assert_eq!(missing(&["ca-cert.pem", "root-cert.pem", "cert-chain.pem"]), ["ca-key.pem"]);
        assert_eq!(missing(&["tls.crt", "ca-key.pem"]), ["tls.key", "ca.crt"]);
        assert!(missing(&["tls.crt", "tls.key", "ca.crt"]).is_empty());
        assert!(set(&["ca-crl.pem", "other"]).is_none());
    }

    #[test]
    fn the_chain_of_a_tls_secret_is_both_its_files() {
        let set = set(&["tls.crt", "tls.key", "ca.crt", "cert-chain.pem"]).unwrap();
        assert_eq!(set.cert_chain.as_deref(), Some("tls.crt\nca.crt\n"));
    }

    #[test]
    fn redacted_keys_are_told_apart() {
        let read = |text: &str| Key::read(Zeroizing::new(text.to_owned()));
        assert!(matches!(read("redacted"), Key::Redacted { public_key: None }));
        assert!(matches!(
            read("redacted:public-key-sha256:ab\n"),
            Key::Redacted { public_key: Some(hex) } if hex == "ab"
        ));
        assert!(matches!(read("-----BEGIN"), Key::Pem(_)));
    }
}
