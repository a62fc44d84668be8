//! Lists that come page by page, and come to an end.

use crate::Connection;
use meshcore::{Error, Result};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Pages of one list: a million objects of 500 each.
const MOST: usize = 2000;
/// How often the limit of one request all pages of a list may take, where no limit is named.
const TIMES: u32 = 20;

/// The pages of one list, all together bounded in time. A server that begins again, or goes on for
/// ever, is not followed.
pub struct Pages<'a> {
    cluster: &'a Connection,
    began: Instant,
    limit: Duration,
    /// The flag that sets the limit, in words.
    set_by: &'static str,
    seen: HashSet<String>,
}

impl Connection {
    /// Before the first page: all together may take 20 times the limit of one request.
    #[must_use]
    pub fn pages(&self) -> Pages<'_> {
        let limit = self.timeout.saturating_mul(TIMES);
        self.limited(limit, "a list may take 20 times --request-timeout")
    }

    /// The same where `--timeout` is the limit of the operation; one page may take as long as any
    /// request.
    #[must_use]
    pub fn pages_within(&self, timeout: Duration) -> Pages<'_> {
        let limit = timeout.max(self.timeout);
        self.limited(limit, "a list may take as long as --timeout or --request-timeout says")
    }

    fn limited(&self, limit: Duration, set_by: &'static str) -> Pages<'_> {
        Pages { cluster: self, began: Instant::now(), limit, set_by, seen: HashSet::new() }
    }
}

impl Pages<'_> {
    /// Asks for a page, for as long as is left of the limit of all.
    pub async fn ask<T>(&self, page: impl Future<Output = Result<T>>) -> Result<T> {
        let left = self.limit.saturating_sub(self.began.elapsed());
        tokio::time::timeout(left, page).await.unwrap_or_else(|_| Err(self.endless(&self.late())))
    }

    /// The token of the page after one with this `metadata.continue`; none after the last. An
    /// error where the list does not come to its end.
    pub fn next(&mut self, token: Option<String>) -> Result<Option<String>> {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
        if !self.seen.insert(token.clone()) {
            Err(self.endless("it gives one page twice"))
        } else if self.seen.len() >= MOST {
            Err(self.endless(&format!("it has more than {MOST} pages")))
        } else if self.began.elapsed() >= self.limit {
            Err(self.endless(&self.late()))
        } else {
            Ok(Some(token))
        }
    }

    /// Before the first page again, within the same limit: what came of the list is out of date.
    pub fn begin_again(&mut self) {
        self.seen.clear();
    }

    fn late(&self) -> String {
        format!("it takes longer than {:?}", self.limit)
    }

    fn endless(&self, why: &str) -> Error {
        let (context, server) = (&self.cluster.context, &self.cluster.server);
        Error::cluster(format!("context {context}: a list of {server} does not end: {why}"))
            .hint(format!("is that an API server? {}", self.set_by))
    }
}
