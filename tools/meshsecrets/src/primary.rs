//! A primary cluster: one whose istiod reads remote Secrets.

use crate::secret::{Manifest, RemoteSecret};
use meshcore::input::null_as_default;
use meshcore::input::{OneCapture, Source};
use meshcore::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Where istiod goes without a cluster ID of its own (Istio 1.30, `constants.DefaultClusterName`).
pub const DEFAULT_ID: &str = "Kubernetes";

/// The objects of one cluster that decide what its istiod does with remote Secrets.
#[derive(Default)]
pub struct Primary {
    /// The context that it was read from.
    pub context: Option<String>,
    /// Its remote Secrets, by namespace and name.
    pub secrets: Vec<RemoteSecret>,
    /// Its control planes, all namespaces'.
    pub istiods: Vec<Istiod>,
}

/// A control plane: one of several when there are revisions.
#[derive(Debug, PartialEq, Eq)]
pub struct Istiod {
    /// `None` where a manifest leaves it to the current context.
    pub namespace: Option<String>,
    /// Its Deployment's name.
    pub name: String,
    /// Its CLUSTER_ID; `None` where it stands elsewhere (`valueFrom`).
    pub own_id: Option<String>,
    /// What it allows in kubeconfigs beyond its rules.
    pub allowed: BTreeSet<String>,
}

/// A Deployment as the API has it.
#[derive(Deserialize)]
pub struct Deployment {
    metadata: DeploymentMetadata,
    #[serde(default, deserialize_with = "null_as_default")]
    spec: Spec,
}

#[derive(Deserialize)]
struct DeploymentMetadata {
    name: String,
    namespace: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    labels: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
struct Spec {
    #[serde(default)]
    template: Template,
}

#[derive(Default, Deserialize)]
struct Template {
    #[serde(default)]
    spec: PodSpec,
}

#[derive(Default, Deserialize)]
struct PodSpec {
    #[serde(default, deserialize_with = "null_as_default")]
    containers: Vec<Container>,
}

#[derive(Deserialize)]
struct Container {
    #[serde(default, deserialize_with = "null_as_default")]
    env: Vec<Variable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Variable {
    name: String,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    value_from: Option<Value>,
}

impl Primary {
    /// Reads remote Secrets and istiod's Deployments out of a stream; other objects are passed
    /// over.
    pub fn read(sources: &[Source]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Object {
            kind: String,
            #[serde(rename = "metadata")]
            _metadata: Named,
        }
        #[derive(Deserialize)]
        struct Named {
            #[serde(rename = "name")]
            _name: String,
        }
        let mut primary = Self::default();
        let mut capture = OneCapture::default();
        for source in sources {
            for document in source.documents()? {
                if capture.is_header(&document)? {
                    continue;
                }
                let Object { kind, .. } = document.decode()?;
                match kind.as_str() {
                    "Secret" => {
                        primary.secrets.extend(RemoteSecret::read(document.decode::<Manifest>()?));
                    }
                    "Deployment" => {
                        primary.istiods.extend(Istiod::read(document.decode::<Deployment>()?));
                    }
                    _ => {}
                }
            }
        }
        if primary.secrets.is_empty() {
            return Err(Error::data("the input has no remote secret")
                .hint("they have the label istio/multiCluster: kubectl get secrets -A -o json"));
        }
        Ok(primary.in_order())
    }

    /// With the Secrets in order and none twice.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        self.secrets.sort();
        self.secrets.dedup();
        self
    }

    /// The CLUSTER_ID of the istiods of a namespace; `None` when none is known.
    ///
    /// # Errors
    /// When they have several: then the objects are those of several clusters.
    pub fn own_id(&self, namespace: &str) -> Result<Option<&str>> {
        let ids: BTreeSet<&str> =
            self.istiods_of(namespace).filter_map(|istiod| istiod.own_id.as_deref()).collect();
        if ids.len() > 1 {
            let ids: Vec<&str> = ids.into_iter().collect();
            return Err(Error::data(format!(
                "the istiods are of several clusters: {}",
                ids.join(", ")
            ))
            .hint("check the objects of one cluster at a time, or say which with --own-id"));
        }
        Ok(ids.into_iter().next())
    }

    /// What all istiods of a namespace allow in kubeconfigs.
    #[must_use]
    pub fn allowed(&self, namespace: &str) -> BTreeSet<String> {
        let mut istiods = self.istiods_of(namespace).map(|istiod| &istiod.allowed);
        let first = istiods.next().cloned().unwrap_or_default();
        istiods.fold(first, |all, allowed| &all & allowed)
    }

