//! How many pods a gateway has.

use std::str::FromStr;

/// A number of pods, from [`Replicas::from_str`]: never 0, and never fewer at most than at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replicas {
    /// As many.
    Fixed(u16),
    /// As many as their load asks for, between two numbers.
    Scaled {
        /// The fewest.
        min: u16,
        /// The most.
        max: u16,
    },
}

impl Replicas {
    /// What Istio's charts have when nothing is said.
    pub(crate) const DEFAULT: Self = Self::Scaled { min: 1, max: 5 };
}

impl FromStr for Replicas {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (min, max) = text.split_once('-').unwrap_or((text, text));
        match (number(min), number(max)) {
            (Some(min), Some(max)) if min == max => Ok(Self::Fixed(min)),
            (Some(min), Some(max)) if min < max => Ok(Self::Scaled { min, max }),
            _ => Err("a number of pods has the form 2 or 2-5, and is 1 or more"),
        }
    }
}

fn number(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|&number| is_number && number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_is_fixed_and_a_range_is_not() {
        for (text, expected) in [
            ("2", Replicas::Fixed(2)),
            ("3-3", Replicas::Fixed(3)),
            ("2-5", Replicas::Scaled { min: 2, max: 5 }),
        ] {
            assert_eq!(text.parse(), Ok(expected));
        }
        for text in ["", "0", "0-2", "5-2", "-2", "2-", "+2", "2-5-7", "70000", "two", " 2"] {
            assert!(text.parse::<Replicas>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn the_fewest_are_never_more_than_the_most(text in "[-0-9]{0,8}|\\PC{0,6}") {
            match text.parse() {
                Ok(Replicas::Fixed(number)) => prop_assert!(number > 0),
                Ok(Replicas::Scaled { min, max }) => prop_assert!(0 < min && min < max),
                Err(_) => {}
            }
        }
    }
}
