//! Which kubeconfigs are the user's own.
//!
//! A kubeconfig may name a program to run and files to read. So one that stands in a record, a
//! capture or any other input is opened, and named in printed commands, only where it is one that
//! the user gave: by `--kubeconfig`, by `$KUBECONFIG`, or as `~/.kube/config` by giving none.

use crate::{Error, Message};
use std::path::{Path, PathBuf};

/// The files of `$KUBECONFIG`, or else `~/.kube/config`, as kubectl has it. They need not be there.
#[must_use]
pub fn usual() -> Vec<PathBuf> {
    match std::env::var_os("KUBECONFIG").filter(|list| !list.is_empty()) {
        Some(list) => std::env::split_paths(&list).collect(),
        None => std::env::home_dir().map(|home| home.join(".kube/config")).into_iter().collect(),
    }
}

/// Whether a path that stands in input is one of the [usual] ones.
#[must_use]
pub fn are_with(path: &str) -> bool {
    is_among(Path::new(path), &usual())
}

/// No file is opened and no link followed to compare them.
fn is_among(path: &Path, given: &[PathBuf]) -> bool {
    let same = |given: &PathBuf| match (std::path::absolute(path), std::path::absolute(given)) {
        (Ok(path), Ok(given)) => path == given,
        _ => false,
    };
    !path.as_os_str().is_empty() && given.iter().any(same)
}

/// The refusal of a path that is in the input alone.
#[must_use]
pub fn not_given(path: &str) -> Error {
    Error::data(format!("names the kubeconfig {path}, which you did not")).hint(
        "a kubeconfig may run programs: if it is yours, give it with --kubeconfig or KUBECONFIG",
    )
}

/// What to say where a command is printed without a path that is in the input alone.
#[must_use]
pub fn left_out(path: &str) -> Message {
    Message::new(format!("names the kubeconfig {path}, which you did not: no command has it"))
        .hint("the contexts are those of your own kubeconfig; KUBECONFIG may list several files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_as_they_are_written() {
        let given = [PathBuf::from("a/b.yaml"), PathBuf::from("/c")];
        let here = std::env::current_dir().unwrap();
        for (path, is_given) in [
            ("a/b.yaml", true),
            ("./a/b.yaml", true),
            (here.join("a/b.yaml").to_str().unwrap(), true),
            ("/c", true),
            ("/c/../c", false),
            ("b.yaml", false),
            ("/dev/stdin", false),
            ("", false),
        ] {
            assert_eq!(is_among(Path::new(path), &given), is_given, "{path}");
        }
        assert!(!is_among(Path::new("a"), &[]));
    }
}
