//! When requests are made.

use crate::cluster::GRACE;
use futures::{Stream, StreamExt as _, future, stream};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

/// How many requests one cluster's client makes, and when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Schedule {
    /// So many, each as soon as there is room.
    Count(u64),
    /// At a steady rate for some time, however long the answers take.
    Steady {
        /// For so long.
        length: Duration,
        /// So many a second.
        rate: f64,
    },
}

impl Schedule {
    /// How many requests there are to be.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // no probe lasts that long
    pub fn requests(self) -> u64 {
        match self {
            Self::Count(count) => count,
            Self::Steady { length, rate } => (length.as_secs_f64() * rate).ceil() as u64,
        }
    }

    /// How many requests may be under way at once, unless the user says: one after the other, or
    /// as many as a steady rate brings when none is answered.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // rates are small
    pub fn at_once(self, timeout: Duration) -> usize {
        match self {
            Self::Count(_) => 1,
            // A failed exec is looked into, which takes up to as long again.
            Self::Steady { rate, .. } => {
                let longest = timeout + 2 * GRACE;
                (longest.as_secs_f64() * rate).ceil() as usize + 1
            }
        }
    }

    /// Makes the requests of one cluster from `began` on. A steady one that finds no room is
    /// left out, so that the others keep their time.
    pub async fn run<F: Future<Output = ()>>(
        self,
        began: Instant,
        at_once: usize,
        request: impl Fn() -> F,
    ) {
        match self {
            Self::Count(count) => {
                let starts = stream::iter(0..count).map(|_| request());
                starts.buffer_unordered(at_once).collect::<()>().await;
            }
            Self::Steady { length, rate } => {
                let ticks = ticks(began, began + length, Duration::from_secs_f64(1.0 / rate));
                let starts = ticks.map(|()| request());
                starts.buffer_unordered(at_once).collect::<()>().await;
            }
        }
    }
}

/// A tick every `period` from `began` on, before `end`.
fn ticks(began: Instant, end: Instant, period: Duration) -> impl Stream<Item = ()> {
    let mut interval = interval_at(began, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    stream::unfold(interval, |mut interval| async { Some((interval.tick().await, interval)) })
        .take_while(move |tick| future::ready(*tick < end))
        .take_until(sleep_until(end))
        .map(|_| ())
}

/// Reads a rate; the error completes "RATE …".
pub fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.01..=100.0).contains(rate));
    rate.ok_or_else(|| "is no number of requests a second from 0.01 to 100".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn run(schedule: Schedule, at_once: usize, each: Duration) -> (u64, u64) {
        let (made, now, most) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let request = || async {
            now.set(now.get() + 1);
            most.set(most.get().max(now.get()));
            tokio::time::sleep(each).await;
            now.set(now.get() - 1);
            made.set(made.get() + 1);
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { schedule.run(Instant::now(), at_once, request).await });
        (made.get(), most.get())
    }

    #[test]
    fn a_count_is_made_with_as_many_at_once_as_there_is_room_for() {
        let brief = Duration::from_millis(5);
        assert_eq!(run(Schedule::Count(7), 1, brief), (7, 1));
        assert_eq!(run(Schedule::Count(7), 3, brief), (7, 3));
        assert_eq!(run(Schedule::Count(2), 9, brief), (2, 2));
    }

    #[test]
    fn a_steady_rate_does_not_wait_for_answers() {
        let schedule = Schedule::Steady { length: Duration::from_millis(400), rate: 20.0 };
        assert_eq!(schedule.requests(), 8);
        let (made, most) = run(schedule, 100, Duration::from_millis(600));
        // A busy machine may miss a tick.
        assert!((6..=8).contains(&made) && most == made, "{made} {most}");
        assert_eq!(run(schedule, 1, Duration::from_millis(600)), (1, 1));
    }

    #[test]
    fn there_is_room_for_all_that_are_not_answered() {
        assert_eq!(Schedule::Count(20).at_once(Duration::from_secs(5)), 1);
        let steady = Schedule::Steady { length: Duration::from_secs(60), rate: 5.0 };
        assert_eq!(steady.at_once(Duration::from_secs(5)), 76);
        assert_eq!(steady.requests(), 300);
    }

    #[test]
    fn rates_have_bounds() {
        for (text, rate) in [("5", 5.0), ("0.5", 0.5), ("100", 100.0)] {
            assert_eq!(parse_rate(text), Ok(rate));
        }
        for text in ["0", "-1", "101", "nan", "inf", "", "5/s"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }
}
