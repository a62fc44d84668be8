//! The shares that were counted against those that were expected.

use crate::share::Share;
use crate::statistics::{Method, as_f64, p_value};
use std::collections::BTreeMap;

/// How counts compare with weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// By name: how many there were and the share that was expected.
    pub groups: Vec<Group>,
    /// The probability of counts as unlikely as these or more so, by chance alone.
    pub p: f64,
    /// How it was found.
    pub method: Method,
}

/// One of those whose share is expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its replies.
    pub count: u64,
    /// From 0 to 1.
    pub expected: f64,
}

/// Compares; of nothing there is no split. Groups that are not expected are left out.
#[must_use]
pub fn of(counts: &BTreeMap<&str, u64>, weights: &BTreeMap<String, u32>) -> Option<Split> {
    let whole: f64 = weights.values().map(|&weight| f64::from(weight)).sum();
    let count = |name: &String| counts.get(name.as_str()).copied().unwrap_or(0);
    if weights.keys().map(count).sum::<u64>() == 0 {
        return None;
    }
    let pairs: Vec<(u64, u32)> = weights.iter().map(|(name, &w)| (count(name), w)).collect();
    let (p, method) = p_value(&pairs);
    let group = |(name, &weight): (&String, &u32)| Group {
        name: name.clone(),
        count: count(name),
        expected: f64::from(weight) / whole,
    };
    Some(Split { groups: weights.iter().map(group).collect(), p, method })
}

impl Split {
    /// Why it is not as expected, when chance alone does it less often than `doubt`.
    #[must_use]
    pub fn reason(&self, doubt: f64) -> Option<String> {
        if self.p >= doubt {
            return None;
        }
        let replies: u64 = self.groups.iter().map(|group| group.count).sum();
        let off = |group: &Group| {
            let expected = as_f64(replies) * group.expected;
            (as_f64(group.count) - expected).abs() / expected.max(1e-9).sqrt()
        };
        // The first of those that are off the most.
        let most = self.groups.iter().rev().max_by(|a, b| off(a).total_cmp(&off(b)))?;
        let (name, count) = (&most.name, most.count);
        let (share, expected) = (Share::of(count, replies), Share::of_f64(most.expected));
        Some(format!(
            "{name} gave {count} of {replies} replies ({share}), expected {expected}: p-value {}",
            shown(self.p)
        ))
    }
}

/// A p-value for people.
#[must_use]
pub fn shown(p: f64) -> String {
    if p < 1e-12 {
        return "below 1e-12".to_owned();
    }
    if p < 0.001 {
        return format!("{p:.1e}");
    }
    let text = format!("{p:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(weights: &[(&str, u32)]) -> BTreeMap<String, u32> {
        weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
    }

    #[test]
    fn a_split_that_is_off_says_where() {
        let split =
            of(&[("v1", 90), ("v2", 10)].into(), &weights(&[("v1", 1), ("v2", 1)])).unwrap();
        assert_eq!(
            split.reason(0.01).unwrap(),
            "v1 gave 90 of 100 replies (90%), expected 50%: p-value below 1e-12"
        );
        let split =
            of(&[("v1", 70), ("v2", 30)].into(), &weights(&[("v1", 80), ("v2", 20)])).unwrap();
        assert_eq!(split.reason(0.001), None);
        assert_eq!(
            split.reason(0.05).unwrap(),
            "v2 gave 30 of 100 replies (30%), expected 20%: p-value 0.0169"
        );
    }

    #[test]
    fn who_does_not_answer_counts_and_who_is_not_expected_does_not() {
        let split = of(&[("v1", 9), ("v3", 5)].into(), &weights(&[("v1", 1), ("v2", 1)])).unwrap();
        assert_eq!(split.groups.iter().map(|g| g.count).collect::<Vec<_>>(), [9, 0]);
        assert!((split.p - 2.0 / 512.0).abs() < 1e-12);
        assert_eq!(of(&[("v3", 5)].into(), &weights(&[("v1", 1)])), None);
    }

    #[test]
    fn p_values_are_short() {
        for (p, text) in [
            (1.0, "1"),
            (0.5, "0.5"),
            (0.01681, "0.0168"),
            (0.0010, "0.001"),
            (1.907e-6, "1.9e-6"),
            (0.0, "below 1e-12"),
        ] {
            assert_eq!(shown(p), text);
        }
    }
}
