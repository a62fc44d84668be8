//! What a workload is given: its key, its certificate with those above it, and the roots.

use meshcore::Result;
use meshcore::folder::{self, Existing, File, Mode};
use meshpki::bundle::{self, Files};
use meshpki::{Certificate, PrivateKey, SpiffeId};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
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
    /// Writes the files of a machine and gives their paths.
    pub(crate) fn write(&self, folder: &Path, existing: Existing) -> Result<Vec<PathBuf>> {
        let (key, chain, roots) = (self.key.to_pem(), pem(&self.chain), pem(&self.roots));
        let files = [
            File { name: KEY, text: &key, mode: Mode::Secret },
            File { name: CHAIN, text: &chain, mode: Mode::Public },
            File { name: ROOTS, text: &roots, mode: Mode::Public },
        ];
        folder::write(folder, &files, existing)
    }

    /// A Secret in the workload's namespace.
    pub(crate) fn secret(&self, name: &str) -> Value {
        let files = Files::from([
            ("tls.crt", pem(&self.chain)),
            ("tls.key", self.key.to_pem()),
            ("ca.crt", pem(&self.roots)),
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
