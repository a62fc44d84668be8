//! The objects in which a CA is seen: Secrets with its files, config maps with its roots.

use crate::manifest::FOR_CLUSTER;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meshcore::input::{Document, Source, null_as_default};
use meshcore::{Error, Result};
use meshpki::bundle::Files;
use serde::Deserialize;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// The Secret that istiod mounts (Istio 1.30, `ca.CACertsSecret`).
pub const CACERTS: &str = "cacerts";
/// The Secret that it makes where there is none (`ca.CASecret`).
pub const SELF_SIGNED: &str = "istio-ca-secret";
/// The config map of each namespace by which proxies know the roots, and its key.
pub const ROOT_MAP: &str = "istio-ca-root-cert";
pub const ROOT_KEY: &str = "root-cert.pem";

/// One object of interest, and where it stood.
pub struct Item {
    /// The source and the number of the document in it: what one kubectl printed.
    pub document: String,
    /// The cluster's name, where annotation or capture tells.
    pub cluster: Option<String>,
    /// Its namespace, where it says one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its texts, decoded.
    pub data: Files,
    /// Where it stood, for messages.
    pub place: String,
}

/// What is asked of every object; that of others than ours may be anything.
#[derive(Deserialize)]
struct Object {
    kind: String,
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    #[serde(default, deserialize_with = "null_as_default")]
    data: BTreeMap<String, Option<String>>,
    #[serde(default, deserialize_with = "null_as_default")]
    string_data: BTreeMap<String, Option<String>>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    namespace: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    annotations: BTreeMap<String, String>,
}

/// The objects of interest of one source, in order.
pub fn items(source: &Source) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    // The list that a capture's header stands in, and its cluster.
    let mut capture: Option<(String, String)> = None;
    for document in source.documents()? {
        let place = document.place().to_owned();
        let list = place.rfind('[').map_or("", |end| &place[..end]).to_owned();
        if let Some(cluster) = header(&document)? {
            capture = Some((list, cluster));
            continue;
        }
        let object: Object = document.decode()?;
        let Metadata { name, namespace, mut annotations } = object.metadata;
        let data = match (object.kind.as_str(), name.as_str()) {
            ("Secret", CACERTS | SELF_SIGNED) => secret_data(&document)?,
            ("ConfigMap", ROOT_MAP) => texts(document.decode::<Data>()?.data).collect(),
            _ => continue,
        };
        let of_capture = capture.as_ref().filter(|(within, _)| *within == list && !list.is_empty());
        items.push(Item {
            document: document_of(&place, &source.name),
            cluster: annotations.remove(FOR_CLUSTER).or_else(|| of_capture.map(|(_, c)| c.clone())),
            namespace: namespace.filter(|namespace| !namespace.is_empty()),
            name,
            data,
            place,
        });
    }
    Ok(items)
}

/// The cluster of a capture's first object.
fn header(document: &Document<'_>) -> Result<Option<String>> {
    let Object { kind, metadata } = document.decode()?;
    Ok((kind == "Capture").then_some(metadata.name))
}

/// `stdin: document 2` of `stdin: document 2: .items[0]`.
fn document_of(place: &str, source: &str) -> String {
    let start = source.len() + ": document ".len();
    let digits = place[start..].bytes().take_while(u8::is_ascii_digit).count();
    place[..start + digits].to_owned()
}

fn secret_data(document: &Document<'_>) -> Result<Files> {
    let Data { data, string_data } = document.decode()?;
    let mut files = Files::default();
    for (key, value) in data {
        let value = Zeroizing::new(value.unwrap_or_default());
        // A capture may say so in plain text.
        let text = if value.starts_with("redacted") {
            value
        } else {
            let bytes = STANDARD.decode(value.trim()).map(Zeroizing::new).map_err(|_| {
                Error::data("is not base64; its value is not shown")
                    .at(document.field(&format!("data.{key}")))
            })?;
            // What is no text is no PEM, and is told as that.
            Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())
        };
        files.insert(key, text);
    }
    // The API server writes `stringData` over `data`.
    for (key, text) in texts(string_data) {
        files.insert(key, text);
    }
    Ok(files)
}

fn texts(
    data: BTreeMap<String, Option<String>>,
) -> impl Iterator<Item = (String, Zeroizing<String>)> {
    data.into_iter().map(|(key, value)| (key, Zeroizing::new(value.unwrap_or_default())))
}
