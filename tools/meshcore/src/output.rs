//! What a tool says on standard output: complete, or not at all.

use crate::{Error, Result, console, folder};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fcntl_setfl, fstat};
use serde::Serialize;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;

/// The answer, as an exit code: 0 for yes (or done), 1 for no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Done, or the check holds.
    Yes,
    /// The check does not hold: overlap, drift, unbalanced, findings.
    No,
}

/// The whole standard output of a tool and its answer. A tool that fails has neither.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Ends with a line feed unless empty.
    pub output: String,
    /// Decides between exit codes 0 and 1.
    pub verdict: Verdict,
}

impl Outcome {
    /// Data, and nothing was asked that could be answered by "no".
    #[must_use]
    pub fn done(output: String) -> Self {
        Self { output, verdict: Verdict::Yes }
    }
}

/// Values as JSON, one per line. Characters that drive a terminal, or change what is beside them,
/// are escaped: serde writes them as they are, and readers of JSON see no difference.
///
/// # Panics
/// If a value cannot be JSON (a map with keys that are no strings): a defect of the caller.
pub fn json_lines<T: Serialize>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().fold(String::new(), |mut out, value| {
        push_line(
            &mut out,
            &serde_json::to_string(&value).expect("the value has only string keys"),
        );
        out
    })
}

/// A value as JSON for people, over several lines, with the same escapes.
///
/// # Panics
/// As [`json_lines`].
#[must_use]
pub fn json_pretty<T: Serialize>(value: &T) -> String {
    let text = serde_json::to_string_pretty(value).expect("the value has only string keys");
    // Within strings a line break is an escape already.
    text.split('\n').fold(String::with_capacity(text.len() + 1), |mut out, line| {
        push_line(&mut out, line);
        out
    })
}

fn push_line(out: &mut String, line: &str) {
    // Most lines have nothing but ASCII.
    if line.bytes().all(|byte| byte < 0x7f) {
        *out += line;
    } else {
        *out += &console::visible_json(line);
    }
    out.push('\n');
}

/// Fails where nothing that is written to standard output would be seen. A shell that closes it
/// (`>&-`) leaves that to Rust, which opens the null device in its place before anything of ours
/// runs, for reading and writing. `>/dev/null` opens it for writing alone. Who starts a process
/// without input and output gives it one opening of both kinds for all; so does Rust where more
/// than one was closed, and nobody can tell these two apart.
pub(crate) fn check_stdout() -> Result<()> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let no_use = |text: &str| Err(Error::data(format!("standard output {text}")));
    let Ok(flags) = fcntl_getfl(&stdout) else { return no_use("is closed") };
    match flags & OFlags::RWMODE {
        OFlags::WRONLY => Ok(()),
        OFlags::RDONLY => no_use("is open for reading only"),
        _ if !is_null(&stdout) => Ok(()),
        _ if is_one_opening(&stdout, &stdin) || is_one_opening(&stdout, &stderr) => Ok(()),
        _ => no_use("is closed").map_err(|error: Error| {
            error.hint("to drop the output, open /dev/null for writing, as >/dev/null does")
        }),
    }
}

fn is_null(file: &impl AsFd) -> bool {
    let null = std::fs::metadata("/dev/null").map(|null| null.rdev());
    let device = fstat(file)
        .ok()
        .filter(|found| FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice);
    device.is_some_and(|found| null.is_ok_and(|null| null == found.st_rdev))
}

/// Whether two descriptors were made by one opening, and so share its flags.
fn is_one_opening(one: &impl AsFd, other: &impl AsFd) -> bool {
    let flags = |file: &dyn AsFd| fcntl_getfl(file.as_fd());
    let (Ok(before), Ok(others)) = (flags(one), flags(other)) else { return false };
    if others != before || fcntl_setfl(one, before ^ OFlags::APPEND).is_err() {
        return false;
    }
    let shared = flags(other).is_ok_and(|flags| flags != others);
    // It is the null device: nobody is the wiser.
    let _ = fcntl_setfl(one, before);
    shared
}

/// Writes `text` to standard output. A reader that has seen enough and left is no error.
pub(crate) fn write_stdout(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| {
            let error = Error::data(format!("standard output: {error}"));
            if folder::has_written() {
                error.hint(
                    "the files are written, and whole; only what is printed is missing: run it \
                     again for that (with --force, where it keeps files)",
                )
            } else {
                error
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped_on_every_line() {
        let text = json_pretty(&serde_json::json!({"a\u{9b}": ["b\u{202e}\n", 1]}));
        assert_eq!(text, "{\n  \"a\\u009b\": [\n    \"b\\u202e\\n\",\n    1\n  ]\n}\n");
    }

    #[test]
    fn findings_do_not_drive_the_terminal() {
        let name = "\u{9b}31m\u{85}\u{202e}\u{2028}\u{feff}é\u{7f}";
        let line = json_lines([name]);
        assert_eq!(line, "\"\\u009b31m\\u0085\\u202e\\u2028\\ufeffé\\u007f\"\n");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), name);
    }
}
