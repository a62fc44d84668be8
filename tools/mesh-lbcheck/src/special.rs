//! The special functions that probabilities are made of, to about twelve digits. Logarithms come
//! from a crate and not from the C library, whose last digits differ from version to version.

use libm::{exp, log, log1p};

/// The natural logarithm of the gamma function, for `x` from 1/2 on (Lanczos, g = 7).
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    const G: f64 = 7.0;
    const FIRST: f64 = 0.999_999_999_999_809_9;
    const REST: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let mut divisor = x;
    let sum = REST.iter().fold(FIRST, |sum, coefficient| {
        divisor += 1.0;
        sum + coefficient / divisor
    });
    let t = x + G + 0.5;
    0.5 * log(2.0 * std::f64::consts::PI) + (x + 0.5) * log(t) - t + log(sum)
}

/// The regularised upper incomplete gamma function: `Q(a, x)` for positive `a`.
#[must_use]
pub fn gamma_q(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let factor = exp(a * log(x) - x - ln_gamma(a));
    if x < a + 1.0 {
        // 1 - P by its series.
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > sum * f64::EPSILON {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return 1.0 - factor * sum;
    }
    let step = |i: u32| {
        let i = f64::from(i);
        (-i * (i - a), x + 2.0 * i + 1.0 - a)
    };
    factor / continued_fraction(x + 1.0 - a, step)
}

/// The regularised incomplete beta function: `I(x; a, b)` for positive `a`, `b` and `x` in 0..=1.
#[must_use]
pub fn beta_i(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast on this side alone.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_i(b, a, 1.0 - x);
    }
    let ln_beta = ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    let factor = exp(a * log(x) + b * log1p(-x) - ln_beta) / a;
    let step = |i: u32| {
        let half = f64::from(i / 2);
        let a_and_all = a + 2.0 * half;
        let numerator = if i.is_multiple_of(2) {
            half * (b - half) * x / ((a_and_all - 1.0) * a_and_all)
        } else {
            -(a + half) * (a + b + half) * x / (a_and_all * (a_and_all + 1.0))
        };
        (numerator, 1.0)
    };
    factor / continued_fraction(1.0, step)
}

/// `first + n1 / (d1 + n2 / (d2 + …))`, where `step(i)` gives `(ni, di)` (modified Lentz).
fn continued_fraction(first: f64, step: impl Fn(u32) -> (f64, f64)) -> f64 {
    const TINY: f64 = 1e-300;
    const MOST: u32 = 100_000;
    let away_from_zero = |x: f64| if x.abs() < TINY { TINY } else { x };
    let mut value = away_from_zero(first);
    let (mut c, mut d) = (value, 0.0);
    for i in 1..=MOST {
        let (numerator, denominator) = step(i);
        d = 1.0 / away_from_zero(denominator + numerator * d);
        c = away_from_zero(denominator + numerator / c);
        value *= c * d;
        if (c * d - 1.0).abs() < 4.0 * f64::EPSILON {
            break;
        }
    }
    value
}

/// Where an increasing function of 0 to `most` reaches `wanted`.
#[must_use]
pub fn solve(wanted: f64, most: f64, increasing: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, most);
    // Every round gives a bit; there are not more of them.
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if increasing(middle) < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use statrs::function::{beta, gamma};

    fn close(mine: f64, theirs: f64) -> bool {
        (mine - theirs).abs() <= 1e-10 * theirs.abs().max(1e-3)
    }

    #[test]
    fn a_function_is_solved() {
        assert!(close(solve(2.0, 4.0, |x| x * x), 2.0_f64.sqrt()));
    }

    proptest! {
        #[test]
        fn gamma_functions_are_those_of_an_independent_library(
            a in prop_oneof![0.5f64..5.0, 0.5f64..500.0],
            x in prop_oneof![0.001f64..10.0, 0.001f64..800.0],
        ) {
            let (mine, theirs) = (ln_gamma(a), gamma::ln_gamma(a));
            prop_assert!((mine - theirs).abs() < 1e-11 * theirs.abs().max(1.0), "{mine} {theirs}");
            let (mine, theirs) = (gamma_q(a, x), gamma::gamma_ur(a, x));
            prop_assert!(close(mine, theirs), "Q({a}, {x}): {mine} {theirs}");
        }

        #[test]
        fn the_beta_function_is_that_of_an_independent_library(
            a in 0.5f64..400.0, b in 0.5f64..400.0, x in 0.0f64..=1.0,
        ) {
            let (mine, theirs) = (beta_i(a, b, x), beta::beta_reg(a, b, x));
            prop_assert!(close(mine, theirs), "I({x}; {a}, {b}): {mine} {theirs}");
        }
    }
}
