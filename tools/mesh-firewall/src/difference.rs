//! What must change for a network to have the wanted rules, and nothing more.

use crate::effect::{denied_before, let_in_already};
use crate::{Action, Existing, Network, Opening, ResourceName, Rule, Targets};
use meshcore::{Error, Message, Result, shell};
use std::collections::BTreeSet;

/// One command's worth of change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make the rule.
    Create(Rule),
    /// Give the rule of that name these fields of the wanted one.
    Update(Rule, Vec<Change>),
}

/// A field of an existing rule that is not as wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Protocols.
    Allow,
    /// Priority.
    Priority,
    /// Sources.
    SourceRanges,
    /// Targets, by tag.
    TargetTags,
    /// Targets, by service account.
    TargetServiceAccounts,
    /// It also lets in instances by tag.
    SourceTags,
    /// It also lets in instances by service account.
    SourceServiceAccounts,
    /// It lets in traffic to some addresses alone.
    DestinationRanges,
    /// It is disabled.
    Disabled,
}

/// The steps, and what the user should know.
#[derive(Debug, Default)]
pub struct Difference {
    /// In the order of the rules.
    pub steps: Vec<Step>,
    /// What is as wanted already.
    pub notes: Vec<Message>,
    /// What the steps do not put right.
    pub warnings: Vec<Message>,
}

/// Compares the wanted rules with those that the network's project has.
pub fn difference(
    rules: Vec<Rule>,
    openings: &[Opening],
    existing: Vec<Existing>,
    network: &Network,
) -> Result<Difference> {
    // Rules of another project have nothing to do with this network.
    let (own, others): (Vec<_>, Vec<_>) = existing
        .into_iter()
        .filter(|e| e.may_be_in_project_of(network))
        .partition(|e| openings.iter().any(|opening| is_numbered(&e.name, &opening.name)));
    let others: Vec<Existing> =
        others.into_iter().filter(|e| e.network.name == network.name).collect();
    let mut found = Difference::default();
    let is_wanted = |e: &Existing| rules.iter().any(|rule| rule.name.as_str() == e.name);
    let left_over = own.iter().filter(|e| e.network.name == network.name && !is_wanted(e));
    found.warnings.extend(left_over.map(|e| left_over_warning(&e.name, network)));
    for rule in rules {
        let same = own.iter().find(|e| e.name == rule.name.as_str());
        if same.is_none() && let_in_already(&rule, &others) {
            let text = format!("rule {} is not needed: other rules let the same in", rule.name);
            found.notes.push(Message::new(text));
            continue;
        }
        found.warnings.extend(denied_before(&rule, &others).map(|deny| overruled(&rule, deny)));
        let Some(same) = same else {
            found.steps.push(Step::Create(rule));
            continue;
        };
        let changes = changes(&rule, same, network)?;
        if changes.is_empty() {
            found.notes.push(Message::new(format!("rule {} is as wanted", rule.name)));
        } else {
            found.steps.push(Step::Update(rule, changes));
        }
    }
    Ok(found)
}

/// What differs; an error where no update could make it the same.
fn changes(rule: &Rule, existing: &Existing, network: &Network) -> Result<Vec<Change>> {
    let fixed = |what: String| {
        Error::data(format!("rule {} exists and {what}, which no update changes", rule.name))
            .hint("choose another --name, or delete that rule first")
    };
    if existing.network.name != network.name {
        return Err(fixed(format!("is of network {}", existing.network.name)));
    }
    if !existing.ingress {
        return Err(fixed("is about egress".to_owned()));
    }
    let Action::Allow(allowed) = &existing.action else {
        return Err(fixed("denies".to_owned()));
    };
    let none = BTreeSet::new();
    let (tags, accounts) = match &rule.targets {
        Targets::All => (none.clone(), none),
        Targets::Tags(tags) => (tags.iter().map(ResourceName::to_string).collect(), none),
        Targets::ServiceAccounts(accounts) => {
            (none, accounts.iter().map(|account| account.as_str().to_owned()).collect())
        }
    };
    let differs = [
        (Change::Allow, *allowed != rule.part.allow.iter().copied().collect()),
        (Change::Priority, existing.priority != rule.priority),
        (Change::SourceRanges, !existing.source_ranges.iter().eq(&rule.part.sources)),
        (Change::TargetTags, existing.target_tags != tags),
        (Change::TargetServiceAccounts, existing.target_service_accounts != accounts),
        (Change::SourceTags, !existing.source_tags.is_empty()),
        (Change::SourceServiceAccounts, !existing.source_service_accounts.is_empty()),
        (Change::DestinationRanges, !existing.destination_ranges.is_empty()),
        (Change::Disabled, !existing.enabled),
    ];
    Ok(differs.into_iter().filter(|(_, differs)| *differs).map(|(change, _)| change).collect())
}

