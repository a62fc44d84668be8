//! Dice for tests: the same rolls every time. And what the statistics promise, tried out.

use crate::statistics::{as_f64, p_value};

/// `SplitMix64` (Steele, Lea and Flood, 2014).
pub struct Dice(u64);

impl Dice {
    /// The same rolls for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to 1, without 1.
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        as_f64((z ^ (z >> 31)) >> 11) / as_f64(1 << 53)
    }
}

/// How often each of the shares comes in so many rolls.
pub fn multinomial(dice: &mut Dice, rolls: u64, shares: &[f64]) -> Vec<u64> {
    let mut counts = vec![0; shares.len()];
    for _ in 0..rolls {
        let mut rest = dice.roll();
        let found = shares.iter().position(|share| {
            rest -= share;
            rest < 0.0
        });
        counts[found.unwrap_or(shares.len() - 1)] += 1;
    }
    counts
}

/// The share of seeded runs that are called off at this confidence.
fn called_off(weights: &[u32], real: &[f64], requests: u64, runs: u32, confidence: f64) -> f64 {
    let mut dice = Dice::new(requests);
    let mut known = std::collections::BTreeMap::new();
    let off = (0..runs).map(|_| {
        let counts = multinomial(&mut dice, requests, real);
        let groups = || counts.iter().copied().zip(weights.iter().copied()).collect::<Vec<_>>();
        let p = *known.entry(counts.clone()).or_insert_with(|| p_value(&groups()).0);
        u32::from(p < 1.0 - confidence)
    });
    f64::from(off.sum::<u32>()) / f64::from(runs)
}

#[test]
fn a_fair_split_is_called_off_as_rarely_as_stated() {
    for requests in [5, 20, 50, 100, 1000] {
        let share = called_off(&[1, 1], &[0.5, 0.5], requests, 10_000, 0.99);
        assert!(share <= 0.01, "{share} of runs of {requests} requests");
    }
    let thirds = [1.0 / 3.0; 3];
    for (weights, real, requests) in [
        (&[80, 20][..], &[0.8, 0.2][..], 100),
        (&[1, 1, 1], &thirds, 60),
        (&[90, 9, 1], &[0.9, 0.09, 0.01], 200),
        (&[1; 12], &[1.0 / 12.0; 12], 40),
        (&[1; 12], &[1.0 / 12.0; 12], 240),
    ] {
        let share = called_off(weights, real, requests, 4000, 0.99);
        assert!(share <= 0.0135, "{share} of runs of {weights:?}");
    }
}

#[test]
fn a_split_of_90_to_10_is_found() {
    let share = called_off(&[1, 1], &[0.9, 0.1], 20, 10_000, 0.99);
    assert!(share > 0.85, "{share} of runs of 20 requests");
    for requests in [50, 100, 1000] {
        let share = called_off(&[1, 1], &[0.9, 0.1], requests, 10_000, 0.99);
        assert!(share > 0.999, "{share} of runs of {requests} requests");
    }
}
