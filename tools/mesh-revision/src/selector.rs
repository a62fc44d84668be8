//! Kubernetes' label selectors, and whether labels fit them.

use serde::Deserialize;
use std::collections::BTreeMap;

/// A `LabelSelector` (`meta/v1`). An empty one fits everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    match_labels: Option<BTreeMap<String, String>>,
    match_expressions: Option<Vec<Requirement>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Requirement {
    key: String,
    operator: Operator,
    #[serde(default)]
    values: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl LabelSelector {
    /// Whether an object with these labels, and no others, is selected.
    #[must_use]
    pub fn fits(&self, labels: &[(&str, &str)]) -> bool {
        let value = |key: &str| labels.iter().find(|(k, _)| *k == key).map(|(_, value)| *value);
        self.match_labels.iter().flatten().all(|(key, wanted)| value(key) == Some(wanted))
            && self.match_expressions.iter().flatten().all(|r| r.holds(value(&r.key)))
    }
}

impl Requirement {
    fn holds(&self, value: Option<&str>) -> bool {
        let is_listed = || {
            let mut values = self.values.iter().flatten();
            value.is_some_and(|value| values.any(|listed| listed == value))
        };
        match self.operator {
            Operator::In => is_listed(),
            // A label that is absent is in no list.
            Operator::NotIn => !is_listed(),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn fits(selector: Value, labels: &[(&str, &str)]) -> bool {
        serde_json::from_value::<LabelSelector>(selector).unwrap().fits(labels)
    }

    #[test]
    fn every_operator_as_kubernetes_defines_it() {
        let a = |operator: &str| json!({"matchExpressions": [{"key": "a", "operator": operator}]});
        let list = |operator: &str| json!({"matchExpressions": [{"key": "a", "operator": operator, "values": ["1", "2"]}]});
        for (selector, absent, one, three) in [
            (json!({}), true, true, true),
            (json!({"matchLabels": null, "matchExpressions": null}), true, true, true),
            (json!({"matchLabels": {"a": "1"}}), false, true, false),
            (a("Exists"), false, true, true),
            (a("DoesNotExist"), true, false, false),
            (list("In"), false, true, false),
            (list("NotIn"), true, false, true),
        ] {
            assert_eq!(fits(selector.clone(), &[("b", "1")]), absent, "{selector}");
            assert_eq!(fits(selector.clone(), &[("b", "9"), ("a", "1")]), one, "{selector}");
            assert_eq!(fits(selector.clone(), &[("a", "3")]), three, "{selector}");
        }
    }

    #[test]
    fn all_requirements_have_to_hold() {
        let both = json!({
            "matchLabels": {"a": "1"},
            "matchExpressions": [{"key": "b", "operator": "DoesNotExist"}],
        });
        assert!(fits(both.clone(), &[("a", "1")]));
        assert!(!fits(both.clone(), &[("a", "1"), ("b", "")]));
        assert!(!fits(both, &[]));
    }

    #[test]
    fn an_unknown_operator_is_refused() {
        let wrong = json!({"matchExpressions": [{"key": "a", "operator": "Gt"}]});
        assert!(serde_json::from_value::<LabelSelector>(wrong).is_err());
    }
}
