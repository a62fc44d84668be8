//! One certificate: its bytes, and what they say.

use crate::chain::Usage;
use crate::constraint::Constraints;
use crate::extension::{ExtendedKeyUsage, KeyUsage, San};
use crate::{KeyAlgorithm, der, hex, pem, sha256, signature};
use std::collections::BTreeSet;
use std::net::IpAddr;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry as known;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// A certificate. Two are equal when their bytes are.
#[derive(Clone, Debug)]
pub struct Certificate {
    der: Vec<u8>,
    /// The part that is signed, and the name of the signature's algorithm.
    pub(crate) signed: signature::Signed,
    pub(crate) raw_subject: Vec<u8>,
    pub(crate) raw_issuer: Vec<u8>,
    /// The names that it may sign for.
    pub(crate) constraints: Constraints,
    /// Critical extensions that Go's crypto/x509 does not know, by their object identifiers.
    pub(crate) unknown_critical: Vec<String>,
    pub(crate) spki: Vec<u8>,
    pub(crate) version: u32,
    subject: String,
    issuer: String,
    common_name: Option<String>,
    serial: String,
    not_before: i64,
    not_after: i64,
    basic_constraints: Option<(bool, Option<u32>)>,
    key_usage: Option<BTreeSet<KeyUsage>>,
    extended_key_usage: Option<Vec<ExtendedKeyUsage>>,
    san: Vec<San>,
    key: KeyAlgorithm,
    pub(crate) key_id: Option<Vec<u8>>,
    pub(crate) issuer_key_id: Option<Vec<u8>>,
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl Certificate {
    /// Reads a text that holds one certificate.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        let mut all = Self::all_from_pem(text)?;
        match (all.pop(), all.len()) {
            (Some(one), 0) => Ok(one),
            (_, more) => Err(format!("holds {} certificates, and not one", more + 1)),
        }
    }

    /// Reads a text that holds certificates, at least one; their order is kept.
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, String> {
        let blocks = pem::blocks(text)?;
        if blocks.is_empty() {
            return Err("holds no PEM block, so no certificate".to_owned());
        }
        let read = |(i, block): (usize, &pem::Block)| {
            let place = format!("PEM block {}", i + 1);
            match block.label.as_str() {
                "CERTIFICATE" => Self::from_der(&block.der).map_err(|e| format!("{place} {e}")),
                label if label.ends_with("PRIVATE KEY") => {
                    Err(format!("{place} is a private key, and not a certificate"))
                }
                label => Err(format!("{place} is a {label}, and not a certificate")),
            }
        };
        blocks.iter().enumerate().map(read).collect()
    }

