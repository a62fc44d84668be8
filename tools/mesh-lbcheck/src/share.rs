//! Parts of a whole, in whole numbers: 20 of 100 are 20%, whatever a float makes of 0.2.

use crate::statistics::floor;
use std::fmt;
use std::str::FromStr;

/// A part of a whole, from nothing to all of it, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

const WHOLE: u32 = 1_000_000;

impl Share {
    /// `count` of `total`, rounded to four digits after the point. Of nothing it is nothing.
    #[must_use]
    pub fn of(count: u64, total: u64) -> Self {
        let (count, total) = (u128::from(count), u128::from(total.max(1)));
        let ten_thousandths = (count * 20_000 + total) / (2 * total);
        Self(u32::try_from(ten_thousandths * 100).map_or(WHOLE, |share| share.min(WHOLE)))
    }

    /// A number from 0 to 1, rounded to four digits after the point.
    #[must_use]
    pub fn of_f64(share: f64) -> Self {
        let ten_thousandths = floor(share.clamp(0.0, 1.0) * 10_000.0 + 0.5);
        Self(u32::try_from(ten_thousandths * 100).unwrap_or(WHOLE))
    }

    /// Whether `count` of `total` is at least this share.
    #[must_use]
    pub fn is_reached(self, count: u64, total: u64) -> bool {
        u128::from(count) * u128::from(WHOLE) >= u128::from(self.0) * u128::from(total)
    }

    /// The largest share that so many can have each.
    #[must_use]
    pub fn largest(times: usize) -> Self {
        Self(u32::try_from(times).map_or(0, |times| WHOLE / times.max(1)))
    }

    /// As a number from 0 to 1.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(WHOLE)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 10_000, format!("{:04}", self.0 % 10_000));
        match rest.trim_end_matches('0') {
            "" => write!(f, "{whole}%"),
            rest => write!(f, "{whole}.{rest}%"),
        }
    }
}

impl FromStr for Share {
    type Err = &'static str;

    /// Reads `0.2` or `20%`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or("a share is a number from 0 to 1 or from 0% to 100%, as 0.2 or 20%")
    }
}

fn parse(text: &str) -> Option<Share> {
    let (number, one) = match text.strip_suffix('%') {
        Some(number) => (number, WHOLE / 100),
        None => (text, WHOLE),
    };
    let (integer, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(integer) || !digits(fraction) {
        return None;
    }
    let scale = 10u32.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    // What is smaller than a millionth does not get lost unsaid.
    let step = one.checked_div(scale).filter(|step| step * scale == one)?;
    let integer = integer.parse::<u32>().ok()?.checked_mul(one)?;
    let share = integer.checked_add(fraction.parse::<u32>().ok()? * step)?;
    (share <= WHOLE).then_some(Share(share))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn share(text: &str) -> Share {
        text.parse().unwrap()
    }

    #[test]
    fn fractions_and_percent_are_read() {
        for (text, shown) in [
            ("0", "0%"),
            ("0.2", "20%"),
            ("20%", "20%"),
            ("33.3%", "33.3%"),
            ("0.333333", "33.3333%"),
            ("1", "100%"),
            ("100%", "100%"),
            ("1.0", "100%"),
            ("0.0001%", "0.0001%"),
        ] {
            assert_eq!(share(text).to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for text in [
            "",
            "%",
            ".",
            "1.",
            "1.1",
            "101%",
            "100.1%",
            "-0.1",
            "+0.1",
            "0,2",
            "20 %",
            "1e-1",
            "nan",
            "inf",
            "0.3333333",
            "99999999999",
            "0.00000000000000000001",
            "20%%",
        ] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }

    #[test]
    fn shares_are_compared_exactly() {
        assert!(share("0.1").is_reached(3, 30));
        assert!(share("1.1%").is_reached(11, 1000));
        assert!(!share("20%").is_reached(199_999, 1_000_000));
        assert!(share("0").is_reached(0, 10));
        assert!(share("1").is_reached(u64::MAX, u64::MAX));
        assert_eq!(Share::largest(3), share("0.333333"));
        assert!(share("10%") <= Share::largest(10) && share("50.0001%") > Share::largest(2));
    }

    #[test]
    fn shares_are_rounded_to_four_digits() {
        for (count, total, expected) in
            [(1, 3, 0.3333), (2, 3, 0.6667), (1, 2, 0.5), (7, 7, 1.0), (0, 0, 0.0)]
        {
            assert!((Share::of(count, total).as_f64() - expected).abs() < f64::EPSILON);
        }
        assert_eq!(Share::of(u64::MAX, u64::MAX).to_string(), "100%");
        for (share, expected) in [(1.0 / 3.0, "33.33%"), (-0.1, "0%"), (1.1, "100%")] {
            assert_eq!(Share::of_f64(share).to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(count in 0u64..=1_000, more in 0u64..=1_000) {
            let shown = Share::of(count, count + more);
            prop_assert_eq!(share(&shown.to_string()), shown);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,12}|[0-9.%]{0,24}") {
            if let Ok(share) = text.parse::<Share>() {
                prop_assert!((0.0..=1.0).contains(&share.as_f64()));
            }
        }
    }
}
