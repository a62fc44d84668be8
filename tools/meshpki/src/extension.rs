//! What a certificate's extensions say: usages and names.

use std::fmt;
use std::net::IpAddr;

/// What a key may be used for (RFC 5280 4.2.1.3); the order is that of its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are RFC 5280's")]
pub enum KeyUsage {
    DigitalSignature,
    /// Also called contentCommitment.
    NonRepudiation,
    KeyEncipherment,
    DataEncipherment,
    KeyAgreement,
    KeyCertSign,
    CrlSign,
    EncipherOnly,
    DecipherOnly,
}

/// What a certificate may be used for (RFC 5280 4.2.1.12).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExtendedKeyUsage {
    /// Servers of TLS.
    ServerAuth,
    /// Clients of TLS.
    ClientAuth,
    /// Everything.
    Any,
    /// Another purpose, by its object identifier.
    Other(String),
}

/// A name in the subjectAltName extension.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum San {
    /// A host.
    Dns(String),
    /// A URI: with the scheme `spiffe`, the identity of a workload.
    Uri(String),
    /// An address.
    Ip(IpAddr),
    /// An electronic mail address.
    Email(String),
}

impl KeyUsage {
    /// All, in the order of their bits.
    pub const ALL: [Self; 9] = [
        Self::DigitalSignature,
        Self::NonRepudiation,
        Self::KeyEncipherment,
        Self::DataEncipherment,
        Self::KeyAgreement,
        Self::KeyCertSign,
        Self::CrlSign,
        Self::EncipherOnly,
        Self::DecipherOnly,
    ];

    /// The number of its bit.
    pub(crate) fn bit(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DigitalSignature => "digitalSignature",
            Self::NonRepudiation => "nonRepudiation",
            Self::KeyEncipherment => "keyEncipherment",
            Self::DataEncipherment => "dataEncipherment",
            Self::KeyAgreement => "keyAgreement",
            Self::KeyCertSign => "keyCertSign",
            Self::CrlSign => "cRLSign",
            Self::EncipherOnly => "encipherOnly",
            Self::DecipherOnly => "decipherOnly",
        })
    }
}

impl fmt::Display for ExtendedKeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerAuth => "serverAuth",
            Self::ClientAuth => "clientAuth",
            Self::Any => "anyExtendedKeyUsage",
            Self::Other(oid) => oid,
        })
    }
}

impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "DNS:{name}"),
            Self::Uri(uri) => write!(f, "URI:{uri}"),
            Self::Ip(ip) => write!(f, "IP:{ip}"),
            Self::Email(address) => write!(f, "email:{address}"),
        }
    }
}
