//! The CA that a server's certificate is checked with.

use std::collections::BTreeSet;

/// What istiod checks the certificate of an API server with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// These CAs: PEM, with one certificate at least.
    Certificates(Vec<u8>),
    /// The public CAs, which istiod's image holds: the kubeconfig gets none.
    Public,
}

/// The CA to give away, and whether something else than the API server itself ends TLS.
#[derive(Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The CA that fits the address.
    pub authority: Authority,
    /// Whether it is not the cluster's own: a proxy stands before the API server.
    pub is_foreign: bool,
}

impl Authority {
    /// Checks that `pem` holds a certificate; the error completes "it …".
    pub fn from_pem(pem: Vec<u8>) -> Result<Self, String> {
        if certificates(&pem).is_empty() {
            return Err("holds no certificate in PEM".to_owned());
        }
        Ok(Self::Certificates(pem))
    }

    /// Certificates as PEM, lines of 64 characters and line feeds, as Kubernetes writes them.
    #[must_use]
    pub fn from_der(certificates: &[Vec<u8>]) -> Self {
        let blocks: Vec<_> =
            certificates.iter().map(|der| pem::Pem::new("CERTIFICATE", der.as_slice())).collect();
        let lines = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        Self::Certificates(pem::encode_many_config(&blocks, lines).into_bytes())
    }

    /// Reads `--certificate-authority`: `none`, or a file.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::Public);
        }
        let pem = meshcore::file::read_small(text.as_ref())
            .map_err(|error| error.message().text().to_owned())?;
        Self::from_pem(pem)
    }
}

/// Chooses between what is known of the address itself (`stated`) and the `own` CA of the
/// cluster, which its token Secrets hold. Where both say the same, the cluster's own bytes are
/// taken, so that they do not depend on who described the address. `None` when nothing is known.
#[must_use]
pub fn choose(stated: Option<Authority>, own: Option<Vec<u8>>) -> Option<Chosen> {
    let own_is_known = own.is_some();
    let of_cluster = |own| Chosen { authority: Authority::Certificates(own), is_foreign: false };
    Some(match (stated, own) {
        (None, own) => of_cluster(own?),
        (Some(Authority::Certificates(pem)), Some(own)) if share_one(&pem, &own) => of_cluster(own),
        (Some(authority), _) => Chosen { authority, is_foreign: own_is_known },
    })
}

fn share_one(a: &[u8], b: &[u8]) -> bool {
    !certificates(a).is_disjoint(&certificates(b))
}

/// The certificates in PEM, as DER. What is no certificate does not count.
fn certificates(pem: &[u8]) -> BTreeSet<Vec<u8>> {
    let blocks = pem::parse_many(pem).unwrap_or_default();
    blocks
        .into_iter()
        .filter(|block| block.tag() == "CERTIFICATE")
        .map(pem::Pem::into_contents)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(names: &[&str]) -> Vec<u8> {
        let ders: Vec<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        match Authority::from_der(&ders) {
            Authority::Certificates(pem) => pem,
            Authority::Public => unreachable!("it has certificates"),
        }
    }

    #[test]
    fn the_clusters_own_ca_is_taken_where_it_fits() {
        let own = pem(&["old", "new"]);
        let fits = Chosen { authority: Authority::Certificates(own.clone()), is_foreign: false };
        assert_eq!(choose(None, Some(own.clone())), Some(fits));
        let stated = Some(Authority::Certificates(pem(&["new"])));
        let fits = Chosen { authority: Authority::Certificates(own.clone()), is_foreign: false };
        assert_eq!(choose(stated, Some(own)), Some(fits));
        assert_eq!(choose(None, None), None);
    }

    #[test]
    fn a_proxy_has_another_ca() {
        let stated = || Authority::Certificates(pem(&["proxy"]));
        let chosen = |is_foreign| Some(Chosen { authority: stated(), is_foreign });
        assert_eq!(choose(Some(stated()), Some(pem(&["cluster"]))), chosen(true));
        assert_eq!(choose(Some(stated()), None), chosen(false));
        let public = choose(Some(Authority::Public), Some(pem(&["cluster"]))).unwrap();
        assert_eq!(public, Chosen { authority: Authority::Public, is_foreign: true });
    }

    #[test]
    fn only_certificates_count() {
        assert!(Authority::from_pem(pem(&["a"])).is_ok());
        let key = "-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\n";
        for text in ["", "CA", key, "-----BEGIN CERTIFICATE-----\n??\n-----END CERTIFICATE-----\n"]
        {
            let error = Authority::from_pem(text.as_bytes().to_vec()).unwrap_err();
            assert_eq!(error, "holds no certificate in PEM", "{text}");
        }
        let text = String::from_utf8(pem(&["a", "b"])).unwrap();
        assert_eq!(text.matches("-----END CERTIFICATE-----\n").count(), 2, "{text}");
    }
}
