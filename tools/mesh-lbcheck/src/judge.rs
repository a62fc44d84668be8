//! The answer: are replies as expected, and if not, why not.

use crate::answers::Answers;
use crate::drill::{Phase, Recovery};
use crate::endpoints::Endpoints;
use crate::expect::{Criteria, Expected};
use crate::locality::Locality;
use crate::record::EventKind;
use crate::source::Source;
use crate::split::Split;
use crate::statistics::as_f64;
use crate::tally::Total;
use meshcore::{Result, Verdict};

/// What is known of the service beside its replies.
#[derive(Debug)]
pub struct Setting {
    /// Its endpoints, if they were given.
    pub endpoints: Option<Endpoints>,
    /// Whether near endpoints are preferred.
    pub locality: Locality,
}

/// The outcome of all checks.
#[derive(Debug)]
pub struct Judgement {
    /// In order: those of each source cluster, then those of all.
    pub checks: Vec<Check>,
    /// Of each source cluster, how its shares compare with the expected ones.
    pub splits: Vec<Option<Split>>,
    /// What a person should know who reads the verdict.
    pub notes: Vec<String>,
}

/// One thing that must hold.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    /// The source cluster that it is about.
    pub source: Option<String>,
    /// What it is about.
    pub name: String,
    /// Why it does not hold, each a clause that names what it is about.
    pub reasons: Vec<String>,
}

impl Judgement {
    /// Yes, unless there is a reason why not.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.checks.iter().all(|check| check.reasons.is_empty()) {
            Verdict::Yes
        } else {
            Verdict::No
        }
    }

    /// All reasons, with their source clusters.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let prefixed = |check: &Check| {
            let prefix = prefix(check.source.as_deref());
            check.reasons.iter().map(|reason| format!("{prefix}{reason}")).collect::<Vec<_>>()
        };
        self.checks.iter().flat_map(prefixed).collect()
    }
}

/// What stands before what is about a source cluster.
#[must_use]
pub fn prefix(source: Option<&str>) -> String {
    source.map_or(String::new(), |source| format!("from {source}: "))
}

/// Compares what was counted with what was expected.
pub fn judge(total: &Total, criteria: &Criteria, setting: &Setting) -> Result<Judgement> {
    let mut judgement = Judgement { checks: Vec::new(), splits: Vec::new(), notes: Vec::new() };
    // As many chances for a false alarm as there are sources: each gets its part.
    let doubt = (1.0 - criteria.confidence) / as_f64(total.answers.len() as u64);
    for answers in &total.answers {
        let one = Source { answers, criteria, setting, doubt };
        one.judge(!total.phases.is_empty(), &mut judgement)?;
    }
    let errors: u64 = total.answers.iter().map(Answers::errors).sum();
    let allowed = criteria.max_errors;
    let reasons = (errors > allowed).then(|| format!("errors: {errors}, allowed: {allowed}"));
    judgement.checks.push(Check {
        source: None,
        name: "errors".to_owned(),
        reasons: reasons.into_iter().collect(),
    });
    for phase in &total.phases {
        judgement.checks.extend(drill(phase, &total.answers, criteria));
    }
    Ok(judgement)
}

