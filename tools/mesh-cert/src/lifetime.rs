//! Spans of time as Go and so Istio writes them, and days.

use std::fmt;
use std::str::FromStr;

/// A span of whole seconds, at least one: `24h`, `1h30m`, `90s`, `30d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetime(u64);

/// A thousand years: certificates cannot say much more, and nobody means that.
const LONGEST: u64 = 1000 * 365 * 24 * 3600;

impl Lifetime {
    /// A day: what istiod gives workloads.
    pub const DAY: Self = Self(24 * 3600);

    /// That many seconds, if there are any.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        u64::try_from(seconds).ok().filter(|&seconds| seconds > 0).map(Self)
    }

    /// In seconds.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0
    }
}

impl FromStr for Lifetime {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a time has the form 24h, 1h30m, 90s or 30d";
        let mut total: u64 = 0;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let count = &rest[..digits];
            let unit = match rest.as_bytes().get(digits) {
                Some(b'd') => 24 * 3600,
                Some(b'h') => 3600,
                Some(b'm') => 60,
                Some(b's') => 1,
                _ => return Err(FORM),
            };
            rest = &rest[digits + 1..];
            if count.is_empty() {
                return Err(FORM);
            }
            // More digits than a number has are too much in any case.
            let seconds = count.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(unit);
            total = total.saturating_add(seconds);
        }
        match (text, total) {
            ("", _) => Err(FORM),
            (_, 0) => Err("a time of 0 is over at once"),
            (_, total) if total > LONGEST => Err("a time is at most 365000d"),
            (_, total) => Ok(Self(total)),
        }
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.0 / 3600, "h"), (self.0 / 60 % 60, "m"), (self.0 % 60, "s")];
        parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .try_for_each(|(n, unit)| write!(f, "{n}{unit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_add_up() {
        for (text, seconds, shown) in [
            ("24h", 86_400, "24h"),
            ("1d", 86_400, "24h"),
            ("1h30m", 5400, "1h30m"),
            ("90s", 90, "1m30s"),
            ("24h0m0s", 86_400, "24h"),
            ("1s1d", 86_401, "24h1s"),
        ] {
            let lifetime: Lifetime = text.parse().unwrap();
            assert_eq!((lifetime.seconds(), lifetime.to_string().as_str()), (seconds, shown));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "24", "h", "1h30", "-1h", "1.5h", "1 h", "1y", "1H", "٣h", "1hé"] {
            assert!(text.parse::<Lifetime>().unwrap_err().contains("the form"), "{text}");
        }
        assert!("0h0m".parse::<Lifetime>().unwrap_err().contains("over at once"));
        for text in ["365001d", "99999999999999999999999s", "18446744073709551615d"] {
            assert!(text.parse::<Lifetime>().unwrap_err().contains("at most"), "{text}");
        }
        assert_eq!(Lifetime::from_seconds(0), None);
        assert_eq!(Lifetime::from_seconds(-1), None);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(seconds in 1..LONGEST) {
            let lifetime = Lifetime(seconds);
            prop_assert_eq!(lifetime.to_string().parse(), Ok(lifetime));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9dhms ]{0,9}|\\PC{0,12}") {
            if let Ok(lifetime) = text.parse::<Lifetime>() {
                prop_assert!((1..=LONGEST).contains(&lifetime.seconds()));
            }
        }
    }
}
