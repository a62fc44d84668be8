//! A part of the work, for one of several workers with the same input.

use std::ops::Range;

/// Part `index` of `count`, from 0 on as a Kubernetes Job's `JOB_COMPLETION_INDEX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    count: u32,
}

impl Shard {
    /// Reads `I/N`; the error completes "I/N …".
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "has to be I/N with I from 0 to N-1, as 0/4";
        let (index, count) = text.split_once('/').ok_or(FORM)?;
        let number = |text: &str| {
            let is_plain = text.bytes().all(|b| b.is_ascii_digit());
            is_plain.then(|| text.parse::<u32>().ok()).flatten().ok_or(FORM)
        };
        let (index, count) = (number(index)?, number(count)?);
        if index < count { Ok(Self { index, count }) } else { Err(FORM) }
    }

    /// Its run of `total` pieces: neighbours stay together, so that a worker talks to few
    /// clusters, and no two parts differ by more than one piece.
    #[must_use]
    pub fn range(self, total: usize) -> Range<usize> {
        let edge = |i: u32| {
            let edge = total as u128 * u128::from(i) / u128::from(self.count);
            usize::try_from(edge).expect("a part is no larger than the whole")
        };
        edge(self.index)..edge(self.index + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_parts_of_a_whole_are_read() {
        assert_eq!(Shard::parse("0/1").unwrap().range(7), 0..7);
        for text in ["", "/", "1", "1/", "/1", "1/1", "0/0", "-1/2", "+0/2", "0/2/3", "a/b"] {
            assert!(Shard::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn the_parts_are_the_whole_and_even(total in 0usize..10_000, count in 1u32..200) {
            let mut next = 0;
            for index in 0..count {
                let range = Shard { index, count }.range(total);
                prop_assert_eq!(range.start, next);
                let even = total / count as usize;
                prop_assert!(range.len() == even || range.len() == even + 1);
                next = range.end;
            }
            prop_assert_eq!(next, total);
        }
    }
}
