//! `scripts/install`: everything is found where a user looks for it, and goes again.

use crate::{Needs, Test};
use mesh_tests::{Ran, program_dir, programs, root, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

pub const TESTS: &[Test] = &[
    ("install_puts_all_where_it_is_found", Needs::Mandoc, puts_all_where_it_is_found),
    ("install_goes_without_a_trace", Needs::Kubectl, goes_without_a_trace),
    ("install_makes_plugins_of_kubectl", Needs::Kubectl, makes_plugins),
    ("install_refuses_what_makes_no_sense", Needs::Kubectl, refuses),
];

/// A folder below which everything is installed with the prefix `/usr/local`.
struct Installed(TempDir);

fn script(destination: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new(root().join("scripts/install"));
    run(command.args(args).env("DESTDIR", destination).env_remove("PREFIX"), "")
}

impl Installed {
    fn new() -> Self {
        let installed = Self(tempfile::tempdir().expect("a temporary folder"));
        let _ = installed.again().ok();
        installed
    }

    fn again(&self) -> Ran {
        script(self.0.path(), &["--programs", program_dir().to_str().expect("a plain path")])
    }

    fn path(&self, below_prefix: &str) -> PathBuf {
        self.0.path().join("usr/local").join(below_prefix)
    }
}

/// Everything below a folder, by path, folders included.
pub fn all_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).expect("the folder is there") {
            let entry = entry.expect("it can be read");
            if entry.file_type().expect("it has one").is_dir() {
                todo.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

fn puts_all_where_it_is_found() {
    let installed = Installed::new();
    for name in programs().keys() {
        let ran = run(Command::new(installed.path("bin").join(name)).arg("--version"), "");
        assert!(ran.ok().starts_with(&format!("{name} ")));
        let page = format!("share/man/man1/{name}.1");
        let mut man = Command::new("mman");
        let shown = run(man.arg("-M").arg(installed.path("share/man")).args(["-w", name]), "").ok();
        assert_eq!(Path::new(shown.trim()), fs::canonicalize(installed.path(&page)).expect(&page));
        for completion in [
            format!("share/bash-completion/completions/{name}"),
            format!("share/zsh/site-functions/_{name}"),
            format!("share/fish/vendor_completions.d/{name}.fish"),
        ] {
            let text = fs::read_to_string(installed.path(&completion)).expect(&completion);
            assert!(text.contains(name), "{completion}");
        }
    }
    assert!(installed.path("share/man/man7/meshutils.7").is_file());
    // Runbooks run from there; what develops the tools stays behind.
    for runbook in ["join-mesh", "vm-join"] {
        let mut command = Command::new(installed.path("share/meshutils").join(runbook));
        let help = run(command.arg("--help"), "").ok();
        assert!(help.starts_with(&format!("{runbook} - ")), "{help}");
    }
    let names = fs::read_dir(installed.path("share/meshutils")).expect("it is there");
    for name in names.map(|entry| entry.expect("it can be read").file_name()) {
        let name = name.to_str().expect("it is UTF-8").to_owned();
        let stays =
            ["test", "bench", "check", "demo", "install", "jobs", "nightly", "package", "phase"];
        assert!(!stays.iter().any(|stays| name == *stays || name.starts_with("testbed")), "{name}");
    }
    assert!(installed.path("share/meshutils/kubernetes/fan-out.yaml").is_file());
}

fn goes_without_a_trace() {
    let installed = Installed::new();
    let first = all_below(installed.0.path());
    // Of an older version, and no more in this one.
    let list = installed.path("share/meshutils/installed");
    let old = installed.path("bin/mesh-old");
    fs::write(&old, "").expect("it can be written");
    let text = fs::read_to_string(&list).expect("it is there") + "/usr/local/bin/mesh-old\n";
    fs::write(&list, text).expect("it can be written");
    let _ = installed.again().ok();
    assert_eq!(all_below(installed.0.path()), first);
    // What others have put there stays.
    let theirs = installed.path("share/man/man1/other.1");
    fs::write(&theirs, "").expect("it can be written");
    let _ = script(installed.0.path(), &["--uninstall"]).ok();
    let expected = ["usr", "usr/local", "usr/local/share", "usr/local/share/man"];
    let mut expected: Vec<_> = expected.iter().map(|path| installed.0.path().join(path)).collect();
    expected.extend([installed.path("share/man/man1"), theirs]);
    assert_eq!(all_below(installed.0.path()), expected);

    let alone = Installed::new();
    let _ = script(alone.0.path(), &["--uninstall"]).ok();
    assert_eq!(all_below(alone.0.path()), [] as [PathBuf; 0]);
    let ran = script(alone.0.path(), &["--uninstall"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.stderr.contains("nothing is installed"), "{ran:?}");
}

fn makes_plugins() {
    let installed = Installed::new();
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", installed.path("bin").display());
    let kubectl = |args: &[&str], input: &str| {
        run(Command::new("kubectl").args(args).env("PATH", &path).env_remove("KUBECONFIG"), input)
    };
    let listed = kubectl(&["plugin", "list"], "").ok();
    for name in programs().keys() {
        let plugin = format!("kubectl-{}", name.replace('-', "_"));
        assert!(listed.contains(&format!("/{plugin}\n")), "{listed}");
        let help = kubectl(&[name, "--help"], "").ok();
        assert!(help.starts_with("Examples:\n"), "{help}");
    }
    // Arguments, standard input and exit codes get through.
    let ranges = "10.0.0.0/9\n10.128.0.0/9\n";
    assert_eq!(kubectl(&["mesh-cidrs", "-o", "csv"], ranges).ok(), "10.0.0.0/8\n");
    assert_eq!(kubectl(&["mesh-cidrs"], "no range\n").code, Some(3));
}

fn refuses() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let at = dir.path().to_str().expect("a plain path");
    for (prefix, args, code, told) in [
        ("usr", &["--programs", at][..], 2, "PREFIX=usr is no absolute path"),
        ("/usr", &["--programs", at], 1, "there are no programs in"),
        ("/usr", &["--programs"], 2, "--programs wants a value"),
        ("/usr", &["--everything"], 2, "unknown argument --everything"),
    ] {
        let mut command = Command::new(root().join("scripts/install"));
        let ran = run(command.args(args).env("DESTDIR", dir.path()).env("PREFIX", prefix), "");
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{ran:?}");
        assert!(ran.stderr.contains(told), "{ran:?}");
        assert_eq!(all_below(dir.path()), [] as [PathBuf; 0]);
    }
}
