//! How surprising counts are, and what they say about shares.

use crate::special::{beta_i, gamma_q, ln_gamma, solve};
use libm::{exp, log};

/// How a p-value was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// All outcomes were gone through that are as unlikely or more so.
    Exact,
    /// Pearson's chi-square: many replies, and at least [`LEAST_EXPECTED`] of each group.
    ChiSquare,
    /// The most surprising group alone, times the number of groups (Bonferroni): never too small
    /// a p-value, whatever the counts.
    Binomial,
}

impl Method {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::ChiSquare => "chi-square",
            Self::Binomial => "binomial",
        }
    }
}

/// So many outcomes are gone through one by one: some milliseconds.
const MOST_OUTCOMES: u64 = 200_000;

/// Cochran's rule asks for 5 of each group; at the far ends of the distribution 10 are better.
pub const LEAST_EXPECTED: f64 = 10.0;

/// The probability that counts of the groups with these weights come out as unlikely as these, or
/// more so, by chance alone. Each group has a count and a weight; not all weights are 0.
#[must_use]
pub fn p_value(groups: &[(u64, u32)]) -> (f64, Method) {
    let whole: f64 = groups.iter().map(|&(_, weight)| f64::from(weight)).sum();
    if groups.iter().any(|&(count, weight)| weight == 0 && count > 0) {
        return (0.0, Method::Exact);
    }
    let groups: Vec<(u64, f64)> = groups
        .iter()
        .filter(|(_, weight)| *weight > 0)
        .map(|&(count, weight)| (count, f64::from(weight) / whole))
        .collect();
    let total: u64 = groups.iter().map(|(count, _)| count).sum();
    let least = groups.iter().map(|(_, share)| as_f64(total) * share).fold(f64::MAX, f64::min);
    if outcomes(total, groups.len()) <= MOST_OUTCOMES {
        (multinomial(&groups, total), Method::Exact)
    } else if least >= LEAST_EXPECTED {
        (chi_square(&groups, total), Method::ChiSquare)
    } else {
        (binomials(&groups, total), Method::Binomial)
    }
}

/// In how many ways `total` can be spread over the groups, as far as it matters.
fn outcomes(total: u64, groups: usize) -> u64 {
    (1..u64::try_from(groups).unwrap_or(u64::MAX))
        .try_fold(1, |ways: u64, i| {
            let next = ways.checked_mul(total.checked_add(i)?)? / i;
            (next <= MOST_OUTCOMES).then_some(next)
        })
        .unwrap_or(u64::MAX)
}

fn multinomial(groups: &[(u64, f64)], total: u64) -> f64 {
    let mut ln_factorials = vec![0.0];
    for i in 1..=total {
        ln_factorials.push(ln_factorials[ln_factorials.len() - 1] + log(as_f64(i)));
    }
    let whole = usize::try_from(total).map_or(f64::MAX, |total| ln_factorials[total]);
    let walk =
        Walk { ln_shares: groups.iter().map(|(_, share)| log(*share)).collect(), ln_factorials };
    let counts = groups.iter().map(|&(count, _)| usize::try_from(count).unwrap_or(usize::MAX));
    let observed: f64 = counts.enumerate().map(|(group, count)| walk.term(group, count)).sum();
    // Outcomes that are as likely as the observed one must not get lost in rounding.
    let limit = observed + 1e-7;
    walk.sum(0, walk.ln_factorials.len() - 1, whole, whole + limit).min(1.0)
}

/// Going through all outcomes; probabilities are logarithms.
struct Walk {
    ln_shares: Vec<f64>,
    ln_factorials: Vec<f64>,
}

impl Walk {
    /// What a group with this count contributes.
    fn term(&self, group: usize, count: usize) -> f64 {
        let power = as_f64(u64::try_from(count).unwrap_or(u64::MAX)) * self.ln_shares[group];
        power - self.ln_factorials[count]
    }

    /// The probability of all outcomes from `group` on that are at most as likely as `limit`.
    fn sum(&self, group: usize, rest: usize, so_far: f64, limit: f64) -> f64 {
        if group + 1 == self.ln_shares.len() {
            let ln = so_far + self.term(group, rest);
            return if ln <= limit { exp(ln) } else { 0.0 };
        }
        (0..=rest)
            .map(|count| self.sum(group + 1, rest - count, so_far + self.term(group, count), limit))
            .sum()
    }
}

fn chi_square(groups: &[(u64, f64)], total: u64) -> f64 {
    let statistic = groups.iter().map(|&(count, share)| {
        let expected = as_f64(total) * share;
        (as_f64(count) - expected) * (as_f64(count) - expected) / expected
    });
    gamma_q(freedom(groups.len()) / 2.0, statistic.sum::<f64>() / 2.0)
}

