//! Requests that are made again while a server is busy or cannot be reached.

use crate::Connection;
use crate::transport::Bound;
use kube::client::AuthError;
use meshcore::{Error, Result};
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long one server may fail before we give up on it: one for all requests to it, so that
/// what comes after the first that gave up does not wait as long again.
#[derive(Debug)]
pub struct Patience {
    limit: Duration,
    failing_since: Cell<Option<Instant>>,
    lost: RefCell<Option<Error>>,
}

impl Patience {
    /// As long as `limit`.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self { limit, failing_since: Cell::new(None), lost: RefCell::new(None) }
    }

    /// How long that is.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// The time until it is at its end; a server may ask for more.
    fn left(&self) -> Duration {
        let since = self.failing_since.get();
        self.limit.saturating_sub(since.map_or(Duration::ZERO, |since| since.elapsed()))
    }

    /// Notes a failure: whether it is the last that is borne with.
    fn ends_with(&self, error: &Error) -> bool {
        let since = self.failing_since.get().unwrap_or_else(Instant::now);
        self.failing_since.set(Some(since));
        let is_lost = since.elapsed() >= self.limit;
        if is_lost {
            self.lost.replace(Some(error.clone()));
        }
        is_lost
    }
}

/// Whether a server is too busy for a request, and the pause that it asks for.
pub fn busy(error: &kube::Error) -> Option<Duration> {
    match error {
        kube::Error::Api(status) if matches!(status.code, 429 | 503 | 504) => is_passing(error),
        _ => None,
    }
}

/// Whether the same request may be answered later, and the pause that the server asks for.
fn is_passing(error: &kube::Error) -> Option<Duration> {
    match error {
        kube::Error::Api(status) if matches!(status.code, 429 | 500 | 502..=599) => {
            let asked = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
            Some(Duration::from_secs(asked.into()))
        }
        // A wrong certificate and wrong credentials stay wrong.
        kube::Error::Service(error) => {
            let is_final = error.is::<AuthError>()
                || error.is::<Bound>()
                || crate::refusal::innermost(error.as_ref()).contains("certificate");
            (!is_final).then_some(Duration::ZERO)
        }
        kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => Some(Duration::ZERO),
        _ => None,
    }
}

impl Connection {
    /// Makes a request, and makes it again after 429, 5xx and lost connections until the patience
    /// with this server is at its end; never after another 4xx. `what` completes "cannot …".
    pub async fn persist<T, F: Future<Output = kube::Result<T>>>(
        &self,
        what: &str,
        patience: &Patience,
        request: impl Fn() -> F,
    ) -> Result<T> {
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(error) = patience.lost.borrow().clone() {
                return Err(error);
            }
            let (asked, error) = match tokio::time::timeout(self.timeout, request()).await {
                Ok(Ok(answer)) => {
                    patience.failing_since.set(None);
                    return Ok(answer);
                }
                Ok(Err(error)) => match is_passing(&error) {
                    Some(asked) => (asked, self.refusal(&error, what)),
                    None => return Err(self.refusal(&error, what)),
                },
                Err(_) => (Duration::ZERO, self.no_answer(what)),
            };
            if patience.ends_with(&error) {
                return Err(error);
            }
            tokio::time::sleep(pause.max(asked).min(patience.left())).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (code, again) in [
            (400, false),
            (401, false),
            (403, false),
            (404, false),
            (409, false),
            (422, false),
            (429, true),
            (500, true),
            (501, false),
            (503, true),
            (504, true),
        ] {
            let error = kube::Error::Api(Status::failure("no", "No").with_code(code).boxed());
            assert_eq!(is_passing(&error).is_some(), again, "{code}");
            assert_eq!(busy(&error).is_some(), matches!(code, 429 | 503 | 504), "{code}");
        }
        let lost = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        assert!(is_passing(&kube::Error::Service(Box::new(lost))).is_some());
        let wrong = std::io::Error::other("invalid peer certificate: UnknownIssuer");
        assert!(is_passing(&kube::Error::Service(Box::new(wrong))).is_none());
    }

    /// Of an attack: `retryAfterSeconds` of years.
    #[test]
    fn no_server_makes_us_wait_longer_than_we_want_to() {
        let status = serde_json::json!({"status": "Failure", "code": 503, "message": "busy",
            "details": {"retryAfterSeconds": 4_000_000_000_u32}});
        let status: Status = serde_json::from_value(status).unwrap();
        // It ends at all.
        let result = crate::block_on(async {
            let service = tower::service_fn(|_: http::Request<kube::client::Body>| async {
                Ok::<_, std::io::Error>(http::Response::new(kube::client::Body::empty()))
            });
            let cluster = Connection {
                client: kube::Client::new(service, "default"),
                context: "c".to_owned(),
                server: meshcore::Address::of("https://h"),
                tls_server_name: None,
                proxy_url: None,
                proxy: None,
                trust: crate::Trust::System,
                timeout: Duration::from_secs(30),
                ours: std::sync::Arc::default(),
            };
            let busy = || async { Err::<(), _>(kube::Error::Api(status.clone().boxed())) };
            cluster.persist("ask", &Patience::new(Duration::from_millis(50)), busy).await
        });
        assert!(result.is_err());
    }

    #[test]
    fn patience_ends_for_all_requests_together() {
        let patience = Patience::new(Duration::ZERO);
        assert!(patience.ends_with(&Error::cluster("down")));
        assert_eq!(patience.lost.borrow().as_ref(), Some(&Error::cluster("down")));
        let patience = Patience::new(Duration::MAX);
        assert!(!patience.ends_with(&Error::cluster("down")));
        assert!(patience.lost.borrow().is_none() && patience.failing_since.get().is_some());
    }
}
