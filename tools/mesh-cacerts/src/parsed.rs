//! The texts of a set as istiod, a Go program, reads them: what is no certificate is passed over.

use crate::found::FileSet;
use meshpki::{Certificate, chain};

/// A set whose certificates were read.
pub struct Parsed<'a> {
    /// What they were read from.
    pub set: &'a FileSet,
    /// The certificate that signs, or why it is none; none where the file is missing.
    pub ca: Option<Result<Certificate, String>>,
    /// The roots.
    pub roots: Bundle,
    /// What proxies send behind their own certificate.
    pub chain: Bundle,
}

/// Certificates one after the other.
#[derive(Debug, Default)]
pub struct Bundle {
    /// Those that can be read, in their order, with their texts.
    pub entries: Vec<(Certificate, String)>,
    /// What is wrong with the text: completes "root-cert.pem …".
    pub fault: Option<String>,
}

impl<'a> Parsed<'a> {
    /// Reads a set.
    #[must_use]
    pub fn read(set: &'a FileSet) -> Self {
        let bundle = |text: &Option<String>| text.as_deref().map(Bundle::read).unwrap_or_default();
        Self {
            set,
            ca: set.ca_cert.as_deref().map(first_certificate),
            roots: bundle(&set.root_cert),
            chain: bundle(&set.cert_chain),
        }
    }

    /// The certificate that signs, if it can be read.
    #[must_use]
    pub fn signing(&self) -> Option<&Certificate> {
        self.ca.as_ref().and_then(|ca| ca.as_ref().ok())
    }

    /// The root that the CA leads to at a Unix time, by the certificates that are there.
    #[must_use]
    pub fn anchor(&self, at: i64) -> Option<Certificate> {
        let (chain, roots) = (self.chain.certificates(), self.roots.certificates());
        let path = chain::path(self.signing()?, &chain, &roots, at).ok()?;
        path.last().map(|root| (*root).clone())
    }
}

impl Bundle {
    /// Reads a text.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let fault = Certificate::all_from_pem(text).err();
        let read = |block: &str| Some((Certificate::from_pem(block).ok()?, block.to_owned()));
        Self { entries: blocks(text).into_iter().filter_map(read).collect(), fault }
    }

    /// The certificates.
    #[must_use]
    pub fn certificates(&self) -> Vec<Certificate> {
        self.entries.iter().map(|(certificate, _)| certificate.clone()).collect()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it has a certificate, byte by byte.
    #[must_use]
    pub fn has(&self, certificate: &Certificate) -> bool {
        self.entries.iter().any(|(known, _)| known == certificate)
    }

    /// SHA-256 of the public keys, in order and none twice.
    #[must_use]
    pub fn public_keys(&self) -> std::collections::BTreeSet<String> {
        self.entries.iter().map(|(certificate, _)| certificate.spki_sha256()).collect()
    }
}

/// Go decodes the first PEM block and looks at no other.
fn first_certificate(text: &str) -> Result<Certificate, String> {
    match blocks(text).first() {
        Some(block) => Certificate::from_pem(block),
        None => Err("holds no PEM block, so no certificate".to_owned()),
    }
}

/// The PEM blocks of a text, each with its BEGIN and END lines.
fn blocks(text: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    let mut start = None;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("-----BEGIN ") {
            start = Some(offset);
        }
        offset += line.len();
        if line.starts_with("-----END ")
            && let Some(start) = start.take()
        {
            blocks.push(&text[start..offset]);
        }
    }
    blocks
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::recipe::Recipe;
    use crate::recipe::tests::{quick, signer};
    use meshpki::bundle::Files;
    use proptest::prelude::*;

    pub(crate) const NOW: i64 = 1_800_000_000;

    /// The files of a good CA, below a root of its own.
    pub(crate) fn good() -> Files {
        of_recipe(&quick())
    }

    pub(crate) fn of_recipe(recipe: &Recipe) -> Files {
        recipe.intermediate(("a", "istio-system"), &signer(recipe, NOW), NOW).unwrap().0
    }

    pub(crate) fn set(files: Files) -> FileSet {
        let namespace = Some("istio-system".to_owned());
        FileSet::of_files("istio-system/cacerts".to_owned(), namespace, files).unwrap()
    }

    #[test]
    fn a_good_set_leads_to_its_root() {
        let set = set(good());
        let parsed = Parsed::read(&set);
        let anchor = parsed.anchor(NOW).unwrap();
        assert!(parsed.roots.has(&anchor) && parsed.roots.fault.is_none());
        assert_eq!(parsed.chain.entries.len(), 2);
        assert_eq!(parsed.anchor(NOW + 3650 * 86400 + 1), None);
    }

    #[test]
    fn what_is_no_certificate_is_passed_over_and_told() {
        let files = good();
        let text = format!("# root\n{}{}", &files["ca-key.pem"], &files["root-cert.pem"]);
        let bundle = Bundle::read(&text);
        assert_eq!(bundle.entries.len(), 1);
        assert_eq!(bundle.entries[0].1, &files["root-cert.pem"]);
        assert!(bundle.fault.unwrap().contains("PEM block 1 is a private key"));
        assert!(Bundle::read("nothing").is_empty());
        assert!(first_certificate(&text).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(-----BEGIN A-----\n|-----END A-----\n?|[A=: \n-]|\\PC){0,9}") {
            for block in blocks(&text) {
                prop_assert!(block.starts_with("-----BEGIN ") && text.contains(block));
            }
            prop_assert!(Bundle::read(&text).is_empty());
        }
    }
}
