//! The manual pages through the real mandoc.

use crate::{Needs, Test};
use mesh_tests::{Ran, programs, root, run};
use std::path::{Path, PathBuf};
use std::process::Command;

pub const TESTS: &[Test] = &[
    ("mandoc_has_nothing_to_say_of_any_page", Needs::Mandoc, lint),
    ("pages_show_examples_and_flags", Needs::Mandoc, rendered),
];

fn mandoc(args: &[&str], page: &Path) -> Ran {
    run(Command::new("mandoc").args(args).arg(page), "")
}

fn pages() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("man")).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let is_page = |path: &PathBuf| path.extension().is_some_and(|of| of == "1" || of == "7");
    let pages: Vec<_> = paths.filter(is_page).collect();
    assert!(pages.len() > 1);
    pages
}

fn lint() {
    for page in pages() {
        let ran = mandoc(&["-T", "lint", "-W", "warning"], &page);
        assert_eq!(ran.ok(), "", "{}", page.display());
    }
}

/// What `man` shows has the examples and flags of `--help`, letter by letter.
fn rendered() {
    let of_tools = |path: &PathBuf| path.extension().is_some_and(|section| section == "1");
    for page in pages().into_iter().filter(of_tools) {
        let name = page.file_stem().and_then(|name| name.to_str()).expect("it is UTF-8");
        let help = run(Command::new(&programs()[name]).arg("--help"), "").ok();
        let shown = mandoc(&["-T", "ascii", "-O", "width=500"], &page).ok();
        let shown = words(&plain(&shown));
        for example in help.lines().skip(1).take_while(|line| line.starts_with("  ")) {
            assert!(shown.contains(&words(example)), "{name}: {example}\n{shown}");
        }
        let flags = help.split_whitespace().filter(|word| word.starts_with("--"));
        // A flag whose value may be left out has it in brackets, next to it.
        let names = flags.filter_map(|flag| flag.split(['[', '=']).next());
        for flag in names.map(|flag| flag.trim_end_matches(|c: char| !c.is_alphanumeric())) {
            assert!(shown.contains(flag), "{name}: {flag}");
        }
    }
}

/// Without bold and underlined letters, which are struck over: letter, backspace, letter.
fn plain(shown: &str) -> String {
    let mut plain = String::new();
    let mut letters = shown.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{8}' {
            plain.pop();
            plain.extend(letters.next());
        } else {
            plain.push(letter);
        }
    }
    plain
}

/// With single blanks, and lines joined as a shell joins them.
fn words(text: &str) -> String {
    text.replace("\\\n", "").split_whitespace().collect::<Vec<_>>().join(" ")
}
