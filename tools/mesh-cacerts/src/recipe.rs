//! What new certificates are to be like: those of Istio's tools/certs, unless the user says
//! otherwise.

use meshcore::{Error, Result};
use meshpki::bundle::{CA_CERT, CA_KEY, CERT_CHAIN, Files, ROOT_CERT};
use meshpki::issue::{self, CaSpec, IssueError, Signer};
use meshpki::{Certificate, KeyKind, KeyUsage, Lifetime, PrivateKey, San};
use std::time::Duration;
use zeroize::Zeroizing;

/// Clocks differ: so long before now a certificate begins.
const BACKDATE: Duration = Duration::from_secs(5 * 60);

/// How roots and intermediates are made.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Keys of both.
    pub key: KeyKind,
    /// Life of a root.
    pub root_lifetime: Lifetime,
    /// Life of an intermediate; none: as a root's, and no longer than its own root's.
    pub lifetime: Option<Lifetime>,
    /// How many CAs may stand below an intermediate.
    pub path_length: u8,
    /// Names of an intermediate; none: that of istiod's Service.
    pub san: Vec<San>,
    /// O in the subjects of both.
    pub organization: String,
    /// Whether both may sign revocation lists.
    pub crl_sign: bool,
}

/// The life that tools/certs gives to roots and intermediates.
pub const LIFETIME: Lifetime = Lifetime::DECADE;

impl Recipe {
    /// Makes a root and its key.
    pub fn root(&self, now: i64) -> Result<(Certificate, PrivateKey)> {
        let spec = self.adapt(CaSpec::root(), self.root_lifetime.seconds());
        issue::root(&spec, now).map_err(|error| Error::usage(error.to_string()))
    }

    /// Makes a CA for a cluster below a root: the four files that istiod reads, and when its
    /// certificate ends. The certificate says the cluster's name and, unless told otherwise, the
    /// name of the Service of istiod in its namespace.
    pub fn intermediate(
        &self,
        (cluster, namespace): (&str, &str),
        root: &Signer,
        now: i64,
    ) -> Result<(Files, i64)> {
        let left = root.certificate().not_after() - now;
        let lifetime = self.lifetime.map_or(LIFETIME.seconds().min(left), Lifetime::seconds);
        let spec = CaSpec {
            path_len: Some(self.path_length),
            san: match &self.san[..] {
                [] => vec![San::Dns(format!("istiod.{namespace}.svc"))],
                names => names.to_vec(),
            },
            ..self.adapt(CaSpec::intermediate(cluster), lifetime)
        };
        let (certificate, key) =
            issue::intermediate(&spec, root, now).map_err(|error| explained(&error))?;
        let root_pem = root.certificate().to_pem();
        let own_pem = certificate.to_pem();
        let files = Files::from([
            (CA_KEY, key.to_pem()),
            (CERT_CHAIN, Zeroizing::new(own_pem.clone() + &root_pem)),
            (CA_CERT, Zeroizing::new(own_pem)),
            (ROOT_CERT, Zeroizing::new(root_pem)),
        ]);
        Ok((files, certificate.not_after()))
    }

    fn adapt(&self, mut spec: CaSpec, lifetime: i64) -> CaSpec {
        spec.key = self.key;
        spec.lifetime = Duration::from_secs(lifetime.try_into().unwrap_or_default());
        spec.backdate = BACKDATE;
        spec.subject.organization = Some(self.organization.clone());
        if self.crl_sign {
            spec.key_usage.insert(KeyUsage::CrlSign);
        }
        spec
    }
}

fn explained(error: &IssueError) -> Error {
    match error {
        IssueError::OutlivesSigner(_) => {
            Error::usage(error.to_string()).hint("leave --lifetime out: it then ends with its root")
        }
        IssueError::BadSubject(..) | IssueError::BadName(_) | IssueError::BadTime => {
            Error::usage(error.to_string())
        }
        _ => Error::data(error.to_string()),
    }
}

