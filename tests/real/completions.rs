//! Completions in the real shells: what the TAB key makes of a line.

use crate::clusters::{kubeconfig, namespace};
use crate::{Needs, Test};
use mesh_tests::{meshdocs, program_dir, programs};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

pub const TESTS: &[Test] = &[
    ("completions_of_bash", Needs::Shells, || of_shell(Shell::Bash)),
    ("completions_of_zsh", Needs::Shells, || of_shell(Shell::Zsh)),
    ("completions_of_fish", Needs::Shells, || of_shell(Shell::Fish)),
    ("completions_of_namespaces", Needs::ClustersAndShells, of_namespaces),
];

/// A line, and its last word when TAB has been pressed behind it.
const LINES: [(&str, &str); 18] = [
    ("mesh-apply --to-p", "--to-peers"),
    ("mesh-apply -o di", "diff"),
    ("mesh-apply --output=li", "--output=lines"),
    ("mesh-expose is", "istiod"),
    ("mesh-cidrs --kind po", "pod"),
    ("mesh-cidrs --kind pod,no", "pod,node"),
    ("mesh-apply --context al", "alpha"),
    ("mesh-apply --context=al", "--context=alpha"),
    ("mesh-apply --wait --context alpha --context be", "beta"),
    ("mesh-apply --context arn:aws:e", "arn:aws:eks:eu-west-1:1:cluster/x"),
    ("mesh-apply --context=arn:a", "--context=arn:aws:eks:eu-west-1:1:cluster/x"),
    ("mesh-apply --context kubernetes-admin@k", "kubernetes-admin@kubernetes"),
    ("mesh-clusters --contexts al", "alpha"),
    ("mesh-clusters --contexts alpha,be", "alpha,beta"),
    ("mesh-apply --kubeconfig ~/other --context ga", "gamma"),
    ("mesh-apply --kubeconfig=other --context ga", "gamma"),
    ("mesh-apply -f some-f", "some-file.yaml"),
    // Nobody knows how long, and it is no file.
    ("mesh-apply --timeout some-f", "some-f"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

fn of_shell(shell: Shell) {
    let home = home();
    let contexts =
        ["alpha", "beta", "arn:aws:eks:eu-west-1:1:cluster/x", "kubernetes-admin@kubernetes"];
    let (first, second) = contexts.split_at(1);
    for (file, contexts) in [("first", first), ("second", second), ("other", &["gamma"])] {
        std::fs::write(home.path().join(file), config(contexts)).expect("it can be written");
    }
    std::fs::write(home.path().join("some-file.yaml"), "").expect("it can be written");
    std::fs::write(home.path().join("broken"), "{").expect("it can be written");
    // As kubectl reads it: a list, in which a file may be missing.
    let list = "missing:broken:first:second";
    let mut session = Session::start(shell, home.path(), list);
    for (line, wanted) in LINES {
        assert_eq!(session.complete(line), wanted, "{shell:?}: {line}");
    }
}

fn of_namespaces() {
    let name = namespace("completed");
    let (typed, _) = name.split_at(name.len() - 1);
    let home = home();
    let list = kubeconfig().display().to_string();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut session = Session::start(shell, home.path(), &list);
        for line in [
            format!("mesh-apply -n {typed}"),
            format!("mesh-apply --context cluster2 --namespace {typed}"),
            format!("mesh-label-ns --context cluster2 --rev r {typed}"),
        ] {
            assert_eq!(session.complete(&line), name, "{shell:?}: {line}");
        }
        // A cluster that is not there has none.
        let line = format!("mesh-apply --context nowhere -n {typed}");
        assert_eq!(session.complete(&line), typed, "{shell:?}: {line}");
    }
}

/// A home with the completions as they are installed, below `share`.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a temporary folder");
    meshdocs("completions", &home.path().join("share"));
    home
}

