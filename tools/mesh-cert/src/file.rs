//! Reading PEM files, and who else can read a key.

use meshcore::shell;
use meshcore::{Error, Result};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use zeroize::Zeroizing;

/// A file's text, and its permission bits where others than its owner can use it.
pub(crate) struct Found {
    /// What it holds.
    pub text: Zeroizing<String>,
    /// None for a pipe and for a file that is its owner's alone.
    pub open_mode: Option<u32>,
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Found> {
    let failed = |error: std::io::Error| Error::data(error.to_string()).at(path.display());
    let mut file = meshcore::file::open(path)?;
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.permissions().mode() & 0o777;
    let mut bytes = Zeroizing::new(Vec::new());
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok(Found {
        // What is no text is no PEM, and is told as that.
        text: Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()),
        open_mode: (metadata.is_file() && mode & 0o077 != 0).then_some(mode),
    })
}

/// Reads a key that is to sign: nobody else may have read it.
pub(crate) fn read_key(path: &Path) -> Result<Zeroizing<String>> {
    let Found { text, open_mode } = read(path)?;
    match open_mode {
        None => Ok(text),
        Some(mode) => {
            Err(Error::data(format!("others than its owner can use it (mode {mode:04o})"))
                .at(path.display())
                .hint(shell::chmod("600", path)))
        }
    }
}
