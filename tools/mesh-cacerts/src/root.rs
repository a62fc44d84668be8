//! The mesh's root: read from the user's folder, or made there.

use crate::folder::{open_mode, read_file};
use crate::recipe::Recipe;
use meshcore::folder::{Mode, Stage};
use meshcore::shell;
use meshcore::{Error, Message, Result};
use meshpki::issue::Signer;
use meshpki::{Certificate, KeyAlgorithm, PrivateKey, sample};
use std::path::{Path, PathBuf};

/// The names that Istio's tools/certs gives them.
const CERTIFICATE: &str = "root-cert.pem";
const KEY: &str = "root-key.pem";

/// The folder that the user keeps the root in.
#[derive(Debug, Clone)]
pub struct RootDir(pub PathBuf);

impl RootDir {
    /// The root's certificate, if the folder has one; its key may be elsewhere.
    pub fn certificate(&self, now: i64) -> Result<Option<Certificate>> {
        meshcore::folder::refuse_strangers(&self.0)?;
        let path = self.0.join(CERTIFICATE);
        let at = path.display();
        let Some(text) = read_file(&path)? else {
            return if self.0.join(KEY).exists() {
                Err(no_half(Error::data(format!("is not there, and {KEY} is")).at(at)))
            } else {
                Ok(None)
            };
        };
        let root = Certificate::from_pem(&text).map_err(|reason| Error::data(reason).at(&at))?;
        match fault(&root, now) {
            Some(fault) => Err(Error::data(fault).at(at).hint("a new root needs a new folder")),
            None => Ok(Some(root)),
        }
    }

    /// The root with its key, if the folder has one.
    pub fn signer(&self, now: i64) -> Result<Option<Signer>> {
        let Some(root) = self.certificate(now)? else { return Ok(None) };
        let path = self.0.join(KEY);
        let at = path.display();
        let text = read_file(&path)?
            .ok_or_else(|| Error::data(format!("is not there, and {CERTIFICATE} is")).at(&at))
            .map_err(no_half)?;
        if let Some(mode) = open_mode(&path)? {
            return Err(Error::data(format!("others can read it (mode {mode:04o})"))
                .at(&at)
                .hint(shell::chmod("600", &path)));
        }
        let key = PrivateKey::from_pem(&text).map_err(|reason| Error::data(reason).at(&at))?;
        let signer = Signer::new(root, key).map_err(|e| Error::data(e.to_string()).at(at))?;
        Ok(Some(signer))
    }

    /// Makes a root, to be written with the rest.
    pub fn make(&self, recipe: &Recipe, now: i64, stage: &mut Stage) -> Result<(Signer, Message)> {
        let (certificate, key) = recipe.root(now)?;
        let path = self.0.join(KEY);
        stage.file(&path, &key.to_pem(), Mode::Secret)?;
        stage.file(&self.0.join(CERTIFICATE), &certificate.to_pem(), Mode::Public)?;
        let note = Message::new(format!("made a root, and its key in {}", path.display()))
            .hint("keep the key off the clusters: whoever has it is the mesh");
        Ok((Signer::new(certificate, key).expect("it was made as a CA"), note))
    }

    /// The root with its key, made where the folder has none; then with a note that says so.
    pub fn signer_or_new(
        &self,
        recipe: &Recipe,
        now: i64,
        stage: &mut Stage,
    ) -> Result<(Signer, Option<Message>)> {
        match self.signer(now)? {
            Some(signer) => Ok((signer, None)),
            None => self.make(recipe, now, stage).map(|(signer, note)| (signer, Some(note))),
        }
    }

    /// The folder, for command lines.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

fn no_half(error: Error) -> Error {
    error.hint("a root is both files, or neither: then a new one is made")
}

/// Why a certificate can be no mesh's root at a Unix time.
fn fault(root: &Certificate, now: i64) -> Option<String> {
    if let Some(origin) = sample::origin(root) {
        return Some(format!("is Istio's {origin}: its key is public"));
    }
    if !root.is_ca() {
        return Some("is no CA: it says CA:false".to_owned());
    }
    if !root.is_self_signed() {
        return Some(format!("is no root: {} signed it", root.issuer()));
    }
    if now > root.not_after() {
        return Some(format!("expired at {}", meshpki::date(root.not_after())));
    }
    if now < root.not_before() {
        return Some(format!("is not valid before {}", meshpki::date(root.not_before())));
    }
    match root.key_algorithm() {
        KeyAlgorithm::Rsa(bits @ ..2048) => Some(format!("has a key of {bits} bits: too small")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::tests::quick;
    use std::os::unix::fs::PermissionsExt as _;

    const NOW: i64 = 1_800_000_000;

    fn made(recipe: &Recipe) -> (tempfile::TempDir, RootDir) {
        let dir = tempfile::tempdir().unwrap();
        let root = RootDir(dir.path().join("root"));
        let mut stage = Stage::default();
        assert!(root.signer(NOW).unwrap().is_none());
        root.make(recipe, NOW, &mut stage).unwrap();
        stage.commit().unwrap();
        (dir, root)
    }

    fn error(root: &RootDir, now: i64) -> String {
        let error = root.signer(now).err().expect("it is refused");
        error.message().text().to_owned()
    }

    #[test]
    fn what_is_made_is_read_again() {
        let (_dir, root) = made(&quick());
        let signer = root.signer(NOW).unwrap().unwrap();
        assert_eq!(signer.certificate(), &root.certificate(NOW).unwrap().unwrap());
        let mode = std::fs::metadata(root.path().join(KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_folder_of_another_user_is_refused() {
        let (_dir, root) = made(&quick());
        // Only root can give a folder away.
        if std::os::unix::fs::chown(root.path(), Some(65_534), None).is_ok() {
            assert!(error(&root, NOW).ends_with("belongs to another user (UID 65534)"));
        }
    }

    #[test]
    fn a_root_is_refused_with_the_reason() {
        let (_dir, root) = made(&quick());
        assert!(error(&root, NOW - 301).contains("is not valid before"));
        assert!(error(&root, NOW + 3650 * 86400 + 1).contains("expired at"));

        let (key, certificate) = (root.path().join(KEY), root.path().join(CERTIFICATE));
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(error(&root, NOW).ends_with("others can read it (mode 0640)"));
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();

        let (_dir2, other) = made(&quick());
        std::fs::copy(other.path().join(KEY), &key).unwrap();
        assert!(error(&root, NOW).contains("the key is not the CA certificate's"));
        let signer = other.signer(NOW).unwrap().unwrap();
        let (files, _) = quick().intermediate(("a", "istio-system"), &signer, NOW).unwrap();
        std::fs::write(&certificate, files["ca-cert.pem"].as_bytes()).unwrap();
        assert!(error(&root, NOW).contains("is no root: O=Istio, CN=Root CA signed it"));
        std::fs::write(&certificate, files["cert-chain.pem"].as_bytes()).unwrap();
        assert!(error(&root, NOW).contains("holds 2 certificates"));

        std::fs::remove_file(&certificate).unwrap();
        assert!(error(&root, NOW).contains("root-cert.pem: is not there, and root-key.pem is"));
        std::fs::copy(other.path().join(CERTIFICATE), &certificate).unwrap();
        std::fs::remove_file(&key).unwrap();
        assert!(error(&root, NOW).contains("root-key.pem: is not there, and root-cert.pem is"));
        assert!(root.certificate(NOW).unwrap().is_some());
    }
}
