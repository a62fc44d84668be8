//! Commands that make a remote Secret, or take it away.

use crate::bulk::Secret;
use crate::command::apply_to_all;
use crate::member::Member;
use meshsecrets::credentials;
use serde_json::json;

/// A command that makes the Secret for a cluster.
#[derive(Debug, Clone)]
pub struct Remake<'a> {
    target: &'a Member,
    name: Option<String>,
    hours: Option<i64>,
    flags: Vec<String>,
}

impl<'a> Remake<'a> {
    /// With the ID and the address that the others are to know it by, and a token that is good for
    /// as long as those that they have.
    #[must_use]
    pub fn of(target: &'a Member) -> Self {
        let given = target.given.clone().unwrap_or_default();
        // Without an ID, mesh-remote-secret would take the UID of a namespace for its name.
        let name = match &target.ids[..] {
            [] => Some(target.name().to_owned()),
            [id] => Some(id.clone()),
            _ => None,
        };
        let mut flags = Vec::new();
        if let Some(server) = given.server {
            flags.extend(["--server".to_owned(), server]);
        }
        if target.istio_namespace() != "istio-system" {
            flags.extend(["-n".to_owned(), target.istio_namespace().to_owned()]);
        }
        Self { target, name, hours: given.hours, flags }
    }

    /// With more flags of mesh-remote-secret.
    #[must_use]
    pub fn with<S: Into<String>>(mut self, flags: impl IntoIterator<Item = S>) -> Self {
        self.flags.extend(flags.into_iter().map(Into::into));
        self
    }

    /// By the name that its readers have for it.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// With a token that ends, whatever the others have.
    #[must_use]
    pub fn with_an_end(self) -> Self {
        Self { hours: self.hours.or(Some(credentials::HOURS)), ..self }
    }

    /// With a token that is good for so long.
    #[must_use]
    pub fn for_hours(self, hours: Option<i64>) -> Self {
        Self { hours: hours.or(self.hours), ..self }
    }

    /// With the token that a Secret holds, which has no end.
    #[must_use]
    pub fn of_secret(self, name: &str) -> Self {
        Self { hours: None, ..self }.with(["--secret-name", name])
    }

    /// Gives it to these clusters.
    #[must_use]
    pub fn to(&self, readers: &[&Member]) -> String {
        let ttl = self.hours.iter().flat_map(|hours| ["--ttl".to_owned(), format!("{hours}h")]);
        let name = self.name.iter().flat_map(|name| ["--name".to_owned(), name.clone()]);
        let flags = name.chain(self.flags.iter().cloned()).chain(ttl);
        let make = self.target.way.run("mesh-remote-secret", flags);
        format!("{make} | {}", apply_to_all(readers.iter().map(|reader| &reader.way)))
    }
}

/// Takes a cluster out of a Secret, or the Secret with its only one.
#[must_use]
pub fn remove(member: &Member, secret: &Secret, key: &str) -> String {
    let (name, namespace) = (&*secret.name, &*secret.namespace);
    if secret.entries.len() < 2 {
        return member.way.kubectl(["delete", "secret", name, "-n", namespace]);
    }
    let patch = json!([{"op": "remove", "path": format!("/data/{key}")}]).to_string();
    member.way.change(["patch", "secret", name, "-n", namespace, "--type=json", "-p", &patch])
}
