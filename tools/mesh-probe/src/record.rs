//! What is written: replies and events, one JSON object each.

use meshkube::k8s_openapi::jiff::Timestamp;
use serde::Serialize;
use std::time::Duration;
use tokio::time::Instant;

/// The clock of a probe: all times count from its beginning, whatever happens to the machine's
/// own time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    began: Instant,
    time: Timestamp,
}

/// A moment, as records have it.
#[derive(Debug, Clone, Serialize)]
pub struct Moment {
    /// RFC 3339, UTC, milliseconds.
    time: String,
    /// Seconds since the probe began.
    elapsed: f64,
}

impl Clock {
    /// Begins now.
    #[must_use]
    pub fn start() -> Self {
        Self { began: Instant::now(), time: Timestamp::now() }
    }

    /// When the probe began.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.began
    }

    /// An instant of this probe.
    #[must_use]
    pub fn moment(&self, instant: Instant) -> Moment {
        let elapsed = instant - self.began;
        let time = self.time.checked_add(elapsed).unwrap_or(self.time);
        Moment { time: format!("{time:.3}"), elapsed: seconds(elapsed, 1e3) }
    }
}

/// Seconds, to a fraction of which there are `parts` in one.
#[must_use]
pub fn seconds(duration: Duration, parts: f64) -> f64 {
    (duration.as_secs_f64() * parts).round() / parts
}

/// What kept a request from a good answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// The host name is not known.
    Dns,
    /// No connection.
    Connect,
    /// No TLS with who is there.
    Tls,
    /// No proper HTTP answer, or a status of 400 or more.
    Http,
    /// No answer in time.
    Timeout,
    /// The request could not be made: exec was refused, or curl did not run.
    Exec,
    /// There is no client pod.
    Pod,
    /// The API server does not answer.
    Api,
}

impl Fault {
    /// Whether the request got as far as the client's network.
    #[must_use]
    pub fn is_of_request(self) -> bool {
        !matches!(self, Self::Exec | Self::Pod | Self::Api)
    }
}

/// What became of one request.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The HTTP status, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What was wrong; nothing when all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Fault>,
    /// What was wrong, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Seconds: curl's own count where it ran, or else how long it took to fail.
    pub latency: f64,
    /// The body, if there was a status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Whether the body had more than [`crate::curl::BODY_LIMIT`] bytes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub body_truncated: bool,
}

impl Answer {
    /// None: a request that failed before there was a status.
    #[must_use]
    pub fn failed(fault: Fault, message: String, after: Duration) -> Self {
        Self {
            status: None,
            error: Some(fault),
            message: Some(message),
            latency: seconds(after, 1e6),
            body: None,
            body_truncated: false,
        }
    }
}

/// A record on standard output.
#[derive(Debug, Serialize)]
#[serde(tag = "kind")]
pub enum Record<'a> {
    /// A request and what became of it.
    Reply {
        /// The context of the client's cluster.
        source: &'a str,
        /// When the request began.
        #[serde(flatten)]
        at: Moment,
        /// What was asked.
        url: &'a str,
        /// What came back.
        #[serde(flatten)]
        answer: &'a Answer,
    },
    /// A command of the operator's.
    Event {
        /// When it began.
        #[serde(flatten)]
        at: Moment,
        /// Why it ran.
        event: Occasion,
        /// The command, as given.
        command: &'a str,
        /// Its exit code; as in shells, 128 and the number of the signal that ended it.
        exit: i32,
        /// Seconds that it ran.
        duration: f64,
    },
}

/// Why a command ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Occasion {
    /// Its time had come.
    Command,
    /// The probe is over.
    Finally,
}

impl Record<'_> {
    /// As one line.
    ///
    /// # Panics
    /// Never: all keys are strings.
    #[must_use]
    pub fn line(&self) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Versioned<'a> {
            api_version: &'static str,
            #[serde(flatten)]
            record: &'a Record<'a>,
        }
        let versioned = Versioned { api_version: "meshutils/v1alpha1", record: self };
        meshcore::json_lines([versioned])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock { began: Instant::now(), time: "2026-11-21T05:00:00Z".parse().unwrap() }
    }

    #[test]
    fn a_reply_has_what_lbcheck_reads() {
        let clock = clock();
        let at = || clock.moment(clock.began() + Duration::from_micros(1_234_499));
        let mut answer = Answer {
            status: Some(200),
            error: None,
            message: None,
            latency: 0.0123,
            body: Some("Hello version: v1, instance: a\n".to_owned()),
            body_truncated: false,
        };
        let url = "http://a/";
        assert_eq!(
            Record::Reply { source: "cluster1", at: at(), url, answer: &answer }.line(),
            "{\"apiVersion\":\"meshutils/v1alpha1\",\"kind\":\"Reply\",\"source\":\"cluster1\",\
             \"time\":\"2026-11-21T05:00:01.234Z\",\"elapsed\":1.234,\"url\":\"http://a/\",\
             \"status\":200,\"latency\":0.0123,\"body\":\"Hello version: v1, instance: a\\n\"}\n"
        );
        answer.body_truncated = true;
        let line = Record::Reply { source: "c", at: at(), url, answer: &answer }.line();
        assert!(line.ends_with(",\"bodyTruncated\":true}\n"), "{line}");
        let late = Duration::from_nanos(5_000_000_400);
        let answer = Answer::failed(Fault::Dns, "unknown".to_owned(), late);
        let line = Record::Reply { source: "c", at: at(), url, answer: &answer }.line();
        let end = "\"error\":\"dns\",\"message\":\"unknown\",\"latency\":5.0}\n";
        assert!(line.ends_with(end), "{line}");
    }

    #[test]
    fn an_event_has_its_command_and_exit_code() {
        let clock = clock();
        let at = clock.moment(clock.began());
        let command = "kubectl scale …";
        let event = Occasion::Finally;
        assert_eq!(
            Record::Event { at, event, command, exit: 0, duration: 1.2 }.line(),
            "{\"apiVersion\":\"meshutils/v1alpha1\",\"kind\":\"Event\",\
             \"time\":\"2026-11-21T05:00:00.000Z\",\"elapsed\":0.0,\"event\":\"finally\",\
             \"command\":\"kubectl scale …\",\"exit\":0,\"duration\":1.2}\n"
        );
    }
}
