//! Spans of time as people give them for certificates.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A span of whole seconds, at least one and at most a thousand years: as Go and so Istio write
/// them, `24h` or `1h30m`, and in days, weeks and years of 365 days, `30d`, `8w`, `10y`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetime(i64);

const DAY: i64 = 24 * 3600;
/// Certificates can say no year after 9999, and nobody means that.
const LONGEST: i64 = 1000 * 365 * DAY;

impl Lifetime {
    /// A day: what istiod gives workloads.
    pub const DAY: Self = Self(DAY);
    /// Thirty days.
    pub const MONTH: Self = Self(30 * DAY);
    /// Ten years of 365 days: what Istio's tools/certs gives CAs.
    pub const DECADE: Self = Self(3650 * DAY);

    /// That many seconds, if a life may have them.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        (1..=LONGEST).contains(&seconds).then_some(Self(seconds))
    }

    /// In seconds, as Unix times are.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0
    }
}

impl From<Lifetime> for Duration {
    fn from(lifetime: Lifetime) -> Self {
        Self::from_secs(lifetime.0.unsigned_abs())
    }
}

impl FromStr for Lifetime {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a time has the form 24h, 1h30m, 90s, 30d, 8w or 10y";
        let mut total: i64 = 0;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let count = &rest[..digits];
            let unit = match rest.as_bytes().get(digits) {
                Some(b'y') => 365 * DAY,
                Some(b'w') => 7 * DAY,
                Some(b'd') => DAY,
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
            let seconds = count.parse::<i64>().unwrap_or(i64::MAX).saturating_mul(unit);
            total = total.saturating_add(seconds);
        }
        match (text, total) {
            ("", _) => Err(FORM),
            (_, 0) => Err("a time of 0 is over at once"),
            (_, total) => Self::from_seconds(total).ok_or("a time is at most 1000y"),
        }
    }
}

/// In days and what is left of them: `3650d`, `1d1h`, `1h30m`.
impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(all) = self;
        [(all / DAY, "d"), (all / 3600 % 24, "h"), (all / 60 % 60, "m"), (all % 60, "s")]
            .iter()
            .filter(|(count, _)| *count > 0)
            .try_for_each(|(count, unit)| write!(f, "{count}{unit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_add_up() {
        for (text, seconds, shown) in [
            ("24h", DAY, "1d"),
            ("1d", DAY, "1d"),
            ("1h30m", 5400, "1h30m"),
            ("90s", 90, "1m30s"),
            ("24h0m0s", DAY, "1d"),
            ("1s1d", DAY + 1, "1d1s"),
            ("2w", 14 * DAY, "14d"),
            ("10y", 3650 * DAY, "3650d"),
            ("1000y", LONGEST, "365000d"),
        ] {
            let lifetime: Lifetime = text.parse().unwrap();
            assert_eq!((lifetime.seconds(), lifetime.to_string().as_str()), (seconds, shown));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["", "24", "h", "1h30", "-1h", "+1d", "1.5h", "1 h", "1D", "1ms", "٣h", "1hé", "é"]
        {
            assert!(text.parse::<Lifetime>().unwrap_err().contains("the form"), "{text}");
        }
        for text in ["0y", "0h0m"] {
            assert_eq!(text.parse::<Lifetime>(), Err("a time of 0 is over at once"));
        }
        for text in ["1001y", "365001d", "99999999999999999999999s", "9223372036854775807d"] {
            assert_eq!(text.parse::<Lifetime>(), Err("a time is at most 1000y"));
        }
        assert_eq!([0, -1, LONGEST + 1].map(Lifetime::from_seconds), [None; 3]);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(seconds in 1..=LONGEST) {
            let lifetime = Lifetime(seconds);
            prop_assert_eq!(lifetime.to_string().parse(), Ok(lifetime));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9ywdhms ]{0,9}|\\PC{0,12}") {
            if let Ok(lifetime) = text.parse::<Lifetime>() {
                prop_assert!((1..=LONGEST).contains(&lifetime.seconds()));
            }
        }
    }
}