    fn istiods_of(&self, namespace: &str) -> impl Iterator<Item = &Istiod> {
        let is_there = move |istiod: &&Istiod| istiod.namespace.as_deref() == Some(namespace);
        self.istiods.iter().filter(is_there)
    }
}

impl Istiod {
    /// `None` for a Deployment that is no istiod.
    #[must_use]
    pub fn read(deployment: Deployment) -> Option<Self> {
        let Deployment { metadata, spec } = deployment;
        if metadata.labels.get("app").map(String::as_str) != Some("istiod") {
            return None;
        }
        let variables: Vec<Variable> =
            spec.template.spec.containers.into_iter().flat_map(|container| container.env).collect();
        let find = |name: &str| variables.iter().find(|variable| variable.name == name);
        let own_id = match find("CLUSTER_ID") {
            Some(Variable { value_from: Some(_), .. }) => None,
            Some(Variable { value: Some(id), .. }) if !id.is_empty() => Some(id.clone()),
            _ => Some(DEFAULT_ID.to_owned()),
        };
        let options = find("PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS");
        let allowed = options.and_then(|variable| variable.value.as_deref()).unwrap_or_default();
        Some(Self {
            namespace: metadata.namespace,
            name: metadata.name,
            own_id,
            allowed: allowed.split(',').filter(|o| !o.is_empty()).map(str::to_owned).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn source(objects: &Value) -> Source {
        Source::new("stdin".to_owned(), objects.to_string().into_bytes()).unwrap()
    }

    fn istiod(name: &str, env: Value) -> Value {
        json!({
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "istio-system", "labels": {"app": "istiod"}},
            "spec": {"template": {"spec": {"containers": [{"env": env}, {"name": "other"}]}}},
        })
    }

    fn secret() -> Value {
        json!({"kind": "Secret", "metadata": {"name": "istio-remote-secret-a"}})
    }

    #[test]
    fn istiod_says_who_it_is_and_what_it_allows() {
        let env = json!([
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "CLUSTER_ID", "value": "c2"},
            {"name": "PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS", "value": "exec,gcp"},
        ]);
        let objects = json!([
            {"kind": "ConfigMap", "metadata": {"name": "istio"}},
            {"kind": "Deployment", "metadata": {"name": "sleep"}},
            secret(), secret(), istiod("istiod", env), istiod("istiod-canary", json!([
                {"name": "CLUSTER_ID", "value": "c2"},
                {"name": "PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS", "value": "exec"},
            ])),
        ]);
        let primary = Primary::read(&[source(&objects)]).unwrap_or_else(|e| panic!("{e:?}"));
        assert_eq!((primary.secrets.len(), primary.istiods.len()), (1, 2));
        assert_eq!(primary.own_id("istio-system"), Ok(Some("c2")));
        assert_eq!(primary.own_id("elsewhere"), Ok(None));
        assert_eq!(primary.allowed("istio-system"), BTreeSet::from(["exec".to_owned()]));
        assert_eq!(primary.allowed("elsewhere"), BTreeSet::new());
    }

    #[test]
    fn without_a_cluster_id_it_is_the_default() {
        for (env, id) in [
            (json!(null), Some("Kubernetes")),
            (json!([{"name": "CLUSTER_ID", "value": ""}]), Some("Kubernetes")),
            (json!([{"name": "CLUSTER_ID", "valueFrom": {}}]), None),
        ] {
            let istiod = serde_json::from_value(istiod("istiod", env)).unwrap();
            assert_eq!(Istiod::read(istiod).unwrap().own_id.as_deref(), id);
        }
    }

    #[test]
    fn the_istiods_of_several_clusters_are_refused() {
        let id = |id: &str| json!([{"name": "CLUSTER_ID", "value": id}]);
        let objects = json!([secret(), istiod("istiod", id("b")), istiod("istiod", id("a"))]);
        let primary = Primary::read(&[source(&objects)]).unwrap_or_else(|e| panic!("{e:?}"));
        let error = primary.own_id("istio-system").unwrap_err();
        assert!(error.message().text().ends_with("several clusters: a, b"), "{error:?}");
    }

    #[test]
    fn no_remote_secret_is_an_error() {
        let objects = json!([{"kind": "Secret", "metadata": {"name": "a"}}]);
        let Err(error) = Primary::read(&[source(&objects)]) else { panic!("it is read") };
        assert_eq!(error.message().text(), "the input has no remote secret");
    }
}
