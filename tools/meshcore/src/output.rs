//! What a tool says on standard output: complete, or not at all.

use crate::{Error, Result};
use serde::Serialize;
use std::io::{self, Write as _};

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

/// Values as JSON, one per line.
///
/// # Panics
/// If a value cannot be JSON (a map with keys that are no strings): a defect of the caller.
pub fn json_lines<T: Serialize>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().fold(String::new(), |mut out, value| {
        out += &serde_json::to_string(&value).expect("the value has only string keys");
        out.push('\n');
        out
    })
}

/// Writes `text` to standard output. A reader that has seen enough and left is no error.
pub(crate) fn write_stdout(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| Error::data(format!("standard output: {error}"))),
    }
}