/// Reads a name for --san: a host, or a URI where it has a scheme.
pub fn san(text: &str) -> Result<San, &'static str> {
    let is_label_byte = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(is_label_byte)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.contains("://") {
        return if text.bytes().all(|b| b.is_ascii_graphic()) && !text.starts_with(':') {
            Ok(San::Uri(text.to_owned()))
        } else {
            Err("is no URI, as spiffe://cluster.local/ns/istio-system/sa/istiod")
        };
    }
    let name = text.strip_prefix("*.").unwrap_or(text);
    if name.len() <= 253 && name.split('.').all(is_label) {
        Ok(San::Dns(text.to_owned()))
    } else {
        Err("is no host name, as istiod.istio-system.svc")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Quick to make.
    pub(crate) fn quick() -> Recipe {
        Recipe {
            key: KeyKind::EcdsaP256,
            root_lifetime: LIFETIME,
            lifetime: None,
            path_length: 0,
            san: Vec::new(),
            organization: "Istio".to_owned(),
            crl_sign: false,
        }
    }

    pub(crate) fn signer(recipe: &Recipe, now: i64) -> Signer {
        let (certificate, key) = recipe.root(now).unwrap();
        Signer::new(certificate, key).unwrap()
    }

    const NOW: i64 = 1_800_000_000;

    #[test]
    fn an_intermediate_ends_with_its_root_unless_it_is_told_to_end_earlier() {
        let recipe = quick();
        let root = signer(&recipe, NOW);
        let ends = NOW + LIFETIME.seconds();
        let later = NOW + 1000;
        assert_eq!(recipe.intermediate(("a", "istio-system"), &root, later).unwrap().1, ends);
        let with = |lifetime| Recipe { lifetime: Some(lifetime), ..quick() };
        assert_eq!(
            with(Lifetime::DAY).intermediate(("a", "istio-system"), &root, later).unwrap().1,
            later + 86400
        );
        let error = with(LIFETIME).intermediate(("a", "istio-system"), &root, later).err().unwrap();
        assert!(error.message().text().contains("would outlive its CA"), "{error:?}");
        let error = recipe.intermediate(("a", "istio-system"), &root, ends + 1).err().unwrap();
        assert!(error.message().text().contains("expired at"), "{error:?}");
    }

    #[test]
    fn the_recipe_is_in_both_certificates() {
        let recipe = Recipe {
            organization: "Example".to_owned(),
            crl_sign: true,
            path_length: 2,
            ..quick()
        };
        let root = signer(&recipe, NOW);
        let (files, _) = recipe.intermediate(("a", "istio-system"), &root, NOW).unwrap();
        let own = Certificate::from_pem(&files[CA_CERT]).unwrap();
        for certificate in [root.certificate(), &own] {
            assert!(certificate.subject().contains("O=Example"));
            assert!(certificate.key_usage().unwrap().contains(&KeyUsage::CrlSign));
            assert_eq!(certificate.not_before(), NOW - 300);
        }
        assert_eq!((own.path_len(), root.certificate().path_len()), (Some(2), None));
        assert_eq!(files[CERT_CHAIN], files[CA_CERT].to_owned() + &files[ROOT_CERT]);
        assert_eq!(own.san(), [San::Dns("istiod.istio-system.svc".to_owned())]);
    }

    #[test]
    fn names_are_hosts_or_uris() {
        assert_eq!(san("*.istiod-r.svc"), Ok(San::Dns("*.istiod-r.svc".to_owned())));
        assert_eq!(san("spiffe://td"), Ok(San::Uri("spiffe://td".to_owned())));
        for text in ["", "a b", "a..b", "-a", "*", "a.*", "é", "://", "spiffe://a b"] {
            assert!(san(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_name_that_is_taken_can_be_written(text in "\\PC{0,70}|[a-z.*:/-]{0,40}") {
            if let Ok(name) = san(&text) {
                let recipe = Recipe { san: vec![name.clone()], ..quick() };
                let root = signer(&quick(), NOW);
                let (files, _) = recipe.intermediate(("a", "istio-system"), &root, NOW).unwrap();
                let certificate = Certificate::from_pem(&files[CA_CERT]).unwrap();
                prop_assert_eq!(certificate.san(), &[name][..]);
            }
        }
    }
}
