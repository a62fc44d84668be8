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
    /// The cluster that pods are told to be of, where the path says so to another cluster's istiod.
    pub cluster_id: Option<String>,
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
    path: Option<String>,
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
        let path = service.as_ref().and_then(|service| service.path.as_deref());
        let cluster_id = path.or(url.as_deref()).and_then(cluster_of);
        let service = service.map(|Target { namespace, name, .. }| format!("{namespace}/{name}"));
        InjectorWebhook {
            configuration: configuration.clone(),
            name: webhook.name,
            revision: revision.clone(),
            tag: tag.clone(),
            target: service.or(url),
            cluster_id,
            namespaces: webhook.namespace_selector,
            pods: webhook.object_selector,
            has_conditions: !webhook.match_conditions.is_empty(),
        }
    })
}

/// `C` of `/inject/cluster/C/net/N`, the path that a remote cluster's webhook has.
fn cluster_of(path: &str) -> Option<String> {
    let (_, values) = path.split_once("/inject/")?;
    let words: Vec<&str> = values.split('/').collect();
    let pair = words.chunks(2).find(|pair| pair[0] == "cluster")?;
    pair.get(1).filter(|id| !id.is_empty()).map(|id| (*id).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_remote_webhook_names_the_cluster() {
        for (path, id) in [
            ("/inject/cluster/cluster2/net/network2", Some("cluster2")),
            ("https://192.0.2.1:15017/inject/net/n/cluster/c", Some("c")),
            ("/inject", None),
            ("/inject/cluster", None),
            ("/inject/net/cluster", None),
        ] {
            assert_eq!(cluster_of(path).as_deref(), id, "{path}");
        }
    }
}
