//! Remote Secrets, and the token Secrets whose tokens they hold. No credential is kept: of tokens
//! their claims and fingerprint, of everything else only what kind it is.

use jiff::Timestamp;
use meshcore::jwt::{Form, JwtClaims};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A Secret with the label `istio/multiCluster`, or the name of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteSecret {
    /// istiod reads its own namespace only.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The value of the label `istio/multiCluster`: istiod reads those with "true" only.
    pub label: Option<String>,
    /// The annotation `networking.istio.io/cluster`, which istiod does not read.
    pub cluster_annotation: Option<String>,
    /// The annotation `meshutils/expires`.
    pub expires: Option<String>,
    /// The annotation `meshutils/rotate-after`.
    pub rotate_after: Option<String>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When anybody last wrote it. Plain dumps tell only with `--show-managed-fields`.
    pub updated: Option<Timestamp>,
    /// By key, which is what istiod calls the cluster: what it leads to, or why istiod cannot
    /// read it (completes "its kubeconfig …").
    pub entries: BTreeMap<String, Result<RemoteCluster, String>>,
}

/// Where a remote Secret leads, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteCluster {
    /// The API server's address, as written; may be empty.
    pub server: String,
    /// The name to expect in its certificate.
    pub tls_server_name: Option<String>,
    /// The proxy on the way, without its password.
    pub proxy_url: Option<String>,
    /// The CA of its certificate: PEM.
    pub ca: Option<Arc<str>>,
    /// Whether the CA is a file, which istiod does not have.
    pub is_ca_a_file: bool,
    /// `insecure-skip-tls-verify`.
    pub is_insecure: bool,
    /// What istiod authenticates with.
    pub credential: Credential,
}

/// What istiod authenticates with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A bearer token.
    Token {
        /// What it says of itself, where it is a JWT.
        claims: Option<Arc<JwtClaims>>,
        /// What it shows by how it is written.
        form: Form,
        /// Equal for equal tokens, also after redaction.
        fingerprint: String,
    },
    /// A client certificate, as PEM, with its key.
    ClientCertificate(String),
    /// User name and password, which no API server takes any more.
    Password,
    /// A program; istiod refuses it unless told otherwise.
    Exec {
        /// Whether it says which.
        has_command: bool,
    },
    /// A plugin of client-go; istiod takes `oidc` only, unless told otherwise.
    AuthProvider {
        /// Its name.
        name: String,
    },
    /// Files that istiod does not have: token, client certificate or key.
    Files,
    /// Nothing.
    None,
}

/// A Secret of type `kubernetes.io/service-account-token`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSecret {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The service account whose token it holds, by annotation.
    pub account: Option<String>,
    /// What the token says of itself.
    pub claims: Option<Box<JwtClaims>>,
    /// As in [`Credential::Token`]; none while the Secret waits for its token.
    pub fingerprint: Option<String>,
    /// `ca.crt`: the cluster's CA, as PEM.
    pub ca: Option<String>,
}

impl RemoteSecret {
    /// Whether istiod in this namespace reads it.
    #[must_use]
    pub fn is_read_in(&self, istio_namespace: &str) -> bool {
        self.namespace == istio_namespace && self.label.as_deref() == Some("true")
    }
}

impl Credential {
    /// The claims of a token that is a JWT.
    #[must_use]
    pub fn claims(&self) -> Option<&JwtClaims> {
        match self {
            Self::Token { claims, .. } => claims.as_deref(),
            _ => None,
        }
    }
}
