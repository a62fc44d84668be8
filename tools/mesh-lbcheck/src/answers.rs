//! What a source cluster was answered: the counts, when all lines are read.

use crate::failure::{Failure, Failures};
use crate::latency::Latency;
use crate::reply::{Backend, Dimension};
use std::collections::BTreeMap;

/// All that one source cluster was answered.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// The cluster that was asked from, where it is known.
    pub source: Option<String>,
    /// Who answered, in order.
    pub backends: Vec<Answered>,
    /// Requests without a reply.
    pub failures: Failures,
    /// The first different errors.
    pub samples: Vec<Sample>,
    /// How long replies took, where records say so.
    pub latency: Latency,
}

/// How often one pod answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The pod.
    pub backend: Backend,
    /// All its replies.
    pub count: u64,
    /// Those before the first event; without events, all.
    pub calm: u64,
}

/// An error and how often it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its class.
    pub failure: Failure,
    /// What it said.
    pub text: String,
    /// How often.
    pub count: u64,
}

impl Answers {
    /// Good replies.
    #[must_use]
    pub fn replies(&self) -> u64 {
        self.backends.iter().map(|answered| answered.count).sum()
    }

    /// Requests without a good reply.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.failures.total()
    }

    /// Replies by version, instance or cluster; those that do not tell it are left out.
    #[must_use]
    pub fn groups(&self, by: Dimension) -> BTreeMap<&str, u64> {
        self.sums(by, |answered| answered.count)
    }

    /// The same of the replies before the first event.
    #[must_use]
    pub fn calm_groups(&self, by: Dimension) -> BTreeMap<&str, u64> {
        let mut groups = self.sums(by, |answered| answered.calm);
        groups.retain(|_, count| *count > 0);
        groups
    }

    fn sums(&self, by: Dimension, count: fn(&Answered) -> u64) -> BTreeMap<&str, u64> {
        let mut groups = BTreeMap::new();
        for answered in &self.backends {
            let name = answered.backend.by(by);
            if !name.is_empty() {
                *groups.entry(name).or_default() += count(answered);
            }
        }
        groups
    }

    /// Of all source clusters together.
    #[must_use]
    pub fn together(all: &[Self]) -> Self {
        let mut sum = Self::default();
        for answers in all {
            for (failure, count) in answers.failures.iter() {
                sum.failures.add(failure, count);
            }
            sum.latency.add_all(&answers.latency);
            for sample in &answers.samples {
                let is_same =
                    |s: &&mut Sample| s.failure == sample.failure && s.text == sample.text;
                match sum.samples.iter_mut().find(is_same) {
                    Some(same) => same.count += sample.count,
                    None => sum.samples.push(sample.clone()),
                }
            }
        }
        sum.backends = all.iter().flat_map(|answers| answers.backends.iter().cloned()).collect();
        sum.backends.sort_by(|a, b| a.backend.cmp(&b.backend));
        sum.backends.dedup_by(|again, first| {
            let is_same = again.backend == first.backend;
            if is_same {
                first.count += again.count;
                first.calm += again.calm;
            }
            is_same
        });
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_added_up() {
        let one = |instance: &str, count| Answered {
            backend: Backend {
                version: "v1".to_owned(),
                instance: instance.to_owned(),
                cluster: String::new(),
            },
            count,
            calm: 1,
        };
        let sample =
            |text: &str, count| Sample { failure: Failure::Dns, text: text.to_owned(), count };
        let answers = |backends, samples: Vec<Sample>| {
            let mut failures = Failures::default();
            for sample in &samples {
                failures.add(sample.failure, sample.count);
            }
            Answers { backends, failures, samples, ..Answers::default() }
        };
        let sum = Answers::together(&[
            answers(vec![one("b", 1), one("c", 2)], vec![sample("y", 1)]),
            answers(vec![one("a", 4), one("c", 8)], vec![sample("x", 2), sample("y", 4)]),
        ]);
        let counts: Vec<(u64, u64)> = sum.backends.iter().map(|a| (a.count, a.calm)).collect();
        assert_eq!(counts, [(4, 1), (1, 1), (10, 2)]);
        assert_eq!(sum.samples, [sample("y", 5), sample("x", 2)]);
        assert_eq!((sum.replies(), sum.errors()), (15, 7));
    }
}
