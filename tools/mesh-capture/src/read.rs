//! What is read of a cluster, and where.

use crate::api::{Answer, Api};
use crate::redact::redact;
use crate::redact::secret::Use;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use meshcore::{Result, is_api_word};
use meshkube::segment;
use meshstate::{NotRead, Resource};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Requests to one API server under way at a time.
const AT_ONCE: usize = 6;

/// Where objects of a resource are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// All of the cluster; it has no namespaces.
    Cluster,
    /// In all namespaces, or else in Istio's.
    Namespaces,
    /// In Istio's namespace.
    Istio,
    /// By their metadata, and then one by one.
    Secrets,
    /// One object.
    One(Place),
    /// One object that only adds to what others tell: no matter if it may not be read.
    Extra(Place),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    namespace: &'static str,
    name: &'static str,
}

const API_SERVERS: Place = Place { namespace: "default", name: "kubernetes" };
const KUBEADM: Place = Place { namespace: "kube-system", name: "kubeadm-config" };

/// What was read of one resource.
#[derive(Debug, Default)]
pub struct Part {
    /// Redacted.
    pub objects: Vec<Value>,
    /// What was not.
    pub gap: Option<NotRead>,
}

/// Reads everything; `namespace` is Istio's.
pub async fn read(api: &Api, namespace: &str) -> Result<Vec<Part>> {
    let (groups, refusal) = match api.groups().await? {
        Answer::Found(groups) => (groups, None),
        Answer::Absent => (BTreeMap::new(), None),
        Answer::Forbidden(reason) => (BTreeMap::new(), Some(reason)),
    };
    let one = |(resource, scope): (Resource, Scope)| {
        let reader = Reader { api, namespace, resource };
        let (groups, refusal) = (&groups, &refusal);
        async move {
            let core = ["v1".to_owned()];
            let versions = match (resource.group(), refusal) {
                ("", _) => core.as_slice(),
                (_, Some(reason)) => return Ok(reader.gap(reason.clone(), None)),
                (group, None) => groups.get(group).map(Vec::as_slice).unwrap_or_default(),
            };
            // A group may have a resource in an older version alone.
            for version in versions.iter().filter(|version| is_api_word(version)) {
                if let Some(part) = reader.read(version, scope).await? {
                    return Ok(part);
                }
            }
            Ok(Part::default())
        }
    };
    let all = Resource::ALL
        .into_iter()
        .flat_map(|resource| scopes(resource).iter().map(move |&scope| (resource, scope)));
    stream::iter(all).map(one).buffered(AT_ONCE).try_collect().await
}

fn scopes(resource: Resource) -> &'static [Scope] {
    match resource {
        Resource::Namespaces
        | Resource::Nodes
        | Resource::MutatingWebhookConfigurations
        | Resource::ServiceCidrs => &[Scope::Cluster],
        Resource::ConfigMaps => &[Scope::Istio, Scope::Extra(KUBEADM)],
        Resource::ServiceAccounts => &[Scope::Istio],
        Resource::Endpoints => &[Scope::One(API_SERVERS)],
        Resource::Secrets => &[Scope::Secrets],
        _ => &[Scope::Namespaces],
    }
}

/// Reads one resource.
struct Reader<'a> {
    api: &'a Api,
    namespace: &'a str,
    resource: Resource,
}

