//! The objects in which a CA is seen: Secrets with its files, config maps with its roots; and those
//! in which its proxies are: pods, and `WorkloadEntry`s of machines.

use crate::manifest::FOR_CLUSTER;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use meshcore::input::{Document, Source, null_as_default};
use meshcore::{Error, Result};
use meshpki::bundle::Files;
use meshstate::{Pod, WorkloadEntry};
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
    /// What it tells.
    pub content: Content,
    /// Where it stood, for messages.
    pub place: String,
}

/// What an object tells.
pub enum Content {
    /// A Secret or a config map.
    Texts(Texts),
    /// A pod, with a proxy or without.
    Pod(Box<Pod>),
    /// A machine, or another address outside of the cluster.
    Entry(Box<WorkloadEntry>),
}

/// A Secret or a config map.
pub struct Texts {
    /// Its namespace, where it says one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its texts, decoded.
    pub data: Files,
    /// When it was last written, as Unix time, where the input tells.
    pub updated: Option<i64>,
}

/// Which objects are of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Those of the CA.
    Authority,
    /// Those of its proxies, too.
    Proxies,
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
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    annotations: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_as_default")]
    managed_fields: Vec<Write>,
}

/// Who wrote some of an object's fields, and when.
#[derive(Deserialize)]
struct Write {
    time: Option<Timestamp>,
}

/// The objects of interest of one source, in order.
pub fn items(source: &Source, reading: Reading) -> Result<Vec<Item>> {
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
        let Metadata { name, namespace, mut annotations, managed_fields } = object.metadata;
        let texts = |data: Files| {
            let updated = managed_fields.iter().filter_map(|write| write.time).max();
            let namespace = namespace.clone().filter(|namespace| !namespace.is_empty());
            let updated = updated.map(Timestamp::as_second);
            Content::Texts(Texts { namespace, name: name.clone(), data, updated })
        };
        let content = match (object.kind.as_str(), name.as_str()) {
            ("Secret", CACERTS | SELF_SIGNED) => texts(secret_data(&document)?),
            ("ConfigMap", ROOT_MAP) => {
                texts(self::texts(document.decode::<Data>()?.data).collect())
            }
            ("Pod", _) if reading == Reading::Proxies => {
                Content::Pod(Box::new(Pod::read(&document)?))
            }
            ("WorkloadEntry", _) if reading == Reading::Proxies => {
                Content::Entry(Box::new(WorkloadEntry::read(&document)?))
            }
            _ => continue,
        };
        let of_capture = capture.as_ref().filter(|(within, _)| *within == list && !list.is_empty());
        items.push(Item {
            document: document_of(&place, &source.name),
            cluster: annotations.remove(FOR_CLUSTER).or_else(|| of_capture.map(|(_, c)| c.clone())),
            content,
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
