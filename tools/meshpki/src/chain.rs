//! Whether certificates lead to a root, as Go's `x509.Verify` decides for istiod: with no usage
//! asked for, which means servers of TLS.

use crate::signature::SignatureError;
use crate::{Certificate, date};
use std::fmt;

/// Which certificate does not count, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainError {
    /// [`Certificate::name`] of the certificate.
    pub certificate: String,
    /// Why.
    pub problem: Problem,
}

/// Why a certificate does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Its life ended; Unix time.
    Expired(i64),
    /// Its life has not begun; Unix time.
    NotYetValid(i64),
    /// It has a critical extension that Go does not know.
    UnknownExtension(String),
    /// Neither the intermediates nor the roots hold its issuer, a certificate with this subject.
    UnknownIssuer(String),
    /// It signs another one, and is no CA.
    NotCa,
    /// It signs another one, and its key usage has no keyCertSign.
    MayNotSign,
    /// There are more CAs below it than it allows.
    PathLength {
        /// As many as it allows.
        allowed: u32,
        /// As many as there are.
        found: u32,
    },
    /// Its signature does not count.
    Signature(SignatureError),
    /// The CA may not sign for this name (name constraints).
    NameConstraint(String),
    /// Its extended key usage, which holds for all below it, lacks this one.
    NotFor(Usage),
    /// More ways to a root than are worth following (Go follows 100, too).
    TooManyWays,
}

/// The end of TLS that a certificate is to be used on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// serverAuth.
    Servers,
    /// clientAuth.
    Clients,
}

/// As Go: so many signatures are checked at most.
const MAX_SIGNATURES: u32 = 100;

/// Whether `leaf` leads to one of the `roots` over the `intermediates`, at a Unix time.
pub fn verify(
    leaf: &Certificate,
    intermediates: &[Certificate],
    roots: &[Certificate],
    at: i64,
) -> Result<(), ChainError> {
    path(leaf, intermediates, roots, at).map(drop)
}

/// The way from `leaf` to one of the `roots`, both included.
pub fn path<'a>(
    leaf: &'a Certificate,
    intermediates: &'a [Certificate],
    roots: &'a [Certificate],
    at: i64,
) -> Result<Vec<&'a Certificate>, ChainError> {
    path_for(leaf, intermediates, roots, at, Usage::Servers)
}

/// The same for another usage than istiod asks for.
pub fn path_for<'a>(
    leaf: &'a Certificate,
    intermediates: &'a [Certificate],
    roots: &'a [Certificate],
    at: i64,
    usage: Usage,
) -> Result<Vec<&'a Certificate>, ChainError> {
    check_life(leaf, at)?;
    let mut search = Search { intermediates, roots, at, usage, signatures: 0, farthest: None };
    let mut way = vec![leaf];
    if roots.contains(leaf) {
        check_usage(&way, usage)?;
        return Ok(way);
    }
    if search.extend(&mut way) {
        return Ok(way);
    }
    let (_, error) = search.farthest.unwrap_or_else(|| {
        let issuer = leaf.issuer().to_owned();
        (0, error(leaf, Problem::UnknownIssuer(issuer)))
    });
    Err(error)
}

struct Search<'a> {
    intermediates: &'a [Certificate],
    roots: &'a [Certificate],
    at: i64,
    usage: Usage,
    signatures: u32,
    /// The error after the longest way: the nearest to what was meant.
    farthest: Option<(usize, ChainError)>,
}

