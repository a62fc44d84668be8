//! A workload's files in a folder: none of them half written, the key its owner's alone.

use meshcore::{Error, Result};
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// One file; others than its owner may read what is no secret.
pub(crate) struct File {
    /// Its name in the folder.
    pub name: &'static str,
    /// What it holds.
    pub text: Zeroizing<String>,
    /// Whether it is its owner's alone.
    pub is_secret: bool,
}

/// Refuses a folder that has one of these files, unless they are to be replaced, and what is no
/// folder.
pub(crate) fn check(folder: &Path, names: &[&str], replace: bool) -> Result<()> {
    match fs::metadata(folder) {
        Ok(metadata) if !metadata.is_dir() => {
            return Err(Error::data("is no folder").at(folder.display()));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::data(error.to_string()).at(folder.display())),
    }
    // A link that leads nowhere is there, too.
    let is_there = |name: &&&str| fs::symlink_metadata(folder.join(name)).is_ok();
    match names.iter().find(is_there) {
        Some(name) if !replace => Err(Error::data("is there already")
            .at(folder.join(name).display())
            .hint("--force replaces the files; mesh-cert verify --dir judges them")),
        _ => Ok(()),
    }
}

/// Writes the files and gives their paths. A new folder appears with all of them at once and is
/// for its owner alone; in one that is there each file is put in place as a whole, after all of
/// them are on the disk, and other files stay.
pub(crate) fn write(folder: &Path, files: &[File]) -> Result<Vec<PathBuf>> {
    put(folder, files).map_err(|error| Error::data(error.to_string()).at(folder.display()))?;
    Ok(files.iter().map(|file| folder.join(file.name)).collect())
}

fn put(folder: &Path, files: &[File]) -> io::Result<()> {
    let is_there = folder.is_dir();
    let parent = match folder.parent() {
        _ if is_there => folder,
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let staging = Staging::new(parent)?;
    for file in files {
        write_file(&staging.0.join(file.name), file)?;
    }
    sync(&staging.0)?;
    if is_there {
        for file in files {
            fs::rename(staging.0.join(file.name), folder.join(file.name))?;
        }
    } else {
        fs::rename(&staging.0, folder)?;
    }
    sync(parent)
}

/// Its mode is set apart, as the user's mask takes from the one that a file is made with.
fn write_file(path: &Path, file: &File) -> io::Result<()> {
    let mode = if file.is_secret { 0o600 } else { 0o644 };
    let mut out = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    out.write_all(file.text.as_bytes())?;
    out.set_permissions(Permissions::from_mode(mode))?;
    out.sync_all()
}

fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// A folder beside the result that is gone in the end.
struct Staging(PathBuf);

impl Staging {
    fn new(parent: &Path) -> io::Result<Self> {
        let path = parent.join(format!(".mesh-cert.{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Of a new folder nothing is left here.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn files(text: &str) -> [File; 2] {
        let text = || Zeroizing::new(text.to_owned());
        [
            File { name: "key.pem", text: text(), is_secret: true },
            File { name: "root-cert.pem", text: text(), is_secret: false },
        ]
    }

    /// Name → mode and text of all that is in a folder.
    fn read(folder: &Path) -> BTreeMap<String, (u32, String)> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
            (
                entry.file_name().into_string().unwrap(),
                (mode, fs::read_to_string(entry.path()).unwrap()),
            )
        });
        entries.collect()
    }

    #[test]
    fn a_folder_is_made_and_its_files_are_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("certs");
        let paths = write(&folder, &files("one")).unwrap();
        assert_eq!(paths, [folder.join("key.pem"), folder.join("root-cert.pem")]);
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o7777, 0o700);
        fs::set_permissions(folder.join("key.pem"), Permissions::from_mode(0o644)).unwrap();
        fs::write(folder.join("mine"), "mine").unwrap();
        write(&folder, &files("two")).unwrap();
        let found = read(&folder);
        assert_eq!(found["key.pem"], (0o600, "two".to_owned()));
        assert_eq!(found["root-cert.pem"], (0o644, "two".to_owned()));
        assert_eq!(found.len(), 3);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_there_is_not_replaced_unasked() {
        let dir = tempfile::tempdir().unwrap();
        let names = ["key.pem", "root-cert.pem"];
        assert!(check(dir.path(), &names, false).is_ok());
        assert!(check(&dir.path().join("new"), &names, false).is_ok());
        std::os::unix::fs::symlink("nowhere", dir.path().join("root-cert.pem")).unwrap();
        let error = check(dir.path(), &names, false).unwrap_err();
        assert!(error.message().text().ends_with("root-cert.pem: is there already"));
        assert!(check(dir.path(), &names, true).is_ok());
        // A link is replaced and not followed.
        write(dir.path(), &files("one")).unwrap();
        assert_eq!(read(dir.path())["root-cert.pem"].1, "one");
        let file = dir.path().join("key.pem");
        assert!(check(&file, &names, true).unwrap_err().message().text().contains("is no folder"));
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let error = write(&dir.path().join("none/certs"), &files("one")).unwrap_err();
        assert!(error.message().text().contains("No such file"), "{error:?}");
        // A folder is in the way of a file: the file before it is whole, and no staging is left.
        fs::create_dir_all(dir.path().join("root-cert.pem/x")).unwrap();
        assert!(write(dir.path(), &files("one")).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
