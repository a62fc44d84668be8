//! Which chains count: as Go's `x509.Verify` without asked usages.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use meshpki::chain::{self, Problem, Usage};
use meshpki::issue::{self, CaSpec, Role, Signer, Subject, WorkloadSpec};
use meshpki::{Certificate, KeyKind, KeyUsage, SignatureError};
use rcgen::{BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose};
use rcgen::{GeneralSubtree, IsCa, Issuer, KeyPair, NameConstraints, SanType};
use std::time::Duration;

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

fn named(name: &str, path_len: Option<u8>) -> CaSpec {
    CaSpec {
        subject: Subject { common_name: Some(name.to_owned()), ..Subject::default() },
        key: KeyKind::EcdsaP256,
        lifetime: Duration::from_secs(30 * 86_400),
        path_len,
        san: Vec::new(),
        ..CaSpec::root()
    }
}

fn root(spec: &CaSpec) -> Signer {
    let (certificate, key) = issue::root(spec, NOW).unwrap();
    Signer::new(certificate, key).unwrap()
}

fn below(signer: &Signer, spec: &CaSpec) -> Signer {
    let (certificate, key) = issue::intermediate(spec, signer, NOW).unwrap();
    Signer::new(certificate, key).unwrap()
}

fn leaf(signer: &Signer) -> Certificate {
    let spec = WorkloadSpec::new("spiffe://td/ns/a/sa/b".parse().unwrap());
    issue::workload(&spec, signer, NOW).unwrap().0
}

fn certificates(signers: &[&Signer]) -> Vec<Certificate> {
    signers.iter().map(|signer| signer.certificate().clone()).collect()
}

/// What is wrong with a chain, and with which of its certificates.
fn problem(leaf: &Certificate, chain: &[&Signer], roots: &[&Signer], at: i64) -> (String, Problem) {
    let error = chain::verify(leaf, &certificates(chain), &certificates(roots), at).unwrap_err();
    (error.certificate, error.problem)
}

#[test]
fn the_way_to_the_root_is_found() {
    let root = root(&named("root", None));
    let upper = below(&root, &named("upper", None));
    let lower = below(&upper, &named("lower", Some(0)));
    let leaf = leaf(&lower);
    // In any order, with the root among them, and with others.
    let chain = certificates(&[&root, &upper, &lower, &upper]);
    let roots = certificates(&[&root]);
    let way = chain::path(&leaf, &chain, &roots, NOW).unwrap();
    let names: Vec<String> = way.iter().map(|certificate| certificate.name()).collect();
    assert_eq!(names, ["\"spiffe://td/ns/a/sa/b\"", "\"CN=lower\"", "\"CN=upper\"", "\"CN=root\""]);
    // Go takes what is among the roots as a root, whatever it is.
    assert!(chain::verify(&leaf, &[], &certificates(&[&lower]), NOW).is_ok());
    assert!(chain::verify(&leaf, &[], std::slice::from_ref(&leaf), NOW).is_ok());
    assert!(chain::verify(root.certificate(), &[], &roots, NOW).is_ok());
}

#[test]
fn times() {
    let root = root(&named("root", None));
    let spec = CaSpec { lifetime: Duration::from_secs(10 * 86_400), ..named("ca", None) };
    let ca = below(&root, &spec);
    let leaf = leaf(&ca);
    let at = |at| chain::verify(&leaf, &certificates(&[&ca]), &certificates(&[&root]), at);
    assert_eq!(at(NOW), Ok(()));
    assert_eq!(at(NOW + DAY), Ok(()));
    assert_eq!(at(NOW - 1).unwrap_err().problem, Problem::NotYetValid(NOW));
    let late = at(NOW + DAY + 1).unwrap_err();
    assert_eq!(late.problem, Problem::Expired(NOW + DAY));
    assert_eq!(
        late.to_string(),
        "the certificate \"spiffe://td/ns/a/sa/b\" expired at 2026-01-02T00:00:00Z"
    );
    // A CA is no better than a leaf.
    let ca_end = problem(ca.certificate(), &[], &[&root], NOW + 11 * DAY);
    assert_eq!(ca_end, ("\"CN=ca\"".into(), Problem::Expired(NOW + 10 * DAY)));
}

