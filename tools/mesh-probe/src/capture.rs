//! What a command prints, of any length, in little room.

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes kept from the end.
const TAIL: usize = 512;

/// The beginning and the end of a stream; what lies between is dropped.
#[derive(Debug)]
pub struct Capture {
    limit: usize,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Capture {
    /// Keeps `limit` bytes from the beginning.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, head: Vec::new(), tail: Vec::new() }
    }

    /// Reads to the end, or as far as the stream gives.
    pub async fn read(&mut self, mut stream: impl AsyncRead + Unpin) {
        let mut chunk = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut chunk).await {
            self.push(&chunk[..length]);
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let (first, rest) = bytes.split_at(bytes.len().min(self.limit - self.head.len()));
        self.head.extend(first);
        self.tail.extend(rest);
        if self.tail.len() > 2 * TAIL {
            self.tail.drain(..self.tail.len() - TAIL);
        }
    }

    /// All that was kept. At least the last [`TAIL`] bytes of it stand together.
    #[must_use]
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.head.append(&mut self.tail);
        self.head
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn beginning_and_end_are_kept(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..900), 0..9),
            limit in 0_usize..2000,
        ) {
            let mut capture = Capture::new(limit);
            for chunk in &chunks {
                capture.push(chunk);
            }
            let all = chunks.concat();
            let kept = capture.into_bytes();
            prop_assert!(kept.len() <= limit + 2 * TAIL);
            let begin = limit.min(all.len());
            prop_assert_eq!(&kept[..begin], &all[..begin]);
            let end = TAIL.min(all.len() - begin);
            prop_assert_eq!(&kept[kept.len() - end..], &all[all.len() - end..]);
            prop_assert!(kept == all || kept.len() >= limit + TAIL);
        }
    }
}