fn config(contexts: &[&str]) -> String {
    let contexts = contexts.iter().fold(String::new(), |mut out, name| {
        let _ = writeln!(out, "- {{name: \"{name}\", context: {{cluster: c, user: u}}}}");
        out
    });
    format!(
        "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: https://a}}}}]\n\
         users: [{{name: u, user: {{}}}}]\ncontexts:\n{contexts}"
    )
}

/// A shell at a terminal, where every tool only says what it was called with.
struct Session {
    shell: Shell,
    child: Child,
    screen: Receiver<Vec<u8>>,
    /// What the terminal has shown since it was last looked at.
    shown: String,
}

const PROMPT: &str = "READY> ";

impl Session {
    fn start(shell: Shell, home: &Path, kubeconfig: &str) -> Self {
        let says = programs().keys().fold(String::new(), |mut out, name| {
            let body = "printf '[%s]' RAN \"$@\"; echo";
            let _ = match shell {
                Shell::Fish => writeln!(out, "function {name}; {}; end", body.replace('@', "argv")),
                _ => writeln!(out, "{name}() {{ {body}; }}"),
            };
            out
        });
        let says = says.replace("\"$argv\"", "$argv");
        let (line, file, setup) = match shell {
            Shell::Bash => (
                "bash --noprofile --rcfile bashrc -i",
                "bashrc",
                format!(
                    "PS1='{PROMPT}'\nfor f in share/bash-completion/completions/*; do . $f; done\n"
                ),
            ),
            Shell::Zsh => (
                "zsh -d -i",
                ".zshrc",
                format!(
                    "PS1='{PROMPT}'\nfpath=(~/share/zsh/site-functions $fpath)\n\
                     autoload -Uz compinit && compinit -D -u\n"
                ),
            ),
            Shell::Fish => (
                "fish -i",
                ".config/fish/config.fish",
                format!("function fish_prompt; printf '{PROMPT}'; end\nset fish_greeting\n"),
            ),
        };
        let file = home.join(file);
        std::fs::create_dir_all(file.parent().expect("it lies in a folder"))
            .expect("it can be made");
        std::fs::write(&file, setup + &says).expect("it can be written");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut child = Command::new("script")
            .args(["-q", "-e", "-c", line, "/dev/null"])
            .current_dir(home)
            .env_clear()
            .envs([("HOME", home), ("ZDOTDIR", home)])
            .env("XDG_DATA_DIRS", format!("{}:/usr/share", home.join("share").display()))
            .env("PATH", format!("{}:{path}", program_dir().display()))
            .envs([("KUBECONFIG", kubeconfig), ("TERM", "dumb"), ("LC_ALL", "C.UTF-8")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script starts");
        let mut stdout = child.stdout.take().expect("it is piped");
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut session = Self { shell, child, screen, shown: String::new() };
        session.wait_for(PROMPT);
        session
    }

    /// Types a line, TAB and RETURN, and tells the last word that the tool was called with.
    fn complete(&mut self, line: &str) -> String {
        let stdin = self.child.stdin.as_mut().expect("it is piped");
        stdin.write_all(format!("{line}\t\r").as_bytes()).expect("the shell reads");
        self.wait_for("[RAN]");
        let said = self.wait_for("\n");
        self.wait_for(PROMPT);
        let words = said.trim_end().trim_end_matches(']');
        words.rsplit('[').next().expect("it has a last word").to_owned()
    }

    /// What the terminal shows up to a text, which comes, and is taken away with what is before it.
    fn wait_for(&mut self, text: &str) -> String {
        let limit = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(at) = self.shown.find(text) {
                let rest = self.shown.split_off(at + text.len());
                return std::mem::replace(&mut self.shown, rest);
            }
            let left = limit.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.shown += &String::from_utf8_lossy(&bytes),
                Err(why) => panic!("{:?}: {why}: no {text:?} in {:?}", self.shell, self.shown),
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Without a keyboard the shell ends; what it has done is told already.
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
