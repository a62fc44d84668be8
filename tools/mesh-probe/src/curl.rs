//! The command in the client's container, and what it says.

use crate::record::{Answer, Fault, seconds};
use crate::url::Url;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

/// Bytes of a body that a record holds at most.
pub const BODY_LIMIT: usize = 4096;

/// Characters of a message that a record holds at most.
const MESSAGE_LIMIT: usize = 300;

/// One request with curl, made again and again.
#[derive(Debug)]
pub struct Curl {
    /// The command's words; no shell reads them.
    pub words: Vec<String>,
    mark: String,
}

impl Curl {
    /// A request that ends within `timeout`.
    #[must_use]
    pub fn new(url: &Url, timeout: Duration) -> Self {
        // A body cannot know it, and so cannot forge a status.
        let mark = format!("\nmeshutils-{:016x} ", RandomState::new().build_hasher().finish());
        let after = format!("{}%{{http_code}} %{{time_total}}\\n", mark.replace('\n', "\\n"));
        let timeout = timeout.as_secs_f64().to_string();
        // --globoff: brackets in a URL are no pattern.
        let words = ["curl", "-sS", "--globoff", "--max-time", &timeout, "-w", &after, "--url"];
        let words = words.into_iter().chain([url.as_str()]).map(str::to_owned).collect();
        Self { words, mark }
    }

    /// What came back, from curl's exit code and what it printed in `took`.
    #[must_use]
    pub fn read(&self, exit: u8, output: Vec<u8>, errors: &[u8], took: Duration) -> Answer {
        let mut bytes = output;
        let mut fault = fault(exit);
        let mut message = first_line(errors);
        let mut status = None;
        let mut latency = seconds(took, 1e6);
        if let Some((end, code, time)) = self.trailer(&bytes) {
            (status, latency) = ((code > 0).then_some(code), time);
            bytes.truncate(end);
        } else if fault.is_none() {
            fault = Some(Fault::Exec);
            message = Some("curl did not say how it went".to_owned());
        }
        if fault.is_none() && status.is_some_and(|status| status >= 400) {
            fault = Some(Fault::Http);
        }
        if fault.is_none() {
            message = None; // a mere warning
        } else if message.is_none() && status.is_none() {
            message = Some(format!("curl ended with exit code {exit}"));
        }
        let body_truncated = status.is_some() && bytes.len() > BODY_LIMIT;
        let body = status.map(|_| text(&bytes[..bytes.len().min(BODY_LIMIT)], body_truncated));
        Answer { status, error: fault, message, latency, body, body_truncated }
    }

    /// Where the body ends, the status and the seconds, as curl printed them.
    fn trailer(&self, bytes: &[u8]) -> Option<(usize, u16, f64)> {
        let mark = self.mark.as_bytes();
        let start = bytes.windows(mark.len()).rposition(|window| window == mark)?;
        let rest = std::str::from_utf8(&bytes[start + mark.len()..]).ok()?;
        let (code, time) = rest.trim_end().split_once(' ')?;
        Some((start, code.parse().ok()?, time.parse().ok()?))
    }
}

/// What an exit code means, as far as curl(1) lists it.
fn fault(exit: u8) -> Option<Fault> {
    Some(match exit {
        0 => return None,
        5 | 6 => Fault::Dns,
        7 | 97 => Fault::Connect,
        28 => Fault::Timeout,
        35 | 51 | 53 | 54 | 58..=60 | 64 | 66 | 77 | 80 | 82 | 83 | 90 | 91 | 98 => Fault::Tls,
        // Something answered, and it was not HTTP to its end.
        1 | 8 | 16 | 18 | 47 | 52 | 55 | 56 | 61 | 92 | 95 | 96 => Fault::Http,
        _ => Fault::Exec,
    })
}

fn first_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().take(MESSAGE_LIMIT).collect())
}

