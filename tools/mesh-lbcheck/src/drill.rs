//! What happened around the operator's commands: errors, who took over, when it was over.

use crate::answers::Answers;
use crate::counters::Counted;
use crate::failure::Failures;
use crate::record::{Event, Micros};
use crate::reply::Dimension;
use meshcore::{Error, Result};
use std::collections::BTreeMap;

/// So many records are kept in the order of time, which only a drill needs: 1.6 MB.
const MAX_MOMENTS: usize = 100_000;

const MAX_EVENTS: usize = 1000;

/// The requests in the order of time, and the events between.
#[derive(Debug, Default)]
pub struct Timeline {
    moments: Vec<Kept>,
    is_full: bool,
    events: Vec<Event>,
}

/// A request as it is kept: few bytes, in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    /// When it began, since the probe began.
    pub began: Micros,
    /// How long it took, in microseconds; an hour is the most.
    latency: u32,
    /// The place of its count.
    place: u32,
}

/// One request at its time.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// When it began, since the probe began.
    pub at: Micros,
    /// When it was answered.
    pub answered: Micros,
    /// The index of the source cluster.
    pub source: usize,
    /// What became of it.
    pub what: Counted,
}

/// The time from one event until the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// What it begins with; the first phase begins with the probe itself.
    pub event: Option<Event>,
    /// What the source clusters saw, in their order.
    pub seen: Vec<Seen>,
}

/// What one source cluster saw of one phase.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Good replies.
    pub replies: u64,
    /// Requests without.
    pub failures: Failures,
    /// The first good reply that is not from where most came before the event: how long after it,
    /// and from where. After what restores, it is the first from home.
    pub elsewhere: Option<(Micros, String)>,
    /// When errors ended.
    pub recovery: Recovery,
}

/// When errors ended, counted from the event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Recovery {
    /// Nobody asked.
    #[default]
    Unknown,
    /// There was no error.
    Undisturbed,
    /// The first good reply after the last error.
    After(Micros),
    /// The last request failed.
    Never,
}

impl Timeline {
    /// A request was counted at `place`.
    pub fn request(&mut self, began: Micros, latency: Micros, place: usize) {
        if self.moments.len() < MAX_MOMENTS {
            let latency = u32::try_from(latency.0).unwrap_or(u32::MAX);
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            self.moments.push(Kept { began, latency, place });
        } else {
            self.is_full = true;
        }
    }

    /// A command ran.
    pub fn event(&mut self, event: Event) -> Result<()> {
        if self.events.len() == MAX_EVENTS {
            return Err(Error::data(format!("there are more than {MAX_EVENTS} events")));
        }
        self.events.push(event);
        Ok(())
    }

    /// The phases, none without an event; counts into `answers` what came before the first.
    /// `meaning` tells the source of a place and what is counted there.
    pub fn finish(
        mut self,
        meaning: impl Fn(usize) -> Option<(usize, Counted)>,
        answers: &mut [Answers],
        by: Dimension,
    ) -> Result<Vec<Phase>> {
        if self.events.is_empty() {
            return Ok(Vec::new());
        }
        if self.is_full {
            let text = format!("there are events among more than {MAX_MOMENTS} records");
            return Err(Error::data(text).hint("probe for a shorter time, or at a lower rate"));
        }
        // Records come when they are done, and so not in the order of time.
        self.moments.sort_unstable();
        self.events.sort();
        let moment = |Kept { began: at, latency, place }: Kept| {
            let (source, what) = meaning(place as usize)?;
            Some(Moment { at, answered: Micros(at.0 + u64::from(latency)), source, what })
        };
        let moments: Vec<Moment> = self.moments.into_iter().filter_map(moment).collect();
        let first = self.events[0].began;
        count_calm(answers, moments.iter().filter(|moment| moment.at < first));
        let mut starts: Vec<Option<Event>> = vec![None];
        starts.extend(self.events.into_iter().map(Some));
        let mut rest = &moments[..];
        // What each source was mostly answered by, until the event.
        let mut homes: Vec<Option<String>> = vec![None; answers.len()];
        let mut phases = Vec::new();
        for (i, event) in starts.iter().enumerate() {
            let next = starts.get(i + 1).and_then(Option::as_ref).map(|event| event.began);
            let length = next.map_or(rest.len(), |end| rest.partition_point(|m| m.at < end));
            let (these, later) = rest.split_at(length);
            rest = later;
            let began = event.as_ref().map_or(Micros(0), |event| event.began);
            let mut seen = Vec::new();
            for (source, answers) in answers.iter().enumerate() {
                let mine = || these.iter().filter(move |moment| moment.source == source);
                let knows_clusters = answers.backends.iter().any(|a| !a.backend.cluster.is_empty());
                let by = if knows_clusters { Dimension::Cluster } else { by };
                let name = |backend: usize| answers.backends[backend].backend.by(by);
                let home = homes[source].take();
                seen.push(see(mine(), began, |backend| {
                    let is_elsewhere = home.as_ref().is_some_and(|home| name(backend) != home);
                    is_elsewhere.then(|| name(backend).to_owned())
                }));
                homes[source] = most_frequent(mine(), name).or(home);
            }
            phases.push(Phase { event: event.clone(), seen });
        }
        Ok(phases)
    }
}

