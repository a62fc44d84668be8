//! A folder with the files of a machine, as somebody made it.

use super::Recipe;
use crate::bundle::{CLUSTER_ENV, HOSTS, MESH_YAML, ROOT_CERT, TOKEN};
use meshcore::{Error, Result, file};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The workload's certificate in the recipe of Istio 1.6, and what signed it.
pub const CERT_CHAIN: &str = "cert-chain.pem";
/// Its key.
pub const KEY: &str = "key.pem";

/// All names that are looked at.
const NAMES: [&str; 7] = [CERT_CHAIN, CLUSTER_ENV, HOSTS, TOKEN, KEY, MESH_YAML, ROOT_CERT];

/// The files that are there. No `Debug`: some are secrets.
pub struct Found {
    /// The folder, as the user names it.
    pub folder: String,
    files: BTreeMap<&'static str, Entry>,
}

/// One file.
pub struct Entry {
    /// Its permissions.
    pub mode: u32,
    /// All of it, or why it cannot be read.
    pub text: Result<String, String>,
}

impl Found {
    /// Reads a folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let at = |text: String| Error::data(text).at(folder.display());
        let is_folder = fs::metadata(folder).map_err(|error| at(error.to_string()))?.is_dir();
        if !is_folder {
            return Err(at("is no folder".to_owned()));
        }
        let mut files = BTreeMap::new();
        for name in NAMES {
            let path = folder.join(name);
            let mode = match fs::metadata(&path) {
                Ok(metadata) => metadata.permissions().mode() & 0o7777,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::data(error.to_string()).at(path.display())),
            };
            let text = match file::read_regular(&path) {
                Ok(bytes) => String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned()),
                Err(error) => {
                    let (text, place) = (error.message().text(), format!("{}: ", path.display()));
                    let why = text.strip_prefix(&place).unwrap_or(text);
                    Err(format!("cannot be read: {why}"))
                }
            };
            files.insert(name, Entry { mode, text });
        }
        Ok(Self { folder: folder.display().to_string(), files })
    }

    /// The files by name.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &Entry)> {
        self.files.iter().map(|(name, entry)| (*name, entry))
    }

    /// The text of a file that is there and can be read.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.files.get(name)?.text.as_deref().ok()
    }

    /// Whether a file is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Whose recipe the files follow: that of Istio 1.6 has a certificate in place of a token.
    #[must_use]
    pub fn recipe(&self) -> Recipe {
        let is_old = (self.has(CERT_CHAIN) || self.has(KEY)) && !self.has(MESH_YAML);
        if is_old { Recipe::Old } else { Recipe::Current }
    }
}

impl Recipe {
    /// The files that a machine needs.
    #[must_use]
    pub fn names(self) -> [&'static str; 5] {
        match self {
            Self::Current => [CLUSTER_ENV, HOSTS, TOKEN, MESH_YAML, ROOT_CERT],
            Self::Old => [CERT_CHAIN, CLUSTER_ENV, HOSTS, KEY, ROOT_CERT],
        }
    }
}

/// Whether a file is nobody's business but its owner's.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    name == TOKEN || name == KEY
}
