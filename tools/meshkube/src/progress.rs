//! How far a long piece of work is, on a terminal only.

use std::cell::Cell;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

const BEFORE_THE_FIRST: Duration = Duration::from_secs(1);
const BETWEEN: Duration = Duration::from_millis(100);

/// A line on standard error, `TOOL: 120 of 999 done, 3 failed`, that is written over and gone in
/// the end. Work of under a second has none, and neither has standard error in a file or pipe.
#[derive(Debug)]
pub struct Progress {
    tool: &'static str,
    total: usize,
    done: Cell<usize>,
    failed: Cell<usize>,
    next: Cell<Option<Instant>>,
    is_shown: Cell<bool>,
}

impl Progress {
    /// Of `total` pieces; `is_wanted` is false where messages are.
    #[must_use]
    pub fn new(tool: &'static str, total: usize, is_wanted: bool) -> Self {
        let is_wanted = is_wanted && std::io::stderr().is_terminal();
        Self {
            tool,
            total,
            done: Cell::new(0),
            failed: Cell::new(0),
            next: Cell::new(is_wanted.then(|| Instant::now() + BEFORE_THE_FIRST)),
            is_shown: Cell::new(false),
        }
    }

    /// One more piece is done.
    pub fn step(&self, is_ok: bool) {
        self.done.set(self.done.get() + 1);
        self.failed.set(self.failed.get() + usize::from(!is_ok));
        let now = Instant::now();
        if self.next.get().is_some_and(|next| next <= now) {
            self.next.set(Some(now + BETWEEN));
            self.is_shown.set(true);
            let _ = write!(std::io::stderr(), "\r\x1b[K{}", self.line());
        }
    }

    fn line(&self) -> String {
        let line = format!("{}: {} of {} done", self.tool, self.done.get(), self.total);
        match self.failed.get() {
            0 => line,
            failed => format!("{line}, {failed} failed"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown.get() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_apart() {
        let progress = Progress::new("mesh-x", 3, false);
        progress.step(true);
        assert_eq!(progress.line(), "mesh-x: 1 of 3 done");
        progress.step(false);
        assert_eq!(progress.line(), "mesh-x: 2 of 3 done, 1 failed");
        assert!(!progress.is_shown.get());
    }
}
