//! Istio's injection webhooks: which of them the API server calls for a pod.

use crate::object::{REVISION, RawMeta};
use meshcore::input::null_as_default;
use meshcore::selector::{LabelSelector, Labels};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// All injection webhooks of a cluster, in the order in which the API server calls them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Injectors(pub Vec<InjectorWebhook>);

/// One injection webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InjectorWebhook {
    /// The `MutatingWebhookConfiguration`.
    pub configuration: String,
    /// Its own name within that.
    pub name: String,
    /// The control plane that answers.
    pub revision: String,
    /// The tag that it stands for, if it is one's.
    pub tag: Option<String>,
    /// The Service that answers, as `NAMESPACE/NAME`, or the URL.
    pub target: Option<String>,
    /// Namespaces that it is for.
    pub namespaces: LabelSelector,
    /// Pods that it is for.
    pub pods: LabelSelector,
    /// Whether it also has conditions in CEL, which are taken to hold.
    pub has_conditions: bool,
}

impl Injectors {
    /// Those that get a pod, when it is made, from the API server.
    pub fn called<'a>(
        &'a self,
        namespace: &'a Labels,
        pod: &'a Labels,
    ) -> impl Iterator<Item = &'a InjectorWebhook> {
        let selects = move |one: &&InjectorWebhook| {
            one.namespaces.matches(namespace) && one.pods.matches(pod)
        };
        self.0.iter().filter(selects)
    }
}

/// `admissionregistration.k8s.io MutatingWebhookConfiguration`.
#[derive(Deserialize)]
pub(crate) struct Configuration {
    metadata: RawMeta,
    #[serde(default, deserialize_with = "null_as_default")]
    webhooks: Vec<Webhook>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Webhook {
    name: String,
    #[serde(default, deserialize_with = "null_as_default")]
    client_config: Client,
    #[serde(default, deserialize_with = "null_as_default")]
    rules: Vec<Rule>,
    #[serde(default, deserialize_with = "null_as_default")]
    namespace_selector: LabelSelector,
    #[serde(default, deserialize_with = "null_as_default")]
    object_selector: LabelSelector,
    #[serde(default, deserialize_with = "null_as_default")]
    match_conditions: Vec<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Client {
    url: Option<String>,
    service: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Rule {
    operations: Vec<String>,
    api_groups: Vec<String>,
    api_versions: Vec<String>,
    resources: Vec<String>,
}

impl Rule {
    fn covers_new_pods(&self) -> bool {
        let has = |list: &[String], wanted: &[&str]| list.iter().any(|x| wanted.contains(&&**x));
        has(&self.operations, &["CREATE", "*"])
            && has(&self.api_groups, &["", "*"])
            && has(&self.api_versions, &["v1", "*"])
            && has(&self.resources, &["pods", "*", "*/*"])
    }
}

/// The injection webhooks of a configuration.
pub(crate) fn read(raw: Configuration) -> impl Iterator<Item = InjectorWebhook> {
    let RawMeta { name: configuration, labels, .. } = raw.metadata;
    let is_labelled = labels.get("app").is_some_and(|app| app == "sidecar-injector");
    let is_injector = move |webhook: &Webhook| {
        (is_labelled || webhook.name.ends_with("sidecar-injector.istio.io"))
            && webhook.rules.iter().any(Rule::covers_new_pods)
    };
    // Managed planes are named in their configuration: istiod-asm-managed-rapid.
    let named = || configuration.strip_prefix("istiod-").unwrap_or(&configuration).to_owned();
    let revision = labels.get(REVISION).cloned().unwrap_or_else(named);
    let tag = labels.get("istio.io/tag").filter(|tag| !tag.is_empty()).cloned();
    raw.webhooks.into_iter().filter(is_injector).map(move |webhook| {
        let Client { url, service } = webhook.client_config;
        let service = service.map(|Target { namespace, name }| format!("{namespace}/{name}"));
        InjectorWebhook {
            configuration: configuration.clone(),
            name: webhook.name,
            revision: revision.clone(),
            tag: tag.clone(),
            target: service.or(url),
            namespaces: webhook.namespace_selector,
            pods: webhook.object_selector,
            has_conditions: !webhook.match_conditions.is_empty(),
        }
    })
}
