//! Where a path leads that a user gave for output, and whether anything may be put there.

use crate::{Error, Result};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// Links on one way, as many as Linux follows.
const LINKS: usize = 40;

/// The place of a file that `--out` names: where the user's own links lead, if one is there. An
/// error where that is not a regular file, nor a place for one: a device, a pipe, a folder, what is
/// open as a file descriptor (`/dev/stdout`); and where a stranger made a link on the way.
pub fn out(path: &Path) -> Result<PathBuf> {
    let place = resolved(path)?;
    refuse_others(&place)
        .map_err(|error| error.hint("without --out it goes to standard output"))?;
    match fs::metadata(super::parent(&place)) {
        Ok(_) => Ok(place),
        Err(error) => Err(Error::data(error.to_string()).at(path.display())),
    }
}

/// Refuses to replace what is there and is neither a regular file nor a link.
pub fn refuse_others(place: &Path) -> Result<()> {
    match fs::symlink_metadata(place) {
        Ok(found) if !found.is_file() && !found.is_symlink() => {
            let text = if found.is_dir() {
                "is a folder, so it cannot be replaced: name a file in it"
            } else {
                "is not a regular file, so it cannot be replaced"
            };
            Err(Error::data(text).at(place.display()))
        }
        _ => Ok(()),
    }
}

/// Refuses a folder that belongs to neither the user nor root: whoever owns it can put other files
/// into it at any time. One that is not there is nobody's.
pub fn refuse_strangers(folder: &Path) -> Result<()> {
    match fs::metadata(folder) {
        Ok(found) if found.uid() != 0 && found.uid() != rustix::process::geteuid().as_raw() => {
            let text = format!("belongs to another user (UID {})", found.uid());
            Err(Error::data(text)
                .at(folder.display())
                .hint("nothing was written: name a folder of your own"))
        }
        _ => Ok(()),
    }
}

/// A path without links, whether anything is there or not. Links are followed that the user or
/// root made: one that somebody else put into a shared folder would have us replace any file.
pub fn resolved(path: &Path) -> Result<PathBuf> {
    let failed = |error: std::io::Error| Error::data(error.to_string()).at(path.display());
    let refuse = |link: &Path, why: &str| {
        let text = format!("the link {} on the way {why}", link.display());
        Err(Error::data(text).at(path.display()).hint("nothing was written: name another place"))
    };
    let mut ahead: VecDeque<OsString> = names(&std::path::absolute(path).map_err(failed)?);
    let (mut done, mut links) = (PathBuf::new(), 0);
    while let Some(name) = ahead.pop_front() {
        match Path::new(&name).components().next() {
            Some(Component::ParentDir) => {
                done.pop();
                continue;
            }
            Some(Component::Normal(_)) => {}
            Some(Component::RootDir) => {
                done = PathBuf::from("/");
                continue;
            }
            _ => continue,
        }
        let next = done.join(&name);
        match fs::symlink_metadata(&next) {
            Ok(found) if found.is_symlink() => {
                links += 1;
                if links > LINKS {
                    return refuse(&next, "leads in a circle");
                }
                if next.starts_with("/proc") {
                    return refuse(&next, "is an open file, which is not replaced");
                }
                if found.uid() != 0 && found.uid() != rustix::process::geteuid().as_raw() {
                    return refuse(&next, "is somebody else's");
                }
                let mut target = names(&fs::read_link(&next).map_err(failed)?);
                target.append(&mut ahead);
                ahead = target;
            }
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => done = next,
        }
    }
    Ok(done)
}

fn names(path: &Path) -> VecDeque<OsString> {
    path.components().map(|part| part.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    fn refusal(path: &Path) -> String {
        out(path).unwrap_err().message().text().to_owned()
    }

    #[test]
    fn own_links_are_followed_to_files() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        fs::create_dir(dir.join("sub")).unwrap();
        fs::write(dir.join("sub/file"), "").unwrap();
        symlink("sub", dir.join("folder")).unwrap();
        symlink("folder/../folder/file", dir.join("link")).unwrap();
        symlink("circle", dir.join("circle")).unwrap();
        assert_eq!(out(&dir.join("link")).unwrap(), dir.join("sub/file"));
        assert_eq!(out(&dir.join("folder/new")).unwrap(), dir.join("sub/new"));
        assert!(refusal(&dir.join("circle")).contains("in a circle"));
        assert!(refusal(&dir.join("nowhere/new")).contains("No such file"));
        assert!(refusal(&dir.join("folder")).contains("is a folder"));
        let _socket = UnixListener::bind(dir.join("socket")).unwrap();
        assert!(refusal(&dir.join("socket")).contains("is not a regular file"));
    }

    /// Of an attack: the device became a file with a token in it.
    #[test]
    fn devices_and_open_files_are_not_replaced() {
        assert!(refusal(Path::new("/dev/null")).contains("is not a regular file"));
        for open in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
            assert!(refusal(Path::new(open)).contains("is an open file"), "{open}");
        }
        let mut stage = super::super::Stage::default();
        assert!(stage.replacement(Path::new("/dev/null"), "", super::super::Mode::Secret).is_err());
    }

    /// Who may give links away is root; others have no stranger to try it with.
    #[test]
    fn a_strangers_link_is_not_followed() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "kept").unwrap();
        symlink(&file, &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(65534), None).unwrap();
        assert!(refusal(&link).contains("is somebody else's"));
        symlink(dir.path(), dir.path().join("folder")).unwrap();
        std::os::unix::fs::lchown(dir.path().join("folder"), Some(65534), None).unwrap();
        let mut stage = super::super::Stage::default();
        let place = dir.path().join("folder/new");
        assert!(stage.replacement(&place, "", super::super::Mode::Secret).is_err());
    }
}
