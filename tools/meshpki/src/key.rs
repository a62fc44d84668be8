//! Private keys: made, read, written; never shown.

use crate::der::{self, oid};
use crate::{pem, sha256};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, RSA_PKCS1_SHA256,
};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// The keys that can be made. Envoy takes no smaller ones, and no Ed25519.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA of 2048 bits.
    Rsa2048,
    /// RSA of 3072 bits.
    Rsa3072,
    /// RSA of 4096 bits: what Istio's tools/certs makes.
    Rsa4096,
    /// ECDSA on the curve P-256.
    EcdsaP256,
    /// ECDSA on the curve P-384.
    EcdsaP384,
}

/// The keys that can be read, in certificates or alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// RSA; bits of the modulus.
    Rsa(u32),
    /// ECDSA on the curve P-256.
    EcdsaP256,
    /// ECDSA on the curve P-384.
    EcdsaP384,
    /// ECDSA on the curve P-521.
    EcdsaP521,
    /// Another one, by the object identifier of the algorithm or of the curve.
    Other(String),
}

/// A private key. Neither `Debug` nor `Clone`; its memory is cleared.
pub struct PrivateKey {
    pair: Pair,
    spki: Vec<u8>,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair, KeyAlgorithm),
}

impl KeyKind {
    /// All, with the names that flags have.
    pub const ALL: [(&str, Self); 5] = [
        ("rsa-2048", Self::Rsa2048),
        ("rsa-3072", Self::Rsa3072),
        ("rsa-4096", Self::Rsa4096),
        ("ecdsa-p256", Self::EcdsaP256),
        ("ecdsa-p384", Self::EcdsaP384),
    ];
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(_, kind)| kind == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

impl FromStr for KeyKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((_, kind)) = Self::ALL.iter().find(|(name, _)| *name == text) {
            return Ok(*kind);
        }
        let names: Vec<&str> = Self::ALL.iter().map(|(name, _)| *name).collect();
        Err(format!("a key is one of {}", names.join(", ")))
    }
}

impl From<KeyKind> for KeyAlgorithm {
    fn from(kind: KeyKind) -> Self {
        match kind {
            KeyKind::Rsa2048 => Self::Rsa(2048),
            KeyKind::Rsa3072 => Self::Rsa(3072),
            KeyKind::Rsa4096 => Self::Rsa(4096),
            KeyKind::EcdsaP256 => Self::EcdsaP256,
            KeyKind::EcdsaP384 => Self::EcdsaP384,
        }
    }
}

impl KeyAlgorithm {
    /// Its size in bits, as far as it is known.
    #[must_use]
    pub fn bits(&self) -> Option<u32> {
        match self {
            Self::Rsa(bits) => Some(*bits),
            Self::EcdsaP256 => Some(256),
            Self::EcdsaP384 => Some(384),
            Self::EcdsaP521 => Some(521),
            Self::Other(_) => None,
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA {bits}"),
            Self::EcdsaP256 => f.write_str("ECDSA P-256"),
            Self::EcdsaP384 => f.write_str("ECDSA P-384"),
            Self::EcdsaP521 => f.write_str("ECDSA P-521"),
            Self::Other(oid) => write!(f, "of kind {oid}"),
        }
    }
}

impl PrivateKey {
    /// Makes a key.
    ///
    /// # Panics
    /// If the system has no random numbers: no safe key can be made.
    #[must_use]
    pub fn generate(kind: KeyKind) -> Self {
        let rsa = |size| RsaKeyPair::generate(size).map(Pair::Rsa);
        let ecdsa = |algorithm| {
            EcdsaKeyPair::generate(algorithm).map(|pair| Pair::Ecdsa(pair, kind.into()))
        };
        let pair = match kind {
            KeyKind::Rsa2048 => rsa(KeySize::Rsa2048),
            KeyKind::Rsa3072 => rsa(KeySize::Rsa3072),
            KeyKind::Rsa4096 => rsa(KeySize::Rsa4096),
            KeyKind::EcdsaP256 => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
            KeyKind::EcdsaP384 => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
        };
        Self::new(pair.expect("the system gives random numbers"))
    }

