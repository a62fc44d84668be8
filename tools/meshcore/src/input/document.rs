//! The objects of a source, and how lists of them are taken apart.

use super::field::decode_verbatim;
use super::{FieldError, TypeMeta, decode, null_as_default};
use crate::{Error, Result};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// One object out of a source, as JSON text whatever the source was written in.
#[derive(Debug)]
pub struct Document<'a> {
    place: String,
    /// How much of the place is that of the whole document.
    whole: usize,
    json: Cow<'a, str>,
}

impl Document<'_> {
    /// Where the document stands: `stdin: document 2`, `nodes.json: document 1: .items[3]`.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The place of all that it is, or is an item of: `nodes.json: document 1`.
    #[must_use]
    pub fn whole(&self) -> &str {
        &self.place[..self.whole]
    }

    /// Its `apiVersion` and `kind`; nothing that comes after them is read.
    #[must_use]
    pub fn type_meta(&self) -> TypeMeta<'_> {
        TypeMeta::read(&self.json)
    }

    /// The document as `T`, without credentials in addresses; an error names the field.
    pub fn decode<'b, T: Deserialize<'b>>(&'b self) -> Result<T> {
        decode(&self.json).map_err(|error| self.wrong(error))
    }

    /// The same to the letter, for what is passed on and not shown.
    pub fn decode_verbatim<'b, T: Deserialize<'b>>(&'b self) -> Result<T> {
        decode_verbatim(&self.json).map_err(|error| self.wrong(error))
    }

    fn wrong(&self, FieldError { path, reason }: FieldError) -> Error {
        Error::data(reason).at(self.field(&path))
    }

    /// The place of a field: `stdin: document 1: .items[3].spec.ports[0]`.
    #[must_use]
    pub fn field(&self, path: &str) -> String {
        let path = path.trim_start_matches('.');
        if path.is_empty() {
            return self.place.clone();
        }
        let dot = if path.starts_with('[') { "" } else { "." };
        // A document inside a list has a path already.
        let colon = if self.place == self.whole() { ": " } else { "" };
        format!("{}{colon}{dot}{path}", self.place)
    }

    pub(super) fn into_owned(self) -> Document<'static> {
        Document { json: Cow::Owned(self.json.into_owned()), ..self }
    }
}

/// How deep lists may stand in lists: `jq -s` around arrays of `List`s needs three.
const MAX_LISTS: usize = 3;

/// What a Kubernetes list looks like.
#[derive(Deserialize)]
pub(super) struct List<'a> {
    #[serde(default, borrow)]
    kind: Option<Cow<'a, str>>,
    /// `null` is a list of nothing, as Kubernetes 1.36 writes a `PartialObjectMetadataList`.
    #[serde(default, borrow, deserialize_with = "some_list")]
    items: Option<Vec<&'a RawValue>>,
}

fn some_list<'de: 'a, 'a, D: Deserializer<'de>>(
    field: D,
) -> std::result::Result<Option<Vec<&'a RawValue>>, D::Error> {
    null_as_default(field).map(Some)
}

impl<'a> List<'a> {
    /// `None` for what is no list.
    pub(super) fn items(self) -> Option<Vec<&'a RawValue>> {
        self.items.filter(|_| self.kind.is_some_and(|kind| kind.ends_with("List")))
    }
}

/// Appends the objects of one value of a document: itself, or the items of an array or `List`.
pub(super) fn flatten<'a>(
    whole: &str,
    place: String,
    json: &'a str,
    documents: &mut Vec<Document<'a>>,
) -> Result<()> {
    let (path, items) = match json.as_bytes()[0] {
        b'[' => {
            let items = serde_json::from_str::<Vec<&RawValue>>(json)
                .map_err(|e| Error::data(e.to_string()).at(whole))?;
            ("", items)
        }
        // Most objects have no items, and a search for the word is cheaper than a parse.
        b'{' => {
            let list = json.contains("\"items\"").then(|| serde_json::from_str::<List<'_>>(json));
            let Some(items) = list.and_then(|list| list.ok()?.items()) else {
                let json = Cow::Borrowed(json);
                documents.push(Document { place, whole: whole.len(), json });
                return Ok(());
            };
            (".items", items)
        }
        // An empty YAML document.
        b'n' => return Ok(()),
        _ => return Err(Error::data("is neither an object nor a list").at(whole)),
    };
    let lists = place[whole.len()..].matches('[').count();
    if lists >= MAX_LISTS {
        return Err(Error::data(format!("is nested too deeply (more than {MAX_LISTS} levels)"))
            .at(whole)
            .hint("give the objects, or one list of them"));
    }
    let colon = if lists == 0 { ": " } else { "" };
    flatten_items(whole, &format!("{place}{colon}{path}"), items, documents)
}

/// The same of the items of a list, which is at `place`.
pub(super) fn flatten_items<'a>(
    whole: &str,
    place: &str,
    items: Vec<&'a RawValue>,
    documents: &mut Vec<Document<'a>>,
) -> Result<()> {
    for (i, item) in items.into_iter().enumerate() {
        flatten(whole, format!("{place}[{i}]"), item.get(), documents)?;
    }
    Ok(())
}
