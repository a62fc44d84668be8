//! The objects that a function is given, and its answer.

use crate::Note;
use crate::cut;
use crate::object::{Id, take_over_annotations};
use meshcore::input::Source;
use meshcore::{Error, Result, yaml};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// What kustomize and kpt have written there over the years; all look the same.
const API_VERSIONS: [&str; 3] =
    ["config.kubernetes.io/v1", "config.kubernetes.io/v1beta1", "config.kubernetes.io/v1alpha1"];

/// The items, each with its text as long as nothing is changed in it.
#[derive(Debug, PartialEq)]
pub struct List {
    frame: Frame,
    items: Vec<Item>,
}

/// What the items come in, and leave in.
#[derive(Debug, PartialEq)]
enum Frame {
    ResourceList {
        api_version: String,
        /// `functionConfig` as text, which is handed back.
        config: Option<String>,
    },
    /// A YAML stream.
    Stream,
}

#[derive(Debug, PartialEq)]
struct Item {
    value: Value,
    text: Option<String>,
}

impl List {
    /// Reads a `ResourceList`; also gives its `functionConfig`.
    pub(crate) fn resource_list(source: &Source) -> Result<(Self, Option<Value>)> {
        let place = || format!("{}: document 1", source.name);
        let values = source.values()?;
        let [list] = &values[..] else {
            let text = format!("holds {} documents and no one ResourceList", values.len());
            return Err(Error::data(text).at(&source.name).hint(FEED));
        };
        let text = |field: &str| list[field].as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        if kind != "ResourceList" || !api_version.starts_with("config.kubernetes.io/") {
            let text = match &*kind {
                "" => "has no kind and is no ResourceList".to_owned(),
                _ => format!("is a {kind} of {api_version:?} and no ResourceList"),
            };
            return Err(Error::data(text).at(place()).hint(FEED));
        }
        if !API_VERSIONS.contains(&&*api_version) {
            let text = format!("a ResourceList of {api_version} is not known");
            let known = format!("{} and its forerunners are", API_VERSIONS[0]);
            return Err(Error::data(text).at(place()).hint(known));
        }
        let no_list = || Error::data("is no list").at(format!("{}: .items", place()));
        let values = match &list["items"] {
            Value::Null => Vec::new(),
            Value::Array(items) => items.clone(),
            _ => return Err(no_list()),
        };
        for (index, value) in values.iter().enumerate() {
            if !value["kind"].is_string() || !value["metadata"].is_object() {
                return Err(Error::data("is no object of Kubernetes: kind or metadata is missing")
                    .at(format!("{}: .items[{index}]", place())));
            }
        }
        let config = Some(&list["functionConfig"]).filter(|config| !config.is_null()).cloned();
        let pieces = cut::resource_list(&source.text).unwrap_or_default();
        let says = |text: &String, value: Value| says(text, &value).then(|| text.clone());
        let of_config = |value: &Value| {
            let whole = json!({"functionConfig": value});
            let written = || yaml::document_text(&whole);
            pieces
                .config
                .as_ref()
                .and_then(|text| says(text, whole.clone()))
                .unwrap_or_else(written)
        };
        let frame = Frame::ResourceList { api_version, config: config.as_ref().map(of_config) };
        let items = with_texts(values, pieces.items, |value| json!([value]));
        Ok((Self { frame, items }, config))
    }

    /// Reads plain objects; there may be none.
    pub(crate) fn stream(name: &str, bytes: Vec<u8>) -> Result<Self> {
        if bytes.trim_ascii().is_empty() {
            return Ok(Self { frame: Frame::Stream, items: Vec::new() });
        }
        let source = Source::new(name.to_owned(), bytes)?;
        let mut values = Vec::new();
        for document in source.documents()? {
            values.push(document.decode_verbatim()?);
        }
        let items = with_texts(values, cut::documents(&source.text), Value::clone);
        Ok(Self { frame: Frame::Stream, items })
    }

    /// The items, in their order.
    pub fn items(&self) -> impl Iterator<Item = &Value> {
        self.items.iter().map(|item| &item.value)
    }

    /// Changes items where `change` gives another value; the others stay as they were written.
    pub fn change(
        &mut self,
        mut change: impl FnMut(&Value) -> Result<Option<Value>>,
    ) -> Result<()> {
        for item in &mut self.items {
            if let Some(value) = change(&item.value)? {
                item.set(value);
            }
        }
        Ok(())
    }