/// Whether a rule is NAME or NAME-2, NAME-3, …: of ours, maybe of an earlier, larger split.
fn is_numbered(rule: &str, name: &ResourceName) -> bool {
    let Some(rest) = rule.strip_prefix(name.as_str()) else { return false };
    let number = rest.strip_prefix('-').unwrap_or("");
    rest.is_empty() || !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

fn left_over_warning(name: &str, network: &Network) -> Message {
    let mut line =
        ["gcloud", "compute", "firewall-rules", "delete", name].map(str::to_owned).to_vec();
    line.extend(network.project.as_ref().map(|project| format!("--project={project}")));
    Message::new(format!("rule {name} is not wanted any more, and still there"))
        .hint(shell::command_line(line))
}

fn overruled(rule: &Rule, deny: &Existing) -> Message {
    Message::new(format!(
        "rule {} (priority {}) keeps out some of what rule {} (priority {}) lets in",
        deny.name, deny.priority, rule.name, rule.priority
    ))
    .hint(match deny.priority.checked_sub(1) {
        Some(better) => format!("choose --priority {better} or less, or change that rule"),
        None => "no rule comes before it: change that rule".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Allow, Limits, rules};
    use serde_json::{Value, json};

    fn opening() -> Opening {
        Opening {
            name: "pods".parse().unwrap(),
            allow: Allow::GUIDES.to_vec(),
            sources: ["10.0.0.0/14".parse().unwrap(), "10.4.0.0/14".parse().unwrap()].into(),
        }
    }

    fn compare(existing: Value) -> Result<Difference> {
        let targets = Targets::Tags(["a".parse().unwrap()].into());
        let rules = rules(&[opening()], &targets, 900, Limits { ranges: 9, tags: 9 })?;
        let network = "projects/p/global/networks/default".parse().unwrap();
        difference(rules, &[opening()], serde_json::from_value(existing).unwrap(), &network)
    }

    /// The rule as wanted, with other fields.
    fn pods(fields: Value) -> Value {
        let mut rule = json!({"name": "pods", "priority": 900, "direction": "INGRESS",
            "network": "https://x.example/compute/v1/projects/p/global/networks/default",
            "sourceRanges": ["10.4.0.0/14", "10.0.0.0/14"], "targetTags": ["a"],
            "allowed": [{"IPProtocol": "sctp"}, {"IPProtocol": "tcp"}, {"IPProtocol": "udp"},
                {"IPProtocol": "icmp"}, {"IPProtocol": "esp"}, {"IPProtocol": "ah"}]});
        for (key, value) in fields.as_object().unwrap() {
            rule[key] = value.clone();
        }
        rule
    }

    #[test]
    fn what_is_as_wanted_stays() {
        let found = compare(json!([pods(json!({}))])).unwrap();
        assert_eq!(found.steps, []);
        assert_eq!(found.notes[0].text(), "rule pods is as wanted");
        let found = compare(json!([pods(json!({"name": "other"}))])).unwrap();
        assert_eq!(found.steps, []);
        assert!(found.notes[0].text().contains("not needed"));
    }

    #[test]
    fn only_what_differs_is_changed() {
        for (fields, expected) in [
            (json!({"sourceRanges": ["10.0.0.0/8"]}), Change::SourceRanges),
            (json!({"priority": 1000}), Change::Priority),
            (json!({"allowed": [{"IPProtocol": "tcp"}]}), Change::Allow),
            (json!({"targetTags": ["a", "b"]}), Change::TargetTags),
            (json!({"sourceTags": ["s"]}), Change::SourceTags),
            (json!({"destinationRanges": ["10.0.0.0/8"]}), Change::DestinationRanges),
            (json!({"disabled": true}), Change::Disabled),
        ] {
            let found = compare(json!([pods(fields)])).unwrap();
            let [Step::Update(_, changes)] = &found.steps[..] else { panic!("{found:?}") };
            assert_eq!(changes, &[expected]);
        }
    }

    #[test]
    fn rules_elsewhere_do_not_count() {
        for fields in [
            json!({"name": "other", "network": "projects/p/global/networks/other"}),
            json!({"network": "projects/q/global/networks/default"}),
        ] {
            let found = compare(json!([pods(fields)])).unwrap();
            assert!(matches!(found.steps[..], [Step::Create(_)]), "{found:?}");
        }
    }

    #[test]
    fn what_no_update_can_change_is_an_error() {
        for (fields, message) in [
            (json!({"network": "projects/p/global/networks/other"}), "is of network other"),
            (json!({"direction": "EGRESS"}), "is about egress"),
            (json!({"denied": [{"IPProtocol": "tcp"}]}), "denies"),
        ] {
            let error = compare(json!([pods(fields)])).unwrap_err();
            assert!(error.message().text().contains(message), "{error:?}");
        }
    }

    #[test]
    fn left_over_and_overruling_rules_are_told() {
        let found = compare(json!([
            pods(json!({})),
            pods(json!({"name": "pods-2"})),
            pods(json!({"name": "pods-x"})),
            pods(json!({"name": "no", "priority": 5, "denied": [{"IPProtocol": "tcp"}]}))
        ]))
        .unwrap();
        let warnings: Vec<&str> = found.warnings.iter().map(Message::text).collect();
        assert_eq!(
            warnings,
            [
                "rule pods-2 is not wanted any more, and still there",
                "rule no (priority 5) keeps out some of what rule pods (priority 900) lets in",
            ]
        );
        assert_eq!(found.warnings[1].hints(), ["choose --priority 4 or less, or change that rule"]);
    }
}
