//! The judgement of what one source cluster was answered.

use crate::answers::Answers;
use crate::expect::{Criteria, Expected};
use crate::judge::{Check, Judgement, Setting, prefix};
use crate::locality::Locality;
use crate::reply::Dimension;
use crate::share::Share;
use crate::split;
use meshcore::{Error, Result};
use std::collections::BTreeMap;

/// What one source cluster was answered, and what it should have been.
pub struct Source<'a> {
    /// The answers.
    pub answers: &'a Answers,
    /// What is expected.
    pub criteria: &'a Criteria,
    /// What else is known.
    pub setting: &'a Setting,
    /// How unlikely shares must be to be called off.
    pub doubt: f64,
}

impl Source<'_> {
    /// Adds checks, a split and notes to the judgement.
    pub fn judge(&self, in_drill: bool, judgement: &mut Judgement) -> Result<()> {
        let by = self.criteria.by;
        let groups = self.answers.calm_groups(by);
        self.refuse_unknown(&groups)?;
        let mut reasons = Vec::new();
        let mut weights = None;
        if groups.is_empty() {
            let when = if in_drill { " before the first event" } else { "" };
            reasons.push(format!("no {} answered{when}", by.as_str()));
        } else {
            match &self.criteria.expected {
                Expected::Several if self.is_local_by_design() => {
                    judgement.notes.push(self.note("all replies are local, and meant to be: "));
                }
                Expected::Several => reasons.extend(too_few(&groups)),
                Expected::These(these) => {
                    let these: Vec<&str> = these.iter().map(String::as_str).collect();
                    reasons.extend(missing(&groups, &these));
                    reasons.extend(others(&groups, &these));
                }
                Expected::Even => match too_few(&groups) {
                    Some(reason) => reasons.push(reason),
                    None => {
                        weights = Some(groups.keys().map(|&name| (name.to_owned(), 1)).collect());
                    }
                },
                Expected::Weights(expected) => weights = Some(expected.clone()),
                Expected::Endpoints => weights = Some(self.endpoints(&mut judgement.notes)),
                Expected::Local => reasons.extend(self.not_local(&groups)?),
                Expected::Failover if in_drill => reasons.extend(self.not_local(&groups)?),
                Expected::Failover => reasons.extend(self.local(&groups)?),
            }
        }
        if let Some(weights) = &weights {
            let named: Vec<&str> = weights.keys().map(String::as_str).collect();
            reasons.extend(others(&groups, &named));
        }
        let split = weights.and_then(|weights| split::of(&groups, &weights));
        let off = split.as_ref().and_then(|split| split.reason(self.doubt));
        if groups.len() == 1 && (off.is_some() || !reasons.is_empty()) {
            judgement.notes.extend(self.hint());
        }
        let tests_split = split.is_some();
        self.check("answers", reasons, judgement);
        judgement.splits.push(split);
        if tests_split {
            self.check("split", off.into_iter().collect(), judgement);
        }
        if let Some(least) = self.criteria.min_share {
            self.check("share", self.small(&groups, least), judgement);
        }
        Ok(())
    }

    fn check(&self, name: &str, reasons: Vec<String>, judgement: &mut Judgement) {
        let (source, name) = (self.answers.source.clone(), name.to_owned());
        judgement.checks.push(Check { source, name, reasons });
    }

    /// Shares are of all replies: one that does not say whose it is would make them wrong.
    fn refuse_unknown(&self, groups: &BTreeMap<&str, u64>) -> Result<()> {
        let all: u64 = self.answers.backends.iter().map(|answered| answered.calm).sum();
        let unknown = all - groups.values().sum::<u64>();
        if unknown == 0 {
            return Ok(());
        }
        let by = self.criteria.by;
        let text = format!("the {} of {unknown} of {all} replies is not known", by.as_str());
        Err(Error::data(text).hint(match by {
            Dimension::Cluster => {
                "tell it with --where VERSION=CLUSTER, --endpoints CLUSTER=FILE or a group of \
                 --pattern"
            }
            Dimension::Version | Dimension::Instance => "a group of --pattern tells it",
        }))
    }

    fn small(&self, groups: &BTreeMap<&str, u64>, least: Share) -> Vec<String> {
        let replies = groups.values().sum();
        let is_expected = |name: &str| match &self.criteria.expected {
            Expected::These(these) => these.contains(name),
            Expected::Weights(weights) => weights.get(name).is_some_and(|weight| *weight > 0),
            _ => true,
        };
        let small = groups
            .iter()
            .filter(|(name, count)| is_expected(name) && !least.is_reached(**count, replies));
        small
            .map(|(name, &count)| {
                let share = Share::of(count, replies);
                format!("{name} gave {count} of {replies} replies ({share}), less than {least}")
            })
            .collect()
    }

    /// Each endpoint alike; where near ones are preferred and only they answered, those.
    fn endpoints(&self, notes: &mut Vec<String>) -> BTreeMap<String, u32> {
        let Some(endpoints) = &self.setting.endpoints else { return BTreeMap::new() };
        let source = self.answers.source.as_deref().unwrap_or_default();
        let near = endpoints.weights_in(source);
        if self.is_local_by_design() && !near.is_empty() {
            notes.push(self.note("all replies are local, and meant to be: "));
            return near;
        }
        endpoints.weights()
    }

    fn is_local_by_design(&self) -> bool {
        matches!(self.setting.locality, Locality::On { .. }) && self.is_all_local()
    }

    fn is_all_local(&self) -> bool {
        let clusters = self.answers.calm_groups(Dimension::Cluster);
        let replies: u64 = self.answers.backends.iter().map(|answered| answered.calm).sum();
        let own = self.answers.source.as_deref().and_then(|source| clusters.get(source));
        own.is_some_and(|&count| count == replies)
    }

    fn note(&self, text: &str) -> String {
        let prefix = prefix(self.answers.source.as_deref());
        match &self.setting.locality {
            Locality::On { by } => format!("{prefix}{text}{by} turns locality load balancing on"),
            Locality::Off | Locality::Unknown => format!("{prefix}{text}"),
        }
    }

    /// What one should know when only one answered.
    fn hint(&self) -> Option<String> {
        if matches!(self.criteria.expected, Expected::Local | Expected::Failover) {
            return None;
        }
        let text = match &self.setting.locality {
            Locality::Off => {
                "locality load balancing is off, so others should have answered: this is broken"
            }
            Locality::On { .. } if self.is_all_local() => {
                "all replies are local, which is not broken: "
            }
            Locality::On { .. } if self.answers.calm_groups(Dimension::Cluster).is_empty() => {
                "if all these replies are local, that is not broken: "
            }
            Locality::On { .. } | Locality::Unknown => return None,
        };
        Some(self.note(text))
    }

    fn source(&self) -> Result<&str> {
        self.answers.source.as_deref().ok_or_else(|| {
            Error::usage("--expect: which cluster the replies were asked from is not known")
                .hint("--source CLUSTER tells it")
        })
    }

    fn not_local(&self, groups: &BTreeMap<&str, u64>) -> Result<Vec<String>> {
        let (source, replies) = (self.source()?, groups.values().sum::<u64>());
        let foreign = groups.iter().filter(|(cluster, _)| **cluster != source);
        Ok(foreign
            .map(|(cluster, count)| format!("{count} of {replies} replies came from {cluster}"))
            .collect())
    }

    fn local(&self, groups: &BTreeMap<&str, u64>) -> Result<Option<String>> {
        let (source, replies) = (self.source()?, groups.values().sum::<u64>());
        Ok(groups
            .get(source)
            .map(|count| format!("{count} of {replies} replies still came from {source} itself")))
    }
}