/// What must hold after an event.
fn drill(phase: &Phase, all: &[Answers], criteria: &Criteria) -> Vec<Check> {
    let Some(event) = &phase.event else { return Vec::new() };
    let (name, is_command) = (phase.name(), event.event == EventKind::Command);
    let mut checks = Vec::new();
    for (answers, seen) in all.iter().zip(&phase.seen) {
        let reason = match seen.recovery {
            Recovery::Never => Some(format!("no recovery after `{name}`")),
            Recovery::Unknown if is_command => Some(format!("no request after `{name}`")),
            // What restores may run when the probe is over.
            Recovery::Unknown | Recovery::Undisturbed | Recovery::After(_) => None,
        };
        let reasons = reason.into_iter().collect();
        checks.push(Check {
            source: answers.source.clone(),
            name: format!("recovery after {name}"),
            reasons,
        });
    }
    let exit = match event.exit {
        Some(0) => None,
        Some(code) => Some(format!("`{name}` failed with exit status {code}")),
        None => Some(format!("`{name}` was ended by a signal")),
    };
    checks.push(Check {
        source: None,
        name: format!("success of {name}"),
        reasons: exit.into_iter().collect(),
    });
    if criteria.expected == Expected::Failover && is_command {
        let has_moved = phase.seen.iter().any(|seen| seen.elsewhere.is_some());
        let reason = (!has_moved).then(|| format!("no reply from elsewhere after `{name}`"));
        checks.push(Check {
            source: None,
            name: format!("failover after {name}"),
            reasons: reason.into_iter().collect(),
        });
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::Answered;
    use crate::drill::Seen;
    use crate::failure::{Failure, Failures};
    use crate::record::{Event, Micros};
    use crate::reply::{Backend, Dimension};

    fn answers(source: &str, v1: u64, v2: u64, errors: u64) -> Answers {
        let answered = |(version, cluster, count): (&str, &str, u64)| {
            let [version, cluster] = [version, cluster].map(str::to_owned);
            let backend = Backend { instance: version.clone(), version, cluster };
            Answered { backend, count, calm: count }
        };
        let backends = [("v1", "c1", v1), ("v2", "c2", v2)].map(answered).to_vec();
        let mut failures = Failures::default();
        failures.add(Failure::Http, errors);
        Answers { source: Some(source.to_owned()), backends, failures, ..Answers::default() }
    }

    fn judged(total: &Total, expected: Expected, max_errors: u64) -> Judgement {
        let by = expected.dimension().unwrap_or(Dimension::Version);
        let min_share = Some("5%".parse().unwrap());
        let criteria = Criteria { expected, by, min_share, max_errors, confidence: 0.99 };
        judge(total, &criteria, &Setting { endpoints: None, locality: Locality::Unknown }).unwrap()
    }

    #[test]
    fn errors_are_allowed_up_to_a_number_and_shares_down_to_one() {
        let total = Total {
            answers: vec![answers("c1", 97, 3, 2), answers("c2", 50, 50, 1)],
            phases: Vec::new(),
        };
        let share = "from c1: v2 gave 3 of 100 replies (3%), less than 5%";
        let judgement = judged(&total, Expected::Several, 2);
        assert_eq!(judgement.reasons(), [share, "errors: 3, allowed: 2"]);
        assert_eq!(judgement.verdict(), Verdict::No);
        assert_eq!(judged(&total, Expected::Several, 3).reasons(), [share]);
    }

    #[test]
    fn with_more_sources_each_must_be_surer() {
        // 65 of 100: p is 0.0035, enough for one source but not for one of three.
        let off = || answers("c1", 65, 35, 0);
        let even = || answers("c2", 50, 50, 0);
        let reasons = |answers: Vec<Answers>| {
            let total = Total { answers, phases: Vec::new() };
            judged(&total, Expected::Even, 0).reasons().len()
        };
        assert_eq!((reasons(vec![off()]), reasons(vec![off(), even()])), (1, 1));
        assert_eq!(reasons(vec![off(), even(), even()]), 0);
    }

    fn phase(event: EventKind, exit: Option<i32>, recovery: Recovery, moved: bool) -> Phase {
        let elsewhere = moved.then(|| (Micros(1), "c2".to_owned()));
        let event = Event {
            began: Micros(1),
            event,
            command: "scale".to_owned(),
            exit,
            duration: Micros(1),
        };
        let seen = Seen { replies: 1, elsewhere, recovery, ..Seen::default() };
        Phase { event: Some(event), seen: vec![seen] }
    }

    #[test]
    fn a_drill_must_end_well() {
        use EventKind::{Command, Finally};
        use Recovery::{After, Never, Undisturbed, Unknown};
        for (phase, expected) in [
            (phase(Command, Some(0), After(Micros(9)), true), vec![]),
            (phase(Finally, Some(0), Undisturbed, false), vec![]),
            (phase(Finally, Some(0), Unknown, false), vec![]),
            (
                phase(Command, Some(0), Never, false),
                vec!["from c1: no recovery after `scale`", "no reply from elsewhere after `scale`"],
            ),
            (phase(Command, Some(0), Unknown, true), vec!["from c1: no request after `scale`"]),
            (
                phase(Finally, Some(7), Undisturbed, false),
                vec!["`finally: scale` failed with exit status 7"],
            ),
            (phase(Command, None, Undisturbed, true), vec!["`scale` was ended by a signal"]),
        ] {
            let total = Total { answers: vec![answers("c1", 5, 0, 0)], phases: vec![phase] };
            assert_eq!(judged(&total, Expected::Failover, 0).reasons(), expected);
        }
    }
}