#[test]
fn an_expired_root() {
    let short = root(&CaSpec { lifetime: Duration::from_secs(1), ..named("root", None) });
    let leaf = {
        let spec = WorkloadSpec {
            lifetime: Duration::from_secs(1),
            ..WorkloadSpec::new("spiffe://td/ns/a/sa/b".parse().unwrap())
        };
        issue::workload(&spec, &short, NOW).unwrap().0
    };
    // Both end at once; the leaf is told, as Go looks at it first.
    let (name, found) = problem(&leaf, &[], &[&short], NOW + 2);
    assert_eq!((name.as_str(), found), ("\"spiffe://td/ns/a/sa/b\"", Problem::Expired(NOW + 1)));
    let begun = root(&named("root", None));
    let (_, found) = problem(begun.certificate(), &[], &[&begun], NOW - 1);
    assert_eq!(found, Problem::NotYetValid(NOW));
}

#[test]
fn issuers() {
    let root_a = root(&named("root", None));
    let root_b = root(&named("root", None));
    let ca = below(&root_a, &named("ca", None));
    let leaf = leaf(&ca);
    let unknown = Problem::UnknownIssuer("CN=ca".into());
    assert_eq!(problem(&leaf, &[], &[&root_a], NOW).1, unknown);
    // Same name, other key: what two runs of tools/certs give.
    let other = Problem::Signature(SignatureError::Wrong);
    assert_eq!(problem(&leaf, &[&ca], &[&root_b], NOW), ("\"CN=ca\"".into(), other.clone()));
    assert!(
        chain::verify(&leaf, &certificates(&[&ca]), &certificates(&[&root_b, &root_a]), NOW)
            .is_ok()
    );
    // The farthest error is told, wherever it comes.
    assert_eq!(problem(&leaf, &[&root_b, &ca], &[&root_b], NOW).1, other);
    // No roots at all.
    assert_eq!(problem(&leaf, &[&ca], &[], NOW).1, Problem::UnknownIssuer("CN=root".into()));
}

#[test]
fn path_lengths() {
    let root = root(&named("root", Some(1)));
    let upper = below(&root, &named("upper", None));
    let lower = below(&upper, &named("lower", None));
    assert!(
        chain::verify(&leaf(&upper), &certificates(&[&upper]), &certificates(&[&root]), NOW)
            .is_ok()
    );
    let (name, found) = problem(&leaf(&lower), &[&upper, &lower], &[&root], NOW);
    assert_eq!(name, "\"CN=root\"");
    assert_eq!(found, Problem::PathLength { allowed: 1, found: 2 });
}

/// A CA that rcgen makes, which makes what we refuse to.
struct Foreign {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

fn day(unix: i64) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(unix).unwrap()
}

fn params(name: &str, is_ca: bool) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.not_before = day(NOW);
    params.not_after = day(NOW + DAY);
    params.is_ca =
        if is_ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
    params
}

fn foreign_root(params: CertificateParams) -> Foreign {
    let key = KeyPair::generate().unwrap();
    let certificate = Certificate::from_der(params.self_signed(&key).unwrap().der()).unwrap();
    Foreign { certificate, issuer: Issuer::new(params, key) }
}

impl Foreign {
    fn sign(&self, params: CertificateParams) -> Foreign {
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        let certificate = Certificate::from_der(signed.der()).unwrap();
        Foreign { certificate, issuer: Issuer::new(params, key) }
    }

    fn verdict(&self, roots: &Foreign) -> Result<(), Problem> {
        chain::verify(&self.certificate, &[], std::slice::from_ref(&roots.certificate), NOW)
            .map_err(|error| error.problem)
    }
}

#[test]
fn issuers_are_cas() {
    let root = foreign_root(params("root", true));
    assert_eq!(root.sign(params("leaf", false)).verdict(&root), Ok(()));
    let no_ca = foreign_root(params("root", false));
    assert_eq!(no_ca.sign(params("leaf", false)).verdict(&no_ca), Err(Problem::NotCa));
    let mut may_not = params("root", true);
    may_not.key_usages = vec![rcgen::KeyUsagePurpose::CrlSign];
    let may_not = foreign_root(may_not);
    assert_eq!(may_not.sign(params("leaf", false)).verdict(&may_not), Err(Problem::MayNotSign));
    assert_eq!(may_not.certificate.key_usage().unwrap().len(), 1);
    assert!(may_not.certificate.key_usage().unwrap().contains(&KeyUsage::CrlSign));
}

