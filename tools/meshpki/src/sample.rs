//! The CAs in Istio's samples/certs: their private keys are public, so whoever has such a CA has
//! every mesh with such a root.

use crate::Certificate;

/// SHA-256 of the public keys (`SubjectPublicKeyInfo`), and where they stand.
const KEYS: [(&str, &str); 4] = [
    (
        "42d8cfd1102e06e3f2579e68f9db4f787ec9cbcd1f19f1bae7934cee918c2fef",
        "samples/certs/ca-cert.pem of 2018",
    ),
    (
        "f0592d4d660052580d0c0bfe09f9a4d795ad8ab7c2fa86c33276fbb352145ee5",
        "samples/certs/root-cert.pem of 2018",
    ),
    (
        "33b56859d49574d5a08a943b8775b453dd82cff09d987b3c6a843a917b2ae0df",
        "samples/certs/ca-cert.pem of 2024",
    ),
    (
        "bb1eae277ea4eb9f87a9a5ae2aaa737926874baeb1fda2d182f6c265689afa51",
        "samples/certs/root-cert.pem of 2024",
    ),
];

/// Which sample a certificate's key is, if it is one.
#[must_use]
pub fn origin(certificate: &Certificate) -> Option<&'static str> {
    let key = certificate.spki_sha256();
    KEYS.iter().find(|(sample, _)| *sample == key).map(|(_, origin)| *origin)
}
