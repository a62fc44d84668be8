//! Counting lines in constant memory.

use crate::answers::Answers;
use crate::counters::{Counted, Counters};
use crate::drill::{Phase, Timeline};
use crate::failure::Failure;
use crate::pattern::Form;
use crate::record::{ProbeReply, Record};
use crate::reply::{Backend, Dimension, shown};
use meshcore::{Error, Result};
use std::collections::BTreeMap;

/// So many source clusters are told apart.
const MAX_SOURCES: usize = 256;

/// How often each version and instance answered each source cluster, and what was no reply.
#[derive(Debug)]
pub struct Tally {
    form: Form,
    /// The source of lines that do not name it; empty if not known.
    source: String,
    counts: Vec<u64>,
    sources: BTreeMap<String, Counters>,
    recent: Vec<Recent>,
    timeline: Timeline,
    url: Option<String>,
    records: u64,
    refused: Option<Error>,
}

/// A line that came lately: it comes again, most likely, and then needs no parsing.
#[derive(Debug, Clone, Default)]
struct Recent {
    line: Vec<u8>,
    /// The place of its count.
    place: usize,
}

const RECENT: usize = 1024;

/// Longer lines are not kept as recent.
const MAX_RECENT: usize = 256;

/// The place for what is no answer to a request.
const NO_ANSWER: usize = 0;

/// All that was counted.
#[derive(Debug)]
pub struct Total {
    /// By source cluster; one without a name if nothing came.
    pub answers: Vec<Answers>,
    /// What happened between the events, if there were any.
    pub phases: Vec<Phase>,
}

impl Tally {
    /// Nothing yet. Replies have the form; lines that do not name their source come from `source`.
    #[must_use]
    pub fn new(form: Form, source: Option<&str>) -> Self {
        Self {
            form,
            source: source.unwrap_or_default().to_owned(),
            counts: vec![0],
            sources: BTreeMap::new(),
            recent: vec![Recent::default(); RECENT],
            timeline: Timeline::default(),
            url: None,
            records: 0,
            refused: None,
        }
    }

    /// Counts one line, without its end. A blank line says nothing and is not counted.
    pub fn add(&mut self, line: &[u8]) {
        if is_blank(line) {
            return;
        }
        let slot = slot(line);
        let recent = &self.recent[slot];
        let place = if recent.line == line { recent.place } else { self.place(line, slot) };
        self.counts[place] += 1;
    }

    /// Counts one record.
    pub fn add_record(&mut self, record: Record<'_>) -> Result<()> {
        let place = self.record_place(record)?;
        self.counts[place] += 1;
        Ok(())
    }

    /// Whether a record was refused since this was called last.
    pub fn check(&mut self) -> Result<()> {
        self.records = 0;
        self.refused.take().map_or(Ok(()), Err)
    }

    /// The first URL that records name.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// All counts. `locate` tells a pod's cluster, empty if not known; `by` tells in drills who is
    /// elsewhere where it does not.
    pub fn finish(self, locate: impl Fn(&Backend) -> String, by: Dimension) -> Result<Total> {
        let mut meanings: Vec<Option<(usize, Counted)>> = vec![None; self.counts.len()];
        let mut answers = Vec::new();
        for (source, counters) in self.sources {
            let index = answers.len();
            let name = Some(source).filter(|name| !name.is_empty());
            let mut meaning = |place: usize, what| meanings[place] = Some((index, what));
            answers.push(counters.finish(name, &self.counts, &locate, &mut meaning));
        }
        if answers.is_empty() {
            answers.push(Answers::default());
        }
        let phases = self.timeline.finish(|place| meanings[place], &mut answers, by)?;
        Ok(Total { answers, phases })
    }

