//! Plain lists of ranges, of any length: what scripts and `gcloud --format=value()` write.

/// The words of a list with their line numbers, from 1. White space, commas and semicolons
/// separate them; `#` begins a comment.
#[derive(Debug)]
pub struct Words<'a> {
    rest: &'a str,
    line: u32,
}

/// Cuts a list into its words.
#[must_use]
pub fn words(text: &str) -> Words<'_> {
    Words { rest: text, line: 1 }
}

impl<'a> Iterator for Words<'a> {
    type Item = (u32, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
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
        let length = bytes[start..].iter().position(|&b| is_separator(b) || b == b'#');
        let end = length.map_or(bytes.len(), |length| start + length);
        let word = &self.rest[start..end];
        self.rest = &self.rest[end..];
        (!word.is_empty()).then_some((self.line, word))
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b',' | b';' | b'\t' | b'\n' | b'\r')
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