fn too_few(groups: &BTreeMap<&str, u64>) -> Option<String> {
    let mut names = groups.keys();
    match (names.next(), names.next()) {
        (Some(only), None) => Some(format!("only {only} answered")),
        _ => None,
    }
}

fn missing(groups: &BTreeMap<&str, u64>, expected: &[&str]) -> Vec<String> {
    let missing = expected.iter().filter(|name| !groups.contains_key(**name));
    missing.map(|name| format!("{name} did not answer")).collect()
}

fn others(groups: &BTreeMap<&str, u64>, expected: &[&str]) -> Vec<String> {
    let others = groups.keys().filter(|name| !expected.contains(name));
    others.map(|name| format!("{name} answered and is not expected")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::Answered;
    use crate::endpoints::Endpoints;
    use crate::judge::judge;
    use crate::reply::Backend;
    use crate::tally::Total;

    /// Answers to `c1`: version, cluster and how often.
    fn answers(backends: &[(&str, &str, u64)]) -> Total {
        let answered = |&(version, cluster, count): &(&str, &str, u64)| {
            let [version, cluster] = [version, cluster].map(str::to_owned);
            let instance = format!("{version}-pod");
            Answered { backend: Backend { version, instance, cluster }, count, calm: count }
        };
        let backends = backends.iter().map(answered).collect();
        let answers = Answers { source: Some("c1".to_owned()), backends, ..Answers::default() };
        Total { answers: vec![answers], phases: Vec::new() }
    }

    fn setting(locality: Locality) -> Setting {
        Setting { endpoints: None, locality }
    }

    fn on() -> Locality {
        Locality::On { by: "X".to_owned() }
    }

    fn judged(total: &Total, expect: &str, setting: &Setting) -> Judgement {
        let parts: Vec<String> =
            expect.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let expected = Expected::parse(&parts).unwrap();
        let by = expected.dimension().unwrap_or(Dimension::Version);
        let criteria = Criteria { expected, by, min_share: None, max_errors: 0, confidence: 0.99 };
        judge(total, &criteria.check().unwrap(), setting).unwrap()
    }

    fn reasons(backends: &[(&str, &str, u64)], expect: &str) -> Vec<String> {
        judged(&answers(backends), expect, &setting(Locality::Unknown)).reasons()
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn without_expectation_two_versions_must_answer() {
        assert_eq!(reasons(&[("v1", "", 9), ("v2", "", 1)], ""), NONE);
        assert_eq!(reasons(&[("v1", "", 9)], ""), ["from c1: only v1 answered"]);
        assert_eq!(reasons(&[], ""), ["from c1: no version answered"]);
    }

    #[test]
    fn the_named_versions_and_no_others_must_answer() {
        assert_eq!(reasons(&[("v1", "", 9), ("v2", "", 1)], "v1,v2"), NONE);
        assert_eq!(
            reasons(&[("v1", "", 9), ("v3", "", 1)], "v2,v1"),
            ["from c1: v2 did not answer", "from c1: v3 answered and is not expected"]
        );
    }

    #[test]
    fn shares_must_be_as_expected() {
        let off = "from c1: v1 gave 45 of 50 replies (90%), expected 50%: p-value 4.2e-9";
        assert_eq!(reasons(&[("v1", "", 26), ("v2", "", 24)], "even"), NONE);
        assert_eq!(reasons(&[("v1", "", 45), ("v2", "", 5)], "even"), [off]);
        assert_eq!(reasons(&[("v1", "", 45), ("v2", "", 5)], "v1=90,v2=10"), NONE);
        assert_eq!(reasons(&[("v1", "", 45), ("v2", "", 5)], "v1=1,v2=1"), [off]);
        assert_eq!(reasons(&[("v1", "", 45)], "even"), ["from c1: only v1 answered"]);
        // Who is expected and silent counts; who is not expected is told, too.
        assert_eq!(
            reasons(&[("v1", "", 3), ("v3", "", 1)], "v1=1,v2=1"),
            ["from c1: v3 answered and is not expected"]
        );
        assert_eq!(
            reasons(&[("v1", "", 90), ("v2", "", 1)], "v1=1,v2=0"),
            ["from c1: v2 gave 1 of 91 replies (1.1%), expected 0%: p-value below 1e-12"]
        );
    }

    #[test]
    fn local_and_failover_are_about_the_sources_own_cluster() {
        let (own, other) = (("v1", "c1", 5), ("v2", "c2", 4));
        assert_eq!(reasons(&[own], "local"), NONE);
        assert_eq!(reasons(&[own, other], "local"), ["from c1: 4 of 9 replies came from c2"]);
        assert_eq!(reasons(&[other], "failover"), NONE);
        assert_eq!(
            reasons(&[own, other], "failover"),
            ["from c1: 5 of 9 replies still came from c1 itself"]
        );
    }

    #[test]
    fn what_is_not_known_is_no_verdict() {
        let error = |total: &Total| {
            let expected = Expected::Local;
            let by = Dimension::Cluster;
            let criteria =
                Criteria { expected, by, min_share: None, max_errors: 0, confidence: 0.99 };
            let error = judge(total, &criteria, &setting(Locality::Unknown)).unwrap_err();
            error.message().text().to_owned()
        };
        assert_eq!(
            error(&answers(&[("v1", "", 3), ("v2", "c2", 1)])),
            "the cluster of 3 of 4 replies is not known"
        );
        let mut total = answers(&[("v1", "c1", 1)]);
        total.answers[0].source = None;
        assert!(error(&total).ends_with("which cluster the replies were asked from is not known"));
    }

    #[test]
    fn all_local_is_told_from_broken() {
        let local = answers(&[("v1", "c1", 9)]);
        let unknown = answers(&[("v1", "", 9)]);
        let foreign = answers(&[("v2", "c2", 9)]);
        for (total, expect, locality, yes, note) in [
            (&local, "", on(), true, "all replies are local, and meant to be: X turns"),
            (&local, "v1,v2", on(), false, "all replies are local, which is not broken: X"),
            (&local, "even", on(), false, "all replies are local, which is not broken: X"),
            (&local, "", Locality::Off, false, "locality load balancing is off, so others"),
            (&unknown, "", on(), false, "if all these replies are local, that is not broken: X"),
            (&unknown, "", Locality::Unknown, false, ""),
            (&foreign, "", on(), false, ""),
            (&local, "local", Locality::Off, true, ""),
        ] {
            let judgement = judged(total, expect, &setting(locality));
            assert_eq!(judgement.reasons().is_empty(), yes, "{expect}");
            let notes = judgement.notes.join("; ");
            assert_eq!(notes.is_empty(), note.is_empty(), "{notes}");
            assert!(notes.contains(note), "{notes}");
        }
    }

    #[test]
    fn near_endpoints_are_enough_where_they_are_preferred() {
        let endpoints =
            || Some(Endpoints::named(&[("v1-pod", "c1"), ("v2-pod", "c2"), ("v3-pod", "c1")]));
        let near = answers(&[("v1", "c1", 20), ("v3", "c1", 21)]);
        let all = Setting { endpoints: endpoints(), locality: Locality::Off };
        assert_eq!(
            judged(&near, "endpoints", &all).reasons(),
            ["from c1: v2-pod gave 0 of 41 replies (0%), expected 33.33%: p-value 3.6e-7"]
        );
        let local = Setting { endpoints: endpoints(), locality: on() };
        assert_eq!(judged(&near, "endpoints", &local).reasons(), NONE);
        let skewed = answers(&[("v1", "c1", 40), ("v3", "c1", 1)]);
        assert_eq!(judged(&skewed, "endpoints", &local).reasons().len(), 1);
    }
}
