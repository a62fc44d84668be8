//! A machine's files in a folder: none of them half written, no secret ever readable.

use crate::bundle::{Bundle, File};
use meshcore::{Error, Result};
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Writes the files and gives their paths. A new folder appears with all of them at once and is
/// for its owner alone; in one that is there each file is replaced as a whole, after all of them
/// are on the disk, and other files stay.
pub fn write(bundle: &Bundle, folder: &Path) -> Result<Vec<PathBuf>> {
    let at = |error: io::Error| Error::data(error.to_string()).at(folder.display());
    let is_there = match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => true,
        Ok(_) => return Err(Error::data("is no folder").at(folder.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(at(error)),
    };
    let parent = if is_there { folder } else { parent(folder) };
    let staging = Staging::new(parent).map_err(at)?;
    for (name, file) in bundle.files() {
        write_file(&staging.0.join(name), file).map_err(at)?;
    }
    sync(&staging.0).map_err(at)?;
    let paths = bundle.files().map(|(name, _)| folder.join(name)).collect();
    if is_there {
        for (name, _) in bundle.files() {
            fs::rename(staging.0.join(name), folder.join(name)).map_err(at)?;
        }
    } else {
        fs::rename(&staging.0, folder).map_err(at)?;
    }
    sync(parent).map_err(at)?;
    Ok(paths)
}

fn parent(folder: &Path) -> &Path {
    folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Its mode is set apart, as the user's mask takes from the one that a file is made with.
fn write_file(path: &Path, file: &File) -> io::Result<()> {
    let mut out = OpenOptions::new().write(true).create_new(true).mode(file.mode).open(path)?;
    out.write_all(file.text.as_bytes())?;
    out.set_permissions(Permissions::from_mode(file.mode))?;
    out.sync_all()
}

fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// A folder beside the result that is gone in the end.
struct Staging(PathBuf);

impl Staging {
    fn new(parent: &Path) -> io::Result<Self> {
        let path = parent.join(format!(".mesh-vm-env.{}", std::process::id()));
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
    use crate::bundle::{HOSTS, TOKEN};
    use std::collections::BTreeMap;

    fn bundle(token: &str) -> Bundle {
        let mut bundle = Bundle::default();
        bundle.add_secret(TOKEN, token.to_owned());
        bundle.add(HOSTS, "h\n".to_owned());
        bundle
    }

    /// Name → mode and text of all that is in a folder.
    fn read(folder: &Path) -> BTreeMap<String, (u32, String)> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
            let text = fs::read_to_string(entry.path()).unwrap();
            (entry.file_name().into_string().unwrap(), (mode, text))
        });
        entries.collect()
    }

    #[test]
    fn a_folder_is_made_and_its_files_are_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("vm");
        let paths = write(&bundle("one"), &folder).unwrap();
        assert_eq!(paths, [folder.join(HOSTS), folder.join(TOKEN)]);
        let mode = fs::metadata(&folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700);
        // As istioctl leaves it, and with something of the user's.
        fs::set_permissions(folder.join(TOKEN), Permissions::from_mode(0o744)).unwrap();
        fs::write(folder.join("key.pem"), "mine").unwrap();
        write(&bundle("two"), &folder).unwrap();
        let found = read(&folder);
        assert_eq!(found[TOKEN], (0o600, "two".to_owned()));
        assert_eq!(found[HOSTS], (0o644, "h\n".to_owned()));
        assert_eq!(found["key.pem"].1, "mine");
        assert_eq!(found.len(), 3);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = dir.path().join("elsewhere");
        fs::write(&elsewhere, "kept").unwrap();
        let folder = dir.path().join("vm");
        fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(&elsewhere, folder.join(TOKEN)).unwrap();
        write(&bundle("one"), &folder).unwrap();
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "kept");
        assert_eq!(read(&folder)[TOKEN], (0o600, "one".to_owned()));
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        for (folder, message) in [
            (file.clone(), "is no folder"),
            (file.join("vm"), "Not a directory"),
            (dir.path().join("none/vm"), "No such file"),
        ] {
            let error = write(&bundle("one"), &folder).unwrap_err();
            assert!(error.message().text().contains(message), "{error:?}");
        }
        // A folder is in the way of a file: the files before it are whole, and no staging is left.
        let folder = dir.path().join("vm");
        fs::create_dir_all(folder.join(TOKEN).join("x")).unwrap();
        assert!(write(&bundle("one"), &folder).is_err());
        let names: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| name == HOSTS || name == TOKEN), "{names:?}");
    }
}
