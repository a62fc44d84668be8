//! What was counted and how it was judged, for people and for programs.

use crate::judge::Judgement;
use crate::reply::shown;
use crate::share::Share;
use crate::tally::Tally;
use meshcore::{Verdict, json_lines, table};
use serde::Serialize;

/// A line per instance, then a line per version, the errors, and the verdict as the last line.
#[must_use]
pub fn text(tally: &Tally, judgement: &Judgement) -> String {
    let replies = tally.replies();
    let row = |version: &[u8], instance: &[u8], count: u64| {
        let share = Share::of(count, replies).to_string();
        vec![shown(version), shown(instance), count.to_string(), share]
    };
    let instances = tally.instances().map(|(v, i, count)| row(v, i, count));
    let versions = tally.versions().map(|(v, count)| row(v, b"(all)", count));
    let mut out = table::text(
        &["VERSION", "INSTANCE", "REPLIES", "SHARE"],
        instances.chain(versions).chain([row(b"(all)", b"(all)", replies)]),
    );
    out += &format!("errors: {}\n", tally.errors());
    for (text, count) in tally.samples() {
        out += &format!("  {count} x {text}\n");
    }
    out += match judgement.verdict() {
        Verdict::Yes => "verdict: yes\n".to_owned(),
        Verdict::No => format!("verdict: no: {}\n", judgement.reasons.join("; ")),
    }
    .as_str();
    out
}

/// One object, on one line.
#[must_use]
pub fn json(tally: &Tally, judgement: &Judgement) -> String {
    let replies = tally.replies();
    let share = |count| Share::of(count, replies).as_f64();
    json_lines([Report {
        replies,
        errors: tally.errors(),
        versions: tally
            .versions()
            .map(|(version, count)| Version { version: shown(version), count, share: share(count) })
            .collect(),
        instances: tally
            .instances()
            .map(|(version, instance, count)| Instance {
                instance: shown(instance),
                version: shown(version),
                count,
                share: share(count),
            })
            .collect(),
        error_samples: tally.samples().map(|(text, count)| ErrorSample { text, count }).collect(),
        verdict: match judgement.verdict() {
            Verdict::Yes => "yes",
            Verdict::No => "no",
        },
        reasons: &judgement.reasons,
    }])
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    replies: u64,
    errors: u64,
    versions: Vec<Version>,
    instances: Vec<Instance>,
    error_samples: Vec<ErrorSample<'a>>,
    verdict: &'static str,
    reasons: &'a [String],
}

#[derive(Serialize)]
struct Version {
    version: String,
    count: u64,
    share: f64,
}

#[derive(Serialize)]
struct Instance {
    instance: String,
    version: String,
    count: u64,
    share: f64,
}

#[derive(Serialize)]
struct ErrorSample<'a> {
    text: &'a str,
    count: u64,
}