/// Bytes as text; a character that was cut through is left out.
fn text(bytes: &[u8], is_cut: bool) -> String {
    let end = match std::str::from_utf8(bytes) {
        Err(error) if is_cut && error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    };
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Capture;
    use proptest::prelude::*;

    fn curl() -> Curl {
        Curl::new(&Url::parse("http://a/[1-3]").unwrap(), Duration::from_millis(2500))
    }

    fn capture(bytes: &[u8]) -> Vec<u8> {
        let mut capture = Capture::new(BODY_LIMIT);
        capture.push(bytes);
        capture.into_bytes()
    }

    fn read(curl: &Curl, exit: u8, body: &[u8], trailer: &str, errors: &str) -> Answer {
        let output = [body, curl.mark.as_bytes(), trailer.as_bytes(), b"\n"].concat();
        let took = Duration::from_millis(160);
        curl.read(exit, capture(&output), &capture(errors.as_bytes()), took)
    }

    #[test]
    fn the_command_is_words_and_no_shell() {
        let curl = curl();
        let words: Vec<&str> = curl.words.iter().map(String::as_str).collect();
        assert_eq!(words[..6], ["curl", "-sS", "--globoff", "--max-time", "2.5", "-w"]);
        assert!(words[6].starts_with("\\nmeshutils-") && words[6].contains("%{http_code}"));
        assert_eq!(words[7..], ["--url", "http://a/[1-3]"]);
        assert_ne!(curl.mark, super::tests::curl().mark);
    }

    #[test]
    fn a_good_answer_is_its_body() {
        let body = b"Hello version: v1, instance: a\n";
        let answer = read(&curl(), 0, body, "200 0.012345", "curl: a warning\n");
        let expected = Answer {
            status: Some(200),
            error: None,
            message: None,
            latency: 0.012_345,
            body: Some("Hello version: v1, instance: a\n".to_owned()),
            body_truncated: false,
        };
        assert_eq!(answer, expected);
        assert_eq!(read(&curl(), 0, b"", "204 0.1", "").body.as_deref(), Some(""));
    }

    #[test]
    fn every_failure_has_its_class() {
        let curl = curl();
        for (exit, trailer, errors, fault, status) in [
            (6, "000 0.1", "curl: (6) Could not resolve host: a", Fault::Dns, None),
            (7, "000 0.1", "curl: (7) Failed to connect", Fault::Connect, None),
            (28, "000 2.5", "curl: (28) Operation timed out", Fault::Timeout, None),
            (28, "200 2.5", "curl: (28) Operation timed out", Fault::Timeout, Some(200)),
            (35, "000 0.1", "curl: (35) wrong version number", Fault::Tls, None),
            (60, "000 0.1", "curl: (60) SSL certificate problem", Fault::Tls, None),
            (52, "000 0.1", "curl: (52) Empty reply from server", Fault::Http, None),
            (1, "000 0.1", "curl: (1) Received HTTP/0.9 when not allowed", Fault::Http, None),
            (2, "000 0.0", "curl: option --globoff: is unknown", Fault::Exec, None),
        ] {
            let answer = read(&curl, exit, b"", trailer, &format!("\n{errors}\nmore\n"));
            assert_eq!((answer.error, answer.status), (Some(fault), status), "{exit}");
            assert_eq!(answer.message.as_deref(), Some(errors));
            assert_eq!(answer.body.is_some(), status.is_some());
        }
        let answer = read(&curl, 0, b"no healthy upstream", "503 0.01", "");
        assert_eq!((answer.error, answer.status), (Some(Fault::Http), Some(503)));
        assert_eq!(answer.body.as_deref(), Some("no healthy upstream"));
        assert_eq!(answer.message, None);
    }

    #[test]
    fn what_is_no_curl_is_told() {
        let took = Duration::from_millis(160);
        let answer = curl().read(0, capture(b"usage"), b"", took);
        assert_eq!((answer.error, answer.latency), (Some(Fault::Exec), 0.16));
        assert_eq!(answer.message.as_deref(), Some("curl did not say how it went"));
        let answer = curl().read(137, capture(b""), b"", took);
        assert_eq!(answer.message.as_deref(), Some("curl ended with exit code 137"));
    }

    #[test]
    fn long_bodies_and_messages_are_cut() {
        let body = "é".repeat(BODY_LIMIT);
        let answer = read(&curl(), 0, format!("x{body}").as_bytes(), "200 0.1", "");
        let cut = answer.body.unwrap();
        assert!(answer.body_truncated && cut.len() == BODY_LIMIT - 1 && cut.ends_with('é'));
        let answer = read(&curl(), 7, b"", "000 0.1", &"e".repeat(999));
        assert_eq!(answer.message.unwrap().len(), MESSAGE_LIMIT);
    }

    proptest! {
        #[test]
        fn any_body_comes_through(
            body in prop::collection::vec(any::<u8>(), 0..300), times in 1_usize..40
        ) {
            let body = body.repeat(times);
            let answer = read(&curl(), 0, &body, "200 0.5", "");
            prop_assert_eq!((answer.status, answer.error, answer.latency), (Some(200), None, 0.5));
            prop_assert_eq!(answer.body_truncated, body.len() > BODY_LIMIT);
            if body.len() <= BODY_LIMIT {
                let expected = String::from_utf8_lossy(&body).into_owned();
                prop_assert_eq!(answer.body.unwrap(), expected);
            }
        }

        #[test]
        fn no_output_makes_it_panic(exit: u8, output: Vec<u8>, errors: Vec<u8>) {
            let curl = curl();
            let forged = [&output[..], curl.mark.as_bytes(), &errors[..]].concat();
            let _ = curl.read(exit, capture(&forged), &errors, Duration::ZERO);
        }
    }
}
