//! A probe from its beginning to its end: requests, commands, and what is run at last.

use crate::cluster::Cluster;
use crate::command::{self, Done, Planned};
use crate::output::{Ended, Lost, Output};
use crate::record::{Answer, Clock, Occasion, Record};
use crate::schedule::Schedule;
use crate::signals::{Signal, Signals};
use crate::url::Url;
use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{Either, join, join_all, pending, select};
use meshcore::{Console, Error, Message, Result};
use meshkube::Progress;
use std::cell::{Cell, RefCell};
use std::io::IsTerminal as _;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// What a reader that does not read keeps us from ending after a signal.
const LAST_LINES: Duration = Duration::from_secs(2);

/// What is to be done.
#[derive(Debug)]
pub struct Plan<'a> {
    /// When requests are made.
    pub schedule: Schedule,
    /// How many are under way at once, in each cluster.
    pub at_once: usize,
    /// What is asked.
    pub url: &'a Url,
    /// What is run in between.
    pub commands: &'a [Planned],
    /// What is run at last.
    pub finally: Option<&'a str>,
}

/// Why a probe ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cause {
    /// All is done.
    Done,
    /// It was asked to.
    Signal(Signal),
    /// Nobody hears it any more.
    Lost(Lost),
}

/// What one cluster's requests came to.
#[derive(Debug, Default)]
struct Tally {
    made: Cell<u64>,
    reached: Cell<u64>,
    first_failure: RefCell<Option<String>>,
}

impl Tally {
    fn add(&self, answer: &Answer) {
        self.made.set(self.made.get() + 1);
        if answer.error.is_none_or(crate::record::Fault::is_of_request) {
            self.reached.set(self.reached.get() + 1);
        } else if self.first_failure.borrow().is_none() {
            self.first_failure.replace(answer.message.clone());
        }
    }
}

/// Makes the requests and runs the commands. Gives the signal that ended it, if one did.
pub async fn probe(
    plan: &Plan<'_>,
    clusters: &[Cluster<'_>],
    signals: &mut Signals,
    console: &Console,
) -> Result<Option<Signal>> {
    let no_output = |why: &str| Error::data(format!("standard output: {why}"));
    let (output, ended) = Output::start().map_err(|error| no_output(&error.to_string()))?;
    let clock = Clock::start();
    let tallies: Vec<Tally> = clusters.iter().map(|_| Tally::default()).collect();
    let (halt, halted) = oneshot::channel::<()>();
    let halted = halted.shared();
    let cause = {
        // Records on the same terminal show well enough how far it is.
        let is_wanted = !console.is_quiet() && !std::io::stdout().is_terminal();
        let total = plan.schedule.requests().saturating_mul(clusters.len() as u64);
        let total = usize::try_from(total).unwrap_or(usize::MAX);
        let progress = Progress::new("mesh-probe", total, is_wanted);
        let requests = clusters.iter().zip(&tallies).map(|(cluster, tally)| {
            let request = || async {
                let began = Instant::now();
                let answer = cluster.request().await;
                let (source, url) = (cluster.context(), plan.url.as_str());
                let at = clock.moment(began);
                output.write(&Record::Reply { source, at, url, answer: &answer });
                progress.step(answer.error.is_none());
                tally.add(&answer);
            };
            plan.schedule.run(clock.began(), plan.at_once, request)
        });
        let requests = select(join_all(requests), halted.clone());
        let commands = join_all(plan.commands.iter().map(|planned| async {
            let tell = |command: &str| console.note(&Message::new(format!("runs: {command}")));
            if let Some(done) = planned.run(clock, halted.clone(), tell).await {
                output.write(&done.record(clock, Occasion::Command));
                warn(&done, console);
            }
        }));
        let work = pin!(join(requests, commands));
        match select(work, pin!(stop(signals, ended.clone()))).await {
            Either::Left(_) => Cause::Done,
            Either::Right((cause, work)) => {
                drop(halt);
                work.await;
                cause
            }
        }
    };
    let mut undone = Ok(());
    if let Some(command) = plan.finally {
        console.note(&Message::new(format!("runs at last: {command}")));
        let done = command::run(command, pending::<()>()).await;
        output.write(&done.record(clock, Occasion::Finally));
        undone = if done.exit == 0 { Ok(()) } else { Err(not_undone(&done)) };
    }
    drop(output);
    let cause = finish(cause, signals, ended).await;
    undone?;
    match cause {
        Cause::Signal(signal) => return Ok(Some(signal)),
        Cause::Lost(Lost::Reader) => {}
        Cause::Lost(Lost::Output(why)) => return Err(no_output(&why)),
        Cause::Done => judge(plan, clusters, &tallies, console)?,
    }
    Ok(None)
}

/// A reason to end before all is done.
async fn stop(signals: &mut Signals, ended: Ended) -> Cause {
    match select(pin!(signals.next()), ended).await {
        Either::Left((signal, _)) => Cause::Signal(signal),
        Either::Right((Err(lost), _)) => Cause::Lost(lost),
        // Never: there is more to write.
        Either::Right((Ok(()), _)) => pending().await,
    }
}

/// Waits until all records are written, as far as anybody takes them.
async fn finish(cause: Cause, signals: &mut Signals, ended: Ended) -> Cause {
    if let Cause::Signal(_) = cause {
        let _ = timeout(LAST_LINES, ended).await;
        return cause;
    }
    match select(ended, pin!(signals.next())).await {
        Either::Left((Ok(()), _)) => cause,
        Either::Left((Err(lost), _)) => Cause::Lost(lost),
        Either::Right((signal, _)) => Cause::Signal(signal),
    }
}

/// Says what was not as planned; a cluster without a single request was not probed.
fn judge(
    plan: &Plan<'_>,
    clusters: &[Cluster<'_>],
    tallies: &[Tally],
    console: &Console,
) -> Result<()> {
    let mut unprobed = Vec::new();
    for (cluster, tally) in clusters.iter().zip(tallies) {
        let (made, wanted) = (tally.made.get(), plan.schedule.requests());
        if made < wanted {
            let text = format!(
                "{} of {wanted} requests were left out: too many were under way, or this machine \
                 was too busy",
                wanted - made
            );
            let message = Message::new(text).at(format!("context {}", cluster.context()));
            console.warn(&message.hint("a lower --rate or a shorter --timeout keeps the pace"));
        }
        if tally.reached.get() == 0 {
            unprobed.extend(tally.first_failure.take());
        }
    }
    if unprobed.is_empty() {
        return Ok(());
    }
    let text = format!("no request at all could be made: {}", unprobed.join("; "));
    Err(Error::cluster(text).hint(
        "the client's container needs curl, and you the right to create pods/exec; --container \
         and --selector choose another",
    ))
}

fn warn(done: &Done<'_>, console: &Console) {
    if done.exit != 0 {
        let text = format!("the command failed with exit code {}: {}", done.exit, done.command);
        console.warn(&Message::new(text));
    }
}

fn not_undone(done: &Done<'_>) -> Error {
    let text = format!("the --finally command failed with exit code {}", done.exit);
    Error::cluster(text).hint(format!("run it yourself: {}", done.command))
}