    /// The place of the count of a line that is not the recent one of its slot, but is now.
    #[cold] // Else it is inlined into what every line runs through.
    fn place(&mut self, line: &[u8], slot: usize) -> usize {
        if line[0] == b'{'
            && let Ok(json) = std::str::from_utf8(line)
            && let Some(record) = Record::parse(json)
        {
            self.records += 1;
            return record.and_then(|record| self.record_place(record)).unwrap_or_else(|error| {
                let at = format!("record {}", self.records);
                self.refused.get_or_insert_with(|| error.at(at));
                NO_ANSWER
            });
        }
        let counters = self.sources.entry(self.source.clone()).or_default();
        let place = self
            .form
            .parse(line)
            .and_then(|reply| counters.reply(&reply, &mut self.counts))
            .unwrap_or_else(|| {
                // What it is stands at its beginning.
                let beginning = String::from_utf8_lossy(&line[..line.len().min(512)]);
                let failure = Failure::of_line(&beginning);
                counters.failure(failure, line, &mut self.counts)
            });
        if line.len() <= MAX_RECENT {
            let recent = &mut self.recent[slot];
            recent.line.clear();
            recent.line.extend_from_slice(line);
            recent.place = place;
        }
        place
    }

    fn record_place(&mut self, record: Record<'_>) -> Result<usize> {
        match record {
            Record::Event(event) => {
                self.timeline.event(event)?;
                Ok(NO_ANSWER)
            }
            Record::Reply(reply) => {
                let place = self.reply_place(&reply)?;
                self.timeline.request(reply.elapsed, reply.latency.unwrap_or_default(), place);
                if self.url.is_none() && !reply.url.is_empty() {
                    self.url = Some(reply.url.into_owned());
                }
                Ok(place)
            }
        }
    }

    fn reply_place(&mut self, record: &ProbeReply<'_>) -> Result<usize> {
        let source = if record.source.is_empty() { &self.source } else { &*record.source };
        let source = shown(source.as_bytes());
        if self.sources.len() == MAX_SOURCES && !self.sources.contains_key(&source) {
            let text = format!("there are more than {MAX_SOURCES} source clusters");
            return Err(Error::data(text));
        }
        let counters = self.sources.entry(source).or_default();
        let is_refused = record.status.is_some_and(|status| status >= 400);
        let failure = record.error.or(is_refused.then_some(Failure::Http));
        let body = record.body.trim_end();
        if failure.is_none()
            && let Some(reply) = self.form.parse(body.as_bytes())
            && let Some(place) = counters.reply(&reply, &mut self.counts)
        {
            if let Some(latency) = record.latency {
                counters.latency.add(latency.0);
            }
            return Ok(place);
        }
        let text = match (&*record.message, record.status) {
            ("", Some(status)) if failure.is_some() => format!("HTTP {status}: {body}"),
            ("", _) => body.to_owned(),
            (message, _) => message.to_owned(),
        };
        let text = text.trim_end_matches([':', ' ']);
        let failure = failure.unwrap_or(Failure::Garbage);
        Ok(counters.failure(failure, text.as_bytes(), &mut self.counts))
    }
}