#[test]
fn usages_hold_below() {
    let with = |usage: &[ExtendedKeyUsagePurpose], is_ca| {
        let mut params = params(if is_ca { "root" } else { "leaf" }, is_ca);
        params.extended_key_usages = usage.to_vec();
        params
    };
    let (server, client) =
        (ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth);
    let any = ExtendedKeyUsagePurpose::Any;
    for (upper, lower, expected) in [
        (vec![], vec![server.clone(), client.clone()], Ok(())),
        (vec![server.clone()], vec![], Ok(())),
        (vec![any], vec![server.clone()], Ok(())),
        (vec![], vec![client.clone()], Err(Problem::NotFor(Usage::Servers))),
        (vec![client], vec![server], Err(Problem::NotFor(Usage::Servers))),
        (
            vec![ExtendedKeyUsagePurpose::Other(vec![1, 2, 3])],
            vec![],
            Err(Problem::NotFor(Usage::Servers)),
        ),
    ] {
        let root = foreign_root(with(&upper, true));
        let found = root.sign(with(&lower, false)).verdict(&root);
        assert_eq!(found, expected, "{upper:?} {lower:?}");
    }
    let root = root(&named("root", None));
    let spec = WorkloadSpec {
        role: Role::Client,
        ..WorkloadSpec::new("spiffe://td/ns/a/sa/b".parse().unwrap())
    };
    let (client, _) = issue::workload(&spec, &root, NOW).unwrap();
    assert_eq!(problem(&client, &[], &[&root], NOW).1, Problem::NotFor(Usage::Servers));
    let roots = certificates(&[&root]);
    assert!(chain::path_for(&client, &[], &roots, NOW, Usage::Clients).is_ok());
    assert!(client.is_for(Usage::Clients) && !client.is_for(Usage::Servers));
}

#[test]
fn name_constraints_and_unknown_extensions() {
    let mut constrained = params("root", true);
    constrained.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("example.com".into())],
        excluded_subtrees: vec![],
    });
    let root = foreign_root(constrained);
    let with_name = |name: &str| {
        let mut params = params("leaf", false);
        params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
        params
    };
    assert_eq!(root.sign(with_name("vm.example.com")).verdict(&root), Ok(()));
    assert_eq!(
        root.sign(with_name("vm.example.org")).verdict(&root),
        Err(Problem::NameConstraint("DNS:vm.example.org".into()))
    );

    let root = foreign_root(params("root", true));
    for (critical, expected) in
        [(false, Ok(())), (true, Err(Problem::UnknownExtension("1.2.3.4".into())))]
    {
        let mut strange = params("leaf", false);
        let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        extension.set_criticality(critical);
        strange.custom_extensions = vec![extension];
        assert_eq!(root.sign(strange).verdict(&root), expected);
    }
}

#[test]
fn cas_that_sign_each_other_end_the_search() {
    // Every CA has the same name, so each may be the issuer of each.
    let cas: Vec<Signer> = (0..12).map(|_| root(&named("ca", None))).collect();
    let stranger = root(&named("ca", None));
    let all: Vec<&Signer> = cas.iter().collect();
    let (_, found) = problem(&leaf(&cas[0]), &all, &[&stranger], NOW);
    assert_eq!(found, Problem::Signature(SignatureError::Wrong));
    let again: Vec<&Signer> = all.iter().cycle().take(200).copied().collect();
    assert_eq!(problem(&leaf(&stranger), &again, &[], NOW).1, Problem::TooManyWays);
}

#[test]
fn sentences() {
    for (problem, words) in [
        (Problem::NotYetValid(0), "is not valid before 1970-01-01T00:00:00Z"),
        (Problem::UnknownExtension("1.2".into()), "does not know (1.2)"),
        (Problem::UnknownIssuer("CN=a".into()), "is signed by \"CN=a\", which is neither"),
        (Problem::NotCa, "no CA (CA:false)"),
        (Problem::MayNotSign, "keyCertSign"),
        (Problem::PathLength { allowed: 0, found: 1 }, "allows 0 CAs"),
        (Problem::Signature(SignatureError::Insecure), "made with SHA-1 or MD5"),
        (Problem::Signature(SignatureError::Unsupported("1.2".into())), "unknown kind (1.2)"),
        (Problem::NameConstraint("DNS:a".into()), "for the name DNS:a"),
        (Problem::NotFor(Usage::Servers), "servers of TLS"),
        (Problem::TooManyWays, "more ways"),
    ] {
        assert!(problem.to_string().contains(words), "{problem}");
    }
}
