//! Which place a reply or an error is counted at, for one source cluster, in constant memory.

use crate::answers::{Answered, Answers, Sample};
use crate::failure::Failure;
use crate::latency::Latency;
use crate::reply::{Backend, Reply, shown};
use std::collections::{BTreeMap, BTreeSet};

/// The name under which the replies of instances beyond [`MAX_INSTANCES`] are counted. No pod
/// is called so.
pub const OTHERS: &str = "(others)";

/// So many different versions are told apart, and clusters; a reply of another one is an error.
pub const MAX_VERSIONS: usize = 64;

/// So many different instances are told apart.
pub const MAX_INSTANCES: usize = 1024;

/// So many different errors are kept, each cut to [`MAX_SAMPLE`] characters.
pub const MAX_SAMPLES: usize = 5;

/// The length of the longest error that is kept whole, in characters.
pub const MAX_SAMPLE: usize = 120;

/// The places of one source cluster's counts.
#[derive(Debug, Default)]
pub struct Counters {
    backends: BTreeMap<Backend, usize>,
    versions: BTreeSet<String>,
    clusters: BTreeSet<String>,
    instances: usize,
    samples: Vec<(Failure, String, usize)>,
    /// Errors that are not among the samples.
    failures: [Option<usize>; Failure::ALL.len()],
    /// Of good replies.
    pub latency: Latency,
}

/// What is counted at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Replies of one of [`Answers::backends`].
    Reply(usize),
    /// Errors of a class.
    Failure(Failure),
}

impl Counters {
    /// Where the reply is counted; nowhere if too many versions or clusters answered already.
    pub fn reply(&mut self, reply: &Reply<'_>, counts: &mut Vec<u64>) -> Option<usize> {
        let mut backend = reply.backend();
        if let Some(&place) = self.backends.get(&backend) {
            return Some(place);
        }
        let has_room =
            |names: &BTreeSet<String>, name| names.len() < MAX_VERSIONS || names.contains(name);
        if !has_room(&self.versions, &backend.version)
            || !has_room(&self.clusters, &backend.cluster)
        {
            return None;
        }
        self.versions.insert(backend.version.clone());
        self.clusters.insert(backend.cluster.clone());
        if self.instances < MAX_INSTANCES {
            self.instances += 1;
        } else {
            backend.instance = OTHERS.to_owned();
        }
        Some(*self.backends.entry(backend).or_insert_with(|| new_place(counts)))
    }

    /// Where the error is counted.
    pub fn failure(&mut self, failure: Failure, text: &[u8], counts: &mut Vec<u64>) -> usize {
        let text = sample(text);
        let known = |(of, known, _): &&(Failure, String, usize)| (*of, known) == (failure, &text);
        if let Some((_, _, place)) = self.samples.iter().find(known) {
            return *place;
        }
        if self.samples.len() == MAX_SAMPLES {
            return *self.failures[failure as usize].get_or_insert_with(|| new_place(counts));
        }
        let place = new_place(counts);
        self.samples.push((failure, text, place));
        place
    }

    /// The counts by what they are of. `locate` tells the cluster of a pod where it is known;
    /// `meaning` is told what is counted at each place.
    pub fn finish(
        self,
        source: Option<String>,
        counts: &[u64],
        locate: impl Fn(&Backend) -> String,
        mut meaning: impl FnMut(usize, Counted),
    ) -> Answers {
        let mut answers = Answers { source, latency: self.latency, ..Answers::default() };
        for (mut backend, place) in self.backends {
            meaning(place, Counted::Reply(answers.backends.len()));
            backend.cluster = locate(&backend);
            let count = counts[place];
            answers.backends.push(Answered { backend, count, calm: count });
        }
        for (failure, text, place) in self.samples {
            meaning(place, Counted::Failure(failure));
            answers.failures.add(failure, counts[place]);
            answers.samples.push(Sample { failure, text, count: counts[place] });
        }
        for (failure, place) in Failure::ALL.into_iter().zip(self.failures) {
            if let Some(place) = place {
                meaning(place, Counted::Failure(failure));
                answers.failures.add(failure, counts[place]);
            }
        }
        answers
    }
}

fn new_place(counts: &mut Vec<u64>) -> usize {
    counts.push(0);
    counts.len() - 1
}

/// An error as it is shown: at most [`MAX_SAMPLE`] characters, the last of them `…` when cut.
fn sample(line: &[u8]) -> String {
    // A character has at most four bytes.
    let text = shown(&line[..line.len().min(4 * (MAX_SAMPLE + 1))]);
    match text.char_indices().nth(MAX_SAMPLE) {
        None => text,
        Some(_) => text.chars().take(MAX_SAMPLE - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_cut_and_made_visible() {
        assert_eq!(sample(b"\x1b[31ma\xff"), "\\u{1b}[31ma\u{fffd}");
        assert_eq!(sample("€".repeat(120).as_bytes()), "€".repeat(120));
        assert_eq!(sample("🦀".repeat(9000).as_bytes()), "🦀".repeat(119) + "…");
        let escapes = sample(&[7; 200]);
        assert!(escapes.chars().count() == 120 && escapes.ends_with('…'));
    }

    #[test]
    fn errors_beyond_the_samples_are_counted_by_their_class() {
        let (mut counters, mut counts) = (Counters::default(), Vec::new());
        for i in 0..40 {
            let failure = if i % 2 == 0 { Failure::Dns } else { Failure::Http };
            let place = counters.failure(failure, format!("error {i}").as_bytes(), &mut counts);
            counts[place] += 1;
        }
        assert_eq!(counts.len(), MAX_SAMPLES + 2);
        let answers = counters.finish(None, &counts, |_| String::new(), |_, _| ());
        let classes: Vec<(Failure, u64)> = answers.failures.iter().collect();
        assert_eq!(classes, [(Failure::Dns, 20), (Failure::Http, 20)]);
    }

    #[test]
    fn clusters_and_versions_are_bounded() {
        let (mut counters, mut counts) = (Counters::default(), Vec::new());
        for i in 0..=MAX_VERSIONS {
            let cluster = format!("cluster{i}");
            let reply = Reply { version: b"v1", instance: b"a", cluster: cluster.as_bytes() };
            assert_eq!(counters.reply(&reply, &mut counts).is_some(), i < MAX_VERSIONS);
        }
    }
}
