//! Writing a file that holds credentials: whole or not at all, and for its owner's eyes only.

use meshcore::folder::{Mode, Stage};
use meshcore::{Error, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Replaces `path`, or the file that it links to, by one with this text and mode 0600.
pub fn replace(path: &Path, text: &str) -> Result<()> {
    let mut stage = Stage::default();
    stage.replacement(&target(path)?, text, Mode::Secret)?;
    stage.commit()
}

/// The regular file to replace; it need not be there, but its folder has to.
fn target(path: &Path) -> Result<PathBuf> {
    let refuse = |text: String| Error::data(text).at(path.display());
    if fs::symlink_metadata(path).is_err_and(|e| e.kind() == ErrorKind::NotFound) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        return match fs::metadata(folder.unwrap_or(Path::new("."))) {
            Ok(_) => Ok(path.to_owned()),
            Err(e) => Err(refuse(e.to_string())),
        };
    }
    let target = fs::canonicalize(path).map_err(|e| refuse(e.to_string()))?;
    if target.is_file() {
        Ok(target)
    } else {
        Err(refuse("is no regular file, so it cannot be replaced".to_owned())
            .hint("without --out and --in-place the kubeconfig goes to standard output"))
    }
}
