//! Lists that come page by page, and come to an end.

use crate::Connection;
use meshcore::{Error, Result};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Pages of one list: a million objects of 500 each.
const MOST: usize = 2000;
/// How often the limit of one request all pages of a list may take.
const TIMES: u32 = 20;

/// The pages of one list. A server that begins again, or goes on for ever, is not followed.
pub struct Pages<'a> {
    cluster: &'a Connection,
    began: Instant,
    limit: Duration,
    seen: HashSet<String>,
}

impl Connection {
    /// Before the first page.
    #[must_use]
    pub fn pages(&self) -> Pages<'_> {
        let limit = self.timeout.saturating_mul(TIMES);
        Pages { cluster: self, began: Instant::now(), limit, seen: HashSet::new() }
    }
}

impl Pages<'_> {
    /// The token of the page after one with this `metadata.continue`; none after the last. An
    /// error where the list does not come to its end.
    pub fn next(&mut self, token: Option<String>) -> Result<Option<String>> {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
        let why = if !self.seen.insert(token.clone()) {
            "it gives one page twice".to_owned()
        } else if self.seen.len() >= MOST {
            format!("it has more than {MOST} pages")
        } else if self.began.elapsed() >= self.limit {
            format!("it takes longer than {:?}", self.limit)
        } else {
            return Ok(Some(token));
        };
        let (context, server) = (&self.cluster.context, &self.cluster.server);
        Err(Error::cluster(format!("context {context}: a list of {server} does not end: {why}"))
            .hint("is that an API server? a list may take 20 times --request-timeout"))
    }
}
