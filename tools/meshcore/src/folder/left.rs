//! What runs have left that were killed between two steps.

use super::parent;
use crate::{Console, Message};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Names what lies in a folder, and beside it for the folder itself, under the name that it has
/// until it is in its place. It is its owner's alone, but may be a key; and of the files there some
/// may be of that run, and others of the one before.
pub fn name_left_behind(folder: &Path, console: &Console) {
    for message in messages(folder) {
        console.warn(&message);
    }
}

pub(super) fn messages(folder: &Path) -> Vec<Message> {
    let own = folder.file_name().and_then(OsStr::to_str);
    let is_own = |name: &str| place_of(name).is_some_and(|place| Some(place) == own);
    let beside = matching(parent(folder), is_own);
    let within = matching(folder, |name| place_of(name).is_some());
    let message = |path: PathBuf| {
        Message::new("a run that was killed left it, and the files there may be of two runs")
            .at(path.display())
            .hint("make them again, and remove it if no such run is under way")
    };
    within.into_iter().chain(beside).map(message).collect()
}

/// The name of the place, in `.NAME.PID-N.new`.
fn place_of(name: &str) -> Option<&str> {
    let (place, run) = name.strip_prefix('.')?.strip_suffix(".new")?.rsplit_once('.')?;
    let (process, attempt) = run.split_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (!place.is_empty() && is_number(process) && is_number(attempt)).then_some(place)
}

/// In order; what cannot be read has none.
fn matching(folder: &Path, is_it: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let found = entries.filter(|entry| entry.file_name().to_str().is_some_and(&is_it));
    let mut paths: Vec<PathBuf> = found.map(|entry| folder.join(entry.file_name())).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_run_has_left_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let certs = dir.path().join("certs");
        assert!(messages(&certs).is_empty());
        fs::create_dir(&certs).unwrap();
        let others =
            [".new", "key.pem", ".key.pem.new", ".key.pem.1-.new", "key.pem.1-0.new", "..1-0.new"];
        for name in others.iter().chain(&[".key.pem.71-0.new"]) {
            fs::write(certs.join(name), "").unwrap();
        }
        for name in [".certs.72-1.new", ".others.72-1.new"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let left = messages(&certs);
        let texts: Vec<&str> = left.iter().map(Message::text).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(texts[0].contains("certs/.key.pem.71-0.new: a run that was killed left it"));
        assert!(texts[1].contains("/.certs.72-1.new: "));
    }
}
