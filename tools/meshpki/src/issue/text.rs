//! The text of a certificate, and its signature.

use super::{CaSpec, IssueError, Role, Subject, WorkloadSpec};
use crate::der::{self, oid};
use crate::{Certificate, KeyUsage, PrivateKey, San};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use std::net::IpAddr;
use std::time::Duration;

/// First and last second, as Unix times.
#[derive(Clone, Copy)]
pub(super) struct Life {
    not_before: i64,
    not_after: i64,
}

impl Life {
    pub(super) fn new(
        lifetime: Duration,
        backdate: Duration,
        now: i64,
    ) -> Result<Self, IssueError> {
        let seconds = |d: Duration| i64::try_from(d.as_secs()).map_err(|_| IssueError::BadTime);
        let not_before = now.checked_sub(seconds(backdate)?).ok_or(IssueError::BadTime)?;
        let not_after = now.checked_add(seconds(lifetime)?).ok_or(IssueError::BadTime)?;
        Ok(Self { not_before, not_after })
    }

    /// The same, if it ends within the signer's life; it begins there in any case.
    pub(super) fn below(self, signer: &Certificate, now: i64) -> Result<Self, IssueError> {
        if now < signer.not_before() {
            Err(IssueError::NotYetValid(signer.not_before()))
        } else if now > signer.not_after() {
            Err(IssueError::Expired(signer.not_after()))
        } else if self.not_after > signer.not_after() {
            Err(IssueError::OutlivesSigner(signer.not_after()))
        } else {
            Ok(Self { not_before: self.not_before.max(signer.not_before()), ..self })
        }
    }
}

/// A certificate before it is signed.
pub(super) struct Text<'a> {
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    pub(super) life: Life,
    pub(super) key: &'a PrivateKey,
    pub(super) signing: &'a PrivateKey,
    pub(super) extensions: Vec<Vec<u8>>,
}

impl Text<'_> {
    pub(super) fn sign(&self) -> Result<Certificate, IssueError> {
        let time = |unix| der::time(unix).ok_or(IssueError::BadTime);
        let algorithm = self.signing.signature_algorithm();
        let text = der::sequence(&[
            der::explicit(0, &der::integer(&[2])),
            der::integer(&serial_number()),
            algorithm.clone(),
            self.issuer.to_vec(),
            der::sequence(&[time(self.life.not_before)?, time(self.life.not_after)?]),
            self.subject.to_vec(),
            self.key.spki().to_vec(),
            der::explicit(3, &der::sequence(&self.extensions)),
        ]);
        let signature = der::bits(&self.signing.sign(&text));
        let der = der::sequence(&[text, algorithm, signature]);
        Ok(Certificate::from_der(&der).expect("what is written here can be read"))
    }
}

/// 128 bits, positive and of the same length always.
fn serial_number() -> [u8; 16] {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).expect("the system gives random numbers");
    bytes[0] = bytes[0] & 0x7f | 0x40;
    bytes
}

impl Subject {
    pub(super) fn name(&self) -> Result<Vec<u8>, IssueError> {
        let parts = [
            ("organization (O)", oid::ORGANIZATION, &self.organization, 64),
            ("common name (CN)", oid::COMMON_NAME, &self.common_name, 64),
            ("locality (L)", oid::LOCALITY, &self.locality, 128),
        ];
        let mut name = Vec::new();
        for (part, oid, text, longest) in parts {
            let Some(text) = text else { continue };
            if text.is_empty() || text.chars().count() > longest {
                return Err(IssueError::BadSubject(part, longest));
            }
            name.push(der::set(&der::sequence(&[der::oid(oid), der::utf8(text)])));
        }
        Ok(der::sequence(&name))
    }
}