    /// Reads the bytes of a certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, String> {
        let (rest, x509) =
            X509Certificate::from_der(der).map_err(|_| "is not an X.509 certificate".to_owned())?;
        if !rest.is_empty() {
            return Err("has bytes behind the certificate".to_owned());
        }
        if !is_sealed(&x509, der) {
            return Err("has no proper DER around what is signed".to_owned());
        }
        let mut this = Self {
            der: der.to_vec(),
            signed: signature::Signed::of(&x509),
            raw_subject: x509.subject.as_raw().to_vec(),
            raw_issuer: x509.issuer.as_raw().to_vec(),
            constraints: Constraints::default(),
            unknown_critical: Vec::new(),
            spki: x509.subject_pki.raw.to_vec(),
            version: x509.version.0 + 1,
            subject: x509.subject.to_string(),
            issuer: x509.issuer.to_string(),
            common_name: x509
                .subject
                .iter_common_name()
                .next()
                .and_then(|name| name.as_str().ok())
                .map(str::to_owned),
            serial: hex(x509.raw_serial()),
            not_before: x509.validity.not_before.timestamp(),
            not_after: x509.validity.not_after.timestamp(),
            basic_constraints: None,
            key_usage: None,
            extended_key_usage: None,
            san: Vec::new(),
            key: algorithm(&x509.subject_pki),
            key_id: None,
            issuer_key_id: None,
        };
        let mut seen = BTreeSet::new();
        for extension in x509.extensions() {
            let oid = extension.oid.to_id_string();
            if !seen.insert(oid.clone()) {
                return Err(format!("has the extension {oid} twice"));
            }
            if !this.take(extension.parsed_extension())? && extension.critical {
                this.unknown_critical.push(oid);
            }
        }
        Ok(this)
    }

    /// Keeps what an extension says; false if Go's crypto/x509 would not know it.
    fn take(&mut self, extension: &ParsedExtension<'_>) -> Result<bool, String> {
        match extension {
            ParsedExtension::BasicConstraints(basic) => {
                self.basic_constraints = Some((basic.ca, basic.path_len_constraint));
            }
            ParsedExtension::KeyUsage(usage) => {
                let is_set = |u: &KeyUsage| usage.flags >> u.bit() & 1 == 1;
                self.key_usage = Some(KeyUsage::ALL.into_iter().filter(is_set).collect());
            }
            ParsedExtension::ExtendedKeyUsage(usage) => {
                let named = [
                    (usage.server_auth, ExtendedKeyUsage::ServerAuth),
                    (usage.client_auth, ExtendedKeyUsage::ClientAuth),
                    (usage.any, ExtendedKeyUsage::Any),
                    (usage.code_signing, ExtendedKeyUsage::Other("codeSigning".to_owned())),
                    (usage.email_protection, ExtendedKeyUsage::Other("emailProtection".to_owned())),
                    (usage.time_stamping, ExtendedKeyUsage::Other("timeStamping".to_owned())),
                    (usage.ocsp_signing, ExtendedKeyUsage::Other("OCSPSigning".to_owned())),
                ];
                let named = named.into_iter().filter(|(is_set, _)| *is_set).map(|(_, usage)| usage);
                let other = usage.other.iter().map(|o| ExtendedKeyUsage::Other(o.to_id_string()));
                self.extended_key_usage = Some(named.chain(other).collect());
            }
            ParsedExtension::SubjectAlternativeName(names) => {
                for name in &names.general_names {
                    self.san.extend(san(name)?);
                }
                // As Go: a critical extension without a name of a known kind is not understood.
                return Ok(!self.san.is_empty());
            }
            ParsedExtension::SubjectKeyIdentifier(id) => self.key_id = Some(id.0.to_vec()),
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                self.issuer_key_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
            }
            ParsedExtension::NameConstraints(constraints) => {
                let (constraints, all_known) = Constraints::read(constraints);
                self.constraints = constraints;
                return Ok(all_known);
            }
            ParsedExtension::CRLDistributionPoints(_)
            | ParsedExtension::CertificatePolicies(_)
            | ParsedExtension::AuthorityInfoAccess(_) => {}
            ParsedExtension::ParseError { .. } => {
                return Err("has an extension that cannot be read".to_owned());
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The certificate in PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.der).to_string()
    }

    /// Its bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whose it is, as `O=Istio, CN=Root CA`; often empty for workloads.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Who signed it.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// A name for messages: the subject, or else the first name, or else the serial number.
    #[must_use]
    pub fn name(&self) -> String {
        match self.san.first() {
            _ if !self.subject.is_empty() => format!("\"{}\"", self.subject),
            Some(San::Dns(name) | San::Uri(name) | San::Email(name)) => format!("\"{name}\""),
            Some(San::Ip(ip)) => format!("\"{ip}\""),
            None => format!("with serial number {}", self.serial),
        }
    }

    /// The subject's common name.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// Serial number in hexadecimal.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// First second of its life, as Unix time.
    #[must_use]
    pub fn not_before(&self) -> i64 {
        self.not_before
    }

    /// Last second of its life, as Unix time.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// Whether it says of itself that it is a CA.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        matches!(self.basic_constraints, Some((true, _)))
    }

    /// How many CAs may stand between it and a leaf; none: any number.
    #[must_use]
    pub fn path_len(&self) -> Option<u32> {
        self.basic_constraints.and_then(|(_, path_len)| path_len)
    }

    /// What its key may be used for; none without the extension: for everything.
    #[must_use]
    pub fn key_usage(&self) -> Option<&BTreeSet<KeyUsage>> {
        self.key_usage.as_ref()
    }

    /// Whether its key may sign certificates.
    #[must_use]
    pub fn may_sign(&self) -> bool {
        self.key_usage.as_ref().is_none_or(|usage| usage.contains(&KeyUsage::KeyCertSign))
    }

    /// What it may be used for; none without the extension: for everything.
    #[must_use]
    pub fn extended_key_usage(&self) -> Option<&[ExtendedKeyUsage]> {
        self.extended_key_usage.as_deref()
    }

    /// Whether it may be used on that end of TLS.
    #[must_use]
    pub fn is_for(&self, end: Usage) -> bool {
        let wanted = match end {
            Usage::Servers => ExtendedKeyUsage::ServerAuth,
            Usage::Clients => ExtendedKeyUsage::ClientAuth,
        };
        self.extended_key_usage
            .as_ref()
            .is_none_or(|usages| usages.iter().any(|u| *u == wanted || *u == ExtendedKeyUsage::Any))
    }

    /// Its names, in order.
    #[must_use]
    pub fn san(&self) -> &[San] {
        &self.san
    }

    /// Algorithm and size of its key.
    #[must_use]
    pub fn key_algorithm(&self) -> &KeyAlgorithm {
        &self.key
    }

    /// SHA-256 of its public key (`SubjectPublicKeyInfo`), in hexadecimal.
    #[must_use]
    pub fn spki_sha256(&self) -> String {
        sha256(&self.spki)
    }

    /// SHA-256 of the certificate, its fingerprint, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        sha256(&self.der)
    }

    /// The identifier of its key, in hexadecimal.
    #[must_use]
    pub fn subject_key_id(&self) -> Option<String> {
        self.key_id.as_deref().map(hex)
    }

    /// The identifier of the key that signed it, in hexadecimal.
    #[must_use]
    pub fn authority_key_id(&self) -> Option<String> {
        self.issuer_key_id.as_deref().map(hex)
    }

    /// Whether issuer and subject are the same.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.raw_subject == self.raw_issuer
    }

    /// Whether it is signed by its own key.
    #[must_use]
    pub fn is_self_signed(&self) -> bool {
        self.is_self_issued() && self.is_signed_by(self)
    }

    /// Its subject and its issuer, as they are compared.
    #[must_use]
    pub fn raw_names(&self) -> [&[u8]; 2] {
        [&self.raw_subject, &self.raw_issuer]
    }

    /// Whether the other one's name and key signed it; whether that may sign is not asked.
    #[must_use]
    pub fn is_signed_by(&self, issuer: &Self) -> bool {
        self.raw_issuer == issuer.raw_subject && self.signed.verify(&issuer.spki).is_ok()
    }
}