fn count_calm<'a>(answers: &mut [Answers], before: impl Iterator<Item = &'a Moment>) {
    for answered in answers.iter_mut().flat_map(|answers| &mut answers.backends) {
        answered.calm = 0;
    }
    for moment in before {
        if let Counted::Reply(backend) = moment.what {
            answers[moment.source].backends[backend].calm += 1;
        }
    }
}

fn see<'a>(
    moments: impl Iterator<Item = &'a Moment>,
    began: Micros,
    elsewhere: impl Fn(usize) -> Option<String>,
) -> Seen {
    let mut seen = Seen::default();
    for moment in moments {
        let after = Micros(moment.answered.0 - began.0);
        match moment.what {
            Counted::Reply(backend) => {
                seen.replies += 1;
                if seen.elsewhere.is_none() {
                    seen.elsewhere = elsewhere(backend).map(|from| (after, from));
                }
                seen.recovery = match seen.recovery {
                    Recovery::Unknown => Recovery::Undisturbed,
                    Recovery::Never => Recovery::After(after),
                    since @ (Recovery::Undisturbed | Recovery::After(_)) => since,
                };
            }
            Counted::Failure(failure) => {
                seen.failures.add(failure, 1);
                seen.recovery = Recovery::Never;
            }
        }
    }
    seen
}

/// Whose good replies were most; of those with as many, the first by name.
fn most_frequent<'a>(
    moments: impl Iterator<Item = &'a Moment>,
    name: impl Fn(usize) -> &'a str,
) -> Option<String> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for moment in moments {
        if let Counted::Reply(backend) = moment.what {
            *counts.entry(name(backend)).or_default() += 1;
        }
    }
    let most = counts.into_iter().rev().max_by_key(|(_, count)| *count)?.0;
    Some(most.to_owned())
}

impl Phase {
    /// What it begins with, for people.
    #[must_use]
    pub fn name(&self) -> String {
        use crate::record::EventKind;
        match &self.event {
            None => "(start)".to_owned(),
            Some(event) => match (event.event, &event.command[..]) {
                (EventKind::Command, "") => "command".to_owned(),
                (EventKind::Command, command) => command.to_owned(),
                (EventKind::Finally, "") => "finally".to_owned(),
                (EventKind::Finally, command) => format!("finally: {command}"),
            },
        }
    }
}

impl Seen {
    /// Requests without a good reply.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.failures.total()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::Answered;
    use crate::failure::Failure;
    use crate::record::EventKind;
    use crate::reply::Backend;
    use proptest::prelude::*;

    /// Two pods, of v1 in `c1` and v2 in `c2`, or in clusters that are not known.
    fn answers(clusters: [&str; 2]) -> Vec<Answers> {
        let backend = |(version, cluster): (&str, &str)| Answered {
            backend: Backend {
                version: version.to_owned(),
                instance: "pod".to_owned(),
                cluster: cluster.to_owned(),
            },
            count: 9,
            calm: 9,
        };
        let backends = [("v1", clusters[0]), ("v2", clusters[1])].map(backend).to_vec();
        vec![Answers { source: Some("c1".to_owned()), backends, ..Answers::default() }]
    }

    fn event(seconds: u64, event: EventKind) -> Event {
        let began = Micros(seconds * 1_000_000);
        Event { began, event, command: "scale".to_owned(), exit: Some(0), duration: Micros(9) }
    }

