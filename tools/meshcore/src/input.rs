//! Reading: JSON, NDJSON, arrays, `List`s and YAML streams, from standard input or `-f FILE`,
//! detected and never asked for; every error names source, document and field.

mod capture;
mod clean;
mod document;
mod field;
mod stream;
mod type_meta;
mod yaml;

pub use capture::OneCapture;
pub use clean::{Verbatim, from_value, from_yaml, verbatim};
pub use document::Document;
pub use field::{FieldError, decode};
pub use type_meta::TypeMeta;

use crate::list::Ranges;
use crate::{Error, Result};
use document::{List, flatten, flatten_items};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

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
            Ok((file.display().to_string(), Box::new(open(&file)?) as Box<dyn Read>))
        }))
    }

    /// Whether the user named any file.
    #[must_use]
    pub fn is_given(&self) -> bool {
        !self.files.is_empty()
    }
}

/// What is in a file that the user names.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = open(path)?.read_to_end(&mut bytes);
    read.map_err(|error| Error::data(error.to_string()).at(path.display()))?;
    Ok(bytes)
}

/// Opens a file to be read to its end; a device, which may have none, is refused.
fn open(path: &Path) -> Result<File> {
    let failed = |error: io::Error| Error::data(error.to_string()).at(path.display());
    let opened = File::open(path).map_err(failed)?;
    let kind = opened.metadata().map_err(failed)?.file_type();
    let is_endless = kind.is_char_device() && path != Path::new("/dev/null");
    if kind.is_block_device() || is_endless && !opened.is_terminal() {
        return Err(Error::data("is a device and not a file").at(path.display()));
    }
    Ok(opened)
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

    /// The items of a JSON array, each with its place, read in one pass where [`Self::documents`]
    /// takes one more to find their ends; `None` where it is anything else, or an item is no `T`.
    #[must_use]
    pub fn array_of<'a, T: Deserialize<'a>>(&'a self) -> Option<Vec<(String, T)>> {
        if !self.text.trim_start().starts_with('[') {
            return None;
        }
        let items: Vec<T> = clean::from_json(&self.text).ok()?;
        let place = self.place(0);
        let placed = |(i, item)| (format!("{place}: [{i}]"), item);
        (!items.is_empty()).then(|| items.into_iter().enumerate().map(placed).collect())
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
            flatten_items(&place, &format!("{place}: {path}"), items, &mut documents)?;
            return Ok(documents);
        }
        let values = serde_json::Deserializer::from_str(&self.text).into_iter::<&RawValue>();
        for (i, value) in values.enumerate() {
            let place = self.place(i);
            let value = value.map_err(|e| Error::data(format!("is not JSON: {e}")).at(&place))?;
            flatten(&place, place.clone(), value.get(), &mut documents)?;
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
        self.yaml()?
            .map(|document| {
                let (place, json) = document?;
                serde_json::from_str(&json).map_err(|e| Error::data(e.to_string()).at(place))
            })
            .collect()
    }

    fn yaml_documents(&self) -> Result<Vec<Document<'_>>> {
        let mut documents = Vec::new();
        for document in self.yaml()? {
            let (place, json) = document?;
            let mut parts = Vec::new();
            flatten(&place, place.clone(), &json, &mut parts)?;
            documents.extend(parts.into_iter().map(Document::into_owned));
        }
        Ok(documents)
    }

    /// The documents of a YAML stream as JSON, each with its place.
    fn yaml(&self) -> Result<impl Iterator<Item = Result<(String, String)>>> {
        let documents = yaml::documents(&self.text).map_err(|e| e.at(self.place(0)))?;
        Ok(documents.enumerate().map(|(i, json)| {
            let place = self.place(i);
            json.map_err(|e| e.at(&place)).map(|json| (place, json))
        }))
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

    /// Of an attack: memory ran out.
    #[test]
    fn what_does_not_end_is_no_file() {
        for device in ["/dev/zero", "/dev/urandom"] {
            let error = read_file(Path::new(device)).unwrap_err();
            assert_eq!(error.message().text(), format!("{device}: is a device and not a file"));
        }
        assert_eq!(read_file(Path::new("/dev/null")).unwrap(), b"");
        assert!(read_file(Path::new("/nowhere")).is_err());
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
    fn arrays_of_one_kind_are_read_at_once() {
        let read = |text: &str| {
            let source = source(text).after(2);
            let all = source.array_of::<Thing>()?;
            let documents = source.documents().unwrap();
            assert!(documents.iter().map(Document::place).eq(all.iter().map(|(place, _)| place)));
            Some(all.into_iter().map(|(_, thing)| thing.n).collect::<Vec<u8>>())
        };
        assert_eq!(read(" [{\"n\":1},\n{\"n\":2}]\n"), Some(vec![1, 2]));
        for text in ["[]", "[{\"n\":1},{}]", "{\"n\":1}", "[{\"n\":1}][]", "[{n: 1}]", "- n: 1"] {
            assert_eq!(read(text), None, "{text}");
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
        assert!(message("--- {}\n--- {n: .nan}").starts_with("stdin: document 2: n: has a number"));
        assert_eq!(message("[]"), "stdin: holds no objects");
        // As kubectl and API servers write a list of nothing.
        let list = "{\"kind\":\"PartialObjectMetadataList\",\"items\":null}";
        assert_eq!(message(list), "stdin: holds no objects");
        assert_eq!(message("kind: ThingList\nitems:\n"), "stdin: holds no objects");
        assert_eq!(message("3"), "stdin: document 1: is neither an object nor a list");
    }

    #[test]
    fn items_of_lists_know_their_whole_document() {
        let list = "{\"kind\":\"List\",\"items\":[[{}],{}]}";
        for (text, before) in [(list.to_owned(), 1), (format!("{{}}\n{list}"), 2)] {
            let source = source(&text);
            let documents = source.documents().unwrap();
            let whole = format!("stdin: document {before}");
            let places = [format!("{whole}: .items[0][0]"), format!("{whole}: .items[1]")];
            let last = &documents[before - 1..];
            assert!(last.iter().map(Document::place).eq(places.iter()), "{last:?}");
            assert!(last.iter().all(|document| document.whole() == whole), "{last:?}");
        }
        assert!(source("[[[{}]]]").documents().is_ok());
        let message = message("[[[[{}]]]]");
        assert_eq!(message, "stdin: document 1: is nested too deeply (more than 3 levels)");
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

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "\\PC{0,60}|[\\[\\]{}:,\"a1 \\n-]{0,40}") {
            if let Ok(source) = Source::new("s".to_owned(), text.into_bytes()) {
                let _ = decode_all::<Thing>(&[source]);
            }
        }
    }
}
