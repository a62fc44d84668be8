//! What is applied: complete objects, without what only one cluster's API server knows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meshcore::credentials::Kubeconfig;
use meshcore::input::{Document, Source};
use meshcore::remote_secret::{LABEL, name_of};
use meshcore::{Address, ApiVersion, Error, Kind, ObjectName, Result, object_namespace};
use meshsecrets::{RemoteSecret, secret};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The annotation of an object that is for one cluster alone: the cluster's name.
pub const FOR_CLUSTER: &str = "meshutils/cluster";

/// What names an object within a cluster. What is read from manifests is checked: an
/// [`ApiVersion`], a [`Kind`], a label and an [`ObjectName`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// As `v1` or `apps/v1`.
    pub api_version: String,
    /// As `Secret`.
    pub kind: String,
    /// None for objects of the whole cluster.
    pub namespace: Option<String>,
    /// As given.
    pub name: String,
}

/// An object to apply. There is no `Debug`: it may be a Secret.
pub struct Manifest {
    /// What it is.
    pub id: ObjectId,
    /// The object, ready for server-side apply.
    pub body: Value,
    /// The one cluster that it is for, if it says so.
    pub for_cluster: Option<String>,
    /// The clusters that it gives access to, if it is a remote Secret.
    pub gives_access: Vec<Access>,
    /// What istiod would see of it, if it is a remote Secret.
    pub remote: Option<RemoteSecret>,
}

/// A cluster that a remote Secret gives access to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// istiod's `CLUSTER_ID`: the Secret's data key.
    pub cluster: String,
    /// The API server's address in the kubeconfig under that key; empty where it has none.
    pub server: String,
}

/// Reads manifests; `namespace` is for those that name none. The same object twice is refused:
/// which of the two stays would be chance.
pub fn read(sources: &[Source], namespace: Option<&str>) -> Result<Vec<Manifest>> {
    let mut places = Places::new();
    let mut manifests = Vec::new();
    for source in sources {
        for document in source.documents()? {
            let manifest = read_one(&document, namespace)?;
            let clusters = places.entry(manifest.id.clone()).or_default();
            if let Some(first) = twin(clusters, manifest.for_cluster.as_deref()) {
                return Err(Error::data(format!("{} is there twice", manifest.id))
                    .at(document.place())
                    .hint(format!("the other one is {first}")));
            }
            clusters.insert(manifest.for_cluster.clone(), document.place().to_owned());
            manifests.push(manifest);
        }
    }
    Ok(manifests)
}

/// Where objects of each name stand in the input, by the cluster that each is for.
type Places = BTreeMap<ObjectId, BTreeMap<Option<String>, String>>;

/// The place of an object that this one could not be told from: of one name are different ones
/// only where each is for another cluster.
fn twin<'p>(
    known: &'p BTreeMap<Option<String>, String>,
    cluster: Option<&str>,
) -> Option<&'p String> {
    match cluster {
        Some(_) => known.get(&None).or_else(|| known.get(&cluster.map(str::to_owned))),
        None => known.values().next(),
    }
}

fn read_one(document: &Document<'_>, namespace: Option<&str>) -> Result<Manifest> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Object {
        api_version: ApiVersion,
        kind: Kind,
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        #[serde(default)]
        name: Option<ObjectName>,
        #[serde(default, deserialize_with = "object_namespace")]
        namespace: Option<String>,
        #[serde(default)]
        labels: Option<BTreeMap<String, String>>,
        #[serde(default)]
        annotations: Option<BTreeMap<String, String>>,
    }
    let Object { api_version, kind, metadata } = document.decode_verbatim()?;
    let (api_version, kind) = (api_version.as_str().to_owned(), kind.as_str().to_owned());
    let Some(name) = metadata.name else {
        return Err(Error::data("has no metadata.name").at(document.place()).hint(
            "an object that is to be applied again needs a name of its own, not generateName",
        ));
    };
    let namespace = match (metadata.namespace, namespace) {
        (Some(own), Some(given)) if own != given => {
            return Err(Error::data(format!("is in namespace {own}, and --namespace is {given}"))
                .at(document.place())
                .hint("leave --namespace out: it is for objects that name no namespace"));
        }
        (own, given) => own.or_else(|| given.map(str::to_owned)),
    };
    let mut body: Map<String, Value> = document.decode_verbatim()?;
    clean(&mut body);
    let mut is_remote = false;
    if kind == "Secret" && api_version == "v1" {
        join_data(&mut body).map_err(|(field, what)| {
            Error::data(format!("{what}; its value is not shown")).at(document.field(&field))
        })?;
        let label = metadata.labels.as_ref().and_then(|labels| labels.get(LABEL));
        is_remote = label.is_some_and(|value| value == "true");
    }
    let for_cluster = metadata.annotations.and_then(|mut all| all.remove(FOR_CLUSTER));
    let id = ObjectId { api_version, kind, namespace, name: name.as_str().to_owned() };
    let body = Value::Object(body);
    let (mut remote, mut gives_access) = (None, Vec::new());
    if is_remote {
        // Of the body, as nothing else is spread, and where the flags put it.
        let read = secret::Manifest::deserialize(&body);
        let read = read.map_err(|error| Error::data(error.to_string()).at(document.place()))?;
        remote = RemoteSecret::read(read)
            .map(|secret| RemoteSecret { namespace: id.namespace.clone(), ..secret });
        let entries = remote.iter().flat_map(|secret| &secret.entries);
        gives_access = entries.map(|(key, read)| access(key, read.as_ref().ok())).collect();
    }
    Ok(Manifest { id, body, for_cluster, gives_access, remote })
}

