//! What fuzzing starts from, or has found, does no harm.

use mesh_targets::ALL;
use mesh_tests::root;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// What is in a folder of the checkout, in its order.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_target_has_its_file_its_program_and_a_corpus() {
    let mut names = ALL.map(|(name, _)| name.to_owned()).to_vec();
    names.sort();
    for (folder, ending) in [("targets", "rs"), ("fuzz/src/bin", "rs"), ("fuzz/corpus", "")] {
        let paths = entries(&root().join("tests").join(folder));
        let of_ending = paths.iter().filter(|path| path.extension().unwrap_or_default() == ending);
        let stems = of_ending.filter_map(|path| path.file_stem()?.to_str());
        let stems: Vec<&str> = stems.filter(|stem| *stem != "lib").collect();
        assert_eq!(stems, names, "tests/{folder}");
    }
}

#[test]
fn the_corpus_does_no_harm() {
    let mut failed = Vec::new();
    for (name, target) in ALL {
        let files = entries(&root().join("tests/fuzz/corpus").join(name));
        assert!(!files.is_empty(), "{name} has an empty corpus");
        for file in files {
            let bytes = fs::read(&file).expect("it can be read");
            if catch_unwind(|| target(&bytes)).is_err() {
                failed.push(file);
            }
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