    /// Reads a key: PKCS#8, PKCS#1 (`RSA PRIVATE KEY`) or SEC 1 (`EC PRIVATE KEY`), not encrypted.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        let mut blocks = pem::blocks(text)?;
        // What `openssl ecparam -genkey` writes before the key; Go's readers pass over it, too.
        blocks.retain(|block| block.label != "EC PARAMETERS");
        let block = match &blocks[..] {
            [block] => block,
            [] => return Err("holds no PEM block, so no key".to_owned()),
            _ => return Err(format!("holds {} PEM blocks, and not one key", blocks.len())),
        };
        if block.encrypted || block.label == "ENCRYPTED PRIVATE KEY" {
            return Err("is encrypted; istiod asks for no passphrase, so write it without one \
                        (openssl pkey -in KEY -out ca-key.pem) and keep it 0600"
                .to_owned());
        }
        let pair = match block.label.as_str() {
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(&block.der).ok().map(Pair::Rsa),
            "EC PRIVATE KEY" => ecdsa(&block.der),
            "PRIVATE KEY" => {
                RsaKeyPair::from_pkcs8(&block.der).ok().map(Pair::Rsa).or_else(|| ecdsa(&block.der))
            }
            "CERTIFICATE" => return Err("is a certificate, and not a private key".to_owned()),
            label => return Err(format!("is a PEM block {label}, and not a private key")),
        };
        pair.map(Self::new).ok_or_else(|| {
            "is no key that a mesh can use: RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521"
                .to_owned()
        })
    }

    fn new(pair: Pair) -> Self {
        let der = match &pair {
            Pair::Rsa(pair) => AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()),
            Pair::Ecdsa(pair, _) => AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()),
        };
        let spki = der.expect("a key that was read can be written").as_ref().to_vec();
        Self { pair, spki }
    }

    /// The key as PKCS#8 in PEM.
    ///
    /// # Panics
    /// Never: a key that was made or read can be written.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        let expected = "a key that was read can be written";
        match &self.pair {
            Pair::Rsa(pair) => {
                let der = AsDer::<Pkcs8V1Der<'_>>::as_der(pair).expect(expected);
                pem::encode("PRIVATE KEY", der.as_ref())
            }
            Pair::Ecdsa(pair, _) => {
                pem::encode("PRIVATE KEY", pair.to_pkcs8v1().expect(expected).as_ref())
            }
        }
    }

    /// Algorithm and size.
    #[must_use]
    pub fn algorithm(&self) -> KeyAlgorithm {
        match &self.pair {
            Pair::Rsa(pair) => {
                KeyAlgorithm::Rsa(u32::try_from(pair.public_modulus_len() * 8).unwrap_or(u32::MAX))
            }
            Pair::Ecdsa(_, algorithm) => algorithm.clone(),
        }
    }

    /// SHA-256 of the public key (`SubjectPublicKeyInfo`), in hexadecimal.
    #[must_use]
    pub fn public_key_sha256(&self) -> String {
        sha256(&self.spki)
    }

    /// The public key as certificates hold it.
    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The bits of the public key, without its algorithm: what key identifiers are made of.
    pub(crate) fn public_bits(&self) -> &[u8] {
        match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_ref(),
            Pair::Ecdsa(pair, _) => pair.public_key().as_ref(),
        }
    }

    /// The `AlgorithmIdentifier` of this key's signatures.
    pub(crate) fn signature_algorithm(&self) -> Vec<u8> {
        match self.algorithm() {
            KeyAlgorithm::EcdsaP256 => der::sequence(&[der::oid(oid::ECDSA_WITH_SHA256)]),
            KeyAlgorithm::EcdsaP384 => der::sequence(&[der::oid(oid::ECDSA_WITH_SHA384)]),
            KeyAlgorithm::EcdsaP521 => der::sequence(&[der::oid(oid::ECDSA_WITH_SHA512)]),
            KeyAlgorithm::Rsa(_) | KeyAlgorithm::Other(_) => {
                der::sequence(&[der::oid(oid::SHA256_WITH_RSA), der::null()])
            }
        }
    }

    /// Signs a message.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .expect("the buffer has the size of the modulus");
                signature
            }
            Pair::Ecdsa(pair, _) => {
                let signature = pair.sign(&random, message);
                signature.expect("the system gives random numbers").as_ref().to_vec()
            }
        }
    }
}

/// A key on one of the curves, as PKCS#8 or SEC 1.
fn ecdsa(der: &[u8]) -> Option<Pair> {
    let curves: [(&'static EcdsaSigningAlgorithm, KeyAlgorithm); 3] = [
        (&ECDSA_P256_SHA256_ASN1_SIGNING, KeyAlgorithm::EcdsaP256),
        (&ECDSA_P384_SHA384_ASN1_SIGNING, KeyAlgorithm::EcdsaP384),
        (&ECDSA_P521_SHA512_ASN1_SIGNING, KeyAlgorithm::EcdsaP521),
    ];
    curves.into_iter().find_map(|(curve, algorithm)| {
        EcdsaKeyPair::from_private_key_der(curve, der).ok().map(|pair| Pair::Ecdsa(pair, algorithm))
    })
}