    /// Puts objects in the places of those that they are versions of, or behind all others.
    pub fn put(&mut self, objects: impl IntoIterator<Item = Value>) {
        let mut places: HashMap<[String; 4], usize> = HashMap::new();
        for (place, item) in self.items.iter().enumerate() {
            places.entry(Id::of(&item.value).owned()).or_insert(place);
        }
        for mut object in objects {
            match places.entry(Id::of(&object).owned()) {
                Entry::Occupied(known) => {
                    let item = &mut self.items[*known.get()];
                    take_over_annotations(&item.value, &mut object);
                    item.set(object);
                }
                Entry::Vacant(new) => {
                    new.insert(self.items.len());
                    self.items.push(Item { value: object, text: None });
                }
            }
        }
    }

    /// The answer. A stream has no place for notes.
    pub(crate) fn text(&self, notes: &[Note]) -> String {
        let Frame::ResourceList { api_version, config } = &self.frame else {
            let texts = self.items.iter().map(|item| item.text(Value::clone));
            return texts.collect::<Vec<_>>().join("---\n");
        };
        let head = json!({"apiVersion": api_version, "kind": "ResourceList"});
        let mut out = yaml::document_text(&head);
        out += if self.items.is_empty() { "items: []\n" } else { "items:\n" };
        out.extend(self.items.iter().map(|item| item.text(|value| json!([value]))));
        out.extend(config.clone());
        if !notes.is_empty() {
            let results: Vec<Value> = notes.iter().map(Note::result).collect();
            out += &yaml::document_text(&json!({ "results": results }));
        }
        out
    }
}

impl Item {
    /// Does nothing where nothing is new: the text with its comments stays.
    fn set(&mut self, value: Value) {
        if self.value != value {
            *self = Self { value, text: None };
        }
    }

    fn text(&self, in_frame: fn(&Value) -> Value) -> String {
        self.text.clone().unwrap_or_else(|| yaml::document_text(&in_frame(&self.value)))
    }
}

const FEED: &str = "kustomize and kpt write one on a function's standard input; plain objects need \
                    --krm=CONFIG, the file of the function's configuration";

/// Gives each value its text, or none to any where the texts say something else.
fn with_texts(values: Vec<Value>, texts: Vec<String>, in_frame: fn(&Value) -> Value) -> Vec<Item> {
    let fits = values.len() == texts.len()
        && values.iter().zip(&texts).all(|(value, text)| says(text, &in_frame(value)));
    let mut texts = texts.into_iter().filter(|_| fits);
    values.into_iter().map(|value| Item { value, text: texts.next() }).collect()
}

