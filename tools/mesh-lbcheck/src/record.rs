//! The records of `mesh-probe`: one JSON object per reply, and one per command that ran between.

use crate::failure::Failure;
use crate::statistics::{as_f64, floor};
use meshcore::input::FieldError;
use meshcore::{Error, Result};
use serde::{Deserialize, Deserializer, de};
use std::borrow::Cow;

/// One record. Fields that are not named here are ignored.
#[derive(Debug)]
pub enum Record<'a> {
    /// What became of a request.
    Reply(ProbeReply<'a>),
    /// A command of the operator.
    Event(Event),
}

/// What became of a request.
#[derive(Debug)]
pub struct ProbeReply<'a> {
    /// The cluster that was asked from; empty if it is not said.
    pub source: Cow<'a, str>,
    /// When the request began, since the probe began.
    pub elapsed: Micros,
    /// What was asked for.
    pub url: Cow<'a, str>,
    /// The HTTP status, if there was a response.
    pub status: Option<u16>,
    /// Why there is no good response.
    pub error: Option<Failure>,
    /// The same for people.
    pub message: Cow<'a, str>,
    /// From request to response.
    pub latency: Option<Micros>,
    /// What the response said.
    pub body: Cow<'a, str>,
}

/// A command of the operator that ran while the probe went on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// When it began, since the probe began.
    pub began: Micros,
    /// Whether it disturbs or restores.
    pub event: EventKind,
    /// As the operator gave it.
    pub command: String,
    /// Its exit status; none when a signal ended it.
    pub exit: Option<i32>,
    /// How long it took.
    pub duration: Micros,
}

/// Why a command ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// `--at`.
    Command,
    /// `--finally`, which undoes what the others did.
    Finally,
}

/// Time in microseconds; records have it in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Micros(pub u64);

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A hundred years: far below what a float or u64 can hold exactly.
        const LONGEST: f64 = 3.2e9;
        let seconds = f64::deserialize(deserializer)?;
        if !(0.0..=LONGEST).contains(&seconds) {
            return Err(de::Error::custom("is no time in seconds since a beginning"));
        }
        Ok(Self(floor(seconds * 1e6 + 0.5)))
    }
}

impl Micros {
    /// Seconds, as records have them.
    #[must_use]
    pub fn seconds(self) -> f64 {
        as_f64(self.0) / 1e6
    }
}

/// The fields of both kinds: so a line is read in one pass.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    #[serde(borrow)]
    api_version: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    source: Cow<'a, str>,
    #[serde(default)]
    elapsed: Micros,
    #[serde(borrow, default)]
    url: Cow<'a, str>,
    status: Option<u16>,
    error: Option<Failure>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
    latency: Option<Micros>,
    #[serde(borrow, default)]
    body: Cow<'a, str>,
    event: Option<EventKind>,
    #[serde(borrow, default)]
    command: Cow<'a, str>,
    exit: Option<i32>,
    #[serde(default)]
    duration: Micros,
}

/// What an object is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head<'a> {
    /// As `meshutils/v1alpha1`.
    #[serde(borrow, default)]
    pub api_version: Cow<'a, str>,
    /// As `Reply`.
    #[serde(borrow, default)]
    pub kind: Cow<'a, str>,
}

const API_VERSION: &str = "meshutils/v1alpha1";

impl<'a> Record<'a> {
    /// Reads an object. What is not one of the meshutils, a whole one, is no record.
    #[must_use]
    pub fn parse(json: &'a str) -> Option<Result<Self>> {
        match serde_json::from_str::<Fields<'_>>(json) {
            Ok(fields) if fields.api_version.starts_with("meshutils/") => Some(fields.record()),
            Ok(_) => None,
            Err(error) => {
                let head = serde_json::from_str::<Head<'_>>(json).ok()?;
                head.api_version.starts_with("meshutils/").then(|| Err(refuse(&head, json, &error)))
            }
        }
    }
}

impl<'a> Fields<'a> {
    fn record(self) -> Result<Record<'a>> {
        match (&*self.api_version, &*self.kind, self.event) {
            (API_VERSION, "Reply", _) => Ok(Record::Reply(ProbeReply {
                source: self.source,
                elapsed: self.elapsed,
                url: self.url,
                status: self.status,
                error: self.error,
                message: self.message,
                latency: self.latency,
                body: self.body,
            })),
            (API_VERSION, "Event", Some(event)) => Ok(Record::Event(Event {
                began: self.elapsed,
                event,
                command: self.command.into_owned(),
                exit: self.exit,
                duration: self.duration,
            })),
            (API_VERSION, "Event", None) => Err(Error::data("is missing").at(".event")),
            (version, kind, _) => Err(no_record(version, kind)),
        }
    }
}

