//! Spans of time as people give them for certificates.

use std::fmt;
use std::str::FromStr;

/// A span of whole seconds: `3650d`, `10y` (of 365 days each), `8w`, `720h`; a number alone is
/// days, as for `openssl -days`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetime(i64);

/// From how long before its end a certificate is told of, or made anew.
pub const WITHIN: Lifetime = Lifetime::days(30);

const DAY: i64 = 24 * 3600;
/// Certificates can say no year after 9999, and nobody means that.
const LONGEST: i64 = 1000 * 365 * DAY;

impl Lifetime {
    /// That many days.
    #[must_use]
    pub const fn days(days: i64) -> Self {
        Self(days * DAY)
    }

    /// In seconds; never negative.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0
    }
}

impl FromStr for Lifetime {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = "a time has the form 3650d, 10y, 8w or 720h; a number alone is days";
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match &text[digits.len()..] {
            "" | "d" => DAY,
            "h" => 3600,
            "w" => 7 * DAY,
            "y" => 365 * DAY,
            _ => return Err(form),
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(form);
        }
        let seconds = digits.parse::<i64>().ok().and_then(|count| count.checked_mul(unit));
        match seconds {
            Some(0) => Err("a time of 0 is over at once"),
            Some(seconds) if seconds <= LONGEST => Ok(Self(seconds)),
            _ => Err("a time is at most 1000y"),
        }
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds if seconds % DAY == 0 => write!(f, "{}d", seconds / DAY),
            seconds => write!(f, "{}h", seconds / 3600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_known() {
        for (text, days) in [("1", 1), ("30d", 30), ("10y", 3650), ("2w", 14), ("48h", 2)] {
            assert_eq!(text.parse(), Ok(Lifetime::days(days)), "{text}");
        }
        assert_eq!("1000y".parse(), Ok(Lifetime::days(365_000)));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "d", "-1d", "+1d", "1.5y", "1m", "1D", "1 d", "1d1h", "٣d", "é"] {
            assert!(text.parse::<Lifetime>().unwrap_err().starts_with("a time has"), "{text}");
        }
        for text in ["0", "0y"] {
            assert_eq!(text.parse::<Lifetime>(), Err("a time of 0 is over at once"));
        }
        for text in ["1001y", "99999999999999999999", "9223372036854775807d"] {
            assert_eq!(text.parse::<Lifetime>(), Err("a time is at most 1000y"));
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(hours in 1..8_760_000_i64) {
            let lifetime = Lifetime(hours * 3600);
            prop_assert_eq!(lifetime.to_string().parse(), Ok(lifetime));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,12}") {
            if let Ok(lifetime) = text.parse::<Lifetime>() {
                prop_assert!((1..=LONGEST).contains(&lifetime.seconds()));
            }
        }
    }
}
