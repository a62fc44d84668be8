//! Files that are written all together, or not at all, and over no other file.

use meshcore::{Error, Result};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Its owner alone: a key.
    Secret,
    /// Everybody whom the folder lets in.
    Public,
}

/// Files and folders beside their final places. What is not committed is removed again.
#[derive(Default)]
pub struct Stage {
    waiting: Vec<Waiting>,
    /// Folders that were made on the way, outermost first.
    made: Vec<PathBuf>,
}

struct Waiting {
    temporary: PathBuf,
    place: PathBuf,
}

impl Stage {
    /// Writes a folder of files, which only its owner can enter.
    pub fn folder(&mut self, place: &Path, files: &[(&str, &str, Mode)]) -> Result<()> {
        let temporary = self.beside(place)?;
        make_folder(&temporary).map_err(|error| failed(place, &error))?;
        for (name, text, mode) in files {
            write(&temporary.join(name), text, *mode)
                .map_err(|error| failed(&place.join(name), &error))?;
        }
        Ok(())
    }

    /// Writes one file.
    pub fn file(&mut self, place: &Path, text: &str, mode: Mode) -> Result<()> {
        let temporary = self.beside(place)?;
        write(&temporary, text, mode).map_err(|error| failed(place, &error))
    }

    /// Puts everything into its place, or nothing.
    pub fn commit(mut self) -> Result<()> {
        let mut done: Vec<PathBuf> = Vec::new();
        for Waiting { temporary, place } in &self.waiting {
            // Neither puts anything over what is there.
            let put = if temporary.is_dir() {
                fs::rename(temporary, place)
            } else {
                fs::hard_link(temporary, place)
            };
            if let Err(error) = put {
                for place in &done {
                    remove(place);
                }
                return Err(failed(place, &error));
            }
            done.push(place.clone());
        }
        self.made.clear();
        Ok(())
    }

    /// A name for now in the folder of `place`, which is made if it is not there.
    fn beside(&mut self, place: &Path) -> Result<PathBuf> {
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let parent = match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        self.make_parents(parent).map_err(|error| failed(parent, &error))?;
        let temporary = parent.join(format!(".{name}.{}.new", std::process::id()));
        self.waiting.push(Waiting { temporary: temporary.clone(), place: place.to_owned() });
        Ok(temporary)
    }

    fn make_parents(&mut self, folder: &Path) -> io::Result<()> {
        let missing: Vec<&Path> =
            folder.ancestors().take_while(|f| !f.as_os_str().is_empty() && !f.exists()).collect();
        for folder in missing.into_iter().rev() {
            make_folder(folder)?;
            self.made.push(folder.to_owned());
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.waiting.iter().for_each(|waiting| remove(&waiting.temporary));
        // One that holds something else by now stays.
        self.made.iter().rev().for_each(|folder| drop(fs::remove_dir(folder)));
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

fn write(path: &Path, text: &str, mode: Mode) -> io::Result<()> {
    let bits = if mode == Mode::Secret { 0o600 } else { 0o644 };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(bits).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Removes what is there; what is not cannot be helped any further.
fn remove(path: &Path) {
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::data(error.to_string()).at(path.display()).hint("nothing was written")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn names(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).unwrap();
        let mut names: Vec<String> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn keys_and_folders_are_their_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (a, root) = (dir.path().join("x/y/a"), dir.path().join("x/root-key.pem"));
        let mut stage = Stage::default();
        stage.folder(&a, &[("k", "key", Mode::Secret), ("c", "cert", Mode::Public)]).unwrap();
        stage.file(&root, "root", Mode::Secret).unwrap();
        assert!(!a.exists() && !root.exists());
        stage.commit().unwrap();
        assert_eq!((mode(&a), mode(&a.join("k")), mode(&root)), (0o700, 0o600, 0o600));
        assert_eq!(mode(&a.join("c")) & 0o700, 0o600);
        assert_eq!(fs::read_to_string(a.join("k")).unwrap(), "key");
        assert_eq!(names(&dir.path().join("x")), ["root-key.pem", "y"]);
    }

    #[test]
    fn one_that_cannot_be_placed_takes_all_others_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir(path("taken")).unwrap();
        fs::write(path("taken/ca-key.pem"), "old").unwrap();
        fs::write(path("file"), "old").unwrap();
        for last in ["taken", "file"] {
            let mut stage = Stage::default();
            stage.folder(&path("new/a"), &[("k", "key", Mode::Secret)]).unwrap();
            stage.file(&path("root"), "root", Mode::Secret).unwrap();
            stage.folder(&path(last), &[("k", "key", Mode::Secret)]).unwrap();
            assert!(stage.commit().is_err());
            assert_eq!(names(dir.path()), ["file", "taken"], "{last}");
        }
        let mut stage = Stage::default();
        stage.folder(&path("a"), &[("k", "key", Mode::Secret)]).unwrap();
        stage.file(&path("file"), "new", Mode::Secret).unwrap();
        assert!(stage.commit().is_err());
        assert_eq!(names(dir.path()), ["file", "taken"]);
        assert_eq!(fs::read_to_string(path("file")).unwrap(), "old");
        assert_eq!(fs::read_to_string(path("taken/ca-key.pem")).unwrap(), "old");
    }

    #[test]
    fn what_is_not_committed_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut stage = Stage::default();
        stage.folder(&dir.path().join("x/a"), &[("k", "key", Mode::Secret)]).unwrap();
        drop(stage);
        assert!(names(dir.path()).is_empty());
    }
}
