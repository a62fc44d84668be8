//! Reading lines of any length in constant memory.

use std::io::{self, Read};

/// The longest line that is given whole: a record may have a page of HTML in it.
pub const MAX_LINE: usize = 32 * 1024;

const CHUNK: usize = 64 * 1024;

/// Gives every line to `each`, without its line feed and the carriage return before it. Of a
/// line longer than [`MAX_LINE`] it gives the beginning, which is longer than that too.
pub fn each(mut reader: impl Read, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    // How much of the buffer is the beginning of a line whose end is not read yet.
    let mut begun = 0;
    // Whether that line is too long, and given already.
    let mut skipping = false;
    loop {
        let read = match reader.read(&mut buffer[begun..]) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let filled = begun + read;
        let mut rest = &buffer[..filled];
        while let Some(end) = line_feed(rest) {
            let line = &rest[..end];
            rest = &rest[end + 1..];
            if skipping {
                skipping = false;
            } else {
                each(line.strip_suffix(b"\r").unwrap_or(line));
            }
        }
        begun = rest.len();
        // One byte more than the longest line, as it may be a carriage return.
        if skipping || begun > MAX_LINE + 1 {
            if !skipping {
                each(rest);
            }
            skipping = true;
            begun = 0;
        } else {
            buffer.copy_within(filled - begun..filled, 0);
        }
    }
    if begun > 0 {
        let line = &buffer[..begun];
        each(line.strip_suffix(b"\r").unwrap_or(line));
    }
    Ok(())
}

/// Where the first line feed is, eight bytes at a time: the standard library's search has a cost
/// per call that shows on lines of usual length.
fn line_feed(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
    const LINE_FEEDS: u64 = u64::from_ne_bytes([b'\n'; 8]);
    let (words, rest) = text.as_chunks();
    let found = words.iter().enumerate().find_map(|(i, word)| {
        let zero_where_found = u64::from_le_bytes(*word) ^ LINE_FEEDS;
        // The lowest top bit is that of the first zero byte; higher ones may be wrong.
        let tops = zero_where_found.wrapping_sub(ONES) & !zero_where_found & TOPS;
        (tops != 0).then(|| 8 * i + tops.trailing_zeros() as usize / 8)
    });
    found.or_else(|| Some(text.len() - rest.len() + rest.iter().position(|&b| b == b'\n')?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives as many bytes at a time as it was told.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len());
            (&mut self.0).take(length as u64).read(into)
        }
    }

    fn lines(text: &[u8], at_once: usize) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        each(Drops(text, at_once), |line| lines.push(line.to_vec())).unwrap();
        lines
    }

    #[test]
    fn the_last_line_needs_no_line_feed() {
        for text in ["a\n\r\nb\r\n\rc", "a\n\nb\n\rc\n", "a\n\nb\n\rc\r\n", "a\n\nb\n\rc\r"] {
            for at_once in [1, 2, 3, 100] {
                assert_eq!(lines(text.as_bytes(), at_once), [&b"a"[..], b"", b"b", b"\rc"]);
            }
        }
        assert_eq!(lines(b"", 1), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn long_lines_are_given_once_and_cut() {
        for length in [MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, MAX_LINE + 2, CHUNK, 10 * CHUNK + 1] {
            for end in ["\n", "\r\n"] {
                let text = format!("a\n{}{end}b", "x".repeat(length));
                for at_once in [1000, MAX_LINE, CHUNK] {
                    let lines = lines(text.as_bytes(), at_once);
                    assert_eq!((lines.len(), &*lines[0], &*lines[2]), (3, &b"a"[..], &b"b"[..]));
                    assert_eq!(lines[1].len() > MAX_LINE, length > MAX_LINE, "{length}");
                    assert!(length > MAX_LINE || lines[1].len() == length);
                    assert!(lines[1].len() <= CHUNK && lines[1].starts_with(b"xxx"));
                }
            }
        }
    }

    #[test]
    fn an_error_of_the_reader_is_given_back() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        assert_eq!(each(Broken, |_| ()).unwrap_err().to_string(), "broken");
    }

    proptest! {
        #[test]
        fn the_first_line_feed_is_found(text in prop::collection::vec(prop_oneof![
            any::<u8>(), Just(b'\n'), Just(b'\n' + 1), Just(b'\n' - 1), Just(b'\n' | 0x80),
        ], 0..40)) {
            prop_assert_eq!(line_feed(&text), text.iter().position(|&b| b == b'\n'));
        }

        #[test]
        fn the_size_of_reads_does_not_matter(text in "[ab\r\n]{0,60}", at_once in 1usize..70) {
            let whole: Vec<Vec<u8>> = text.as_bytes()
                .split_inclusive(|&b| b == b'\n')
                .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
                .map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec())
                .collect();
            prop_assert_eq!(lines(text.as_bytes(), at_once), whole);
        }
    }
}