/// Whether a line holds nothing but white space.
pub(crate) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// Where a line is kept as recent. Replies differ at their end, in the name of the pod, and after
/// `Hello version`.
fn slot(line: &[u8]) -> usize {
    /// Fibonacci hashing: the upper bits of the product are well mixed.
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let end = line.last_chunk().map_or(0, |end| u64::from_le_bytes(*end));
    let version = line.get(13..).and_then(|rest| rest.first_chunk());
    let version = version.map_or(0, |version| u64::from_le_bytes(*version));
    let mixed = end.wrapping_mul(GOLDEN);
    // What differs at the very end alone is in the upper bits alone now.
    let mixed = (mixed ^ mixed >> 32 ^ version).wrapping_mul(GOLDEN);
    usize::try_from(mixed >> (u64::BITS - RECENT.ilog2())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::Answered;
    use crate::counters::{MAX_INSTANCES, MAX_VERSIONS, OTHERS};
    use crate::reply::Reply;
    use proptest::prelude::*;

    fn count<T: AsRef<[u8]>>(lines: impl IntoIterator<Item = T>) -> Answers {
        let mut tally = Tally::new(Form::HelloWorld, None);
        lines.into_iter().for_each(|line| tally.add(line.as_ref()));
        tally.check().unwrap();
        let total = tally.finish(|_| String::new(), Dimension::Version).unwrap();
        assert_eq!(total.answers.len(), 1);
        total.answers.into_iter().next().unwrap()
    }

    fn reply(version: &str, instance: &str) -> String {
        format!("Hello version: {version}, instance: {instance}")
    }

    fn versions(answers: &Answers) -> Vec<(&str, u64)> {
        answers.groups(Dimension::Version).into_iter().collect()
    }

    #[test]
    fn replies_are_counted_by_version_and_instance() {
        let answers = count([
            reply("v2", "b"),
            reply("v1", "a"),
            String::new(),
            reply("v2", "b"),
            reply("v2", "a"),
            "curl: (7)".to_owned(),
        ]);
        let instance =
            |a: &Answered| (a.backend.version.clone(), a.backend.instance.clone(), a.count);
        let instances: Vec<_> = answers.backends.iter().map(instance).collect();
        let expected = [("v1", "a", 1), ("v2", "a", 1), ("v2", "b", 2)];
        assert_eq!(instances, expected.map(|(v, i, n)| (v.to_owned(), i.to_owned(), n)));
        assert_eq!(versions(&answers), [("v1", 1), ("v2", 3)]);
        assert_eq!((answers.replies(), answers.errors()), (4, 1));
    }

    #[test]
    fn lines_of_one_slot_do_not_disturb_each_other() {
        let lines: Vec<String> =
            ["one", "two"].iter().map(|pod| reply("v1", &format!("{pod}-same-name"))).collect();
        assert_eq!(slot(lines[0].as_bytes()), slot(lines[1].as_bytes()));
        let answers = count(lines.iter().cycle().take(100));
        let counts: Vec<u64> = answers.backends.iter().map(|answered| answered.count).collect();
        assert_eq!(counts, [50, 50]);
    }

    #[test]
    fn pods_that_differ_in_one_letter_have_slots_of_their_own() {
        let pod =
            |i| reply(&format!("v{}", i % 2 + 1), &format!("helloworld-86f77cd7bd-pod0{}", i / 2));
        let slots: std::collections::BTreeSet<_> =
            (0..20).map(|i| slot(pod(i).as_bytes())).collect();
        assert_eq!(slots.len(), 20);
    }

    #[test]
    fn the_first_five_different_errors_are_kept() {
        let answers = count((0..20).map(|i| format!("error {}", i % 7)));
        let samples: Vec<String> =
            answers.samples.iter().map(|s| format!("{} {}", s.text, s.count)).collect();
        assert_eq!(samples, ["error 0 3", "error 1 3", "error 2 3", "error 3 3", "error 4 3"]);
        assert_eq!((answers.errors(), answers.replies()), (20, 0));
    }

    #[test]
    fn more_instances_than_are_kept_count_for_their_version() {
        let lines = (0..2 * MAX_INSTANCES).map(|i| reply("v1", &format!("pod-{i}")));
        let answers =
            count(lines.chain([reply("v2", "a"), reply("v2", "b"), reply("v1", "pod-7")]));
        assert_eq!(answers.backends.len(), MAX_INSTANCES + 2);
        assert_eq!(versions(&answers), [("v1", 2049), ("v2", 2)]);
        let of = |name: &str| -> Vec<u64> {
            let named = answers.backends.iter().filter(|a| a.backend.instance == name);
            named.map(|answered| answered.count).collect()
        };
        assert_eq!((of(OTHERS), of("pod-7")), (vec![1024, 2], vec![2]));
    }

    #[test]
    fn versions_beyond_those_kept_are_errors() {
        let answers = count((0..=MAX_VERSIONS).map(|i| reply(&format!("v{i}"), "a")));
        assert_eq!((answers.replies(), answers.errors()), (64, 1));
        assert_eq!(answers.samples[0].text, "Hello version: v64, instance: a");
    }

    #[test]
    fn long_lines_are_not_kept() {
        let mut tally = Tally::new(Form::HelloWorld, None);
        (b'!'..=u8::MAX).for_each(|i| tally.add(&vec![i; 100_000]));
        assert!(tally.recent.iter().all(|recent| recent.line.capacity() <= MAX_RECENT));
        let total = tally.finish(|_| String::new(), Dimension::Version).unwrap();
        assert_eq!(total.answers[0].errors(), 223);
    }

    fn record(fields: &str) -> String {
        format!(r#"{{"apiVersion":"meshutils/v1alpha1","kind":"Reply",{fields}}}"#)
    }

    #[test]
    fn records_are_counted_by_source_and_errors_by_class() {
        let mut tally = Tally::new(Form::HelloWorld, None);
        let good = r#""source":"c1","status":200,"latency":0.01,"body":"Hello version: v1, instance: a\n""#;
        for fields in [
            good,
            &good.replace("c1", "c2"),
            good,
            r#""source":"c1","error":"dns","message":"no such host""#,
            r#""source":"c1","error":"http","status":503,"latency":9,"body":"no healthy upstream""#,
            r#""source":"c1","status":404,"body":"Hello version: v1, instance: a""#,
            r#""source":"c1","status":200,"body":"<html>""#,
            r#""source":"c1","error":"api""#,
        ] {
            tally.add(record(fields).as_bytes());
        }
        tally.check().unwrap();
        let total = tally.finish(|_| "here".to_owned(), Dimension::Version).unwrap();
        let [c1, c2] = &total.answers[..] else { panic!("two sources") };
        assert_eq!((c1.source.as_deref(), c2.source.as_deref()), (Some("c1"), Some("c2")));
        assert_eq!((c1.replies(), c1.errors(), c2.replies()), (2, 5, 1));
        assert_eq!(c1.latency.longest(), Some(10_000));
        assert_eq!(c1.backends[0].backend.cluster, "here");
        let samples: Vec<(Failure, &str)> =
            c1.samples.iter().map(|s| (s.failure, s.text.as_str())).collect();
        assert_eq!(
            samples,
            [
                (Failure::Dns, "no such host"),
                (Failure::Http, "HTTP 503: no healthy upstream"),
                (Failure::Http, "HTTP 404: Hello version: v1, instance: a"),
                (Failure::Garbage, "<html>"),
                (Failure::Api, ""),
            ]
        );
    }

    #[test]
    fn the_first_refused_record_is_told_once() {
        let mut tally = Tally::new(Form::HelloWorld, None);
        for fields in [r#""source":"c""#, r#""latency":"x""#, r#""status":-1"#] {
            tally.add(record(fields).as_bytes());
        }
        let error = tally.check().unwrap_err();
        assert!(error.message().text().starts_with("record 2: .latency: "), "{error:?}");
        assert!(tally.check().is_ok());
    }

    proptest! {
        #[test]
        fn the_order_of_replies_does_not_matter(
            mut lines in prop::collection::vec(("v[123]", "[ab]{1,9}"), 1..60)
        ) {
            let count = |lines: &[(String, String)]| {
                count(lines.iter().map(|(version, name)| reply(version, name))).backends
            };
            let as_read = count(&lines);
            lines.sort();
            let total: u64 = as_read.iter().map(|answered| answered.count).sum();
            prop_assert_eq!(total, lines.len() as u64);
            prop_assert_eq!(as_read, count(&lines));
        }

        #[test]
        fn every_line_is_counted_once(
            lines in prop::collection::vec("(Hello version: v[12], instance: [ab]|[a-c{]{1,3}|Hello é)", 1..60)
        ) {
            let answers = count(&lines);
            let replies = lines.iter().filter(|line| Reply::hello_world(line.as_bytes()).is_some());
            prop_assert_eq!(answers.replies(), replies.count() as u64);
            prop_assert_eq!(answers.replies() + answers.errors(), lines.len() as u64);
        }
    }
}
