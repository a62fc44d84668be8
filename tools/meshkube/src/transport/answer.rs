//! Whether an answer is one to what was asked.

use super::Bound;
use http::{HeaderMap, Method, StatusCode, header::LOCATION};
use meshcore::Address;
use serde::Deserialize;

/// Letters of a kind or name that are shown.
const SHOWN: usize = 80;

/// The beginning of any object.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Object {
    kind: Option<String>,
    metadata: Option<Metadata>,
    status: Option<serde_json::Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
    name: Option<String>,
}

/// No API server sends its clients elsewhere, and they do not go there.
pub fn redirect(status: StatusCode, headers: &HeaderMap) -> Result<(), Bound> {
    if !status.is_redirection() {
        return Ok(());
    }
    let to = headers.get(LOCATION).and_then(|to| to.to_str().ok());
    Err(Bound::Redirect(to.map(Address::of).unwrap_or_default()))
}

/// Whether an answer without an error is the object of this name (the new one, where that is
/// empty), or what else there is to say when it was deleted. What is no object at all is left to
/// whoever decodes it.
pub fn check(method: &Method, name: &str, answer: &[u8]) -> Result<(), Bound> {
    let Ok(object) = serde_json::from_slice::<Object>(answer) else { return Ok(()) };
    let kind = object.kind.unwrap_or_default();
    let has = object.metadata.and_then(|metadata| metadata.name);
    let is_it =
        !kind.is_empty() && kind != "Status" && (name.is_empty() || has.as_deref() == Some(name));
    let is_gone = method == Method::DELETE
        && kind == "Status"
        && object.status.is_some_and(|status| status == "Success");
    if is_it || is_gone {
        return Ok(());
    }
    let what = match has {
        Some(has) if !kind.is_empty() => format!("{kind} {has}"),
        _ if kind.is_empty() => "an object of no kind".to_owned(),
        _ => format!("a {kind}"),
    };
    let what: String = what.chars().take(SHOWN).collect();
    let asked = if name.is_empty() { "the new object" } else { name };
    Err(Bound::Other(format!("{what} and not {asked}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_object_is_not_the_one_that_was_asked_for() {
        let gone = r#"{"kind": "Status", "status": "Success"}"#;
        let failed = r#"{"kind": "Status", "status": "Failure"}"#;
        let it = r#"{"kind": "Secret", "metadata": {"name": "a"}, "status": {}}"#;
        let other = r#"{"kind": "Secret", "metadata": {"name": "b"}}"#;
        for (method, answer, wrong) in [
            (Method::GET, it, None),
            (Method::GET, "<html>", None),
            (Method::DELETE, it, None),
            (Method::DELETE, gone, None),
            (Method::DELETE, failed, Some("a Status and not a")),
            (Method::DELETE, "{}", Some("an object of no kind and not a")),
            (Method::PATCH, "{}", Some("an object of no kind and not a")),
            (Method::PATCH, gone, Some("a Status and not a")),
            (Method::GET, other, Some("Secret b and not a")),
            (Method::POST, "{}", Some("an object of no kind and not the new object")),
            (Method::POST, other, None),
        ] {
            let name = if method == Method::POST { "" } else { "a" };
            let expected = match wrong {
                Some(text) => Err(Bound::Other(text.to_owned())),
                None => Ok(()),
            };
            assert_eq!(check(&method, name, answer.as_bytes()), expected, "{method} {answer}");
        }
    }
}
