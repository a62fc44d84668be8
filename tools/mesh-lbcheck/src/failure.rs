//! What went wrong with a request: the classes of `mesh-probe`, and how to tell them from what
//! curl, Envoy and kubectl print.

use serde::{Deserialize, Serialize, Serializer};

/// Why a request got no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Failure {
    /// The host's name is not known.
    Dns,
    /// No connection, or one that broke off.
    Connect,
    /// No agreement on TLS.
    Tls,
    /// A status of 400 or more, or what Envoy says with one.
    Http,
    /// Nothing came in time.
    Timeout,
    /// The API server refused to start the client in its pod.
    Exec,
    /// The client's pod is gone.
    Pod,
    /// The API server is down.
    Api,
    /// An answer that is no reply.
    Garbage,
    /// Any other.
    #[serde(other)]
    Other,
}

/// How many requests failed, by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures([u64; Failure::ALL.len()]);

impl Failures {
    /// Counts some more.
    pub fn add(&mut self, failure: Failure, count: u64) {
        self.0[failure as usize] += count;
    }

    /// All together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Those that are not among `others`, which are some of them.
    #[must_use]
    pub fn less(mut self, others: &Self) -> Self {
        for (count, other) in self.0.iter_mut().zip(others.0) {
            *count -= other;
        }
        self
    }

    /// The classes that there were, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Failure, u64)> {
        Failure::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl Serialize for Failures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(failure, count)| (failure.as_str(), count)))
    }
}

/// Exit codes of curl (curl's manual page, "EXIT CODES").
const CURL: [(&[u32], Failure); 5] = [
    (&[5, 6], Failure::Dns),
    (&[7, 16, 18, 52, 55, 56, 92, 95, 96, 97], Failure::Connect),
    (&[35, 51, 53, 54, 58, 59, 60, 64, 66, 77, 80, 82, 83, 90, 91, 98], Failure::Tls),
    (&[22], Failure::Http),
    (&[28], Failure::Timeout),
];

/// What Envoy (the body of its own responses), kubectl and the API server print.
const PHRASES: [(&str, Failure); 18] = [
    ("upstream connect error", Failure::Http),
    ("upstream request timeout", Failure::Http),
    ("no healthy upstream", Failure::Http),
    ("no cluster match", Failure::Http),
    ("rbac: access denied", Failure::Http),
    ("default backend - 404", Failure::Http),
    ("error from server (notfound): pods", Failure::Pod),
    ("no resources found", Failure::Pod),
    ("container not found", Failure::Pod),
    ("error: unable to upgrade connection", Failure::Exec),
    ("error from server (forbidden)", Failure::Exec),
    ("oci runtime exec failed", Failure::Exec),
    ("unable to connect to the server", Failure::Api),
    ("was refused - did you specify the right host or port", Failure::Api),
    ("error from server (serviceunavailable)", Failure::Api),
    ("error from server", Failure::Other),
    ("bad address", Failure::Dns),
    ("command terminated with exit code", Failure::Other),
];

impl Failure {
    /// All classes, in their order.
    pub const ALL: [Self; 10] = [
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Http,
        Self::Timeout,
        Self::Exec,
        Self::Pod,
        Self::Api,
        Self::Garbage,
        Self::Other,
    ];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Http => "http",
            Self::Timeout => "timeout",
            Self::Exec => "exec",
            Self::Pod => "pod",
            Self::Api => "api",
            Self::Garbage => "garbage",
            Self::Other => "other",
        }
    }

    /// The class of a line that is no reply.
    #[must_use]
    pub fn of_line(line: &str) -> Self {
        if let Some((_, rest)) = line.split_once("curl: (")
            && let Some((code, _)) = rest.split_once(')')
            && let Ok(code) = code.parse::<u32>()
        {
            let found = CURL.iter().find(|(codes, _)| codes.contains(&code));
            return found.map_or(Self::Other, |(_, failure)| *failure);
        }
        let line = line.to_lowercase();
        let found = PHRASES.iter().find(|(phrase, _)| line.contains(phrase));
        found.map_or(Self::Garbage, |(_, failure)| *failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_their_class() {
        for (line, failure) in [
            ("curl: (6) Could not resolve host: helloworld.sample", Failure::Dns),
            ("curl: (7) Failed to connect to helloworld.sample port 5000", Failure::Connect),
            ("curl: (35) error:0A00010B:SSL routines::wrong version number", Failure::Tls),
            ("curl: (28) Operation timed out after 5001 milliseconds", Failure::Timeout),
            ("curl: (22) The requested URL returned error: 503", Failure::Http),
            ("curl: (3) URL using bad/illegal format", Failure::Other),
            ("curl: (x)", Failure::Garbage),
            ("upstream connect error or disconnect/reset before headers.", Failure::Http),
            ("no healthy upstream", Failure::Http),
            ("Error from server (NotFound): pods \"sleep-1\" not found", Failure::Pod),
            ("Error from server (Forbidden): pods \"sleep-1\" is forbidden", Failure::Exec),
            ("Unable to connect to the server: dial tcp: i/o timeout", Failure::Api),
            ("command terminated with exit code 6", Failure::Other),
            ("<html>", Failure::Garbage),
            ("", Failure::Garbage),
        ] {
            assert_eq!(Failure::of_line(line), failure, "{line}");
        }
    }

    #[test]
    fn classes_that_did_not_come_are_not_written() {
        let mut failures = Failures::default();
        failures.add(Failure::Http, 2);
        failures.add(Failure::Dns, 1);
        failures.add(Failure::Http, 1);
        assert_eq!(serde_json::to_string(&failures).unwrap(), r#"{"dns":1,"http":3}"#);
        assert_eq!(failures.total(), 4);
    }

    #[test]
    fn every_class_is_written_as_it_is_read() {
        for (i, failure) in Failure::ALL.into_iter().enumerate() {
            let text = failure.as_str();
            let read: Failure = serde_json::from_value(text.into()).unwrap();
            assert_eq!((read, serde_json::to_value(read).unwrap()), (failure, text.into()));
            assert_eq!(failure as usize, i);
        }
        let new: Failure = serde_json::from_value("quota".into()).unwrap();
        assert_eq!(new, Failure::Other);
    }
}
