//! Names as the Compute API checks them.

use std::fmt;
use std::str::FromStr;

/// RFC 1035, at most 63 characters: the name of a rule, a network, and a network tag.
/// <https://cloud.google.com/compute/docs/naming-resources>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceName(String);

/// A VPC network, and its project where known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// `P` of `projects/P/global/networks/N`.
    pub project: Option<Project>,
    /// `N`.
    pub name: ResourceName,
}

/// The ID of a project; `example.com:name` in old organisations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project(String);

/// The e-mail address of a service account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceAccount(String);

const EMPTY: &str = "it is empty: was the variable that should hold it ever set?";

impl FromStr for ResourceName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if text.is_empty() {
            Err(EMPTY)
        } else if text.len() <= 63
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && text.bytes().all(inner)
        {
            Ok(Self(text.to_owned()))
        } else {
            Err("a name has at most 63 lower-case letters, digits and '-', begins with a letter \
                 and does not end with '-'")
        }
    }
}

impl FromStr for Network {
    type Err = String;

    /// Reads `N`, `global/networks/N`, `projects/P/global/networks/N`, and URLs of the latter.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = match text.split_once("/projects/") {
            Some((host, path)) if host.contains("://") => path,
            _ => text.strip_prefix("projects/").unwrap_or(text),
        };
        let (project, name) = match path.split_once("global/networks/") {
            Some(("", name)) => (None, name),
            Some((project, name)) if path != text => {
                (Some(project.strip_suffix('/').unwrap_or(project).parse()?), name)
            }
            _ => (None, text),
        };
        let name = name.parse().map_err(|reason: &str| {
            format!("{reason}; a network is given as NAME or projects/PROJECT/global/networks/NAME")
        })?;
        Ok(Self { project, name })
    }
}

impl FromStr for Project {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:".contains(&b);
        if text.is_empty() {
            Err(EMPTY)
        } else if text.bytes().all(inner) && text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            Ok(Self(text.to_owned()))
        } else {
            Err("the ID of a project has lower-case letters, digits and '-'")
        }
    }
}

impl FromStr for ServiceAccount {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
                && part.starts_with(|c: char| c.is_ascii_alphanumeric())
        };
        match text.split_once('@') {
            _ if text.is_empty() => Err(EMPTY),
            Some((name, domain)) if plain(name) && plain(domain) => Ok(Self(text.to_owned())),
            _ => Err(
                "a service account is an e-mail address, as NAME@PROJECT.iam.gserviceaccount.com",
            ),
        }
    }
}

impl ResourceName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `NAME-SUFFIX`; none when that is too long.
    #[must_use]
    pub fn with_suffix(&self, suffix: impl fmt::Display) -> Option<Self> {
        format!("{self}-{suffix}").parse().ok()
    }
}

impl ServiceAccount {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_rfc_1035() {
        for name in ["a", "istio-multicluster-pods", "a1-2", &"a".repeat(63)] {
            assert_eq!(name.parse::<ResourceName>().unwrap().as_str(), name);
        }
        for name in ["1a", "-a", "a-", "A", "a_b", "a b", "--quiet", &"a".repeat(64)] {
            assert!(name.parse::<ResourceName>().is_err(), "{name}");
        }
        assert!("".parse::<ResourceName>().unwrap_err().contains("ever set"));
        assert!("a".repeat(62).parse::<ResourceName>().unwrap().with_suffix(2).is_none());
    }

    #[test]
    fn networks_are_read_however_written() {
        let read = |text: &str| {
            let network: Network = text.parse().unwrap();
            (network.project.map(|project| project.to_string()), network.name.to_string())
        };
        assert_eq!(read("default"), (None, "default".to_owned()));
        assert_eq!(read("global/networks/n"), (None, "n".to_owned()));
        for text in [
            "projects/p/global/networks/n",
            "https://www.googleapis.com/compute/v1/projects/p/global/networks/n",
            "https://compute.example/compute/v1/projects/p/global/networks/n",
        ] {
            assert_eq!(read(text), (Some("p".to_owned()), "n".to_owned()), "{text}");
        }
        for text in
            ["", "a/b", "projects/p", "projects//global/networks/n", "projects/p/global/networks/"]
        {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn service_accounts_are_addresses() {
        assert!("nodes@p.iam.gserviceaccount.com".parse::<ServiceAccount>().is_ok());
        for text in ["", "nodes", "@p", "a@", "a@b@c", "a b@c", "-a@b"] {
            assert!(text.parse::<ServiceAccount>().is_err(), "{text}");
        }
    }
}