/// Why an object of the meshutils is no record.
fn refuse(head: &Head<'_>, json: &str, error: &serde_json::Error) -> Error {
    if head.api_version != API_VERSION || !["Reply", "Event"].contains(&&*head.kind) {
        return no_record(&head.api_version, &head.kind);
    }
    FieldError::new::<Fields<'_>>(json, error).into_error()
}

fn no_record(version: &str, kind: &str) -> Error {
    Error::data(format!("is a {kind} of {version}"))
        .hint(format!("mesh-lbcheck reads Reply and Event of {API_VERSION}, as mesh-probe writes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REPLY: &str = r#"{"apiVersion":"meshutils/v1alpha1","kind":"Reply","source":"cluster1",
        "time":"2026-11-21T05:00:00.123Z","elapsed":1.234,"url":"http://helloworld.sample:5000/hello",
        "status":200,"latency":0.0123,"body":"Hello version: v1, instance: a\n","new":[1]}"#;

    #[test]
    fn replies_are_read() {
        let Some(Ok(Record::Reply(reply))) = Record::parse(REPLY) else { panic!("a reply") };
        assert_eq!((&*reply.source, reply.elapsed), ("cluster1", Micros(1_234_000)));
        assert_eq!((reply.status, reply.latency), (Some(200), Some(Micros(12_300))));
        assert_eq!((reply.error, &*reply.body), (None, "Hello version: v1, instance: a\n"));
        let failed =
            r#"{"apiVersion":"meshutils/v1alpha1","kind":"Reply","error":"dns","elapsed":0}"#;
        let Some(Ok(Record::Reply(reply))) = Record::parse(failed) else { panic!("a reply") };
        assert_eq!((reply.error, reply.status, reply.latency), (Some(Failure::Dns), None, None));
    }

    #[test]
    fn events_are_read() {
        let line = r#"{"kind":"Event","apiVersion":"meshutils/v1alpha1","time":"t","elapsed":10.0,
            "event":"finally","command":"kubectl scale","exit":0,"duration":1.2}"#;
        let Some(Ok(Record::Event(event))) = Record::parse(line) else { panic!("an event") };
        let expected = Event {
            began: Micros(10_000_000),
            event: EventKind::Finally,
            command: "kubectl scale".to_owned(),
            exit: Some(0),
            duration: Micros(1_200_000),
        };
        assert_eq!(event, expected);
    }

    #[test]
    fn other_lines_are_no_records_and_other_kinds_are_refused() {
        for line in ["", "{", "{}", "[1]", r#"{"apiVersion":"v1","kind":"Reply"}"#, &REPLY[..99]] {
            assert!(Record::parse(line).is_none(), "{line}");
        }
        let message = |line: &str| match Record::parse(line) {
            Some(Err(error)) => error.message().text().to_owned(),
            _ => panic!("no error: {line}"),
        };
        assert_eq!(
            message(r#"{"apiVersion":"meshutils/v1alpha1","kind":"Cluster"}"#),
            "is a Cluster of meshutils/v1alpha1"
        );
        assert_eq!(
            message(r#"{"apiVersion":"meshutils/v2","kind":"Reply"}"#),
            "is a Reply of meshutils/v2"
        );
        let wrong = |field: &str| {
            message(&format!(r#"{{"apiVersion":"meshutils/v1alpha1","kind":"Reply",{field}}}"#))
        };
        let no_text = "invalid type: string, expected f64";
        assert_eq!(wrong(r#""latency":"fast""#), format!(".latency: {no_text}"));
        let no_time = "is no time in seconds since a beginning";
        assert_eq!(wrong(r#""elapsed":-1"#), format!(".elapsed: {no_time}"));
        assert_eq!(wrong(r#""elapsed":-1,"x":[]"#), format!(".elapsed: {no_time}"));
        assert_eq!(wrong(r#""status":70000"#), ".status: invalid value: integer, expected u16");
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(text in "\\PC{0,80}", cut in 0usize..300) {
            let _ = Record::parse(&text);
            let _ = Record::parse(&REPLY[..cut.min(REPLY.len())]);
        }

        #[test]
        fn seconds_are_kept_to_the_microsecond(micros in 0u64..4_000_000_000_000) {
            let read: Micros = serde_json::from_str(&Micros(micros).seconds().to_string()).unwrap();
            prop_assert_eq!(read, Micros(micros));
        }
    }
}
