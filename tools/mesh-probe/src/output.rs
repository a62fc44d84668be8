//! Records on standard output, each as soon as it is there.
//!
//! A thread writes them: a reader that is slow, or a pager that waits for a key, must neither
//! shift the times of requests nor keep a signal from being heard.

use crate::record::Record;
use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{BoxFuture, Shared};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::sync::mpsc;

/// Why nothing more can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// The reader has seen enough.
    Reader,
    /// Standard output takes no more, and says why.
    Output(String),
}

/// How the writing ended.
pub type Ended = Shared<BoxFuture<'static, Result<(), Lost>>>;

/// Standard output.
#[derive(Debug)]
pub struct Output {
    lines: mpsc::Sender<String>,
}

impl Output {
    /// Begins. The second value comes when all is written and the first is dropped, or when no
    /// more can be written.
    pub fn start() -> io::Result<(Self, Ended)> {
        // Without the lock of `io::stdout`, on which the end of this program would wait, too.
        let mut stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let (lines, received) = mpsc::channel::<String>();
        let (end, ended) = oneshot::channel();
        std::thread::spawn(move || {
            let mut write = |line: String| stdout.write_all(line.as_bytes()).map_err(lost);
            let _ = end.send(received.into_iter().try_for_each(&mut write));
        });
        let ended = ended.map(|ended| ended.unwrap_or(Ok(()))).boxed().shared();
        Ok((Self { lines }, ended))
    }

    /// Writes a record, later if need be.
    pub fn write(&self, record: &Record<'_>) {
        // Whether anybody reads it, the other value tells.
        let _ = self.lines.send(record.line());
    }
}

fn lost(error: io::Error) -> Lost {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Lost::Reader,
        _ => Lost::Output(error.to_string()),
    }
}
