//! Results: what a function has to say of the items.

use meshcore::finding::Severity;
use meshcore::{Console, Message};
use serde_json::{Map, Value, json};

/// One result. It also goes to standard error: that is all of it that kustomize shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// None for what is only worth knowing.
    pub severity: Option<Severity>,
    /// What it says.
    pub message: Message,
    /// The item that it is about: `apiVersion`, `kind`, `name`, `namespace`.
    pub about: Option<Value>,
    /// The field that it is about, as `metadata.labels`.
    pub field: Option<&'static str>,
    /// More for programs: the code of a finding, what heals it.
    pub tags: Vec<(&'static str, String)>,
}

impl Note {
    /// A warning about nothing in particular.
    #[must_use]
    pub fn warning(message: Message) -> Self {
        let severity = Some(Severity::Warning);
        Self { severity, message, about: None, field: None, tags: Vec::new() }
    }

    /// Something that is worth knowing.
    #[must_use]
    pub fn info(message: Message) -> Self {
        Self { severity: None, ..Self::warning(message) }
    }

    /// About an item.
    #[must_use]
    pub fn about(self, object: &Value) -> Self {
        Self { about: Some(reference(object)), ..self }
    }

    /// About a field of the item.
    #[must_use]
    pub fn field(self, field: &'static str) -> Self {
        Self { field: Some(field), ..self }
    }

    pub(crate) fn tell(&self, console: &Console) {
        match self.severity {
            Some(Severity::Error) => console.error(&self.message),
            Some(Severity::Warning) => console.warn(&self.message),
            None => console.note(&self.message),
        }
    }

    /// As in `results`.
    pub(crate) fn result(&self) -> Value {
        let hints = self.message.hints().iter().map(String::as_str);
        let text: Vec<&str> = [self.message.text()].into_iter().chain(hints).collect();
        let severity = self.severity.map_or("info", Severity::as_str);
        let mut result = json!({"message": text.join("; "), "severity": severity});
        if let Some(about) = &self.about {
            result["resourceRef"] = about.clone();
        }
        if let Some(field) = self.field {
            result["field"] = json!({"path": field});
        }
        if !self.tags.is_empty() {
            let tag = |(key, value): &(&str, String)| ((*key).to_owned(), json!(value));
            result["tags"] = Value::Object(self.tags.iter().map(tag).collect());
        }
        result
    }
}

/// What tells an object apart, as in `resourceRef`.
fn reference(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let fields = [
        ("apiVersion", &object["apiVersion"]),
        ("kind", &object["kind"]),
        ("name", &metadata["name"]),
        ("namespace", &metadata["namespace"]),
    ];
    let known = fields.into_iter().filter(|(_, value)| value.is_string());
    Value::Object(known.map(|(key, value)| (key.to_owned(), value.clone())).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_has_what_is_known() {
        let message = Message::new("it moves").hint("restart it");
        let plain = Note::info(message.clone()).result();
        assert_eq!(plain, json!({"message": "it moves; restart it", "severity": "info"}));
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}});
        let mut note = Note::warning(message).about(&object).field("metadata.labels");
        note.tags = vec![("code", "MESH0101".to_owned())];
        assert_eq!(
            note.result(),
            json!({"message": "it moves; restart it", "severity": "warning",
                "resourceRef": {"apiVersion": "v1", "kind": "Namespace", "name": "a"},
                "field": {"path": "metadata.labels"}, "tags": {"code": "MESH0101"}})
        );
    }
}
