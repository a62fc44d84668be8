//! Reading: JSON, NDJSON, arrays, `List`s and YAML streams, from standard input or `-f FILE`,
//! detected and never asked for; every error names source, document and field.

mod capture;
mod stream;
mod type_meta;

pub use capture::OneCapture;
pub use type_meta::TypeMeta;

use crate::list::Ranges;
use crate::{Error, Result};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::PathBuf;

/// The flag of tools that read.
#[derive(Debug, clap::Args)]
pub struct Input {
    /// File to read instead of standard input ("-"); may be repeated
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// One file, or standard input, as text.
#[derive(Debug)]
pub struct Source {
    /// `stdin` or the file's path: the first part of every place in an error.
    pub name: String,
    /// UTF-8 without a byte order mark.
    pub text: String,
    /// Documents that stood before it in the same stream.
    before: usize,
}

/// One object out of a source, as JSON text whatever the source was written in.
#[derive(Debug)]
pub struct Document<'a> {
    place: String,
    json: Cow<'a, str>,
}

impl Input {
    /// Reads all files, or standard input when there are none.
    pub fn read(&self) -> Result<Vec<Source>> {
        let read = |(name, mut from): (String, Box<dyn Read>)| {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).map_err(|e| Error::data(e.to_string()).at(&name))?;
            Source::new(name, bytes)
        };
        self.streams()?.map(|stream| stream.and_then(read)).collect()
    }

    /// The same for what is no plain list of ranges; the ranges of lists are given to `take` with
    /// the source's name, as they are read.
    pub fn read_but_lists(
        &self,
        mut take: impl FnMut(&str, &mut Ranges<'_>) -> Result<()>,
    ) -> Result<Vec<Source>> {
        let mut read = |(name, from)| stream::read(name, from, &mut take);
        self.streams()?
            .map(|stream| stream.and_then(&mut read))
            .filter_map(Result::transpose)
            .collect()
    }

    /// What there is to read, with names.
    fn streams(&self) -> Result<impl Iterator<Item = Result<(String, Box<dyn Read>)>>> {
        let stdin = PathBuf::from("-");
        if self.files.iter().filter(|&file| *file == stdin).count() > 1 {
            return Err(Error::usage("standard input can be read once: give \"-f -\" once"));
        }
        let files = if self.files.is_empty() { vec![stdin.clone()] } else { self.files.clone() };
        Ok(files.into_iter().map(move |file| {
            if file == stdin {
                refuse_terminal()?;
                return Ok(("stdin".to_owned(), Box::new(io::stdin().lock()) as Box<dyn Read>));
            }
            let name = file.display().to_string();
            let opened = File::open(file).map_err(|e| Error::data(e.to_string()).at(&name))?;
            Ok((name, Box::new(opened) as Box<dyn Read>))
        }))
    }

    /// Whether the user named any file.
    #[must_use]
    pub fn is_given(&self) -> bool {
        !self.files.is_empty()
    }
}

/// Fails where a person at a terminal would otherwise wait for a tool that waits for them.
pub fn refuse_terminal() -> Result<()> {
    if io::stdin().is_terminal() {
        return Err(Error::usage("nothing to read: standard input is a terminal")
            .hint("pipe a command's output in, or name a file with -f; --help shows examples"));
    }
    Ok(())
}

