//! The operator's own commands: run by a shell, apart from this program's signals.

use crate::record::{Clock, Occasion, Record, seconds};
use futures::future::{Either, select};
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until, timeout};

/// How long a command that is asked to end may take before it is made to.
const TO_END: Duration = Duration::from_secs(5);

/// A command, and when it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// From the beginning of the probe.
    pub after: Duration,
    /// For `sh -c`.
    pub command: String,
}

/// A command that ran.
#[derive(Debug)]
pub struct Done<'a> {
    /// As given.
    pub command: &'a str,
    /// Its exit code; 128 and the signal's number where a signal ended it.
    pub exit: i32,
    began: Instant,
    ended: Instant,
}

impl Planned {
    /// Reads the two words of `--at`; the error completes "--at …".
    pub fn parse(after: &str, command: &str) -> Result<Self, String> {
        let after = meshkube::parse_duration(after)?;
        Ok(Self { after, command: command.to_owned() })
    }

    /// Runs it when its time comes, unless the probe is halted before; a halt ends it.
    pub async fn run(
        &self,
        clock: Clock,
        halted: impl Future + Clone,
        tell: impl Fn(&str),
    ) -> Option<Done<'_>> {
        let time = pin!(sleep_until(clock.began() + self.after));
        if let Either::Right(_) = select(time, pin!(halted.clone())).await {
            return None;
        }
        tell(&self.command);
        Some(run(&self.command, halted).await)
    }
}

/// Runs a command until it ends or is to `halt`.
pub async fn run(command: &str, halt: impl Future) -> Done<'_> {
    let began = Instant::now();
    let status = match start(command) {
        Ok(mut child) => {
            let ended = match select(pin!(child.wait()), pin!(halt)).await {
                Either::Left((status, _)) => Some(status),
                Either::Right(_) => None,
            };
            match ended {
                Some(status) => status,
                None => end(&mut child).await,
            }
        }
        Err(error) => Err(error),
    };
    Done { command, exit: exit_code(status), began, ended: Instant::now() }
}

fn start(command: &str) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        // Standard output is for records.
        .stdout(io::stderr())
        // A group of its own: Ctrl-C at the terminal is for this program, which then undoes what
        // was begun.
        .process_group(0)
        .spawn()
}

/// Ends a command with all that it started.
async fn end(child: &mut Child) -> io::Result<ExitStatus> {
    signal(child, "TERM").await;
    if let Ok(status) = timeout(TO_END, child.wait()).await {
        return status;
    }
    signal(child, "KILL").await;
    child.wait().await
}

/// Sends a signal to a command's process group.
async fn signal(child: &Child, name: &str) {
    let Some(group) = child.id() else { return };
    let kill = format!("kill -s {name} -- -{group}");
    let _ = Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status().await;
}

fn exit_code(status: io::Result<ExitStatus>) -> i32 {
    // A shell that cannot be started is to its caller as a command that it does not find.
    status.map_or(127, |status| {
        status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or_default()
    })
}

impl Done<'_> {
    /// The record of it.
    #[must_use]
    pub fn record(&self, clock: Clock, event: Occasion) -> Record<'_> {
        Record::Event {
            at: clock.moment(self.began),
            event,
            command: self.command,
            exit: self.exit,
            duration: seconds(self.ended - self.began, 1e3),
        }
    }
}
