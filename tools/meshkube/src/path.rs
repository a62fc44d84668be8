//! From names to paths of an API: the one place where a name becomes a part of a URL.
//!
//! kube writes names into paths as they are. Whatever it is given here is one segment, whoever
//! chose it: nothing in it ends the segment, begins a query or leads to another folder.

use crate::Connection;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::{NamespaceResourceScope, Resource};
use std::borrow::Cow;

/// A text as one segment of a path, as RFC 3986 has it: what is not a letter, a digit or one of
/// `-._~!$&'()*+,;=:@` is percent-encoded, and so is the first dot of `.` and `..`.
#[must_use]
pub fn segment(text: &str) -> Cow<'_, str> {
    let stays = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
    if text.bytes().all(stays) && !matches!(text, "." | "..") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        if stays(byte) && !(byte == b'.' && matches!(text, "." | "..")) {
            out.push(char::from(byte));
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    Cow::Owned(out)
}

impl Connection {
    /// Objects of a kind in one namespace. Their names are made [segments](segment) by the caller.
    #[must_use]
    pub fn objects_in<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &segment(namespace))
    }

    /// The same of a kind that only the cluster knows; of the whole cluster without a namespace.
    #[must_use]
    pub fn objects_of(&self, namespace: Option<&str>, kind: &ApiResource) -> Api<DynamicObject> {
        let client = self.client.clone();
        match namespace {
            Some(namespace) => Api::namespaced_with(client, &segment(namespace), kind),
            None => Api::all_with(client, kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment() {
        for (name, expected) in [
            ("istio-system", "istio-system"),
            ("system:node@a.b~c", "system:node@a.b~c"),
            ("victim?x=", "victim%3Fx="),
            ("v3/secrets/s?x=", "v3%2Fsecrets%2Fs%3Fx="),
            ("a#b%2Fc d", "a%23b%252Fc%20d"),
            ("..", "%2E%2E"),
            ("...", "..."),
            ("\u{e9}\n", "%C3%A9%0A"),
        ] {
            assert_eq!(segment(name), expected);
        }
    }

    /// In every tool: kube's own way to a namespace takes any text for a path.
    #[test]
    fn nobody_else_makes_paths_of_namespaces() {
        let tools = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut folders = vec![tools.to_owned()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "rs") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    if text.contains("Api::namespaced") {
                        found.push(path);
                    }
                }
            }
        }
        found.retain(|path| !path.ends_with("meshkube/src/path.rs"));
        assert!(found.is_empty(), "use Connection::objects_in: {found:?}");
    }
}
