//! A program with as much memory as its input allows for.

use mesh_tests::programs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

/// Address space that any program takes, in KiB: itself, its libraries and threads.
const BASE: usize = 200 * 1024;
/// How often the input may lie in memory: as text, as what it says, as what is written.
const FACTOR: usize = 20;
/// After which a program hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A run of a program.
pub struct Size {
    what: String,
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs a program with the arguments, separated by blanks, in a folder, with that on standard
/// input.
pub fn sized_in(dir: &Path, program: &str, args: &str, input: &str) -> Size {
    let files = std::fs::read_dir(dir).expect("it is a folder");
    let of_files: u64 =
        files.map(|file| file.expect("it is there").metadata().map_or(0, |m| m.len())).sum();
    let bytes = input.len() + usize::try_from(of_files).expect("it is small");
    let limit = BASE + FACTOR * bytes / 1024;
    let Output { status, stdout, stderr } = assert_cmd::Command::new("/bin/sh")
        .args(["-c", &format!("ulimit -v {limit} && exec \"$0\" \"$@\"")])
        .arg(&programs()[program])
        .args(args.split_terminator(' '))
        .env_clear()
        .env("KUBECONFIG", "/nowhere/config")
        .current_dir(dir)
        .write_stdin(input)
        .timeout(PATIENCE)
        .output()
        .expect("sh starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it is text");
    Size {
        what: format!("{program} {args}"),
        code: status.code(),
        stdout: text(stdout),
        stderr: text(stderr),
    }
}

/// The same in a folder without any file.
pub fn sized(program: &str, args: &str, input: &str) -> Size {
    sized_in(tempfile::tempdir().expect("a temporary folder").path(), program, args, input)
}

impl Size {
    /// It ended with this code, and wrote so many lines.
    pub fn wrote(self, code: i32, lines: usize) -> Self {
        let found = (self.code, self.stdout.lines().count());
        assert_eq!(found, (Some(code), lines), "{}: {:.600}", self.what, self.stderr);
        self
    }

    /// It came to an answer, a good one or a bad one, of a few lines.
    pub fn answered(self) -> Self {
        let (code, lines) = (self.code, self.stdout.lines().count());
        let is_one = matches!(code, Some(0 | 1)) && (1..=20).contains(&lines);
        assert!(is_one, "{}: {code:?}, {lines} lines: {:.600}", self.what, self.stderr);
        self
    }

    /// It is done, with so many lines.
    pub fn done(self, lines: usize) -> Self {
        self.wrote(0, lines)
    }

    /// It wrote nothing, and said this in one line; hints may follow.
    pub fn refused(self, says: &str) {
        let this = self.wrote(3, 0);
        let errors: Vec<&str> =
            this.stderr.lines().filter(|line| line.contains(": error: ")).collect();
        assert!(
            matches!(errors[..], [one] if one.contains(says)),
            "{}: {:.600}",
            this.what,
            this.stderr
        );
    }

    /// Something like this is on standard error, and not much more.
    pub fn says(self, text: &str) -> Self {
        let is_said = self.stderr.contains(text) && self.stderr.len() < 10_000;
        assert!(is_said, "{}: {:.600}", self.what, self.stderr);
        self
    }
}
