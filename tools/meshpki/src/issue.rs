//! Makes certificates: roots and intermediates as Istio's tools/certs, workloads' as istiod.

mod text;

use crate::{Certificate, KeyKind, KeyUsage, Lifetime, PrivateKey, San, SpiffeId, date};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;
use text::{Life, Text};

/// Whose a certificate is; only what is given is written, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// O, at most 64 characters.
    pub organization: Option<String>,
    /// CN, at most 64 characters.
    pub common_name: Option<String>,
    /// L, at most 128 characters; tools/certs puts the cluster's name here.
    pub locality: Option<String>,
}

/// A CA to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaSpec {
    /// Whose it is.
    pub subject: Subject,
    /// Its key.
    pub key: KeyKind,
    /// How long it lives from now on.
    pub lifetime: Duration,
    /// How long before now its life begins, for clocks that are slow.
    pub backdate: Duration,
    /// How many CAs may stand below it; none: any number.
    pub path_len: Option<u8>,
    /// Its names.
    pub san: Vec<San>,
    /// What its key may be used for.
    pub key_usage: BTreeSet<KeyUsage>,
}

/// A workload's certificate to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadSpec {
    /// Who the workload is.
    pub identity: SpiffeId,
    /// Names by which clients outside of the mesh know it.
    pub dns: Vec<String>,
    /// Whose it is; istiod leaves it empty.
    pub subject: Subject,
    /// Its key.
    pub key: KeyKind,
    /// How long it lives from now on.
    pub lifetime: Duration,
    /// How long before now its life begins, for clocks that are slow.
    pub backdate: Duration,
    /// On which ends of TLS it may stand.
    pub role: Role,
}

/// The ends of TLS: what becomes of it is the extended key usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// serverAuth and clientAuth: what a proxy needs.
    Both,
    /// serverAuth alone.
    Server,
    /// clientAuth alone.
    Client,
}

/// A CA with its key: it can sign.
pub struct Signer {
    certificate: Certificate,
    key: PrivateKey,
}

/// Why no certificate was made: a sentence without its full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssueError {
    /// The signer is no CA.
    NotCa,
    /// The signer's key usage has no keyCertSign.
    MayNotSign,
    /// The key is not the certificate's.
    KeyMismatch,
    /// The signer's life has not begun; Unix time.
    NotYetValid(i64),
    /// The signer's life ended; Unix time.
    Expired(i64),
    /// The certificate would live longer than its signer, which ends at this Unix time.
    OutlivesSigner(i64),
    /// The signer's path length allows no CA below it.
    NoCaBelow,
    /// A part of the subject is too long or empty: its name, and as many characters as it may have.
    BadSubject(&'static str, usize),
    /// A CA that nobody could name as issuer.
    NoSubject,
    /// A name that is empty or has other characters than ASCII's.
    BadName(String),
    /// A time that certificates cannot express.
    BadTime,
}

/// The usages of the CAs of Istio's tools/certs.
#[must_use]
pub fn ca_key_usage() -> BTreeSet<KeyUsage> {
    BTreeSet::from([
        KeyUsage::DigitalSignature,
        KeyUsage::NonRepudiation,
        KeyUsage::KeyEncipherment,
        KeyUsage::KeyCertSign,
    ])
}

impl CaSpec {
    /// The root of tools/certs.
    #[must_use]
    pub fn root() -> Self {
        Self {
            subject: Subject {
                organization: Some("Istio".to_owned()),
                common_name: Some("Root CA".to_owned()),
                locality: None,
            },
            key: KeyKind::Rsa4096,
            lifetime: Lifetime::DECADE.into(),
            backdate: Duration::ZERO,
            path_len: None,
            san: Vec::new(),
            key_usage: ca_key_usage(),
        }
    }

    /// The intermediate of tools/certs for a cluster.
    #[must_use]
    pub fn intermediate(cluster: &str) -> Self {
        Self {
            subject: Subject {
                common_name: Some("Intermediate CA".to_owned()),
                locality: Some(cluster.to_owned()),
                ..Self::root().subject
            },
            path_len: Some(0),
            san: vec![San::Dns("istiod.istio-system.svc".to_owned())],
            ..Self::root()
        }
    }
}