/// Removes what only the API server may write.
pub(crate) fn remove_what_the_server_writes(object: &mut Map<String, Value>) {
    object.remove("status");
    let Some(Value::Object(metadata)) = object.get_mut("metadata") else { return };
    for field in
        ["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"]
    {
        metadata.remove(field);
    }
}

/// Removes that, and the copy of the whole object that a client-side apply leaves: `kubectl get
/// -o yaml` of one cluster can be applied to another.
fn clean(body: &mut Map<String, Value>) {
    remove_what_the_server_writes(body);
    let Some(Value::Object(metadata)) = body.get_mut("metadata") else { return };
    if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        annotations.remove(FOR_CLUSTER);
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
}

/// Makes `data` of a Secret's `stringData`: only then does a key that is gone from the manifest go
/// from the cluster, too. An error is a field and what is wrong with it.
fn join_data(body: &mut Map<String, Value>) -> Result<(), (String, String)> {
    let mut data = BTreeMap::new();
    for field in ["data", "stringData"] {
        let values = match body.remove(field) {
            None | Some(Value::Null) => continue,
            Some(Value::Object(values)) => values,
            Some(_) => return Err((field.to_owned(), "is no map".to_owned())),
        };
        for (key, value) in values {
            let at = |what: &str| (format!("{field}.{key}"), what.to_owned());
            let Value::String(text) = value else { return Err(at("is no text")) };
            let bytes = match field {
                "data" => STANDARD.decode(text.trim()).map_err(|_| at("is not base64"))?,
                _ => text.into_bytes(),
            };
            data.insert(key, bytes);
        }
    }
    if !data.is_empty() {
        let coded: Map<String, Value> =
            data.iter().map(|(key, value)| (key.clone(), json!(STANDARD.encode(value)))).collect();
        body.insert("data".to_owned(), Value::Object(coded));
    }
    Ok(())
}

/// What a key of a remote Secret and the kubeconfig under it say.
pub(crate) fn access(cluster: &str, config: Option<&Kubeconfig>) -> Access {
    let first = config.and_then(|config| config.clusters.first());
    let server = first.map_or("", |first| &first.entry.server);
    Access { cluster: cluster.to_owned(), server: Address::of(server).into_string() }
}

impl Manifest {
    /// Why it is not the remote Secret of a cluster in Istio's namespace, if it is not: one of
    /// another name would take the place of another cluster's, or of the CA's.
    #[must_use]
    pub fn why_no_remote_secret(&self, namespace: &str) -> Option<String> {
        let [Access { cluster, .. }] = self.gives_access.as_slice() else {
            return Some(match self.gives_access.len() {
                0 => "it gives no access".to_owned(),
                many => format!("it gives access to {many} clusters"),
            });
        };
        let type_ = &self.body["type"];
        let is_opaque = type_.is_null() || type_ == "Opaque";
        let name = name_of(cluster);
        let own = self.id.namespace.as_deref();
        if self.id.name != name {
            Some(format!("that of cluster {cluster} is called {name}"))
        } else if own.is_some_and(|own| own != namespace) {
            Some(format!("it is not for namespace {namespace}"))
        } else if !is_opaque {
            Some("its type is not Opaque".to_owned())
        } else if self.body["immutable"] == true {
            Some("it is immutable, and no new token could take its place".to_owned())
        } else if !self.body["metadata"]["finalizers"].is_null() {
            Some("it has finalizers, and would outlive its deletion".to_owned())
        } else {
            None
        }
    }

    /// Whether others may need it to be there first.
    #[must_use]
    pub fn is_first(&self) -> bool {
        matches!(self.id.kind.as_str(), "Namespace" | "CustomResourceDefinition")
    }

    /// Its labels.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let labels = self.body["metadata"]["labels"].as_object();
        labels
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }
}

