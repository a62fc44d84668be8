//! Reading CA files from folders, and who else can read their keys.

use crate::found::{Cluster, FileSet};
use crate::input::Clusters;
use meshcore::{Error, Result};
use meshpki::bundle::Files;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The names that istiod looks for (istio `pilot/pkg/bootstrap/istio_ca.go`, 1.30).
const NAMES: [&str; 8] = [
    "ca-cert.pem",
    "ca-key.pem",
    "root-cert.pem",
    "cert-chain.pem",
    "ca-crl.pem",
    "tls.crt",
    "tls.key",
    "ca.crt",
];
/// Files that hold private keys: istiod's, and that of the root.
const KEYS: [&str; 3] = ["ca-key.pem", "tls.key", "root-key.pem"];

/// Clusters from folders, and their key files that others can read.
pub struct Folders {
    /// By the folder's name.
    pub clusters: Clusters,
    /// By cluster; none for the key of the root, which is nobody's.
    pub open_keys: Vec<OpenKey>,
}

/// A key file that others than its owner can read.
pub struct OpenKey {
    /// Whose it is; none for the root's.
    pub cluster: Option<String>,
    /// The file.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
}

/// Reads one folder with the files, or a folder of such folders, as `mesh-cacerts init --out` and
/// Istio's tools/certs write them.
pub fn read(dir: &Path) -> Result<Folders> {
    let mut folders = Folders { clusters: Clusters::new(), open_keys: Vec::new() };
    // A folder that also has the root alone is one with folders of clusters in it.
    if dir.join("ca-cert.pem").exists() || dir.join("tls.crt").exists() {
        let name = dir.canonicalize().ok().and_then(|dir| dir.file_name().map(ToOwned::to_owned));
        let name = name.map_or("ca".to_owned(), |name| name.to_string_lossy().into_owned());
        folders.add(dir, name)?;
    } else {
        folders.find_open_keys(dir, None)?;
        for path in entries(dir)? {
            if path.is_dir()
                && let Some(name) = path.file_name().and_then(|name| name.to_str())
                && !name.starts_with('.')
            {
                folders.add(&path, name.to_owned())?;
            }
        }
    }
    if folders.clusters.is_empty() {
        return Err(Error::data("has no CA files").at(dir.display()).hint(
            "a folder has ca-cert.pem, ca-key.pem, root-cert.pem, cert-chain.pem, or such folders",
        ));
    }
    Ok(folders)
}

impl Folders {
    fn add(&mut self, dir: &Path, cluster: String) -> Result<()> {
        let mut files = Files::default();
        for name in NAMES {
            if let Some(text) = read_file(&dir.join(name))? {
                files.insert(name, text);
            }
        }
        let Some(set) = FileSet::of_files(dir.display().to_string(), None, files) else {
            return Ok(());
        };
        // The root's own folder beside those of the clusters.
        if set.ca_cert.is_none() && set.ca_key.is_none() && dir.join("root-key.pem").exists() {
            return self.find_open_keys(dir, None);
        }
        self.find_open_keys(dir, Some(&cluster))?;
        let name = Some(cluster.clone());
        self.clusters.insert(cluster, Cluster { sets: vec![set], name, ..Cluster::default() });
        Ok(())
    }

    fn find_open_keys(&mut self, dir: &Path, cluster: Option<&str>) -> Result<()> {
        for path in KEYS.iter().map(|name| dir.join(name)) {
            if let Some(mode) = open_mode(&path)? {
                self.open_keys.push(OpenKey { cluster: cluster.map(str::to_owned), path, mode });
            }
        }
        Ok(())
    }
}

/// The permission bits of a file that is there and that others than its owner can use.
pub fn open_mode(path: &Path) -> Result<Option<u32>> {
    match std::fs::metadata(path) {
        Ok(metadata) => {
            let mode = metadata.permissions().mode() & 0o777;
            Ok((mode & 0o077 != 0).then_some(mode))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::data(error.to_string()).at(path.display())),
    }
}

/// The text of a file, if it is there.
pub fn read_file(path: &Path) -> Result<Option<Zeroizing<String>>> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            return Err(Error::data(
                "is in no folder: what has its name is a file, or a link to one",
            )
            .at(path.display())
            .hint("nothing was written: name another place"));
        }
        _ => {}
    }
    let bytes = Zeroizing::new(meshcore::file::read_regular(path)?);
    // What is no text is no PEM, and is told as that.
    Ok(Some(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())))
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: std::io::Error| Error::data(error.to_string()).at(dir.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}