impl Reader<'_> {
    /// By one version of its API; `None` where that does not have it.
    async fn read(&self, version: &str, scope: Scope) -> Result<Option<Part>> {
        let answer = match scope {
            Scope::Secrets => return self.secrets(version).await.map(Some),
            Scope::One(place) => self.get(version, place.namespace, place.name).await?,
            Scope::Extra(place) => match self.get(version, place.namespace, place.name).await? {
                Answer::Forbidden(_) => Answer::Absent,
                answer => answer,
            },
            Scope::Cluster => self.list(version, None).await?,
            Scope::Istio => self.list(version, Some(self.namespace)).await?,
            Scope::Namespaces => match self.list(version, None).await? {
                Answer::Forbidden(reason) => {
                    return Ok(Some(match self.list(version, Some(self.namespace)).await? {
                        Answer::Found(objects) => {
                            Part { objects, ..self.gap(reason, Some(self.namespace)) }
                        }
                        _ => self.gap(reason, None),
                    }));
                }
                answer => answer,
            },
        };
        Ok(match answer {
            Answer::Found(objects) => Some(Part { objects, gap: None }),
            Answer::Absent => None,
            Answer::Forbidden(reason) => Some(self.gap(reason, None)),
        })
    }

    /// Of Secrets that are nothing to Istio only the metadata is fetched.
    async fn secrets(&self, version: &str) -> Result<Part> {
        let (names, gap) = match self.api.list_metadata(&self.path(version, None)).await? {
            Answer::Found(names) => (names, None),
            Answer::Absent => return Ok(Part::default()),
            Answer::Forbidden(reason) => {
                let path = self.path(version, Some(self.namespace));
                match self.api.list_metadata(&path).await? {
                    Answer::Found(names) => (names, self.gap(reason, Some(self.namespace)).gap),
                    _ => return Ok(self.gap(reason, None)),
                }
            }
        };
        let wanted = names.iter().filter_map(|object| {
            let metadata = &object["metadata"];
            let (namespace, name) = (metadata["namespace"].as_str()?, metadata["name"].as_str()?);
            let is_wanted = match Use::of(metadata)? {
                Use::Remote => true,
                Use::Authority | Use::Token => namespace == self.namespace,
            };
            is_wanted.then(|| (namespace.to_owned(), name.to_owned()))
        });
        let get = |(namespace, name): (String, String)| async move {
            self.get(version, &namespace, &name).await
        };
        let wanted: Vec<(String, String)> = wanted.collect();
        let answers: Vec<Answer<Vec<Value>>> =
            stream::iter(wanted).map(get).buffered(AT_ONCE).try_collect().await?;
        let mut part = Part { objects: Vec::new(), gap };
        for answer in answers {
            match answer {
                Answer::Found(objects) => part.objects.extend(objects),
                // It was deleted meanwhile.
                Answer::Absent => {}
                Answer::Forbidden(reason) => part.gap = self.gap(reason, None).gap,
            }
        }
        Ok(part)
    }

    async fn get(&self, version: &str, namespace: &str, name: &str) -> Result<Answer<Vec<Value>>> {
        let answer = self.api.get(&self.path(version, Some(namespace)), name).await?;
        Ok(answer.map(|object| self.redact(version, object).into_iter().collect()))
    }

    async fn list(&self, version: &str, namespace: Option<&str>) -> Result<Answer<Vec<Value>>> {
        self.api.list(&self.path(version, namespace), |object| self.redact(version, object)).await
    }

    fn redact(&self, version: &str, object: Value) -> Option<Value> {
        redact(self.resource, &self.api_version(version), object)
    }

    fn api_version(&self, version: &str) -> String {
        match self.resource.group() {
            "" => version.to_owned(),
            group => format!("{group}/{version}"),
        }
    }

    fn path(&self, version: &str, namespace: Option<&str>) -> String {
        let root = if self.resource.group().is_empty() { "api" } else { "apis" };
        let namespace =
            namespace.map(|name| format!("/namespaces/{}", segment(name))).unwrap_or_default();
        format!("/{root}/{}{namespace}/{}", self.api_version(version), self.resource.plural())
    }

    fn gap(&self, reason: String, read_in: Option<&str>) -> Part {
        let resource = self.resource.name().to_owned();
        let gap = NotRead { resource, read_in: read_in.map(str::to_owned), reason };
        Part { objects: Vec::new(), gap: Some(gap) }
    }
}

/// Brings objects into the order of a capture.
pub fn sort(objects: &mut [Value]) {
    objects.sort_by_cached_key(|object| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &object["metadata"];
        let keys =
            [&object["apiVersion"], &object["kind"], &metadata["namespace"], &metadata["name"]];
        keys.map(text)
    });
}

/// A capture as a `List`: its header first.
#[must_use]
pub fn list(header: Value, objects: Vec<Value>) -> Value {
    let items: Vec<Value> = std::iter::once(header).chain(objects).collect();
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_in_order() {
        let object = |version: &str, kind: &str, namespace: Option<&str>, name: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"namespace": namespace, "name": name}});
        let ordered = [
            object("apps/v1", "Deployment", Some("z"), "a"),
            object("v1", "Namespace", None, "b"),
            object("v1", "Pod", Some("a"), "b"),
            object("v1", "Pod", Some("b"), "a"),
            object("v1", "Service", Some("a"), "a"),
        ];
        let mut objects: Vec<Value> = ordered.iter().rev().cloned().collect();
        sort(&mut objects);
        assert_eq!(objects, ordered);
    }

    #[test]
    fn every_resource_is_looked_for() {
        for resource in Resource::ALL {
            assert!(!scopes(resource).is_empty(), "{resource:?}");
        }
    }
}
