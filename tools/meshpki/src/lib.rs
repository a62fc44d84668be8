//! Certificates and keys of a mesh: made, read, verified.
//!
//! Pure: no clock, no files. Times are Unix seconds. Errors that are a `String` complete a
//! sentence that begins with the place: "ca-key.pem …"; no error holds any part of a key.

pub mod bundle;
mod certificate;
pub mod chain;
mod constraint;
mod der;
mod extension;
pub mod issue;
mod key;
mod lifetime;
mod pem;
pub mod sample;
mod signature;
mod spiffe;

pub use certificate::Certificate;
pub use extension::{ExtendedKeyUsage, KeyUsage, San};
pub use key::{KeyAlgorithm, KeyKind, PrivateKey};
pub use lifetime::Lifetime;
pub use signature::SignatureError;
pub use spiffe::{SpiffeId, check_trust_domain};

/// A time for people: `2030-01-31T00:00:00Z`.
#[must_use]
pub fn date(unix: i64) -> String {
    jiff::Timestamp::from_second(unix).map_or_else(|_| format!("@{unix}"), |time| time.to_string())
}

/// Bytes as lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |text, b| text + &format!("{b:02x}"))
}

/// SHA-256 as lower-case hexadecimal.
fn sha256(bytes: &[u8]) -> String {
    hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref())
}
