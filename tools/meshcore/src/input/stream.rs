//! Plain lists, read piece by piece: they may be longer than one would hold in memory.

use super::Source;
use crate::list::{Ranges, is_blank, is_list};
use crate::{Error, Result};
use std::io::{self, Read};

/// So much is read at once.
const PIECE: u64 = 64 * 1024;

/// Gives the ranges of a plain list to `take`, in pieces of whole lines, which it reads to their
/// ends; anything else is read into a source.
pub(super) fn read(
    name: String,
    mut from: impl Read,
    take: &mut impl FnMut(&str, &mut Ranges<'_>) -> Result<()>,
) -> Result<Option<Source>> {
    let failed = |error: io::Error| Error::data(error.to_string()).at(&name);
    let mut buffer = Vec::new();
    let mut taken = 0;
    let mut line = 1;
    loop {
        let known = buffer.len();
        let read = from.by_ref().take(PIECE).read_to_end(&mut buffer).map_err(failed)?;
        let line_feed = buffer[known..].iter().rposition(|&b| b == b'\n').map(|i| known + i + 1);
        let Some(end) = line_feed.or((read == 0).then_some(known)) else { continue };
        let piece = std::str::from_utf8(&buffer[..end]);
        if taken == 0 {
            let text = piece.map(|text| text.strip_prefix('\u{feff}').unwrap_or(text));
            if text.is_ok_and(|text| is_blank(text) && read > 0) {
                continue;
            }
            if !text.is_ok_and(is_list) {
                from.read_to_end(&mut buffer).map_err(failed)?;
                return Source::new(name, buffer).map(Some);
            }
        }
        let text = piece.map_err(|e| Source::not_text(&name, taken + e.valid_up_to()))?;
        let text = text.strip_prefix('\u{feff}').filter(|_| taken == 0).unwrap_or(text);
        let mut ranges = Ranges::of_part(text, line);
        take(&name, &mut ranges)?;
        if read == 0 {
            return Ok(None);
        }
        line = ranges.line();
        taken += end;
        buffer.drain(..end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::ranges;
    use proptest::prelude::*;

    /// Gives as many bytes at a time as it was told.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len());
            (&mut self.0).take(length as u64).read(into)
        }
    }

    type Items = Vec<(u32, String)>;

    fn read_all(text: &[u8], at_once: usize) -> Result<(Items, Option<String>)> {
        let mut items = Vec::new();
        let source = read("stdin".to_owned(), Drops(text, at_once), &mut |_, ranges| {
            items.extend(ranges.map(|item| (item.line, item.text.to_owned())));
            Ok(())
        })?;
        Ok((items, source.map(|source| source.text)))
    }

    #[test]
    fn lists_are_read_in_pieces_and_all_else_as_it_is() {
        for at_once in [1, 7, 1000] {
            let list = "\u{feff}# pods\n\n10.0.0.0/8,10.1.0.0/16 # é\n::/0";
            let words = [(3, "10.0.0.0/8"), (3, "10.1.0.0/16"), (4, "::/0")];
            let words = words.map(|(line, text)| (line, text.to_owned())).to_vec();
            assert_eq!(read_all(list.as_bytes(), at_once), Ok((words, None)));
            for text in ["{\"a\":\n1}", "a: 1\nb: 2\n", "# nothing\n\n", "x"] {
                let found = read_all(text.as_bytes(), at_once);
                assert_eq!(found, Ok((Vec::new(), Some(text.to_owned()))));
            }
            for (bytes, message) in [
                (&b" \n"[..], "stdin: is empty"),
                (b"", "stdin: is empty"),
                (b"\xff\xfe1\0", "stdin: is UTF-16"),
                (b"10.0.0.0/8\n\n\xc3 10.0.0.0/8\n", "stdin: is not UTF-8 text (byte 12)"),
                (b"ab\xc3", "stdin: is not UTF-8 text (byte 2)"),
            ] {
                let error = read_all(bytes, at_once).unwrap_err();
                assert_eq!(error.message().text(), message);
            }
        }
    }

    #[test]
    fn lists_longer_than_a_piece_are_read_whole() {
        for separator in ["\n", ","] {
            let list =
                "10.200.30.0/24".to_owned() + &format!("{separator}10.0.0.0/8").repeat(60_000);
            let (items, source) = read_all(list.as_bytes(), usize::MAX).unwrap();
            assert_eq!((items.len(), source), (60_001, None));
            assert_eq!(items.last().unwrap().0, if separator == "\n" { 60_001 } else { 1 });
        }
    }

    proptest! {
        #[test]
        fn the_size_of_reads_does_not_matter(
            rest in "([0-9a./:]|[,;# \t\r\n]){0,60}", at_once in 1usize..70
        ) {
            let list = format!("10.0.0.0/8\n{rest}");
            let whole: Items = ranges(&list).map(|item| (item.line, item.text.to_owned())).collect();
            prop_assert_eq!(read_all(list.as_bytes(), at_once), Ok((whole, None)));
        }
    }
}
