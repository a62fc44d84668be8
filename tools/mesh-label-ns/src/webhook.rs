//! Istio's injection webhooks: which of them the API server calls for a pod.
//!
//! Selectors are those of the chart `istio-discovery`; Istio 1.10 to 1.30, and managed planes,
//! have up to five webhooks in a configuration for each revision and tag.

use crate::change::REVISION;
use meshcore::selector::{LabelSelector, Labels};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeSet;

const TAG: &str = "istio.io/tag";

/// What is read of a `MutatingWebhookConfiguration`.
#[derive(Debug, Deserialize)]
pub struct Configuration {
    metadata: Metadata,
    #[serde(default)]
    webhooks: Option<Vec<Webhook>>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    labels: Option<Labels>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Webhook {
    name: String,
    #[serde(default)]
    rules: Option<Vec<Rule>>,
    #[serde(default)]
    namespace_selector: Option<LabelSelector>,
    #[serde(default)]
    object_selector: Option<LabelSelector>,
    #[serde(default)]
    match_conditions: Option<Vec<IgnoredAny>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    #[serde(default)]
    operations: Vec<String>,
    #[serde(default)]
    api_groups: Vec<String>,
    #[serde(default)]
    api_versions: Vec<String>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    scope: Option<String>,
}

/// All injection webhooks of a cluster, in the order in which the API server calls them.
#[derive(Debug, Default)]
pub struct Injectors(Vec<Injector>);

/// One injection webhook.
#[derive(Debug)]
pub struct Injector {
    /// `CONFIGURATION/WEBHOOK`.
    pub name: String,
    /// The control plane that answers.
    pub revision: String,
    /// The name of the configuration's tag or else revision: what namespaces can be labelled with.
    choice: String,
    namespaces: LabelSelector,
    pods: LabelSelector,
    has_conditions: bool,
}

impl Injectors {
    /// The injection webhooks among all of a cluster.
    #[must_use]
    pub fn new(mut configurations: Vec<Configuration>) -> Self {
        configurations.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
        Self(configurations.into_iter().flat_map(Configuration::injectors).collect())
    }

    /// Those that get a pod, when it is made, from the API server.
    pub fn called<'a, 'l>(
        &'a self,
        namespace: &'l Labels,
        pod: &'l Labels,
    ) -> impl Iterator<Item = &'a Injector> + use<'a, 'l> {
        let selects = |one: &&Injector| one.namespaces.matches(namespace) && one.pods.matches(pod);
        self.0.iter().filter(move |one| selects(one))
    }

    /// Whether pods without labels are injected in a namespace with these labels alone.
    #[must_use]
    pub fn serve(&self, namespace: &Labels) -> bool {
        self.called(namespace, &Labels::new()).next().is_some()
    }

    /// The revisions and tags that namespaces can be labelled with.
    #[must_use]
    pub fn choices(&self) -> Vec<&str> {
        let all: BTreeSet<&str> = self.0.iter().map(|one| one.choice.as_str()).collect();
        let is_served = |choice: &&str| {
            self.serve(&Labels::from([(REVISION.to_owned(), (*choice).to_owned())]))
        };
        all.into_iter().filter(is_served).collect()
    }

    /// Webhooks that also have conditions in CEL, which are taken to hold.
    pub fn conditional(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|one| one.has_conditions).map(|one| one.name.as_str())
    }
}

impl Configuration {
    fn injectors(self) -> impl Iterator<Item = Injector> {
        let Metadata { name: configuration, labels } = self.metadata;
        let labels = labels.unwrap_or_default();
        let is_labelled = labels.get("app").is_some_and(|app| app == "sidecar-injector");
        let is_injector = move |webhook: &Webhook| {
            (is_labelled || webhook.name.ends_with("sidecar-injector.istio.io"))
                && webhook.rules.iter().flatten().any(Rule::covers_new_pods)
        };
        // Managed planes are named in their configuration: istiod-asm-managed-rapid.
        let named = || configuration.strip_prefix("istiod-").unwrap_or(&configuration).to_owned();
        let revision = labels.get(REVISION).cloned().unwrap_or_else(named);
        let choice = labels.get(TAG).unwrap_or(&revision).clone();
        self.webhooks.into_iter().flatten().filter(is_injector).map(move |webhook| Injector {
            name: format!("{configuration}/{}", webhook.name),
            revision: revision.clone(),
            choice: choice.clone(),
            namespaces: webhook.namespace_selector.unwrap_or_default(),
            pods: webhook.object_selector.unwrap_or_default(),
            has_conditions: webhook.match_conditions.is_some_and(|all| !all.is_empty()),
        })
    }
}

