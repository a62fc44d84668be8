//! The fields of text that a schema has.

use crate::clusters::kubectl;
use mesh_tests::fields::{Field, published};
use mesh_tests::run;
use meshstate::Resource;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What the API server publishes, each document asked for once.
#[derive(Default)]
pub struct Schemas(RefCell<BTreeMap<String, Value>>);

impl Schemas {
    pub fn fields(&self, resource: Resource) -> Vec<Field> {
        let published = published(resource);
        if !published.is_empty() {
            return published;
        }
        let path = match resource.group() {
            "" => "/openapi/v3/api/v1".to_owned(),
            group => format!("/openapi/v3/apis/{group}/v1"),
        };
        let mut documents = self.0.borrow_mut();
        let document = documents.entry(path.clone()).or_insert_with(|| {
            let answer = run(&mut kubectl(&["--context", "cluster1", "get", "--raw", &path]), "");
            serde_json::from_str(&answer.ok()).expect("a schema is JSON")
        });
        let schemas = document["components"]["schemas"].as_object().expect("it has schemas");
        let is_kind =
            |schema: &&Value| {
                let names = schema["x-kubernetes-group-version-kind"].as_array();
                names.into_iter().flatten().any(|name| {
                    name["kind"] == resource.kind() && name["group"] == resource.group()
                }) && schema["properties"]["metadata"].is_object()
            };
        let schema = schemas.values().find(is_kind).expect("the kind is served");
        let mut fields = Vec::new();
        walk(document, schema, &mut Vec::new(), &mut fields);
        fields
    }
}

/// Follows references; types are written as such, or within `allOf` beside a default.
fn walk(document: &Value, schema: &Value, path: &mut Vec<String>, fields: &mut Vec<Field>) {
    assert!(path.len() < 40, "a schema goes round in circles: {path:?}");
    let schema = schema["allOf"].get(0).unwrap_or(schema);
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return walk(document, &document["components"]["schemas"][name], path, fields);
    }
    let mut add = |path: &[String]| fields.push(Field(path.to_vec()));
    if schema["oneOf"].is_array() {
        return add(path); // text or a number
    }
    match schema["type"].as_str() {
        Some("string") if schema["format"] == "byte" => {
            if let Some(last) = path.last() {
                let bytes = format!("{last}#");
                add(&[&path[..path.len() - 1], &[bytes]].concat());
            }
        }
        Some("string") => add(path),
        Some("array") => within("[]", document, &schema["items"], path, fields),
        Some("boolean" | "integer" | "number") => {}
        _ => {
            let properties = schema["properties"].as_object();
            for (name, schema) in properties.into_iter().flatten() {
                within(name, document, schema, path, fields);
            }
            if schema["additionalProperties"].is_object() {
                within("*", document, &schema["additionalProperties"], path, fields);
                fields.push(Field([path.as_slice(), &["{key}".to_owned()]].concat()));
            } else if properties.is_none() {
                fields.push(Field([path.as_slice(), &["*".to_owned()]].concat()));
            }
        }
    }
}

fn within(
    segment: &str,
    document: &Value,
    schema: &Value,
    path: &mut Vec<String>,
    fields: &mut Vec<Field>,
) {
    path.push(segment.to_owned());
    walk(document, schema, path, fields);
    path.pop();
}
