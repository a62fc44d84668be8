//! Any bytes as a stream of objects; what is JSON is read as `serde_json` reads it.

use serde_json::Value;

pub fn run(bytes: &[u8]) {
    let Some(source) = super::source(bytes) else { return };
    let _ = source.values();
    let Ok(documents) = source.documents() else { return };
    for document in &documents {
        assert!(document.place().starts_with("stdin: document "));
        let _ = document.type_meta();
        let _ = document.decode::<Value>();
    }
    if let Ok(Value::Object(object)) = serde_json::from_str(&source.text)
        && !object.contains_key("items")
    {
        assert_eq!(documents.len(), 1);
        assert_eq!(
            documents[0].decode_verbatim::<Value>().expect("it is JSON"),
            Value::Object(object)
        );
    }
}