impl std::fmt::Display for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.kind.to_ascii_lowercase();
        match &self.namespace {
            Some(namespace) => write!(f, "{kind} {namespace}/{}", self.name),
            None => write!(f, "{kind} {}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifests(text: &str, namespace: Option<&str>) -> Result<Vec<Manifest>> {
        read(&[Source::new("stdin".into(), text.as_bytes().to_vec()).unwrap()], namespace)
    }

    fn message(text: &str, namespace: Option<&str>) -> String {
        let error = manifests(text, namespace).err().expect("it is refused");
        error.message().text().to_owned()
    }

    #[test]
    fn what_one_server_knows_is_not_applied_to_another() {
        let read = manifests(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: n\n  uid: u\n  \
             resourceVersion: '1'\n  creationTimestamp: null\n  managedFields: []\n  \
             annotations: {kubectl.kubernetes.io/last-applied-configuration: x}\nstatus: {}\n",
            None,
        )
        .unwrap();
        let expected = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "namespace": "n"}});
        assert_eq!(read[0].body, expected);
        assert_eq!(read[0].id.to_string(), "configmap n/a");
    }

    #[test]
    fn a_remote_secret_says_whose_it_is() {
        let kubeconfig = "clusters: [{name: c1, cluster: {server: 'https://h:6443'}}]";
        let secret = json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "s", "namespace": "n", "labels": {"istio/multiCluster": "true"}},
            "stringData": {"c1": kubeconfig}});
        let read = manifests(&secret.to_string(), None).unwrap();
        let access = Access { cluster: "c1".into(), server: "https://h:6443".into() };
        assert_eq!(read[0].gives_access, [access]);
        assert_eq!(read[0].body["stringData"], Value::Null);
        assert_eq!(read[0].body["data"]["c1"], json!(STANDARD.encode(kubeconfig)));
    }

    #[test]
    fn the_same_object_twice_is_refused_unless_each_is_for_another_cluster() {
        let object = |cluster: Option<&str>| {
            let mut object = json!({"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": "a"}});
            if let Some(cluster) = cluster {
                object["metadata"]["annotations"] = json!({FOR_CLUSTER: cluster});
            }
            object.to_string()
        };
        let twice = |first, second| manifests(&(object(first) + &object(second)), None);
        assert_eq!(twice(Some("one"), Some("two")).unwrap().len(), 2);
        assert!(twice(Some("one"), Some("one")).is_err());
        assert!(twice(None, Some("one")).is_err());
        let text = message(&object(None).repeat(2), None);
        assert_eq!(text, "stdin: document 2: namespace a is there twice");
    }

    #[test]
    fn wrong_objects_are_refused_without_their_secrets() {
        for (text, reason) in [
            (r#"{"kind": "Secret", "metadata": {"name": "a"}}"#, "apiVersion"),
            (r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {}}"#, "metadata.name"),
            (
                r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"k": "%hush"}}"#,
                ".data.k: is not base64",
            ),
            (
                r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": "hush"}"#,
                ".data: is no map",
            ),
            (
                r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": {"k": 1}}"#,
                ".stringData.k: is no text",
            ),
        ] {
            let text = message(text, None);
            assert!(text.contains(reason), "{text}");
            assert!(!text.contains("hush"), "{text}");
        }
        let object =
            r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "n"}}"#;
        assert!(message(object, Some("m")).contains("--namespace is m"));
        assert_eq!(manifests(object, Some("n")).unwrap()[0].id.namespace.as_deref(), Some("n"));
    }

    /// Of an attack: `DELETE /api/v1/namespaces/victim?x=/configmaps/a` deletes the namespace.
    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        type Change = fn(&mut Value);
        let object = |change: fn(&mut Value)| {
            let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "a", "namespace": "n"}});
            change(&mut object);
            message(&object.to_string(), None)
        };
        let all: [(Change, &str); 7] = [
            (|o| o["metadata"]["namespace"] = json!("victim?x="), ".metadata.namespace"),
            (|o| o["metadata"]["namespace"] = json!("v3/secrets/s?x="), ".metadata.namespace"),
            (|o| o["metadata"]["namespace"] = json!("v3#"), ".metadata.namespace"),
            (|o| o["metadata"]["name"] = json!("a?force=true"), ".metadata.name"),
            (|o| o["metadata"]["name"] = json!(".."), ".metadata.name"),
            (|o| o["apiVersion"] = json!("v1/namespaces/victim?x="), ".apiVersion"),
            (|o| o["kind"] = json!("a/b"), ".kind"),
        ];
        for (change, field) in all {
            let text = object(change);
            assert!(text.contains(field) && text.contains("is not"), "{text}");
        }
    }

    #[test]
    fn many_of_one_name_cost_no_more_than_as_many_of_others() {
        let object = |i: usize| {
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a",
                "annotations": {FOR_CLUSTER: format!("c{i}")}}})
            .to_string()
        };
        let text: String = (0..20_000).map(object).collect();
        assert_eq!(manifests(&text, None).unwrap().len(), 20_000);
    }
}
