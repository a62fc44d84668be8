//! What a cluster's workloads trust, and what signs their certificates. Certificates only: a
//! private key is never read.

use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The certificates of istiod's CA. All PEM as it was found, maybe several certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roots {
    /// `root-cert.pem` of the config map `istio-ca-root-cert` in istiod's namespace: what proxies
    /// of this cluster take for the mesh's root.
    pub distributed: Option<Arc<str>>,
    /// The Secret `cacerts`: a CA that somebody plugged in.
    pub plugged_in: Option<CaSecret>,
    /// The Secret `istio-ca-secret`: the CA that istiod made itself. It counts only where there
    /// is no `cacerts`.
    pub self_signed: Option<CaSecret>,
}

/// A CA in a Secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaSecret {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// All keys of the Secret: istiod refuses a set that is not whole.
    pub keys: BTreeSet<String>,
    /// `root-cert.pem`, or `ca.crt` where there is `tls.crt`.
    pub root: Option<Arc<str>>,
    /// `ca-cert.pem`, or `tls.crt`: what signs.
    pub certificate: Option<Arc<str>>,
    /// `cert-chain.pem`.
    pub chain: Option<Arc<str>>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When anybody last wrote it. Plain dumps tell only with `--show-managed-fields`.
    pub updated: Option<Timestamp>,
}

impl Roots {
    /// The CA that istiod signs with.
    #[must_use]
    pub fn signer(&self) -> Option<&CaSecret> {
        self.plugged_in.as_ref().or(self.self_signed.as_ref())
    }
}