impl CaSpec {
    pub(super) fn extensions(
        &self,
        key: &PrivateKey,
        signer: Option<&Certificate>,
    ) -> Result<Vec<Vec<u8>>, IssueError> {
        if self.subject == Subject::default() {
            return Err(IssueError::NoSubject);
        }
        let mut basic = vec![der::truth()];
        basic.extend(self.path_len.map(|length| der::integer(&[length])));
        let mut extensions = vec![
            subject_key_id(key),
            basic_constraints(&basic),
            key_usage(self.key_usage.iter().copied()),
        ];
        if !self.san.is_empty() {
            extensions.push(subject_alt_name(&self.san, false)?);
        }
        extensions.extend(signer.and_then(authority_key_id));
        Ok(extensions)
    }
}

impl WorkloadSpec {
    pub(super) fn extensions(
        &self,
        key: &PrivateKey,
        signer: &Certificate,
    ) -> Result<Vec<Vec<u8>>, IssueError> {
        let mut names = vec![San::Uri(self.identity.to_string())];
        names.extend(self.dns.iter().cloned().map(San::Dns));
        let usage = [KeyUsage::DigitalSignature, KeyUsage::KeyEncipherment];
        let mut extensions = vec![
            basic_constraints(&[]),
            key_usage(usage),
            extended_key_usage(self.role),
            // RFC 5280 4.2.1.6: critical where nothing else names the workload.
            subject_alt_name(&names, self.subject == Subject::default())?,
            subject_key_id(key),
        ];
        extensions.extend(authority_key_id(signer));
        Ok(extensions)
    }
}

fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![der::oid(oid)];
    if critical {
        parts.push(der::truth());
    }
    parts.push(der::octets(value));
    der::sequence(&parts)
}

/// Whether it is a CA, and its path length; nothing for other certificates.
fn basic_constraints(parts: &[Vec<u8>]) -> Vec<u8> {
    extension(oid::BASIC_CONSTRAINTS, true, &der::sequence(parts))
}

fn key_usage(usages: impl IntoIterator<Item = KeyUsage>) -> Vec<u8> {
    extension(oid::KEY_USAGE, true, &der::named_bits(usages.into_iter().map(KeyUsage::bit)))
}

fn extended_key_usage(role: Role) -> Vec<u8> {
    let usages: &[&[u8]] = match role {
        Role::Both => &[oid::SERVER_AUTH, oid::CLIENT_AUTH],
        Role::Server => &[oid::SERVER_AUTH],
        Role::Client => &[oid::CLIENT_AUTH],
    };
    let usages: Vec<Vec<u8>> = usages.iter().map(|usage| der::oid(usage)).collect();
    extension(oid::EXTENDED_KEY_USAGE, false, &der::sequence(&usages))
}

fn subject_alt_name(names: &[San], critical: bool) -> Result<Vec<u8>, IssueError> {
    let text = |tag, text: &String| {
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(der::implicit(tag, text.as_bytes()))
        } else {
            Err(IssueError::BadName(text.clone()))
        }
    };
    let name = |name: &San| match name {
        San::Email(address) => text(1, address),
        San::Dns(name) => text(2, name),
        San::Uri(uri) => text(6, uri),
        San::Ip(IpAddr::V4(ip)) => Ok(der::implicit(7, &ip.octets())),
        San::Ip(IpAddr::V6(ip)) => Ok(der::implicit(7, &ip.octets())),
    };
    let names: Vec<Vec<u8>> = names.iter().map(name).collect::<Result<_, _>>()?;
    Ok(extension(oid::SUBJECT_ALT_NAME, critical, &der::sequence(&names)))
}

/// RFC 7093 2(1): the first 160 bits of the SHA-256 of the key's bits, as newer Go makes them.
fn subject_key_id(key: &PrivateKey) -> Vec<u8> {
    let hash = digest(&SHA256, key.public_bits());
    extension(oid::SUBJECT_KEY_ID, false, &der::octets(&hash.as_ref()[..20]))
}

fn authority_key_id(signer: &Certificate) -> Option<Vec<u8>> {
    let value = der::sequence(&[der::implicit(0, signer.key_id.as_ref()?)]);
    Some(extension(oid::AUTHORITY_KEY_ID, false, &value))
}
