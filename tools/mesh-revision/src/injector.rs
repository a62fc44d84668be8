//! Which labels of a namespace make a control plane inject its pods.

use crate::Name;
use meshcore::selector::{LabelSelector, Labels};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// The label of a namespace whose pods are to be injected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// `istio.io/rev`, with the name of a revision, tag or channel.
    Revision(Name),
    /// `istio-injection=enabled`: whichever is the default.
    Injection,
}

impl Label {
    fn pair(&self) -> (&str, &str) {
        match self {
            Self::Revision(name) => ("istio.io/rev", name.as_str()),
            Self::Injection => ("istio-injection", "enabled"),
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, value) = self.pair();
        write!(f, "{key}={value}")
    }
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A `MutatingWebhookConfiguration` for sidecars: the API server's way to one control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injector {
    /// The control plane that it asks: the label `istio.io/rev`.
    pub revision: Name,
    /// The tag that it stands for: the label `istio.io/tag`.
    pub tag: Option<Name>,
    /// Its entries.
    pub webhooks: Vec<Webhook>,
}

/// An entry: which pods it is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Webhook {
    namespace_selector: Option<LabelSelector>,
    object_selector: Option<LabelSelector>,
}

impl Injector {
    /// Whether it is asked about a pod without labels in a namespace that has this one alone.
    ///
    /// What the selectors say counts, not what the object is called: the tag `default` turns the
    /// webhooks of an installation without revision off and leaves them there (istioctl tag, 1.10
    /// to 1.30), and those of Istio 1.9 do not know `istio.io/rev=default`.
    #[must_use]
    pub fn answers(&self, label: &Label) -> bool {
        let matches = |selector: &Option<LabelSelector>, labels: &Labels| {
            selector.as_ref().is_none_or(|selector| selector.matches(labels))
        };
        let (key, value) = label.pair();
        let namespace = Labels::from([(key.to_owned(), value.to_owned())]);
        self.webhooks.iter().any(|webhook| {
            matches(&webhook.namespace_selector, &namespace)
                && matches(&webhook.object_selector, &Labels::new())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{deactivated, webhooks};
    use serde_json::{Value, json};

    fn injector(webhooks: Value) -> Injector {
        let webhooks = serde_json::from_value(webhooks).unwrap();
        Injector { revision: "r".parse().unwrap(), tag: None, webhooks }
    }

    fn revision(name: &str) -> Label {
        Label::Revision(name.parse().unwrap())
    }

    #[test]
    fn selectors_decide() {
        // As the chart of 1.6 to 1.9 has it for an installation without revision.
        let old = json!([{"namespaceSelector": {"matchLabels": {"istio-injection": "enabled"}}}]);
        for (webhooks, by_name, by_default, by_injection) in [
            (webhooks("r"), true, false, false),
            (webhooks("default"), false, true, true),
            (deactivated(), false, false, false),
            (old, false, false, true),
            (json!([{}]), true, true, true),
            (json!([]), false, false, false),
        ] {
            let injector = injector(webhooks);
            assert_eq!(injector.answers(&revision("r")), by_name, "{injector:?}");
            assert_eq!(injector.answers(&revision("default")), by_default, "{injector:?}");
            assert_eq!(injector.answers(&Label::Injection), by_injection, "{injector:?}");
        }
    }

    #[test]
    fn labels_are_written_as_kubectl_label_takes_them() {
        assert_eq!(revision("asm-managed").to_string(), "istio.io/rev=asm-managed");
        assert_eq!(json!(Label::Injection), "istio-injection=enabled");
    }
}