impl WorkloadSpec {
    /// What istiod would give this workload.
    #[must_use]
    pub fn new(identity: SpiffeId) -> Self {
        Self {
            identity,
            dns: Vec::new(),
            subject: Subject::default(),
            key: KeyKind::EcdsaP256,
            lifetime: Lifetime::DAY.into(),
            backdate: Duration::ZERO,
            role: Role::Both,
        }
    }
}

impl Signer {
    /// Takes a CA and its key, if they belong together and may sign.
    pub fn new(certificate: Certificate, key: PrivateKey) -> Result<Self, IssueError> {
        if !certificate.is_ca() {
            Err(IssueError::NotCa)
        } else if !certificate.may_sign() {
            Err(IssueError::MayNotSign)
        } else if certificate.spki != key.spki() {
            Err(IssueError::KeyMismatch)
        } else {
            Ok(Self { certificate, key })
        }
    }

    /// The CA.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }
}

/// Makes a root: a CA that signs itself. `now` is a Unix time.
pub fn root(spec: &CaSpec, now: i64) -> Result<(Certificate, PrivateKey), IssueError> {
    let key = PrivateKey::generate(spec.key);
    let life = Life::new(spec.lifetime, spec.backdate, now)?;
    let subject = spec.subject.name()?;
    let text = Text {
        issuer: &subject,
        subject: &subject,
        life,
        key: &key,
        signing: &key,
        extensions: spec.extensions(&key, None)?,
    };
    Ok((text.sign()?, key))
}

/// Makes a CA that another one signs. `now` is a Unix time.
pub fn intermediate(
    spec: &CaSpec,
    signer: &Signer,
    now: i64,
) -> Result<(Certificate, PrivateKey), IssueError> {
    if signer.certificate.path_len() == Some(0) {
        return Err(IssueError::NoCaBelow);
    }
    let life = Life::new(spec.lifetime, spec.backdate, now)?.below(&signer.certificate, now)?;
    let key = PrivateKey::generate(spec.key);
    let text = Text {
        issuer: &signer.certificate.raw_subject,
        subject: &spec.subject.name()?,
        life,
        key: &key,
        signing: &signer.key,
        extensions: spec.extensions(&key, Some(&signer.certificate))?,
    };
    Ok((text.sign()?, key))
}

/// Makes a workload's certificate. `now` is a Unix time.
pub fn workload(
    spec: &WorkloadSpec,
    signer: &Signer,
    now: i64,
) -> Result<(Certificate, PrivateKey), IssueError> {
    let life = Life::new(spec.lifetime, spec.backdate, now)?.below(&signer.certificate, now)?;
    let key = PrivateKey::generate(spec.key);
    let subject = spec.subject.name()?;
    let text = Text {
        issuer: &signer.certificate.raw_subject,
        subject: &subject,
        life,
        key: &key,
        signing: &signer.key,
        extensions: spec.extensions(&key, &signer.certificate)?,
    };
    Ok((text.sign()?, key))
}

impl fmt::Display for IssueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCa => f.write_str("the certificate that is to sign is no CA (CA:false)"),
            Self::MayNotSign => f.write_str("the CA's key usage has no keyCertSign"),
            Self::KeyMismatch => f.write_str("the key is not the CA certificate's"),
            Self::NotYetValid(begin) => {
                write!(f, "the CA certificate is not valid before {}", date(*begin))
            }
            Self::Expired(end) => write!(f, "the CA certificate expired at {}", date(*end)),
            Self::OutlivesSigner(end) => {
                write!(f, "the certificate would outlive its CA, which ends at {}", date(*end))
            }
            Self::NoCaBelow => f.write_str("the CA allows no other CA below it (pathlen:0)"),
            Self::BadSubject(part, longest) => {
                write!(f, "the subject's {part} has 1 to {longest} characters")
            }
            Self::NoSubject => f.write_str("a CA has a subject, and this one has none"),
            Self::BadName(name) => {
                write!(f, "the name '{name}' is empty or has other characters than ASCII's")
            }
            Self::BadTime => f.write_str("certificates know the years 1950 to 9999 only"),
        }
    }
}
