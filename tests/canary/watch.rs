//! Programs under watch: all that others could see of a run, and what it leaves.

use std::collections::BTreeSet;
use std::io::{Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{sleep, spawn};
use std::time::Duration;

/// All that a run showed to anybody.
pub struct Seen {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// What is left in the folders that were empty before.
    pub files: Vec<File>,
    /// Arguments and environment of the program and of all that it started, whenever we looked.
    pub processes: BTreeSet<Vec<u8>>,
    /// Its limits, as they were when it waited for the rest of its input.
    pub limits: String,
}

pub struct File {
    pub path: PathBuf,
    pub mode: u32,
    pub bytes: Vec<u8>,
}

/// Where and how it runs.
pub struct Stage<'a> {
    /// An empty folder; the program gets its own working, home and temporary folders in it.
    pub dir: &'a Path,
    /// What a shell does before it becomes the program.
    pub shell: &'a str,
    pub environment: &'a [(&'a str, &'a str)],
    /// Sent when it waits for the rest of its input, in place of the end of that.
    pub signal: Option<&'a str>,
}

/// A file cannot be written with this: who tries is ended by a signal.
pub const WRITE_NOTHING: &str = "ulimit -f 0;";

/// Runs a program with `input` on standard input, which stays open until the program has settled.
pub fn run(program: &Path, args: &[String], input: &[u8], stage: &Stage<'_>) -> Seen {
    let folders = ["work", "home", "tmp"].map(|name| stage.dir.join(name));
    for folder in &folders {
        std::fs::create_dir(folder).expect("the folder is ours");
    }
    // A parent may ignore the signal that ends some of them.
    let mut command = Command::new("env");
    command
        .args(["--default-signal=QUIT", "sh", "-c", &format!("{} exec \"$0\" \"$@\"", stage.shell)])
        .arg(program)
        .args(args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", &folders[1])
        .env("TMPDIR", &folders[2])
        .envs(stage.environment.iter().copied())
        .current_dir(&folders[0])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("sh starts");
    let stdout = collect(child.stdout.take().expect("it is piped"));
    let stderr = collect(child.stderr.take().expect("it is piped"));
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_owned();
    let writer = spawn(move || {
        // A program may end without reading; that is not this function's error.
        let _ = stdin.write_all(&input);
        stdin
    });
    let mut processes = BTreeSet::new();
    settle(&mut child, &mut processes);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id()));
    if let Some(signal) = stage.signal {
        let mut kill = Command::new("kill");
        kill.args(["-s", signal, &child.id().to_string()]);
        let _ = kill.stderr(Stdio::null()).status().expect("kill runs");
    }
    // From here on the input is at its end, as soon as all of it is read.
    let end = spawn(move || drop(writer.join().expect("it does not panic")));
    let status = loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            break status;
        }
        look(child.id(), &mut processes);
        sleep(Duration::from_millis(1));
    };
    end.join().expect("it does not panic");
    Seen {
        status,
        stdout: stdout.join().expect("it does not panic"),
        stderr: stderr.join().expect("it does not panic"),
        files: folders.iter().flat_map(|folder| files(folder)).collect(),
        processes,
        limits: limits.unwrap_or_default(),
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("it can be read");
        bytes
    })
}

/// Looks until the program and all that it started sleep and stay so, or are gone.
fn settle(child: &mut Child, processes: &mut BTreeSet<Vec<u8>>) {
    let (mut before, mut same) = (Vec::new(), 0);
    while same < 3 && child.try_wait().expect("it can be waited for").is_none() {
        let now = look(child.id(), processes);
        let is_still = now.iter().all(|(_, state)| matches!(state, 'S' | 'Z')) && now == before;
        same = if is_still { same + 1 } else { 0 };
        before = now;
        sleep(Duration::from_millis(2));
    }
}

/// Notes what others can see of a process and its children, and gives their states.
fn look(pid: u32, processes: &mut BTreeSet<Vec<u8>>) -> Vec<(u32, char)> {
    let mut found = Vec::new();
    let mut next = vec![pid];
    while let Some(pid) = next.pop() {
        // Any of them may have ended by now.
        let read = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        processes.insert(read("cmdline"));
        processes.insert(read("environ"));
        let stat = String::from_utf8_lossy(&read("stat")).into_owned();
        let state = stat.rsplit(')').next().and_then(|rest| rest.trim().chars().next());
        found.push((pid, state.unwrap_or('Z')));
        let threads =
            std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for thread in threads {
            let children = std::fs::read_to_string(thread.path().join("children"));
            let children = children.unwrap_or_default();
            next.extend(children.split(' ').filter_map(|pid| pid.parse::<u32>().ok()));
        }
    }
    found
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<File> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("it is there").flatten() {
        let (path, metadata) = (entry.path(), entry.metadata().expect("it is there"));
        if metadata.is_dir() {
            all.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).expect("it can be read");
            all.push(File { path, mode: metadata.permissions().mode() & 0o7777, bytes });
        }
    }
    all
}

impl Seen {
    /// The exit code; a signal's number is below zero.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| -self.status.signal().unwrap_or_default())
    }
}
