//! What the workspace promises of itself.

use mesh_tests::{LIVE, meshdocs, programs, root, run};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn pure_tools_link_neither_kube_nor_tokio() {
    for program in programs().keys() {
        let output = Command::new(env!("CARGO"))
            .current_dir(root())
            .args([
                "tree", "--edges", "normal", "--prefix", "none", "--format", "{p}", "-p", program,
            ])
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
        let crates: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(crates.contains(&"meshcore"), "{program}: {tree}");
        let has = |name: &str| crates.contains(&name);
        let live = LIVE.contains(&program.as_str());
        assert_eq!(has("kube") || has("tokio") || has("hyper"), live, "{program}");
    }
}

#[test]
fn every_program_is_named_after_its_folder_and_listed_in_the_readme() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("there is a README");
    for (name, program) in programs() {
        assert!(root().join("tools").join(name).join("src/lib.rs").is_file(), "{name}");
        let entry = readme.split(&format!("\n- `{name}`: ")).nth(1);
        let entry = entry.unwrap_or_else(|| panic!("README.md does not list {name}"));
        let example = entry.split("  \n  `").nth(1).and_then(|rest| rest.split("`\n").next());
        // Those of --help are run.
        let help = run(Command::new(program).arg("--help"), "").ok();
        let shown = help.lines().any(|line| Some(line.trim()) == example);
        assert!(shown, "README.md: {name}: {example:?} is no example of --help");
    }
}

/// The names and texts of a folder's manual pages of section 1.
fn pages(dir: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(dir).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    paths
        .filter(|path| path.extension().is_some_and(|section| section == "1"))
        .map(|path| {
            let name = path.file_stem().and_then(|name| name.to_str()).expect("it is UTF-8");
            (name.to_owned(), std::fs::read_to_string(&path).expect("it is UTF-8"))
        })
        .collect()
}

#[test]
fn manual_pages_are_as_the_flags_say() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    meshdocs("man", dir.path());
    let (written, there) = (pages(dir.path()), pages(&root().join("man")));
    let overview = std::fs::read_to_string(root().join("man/meshutils.7")).expect("it is there");
    for (name, page) in &written {
        let stale = there.get(name) != Some(page);
        assert!(!stale, "man/{name}.1 is out of date: cargo run -p meshdocs man man");
        assert!(overview.contains(&format!(".It Nm {name}\n")), "meshutils.7 lacks {name}");
    }
    assert!(there.keys().eq(written.keys()), "man/ has pages of tools that are not there");
    let without: Vec<&String> = programs().keys().filter(|p| !written.contains_key(*p)).collect();
    assert!(without.is_empty(), "tools/meshdocs/src/tools.rs does not list {without:?}");
}

/// What another field manager has written, no later apply of ours could change.
#[test]
fn lines_that_people_paste_apply_as_ours() {
    let output =
        Command::new("git").current_dir(root()).args(["ls-files"]).output().expect("git runs");
    let files = String::from_utf8(output.stdout).expect("names are UTF-8");
    let is_shown = |file: &&str| {
        file.ends_with(".md") || file.starts_with("man/") || file.starts_with("scripts/")
    };
    let mut applies = 0;
    for file in files.lines().filter(is_shown) {
        let text = std::fs::read_to_string(root().join(file)).unwrap_or_default();
        // The pages escape each dash.
        for line in
            text.replace('\\', "").lines().filter(|line| line.contains("apply --server-side"))
        {
            if line.contains("-f -") {
                applies += 1;
                assert!(line.contains("--field-manager meshutils"), "{file}: {line}");
            }
        }
    }
    assert!(applies > 2, "only {applies} lines apply anything");
}

#[test]
fn no_test_file_is_forgotten() {
    let text = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let entries = |dir: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).into_iter().flatten();
        entries.map(|entry| entry.expect("it can be read").path()).collect()
    };
    let all = text(&root().join("tests/tools.rs"));
    for tests in entries(&root().join("tools")).iter().map(|tool| tool.join("tests")) {
        let files = entries(&tests);
        let first = tests.join("mod.rs");
        let path = first.strip_prefix(root()).expect("it is below the top").display();
        let is_run = files.is_empty() || all.contains(&format!("#[path = \"../{path}\"]"));
        assert!(is_run, "tests/tools.rs lacks {path}");
        for file in files.iter().filter(|file| !file.ends_with("mod.rs")) {
            let module = file.file_stem().and_then(|name| name.to_str()).expect("it is UTF-8");
            let is_code = file.is_file() || file.join("mod.rs").is_file();
            let is_run = !is_code || text(&first).contains(&format!("mod {module};\n"));
            assert!(is_run, "{path} lacks mod {module}");
        }
    }
}

#[test]
fn the_top_level_has_nothing_unexpected() {
    let output =
        Command::new("git").current_dir(root()).args(["ls-files"]).output().expect("git runs");
    let files = String::from_utf8(output.stdout).expect("names are UTF-8");
    let mut top: Vec<&str> = files
        .lines()
        .filter_map(|file| file.split('/').next())
        .filter(|name| !name.starts_with('.'))
        .collect();
    top.dedup();
    assert_eq!(
        top,
        [
            "CHANGELOG.md",
            "Cargo.lock",
            "Cargo.toml",
            "LICENSE",
            "README.md",
            "SECURITY.md",
            "man",
            "scripts",
            "tests",
            "tools"
        ]
    );
}