impl Source {
    /// Checks that `bytes` is text and not empty: an empty pipe means that the command before
    /// it failed, and must not look like "nothing to do".
    pub fn new(name: String, bytes: Vec<u8>) -> Result<Self> {
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err(Error::data("is UTF-16").at(&name).hint("save or convert it as UTF-8"));
        }
        let mut text = String::from_utf8(bytes)
            .map_err(|error| Self::not_text(&name, error.utf8_error().valid_up_to()))?;
        if text.starts_with('\u{feff}') {
            text.remove(0);
        }
        if text.trim().is_empty() {
            return Err(Error::data("is empty")
                .at(&name)
                .hint("did the command that should have written it fail?"));
        }
        Ok(Self { name, text, before: 0 })
    }

    fn not_text(name: &str, byte: usize) -> Error {
        Error::data(format!("is not UTF-8 text (byte {byte})")).at(name)
    }

    /// The same as a part of a stream, with this many documents before it.
    #[must_use]
    pub fn after(mut self, documents: usize) -> Self {
        self.before = documents;
        self
    }

    fn place(&self, document: usize) -> String {
        format!("{}: document {}", self.name, self.before + document + 1)
    }

    /// The objects in it, in order; arrays and Kubernetes `List`s give their items.
    pub fn documents(&self) -> Result<Vec<Document<'_>>> {
        let documents = match self.text.trim_start().as_bytes()[0] {
            b'{' | b'[' => self.json_documents().or_else(|json| {
                // `{a: b}` is YAML; but when it is neither, what JSON says is nearer the truth.
                self.yaml_documents().map_err(|_| json)
            }),
            _ => self.yaml_documents(),
        }?;
        if documents.is_empty() {
            return Err(Error::data("holds no objects")
                .at(&self.name)
                .hint("did the command that wrote it find nothing?"));
        }
        Ok(documents)
    }

    fn json_documents(&self) -> Result<Vec<Document<'_>>> {
        let mut documents = Vec::new();
        // The usual cases, one array or `List`, in one pass.
        let array = serde_json::from_str::<Vec<&RawValue>>(&self.text).ok();
        let list = || serde_json::from_str::<List<'_>>(&self.text).ok()?.items();
        if let Some((path, items)) =
            array.map(|items| ("", items)).or_else(|| Some((".items", list()?)))
        {
            let place = self.place(0);
            for (i, item) in items.into_iter().enumerate() {
                flatten(&place, &format!("{path}[{i}]"), item, &mut documents)?;
            }
            return Ok(documents);
        }
        let values = serde_json::Deserializer::from_str(&self.text).into_iter::<&RawValue>();
        for (i, value) in values.enumerate() {
            let place = self.place(i);
            let value = value.map_err(|e| Error::data(format!("is not JSON: {e}")).at(&place))?;
            flatten(&place, "", value, &mut documents)?;
        }
        Ok(documents)
    }

    /// The objects in it as they stand there: no list is taken apart.
    pub fn values(&self) -> Result<Vec<serde_json::Value>> {
        let json = || serde_json::Deserializer::from_str(&self.text).into_iter().collect();
        if self.text.trim_start().starts_with(['{', '['])
            && let Ok(values) = json()
        {
            return Ok(values);
        }
        self.yaml_values()?.map(|value| value.map(|(_, value)| value)).collect()
    }

    fn yaml_documents(&self) -> Result<Vec<Document<'_>>> {
        let mut documents = Vec::new();
        for value in self.yaml_values()? {
            let (place, value) = value?;
            let raw = serde_json::value::to_raw_value(&value)
                .map_err(|e| Error::data(e.to_string()).at(&place))?;
            let mut parts = Vec::new();
            flatten(&place, "", &raw, &mut parts)?;
            documents.extend(parts.into_iter().map(Document::into_owned));
        }
        Ok(documents)
    }

    /// The documents of a YAML stream, each with its place.
    fn yaml_values(&self) -> Result<impl Iterator<Item = Result<(String, serde_json::Value)>>> {
        if is_too_deep(&self.text) {
            return Err(Error::data("is not YAML: brackets in too many brackets").at(self.place(0)));
        }
        let documents = serde_yaml::Deserializer::from_str(&self.text).enumerate();
        Ok(documents.map(|(i, document)| {
            let place = self.place(i);
            let not_yaml = |e: serde_yaml::Error| Error::data(format!("is not YAML: {e}"));
            let mut value =
                serde_yaml::Value::deserialize(document).map_err(|e| not_yaml(e).at(&place))?;
            value.apply_merge().map_err(|e| not_yaml(e).at(&place))?;
            let value = yaml_to_json(value).map_err(|e| e.at(&place))?;
            Ok((place, value))
        }))
    }
}

/// Brackets that may be open at once, those of texts included. Values may be 128 deep, but the
/// time that libyaml takes to tell grows with the square of their number.
const MAX_BRACKETS: usize = 1000;

fn is_too_deep(text: &str) -> bool {
    let mut open = 0usize;
    text.bytes().any(|byte| {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        open > MAX_BRACKETS
    })
}

/// How deep lists may stand in lists: `jq -s` around arrays of `List`s needs three.
const MAX_LISTS: usize = 3;

/// What a Kubernetes list looks like.
#[derive(Deserialize)]
struct List<'a> {
    #[serde(default, borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    items: Option<Vec<&'a RawValue>>,
}

impl<'a> List<'a> {
    /// `None` for what is no list.
    fn items(self) -> Option<Vec<&'a RawValue>> {
        self.items.filter(|_| self.kind.is_some_and(|kind| kind.ends_with("List")))
    }
}

