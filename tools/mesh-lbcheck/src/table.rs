//! What was counted and how it was judged, for people.

use crate::answers::Answers;
use crate::drill::{Phase, Recovery, Seen};
use crate::failure::Failures;
use crate::judge::{Judgement, prefix};
use crate::latency;
use crate::reply::{Backend, Dimension};
use crate::share::Share;
use crate::split::{self, Split};
use crate::statistics::wilson;
use crate::tally::Total;
use meshcore::{Verdict, table, visible};

/// A line per instance, version and cluster of each source; errors, latencies and splits; what
/// happened around events; and the verdict as the last line. `z` is the intervals' width.
#[must_use]
pub fn text(total: &Total, judgement: &Judgement, z: f64) -> String {
    let mut out = counts(&total.answers, z);
    for (answers, split) in total.answers.iter().zip(&judgement.splits) {
        let prefix = prefix(answers.source.as_deref());
        out += &errors(answers, &prefix);
        out += &latencies(answers, &prefix);
        out += &split.as_ref().map_or(String::new(), |split| of_split(split, &prefix));
    }
    if !total.phases.is_empty() {
        out += &drill(&total.phases, &total.answers);
    }
    for note in &judgement.notes {
        out += &format!("note: {}\n", visible(note));
    }
    out += &match judgement.verdict() {
        Verdict::Yes => "verdict: yes\n".to_owned(),
        Verdict::No => format!("verdict: no: {}\n", visible(&judgement.reasons().join("; "))),
    };
    out
}

const ALL: &str = "(all)";

fn counts(all: &[Answers], z: f64) -> String {
    let has_sources = all.iter().any(|answers| answers.source.is_some());
    let backends = || all.iter().flat_map(|answers| &answers.backends);
    let has_clusters = backends().any(|answered| !answered.backend.cluster.is_empty());
    let mut header = vec!["VERSION", "INSTANCE", "REPLIES", "SHARE", "INTERVAL", "BAR"];
    if has_clusters {
        header.insert(0, "CLUSTER");
    }
    if has_sources {
        header.insert(0, "SOURCE");
    }
    let rows = all.iter().flat_map(|answers| {
        let replies = answers.replies();
        let row = move |backend: &Backend, count: u64| {
            let mut row = vec![
                backend.version.clone(),
                backend.instance.clone(),
                count.to_string(),
                Share::of(count, replies).to_string(),
                interval(count, replies, z),
                bar(count, replies),
            ];
            if has_clusters {
                row.insert(0, backend.cluster.clone());
            }
            if has_sources {
                row.insert(0, answers.source.clone().unwrap_or_default());
            }
            row
        };
        let mut rows: Vec<Vec<String>> = answers
            .backends
            .iter()
            .map(|answered| row(&answered.backend, answered.count))
            .collect();
        let sum = |by, name: &str| {
            let mut backend = all_of(ALL);
            match by {
                Dimension::Cluster => backend.cluster = name.to_owned(),
                _ => backend.version = name.to_owned(),
            }
            backend
        };
        for by in [Dimension::Version, Dimension::Cluster] {
            rows.extend(answers.groups(by).into_iter().map(|(name, n)| row(&sum(by, name), n)));
        }
        rows.push(row(&all_of(ALL), replies));
        rows
    });
    table::text(&header, rows)
}

fn all_of(all: &str) -> Backend {
    let [version, instance, cluster] = [all, all, all].map(str::to_owned);
    Backend { version, instance, cluster }
}

fn interval(count: u64, total: u64, z: f64) -> String {
    if count == total {
        return String::new();
    }
    let (low, high) = wilson(count, total, z);
    format!("{}..{}", Share::of_f64(low), Share::of_f64(high))
}

/// A bar of up to 20 characters, to an eighth of one.
fn bar(count: u64, total: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (u128::from(count) * 160).div_ceil(u128::from(total.max(1)));
    let eighths = usize::try_from(eighths).unwrap_or(160);
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

fn errors(answers: &Answers, prefix: &str) -> String {
    let mut out = format!("{prefix}errors: {}\n", answers.errors());
    let mut shown = Failures::default();
    for sample in &answers.samples {
        let (failure, count) = (sample.failure, sample.count);
        shown.add(failure, count);
        let colon = if sample.text.is_empty() { "" } else { ": " };
        out += &format!("  {count} x {}{colon}{}\n", failure.as_str(), sample.text);
    }
    for (failure, count) in answers.failures.less(&shown).iter() {
        out += &format!("  {count} x {}: (others)\n", failure.as_str());
    }
    out
}

fn latencies(answers: &Answers, prefix: &str) -> String {
    let latency = &answers.latency;
    let Some(longest) = latency.longest() else { return String::new() };
    let percentiles = [50, 90, 99].map(|percent| {
        let micros = latency.percentile(percent).unwrap_or(longest);
        format!("p{percent} {}", latency::shown(micros))
    });
    format!("{prefix}latency: {}, longest {}\n", percentiles.join(", "), latency::shown(longest))
}

fn of_split(split: &Split, prefix: &str) -> String {
    /// More would not fit a line.
    const MOST: usize = 4;
    let mut expected: Vec<String> = split
        .groups
        .iter()
        .take(MOST)
        .map(|group| format!("{} {}", visible(&group.name), Share::of_f64(group.expected)))
        .collect();
    if split.groups.len() > MOST {
        expected.push(format!("{} more", split.groups.len() - MOST));
    }
    let (p, method) = (split::shown(split.p), split.method.as_str());
    format!("{prefix}expected: {}; p-value: {p} ({method})\n", expected.join(", "))
}

fn drill(phases: &[Phase], all: &[Answers]) -> String {
    let rows = phases.iter().flat_map(|phase| {
        let (at, exit) = match &phase.event {
            None => (String::new(), String::new()),
            Some(event) => {
                let exit = event.exit.map_or("signal".to_owned(), |exit| exit.to_string());
                (latency::shown(event.began.0), exit)
            }
        };
        all.iter().zip(&phase.seen).map(move |(answers, seen)| {
            let source = answers.source.clone().unwrap_or_default();
            let [replies, errors] = [seen.replies, seen.errors()].map(|n| n.to_string());
            let (elsewhere, from) = match &seen.elsewhere {
                Some((after, from)) => (latency::shown(after.0), from.clone()),
                None => (String::new(), String::new()),
            };
            let (at, exit, name) = (at.clone(), exit.clone(), phase.name());
            vec![at, exit, source, replies, errors, elsewhere, from, recovered(seen), name]
        })
    });
    let header =
        ["AT", "EXIT", "SOURCE", "REPLIES", "ERRORS", "ELSEWHERE", "FROM", "RECOVERED", "EVENT"];
    table::text(&header, rows)
}

fn recovered(seen: &Seen) -> String {
    match seen.recovery {
        Recovery::Unknown => String::new(),
        Recovery::Undisturbed => "undisturbed".to_owned(),
        Recovery::After(after) => latency::shown(after.0),
        Recovery::Never => "never".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_share() {
        assert_eq!(bar(0, 0), "");
        assert_eq!(bar(1, 2), "█".repeat(10));
        assert_eq!(bar(1, 3), "█".repeat(6) + "▊");
        assert_eq!(bar(1, 1_000_000), "▏");
        assert_eq!(bar(u64::MAX, u64::MAX), "█".repeat(20));
    }

    #[test]
    fn nothing_and_all_have_no_interval() {
        assert_eq!(interval(0, 0, 2.0), "");
        assert_eq!(interval(9, 9, 2.0), "");
        assert_eq!(interval(50, 100, 1.96), "40.38%..59.62%");
    }
}
