//! Namespaces in, labelled namespaces (or patches) out.

use crate::change::{Change, Injector};
use meshcore::input::{Document, Source};
use meshcore::{Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A namespace of the input and what is to change.
#[derive(Debug)]
pub struct Labelled {
    /// The namespace's name.
    pub name: String,
    /// The change, not yet made in `manifest`.
    pub change: Change,
    manifest: Map<String, Value>,
}

/// Reads namespaces and works out their changes.
pub fn read(sources: &[Source], injector: &Injector) -> Result<Vec<Labelled>> {
    let mut all = Vec::new();
    for source in sources {
        for document in source.documents()? {
            all.push(read_one(&document, injector)?);
        }
    }
    Ok(all)
}

fn read_one(document: &Document<'_>, injector: &Injector) -> Result<Labelled> {
    #[derive(Deserialize)]
    struct Object {
        kind: String,
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        name: String,
        #[serde(default)]
        labels: Option<BTreeMap<String, String>>,
    }
    let Object { kind, metadata } = document.decode()?;
    if kind != "Namespace" {
        return Err(Error::data(format!("is a {kind} and no Namespace"))
            .at(document.place())
            .hint("feed it with: kubectl get namespaces NAME... -o json"));
    }
    let change = injector.change(&metadata.labels.unwrap_or_default());
    Ok(Labelled { name: metadata.name, change, manifest: document.decode()? })
}

impl Labelled {
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
