//! Label selectors as the API server evaluates them.

use serde::Deserialize;
use std::collections::BTreeMap;

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// Whether labels have all of a selector's.
#[must_use]
pub fn selects(selector: &Labels, labels: &Labels) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// `meta/v1` `LabelSelector`: all requirements have to hold; without any it selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    #[serde(default)]
    match_labels: Option<Labels>,
    #[serde(default)]
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
    /// Whether it selects an object with these labels.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.match_labels.as_ref().is_none_or(|all| selects(all, labels))
            && self.match_expressions.iter().flatten().all(|required| required.holds(labels))
    }

    /// The labels with which an object is selected, where labels alone decide.
    #[must_use]
    pub fn labels(&self) -> Option<&Labels> {
        let is_plain = self.match_expressions.as_ref().is_none_or(Vec::is_empty);
        self.match_labels.as_ref().filter(|labels| is_plain && !labels.is_empty())
    }
}

impl Requirement {
    fn holds(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        let is_among =
            || value.is_some_and(|value| self.values.as_ref().is_some_and(|v| v.contains(value)));
        match self.operator {
            Operator::In => is_among(),
            // A label that is missing is not among the values.
            Operator::NotIn => !is_among(),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    fn selects(selector: serde_json::Value, pairs: &[(&str, &str)]) -> bool {
        serde_json::from_value::<LabelSelector>(selector).unwrap().matches(&labels(pairs))
    }

    #[test]
    fn nothing_required_is_everything_selected() {
        for all in [json!({}), json!({"matchLabels": null, "matchExpressions": []})] {
            assert!(selects(all.clone(), &[]) && selects(all, &[("a", "b")]));
        }
    }

    #[test]
    fn every_requirement_has_to_hold() {
        let both = json!({"matchLabels": {"a": "1"},
            "matchExpressions": [{"key": "b", "operator": "Exists"}]});
        assert!(selects(both.clone(), &[("a", "1"), ("b", "")]));
        assert!(!selects(both.clone(), &[("a", "1")]));
        assert!(!selects(both, &[("a", "2"), ("b", "")]));
    }

    #[test]
    fn operators() {
        let with = |operator: &str, values: serde_json::Value, pairs: &[(&str, &str)]| {
            let expression = json!({"key": "a", "operator": operator, "values": values});
            selects(json!({"matchExpressions": [expression]}), pairs)
        };
        for (operator, values, missing, one, other) in [
            ("In", json!(["1", "2"]), false, true, false),
            ("NotIn", json!(["1"]), true, false, true),
            ("Exists", json!(null), false, true, true),
            ("DoesNotExist", json!([]), true, false, false),
        ] {
            assert_eq!(with(operator, values.clone(), &[]), missing, "{operator}");
            assert_eq!(with(operator, values.clone(), &[("a", "1")]), one, "{operator}");
            assert_eq!(with(operator, values, &[("a", "3")]), other, "{operator}");
        }
        let unknown = json!({"matchExpressions": [{"key": "a", "operator": "Like"}]});
        assert!(serde_json::from_value::<LabelSelector>(unknown).is_err());
    }

    proptest! {
        #[test]
        fn an_operator_and_its_opposite_split_all_labels(
            pairs in prop::collection::btree_map("[ab]", "[12]", 0..3),
            key in "[abc]",
            values in prop::collection::vec("[12]", 1..3),
        ) {
            for (one, other) in [("In", "NotIn"), ("Exists", "DoesNotExist")] {
                let matches = |operator: &str| {
                    let expression = json!({"key": key, "operator": operator, "values": values});
                    let selector = json!({"matchExpressions": [expression]});
                    serde_json::from_value::<LabelSelector>(selector).unwrap().matches(&pairs)
                };
                prop_assert_ne!(matches(one), matches(other));
            }
        }
    }
}
