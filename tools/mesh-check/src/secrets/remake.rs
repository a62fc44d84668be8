//! Commands that make a remote Secret, or take it away.

use crate::member::Member;
use meshcore::shell::command_line;
use meshstate::RemoteSecret;
use serde_json::json;

/// A command that makes the Secret for a cluster.
#[derive(Debug, Clone)]
pub struct Remake<'a> {
    target: &'a Member,
    flags: Vec<String>,
}

impl<'a> Remake<'a> {
    /// With the ID and the address that the others are to know it by.
    #[must_use]
    pub fn of(target: &'a Member) -> Self {
        let mut flags = Vec::new();
        if let [id] = &target.ids[..] {
            flags.extend(["--name".to_owned(), id.clone()]);
        }
        if let Some(server) = &target.address {
            flags.extend(["--server".to_owned(), server.clone()]);
        }
        if target.istio_namespace() != "istio-system" {
            flags.extend(["-n".to_owned(), target.istio_namespace().to_owned()]);
        }
        Self { target, flags }
    }

    /// With more flags of mesh-remote-secret.
    #[must_use]
    pub fn with<S: Into<String>>(mut self, flags: impl IntoIterator<Item = S>) -> Self {
        self.flags.extend(flags.into_iter().map(Into::into));
        self
    }

    /// Gives it to these clusters.
    #[must_use]
    pub fn to(&self, readers: &[&Member]) -> String {
        let make = self.target.way.run("mesh-remote-secret", &self.flags);
        let apply = if let [reader] = readers {
            reader.way.apply()
        } else {
            let mut words = vec!["mesh-apply".to_owned(), "--force-conflicts".to_owned()];
            words.extend(readers.iter().flat_map(|reader| reader.way.flags()));
            command_line(words)
        };
        format!("{make} | {apply}")
    }
}

/// Takes a cluster out of a Secret, or the Secret with its only one.
#[must_use]
pub fn remove(member: &Member, secret: &RemoteSecret, key: &str) -> String {
    let (name, namespace) = (&*secret.name, &*secret.namespace);
    if secret.entries.len() < 2 {
        return member.way.kubectl(["delete", "secret", name, "-n", namespace]);
    }
    let patch = json!([{"op": "remove", "path": format!("/data/{key}")}]).to_string();
    member.way.kubectl(["patch", "secret", name, "-n", namespace, "--type=json", "-p", &patch])
}
