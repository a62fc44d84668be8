//! Plain lists of ranges, of any length: what scripts and `gcloud --format=value()` write.

use crate::cidr::{self, CidrError, canonical};
use ipnet::IpNet;

/// The ranges of a list, or of a part of one.
#[derive(Debug)]
pub struct Ranges<'a>(Words<'a>);

/// What stands between two separators: a range, or why it is none.
#[derive(Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// Its line, from 1.
    pub line: u32,
    /// As it is written.
    pub text: &'a str,
    /// As it is read.
    pub range: Result<IpNet, CidrError>,
}

/// Reads a list. White space, commas and semicolons separate ranges; `#` begins a comment.
#[must_use]
pub fn ranges(list: &str) -> Ranges<'_> {
    Ranges::of_part(list, 1)
}

impl<'a> Ranges<'a> {
    /// Of a part that is whole lines and begins with this one.
    pub(crate) fn of_part(rest: &'a str, line: u32) -> Self {
        Self(Words { rest, line })
    }

    /// The line that it is at.
    pub(crate) fn line(&self) -> u32 {
        self.0.line
    }
}

impl<'a> Iterator for Ranges<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let words = &mut self.0;
        words.skip_to_word();
        // To look for the end of the word first would be another pass.
        if let Some((range, length)) = canonical::prefix(words.rest.as_bytes())
            && words.rest.as_bytes().get(length).is_none_or(|&b| ends_word(b))
        {
            let (text, rest) = words.rest.split_at(length);
            words.rest = rest;
            return Some(Item { line: words.line, text, range: Ok(range) });
        }
        words.next().map(|(line, text)| Item { line, text, range: cidr::parse(text) })
    }
}

/// The words of a list with their line numbers.
#[derive(Debug)]
struct Words<'a> {
    rest: &'a str,
    line: u32,
}

impl Words<'_> {
    #[inline]
    fn skip_to_word(&mut self) {
        let bytes = self.rest.as_bytes();
        let mut start = 0;
        let mut comment = false;
        while let Some(&byte) = bytes.get(start) {
            match byte {
                b'\n' => {
                    self.line += 1;
                    comment = false;
                }
                b'#' => comment = true,
                _ if comment || is_separator(byte) => {}
                _ => break,
            }
            start += 1;
        }
        self.rest = &self.rest[start..];
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = (u32, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_to_word();
        let end = self.rest.bytes().position(ends_word).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some((self.line, word))
    }
}

fn words(text: &str) -> Words<'_> {
    Words { rest: text, line: 1 }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b',' | b';' | b'\t' | b'\n' | b'\r')
}

fn ends_word(byte: u8) -> bool {
    is_separator(byte) || byte == b'#'
}

/// Whether nothing in a text is more than white space, separators and comments.
pub(crate) fn is_blank(text: &str) -> bool {
    words(text).next().is_none()
}

/// Whether a text is a plain list: its first word looks like an address.
#[must_use]
pub fn is_list(text: &str) -> bool {
    words(text).next().is_some_and(|(_, word)| {
        word.bytes().all(|b| b.is_ascii_hexdigit() || b".:/".contains(&b))
            && word.bytes().any(|b| b.is_ascii_digit())
            && (word.contains('.') || word.contains("::") || word.contains('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_know_their_lines() {
        let text = "# pods\n10.0.0.0/8, 10.1.0.0/16;é\r\n\n\t# x 1\n::/0#y\nlast";
        let found: Vec<(u32, &str)> = words(text).collect();
        assert_eq!(
            found,
            [(2, "10.0.0.0/8"), (2, "10.1.0.0/16"), (2, "é"), (5, "::/0"), (6, "last")]
        );
    }

    #[test]
    fn plain_lists_are_told_from_objects() {
        for text in ["10.0.0.0/8", "\n# pods\n10.0.0.0/8,10.1.0.0/16", "2001:db8::/32", "10.0.0.1"]
        {
            assert!(is_list(text), "{text}");
        }
        for text in ["apiVersion: v1", "{\"a\": 1}", "[]", "- a", "ba: 1", "---\nn: 1", "#"] {
            assert!(!is_list(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_word_is_read_as_it_is_alone(text in "([0-9a:./]|[,;# \t\n]|10\\.0\\.0\\.0/8|a::/16){0,12}") {
            let found: Vec<_> = ranges(&text).map(|item| (item.line, item.text, item.range)).collect();
            let alone = |(line, word)| (line, word, cidr::parse(word));
            prop_assert_eq!(found, words(&text).map(alone).collect::<Vec<_>>());
        }

        #[test]
        fn any_text_is_cut_without_loss(text in "[ab,;# \t\né]{0,40}") {
            let found: Vec<String> = words(&text).map(|(_, word)| word.to_owned()).collect();
            let expected: Vec<String> = text
                .lines()
                .flat_map(|line| line.split('#').next().unwrap().split([',', ';', ' ', '\t', '\r']))
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