    /// One request a second: `1` or `2` answers, `x` fails, `-` is none.
    fn phases(answers: &mut [Answers], requests: &str, events: Vec<Event>) -> Vec<Phase> {
        let mut timeline = Timeline { events, ..Timeline::default() };
        for (second, request) in requests.bytes().enumerate().filter(|(_, b)| *b != b'-') {
            timeline.request(Micros(second as u64 * 1_000_000), Micros(500), usize::from(request));
        }
        // The order in which records come does not matter.
        timeline.moments.reverse();
        let what = |place| match u8::try_from(place).unwrap() {
            b'x' => Counted::Failure(Failure::Http),
            digit => Counted::Reply(usize::from(digit - b'1')),
        };
        timeline.finish(|place| Some((0, what(place))), answers, Dimension::Version).unwrap()
    }

    /// When a request is answered that begins so many seconds later.
    fn answered(seconds: u64) -> Micros {
        Micros(seconds * 1_000_000 + 500)
    }

    #[test]
    fn a_failover_is_measured() {
        let events = || vec![event(10, EventKind::Finally), event(4, EventKind::Command)];
        for clusters in [["c1", "c2"], ["", ""]] {
            let mut answers = answers(clusters);
            let phases = phases(&mut answers, "11111xx22221111", events());
            let name = |name: &str| {
                if clusters[0].is_empty() { name.replace('c', "v") } else { name.to_owned() }
            };
            let [start, command, finally] = &phases[..] else { panic!("three phases") };
            assert_eq!(start.name(), "(start)");
            assert_eq!((start.seen[0].replies, start.seen[0].errors()), (4, 0));
            assert_eq!(start.seen[0].recovery, Recovery::Undisturbed);
            assert_eq!(start.seen[0].elsewhere, None);
            assert_eq!(command.name(), "scale");
            assert_eq!((command.seen[0].replies, command.seen[0].errors()), (4, 2));
            assert_eq!(command.seen[0].elsewhere, Some((answered(3), name("c2"))));
            assert_eq!(command.seen[0].recovery, Recovery::After(answered(3)));
            assert_eq!(finally.name(), "finally: scale");
            assert_eq!(finally.seen[0].replies, 5);
            assert_eq!(finally.seen[0].elsewhere, Some((answered(1), name("c1"))));
            assert_eq!(answers[0].backends[0].calm, 4);
            assert_eq!(answers[0].backends[1].calm, 0);
        }
    }

    #[test]
    fn what_does_not_end_is_never_over() {
        let mut answers = answers(["", ""]);
        let phases = phases(&mut answers, "11xxx", vec![event(1, EventKind::Command)]);
        assert_eq!(phases[1].seen[0].recovery, Recovery::Never);
        assert_eq!(phases[1].seen[0].elsewhere, None);
    }

    #[test]
    fn nobody_asked_after_the_event() {
        let mut answers = answers(["", ""]);
        let phases = phases(&mut answers, "11", vec![event(5, EventKind::Command)]);
        assert_eq!(phases[1].seen[0], Seen::default());
    }

    #[test]
    fn without_events_there_are_no_phases() {
        let mut answers = answers(["", ""]);
        assert_eq!(phases(&mut answers, "12x", vec![]), []);
        assert_eq!(answers[0].backends[0].calm, 9);
    }

    #[test]
    fn too_long_a_drill_is_refused() {
        let mut timeline = Timeline::default();
        (0..=MAX_MOMENTS).for_each(|i| timeline.request(Micros(i as u64), Micros(0), 0));
        let finish = |timeline: Timeline| timeline.finish(|_| None, &mut [], Dimension::Version);
        assert_eq!(timeline.moments.len(), MAX_MOMENTS);
        timeline.event(event(0, EventKind::Command)).unwrap();
        assert!(finish(timeline).is_err());
    }

    proptest! {
        #[test]
        fn every_request_is_in_one_phase(
            requests in "[12x-]{0,40}", at in prop::collection::vec(0u64..45, 1..5)
        ) {
            let mut answers = answers(["c1", "c2"]);
            let events: Vec<Event> = at.iter().map(|&at| event(at, EventKind::Command)).collect();
            let phases = phases(&mut answers, &requests, events);
            let seen = || phases.iter().map(|phase| &phase.seen[0]);
            prop_assert_eq!(phases.len(), at.len() + 1);
            let errors: u64 = seen().map(Seen::errors).sum();
            prop_assert_eq!(errors, requests.matches('x').count() as u64);
            let replies: u64 = seen().map(|seen| seen.replies).sum();
            prop_assert_eq!(replies, requests.matches(['1', '2']).count() as u64);
        }
    }
}
