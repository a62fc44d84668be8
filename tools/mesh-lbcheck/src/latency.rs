//! How long replies took, in constant memory.

use std::collections::BTreeMap;

/// Latencies in buckets that are 1/64 of their value wide at most: percentiles are at most 1.6%
/// too high, and never too low.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latency {
    buckets: BTreeMap<u32, u64>,
    count: u64,
    longest: u64,
}

const WIDTH_BITS: u32 = 6;

impl Latency {
    /// Counts one, in microseconds.
    pub fn add(&mut self, micros: u64) {
        *self.buckets.entry(bucket(micros)).or_default() += 1;
        self.count += 1;
        self.longest = self.longest.max(micros);
    }

    /// Counts all of another.
    pub fn add_all(&mut self, other: &Self) {
        for (&bucket, count) in &other.buckets {
            *self.buckets.entry(bucket).or_default() += count;
        }
        self.count += other.count;
        self.longest = self.longest.max(other.longest);
    }

    /// What so many percent took at most, in microseconds; none of nothing.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let rank = (u128::from(self.count) * u128::from(percent)).div_ceil(100).max(1);
        let mut seen = 0;
        self.buckets.iter().find_map(|(&bucket, &count)| {
            seen += u128::from(count);
            (seen >= rank).then(|| highest(bucket).min(self.longest))
        })
    }

    /// The longest, in microseconds; none of nothing.
    #[must_use]
    pub fn longest(&self) -> Option<u64> {
        (self.count > 0).then_some(self.longest)
    }
}

/// Up to 2^7 each number has its own; above, the first seven bits make the bucket.
fn bucket(micros: u64) -> u32 {
    let shift = (u64::BITS - micros.leading_zeros()).saturating_sub(WIDTH_BITS + 1);
    u32::try_from(micros >> shift).unwrap_or(u32::MAX) + (shift << WIDTH_BITS)
}

/// The highest number of a bucket.
fn highest(bucket: u32) -> u64 {
    let shift = (bucket >> WIDTH_BITS).saturating_sub(1);
    let first = u64::from(bucket - (shift << WIDTH_BITS));
    // At 2^64 the shift would overflow, and the last bucket ends there.
    ((u128::from(first) + 1) << shift).saturating_sub(1).try_into().unwrap_or(u64::MAX)
}

/// Microseconds for people: three digits, in the unit that fits, as Go writes durations.
#[must_use]
pub fn shown(micros: u64) -> String {
    let (unit, micros_of_unit) = match micros {
        0..1_000 => return format!("{micros}us"),
        1_000..1_000_000 => ("ms", 1_000),
        _ => ("s", 1_000_000),
    };
    let digits = match micros / micros_of_unit {
        0..10 => 2,
        10..100 => 1,
        _ => 0,
    };
    let scale = 10_u64.pow(digits);
    let rounded = (u128::from(micros) * u128::from(scale) + u128::from(micros_of_unit) / 2)
        / u128::from(micros_of_unit);
    let (whole, rest) = (rounded / u128::from(scale), rounded % u128::from(scale));
    let text = match digits {
        2 => format!("{whole}.{rest:02}"),
        1 => format!("{whole}.{rest}"),
        _ => format!("{whole}."),
    };
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn microseconds_are_shown_in_the_unit_that_fits() {
        for (micros, text) in [
            (0, "0us"),
            (999, "999us"),
            (1_000, "1ms"),
            (12_340, "12.3ms"),
            (9_999, "10ms"),
            (123_456, "123ms"),
            (1_234_000, "1.23s"),
            (60_000_000, "60s"),
            (3_600_000_000, "3600s"),
        ] {
            assert_eq!(shown(micros), text);
        }
        assert!(shown(u64::MAX).ends_with('s'));
    }

    #[test]
    fn nothing_has_no_percentile() {
        assert_eq!((Latency::default().percentile(50), Latency::default().longest()), (None, None));
    }

    proptest! {
        #[test]
        fn percentiles_are_near_the_exact_ones(
            mut micros in prop::collection::vec(prop_oneof![0u64..200, 0u64..5_000_000, any::<u64>()], 1..80),
            percent in 1usize..=100,
        ) {
            let mut latency = Latency::default();
            let (first, rest) = micros.split_at(micros.len() / 2);
            for &micros in first {
                latency.add(micros);
            }
            let mut other = Latency::default();
            for &micros in rest {
                other.add(micros);
            }
            latency.add_all(&other);
            micros.sort_unstable();
            let rank = (micros.len() * percent).div_ceil(100);
            let exact = micros[rank - 1];
            let found = latency.percentile(percent as u64).unwrap();
            prop_assert!(found >= exact && found - exact <= exact / 64, "{found} for {exact}");
            prop_assert_eq!(latency.longest(), micros.last().copied());
        }
    }
}
