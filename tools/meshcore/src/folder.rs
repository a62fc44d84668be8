//! Files that appear whole and with their modes, or not at all.
//!
//! Until [`Stage::commit`] everything lies beside its place under another name
//! (`.NAME.PID-N.new`), and is removed if it comes to nothing. Then, and also if the machine
//! stops:
//! - no file is ever half written, and no new folder has some of its files only;
//! - a secret was never anybody's but its owner's, whatever the umask;
//! - new folders are their owner's alone (0700), with those that are made on the way to them;
//! - what is new goes over nothing that is there, but an empty folder, and is taken back when
//!   a later part cannot be put in place;
//! - what replaces a file comes after all that is new. A link is replaced and not followed;
//! - only files are replaced, never a device, a pipe or a folder;
//! - no link leads to the place that a stranger made (`place`).
//!
//! A signal that ends the process waits until nothing lies beside its place (`hold`). Only after
//! SIGKILL, or when the machine stops, such a file may stay, its owner's alone. The next run names
//! it (`left`) and does not remove it: the process of that number may be alive in another container.
//!
//! Files that replace others do so one by one: POSIX renames one at a time. The folder as a whole is
//! not exchanged, as who watches it, or has it mounted, would keep the old one. After SIGKILL between
//! two renames each is whole, and a key may be of another run than its certificate: TLS refuses the
//! two, and so does mesh-cert verify.

mod hold;
mod left;
mod place;

use crate::{Error, Result};
pub use left::name_left_behind;
pub use place::{out, refuse_strangers};

use hold::Hold;
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether anything was put in its place.
static HAS_WRITTEN: AtomicBool = AtomicBool::new(false);

/// Whether files of this run are in their places, whatever becomes of its output.
pub(crate) fn has_written() -> bool {
    HAS_WRITTEN.load(Ordering::Relaxed)
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Its owner alone: 0600.
    Secret,
    /// Everybody whom the folder lets in: 0644.
    Public,
}

/// A file of a folder. No `Debug`: it may be a secret.
#[derive(Clone, Copy)]
pub struct File<'a> {
    /// Its name in the folder.
    pub name: &'a str,
    /// All of it.
    pub text: &'a str,
    /// Who may read it.
    pub mode: Mode,
}

/// What becomes of files that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// They stay, and nothing is written.
    Keep,
    /// Each is replaced.
    Replace,
}

/// Files and folders beside their places.
#[derive(Default)]
pub struct Stage {
    waiting: Vec<Waiting>,
    /// Folders that were made on the way, outermost first.
    made: Vec<PathBuf>,
    /// It goes after all that is cleared away.
    _hold: Hold,
}

struct Waiting {
    temporary: PathBuf,
    place: PathBuf,
    put: Put,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Put {
    Folder,
    File,
    Replacement,
}

impl Mode {
    /// The permission bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Secret => 0o600,
            Self::Public => 0o644,
        }
    }
}

