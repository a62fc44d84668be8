//! Signatures of certificates, checked as Go's crypto/x509 checks them.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry as known;
use x509_parser::prelude::FromDer as _;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::SubjectPublicKeyInfo;

/// What was signed, how, and the signature.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    message: Vec<u8>,
    method: Method,
    signature: Vec<u8>,
}

/// How something was signed; the curve of ECDSA is the key's.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Method {
    Rsa(Hash),
    RsaPss(Hash),
    Ecdsa(Hash),
    Ed25519,
    /// Broken: MD5 or SHA-1.
    Insecure,
    Unknown(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// Why a signature does not count; completes "its signature …".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// It was made by another key, or of another text.
    Wrong,
    /// MD5 or SHA-1.
    Insecure,
    /// By the object identifier of the algorithm.
    Unsupported(String),
}

impl std::fmt::Display for SignatureError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Wrong => f.write_str("is not by that CA's key"),
            Self::Insecure => f.write_str("is made with SHA-1 or MD5, which Go refuses"),
            Self::Unsupported(oid) => write!(f, "is of an unknown kind ({oid})"),
        }
    }
}

impl Signed {
    pub(crate) fn of(x509: &X509Certificate<'_>) -> Self {
        Self {
            message: x509.tbs_certificate.as_ref().to_vec(),
            method: Method::of(x509),
            signature: x509.signature_value.data.to_vec(),
        }
    }

    /// Whether the key of `spki` (`SubjectPublicKeyInfo`, DER) made the signature.
    pub(crate) fn verify(&self, spki: &[u8]) -> Result<(), SignatureError> {
        let unsupported = || SignatureError::Unsupported(format!("{:?}", self.method));
        let (_, key) = SubjectPublicKeyInfo::from_der(spki).map_err(|_| SignatureError::Wrong)?;
        let curve = key.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
        let curve = curve.map(|oid| oid.to_id_string()).unwrap_or_default();
        let algorithm: &dyn VerificationAlgorithm = match (&self.method, curve.as_str()) {
            // Shorter keys than 2048 bits are weak, and Go takes them.
            (Method::Rsa(Hash::Sha256), _) => {
                &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY
            }
            (Method::Rsa(Hash::Sha384), _) => &signature::RSA_PKCS1_2048_8192_SHA384,
            (Method::Rsa(Hash::Sha512), _) => {
                &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY
            }
            (Method::RsaPss(Hash::Sha256), _) => &signature::RSA_PSS_2048_8192_SHA256,
            (Method::RsaPss(Hash::Sha384), _) => &signature::RSA_PSS_2048_8192_SHA384,
            (Method::RsaPss(Hash::Sha512), _) => &signature::RSA_PSS_2048_8192_SHA512,
            (Method::Ecdsa(Hash::Sha256), P256) => &signature::ECDSA_P256_SHA256_ASN1,
            (Method::Ecdsa(Hash::Sha384), P256) => &signature::ECDSA_P256_SHA384_ASN1,
            (Method::Ecdsa(Hash::Sha512), P256) => &signature::ECDSA_P256_SHA512_ASN1,
            (Method::Ecdsa(Hash::Sha256), P384) => &signature::ECDSA_P384_SHA256_ASN1,
            (Method::Ecdsa(Hash::Sha384), P384) => &signature::ECDSA_P384_SHA384_ASN1,
            (Method::Ecdsa(Hash::Sha512), P384) => &signature::ECDSA_P384_SHA512_ASN1,
            (Method::Ecdsa(Hash::Sha256), P521) => &signature::ECDSA_P521_SHA256_ASN1,
            (Method::Ecdsa(Hash::Sha384), P521) => &signature::ECDSA_P521_SHA384_ASN1,
            (Method::Ecdsa(Hash::Sha512), P521) => &signature::ECDSA_P521_SHA512_ASN1,
            (Method::Ed25519, _) => &signature::ED25519,
            (Method::Insecure, _) => return Err(SignatureError::Insecure),
            (Method::Unknown(oid), _) => return Err(SignatureError::Unsupported(oid.clone())),
            (Method::Ecdsa(_), _) => return Err(unsupported()),
        };
        UnparsedPublicKey::new(algorithm, &key.subject_public_key.data)
            .verify(&self.message, &self.signature)
            .map_err(|_| SignatureError::Wrong)
    }
}

const P256: &str = "1.2.840.10045.3.1.7";
const P384: &str = "1.3.132.0.34";
const P521: &str = "1.3.132.0.35";

impl Method {
    fn of(x509: &X509Certificate<'_>) -> Self {
        let oid = &x509.signature_algorithm.algorithm;
        let methods = [
            (known::OID_PKCS1_SHA256WITHRSA, Self::Rsa(Hash::Sha256)),
            (known::OID_PKCS1_SHA384WITHRSA, Self::Rsa(Hash::Sha384)),
            (known::OID_PKCS1_SHA512WITHRSA, Self::Rsa(Hash::Sha512)),
            (known::OID_SIG_ECDSA_WITH_SHA256, Self::Ecdsa(Hash::Sha256)),
            (known::OID_SIG_ECDSA_WITH_SHA384, Self::Ecdsa(Hash::Sha384)),
            (known::OID_SIG_ECDSA_WITH_SHA512, Self::Ecdsa(Hash::Sha512)),
            (known::OID_SIG_ED25519, Self::Ed25519),
            (known::OID_PKCS1_SHA1WITHRSA, Self::Insecure),
            (known::OID_SHA1_WITH_RSA, Self::Insecure),
            (known::OID_PKCS1_MD5WITHRSAENC, Self::Insecure),
        ];
        let pss = (*oid == known::OID_PKCS1_RSASSAPSS).then(|| Self::pss(x509)).flatten();
        let of_hash = methods.into_iter().find(|(known, _)| known == oid).map(|(_, method)| method);
        // ecdsa-with-SHA1 has no name in the registry.
        let is_sha1 = oid.to_id_string() == "1.2.840.10045.4.1";
        pss.or(of_hash)
            .or(is_sha1.then_some(Self::Insecure))
            .unwrap_or_else(|| Self::Unknown(oid.to_id_string()))
    }

    fn pss(x509: &X509Certificate<'_>) -> Option<Self> {
        let parameters = x509.signature_algorithm.parameters.as_ref()?;
        let parameters = RsaSsaPssParams::try_from(parameters).ok()?;
        let hash = parameters.hash_algorithm_oid();
        let hashes = [
            (known::OID_NIST_HASH_SHA256, Hash::Sha256),
            (known::OID_NIST_HASH_SHA384, Hash::Sha384),
            (known::OID_NIST_HASH_SHA512, Hash::Sha512),
        ];
        hashes.into_iter().find(|(known, _)| known == hash).map(|(_, hash)| Self::RsaPss(hash))
    }
}
