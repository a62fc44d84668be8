//! What was counted and how it was judged, as one JSON object.

use crate::answers::{Answered, Answers, Sample};
use crate::drill::{Phase, Recovery, Seen};
use crate::failure::{Failure, Failures};
use crate::judge::Judgement;
use crate::record::{EventKind, Micros};
use crate::reply::Dimension;
use crate::share::Share;
use crate::split::{Group, Split};
use crate::statistics::wilson;
use crate::tally::Total;
use meshcore::{Verdict, json_lines};
use serde::Serialize;

/// One object, on one line. Times are in seconds, shares from 0 to 1.
#[must_use]
pub fn text(total: &Total, judgement: &Judgement, z: f64) -> String {
    let has_sources = total.answers.iter().any(|answers| answers.source.is_some());
    let sources = total.answers.iter().zip(&judgement.splits).map(|(answers, split)| Source {
        source: answers.source.as_deref(),
        counted: counted(answers, z),
        split: split.as_ref().map(of_split),
    });
    json_lines([Report {
        counted: counted(&Answers::together(&total.answers), z),
        split: match &judgement.splits[..] {
            [Some(split)] if !has_sources => Some(of_split(split)),
            _ => None,
        },
        sources: sources.filter(|_| has_sources).collect(),
        phases: total.phases.iter().map(|phase| of_phase(phase, &total.answers)).collect(),
        verdict: match judgement.verdict() {
            Verdict::Yes => "yes",
            Verdict::No => "no",
        },
        reasons: judgement.reasons(),
        notes: &judgement.notes,
    }])
}

#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    counted: Counted,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<SplitOf>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sources: Vec<Source<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    phases: Vec<PhaseOf<'a>>,
    verdict: &'static str,
    reasons: Vec<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'a [String],
}

#[derive(Serialize)]
struct Source<'a> {
    source: Option<&'a str>,
    #[serde(flatten)]
    counted: Counted,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<SplitOf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counted {
    replies: u64,
    errors: u64,
    versions: Vec<Version>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    clusters: Vec<Cluster>,
    instances: Vec<Instance>,
    error_kinds: Failures,
    error_samples: Vec<ErrorSample>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency: Option<Latencies>,
}

#[derive(Serialize)]
struct Version {
    version: String,
    #[serde(flatten)]
    part: Part,
}

#[derive(Serialize)]
struct Cluster {
    cluster: String,
    #[serde(flatten)]
    part: Part,
}

#[derive(Serialize)]
struct Instance {
    instance: String,
    version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    cluster: String,
    #[serde(flatten)]
    part: Part,
}

#[derive(Serialize)]
struct Part {
    count: u64,
    share: f64,
    interval: [f64; 2],
}

#[derive(Serialize)]
struct ErrorSample {
    kind: Failure,
    text: String,
    count: u64,
}

#[derive(Serialize)]
struct Latencies {
    p50: f64,
    p90: f64,
    p99: f64,
    longest: f64,
}

fn counted(answers: &Answers, z: f64) -> Counted {
    let replies = answers.replies();
    let part = |count| {
        let (low, high) = wilson(count, replies, z);
        let interval = [low, high].map(|bound| Share::of_f64(bound).as_f64());
        Part { count, share: Share::of(count, replies).as_f64(), interval }
    };
    let instance = |Answered { backend, count, .. }: &Answered| Instance {
        instance: backend.instance.clone(),
        version: backend.version.clone(),
        cluster: backend.cluster.clone(),
        part: part(*count),
    };
    let sample = |sample: &Sample| ErrorSample {
        kind: sample.failure,
        text: sample.text.clone(),
        count: sample.count,
    };
    let versions = answers.groups(Dimension::Version).into_iter();
    let clusters = answers.groups(Dimension::Cluster).into_iter();
    Counted {
        replies,
        errors: answers.errors(),
        versions: versions
            .map(|(name, count)| Version { version: name.to_owned(), part: part(count) })
            .collect(),
        clusters: clusters
            .map(|(name, count)| Cluster { cluster: name.to_owned(), part: part(count) })
            .collect(),
        instances: answers.backends.iter().map(instance).collect(),
        error_kinds: answers.failures,
        error_samples: answers.samples.iter().map(sample).collect(),
        latency: latencies(answers),
    }
}

fn latencies(answers: &Answers) -> Option<Latencies> {
    let latency = &answers.latency;
    let percentile = |percent| Some(Micros(latency.percentile(percent)?).seconds());
    Some(Latencies {
        p50: percentile(50)?,
        p90: percentile(90)?,
        p99: percentile(99)?,
        longest: Micros(latency.longest()?).seconds(),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SplitOf {
    expected: Vec<ExpectedShare>,
    p_value: f64,
    method: &'static str,
}

#[derive(Serialize)]
struct ExpectedShare {
    name: String,
    count: u64,
    share: f64,
}

fn of_split(split: &Split) -> SplitOf {
    let expected = |group: &Group| ExpectedShare {
        name: group.name.clone(),
        count: group.count,
        share: Share::of_f64(group.expected).as_f64(),
    };
    SplitOf {
        expected: split.groups.iter().map(expected).collect(),
        p_value: rounded(split.p),
        method: split.method.as_str(),
    }
}

/// To four digits: more are noise, and not the same on every machine.
fn rounded(p: f64) -> f64 {
    if p < 1e-12 { 0.0 } else { format!("{p:.3e}").parse().unwrap_or(p) }
}

#[derive(Serialize)]
struct PhaseOf<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<EventOf<'a>>,
    sources: Vec<SeenOf<'a>>,
}

#[derive(Serialize)]
struct EventOf<'a> {
    event: &'static str,
    command: &'a str,
    elapsed: f64,
    duration: f64,
    exit: Option<i32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SeenOf<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    replies: u64,
    errors: u64,
    error_kinds: Failures,
    #[serde(skip_serializing_if = "Option::is_none")]
    elsewhere: Option<Elsewhere<'a>>,
    /// Absent when nobody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovered: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovered_after: Option<f64>,
}

#[derive(Serialize)]
struct Elsewhere<'a> {
    from: &'a str,
    after: f64,
}

fn of_phase<'a>(phase: &'a Phase, all: &'a [Answers]) -> PhaseOf<'a> {
    let event = phase.event.as_ref().map(|event| EventOf {
        event: match event.event {
            EventKind::Command => "command",
            EventKind::Finally => "finally",
        },
        command: &event.command,
        elapsed: event.began.seconds(),
        duration: event.duration.seconds(),
        exit: event.exit,
    });
    let seen = |(answers, seen): (&'a Answers, &'a Seen)| {
        let (recovered, recovered_after) = match seen.recovery {
            Recovery::Unknown => (None, None),
            Recovery::Undisturbed => (Some(true), Some(0.0)),
            Recovery::After(after) => (Some(true), Some(after.seconds())),
            Recovery::Never => (Some(false), None),
        };
        SeenOf {
            source: answers.source.as_deref(),
            replies: seen.replies,
            errors: seen.errors(),
            error_kinds: seen.failures,
            elsewhere: seen
                .elsewhere
                .as_ref()
                .map(|(after, from)| Elsewhere { from, after: after.seconds() }),
            recovered,
            recovered_after,
        }
    };
    PhaseOf { event, sources: all.iter().zip(&phase.seen).map(seen).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_have_four_digits() {
        for (p, expected) in
            [(1.0, 1.0), (0.123_456, 0.1235), (1.234_56e-9, 1.235e-9), (1e-13, 0.0)]
        {
            assert!((rounded(p) - expected).abs() <= f64::EPSILON * expected, "{p}");
        }
    }
}