/// Puts files into a folder and gives their paths. A folder that is not there appears with all of
/// them at once, and its parent must be there; in one that is there other files stay.
pub fn write(folder: &Path, files: &[File<'_>], existing: Existing) -> Result<Vec<PathBuf>> {
    let failed = |error| Err(failed(folder, &error));
    let mut stage = Stage::default();
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => {
            for file in files {
                let place = folder.join(file.name);
                match existing {
                    Existing::Keep => stage.file(&place, file.text, file.mode)?,
                    Existing::Replace => stage.replacement(&place, file.text, file.mode)?,
                }
            }
        }
        Ok(_) => return Err(Error::data("is no folder").at(folder.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if let Err(error) = fs::metadata(parent(folder)) {
                return failed(error);
            }
            stage.folder(folder, files)?;
        }
        Err(error) => return failed(error),
    }
    stage.commit()?;
    Ok(files.iter().map(|file| folder.join(file.name)).collect())
}

impl Stage {
    /// Writes a new folder, for its owner alone.
    pub fn folder(&mut self, place: &Path, files: &[File<'_>]) -> Result<()> {
        let make = |path: &Path| make_folder(path);
        let ((), temporary) = self.beside(place, Put::Folder, make)?;
        for file in files {
            let path = temporary.join(file.name);
            create(&path)
                .and_then(|out| fill(out, file.text, file.mode))
                .map_err(|error| failed(&place.join(file.name), &error))?;
        }
        sync(&temporary);
        Ok(())
    }

    /// Writes a new file.
    pub fn file(&mut self, place: &Path, text: &str, mode: Mode) -> Result<()> {
        let (out, _) = self.beside(place, Put::File, create)?;
        fill(out, text, mode).map_err(|error| failed(place, &error))
    }

    /// Writes a file in the place of one that may be there.
    pub fn replacement(&mut self, place: &Path, text: &str, mode: Mode) -> Result<()> {
        place::refuse_others(place)?;
        let (out, _) = self.beside(place, Put::Replacement, create)?;
        fill(out, text, mode).map_err(|error| failed(place, &error))
    }

    /// Puts everything into its place, or nothing: only of several replacements those before
    /// one that fails stay.
    pub fn commit(mut self) -> Result<()> {
        self.heed_signals();
        self.waiting.sort_by_key(|waiting| waiting.put == Put::Replacement);
        for (done, Waiting { temporary, place, put }) in self.waiting.iter().enumerate() {
            let result = match put {
                Put::Folder | Put::Replacement => fs::rename(temporary, place),
                // A rename would go over what is there.
                Put::File => fs::hard_link(temporary, place),
            };
            if let Err(error) = result {
                let (new, replaced): (Vec<_>, Vec<_>) =
                    self.waiting[..done].iter().partition(|done| done.put != Put::Replacement);
                for done in new {
                    remove(&done.place);
                }
                return Err(match replaced[..] {
                    [] => failed(place, &error),
                    _ => Error::data(error.to_string()).at(place.display()),
                });
            }
        }
        // Only now do the new names survive when the machine stops.
        let places = self.waiting.iter().map(|waiting| &waiting.place).chain(&self.made);
        places.map(|place| parent(place)).collect::<BTreeSet<_>>().into_iter().for_each(sync);
        self.made.clear();
        HAS_WRITTEN.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Makes something under a name for now, in the folder of `place`, which is made if it is not
    /// there.
    fn beside<T>(
        &mut self,
        place: &Path,
        put: Put,
        make: impl Fn(&Path) -> io::Result<T>,
    ) -> Result<(T, PathBuf)> {
        self.heed_signals();
        let shown = place;
        let parent = place::resolved(parent(place))?;
        self.make_folders(&parent).map_err(|error| failed(&parent, &error))?;
        let place = parent.join(place.file_name().unwrap_or_default());
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let mut attempt = 0;
        loop {
            // Another process may have had the same number, and left something when it was killed.
            let temporary = parent.join(format!(".{name}.{}-{attempt}.new", std::process::id()));
            match make(&temporary) {
                Ok(made) => {
                    let waiting = Waiting { temporary: temporary.clone(), place, put };
                    self.waiting.push(waiting);
                    return Ok((made, temporary));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists && attempt < 100 => {
                    attempt += 1;
                }
                Err(error) => return Err(failed(shown, &error)),
            }
        }
    }

    /// What is put here may take long to make: a signal that came meanwhile waits no longer.
    fn heed_signals(&mut self) {
        if hold::has_one() {
            self.clear();
            hold::let_go();
        }
    }

    /// Removes what is not in its place.
    fn clear(&mut self) {
        self.waiting.drain(..).for_each(|waiting| remove(&waiting.temporary));
        // One that holds something else by now stays.
        self.made.drain(..).rev().for_each(|folder| drop(fs::remove_dir(folder)));
    }

    fn make_folders(&mut self, folder: &Path) -> io::Result<()> {
        let missing: Vec<&Path> = folder
            .ancestors()
            .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
            .collect();
        for folder in missing.into_iter().rev() {
            make_folder(folder)?;
            self.made.push(folder.to_owned());
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.clear();
    }
}

fn parent(place: &Path) -> &Path {
    place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// A new file, which is its owner's alone until it is whole.
fn create(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new().write(true).create_new(true).mode(Mode::Secret.bits()).open(path)
}

/// Its mode is set apart, as the umask takes from the one that a file is made with.
fn fill(mut file: fs::File, text: &str, mode: Mode) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.set_permissions(Permissions::from_mode(mode.bits()))?;
    file.sync_all()
}

/// Puts a folder's names on the disk, where its file system can do that.
fn sync(folder: &Path) {
    let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
}

/// Removes what is there; what cannot be removed cannot be helped any further.
fn remove(path: &Path) {
    let _ = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        _ => fs::remove_file(path),
    };
}

fn failed(path: &Path, error: &io::Error) -> Error {
    if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty) {
        let text = "is there already: another run may have just made it";
        return Error::data(text).at(path.display()).hint("nothing was written: run it again");
    }
    Error::data(error.to_string()).at(path.display()).hint("nothing was written")
}

#[cfg(test)]
mod signals;
#[cfg(test)]
mod tests;