fn binomials(groups: &[(u64, f64)], total: u64) -> f64 {
    let n = as_f64(total);
    let both_tails = |&(count, share): &(u64, f64)| {
        let count = as_f64(count);
        let at_least = if count > 0.0 { beta_i(count, n - count + 1.0, share) } else { 1.0 };
        let at_most = if count < n { beta_i(n - count, count + 1.0, 1.0 - share) } else { 1.0 };
        2.0 * at_least.min(at_most)
    };
    let least = groups.iter().map(both_tails).fold(1.0, f64::min);
    (least * as_f64(u64::try_from(groups.len()).unwrap_or(u64::MAX))).min(1.0)
}

/// The degrees of freedom of so many groups.
fn freedom(groups: usize) -> f64 {
    as_f64(u64::try_from(groups.saturating_sub(1)).unwrap_or(u64::MAX))
}

/// How many standard deviations to both sides hold `confidence` of a normal distribution.
#[must_use]
pub fn deviations(confidence: f64) -> f64 {
    solve(confidence, 40.0, |z| 1.0 - gamma_q(0.5, z * z / 2.0))
}

/// Wilson's interval of the share that gave `count` of `total`; `z` from [`deviations`].
#[must_use]
pub fn wilson(count: u64, total: u64, z: f64) -> (f64, f64) {
    if total == 0 {
        return (0.0, 1.0);
    }
    let (n, zz) = (as_f64(total), z * z);
    let share = as_f64(count) / n;
    let centre = share + zz / (2.0 * n);
    let half = z * (share * (1.0 - share) / n + zz / (4.0 * n * n)).sqrt();
    let low = if count == 0 { 0.0 } else { (centre - half) / (1.0 + zz / n) };
    let high = if count == total { 1.0 } else { (centre + half) / (1.0 + zz / n) };
    (low.clamp(0.0, 1.0), high.clamp(0.0, 1.0))
}

/// How far the chi-square of `groups` groups must be moved (its noncentrality) so that a test at
/// `confidence` notices it with the same certainty.
#[must_use]
pub fn noncentrality(groups: usize, confidence: f64) -> f64 {
    let freedom = freedom(groups);
    let most = 1000.0 + 10.0 * freedom;
    let critical = solve(confidence, most, |x| 1.0 - gamma_q(freedom / 2.0, x / 2.0));
    solve(confidence, most, |moved| 1.0 - noncentral_below(freedom, moved, critical))
}

/// The probability that a noncentral chi-square stays below `x`: central ones, mixed as Poisson.
fn noncentral_below(freedom: f64, moved: f64, x: f64) -> f64 {
    let mean = moved / 2.0;
    // Beyond them a Poisson distribution has nothing that counts.
    let spread = 12.0 * (mean.sqrt() + 2.0);
    let mut n = as_f64(floor((mean - spread).max(0.0)));
    let mut sum = 0.0;
    while n <= mean + spread {
        let ln_weight = n * log(mean.max(f64::MIN_POSITIVE)) - mean - ln_gamma(n + 1.0);
        sum += exp(ln_weight) * (1.0 - gamma_q(freedom / 2.0 + n, x / 2.0));
        n += 1.0;
    }
    sum
}

/// The whole part of a number that is not negative.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
#[must_use]
pub fn floor(number: f64) -> u64 {
    number as u64
}

