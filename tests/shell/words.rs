//! What a real shell calls, with stand-ins for the programs.

use super::HARMLESS;
use mesh_tests::{run, write_program};
use serde_json::Value;
use std::os::unix::fs::symlink;
use std::process::Command;
use tempfile::TempDir;

/// Programs in what is printed, besides ours.
const STANDINS: [&str; 16] = [
    "kubectl",
    "gcloud",
    "aws",
    "az",
    "istioctl",
    "helm",
    "asmcli",
    "install_asm",
    "rm",
    "chmod",
    "sed",
    "jq",
    "openssl",
    "curl",
    "sleep",
    "grep",
];

/// Writes its arguments to a file of its own. It reads nothing, so that nobody waits for it.
const STANDIN: &str = "#!/bin/sh\nprintf '%s\\0' \"${0##*/}\" \"$@\" >\"$WORDS/$$\"\n";

/// Programs that shell scripts cannot do without.
const REAL: [&str; 5] = ["sh", "cat", "sort", "xargs", "touch"];

/// One with no other programs.
pub struct Shell(TempDir);

impl Shell {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let bin = dir.path().join("bin");
        let tools = mesh_tests::programs().keys().map(String::as_str);
        for name in STANDINS.into_iter().chain(tools) {
            write_program(&bin.join(name), STANDIN);
        }
        for name in REAL {
            let script = format!("command -v {name}");
            let path = run(Command::new("sh").args(["-c", &script]), "").ok();
            symlink(path.trim(), bin.join(name)).expect("the folder is ours");
        }
        Self(dir)
    }

    /// The words of all commands that a script calls, sorted.
    pub fn run(&self, script: &str) -> Vec<Vec<String>> {
        let work = tempfile::tempdir_in(self.0.path()).expect("a temporary folder");
        let words = work.path().join("words");
        std::fs::create_dir(&words).expect("the folder is ours");
        // asmcli is called where it was downloaded to.
        for name in ["asmcli", "install_asm"] {
            symlink(self.0.path().join("bin").join(name), work.path().join(name))
                .expect("the folder is ours");
        }
        let mut sh = Command::new("/bin/sh");
        sh.current_dir(work.path()).env_clear().env("PATH", self.0.path().join("bin"));
        sh.env("WORDS", &words).env("HOME", "/nowhere");
        let ran = run(&mut sh, script);
        assert_eq!(ran.code, Some(0), "{}\n{script}", ran.stderr);
        assert!(!work.path().join("PWNED").exists(), "a name was run:\n{script}");
        let files = std::fs::read_dir(&words).expect("it is there").flatten();
        let mut all: Vec<Vec<String>> = files
            .map(|file| {
                let text = std::fs::read_to_string(file.path()).expect("it is UTF-8");
                in_one_form(text.split_terminator('\0').map(str::to_owned).collect())
            })
            .collect();
        all.sort_unstable();
        all
    }
}

pub fn words(commands: &[Vec<String>]) -> impl Iterator<Item = &String> {
    commands.iter().flatten()
}

/// The commands with the name in place of the harmless one.
pub fn expected(meant: &[Vec<String>], name: &str) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> =
        meant.iter().map(|command| in_one_form(with_name(command, name))).collect();
    all.sort_unstable();
    all
}

/// Whether each word of a command that has a part of the name is the name, or one that is meant of
/// the program. Names may come in another order, and other commands with them.
pub fn is_among(expected: &[Vec<String>], command: &[String], name: &str) -> bool {
    let could_be_option = name.starts_with('-');
    let is_doubtful = |word: &&String| {
        if could_be_option {
            word.starts_with(name)
        } else {
            word.contains("PWNED") && *word != name
        }
    };
    let doubtful: Vec<&String> = command.iter().filter(is_doubtful).collect();
    let mut of_program = expected.iter().filter(|meant| meant[0] == command[0]);
    doubtful.is_empty() || of_program.any(|meant| doubtful.iter().all(|word| meant.contains(word)))
}

/// JSON and scripts of sed in one form, other words as they are.
fn in_one_form(command: Vec<String>) -> Vec<String> {
    let is_sed = command[0] == "sed";
    let same = |word: String| match serde_json::from_str::<Value>(&word) {
        Ok(value) => value.to_string(),
        Err(_) if is_sed => word.replace('\\', ""),
        Err(_) => word,
    };
    command.into_iter().map(same).collect()
}

/// A name that begins with a dash is a flag's value by `=`, a path that it could be is one of the
/// folder, and for whatever else there is no way.
fn with_name(command: &[String], name: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in command {
        let new = replaced(word, name);
        let could_be_option = name.starts_with('-') && word.starts_with(HARMLESS);
        match out.pop_if(|last| could_be_option && last.starts_with('-') && !last.contains('=')) {
            Some(flag) => out.push(format!("{flag}={new}")),
            None if could_be_option => out.push(format!("./{new}")),
            None => out.push(new),
        }
    }
    out
}

/// A word with the name in place of the harmless one, also where it is a string in JSON.
fn replaced(word: &str, name: &str) -> String {
    let is_json = serde_json::from_str::<Value>(word)
        .is_ok_and(|value| value.is_object() || value.is_array());
    if is_json {
        let quoted = Value::from(name).to_string();
        word.replace(HARMLESS, &quoted[1..quoted.len() - 1])
    } else {
        word.replace(HARMLESS, name)
    }
}

/// Whether a command is one of kubectl that changes an object which our tools may have made.
pub fn changes_ours(command: &[String]) -> bool {
    let [program, words @ ..] = command else { return false };
    let is_value =
        |i: usize| i > 0 && ["--context", "--kubeconfig"].contains(&words[i - 1].as_str());
    let is_verb = |i: &usize| !words[*i].starts_with('-') && !is_value(*i);
    let verb = (0..words.len()).find(is_verb).map(|i| words[i].as_str());
    let is_ours = |word: &String| {
        word.contains("istio-eastwestgateway")
            || ["secret", "namespace", "workloadentry"].contains(&word.as_str())
    };
    program == "kubectl"
        && match verb {
            Some("apply") => true,
            Some("label" | "annotate" | "patch" | "create" | "scale") => words.iter().any(is_ours),
            _ => false,
        }
}