/// Whether what is around the signed text is DER to the byte, and names the same algorithm as the
/// text does. Go asks for that, the parser does not.
fn is_sealed(x509: &X509Certificate<'_>, der: &[u8]) -> bool {
    let text = x509.tbs_certificate.as_ref();
    let signature = der::bits(&x509.signature_value.data);
    let header = if der[1] < 0x80 { 2 } else { 2 + usize::from(der[1] & 0x7f) };
    let algorithm =
        der.strip_suffix(signature.as_slice()).and_then(|d| d.get(header + text.len()..));
    algorithm.filter(|algorithm| !algorithm.is_empty()).is_some_and(|algorithm| {
        text.windows(algorithm.len()).any(|part| part == algorithm)
            && der == der::sequence(&[text.to_vec(), algorithm.to_vec(), signature])
    })
}

/// A name, if it is of a kind that Go knows.
fn san(name: &GeneralName<'_>) -> Result<Option<San>, String> {
    Ok(match name {
        GeneralName::DNSName(name) => Some(San::Dns((*name).to_owned())),
        GeneralName::URI(uri) => Some(San::Uri((*uri).to_owned())),
        GeneralName::RFC822Name(address) => Some(San::Email((*address).to_owned())),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let ip = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            Some(San::Ip(ip.map_err(|_| "has an address of a strange length".to_owned())?))
        }
        GeneralName::Invalid(..) => return Err("has a name that is no text".to_owned()),
        _ => None,
    })
}

/// Algorithm and size of a public key.
fn algorithm(spki: &SubjectPublicKeyInfo<'_>) -> KeyAlgorithm {
    let oid = &spki.algorithm.algorithm;
    let curve = spki.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
    match (spki.parsed(), curve) {
        (Ok(PublicKey::RSA(key)), _) => {
            let modulus = &key.modulus[key.modulus.iter().take_while(|&&b| b == 0).count()..];
            let zeros = modulus.first().map_or(0, |b| b.leading_zeros());
            KeyAlgorithm::Rsa(u32::try_from(modulus.len() * 8).unwrap_or(u32::MAX) - zeros)
        }
        (Ok(PublicKey::EC(_)), Some(curve)) if curve == known::OID_EC_P256 => {
            KeyAlgorithm::EcdsaP256
        }
        (Ok(PublicKey::EC(_)), Some(curve)) if curve == known::OID_NIST_EC_P384 => {
            KeyAlgorithm::EcdsaP384
        }
        (Ok(PublicKey::EC(_)), Some(curve)) if curve == known::OID_NIST_EC_P521 => {
            KeyAlgorithm::EcdsaP521
        }
        (Ok(PublicKey::EC(_)), Some(curve)) => KeyAlgorithm::Other(curve.to_id_string()),
        _ => KeyAlgorithm::Other(oid.to_id_string()),
    }
}
