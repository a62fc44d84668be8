//! How many requests a verdict needs.

use crate::expect::Expected;
use crate::share::Share;
use crate::statistics::{floor, noncentrality};
use libm::{exp, log1p};
use meshcore::{Error, Result, json_lines, table};
use serde::Serialize;
use std::collections::BTreeMap;

/// What so many requests from one source cluster are enough for.
#[derive(Debug, Serialize)]
pub struct Step {
    /// How many.
    pub requests: u64,
    /// How sure one may be then.
    pub certainty: f64,
    /// What one sees.
    pub seen: String,
}

/// How far off a share may be, in percent, to be seen.
const DISTANCES: [u32; 3] = [20, 10, 5];

/// The weights that a plan is for; where none are named, two even ones.
pub fn weights(expected: &Expected, endpoints: Option<BTreeMap<String, u32>>) -> Result<Vec<u32>> {
    let weights = match expected {
        Expected::Several | Expected::Even => vec![1, 1],
        Expected::These(these) => vec![1; these.len()],
        Expected::Weights(weights) => weights.values().copied().collect(),
        Expected::Endpoints => endpoints.unwrap_or_default().into_values().collect(),
        Expected::Local | Expected::Failover => Vec::new(),
    };
    let weights: Vec<u32> = weights.into_iter().filter(|weight| *weight > 0).collect();
    if weights.len() < 2 {
        let text = "--plan needs at least two that share the replies";
        return Err(Error::usage(text).hint("as --plan --expect v1=80,v2=20"));
    }
    Ok(weights)
}

/// How many requests it takes until all answered, and until a share that is off is noticed; the
/// latter when a right one is not called off, both with the certainty.
#[must_use]
pub fn steps(weights: &[u32], certainty: f64) -> Vec<Step> {
    let whole: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
    let shares: Vec<f64> = weights.iter().map(|&weight| f64::from(weight) / whole).collect();
    let step = |requests, seen| Step { requests, certainty, seen };
    let all = step(until_all(&shares, 1.0 - certainty), "everyone that should answer".to_owned());
    let moved = noncentrality(shares.len(), certainty);
    // Of all shares, the nearest to a half is the hardest to see moving.
    let spread = shares.iter().map(|share| share * (1.0 - share)).fold(0.0, f64::max);
    let off = |percent: u32| {
        let distance = f64::from(percent) / 100.0;
        let requests = moved * spread / (distance * distance);
        // Counts jump: half a reply on either side may decide nothing.
        let jumps = 1.0 / distance;
        step(floor(requests + jumps) + 1, format!("a share that is off by {percent} points"))
    };
    std::iter::once(all).chain(DISTANCES.map(off)).collect()
}

/// After so many requests, the probability that one of the shares got none is at most `doubt`.
fn until_all(shares: &[f64], doubt: f64) -> u64 {
    let missed = |requests: f64| shares.iter().map(|s| exp(requests * log1p(-s))).sum::<f64>();
    let mut most = 1.0;
    while missed(most) > doubt && most < 1e15 {
        most *= 2.0;
    }
    let exact = crate::special::solve(-doubt, most, |requests| -missed(requests));
    floor(exact - 1e-6) + 1
}

/// A line per step.
#[must_use]
pub fn text(steps: &[Step]) -> String {
    let row = |step: &Step| {
        let certainty = Share::of_f64(step.certainty).to_string();
        vec![step.requests.to_string(), certainty, step.seen.clone()]
    };
    table::text(&["REQUESTS", "CERTAINTY", "TO SEE"], steps.iter().map(row))
}

/// An object per step.
#[must_use]
pub fn json(steps: &[Step]) -> String {
    json_lines(steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::{Dice, multinomial};
    use crate::statistics::p_value;

    #[test]
    fn everyone_is_seen_with_the_certainty() {
        // 2 · 2^-8 is less than 1%, 2 · 2^-7 is not.
        assert_eq!(steps(&[1, 1], 0.99)[0].requests, 8);
        // 0.8^20 + 0.2^20 is more than 1%, 0.8^21 + 0.2^21 less.
        assert_eq!(steps(&[80, 20], 0.99)[0].requests, 21);
        assert!(steps(&[1_000_000, 1], 0.99)[0].requests > 4_000_000);
    }

    /// The promise is kept: so many requests notice it as often as they should.
    #[test]
    fn a_planned_number_of_requests_is_enough() {
        const RUNS: u32 = 1000;
        let mut dice = Dice::new(7);
        for (weights, certainty) in
            [([50, 50], 0.99), ([50, 50], 0.9), ([80, 20], 0.99), ([70, 30], 0.95)]
        {
            for (step, points) in steps(&weights, certainty)[1..3].iter().zip(DISTANCES) {
                let moved =
                    [weights[0] - points, weights[1] + points].map(|w| f64::from(w) / 100.0);
                let noticed = (0..RUNS).map(|_| {
                    let counts = multinomial(&mut dice, step.requests, &moved);
                    let groups: Vec<(u64, u32)> = counts.into_iter().zip(weights).collect();
                    u32::from(p_value(&groups).0 < 1.0 - certainty)
                });
                let share = f64::from(noticed.sum::<u32>()) / f64::from(RUNS);
                assert!(share > certainty - 0.02, "{weights:?}: {step:?} notice {share}");
            }
        }
    }

    #[test]
    fn what_cannot_be_planned_is_refused() {
        for expected in [Expected::Local, Expected::Failover, Expected::Endpoints] {
            assert!(weights(&expected, None).is_err());
        }
        assert_eq!(weights(&Expected::Several, None).unwrap(), [1, 1]);
        let endpoints = [("a".to_owned(), 1), ("b".to_owned(), 2)].into();
        assert_eq!(weights(&Expected::Endpoints, Some(endpoints)).unwrap(), [1, 2]);
    }
}
