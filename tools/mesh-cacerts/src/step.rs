//! The Secrets of all clusters as they are after a step of a rotation.

use crate::found::Key;
use crate::manifest;
use crate::recipe::Recipe;
use crate::state::{Published, State};
use meshcore::{Error, Result};
use meshpki::Certificate;
use meshpki::bundle::{CA_CERT, CA_KEY, CERT_CHAIN, Files, ROOT_CERT};
use meshpki::issue::Signer;
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

/// A step of a rotation; its number never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(into = "u8")]
pub enum Step {
    /// Every cluster takes certificates of the new root, too.
    Trust,
    /// Every proxy, in pods and on machines, is given both roots.
    Restart,
    /// Every cluster signs below the new root.
    Sign,
    /// The old roots go.
    Drop,
}

impl Step {
    /// From 1.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8 + 1
    }
}

impl From<Step> for u8 {
    fn from(step: Step) -> Self {
        step.number()
    }
}

impl TryFrom<u8> for Step {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        match number {
            1 => Ok(Self::Trust),
            2 => Ok(Self::Restart),
            3 => Ok(Self::Sign),
            4 => Ok(Self::Drop),
            _ => Err("steps have the numbers 1 to 4"),
        }
    }
}

/// The Secrets after [`Step::Trust`].
pub fn trust(states: &[State<'_>], root: &Certificate) -> Result<Vec<Value>> {
    let secret = |state: &State<'_>| {
        let mut files = files(state)?;
        if !state.is_trusted {
            // The old bytes stay as they are: with ISTIO_MULTIROOT_MESH istiod takes a bundle
            // without a restart only if it holds the old one, byte by byte.
            let text = with_newline(&files[ROOT_CERT]) + &root.to_pem();
            files.insert(ROOT_CERT, Zeroizing::new(text));
        }
        manifest(states, state, state.expires, &files)
    };
    states.iter().map(secret).collect()
}

/// Whether [`Step::Sign`] may come: all clusters trust the root, and have said so to their proxies.
pub fn can_sign(states: &[State<'_>]) -> Result<()> {
    for state in states {
        if !state.is_trusted {
            return Err(too_early(state, "does not trust the new root yet", Step::Trust));
        }
        if state.published == Some(Published::Without) {
            let what = "has not given the new root to its proxies yet";
            return Err(too_early(state, what, Step::Restart));
        }
    }
    Ok(())
}

/// The Secrets after [`Step::Sign`].
pub fn sign(states: &[State<'_>], root: &Signer, recipe: &Recipe, now: i64) -> Result<Vec<Value>> {
    let secret = |state: &State<'_>| {
        let mut files = files(state)?;
        if state.is_signed {
            return manifest(states, state, state.expires, &files);
        }
        if state.parsed.set.crl.is_some() {
            return Err(Error::data("has ca-crl.pem, and the new CA is in none of its lists")
                .at(place(state))
                .hint("istiod would not take it: remove ca-crl.pem before, and renew it after"));
        }
        let name = state.name.ok_or_else(|| {
            Error::usage("its name is not known, which its certificate bears")
                .at(place(state))
                .hint("--cluster NAME gives it")
        })?;
        let (mut new, expires) = recipe
            .intermediate((name, state.namespace()), root, now)
            .map_err(|error| error.at(place(state)))?;
        // All the roots stay until the last step.
        if let Some(roots) = files.remove(ROOT_CERT) {
            new.insert(ROOT_CERT, roots);
        }
        manifest(states, state, expires, &new)
    };
    states.iter().map(secret).collect()
}

/// Whether [`Step::Drop`] may come: all clusters sign below the root.
pub fn can_drop(states: &[State<'_>]) -> Result<()> {
    for state in states {
        if !state.is_trusted {
            return Err(too_early(state, "does not trust the new root yet", Step::Trust));
        }
        if !state.is_below {
            return Err(too_early(state, "does not sign below the new root yet", Step::Sign));
        }
    }
    Ok(())
}

/// The Secrets after [`Step::Drop`].
pub fn drop_old(states: &[State<'_>], root: &Certificate) -> Result<Vec<Value>> {
    let secret = |state: &State<'_>| {
        let mut files = files(state)?;
        if !state.is_alone {
            // A part of the old bytes, for the same reason as in the first step.
            let entry = state.parsed.roots.entries.iter().find(|(known, _)| known == root);
            let text = entry.map_or_else(|| root.to_pem(), |(_, text)| with_newline(text));
            files.insert(ROOT_CERT, Zeroizing::new(text));
        }
        manifest(states, state, state.expires, &files)
    };
    states.iter().map(secret).collect()
}

fn with_newline(text: &str) -> String {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{end}")
}

fn place(state: &State<'_>) -> String {
    format!("cluster {}: secret {}", state.label, state.parsed.set.object)
}

fn too_early(state: &State<'_>, what: &str, first: Step) -> Error {
    let hint = format!("step {} comes first", first.number());
    Error::data(what).at(format!("cluster {}", state.label)).hint(hint)
}

/// The files as they are.
fn files(state: &State<'_>) -> Result<Files> {
    let set = state.parsed.set;
    let Some(Key::Pem(key)) = &set.ca_key else {
        return Err(Error::data("its key is redacted, and its Secret has to hold it")
            .at(place(state))
            .hint("read the Secret itself: kubectl get secret cacerts -n istio-system -o json"));
    };
    let mut files = Files::from([(CA_KEY, key.clone())]);
    for (name, text) in [
        (CA_CERT, &set.ca_cert),
        (ROOT_CERT, &set.root_cert),
        (CERT_CHAIN, &set.cert_chain),
        ("ca-crl.pem", &set.crl),
    ] {
        if let Some(text) = text {
            files.insert(name, Zeroizing::new(text.clone()));
        }
    }
    Ok(files)
}

fn manifest(states: &[State<'_>], state: &State<'_>, expires: i64, files: &Files) -> Result<Value> {
    if state.name.is_none() && states.len() > 1 {
        return Err(Error::usage("its name is not known, and the Secret has to find its cluster")
            .at(place(state))
            .hint("--cluster NAME for each document of the input gives it"));
    }
    Ok(manifest::secret(state.name, state.namespace(), expires, files))
}
