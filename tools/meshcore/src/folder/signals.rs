//! Signals at any moment: a process of this very program stages files without end.

use super::*;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Where the process that is to be ended works.
const PLACE: &str = "MESHCORE_TEST_PLACE";
/// Files that each round replaces, in this order.
const REPLACED: [&str; 3] = ["key", "chain", "last"];
/// How often each signal is sent; a tenth of that found what was left behind once.
const TIMES: usize = 10;

fn files(text: &str) -> [File<'_>; 3] {
    ["a", "b", "c"].map(|name| File { name, text, mode: Mode::Secret })
}

/// Each round makes a folder and a file, and puts its number into three others, one after the
/// other.
fn stage_without_end(place: &Path) {
    for round in 0.. {
        let text = round.to_string();
        let mut stage = Stage::default();
        stage.folder(&place.join("made").join(&text), &files(&text)).unwrap();
        stage.file(&place.join(format!("{text}.pem")), &text, Mode::Secret).unwrap();
        for name in REPLACED {
            stage.replacement(&place.join(name), &text, Mode::Secret).unwrap();
        }
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

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The rounds that these files are of.
fn replaced(place: &Path) -> Vec<usize> {
    let text = |name: &&str| fs::read_to_string(place.join(name)).unwrap();
    REPLACED.iter().map(|name| text(name).parse().unwrap()).collect()
}

/// What does not belong to a whole round.
fn leftovers(place: &Path) -> Vec<String> {
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
    // A file for each, `made` and those that are replaced.
    if top.len() != rounds + 1 + REPLACED.len() {
        found.push(format!("{rounds} rounds, and {top:?}"));
    }
    if replaced(place).iter().any(|round| round + 1 != rounds) {
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

/// Nothing can be done then but to say it: what is there is whole, of this round or the one before,
/// and what lies beside it is named.
#[test]
fn after_sigkill_files_are_whole_and_what_is_left_is_named() {
    let mut apart = 0;
    for time in 0..12 * TIMES {
        let dir = tempfile::tempdir().unwrap();
        let (mut child, _output) = start(dir.path(), BY_DEFAULT, 1 + time % 5);
        send("KILL", &child);
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        let rounds = replaced(dir.path());
        assert!(rounds.is_sorted_by(|a, b| a >= b) && rounds[0] <= rounds[2] + 1, "{rounds:?}");
        let left = names(dir.path()).into_iter().chain(names(&dir.path().join("made")));
        let left: Vec<String> = left.filter(|name| name.starts_with('.')).collect();
        let mut named = left::messages(dir.path());
        named.extend(left::messages(&dir.path().join("made")));
        for name in &left {
            assert!(named.iter().any(|message| message.text().contains(name.as_str())), "{left:?}");
        }
        let is_apart = rounds[0] != rounds[2];
        assert!(!is_apart || !left.is_empty(), "nothing tells that {rounds:?} are of two rounds");
        apart += usize::from(is_apart);
    }
    println!("killed between two of them: {apart}");
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
