//! Namespaces in, labelled namespaces (or patches) out; pods and webhooks are knowledge.

use crate::change::{Change, Wanted};
use crate::pod::Pod;
use crate::simulate::Namespace;
use crate::webhook::{Configuration, Injectors};
use meshcore::input::{Document, OneCapture, Source};
use meshcore::selector::Labels;
use meshcore::{DnsLabel, Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

const FEED: &str =
    "feed it with: kubectl get namespaces,pods,mutatingwebhookconfigurations -A -o json";

/// What the input holds.
#[derive(Debug)]
pub struct Stream {
    /// The namespaces to label, in their order.
    pub namespaces: Vec<Labelled>,
    /// All pods.
    pub pods: Vec<Pod>,
    /// The injection webhooks, when there was any webhook configuration to find them in.
    pub injectors: Option<Injectors>,
    /// Whether it is a capture, whose namespaces are not whole.
    pub is_capture: bool,
}

/// A namespace of the input and what is to change.
#[derive(Debug)]
pub struct Labelled {
    /// The namespace's name.
    pub name: String,
    /// The change, not yet made in `manifest`.
    pub change: Change,
    labels: Labels,
    /// Whether it comes from an API server, with all labels that it has there.
    is_stored: bool,
    manifest: Map<String, Value>,
}

/// Reads the input and works out the changes of the named namespaces, or else of all.
pub fn read(sources: &[Source], names: &[DnsLabel], wanted: &Wanted) -> Result<Stream> {
    #[derive(Deserialize)]
    struct Object {
        kind: String,
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        name: String,
        #[serde(default)]
        labels: Option<Labels>,
        #[serde(default)]
        uid: Option<String>,
    }
    let mut namespaces = Vec::new();
    let mut pods = Vec::new();
    let mut configurations: Vec<Configuration> = Vec::new();
    let mut capture = OneCapture::default();
    for source in sources {
        for document in source.documents()? {
            if capture.is_header(&document)? {
                continue;
            }
            let Object { kind, metadata: Metadata { name, labels, uid } } = document.decode()?;
            match kind.as_str() {
                "Namespace" if names.is_empty() || names.iter().any(|n| n.as_str() == name) => {
                    let labels = labels.unwrap_or_default();
                    let change = wanted.change(&labels);
                    let manifest = document.decode_verbatim()?;
                    let is_stored = uid.is_some();
                    namespaces.push(Labelled { name, change, labels, is_stored, manifest });
                }
                "Namespace" => {}
                "Pod" => pods.push(document.decode()?),
                "MutatingWebhookConfiguration" => configurations.push(document.decode()?),
                _ if capture.is_there() => {}
                _ => return Err(other_kind(&kind, &document)),
            }
        }
    }
    for name in names {
        if !namespaces.iter().any(|one| one.name == name.as_str()) {
            return Err(
                Error::data(format!("there is no namespace {name} in the input")).hint(FEED)
            );
        }
    }
    if namespaces.is_empty() {
        return Err(Error::data("there is no namespace in the input").hint(FEED));
    }
    let injectors = (!configurations.is_empty()).then(|| Injectors::new(configurations));
    Ok(Stream { namespaces, pods, injectors, is_capture: capture.is_there() })
}

fn other_kind(kind: &str, document: &Document<'_>) -> Error {
    let text = format!("is a {kind} and no Namespace, Pod or MutatingWebhookConfiguration");
    Error::data(text).at(document.place()).hint(FEED)
}

/// The injection webhooks, without which nobody can say who injects.
pub fn require_injectors(injectors: Option<Injectors>) -> Result<Injectors> {
    injectors.ok_or_else(|| {
        let text =
            "there is no MutatingWebhookConfiguration in the input: who injects is not known";
        Error::data(text).hint(FEED)
    })
}

impl Labelled {
    /// Its labels before and after the change.
    #[must_use]
    pub fn before_and_after(&self) -> Namespace {
        let mut now = self.labels.clone();
        if !self.is_stored {
            // The API server gives it to all (1.21 and later).
            now.insert("kubernetes.io/metadata.name".to_owned(), self.name.clone());
        }
        let after = self.change.applied_to(&now);
        Namespace { name: self.name.clone(), now, after }
    }

    /// The namespace with the change made, without what only the API server may write.
    #[must_use]
    pub fn into_manifest(mut self) -> Value {
        self.change.apply(&mut self.manifest);
        self.manifest.remove("status");
        if let Some(Value::Object(metadata)) = self.manifest.get_mut("metadata") {
            // Server-side apply refuses an object that has it.
            metadata.remove("managedFields");
        }
        Value::Object(self.manifest)
    }
}