impl<'a> Search<'a> {
    /// Continues a way to a root; true if it came to one.
    fn extend(&mut self, way: &mut Vec<&'a Certificate>) -> bool {
        let last = way[way.len() - 1];
        let mut issuers: Vec<(&'a Certificate, bool)> = Vec::new();
        issuers.extend(self.roots.iter().map(|root| (root, true)));
        issuers.extend(self.intermediates.iter().map(|certificate| (certificate, false)));
        issuers.retain(|(issuer, _)| {
            issuer.raw_subject == last.raw_issuer
                && !way.iter().any(|c| c.raw_subject == issuer.raw_subject && c.spki == issuer.spki)
        });
        // As Go: those whose key has the right identifier first; the sort keeps roots in front.
        issuers.sort_by_key(|(issuer, _)| match (&last.issuer_key_id, &issuer.key_id) {
            (Some(wanted), Some(id)) if wanted == id => 0,
            (Some(_), Some(_)) => 2,
            _ => 1,
        });
        if issuers.is_empty() {
            self.fail(way.len(), last, Problem::UnknownIssuer(last.issuer().to_owned()));
        }
        for (issuer, is_root) in issuers {
            self.signatures += 1;
            if self.signatures > MAX_SIGNATURES {
                self.fail(usize::MAX, last, Problem::TooManyWays);
                return false;
            }
            if let Err(error) = check_issuer(issuer, way, is_root, self.at) {
                self.keep(way.len(), error);
                continue;
            }
            way.push(issuer);
            if is_root {
                match check_usage(way, self.usage) {
                    Ok(()) => return true,
                    Err(error) => self.keep(way.len(), error),
                }
            } else if self.extend(way) {
                return true;
            }
            way.pop();
        }
        false
    }

    fn fail(&mut self, length: usize, certificate: &Certificate, problem: Problem) {
        self.keep(length, error(certificate, problem));
    }

    fn keep(&mut self, length: usize, error: ChainError) {
        if self.farthest.as_ref().is_none_or(|(farthest, _)| length > *farthest) {
            self.farthest = Some((length, error));
        }
    }
}

fn error(certificate: &Certificate, problem: Problem) -> ChainError {
    ChainError { certificate: certificate.name(), problem }
}

/// What every certificate of a chain has to be.
fn check_life(certificate: &Certificate, at: i64) -> Result<(), ChainError> {
    if let Some(oid) = certificate.unknown_critical.first() {
        return Err(error(certificate, Problem::UnknownExtension(oid.clone())));
    }
    if at < certificate.not_before() {
        return Err(error(certificate, Problem::NotYetValid(certificate.not_before())));
    }
    if at > certificate.not_after() {
        return Err(error(certificate, Problem::Expired(certificate.not_after())));
    }
    Ok(())
}

/// What the issuer of the last certificate of a way has to be.
fn check_issuer(
    issuer: &Certificate,
    way: &[&Certificate],
    is_root: bool,
    at: i64,
) -> Result<(), ChainError> {
    // A root of version 1 has no extensions; Go takes it.
    if !issuer.is_ca() && (issuer.version >= 3 || !is_root) {
        return Err(error(issuer, Problem::NotCa));
    }
    if !issuer.may_sign() {
        return Err(error(issuer, Problem::MayNotSign));
    }
    let last = way[way.len() - 1];
    last.signed.verify(&issuer.spki).map_err(|reason| error(last, Problem::Signature(reason)))?;
    check_life(issuer, at)?;
    let names = way.iter().flat_map(|certificate| certificate.san());
    if let Some(name) = names.into_iter().find(|name| !issuer.constraints.allow(name)) {
        return Err(error(issuer, Problem::NameConstraint(name.to_string())));
    }
    let found = u32::try_from(way.len() - 1).unwrap_or(u32::MAX);
    match issuer.path_len() {
        Some(allowed) if found > allowed => {
            Err(error(issuer, Problem::PathLength { allowed, found }))
        }
        _ => Ok(()),
    }
}

/// Each certificate's usages hold for all below it.
fn check_usage(way: &[&Certificate], usage: Usage) -> Result<(), ChainError> {
    match way.iter().rev().find(|certificate| !certificate.is_for(usage)) {
        Some(certificate) => Err(error(certificate, Problem::NotFor(usage))),
        None => Ok(()),
    }
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the certificate {} {}", self.certificate, self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(end) => write!(f, "expired at {}", date(*end)),
            Self::NotYetValid(begin) => write!(f, "is not valid before {}", date(*begin)),
            Self::UnknownExtension(oid) => {
                write!(f, "has a critical extension that Go does not know ({oid})")
            }
            Self::UnknownIssuer(issuer) => write!(
                f,
                "is signed by \"{issuer}\", which is neither among the roots nor in the chain"
            ),
            Self::NotCa => f.write_str("signs another one, and is no CA (CA:false)"),
            Self::MayNotSign => {
                f.write_str("signs another one, and its key usage has no keyCertSign")
            }
            Self::PathLength { allowed, found } => write!(
                f,
                "allows {allowed} CAs between it and the last certificate (pathlen), and there \
                 are {found}"
            ),
            Self::Signature(reason) => {
                write!(f, "has the right issuer, but its signature {reason}")
            }
            Self::NameConstraint(name) => {
                write!(f, "may not sign for the name {name} (name constraints)")
            }
            Self::NotFor(Usage::Servers) => {
                f.write_str("is not for servers of TLS: its extended key usage lacks serverAuth")
            }
            Self::NotFor(Usage::Clients) => {
                f.write_str("is not for clients of TLS: its extended key usage lacks clientAuth")
            }
            Self::TooManyWays => f.write_str("has more ways to a root than Go would follow"),
        }
    }
}
