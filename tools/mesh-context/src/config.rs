//! A kubeconfig with all its fields, those included that nobody here knows.
//!
//! No `Debug` anywhere: users hold credentials.

use meshcore::input::Document;
use meshcore::{Error, Result, shell};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// A kubeconfig: `Config` of k8s.io/client-go/tools/clientcmd/api/v1.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Kubeconfig {
    /// Where API servers are.
    #[serde(default, deserialize_with = "null_as_default")]
    pub clusters: Vec<Named<ClusterEntry>>,
    /// Who asks them.
    #[serde(default, deserialize_with = "null_as_default")]
    pub users: Vec<Named<UserEntry>>,
    /// Who asks which of them.
    #[serde(default, deserialize_with = "null_as_default")]
    pub contexts: Vec<Named<ContextEntry>>,
    /// The context that counts when none is named; empty for none.
    #[serde(rename = "current-context", default, deserialize_with = "null_as_default")]
    pub current: String,
    /// `apiVersion`, `kind`, `preferences`, `extensions` and whatever else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// An entry and the name by which others speak of it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Named<T> {
    /// Unique among the entries of its kind.
    pub name: String,
    /// What it says.
    #[serde(flatten)]
    pub entry: T,
}

/// An entry of `clusters`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterEntry {
    /// `server`, `certificate-authority-data` and so on.
    #[serde(default, deserialize_with = "null_as_default")]
    pub cluster: Map<String, Value>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// An entry of `users`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct UserEntry {
    /// `token`, `exec` and so on.
    #[serde(default, deserialize_with = "null_as_default")]
    pub user: Map<String, Value>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// An entry of `contexts`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ContextEntry {
    /// What it refers to.
    #[serde(default, deserialize_with = "null_as_default")]
    pub context: Context,
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// The names of a cluster and a user; empty for none.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// An entry of `clusters`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub cluster: String,
    /// An entry of `users`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub user: String,
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// kubectl writes null where there is nothing.
fn null_as_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    field: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(field)?.unwrap_or_default())
}

impl Kubeconfig {
    /// Reads one kubeconfig; as kubectl, refuses two entries of one kind and name.
    pub fn read(document: &Document<'_>) -> Result<Self> {
        let refuse = |text: String| Error::data(text).at(document.place());
        let mut config: Self = document.decode_verbatim()?;
        match config.other.get("kind") {
            Some(Value::String(kind)) if kind == "Config" => {}
            Some(Value::String(kind)) => {
                return Err(refuse(format!("is no kubeconfig but a {kind}")));
            }
            Some(_) => return Err(refuse("is no kubeconfig: its kind is no string".to_owned())),
            // kubectl takes a file without a kind for what it should be.
            None if config.is_empty() => return Err(refuse("is no kubeconfig".to_owned())),
            None => {
                config.other.insert("kind".to_owned(), "Config".into());
            }
        }
        config.other.entry("apiVersion").or_insert_with(|| "v1".into());
        let twice = [
            ("clusters", twice(&config.clusters)),
            ("users", twice(&config.users)),
            ("contexts", twice(&config.contexts)),
        ];
        for (field, name) in twice {
            if let Some(name) = name {
                return Err(Error::data(format!("has two entries named {name:?}"))
                    .at(document.field(field))
                    .hint("kubectl refuses that too: rename or remove one"));
            }
        }
        Ok(config)
    }

    fn is_empty(&self) -> bool {
        self.clusters.is_empty() && self.users.is_empty() && self.contexts.is_empty()
    }

    /// As kubectl writes it: entries sorted by name.
    ///
    /// # Panics
    /// Never: all keys are strings.
    #[must_use]
    pub fn to_value(mut self) -> Value {
        self.clusters.sort_by(|a, b| a.name.cmp(&b.name));
        self.users.sort_by(|a, b| a.name.cmp(&b.name));
        self.contexts.sort_by(|a, b| a.name.cmp(&b.name));
        serde_json::to_value(self).expect("a kubeconfig has only string keys")
    }

    /// Makes a context the current one.
    pub fn select(&mut self, context: &str) -> Result<()> {
        self.context(context)?;
        self.current = context.to_owned();
        Ok(())
    }

    /// Leaves only a context, the current one unless another is named, and what it refers to.
    pub fn minify(&mut self, context: Option<&str>) -> Result<()> {
        let name = context.unwrap_or(&self.current).to_owned();
        if name.is_empty() {
            return Err(Error::usage("which context? The kubeconfig has no current one")
                .hint(format!("name one with --context; {}", self.known_contexts())));
        }
        let Context { cluster, user, .. } = self.context(&name)?.entry.context.clone();
        self.contexts.retain(|entry| entry.name == name);
        self.clusters.retain(|entry| entry.name == cluster);
        self.users.retain(|entry| entry.name == user);
        for (kind, wanted, is_there) in [
            ("cluster", &cluster, !self.clusters.is_empty()),
            ("user", &user, !self.users.is_empty() || user.is_empty()),
        ] {
            if !is_there {
                let text = format!("its {kind} {wanted:?} is not in the kubeconfig");
                return Err(Error::data(text).at(format!("context {name}")));
            }
        }
        self.current = name;
        Ok(())
    }

    fn context(&self, name: &str) -> Result<&Named<ContextEntry>> {
        self.contexts.iter().find(|context| context.name == name).ok_or_else(|| {
            Error::usage(format!("the kubeconfig has no context {name:?}"))
                .hint(self.known_contexts())
        })
    }

    /// A hint for who named a context that is not there.
    #[must_use]
    pub fn known_contexts(&self) -> String {
        let mut known: Vec<&str> = self.contexts.iter().map(|c| c.name.as_str()).collect();
        known.sort_unstable();
        if known.is_empty() {
            "it has no contexts at all: is it the right file?".to_owned()
        } else {
            format!("it has: {}", shell::names(known))
        }
    }
}

/// A name that two entries have.
fn twice<T>(entries: &[Named<T>]) -> Option<&str> {
    let mut seen = BTreeSet::new();
    entries.iter().map(|entry| entry.name.as_str()).find(|name| !seen.insert(*name))
}
