//! Writing a file that holds credentials: whole or not at all, and for its owner's eyes only.

use meshcore::{Error, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Replaces `path`, or the file that it links to, by one with this text and mode 0600.
pub fn replace(path: &Path, text: &str) -> Result<()> {
    let target = target(path)?;
    write(&target, text).map_err(|e| Error::data(e.to_string()).at(path.display()))
}

/// The regular file to replace; it need not be there.
fn target(path: &Path) -> Result<PathBuf> {
    let refuse = |text: String| Error::data(text).at(path.display());
    if fs::symlink_metadata(path).is_err_and(|e| e.kind() == io::ErrorKind::NotFound) {
        return Ok(path.to_owned());
    }
    let target = fs::canonicalize(path).map_err(|e| refuse(e.to_string()))?;
    if target.is_file() {
        Ok(target)
    } else {
        Err(refuse("is no regular file, so it cannot be replaced".to_owned())
            .hint("without --out and --in-place the kubeconfig goes to standard output"))
    }
}

fn write(target: &Path, text: &str) -> io::Result<()> {
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let (mut file, temporary) = create_beside(folder, &name.to_string_lossy())?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&temporary, target));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    // Only now does the new name survive a crash.
    written.and_then(|()| File::open(folder)?.sync_all())
}

/// A new file with a name that nobody else has.
fn create_beside(folder: &Path, name: &str) -> io::Result<(File, PathBuf)> {
    let mut attempt = 0;
    loop {
        let path = folder.join(format!(".{name}.{}-{attempt}.new", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => attempt += 1,
            result => return result.map(|file| (file, path)),
        }
    }
}
