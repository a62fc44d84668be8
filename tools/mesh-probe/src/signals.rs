//! Signals that ask this program to end.

use meshcore::{Error, Result};
use std::future::poll_fn;
use std::task::Poll;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// A signal that asks to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// The terminal is gone.
    Hangup = 1,
    /// Ctrl-C.
    Interrupt = 2,
    /// `kill`.
    Terminate = 15,
}

/// From now on these signals end nothing by themselves.
#[derive(Debug)]
pub struct Signals(Vec<(Signal, Stream)>);

impl Signals {
    /// Begins to listen.
    pub fn listen() -> Result<Self> {
        let all = [
            (Signal::Hangup, SignalKind::hangup()),
            (Signal::Interrupt, SignalKind::interrupt()),
            (Signal::Terminate, SignalKind::terminate()),
        ];
        let listen = |(name, kind)| signal(kind).map(|stream| (name, stream));
        let streams = all.into_iter().map(listen).collect::<Result<_, _>>();
        streams.map(Self).map_err(|error| Error::cluster(format!("cannot hear signals: {error}")))
    }

    /// The next signal.
    pub async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            for (signal, stream) in &mut self.0 {
                if stream.poll_recv(context).is_ready() {
                    return Poll::Ready(*signal);
                }
            }
            Poll::Pending
        })
        .await
    }
}