/// Counts are far below 2^53, where floats begin to skip integers.
#[expect(clippy::cast_precision_loss, reason = "2^53 replies are not to be had")]
#[must_use]
pub fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use statrs::distribution::{
        Binomial, ChiSquared, ContinuousCDF, Discrete, DiscreteCDF, Normal,
    };

    /// Exact p-values the slow way, by an independent library: a multinomial is binomials in a row.
    fn by_library(groups: &[(u64, u32)]) -> f64 {
        fn all(groups: &[(u64, u32)], rest: u64) -> Vec<Vec<u64>> {
            let Some((_, others)) = groups.split_first() else {
                return if rest == 0 { vec![Vec::new()] } else { Vec::new() };
            };
            (0..=rest)
                .flat_map(|count| {
                    let tails = all(others, rest - count);
                    tails.into_iter().map(move |tail| [vec![count], tail].concat())
                })
                .collect()
        }
        let total: u64 = groups.iter().map(|(count, _)| count).sum();
        let probability = |counts: &[u64]| {
            let (mut rest, mut weights) =
                (total, groups.iter().map(|g| f64::from(g.1)).sum::<f64>());
            counts.iter().zip(groups).fold(1.0, |product, (&count, &(_, weight))| {
                let share = (f64::from(weight) / weights).min(1.0);
                let factor = Binomial::new(share, rest).unwrap().pmf(count);
                rest -= count;
                weights = (weights - f64::from(weight)).max(f64::from(weight) * 1e-9);
                product * factor
            })
        };
        let counts: Vec<u64> = groups.iter().map(|(count, _)| *count).collect();
        let observed = probability(&counts);
        let all = all(groups, total);
        all.iter().map(|counts| probability(counts)).filter(|&p| p <= observed * (1.0 + 1e-7)).sum()
    }

    #[test]
    fn known_values() {
        // All of 20 from one of two: 2 / 2^20.
        let (p, method) = p_value(&[(20, 1), (0, 1)]);
        assert!((p - 2.0 / 1_048_576.0).abs() < 1e-15 && method == Method::Exact);
        assert_eq!(p_value(&[(5, 1), (5, 1)]), (1.0, Method::Exact));
        assert!(p_value(&[(5, 1), (1, 0)]).0 <= 0.0);
        assert_eq!(p_value(&[(7, 3)]), (1.0, Method::Exact));
        assert_eq!(p_value(&[(0, 3), (0, 1)]), (1.0, Method::Exact));
        let (low, high) = wilson(50, 100, deviations(0.95));
        assert!((low - 0.4038).abs() < 1e-4 && (high - 0.5962).abs() < 1e-4);
        assert_eq!(wilson(0, 0, 2.0), (0.0, 1.0));
    }

    #[test]
    fn deviations_are_those_of_an_independent_library() {
        let normal = Normal::standard();
        for confidence in [0.5, 0.9, 0.95, 0.99, 0.999, 0.999_999] {
            let theirs = normal.inverse_cdf(0.5 + confidence / 2.0);
            assert!((deviations(confidence) - theirs).abs() < 1e-6, "{confidence}");
        }
    }

    #[test]
    fn each_number_of_outcomes_has_its_method() {
        let even = |groups: usize, each: u64| p_value(&vec![(each, 1); groups]).1;
        assert_eq!(even(2, 90_000), Method::Exact);
        assert_eq!(even(2, 110_000), Method::ChiSquare);
        assert_eq!(even(12, 10), Method::ChiSquare);
        assert_eq!(even(12, 9), Method::Binomial);
        assert_eq!(p_value(&[(u64::MAX >> 12, 1), (u64::MAX >> 12, 1)]).1, Method::ChiSquare);
        // All of 20 from one of 30, and one stray reply of a group that gets one in a million.
        let mut one_of_thirty = vec![(0, 1); 30];
        one_of_thirty[3].0 = 20;
        assert!(p_value(&one_of_thirty).0 < 1e-20);
        assert!(p_value(&[(1_000_000, 1_000_000), (1, 1)]).0 > 0.5);
        assert!(p_value(&[(1_000_000, 1_000_000), (30, 1)]).0 < 1e-9);
    }

    #[test]
    fn noncentrality_is_that_of_the_tables() {
        // Two groups: the sum of both normal quantiles, squared (1.96 + 1.2816 for 95% and 90%).
        let z = deviations(0.98) + deviations(0.99);
        assert!((noncentrality(2, 0.99) - z * z).abs() < 0.01);
        // The more groups, the more it takes.
        assert!(noncentrality(3, 0.99) > noncentrality(2, 0.99));
    }

    proptest! {
        #[test]
        fn exact_values_are_those_of_an_independent_library(
            groups in prop::collection::vec((0u64..9, 1u32..6), 2..4)
        ) {
            let ((mine, method), theirs) = (p_value(&groups), by_library(&groups));
            prop_assert_eq!(method, Method::Exact);
            prop_assert!((mine - theirs.min(1.0)).abs() < 1e-6, "{mine} {theirs}");
        }

        #[test]
        fn chi_squares_are_those_of_an_independent_library(
            counts in prop::collection::vec(100_000u64..101_500, 3..9)
        ) {
            let groups: Vec<(u64, u32)> = counts.iter().map(|&count| (count, 1)).collect();
            let expected = as_f64(counts.iter().sum::<u64>()) / (freedom(counts.len()) + 1.0);
            let statistic = counts.iter().map(|&c| (as_f64(c) - expected).powi(2) / expected).sum();
            let theirs = ChiSquared::new(freedom(counts.len())).unwrap().sf(statistic);
            let (mine, method) = p_value(&groups);
            prop_assert_eq!(method, Method::ChiSquare);
            prop_assert!((mine - theirs).abs() < 1e-9 * theirs.max(1e-3), "{mine} {theirs}");
        }

        #[test]
        fn tails_are_those_of_an_independent_library(count in 0u64..=200, share in 0.01f64..0.99) {
            let library = Binomial::new(share, 200).unwrap();
            let at_least = if count == 0 { 1.0 } else { library.sf(count - 1) };
            let theirs = (2.0 * at_least.min(library.cdf(count))).min(1.0);
            let mine = binomials(&[(count, share)], 200);
            prop_assert!((mine - theirs).abs() < 1e-9, "{mine} {theirs}");
        }

        #[test]
        fn an_interval_holds_the_share(count in 0u64..500, more in 1u64..500, z in 0.5f64..4.0) {
            let (low, high) = wilson(count, count + more, z);
            let share = as_f64(count) / as_f64(count + more);
            prop_assert!(low <= share && share <= high && low < high);
            // Its ends are the shares from which the counted one is just z deviations away.
            for end in [low, high].into_iter().filter(|end| (1e-9..1.0).contains(end)) {
                let deviation = (end * (1.0 - end) / as_f64(count + more)).sqrt();
                prop_assert!(((share - end).abs() - z * deviation).abs() < 1e-9);
            }
        }
    }
}
