//! Signals at any moment: a process of this very program stages files without end.

use super::*;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Where the process that is to be ended works.
const PLACE: &str = "MESHCORE_TEST_PLACE";
/// How often each signal is sent; a tenth of that found what was left behind once.
const TIMES: usize = 10;

fn files(text: &str) -> [File<'_>; 3] {
    ["a", "b", "c"].map(|name| File { name, text, mode: Mode::Secret })
}

/// Each round makes a folder and a file, and puts its number into another.
fn stage_without_end(place: &Path) {
    for round in 0.. {
        let text = round.to_string();
        let mut stage = Stage::default();
        stage.folder(&place.join("made").join(&text), &files(&text)).unwrap();
        stage.file(&place.join(format!("{text}.pem")), &text, Mode::Secret).unwrap();
        stage.replacement(&place.join("last"), &text, Mode::Secret).unwrap();
        stage.commit().unwrap();
        println!("round {round}");
    }
}

/// The signals do what they do by default, whatever this process has inherited.
const BY_DEFAULT: &str = "exec env --default-signal=HUP,INT,QUIT,TERM";

/// A shell's command by which this program does that and nothing else.
fn command(shell: &str, place: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{shell} \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "folder::signals::a_signal_at_any_moment_leaves_all_files_or_none"])
        .arg("--nocapture")
        .env(PLACE, place)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// Starts it and waits for some rounds.
fn start(place: &Path, shell: &str, rounds: usize) -> (Child, BufReader<ChildStdout>) {
    let mut child = command(shell, place).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(&format!("round {rounds}")) {
        line.clear();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "it has ended");
    }
    (child, output)
}

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// What does not belong to a whole round.
fn leftovers(place: &Path) -> Vec<String> {
    let names = |folder: &Path| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let mut found = Vec::new();
    let (top, mut made) = (names(place), names(&place.join("made")));
    let rounds = made.len();
    for round in (0..rounds).map(|round| round.to_string()) {
        let folder = place.join("made").join(&round);
        let is = |path: &Path| fs::read_to_string(path).is_ok_and(|text| text == round);
        let is_whole = is(&place.join(format!("{round}.pem")))
            && names(&folder).len() == 3
            && ["a", "b", "c"].iter().all(|name| is(&folder.join(name)));
        if !made.remove(&round) || !is_whole {
            found.push(format!("round {round} is not whole"));
        }
    }
    found.extend(made);
    // A file for each, `made` and `last`.
    if top.len() != rounds + 2 {
        found.push(format!("{rounds} rounds, and {top:?}"));
    }
    if fs::read_to_string(place.join("last")).unwrap() != (rounds - 1).to_string() {
        found.push("the last round is not in its place".to_owned());
    }
    found
}

#[test]
fn a_signal_at_any_moment_leaves_all_files_or_none() {
    if let Some(place) = std::env::var_os(PLACE) {
        stage_without_end(Path::new(&place));
    }
    let (mut sent, mut left) = (0, Vec::new());
    for (signal, number) in [("HUP", 1), ("INT", 2), ("QUIT", 3), ("TERM", 15)] {
        for time in 0..TIMES {
            let dir = tempfile::tempdir().unwrap();
            let (mut child, _output) = start(dir.path(), BY_DEFAULT, time % 5);
            send(signal, &child);
            assert_eq!(child.wait().unwrap().signal(), Some(number));
            sent += 1;
            left.extend(leftovers(dir.path()).into_iter().map(|what| format!("{signal}: {what}")));
        }
    }
    assert!(left.is_empty(), "after {} of {sent}: {}", left.len(), left.join("\n"));
}

/// `nohup`, and a script's command in the background.
#[test]
fn signals_that_are_ignored_stay_so() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, mut output) = start(dir.path(), "trap '' HUP INT; exec", 1);
    send("HUP", &child);
    send("INT", &child);
    for _ in 0..5 {
        let mut line = String::new();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "it has ended");
    }
    send("TERM", &child);
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    assert_eq!(leftovers(dir.path()), [""; 0]);
}

/// What a shell's `ulimit -f` does to a file that grows too large.
#[test]
fn a_file_that_may_not_be_so_large_is_not_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("large");
    let mut child = command("ulimit -f 0; exec", &place).stdout(Stdio::null()).spawn().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(25));
    assert!(!place.exists());
}
