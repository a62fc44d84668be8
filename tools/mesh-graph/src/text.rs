//! Texts as they are shown, and the room that they take up.

use meshcore::is_treacherous;
use std::borrow::Cow;

/// Advance widths of the printable ASCII characters in thousandths of the size: the wider of
/// Helvetica and `DejaVu Sans`, so that neither font overflows.
const WIDTHS: [u16; 95] = [
    318, 401, 460, 838, 637, 951, 780, 275, 391, 391, 500, 838, 318, 361, 318, 337, 637, 637, 637,
    637, 637, 637, 637, 637, 637, 637, 337, 337, 838, 838, 838, 556, 1015, 685, 687, 722, 771, 667,
    611, 778, 752, 295, 500, 667, 558, 863, 749, 788, 667, 788, 722, 667, 611, 732, 685, 989, 686,
    667, 686, 391, 337, 391, 838, 556, 500, 613, 635, 550, 635, 616, 353, 635, 634, 278, 278, 580,
    278, 975, 634, 612, 635, 635, 412, 521, 393, 634, 592, 818, 592, 592, 525, 637, 337, 637, 838,
];

/// In place of what does not fit; as wide as its size.
const ELLIPSIS: char = '\u{2026}';

/// Treacherous characters, and those that XML does not have, as escapes: names come from clusters and must not say something else than they are.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| is_treacherous(c) || matches!(c, '\u{fffe}' | '\u{ffff}');
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let escape = |mut out: String, c: char| {
        if is_hidden(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
        out
    };
    Cow::Owned(text.chars().fold(String::new(), escape))
}

/// The room that a line of text takes up at most, in pixels at this size.
#[must_use]
pub fn width(text: &str, size: i32) -> i32 {
    pixels(text.chars().map(|c| advance(c, size)).sum())
}

fn pixels(thousandths: i64) -> i32 {
    i32::try_from(thousandths / 1000 + 1).unwrap_or(i32::MAX)
}

/// Thousandths of a pixel to the next character. Some renderers make whole pixels of it.
fn advance(c: char, size: i32) -> i64 {
    let of_ascii = u32::from(c).checked_sub(0x20).and_then(|i| WIDTHS.get(i as usize));
    let exact = of_ascii.map_or(1000, |&width| i64::from(width)) * i64::from(size);
    // Hinting takes a little less than a half for a half.
    exact.max((exact + 510) / 1000 * 1000)
}

/// Whether [`width`] knows every character; if not, whoever shows the text has to hold it to
/// that width.
#[must_use]
pub fn is_measured(text: &str) -> bool {
    text.chars().all(|c| matches!(c, ' '..='~' | ELLIPSIS))
}

/// Where a text that is too long loses characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Names, which often begin and end alike.
    Middle,
    /// Sentences.
    End,
}

/// The text, or as much of it as fits with an ellipsis.
#[must_use]
pub fn fit(text: &str, size: i32, room: i32, cut: Cut) -> Cow<'_, str> {
    if width(text, size) <= room {
        return Cow::Borrowed(text);
    }
    let characters: Vec<char> = text.chars().collect();
    let n = characters.len();
    // Advances of all characters before each.
    let mut before = vec![0; n + 1];
    for (i, &c) in characters.iter().enumerate() {
        before[i + 1] = before[i] + advance(c, size);
    }
    let split = |kept: usize| {
        let head = if cut == Cut::Middle { kept.div_ceil(2) } else { kept };
        (head, n - (kept - head))
    };
    let fits = |&kept: &usize| {
        let (head, tail) = split(kept);
        pixels(before[head] + advance(ELLIPSIS, size) + before[n] - before[tail]) <= room
    };
    let (head, tail) = split((0..n).rev().find(fits).unwrap_or(0));
    let mut out: String = characters[..head].iter().collect();
    out.push(ELLIPSIS);
    out.extend(&characters[tail..]);
    Cow::Owned(out)
}

/// "1 cluster", "2 clusters".
#[must_use]
pub fn count(number: usize, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_keep_both_ends() {
        let name = "gke_my-project_us-west2-a_cluster-a";
        assert_eq!(fit(name, 10, 1000, Cut::Middle), name);
        assert_eq!(fit(name, 10, 90, Cut::Middle), "gke_my-\u{2026}ster-a");
        assert_eq!(fit(name, 10, 90, Cut::End), "gke_my-projec\u{2026}");
        assert_eq!(fit(name, 10, 1, Cut::End), "\u{2026}");
    }

    #[test]
    fn nothing_is_hidden() {
        assert_eq!(shown("a\u{202e}b\n\u{ffff}é"), "a\\u{202e}b\\u{a}\\u{ffff}é");
    }

    proptest! {
        #[test]
        fn what_fits_fits(text in "\\PC{0,40}", room in 12..400) {
            for cut in [Cut::Middle, Cut::End] {
                let fitted = fit(&text, 11, room, cut);
                prop_assert!(width(&fitted, 11) <= room);
                prop_assert_eq!(fitted == text, width(&text, 11) <= room);
            }
        }
    }
}
