//! What the input holds: `kubectl get -o json` of the objects that count, and cluster records.

use crate::group::{Group, Manifest};
use meshcore::cluster::Cluster;
use meshcore::input::{Document, Source};
use meshcore::{Error, Result};
use meshkube::k8s_openapi::api::core::v1::Service;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The objects of the input.
#[derive(Debug, Default)]
pub struct Given {
    /// All of them.
    pub groups: Vec<Group>,
    /// Cluster records, each with its place.
    pub records: Vec<(String, Cluster)>,
    config_maps: Vec<ConfigMap>,
    services: Vec<Service>,
}

/// A config map.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigMap {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its texts by key.
    pub data: BTreeMap<String, String>,
}

impl ConfigMap {
    /// A text that has to be there.
    pub fn text(&self, key: &str) -> Result<&str> {
        let text = self.data.get(key).filter(|text| !text.trim().is_empty());
        text.map(String::as_str).ok_or_else(|| {
            let Self { namespace, name, .. } = self;
            Error::data(format!("config map {namespace}/{name} has no {key}"))
        })
    }

    /// The place of a text in it.
    #[must_use]
    pub fn place(&self, key: &str) -> String {
        format!("config map {}/{}: {key}", self.namespace, self.name)
    }
}

impl Given {
    /// Reads all of it; objects of other kinds are passed over.
    pub fn read(sources: &[Source]) -> Result<Self> {
        let mut given = Self::default();
        for source in sources {
            for document in source.documents()? {
                given.take(&document)?;
            }
        }
        Ok(given)
    }

    fn take(&mut self, document: &Document<'_>) -> Result<()> {
        #[derive(Deserialize)]
        struct Probe {
            kind: String,
            #[serde(default, rename = "apiVersion")]
            api_version: String,
        }
        #[derive(Deserialize)]
        struct Map {
            metadata: Meta,
            #[serde(default)]
            data: Option<BTreeMap<String, String>>,
        }
        #[derive(Deserialize)]
        struct Meta {
            name: String,
            #[serde(default)]
            namespace: Option<String>,
        }
        let probe: Probe = document.decode()?;
        match probe.kind.as_str() {
            "WorkloadGroup" => self.groups.push(document.decode_verbatim::<Manifest>()?.into()),
            "ConfigMap" => {
                let map: Map = document.decode_verbatim()?;
                let Meta { name, namespace } = map.metadata;
                let namespace = namespace.unwrap_or_else(|| "default".to_owned());
                let data = map.data.unwrap_or_default();
                self.config_maps.push(ConfigMap { namespace, name, data });
            }
            "Service" => self.services.push(document.decode()?),
            "Cluster" if probe.api_version.starts_with("meshutils/") => {
                self.records.push((document.place().to_owned(), document.decode()?));
            }
            _ => {}
        }
        Ok(())
    }

    /// The config map of this name, if there is one.
    pub fn config_map(&self, namespace: &str, name: &str) -> Result<Option<&ConfigMap>> {
        let is_meant = |map: &&ConfigMap| map.namespace == namespace && map.name == name;
        let meant = self.config_maps.iter().filter(is_meant);
        one(meant, || format!("config map {namespace}/{name}"))
    }

    /// The revisions of istiod that have both of their config maps in a namespace.
    #[must_use]
    pub fn revisions(&self, namespace: &str) -> Vec<&str> {
        let maps = self.config_maps.iter().filter(|map| map.namespace == namespace);
        let names: Vec<&str> = maps.map(|map| map.name.as_str()).collect();
        let has_injector = |revision: &&str| {
            names.contains(&format!("istio-sidecar-injector-{revision}").as_str())
        };
        let revisions = names.iter().filter_map(|name| name.strip_prefix("istio-"));
        revisions.filter(has_injector).collect()
    }

    /// The Service of this name, if there is one.
    pub fn service(&self, namespace: &str, name: &str) -> Result<Option<&Service>> {
        let is_meant = |service: &&Service| {
            let own = service.metadata.namespace.as_deref().unwrap_or("default");
            own == namespace && service.metadata.name.as_deref() == Some(name)
        };
        let meant = self.services.iter().filter(is_meant);
        one(meant, || format!("service {namespace}/{name}"))
    }
}

/// The one object of a name; the same one twice, as in two listings, is one.
fn one<'a, T: PartialEq>(
    mut all: impl Iterator<Item = &'a T>,
    what: impl Fn() -> String,
) -> Result<Option<&'a T>> {
    let first = all.next();
    if all.any(|other| Some(other) != first) {
        return Err(Error::data(format!("the input has two different objects {}", what()))
            .hint("give one cluster at a time"));
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(documents: &[Value]) -> Result<Given> {
        let text: String = documents.iter().map(ToString::to_string).collect();
        Given::read(&[Source::new("stdin".to_owned(), text.into_bytes())?])
    }

    fn map(name: &str, data: Value) -> Value {
        json!({"kind": "ConfigMap", "metadata": {"name": name, "namespace": "n"}, "data": data})
    }

    #[test]
    fn objects_are_found_by_name() {
        let service = json!({"kind": "Service", "metadata": {"name": "s", "namespace": "n"}});
        let given = read(&[
            map("istio", json!({"mesh": "a", "empty": " \n"})),
            map("istio-canary", json!(null)),
            map("istio-sidecar-injector-canary", json!({})),
            map("istio-ca-root-cert", json!({})),
            json!({"kind": "Pod"}),
            service,
            json!({"kind": "Cluster", "apiVersion": "meshutils/v1alpha1", "name": "c"}),
            json!({"kind": "Cluster", "apiVersion": "cluster.x-k8s.io/v1beta1"}),
        ])
        .unwrap();
        let istio = given.config_map("n", "istio").unwrap().unwrap();
        assert_eq!(istio.text("mesh"), Ok("a"));
        for key in ["empty", "none"] {
            let error = istio.text(key).unwrap_err();
            assert_eq!(error.message().text(), format!("config map n/istio has no {key}"));
        }
        assert!(given.config_map("default", "istio").unwrap().is_none());
        assert!(given.service("n", "s").unwrap().is_some());
        assert!(given.service("n", "istio").unwrap().is_none());
        assert_eq!(given.revisions("n"), ["canary"]);
        assert_eq!(given.records.len(), 1);
        assert_eq!(given.records[0].0, "stdin: document 7");
    }

    #[test]
    fn one_object_of_two_clusters_is_ambiguous() {
        let twice = |a: &str, b: &str| {
            let given = read(&[map("istio", json!({"mesh": a})), map("istio", json!({"mesh": b}))]);
            given.unwrap().config_map("n", "istio").map(Option::<&ConfigMap>::cloned)
        };
        assert!(twice("a", "a").unwrap().is_some());
        let error = twice("a", "b").unwrap_err();
        assert!(error.message().text().contains("two different objects config map n/istio"));
    }

    #[test]
    fn wrong_objects_are_refused_with_their_place() {
        for (value, message) in [
            (json!({"kind": "ConfigMap"}), "stdin: document 1: missing field `metadata`"),
            (json!({"kind": "WorkloadGroup"}), "stdin: document 1: missing field `metadata`"),
            (json!({"a": 1}), "stdin: document 1: missing field `kind`"),
            (
                json!({"kind": "WorkloadGroup", "metadata": {"name": "a"},
                    "spec": {"template": {"ports": {"http": 0}}}}),
                "stdin: document 1: .spec.template.ports.http: ",
            ),
        ] {
            let error = read(&[value]).unwrap_err();
            assert!(error.message().text().starts_with(message), "{error:?}");
        }
    }
}
