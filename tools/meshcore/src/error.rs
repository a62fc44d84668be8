//! Why a tool could not answer, and the exit code that says so.

use crate::Message;

/// The result of anything that can fail for a reason worth telling.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Exit codes other than 0 and 1, which are answers ([`crate::Verdict`]) and no errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The command line asks for something that cannot be done.
    Usage = 2,
    /// Input data is wrong, or data could not be read or written.
    Data = 3,
    /// A cluster or its API refused, lacks what is needed, or was unreachable.
    Cluster = 4,
    /// Waited for as long as was allowed.
    Timeout = 5,
}

/// What was wrong and where (one line), and what to do about it (hints).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    exit: Exit,
    message: Message,
    report: String,
}

impl Error {
    fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, message: Message::new(text), report: String::new() }
    }

    /// A wrong command line: exit code 2.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(Exit::Usage, text)
    }

    /// Wrong or unreadable data: exit code 3.
    pub fn data(text: impl Into<String>) -> Self {
        Self::new(Exit::Data, text)
    }

    /// A cluster that refuses or does not answer: exit code 4.
    pub fn cluster(text: impl Into<String>) -> Self {
        Self::new(Exit::Cluster, text)
    }

    /// Waiting took too long: exit code 5.
    pub fn timeout(text: impl Into<String>) -> Self {
        Self::new(Exit::Timeout, text)
    }

    /// Adds a line that says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.message = self.message.hint(hint);
        self
    }

    /// Puts `place:` before the text: a file, a document, a context.
    #[must_use]
    pub fn at(mut self, place: impl std::fmt::Display) -> Self {
        self.message = self.message.at(place);
        self
    }

    /// Says on standard output what became of each part: for work of which only parts failed.
    #[must_use]
    pub fn report(mut self, report: String) -> Self {
        self.report = report;
        self
    }

    /// What standard output gets: nothing, unless parts of the work were done.
    pub(crate) fn parts(&self) -> &str {
        &self.report
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// What to print.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.message
    }
}
