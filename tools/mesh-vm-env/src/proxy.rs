//! The mesh's proxy settings, with those of the `WorkloadGroup` laid over them.

use meshcore::input::Source;
use meshcore::{Error, Result};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// `defaultConfig` of the mesh config (`ProxyConfig`), and what of the mesh a proxy is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Proxy {
    /// All fields but `proxyMetadata`.
    pub settings: Map<String, Value>,
    /// `proxyMetadata`.
    pub metadata: BTreeMap<String, String>,
    /// Where each of them stands.
    pub places: BTreeMap<String, String>,
    /// `trustDomain` of the mesh config; empty for istiod's own default.
    pub trust_domain: String,
}

/// The agent's own port where the mesh names none.
const STATUS_PORT: u64 = 15020;

impl Proxy {
    /// Reads a mesh config; `place` is where it stands.
    pub fn of_mesh(text: &str, place: &str) -> Result<Self> {
        let mut mesh = fields(text, place)?;
        let trust_domain = match mesh.remove("trustDomain") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text,
            Some(_) => return Err(no_text("trustDomain", place)),
        };
        let settings = match mesh.remove("defaultConfig") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(settings)) => camel_case(settings),
            Some(_) => return Err(Error::data("defaultConfig is no mapping").at(place)),
        };
        let (metadata, places) = (BTreeMap::new(), BTreeMap::new());
        let mut proxy = Self { settings: Map::new(), metadata, places, trust_domain };
        proxy.lay_over(settings, place)?;
        Ok(proxy)
    }

    /// Lays other settings over these, as istiod does: field by field and not deeper, except that
    /// each entry of `proxyMetadata` counts by itself.
    pub fn overlay(&mut self, text: &str, place: &str) -> Result<()> {
        if text.trim().is_empty() {
            return Ok(());
        }
        let settings = fields(text, place)?;
        self.lay_over(settings, place)
    }

    fn lay_over(&mut self, mut settings: Map<String, Value>, place: &str) -> Result<()> {
        match settings.remove("proxyMetadata") {
            None | Some(Value::Null) => {}
            Some(Value::Object(metadata)) => {
                for (key, value) in metadata {
                    let Value::String(text) = value else {
                        return Err(no_text(&format!("proxyMetadata.{key}"), place));
                    };
                    self.places.insert(key.clone(), place.to_owned());
                    self.metadata.insert(key, text);
                }
            }
            Some(_) => return Err(Error::data("proxyMetadata is no mapping").at(place)),
        }
        self.settings.extend(settings.into_iter().filter(|(_, value)| !value.is_null()));
        Ok(())
    }

    /// A field that is text; empty where it is not there.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        self.settings.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// The port of the agent's own health check.
    #[must_use]
    pub fn status_port(&self) -> u64 {
        let port = self.settings.get("statusPort");
        let number = port.and_then(|port| port.as_u64().or_else(|| port.as_str()?.parse().ok()));
        number.filter(|&port| port > 0).unwrap_or(STATUS_PORT)
    }

    /// `mesh.yaml`: what the agent reads on the machine.
    #[must_use]
    pub fn mesh_config(&self) -> Value {
        let mut settings = self.settings.clone();
        settings.insert("proxyMetadata".to_owned(), serde_json::json!(self.metadata));
        serde_json::json!({ "defaultConfig": settings })
    }
}

fn no_text(field: &str, place: &str) -> Error {
    Error::data(format!("{field} is no text")).at(place).hint("put it in quotes")
}

/// The fields of a document.
fn fields(text: &str, place: &str) -> Result<Map<String, Value>> {
    let source = Source::new(place.to_owned(), text.as_bytes().to_vec())?;
    match source.documents()?.as_slice() {
        [one] => Ok(camel_case(one.decode_verbatim()?)),
        more => Err(Error::data(format!("holds {} documents, and not one", more.len())).at(place)),
    }
}

/// Protobuf reads `proxy_metadata` as `proxyMetadata`, and two of one field not at all.
fn camel_case(fields: Map<String, Value>) -> Map<String, Value> {
    let name = |name: String| {
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |name, word| {
            let mut letters = word.chars();
            let upper = letters.next().map(|c| c.to_ascii_uppercase());
            name + &upper.into_iter().chain(letters).collect::<String>()
        })
    };
    fields.into_iter().map(|(key, value)| (name(key), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mesh(text: &str) -> Result<Proxy> {
        Proxy::of_mesh(text, "map")
    }

    #[test]
    fn settings_are_laid_over_by_field_and_metadata_by_entry() {
        let mut proxy = mesh(
            "trustDomain: td\ndefaultConfig:\n  meshId: m\n  tracing: {sampling: 1, zipkin: {}}\n  \
             proxyMetadata: {A: '1', B: '2'}\n",
        )
        .unwrap();
        proxy
            .overlay("tracing: {sampling: 2}\nproxyMetadata: {B: '3', C: ''}\nmeshId: null", "a")
            .unwrap();
        proxy.overlay(" \n", "a").unwrap();
        assert_eq!(proxy.trust_domain, "td");
        assert_eq!(
            proxy.mesh_config(),
            json!({"defaultConfig": {"meshId": "m", "tracing": {"sampling": 2},
                "proxyMetadata": {"A": "1", "B": "3", "C": ""}}})
        );
    }

    #[test]
    fn names_of_protobuf_are_the_same_fields() {
        let mut proxy =
            mesh("trust_domain: td\ndefault_config: {mesh_id: m, proxy_metadata: {A_b: x}}")
                .unwrap();
        proxy.overlay("discovery_address: d", "a").unwrap();
        assert_eq!((proxy.trust_domain.as_str(), proxy.text("meshId")), ("td", "m"));
        assert_eq!((proxy.metadata["A_b"].as_str(), proxy.text("discoveryAddress")), ("x", "d"));
    }

    #[test]
    fn a_status_port_is_a_number_in_either_form() {
        for (text, port) in [
            ("{}", 15020),
            ("defaultConfig: {statusPort: 0}", 15020),
            ("defaultConfig: {statusPort: 15021}", 15021),
            ("defaultConfig: {statusPort: '15099'}", 15099),
        ] {
            assert_eq!(mesh(text).unwrap().status_port(), port, "{text}");
        }
    }

    #[test]
    fn what_istiod_could_not_read_is_refused_with_its_place() {
        for (text, message) in [
            ("", "map: is empty"),
            ("a: b: c", "map: document 1: is not YAML"),
            ("- a", "map: document 1: is neither an object nor a list"),
            ("a: 1\n---\nb: 1", "map: holds 2 documents"),
            ("trustDomain: [a]", "map: trustDomain is no text"),
            ("defaultConfig: a", "map: defaultConfig is no mapping"),
            ("defaultConfig: {proxyMetadata: a}", "map: proxyMetadata is no mapping"),
            ("defaultConfig: {proxyMetadata: {A: true}}", "map: proxyMetadata.A is no text"),
        ] {
            let error = mesh(text).unwrap_err();
            assert!(error.message().text().contains(message), "{text}: {error:?}");
        }
    }
}
