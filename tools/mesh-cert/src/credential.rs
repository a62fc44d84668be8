//! What a workload is given: its key, its certificate with those above it, and the roots.

use crate::folder::File;
use meshpki::bundle::{self, Files};
use meshpki::{Certificate, PrivateKey, SpiffeId};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// The names that a machine's proxy looks for in /etc/certs (Istio
/// `security/pkg/nodeagent/cache`, from 1.6 to today).
pub(crate) const KEY: &str = "key.pem";
pub(crate) const CHAIN: &str = "cert-chain.pem";
pub(crate) const ROOTS: &str = "root-cert.pem";

/// A key, the certificates from its own up to below the root, and the roots.
pub(crate) struct Credential {
    pub identity: SpiffeId,
    pub key: PrivateKey,
    pub chain: Vec<Certificate>,
    pub roots: Vec<Certificate>,
}

impl Credential {
    /// The files of a machine.
    pub(crate) fn files(&self) -> [File; 3] {
        let file = |name, text, is_secret| File { name, text, is_secret };
        [
            file(KEY, self.key.to_pem(), true),
            file(CHAIN, pem(&self.chain), false),
            file(ROOTS, pem(&self.roots), false),
        ]
    }

    /// A Secret in the workload's namespace.
    pub(crate) fn secret(&self, name: &str) -> Value {
        let files = Files::from([
            ("tls.crt".to_owned(), pem(&self.chain)),
            ("tls.key".to_owned(), self.key.to_pem()),
            ("ca.crt".to_owned(), pem(&self.roots)),
        ]);
        let namespace = self.identity.namespace();
        let mut secret = bundle::to_secret(name, namespace, "kubernetes.io/tls", &files);
        let end = self.chain.iter().map(Certificate::not_after).min();
        secret["metadata"]["annotations"] = json!({"meshutils/expires": end.map(meshpki::date)});
        secret
    }
}

fn pem(certificates: &[Certificate]) -> Zeroizing<String> {
    Zeroizing::new(certificates.iter().map(Certificate::to_pem).collect())
}