impl Rule {
    fn covers_new_pods(&self) -> bool {
        let has = |list: &[String], wanted: &[&str]| list.iter().any(|x| wanted.contains(&&**x));
        has(&self.operations, &["CREATE", "*"])
            && has(&self.api_groups, &["", "*"])
            && has(&self.api_versions, &["v1", "*"])
            && has(&self.resources, &["pods", "*", "*/*"])
            && self.scope.as_deref().is_none_or(|scope| ["Namespaced", "*"].contains(&scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn injectors(configurations: Value) -> Injectors {
        Injectors::new(serde_json::from_value(configurations).unwrap())
    }

    fn rule(changes: Value) -> Value {
        let mut rule = json!({"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"],
            "resources": ["pods"]});
        rule.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        rule
    }

    fn one(labels: Value, webhook: &str, rule: Value) -> Injectors {
        injectors(json!([{"metadata": {"name": "istiod-asm-managed", "labels": labels},
            "webhooks": [{"name": webhook, "rules": [rule]}]}]))
    }

    #[test]
    fn only_webhooks_that_inject_count() {
        let none = json!({});
        let name = "rev.namespace.sidecar-injector.istio.io";
        let all = Labels::new();
        assert!(one(none.clone(), name, rule(json!({}))).serve(&all));
        assert!(one(json!({"app": "sidecar-injector"}), "x.y.z", rule(json!({}))).serve(&all));
        assert!(!one(none.clone(), "vault.hashicorp.com", rule(json!({}))).serve(&all));
        for (field, value, is_covered) in [
            ("operations", json!(["UPDATE"]), false),
            ("operations", json!(["*"]), true),
            ("apiGroups", json!(["apps"]), false),
            ("apiGroups", json!(["*"]), true),
            ("apiVersions", json!(["v2"]), false),
            ("resources", json!(["pods/status"]), false),
            ("resources", json!(["*"]), true),
            ("scope", json!("Cluster"), false),
            ("scope", json!("Namespaced"), true),
            ("scope", json!("*"), true),
        ] {
            let rule = rule(json!({field: value}));
            assert_eq!(one(none.clone(), name, rule).serve(&all), is_covered, "{field} {value}");
        }
    }

    #[test]
    fn a_plane_is_known_by_label_or_else_by_name() {
        let revision = |labels: Value| {
            let all = one(labels, "a.sidecar-injector.istio.io", rule(json!({})));
            (all.0[0].revision.clone(), all.0[0].choice.clone())
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(revision(json!({})), pair("asm-managed", "asm-managed"));
        assert_eq!(revision(json!({"istio.io/rev": "r"})), pair("r", "r"));
        assert_eq!(revision(json!({"istio.io/rev": "r", "istio.io/tag": "t"})), pair("r", "t"));
    }

    #[test]
    fn webhooks_are_called_in_the_order_of_their_configurations() {
        let webhook = |name: &str| json!({"name": name, "rules": [rule(json!({}))]});
        let all = injectors(json!([
            {"metadata": {"name": "b"}, "webhooks": [webhook("z.sidecar-injector.istio.io"),
                webhook("y.sidecar-injector.istio.io")]},
            {"metadata": {"name": "a"}, "webhooks": [webhook("x.sidecar-injector.istio.io")]},
            {"metadata": {"name": "c"}, "webhooks": null},
        ]));
        let labels = Labels::new();
        let names: Vec<&str> = all.called(&labels, &labels).map(|one| one.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "a/x.sidecar-injector.istio.io",
                "b/z.sidecar-injector.istio.io",
                "b/y.sidecar-injector.istio.io"
            ]
        );
    }

    #[test]
    fn conditions_are_told() {
        let all = injectors(json!([{"metadata": {"name": "a"}, "webhooks": [{
            "name": "x.sidecar-injector.istio.io", "rules": [rule(json!({}))],
            "matchConditions": [{"name": "c", "expression": "false"}]}]}]));
        assert_eq!(all.conditional().collect::<Vec<_>>(), ["a/x.sidecar-injector.istio.io"]);
    }
}
