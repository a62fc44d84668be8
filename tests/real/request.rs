//! HTTP requests, as the servers of the tests' own read them.

use std::io::{BufRead, Error, Result};

/// One request.
pub struct Request {
    pub method: String,
    /// Without the query.
    pub path: String,
    pub body: Vec<u8>,
}

impl Request {
    /// The connection's next; none at its end.
    pub fn read(connection: &mut impl BufRead) -> Result<Option<Self>> {
        let mut line = String::new();
        if connection.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            if connection.read_line(&mut header)? <= 2 {
                break;
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(Error::other)?;
            }
        }
        let mut body = vec![0; length];
        connection.read_exact(&mut body)?;
        let mut words = line.split([' ', '?']).map(str::to_owned);
        let mut word = || words.next().unwrap_or_default();
        Ok(Some(Self { method: word(), path: word(), body }))
    }
}