/// Appends the objects of one value: itself, or the items of an array or `List`.
fn flatten<'a>(
    place: &str,
    path: &str,
    value: &'a RawValue,
    documents: &mut Vec<Document<'a>>,
) -> Result<()> {
    let json = value.get();
    let (prefix, items) = match json.as_bytes()[0] {
        b'[' => {
            let items = serde_json::from_str::<Vec<&RawValue>>(json)
                .map_err(|e| Error::data(e.to_string()).at(place))?;
            (path.to_owned(), items)
        }
        // Most objects have no items, and a search for the word is cheaper than a parse.
        b'{' => {
            let list = json.contains("\"items\"").then(|| serde_json::from_str::<List<'_>>(json));
            let Some(items) = list.and_then(|list| list.ok()?.items()) else {
                let colon = if path.is_empty() { "" } else { ": " };
                documents.push(Document {
                    place: format!("{place}{colon}{path}"),
                    json: Cow::Borrowed(json),
                });
                return Ok(());
            };
            (format!("{path}.items"), items)
        }
        // An empty YAML document.
        b'n' => return Ok(()),
        _ => return Err(Error::data("is neither an object nor a list").at(place)),
    };
    if prefix.matches('[').count() >= MAX_LISTS {
        return Err(Error::data("has lists in lists in lists").at(place));
    }
    for (i, item) in items.into_iter().enumerate() {
        flatten(place, &format!("{prefix}[{i}]"), item, documents)?;
    }
    Ok(())
}

fn yaml_to_json(value: serde_yaml::Value) -> Result<serde_json::Value> {
    use serde_json::Value as Json;
    use serde_yaml::Value as Yaml;
    Ok(match value {
        Yaml::Null => Json::Null,
        Yaml::Bool(b) => Json::Bool(b),
        Yaml::Number(n) => serde_json::to_value(&n)
            .ok()
            .filter(|json| !json.is_null())
            .ok_or_else(|| Error::data(format!("{n} has no form in JSON")))?,
        Yaml::String(s) => Json::String(s),
        Yaml::Sequence(items) => {
            Json::Array(items.into_iter().map(yaml_to_json).collect::<Result<_>>()?)
        }
        Yaml::Mapping(map) => {
            let mut object = serde_json::Map::new();
            for (key, value) in map {
                // Go's reader, and so kubectl, makes text of scalar keys.
                let key = match key {
                    Yaml::String(s) => s,
                    Yaml::Bool(b) => b.to_string(),
                    Yaml::Number(n) => n.to_string(),
                    Yaml::Null => "null".to_owned(),
                    _ => return Err(Error::data("has a mapping key that is not a scalar")),
                };
                object.insert(key, yaml_to_json(value)?);
            }
            Json::Object(object)
        }
        Yaml::Tagged(tagged) => {
            return Err(Error::data(format!("has a value with the tag {}", tagged.tag)));
        }
    })
}

impl Document<'_> {
    /// Where the document stands: `stdin: document 2`, `nodes.json: document 1: .items[3]`.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Its `apiVersion` and `kind`; nothing that comes after them is read.
    #[must_use]
    pub fn type_meta(&self) -> TypeMeta<'_> {
        TypeMeta::read(&self.json)
    }

    /// The first of `names` among its fields; nothing that comes after it is read.
    #[must_use]
    pub fn first_of<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        type_meta::first_of(&self.json, names)
    }

    /// The document as `T`; an error names the field.
    pub fn decode<'b, T: Deserialize<'b>>(&'b self) -> Result<T> {
        // Keeping track of the path costs as much again: only an error is worth that.
        if let Ok(value) = serde_json::from_str(&self.json) {
            return Ok(value);
        }
        let mut reader = serde_json::Deserializer::from_str(&self.json);
        serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            Error::data(without_value(&error.into_inner().to_string())).at(self.field(&path))
        })
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
        let colon = if self.place.ends_with(']') { "" } else { ": " };
        format!("{}{colon}{dot}{path}", self.place)
    }

    fn into_owned(self) -> Document<'static> {
        Document { place: self.place, json: Cow::Owned(self.json.into_owned()) }
    }
}

/// All documents of all sources as `T`.
pub fn decode_all<T: DeserializeOwned>(sources: &[Source]) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for source in sources {
        for document in source.documents()? {
            all.push(document.decode()?);
        }
    }
    Ok(all)
}

/// For fields that may be null: kubectl and Go write it where there is nothing.
pub fn null_as_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    field: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(field)?.unwrap_or_default())
}

