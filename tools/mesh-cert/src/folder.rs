//! The folder of a workload's files, before anything is made for it.

use meshcore::folder::Existing;
use meshcore::{Error, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Refuses a folder that has one of these files, unless they are to be replaced, and what is no
/// folder.
pub(crate) fn check(folder: &Path, names: &[&str], existing: Existing) -> Result<()> {
    match fs::metadata(folder) {
        Ok(metadata) if !metadata.is_dir() => {
            return Err(Error::data("is no folder").at(folder.display()));
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::data(error.to_string()).at(folder.display())),
    }
    // A link that leads nowhere is there, too.
    let is_there = |name: &&&str| fs::symlink_metadata(folder.join(name)).is_ok();
    match names.iter().find(is_there) {
        Some(name) if existing == Existing::Keep => Err(Error::data("is there already")
            .at(folder.join(name).display())
            .hint("--force replaces the files; mesh-cert verify --dir judges them")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_replaced_unasked() {
        let dir = tempfile::tempdir().unwrap();
        let names = ["key.pem", "root-cert.pem"];
        assert!(check(dir.path(), &names, Existing::Keep).is_ok());
        assert!(check(&dir.path().join("new"), &names, Existing::Keep).is_ok());
        std::os::unix::fs::symlink("nowhere", dir.path().join("root-cert.pem")).unwrap();
        let error = check(dir.path(), &names, Existing::Keep).unwrap_err();
        assert!(error.message().text().ends_with("root-cert.pem: is there already"));
        assert!(check(dir.path(), &names, Existing::Replace).is_ok());
        let file = dir.path().join("key.pem");
        fs::write(&file, "").unwrap();
        let error = check(&file, &names, Existing::Replace).unwrap_err();
        assert!(error.message().text().ends_with("is no folder"));
    }
}