/// Whether a text is this value and nothing else.
fn says(text: &str, value: &Value) -> bool {
    let source = Source::new(String::new(), text.as_bytes().to_vec());
    let read = source.and_then(|source| source.values());
    read.is_ok_and(|read| read == std::slice::from_ref(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source(text: &str) -> Source {
        Source::new("stdin".to_owned(), text.as_bytes().to_vec()).unwrap()
    }

    fn list(text: &str) -> List {
        List::resource_list(&source(text)).unwrap().0
    }

    fn refusal(text: &str) -> String {
        List::resource_list(&source(text)).unwrap_err().message().text().to_owned()
    }

    const TEXT: &str = "apiVersion: config.kubernetes.io/v1beta1\nkind: ResourceList\nitems:\n\
        - kind: B # why\n  apiVersion: v1\n  metadata: {name: b}\n  old: yes\n  mode: 0777\n\
        - kind: A\n  metadata:\n    name: a\n    annotations:\n      config.kubernetes.io/index: '1'\n\
        functionConfig:\n  kind: C\n";

    #[test]
    fn what_is_not_changed_leaves_as_it_came() {
        assert_eq!(list(TEXT).text(&[]), TEXT);
        let empty = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\n";
        assert_eq!(list(empty).text(&[]), empty);
        assert_eq!(list(&empty.replace("items: []\n", "")).text(&[]), empty);
    }

    #[test]
    fn an_object_takes_the_place_of_the_same() {
        let mut list = list(TEXT);
        let object = json!({"kind": "A", "metadata": {"name": "a"}, "spec": "on"});
        list.put([object.clone(), json!({"kind": "Z", "metadata": {"name": "z"}})]);
        let text = list.text(&[]);
        let (before, after) = text.split_once("- kind: A").unwrap();
        assert_eq!(before, TEXT.split_once("- kind: A").unwrap().0);
        assert_eq!(
            after,
            "\n  metadata:\n    annotations:\n      config.kubernetes.io/index: \"1\"\n    name: a\n  \
             spec: \"on\"\n- kind: Z\n  metadata:\n    name: z\nfunctionConfig:\n  kind: C\n"
        );
        list.put([object]);
        assert_eq!(list.text(&[]), text);
    }

    #[test]
    fn notes_are_results() {
        let note = Note::warning(meshcore::Message::new("hm"));
        let text = list(TEXT).text(&[note]);
        assert_eq!(text, format!("{TEXT}results:\n- message: hm\n  severity: warning\n"));
        // They are of one run only.
        assert_eq!(list(&text).text(&[]), TEXT);
    }

    #[test]
    fn other_forms_are_read_too() {
        let json = r#"{"apiVersion":"config.kubernetes.io/v1","kind":"ResourceList",
            "items":[{"kind":"A","metadata":{"name":"y"}}],"functionConfig":{"kind":"C"}}"#;
        let flow = json.replace('"', "").replace(':', ": ");
        for text in [json, &flow] {
            assert_eq!(
                list(text).text(&[]),
                "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- kind: A\n  \
                 metadata:\n    name: \"y\"\nfunctionConfig:\n  kind: C\n"
            );
        }
        // An alias leads out of its item.
        let alias = TEXT
            .replace("{name: b}", "&m {name: b}")
            .replace("kind: A\n  metadata:", "kind: A\n  x: *m\n  metadata:");
        assert!(list(&alias).text(&[]).contains("  x:\n    name: b\n"));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let with = |from: &str, to: &str| TEXT.replace(from, to);
        for (text, message) in [
            (
                with("v1beta1", "v2"),
                "stdin: document 1: a ResourceList of config.kubernetes.io/v2 is",
            ),
            (
                with("config.kubernetes.io/v1beta1", "v1"),
                "is a ResourceList of \"v1\" and no Resource",
            ),
            (with("kind: ResourceList", "kind: List"), "stdin: document 1: is a List of "),
            (with("kind: ResourceList\n", ""), "stdin: document 1: has no kind and is no"),
            (with("kind: A", "kin: A"), "stdin: document 1: .items[1]: is no object of Kubernetes"),
            (with("metadata: {name: b}", "metadata: b"), ".items[0]: is no object"),
            (
                "kind: ResourceList\napiVersion: config.kubernetes.io/v1\nitems: a\n".into(),
                ".items: is no list",
            ),
            (format!("{TEXT}---\n{TEXT}"), "stdin: holds 2 documents"),
            ("a: b: c".to_owned(), "stdin: document 1: is not YAML"),
        ] {
            assert!(refusal(&text).contains(message), "{}", refusal(&text));
        }
    }

    #[test]
    fn a_stream_stays_one() {
        let text =
            "kind: A # why\nmetadata: {name: a}\n---\nkind: B\nold: yes\nmetadata: {name: b}\n";
        let mut list = List::stream("stdin", text.as_bytes().to_vec()).unwrap();
        assert_eq!(list.text(&[]), text);
        list.put([json!({"kind": "C", "metadata": {"name": "c"}})]);
        assert_eq!(list.text(&[]), format!("{text}---\nkind: C\nmetadata:\n  name: c\n"));
        let none = List::stream("stdin", b"\n".to_vec()).unwrap();
        assert_eq!((none.text(&[]), none.items().count()), (String::new(), 0));
    }

    fn scalar() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z0-9:~. -]{0,8}".prop_map(|text| yaml::document_text(&json!(text))),
            Just("|\n    text:\n\n    - a\n".to_owned()),
            Just("'it''s'  # why\n".to_owned()),
            Just("yes\n".to_owned()),
        ]
    }

    proptest! {
        #[test]
        fn items_pass_through_as_they_are(
            texts in prop::collection::vec((scalar(), scalar()), 0..5),
            indent in "( ){0,4}",
        ) {
            let item = |(a, b): &(String, String)| {
                format!("- kind: K\n  metadata:\n    name: n\n  # c\n  a: {a}  b: {b}")
            };
            let items: Vec<String> = texts.iter().map(item).collect();
            let moved = items.concat().replace('\n', &format!("\n{indent}"));
            let head = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:";
            let given = match items.len() {
                0 => format!("{head} []\n"),
                _ => format!("{head}\n{indent}{}\n", moved.trim_end()),
            };
            let wanted = if items.is_empty() { format!("{head} []\n") } else { format!("{head}\n{}", items.concat()) };
            let read = list(&given);
            prop_assert_eq!(read.text(&[]), wanted);
            prop_assert_eq!(&list(&read.text(&[])), &read);
        }

        #[test]
        fn no_text_makes_it_panic(text in "(items:|kind: ResourceList|- |  |a|:|\n|\\|){0,12}") {
            let head = "apiVersion: config.kubernetes.io/v1\n";
            let _ = List::resource_list(&source(&format!("{head}{text}")));
        }
    }
}