/// serde's message without the offending value, which may be a secret, and without the line
/// and column, which count from the start of the document and not of the file.
fn without_value(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(text, _)| text);
    let (Some(start), Some(expected)) = (message.find(": "), message.rfind(", expected ")) else {
        return message.to_owned();
    };
    let found = &message[start..expected];
    match found.find(['"', '`']) {
        Some(quote) => {
            let kind = found[..quote].trim_end();
            format!("{}{kind}{}", &message[..start], &message[expected..])
        }
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Thing {
        n: u8,
    }

    fn source(text: &str) -> Source {
        Source::new("stdin".to_owned(), text.as_bytes().to_vec()).unwrap()
    }

    fn numbers(text: &str) -> Result<Vec<u8>> {
        decode_all::<Thing>(&[source(text)]).map(|all| all.iter().map(|t| t.n).collect())
    }

    fn message(text: &str) -> String {
        numbers(text).unwrap_err().message().text().to_owned()
    }

    #[test]
    fn every_form_is_detected() {
        for text in [
            "{\"n\":1}{\"n\":2}",
            "{\"n\":1}\n{\"n\":2}\n",
            "\u{feff}[{\"n\":1},{\"n\":2}]",
            "{\"kind\":\"List\",\"items\":[{\"n\":1},{\"n\":2}]}",
            "kind: ThingList\nitems:\n- n: 1\n- n: 2\n",
            "n: 1\n---\nn: 2\n",
            "---\n# nothing\n---\nn: 1\n---\n{n: 2}\n...\n",
            "- n: 1\n- n: 2\n",
            "{n: 1}\n---\n{n: 2}",
            "n: 1\r\n---\r\nn: 2\r\n",
            "x: &a {n: 1}\n<<: *a\n---\nn: 2\n",
        ] {
            assert_eq!(numbers(text).unwrap(), [1, 2], "{text}");
        }
    }

    #[test]
    fn values_are_whole_documents() {
        let values = |text: &str| source(text).values().unwrap();
        let list = serde_json::json!({"kind": "List", "items": [{"n": 1}]});
        for text in ["kind: List\nitems:\n- n: 1\n", "{kind: List, items: [{n: 1}]}"] {
            assert_eq!(values(text), std::slice::from_ref(&list), "{text}");
        }
        assert_eq!(values(&format!("{list}\n{list}")), [list.clone(), list]);
        let error = source("a: b: c").values().unwrap_err();
        assert!(error.message().text().starts_with("stdin: document 1: is not YAML: "));
    }

    #[test]
    fn errors_name_source_document_and_field() {
        assert_eq!(
            message("{\"n\":1}\n{\"n\":true}"),
            "stdin: document 2: .n: invalid type: boolean, expected u8"
        );
        assert_eq!(
            message("n: 1\n---\nn: 300"),
            "stdin: document 2: .n: invalid value: integer, expected u8"
        );
        assert_eq!(
            message("{\"kind\":\"List\",\"items\":[{\"n\":1},{\"n\":[]}]}"),
            "stdin: document 1: .items[1].n: invalid type: sequence, expected u8"
        );
        assert_eq!(message("[[{}]]"), "stdin: document 1: [0][0]: missing field `n`");
        assert!(message("{\"n\":1").starts_with("stdin: document 1: is not JSON: EOF"));
        assert!(message("a: b: c").starts_with("stdin: document 1: is not YAML: "));
        assert!(message("n: .nan").contains("no form in JSON"));
        assert_eq!(message("[]"), "stdin: holds no objects");
        assert_eq!(message("3"), "stdin: document 1: is neither an object nor a list");
    }

    #[test]
    fn values_are_not_repeated_in_errors() {
        let message = message("{\"n\":\"secret, expected \\\" token\"}");
        assert_eq!(message, "stdin: document 1: .n: invalid type: string, expected u8");
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let error = |bytes: &[u8]| {
            let error = Source::new("f".to_owned(), bytes.to_vec()).unwrap_err();
            error.message().text().to_owned()
        };
        assert_eq!(error(b" \n"), "f: is empty");
        assert_eq!(error(b"\xff\xfea\0"), "f: is UTF-16");
        assert_eq!(error(b"ab\xc3"), "f: is not UTF-8 text (byte 2)");
    }

    #[test]
    fn depth_and_aliases_are_bounded() {
        assert!(numbers(&"[".repeat(100_000)).is_err());
        assert!(numbers(&("[".repeat(100_000) + &"]".repeat(100_000))).is_err());
        // Minutes, if libyaml had to look.
        assert!(message(&format!("a: {}", "{a: ".repeat(100_000))).ends_with("too many brackets"));
        let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for i in b'b'..=b'z' {
            let (this, last) = (char::from(i), char::from(i - 1));
            bomb += &format!("{this}: &{this} [{}]\n", vec![format!("*{last}"); 9].join(","));
        }
        assert!(numbers(&bomb).is_err());
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "\\PC{0,60}|[\\[\\]{}:,\"a1 \\n-]{0,40}") {
            if let Ok(source) = Source::new("s".to_owned(), text.into_bytes()) {
                let _ = decode_all::<Thing>(&[source]);
            }
        }
    }
}
