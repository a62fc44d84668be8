//! A revision that no webhook serves: the API server says nothing, and no pod gets a sidecar.

use crate::change::DataPlane;
use crate::webhook::Injectors;
use meshcore::selector::Labels;
use meshcore::{Error, Result, shell};

/// Fails when nobody would inject pods without labels, in namespaces labelled for sidecars.
/// `error` makes the error of its text.
pub fn require(
    injectors: &Injectors,
    data_plane: Option<&DataPlane>,
    error: impl Fn(String) -> Error,
) -> Result<()> {
    let Some((key, value)) = data_plane.and_then(DataPlane::sidecar_label) else { return Ok(()) };
    if injectors.serve(&Labels::from([(key.to_owned(), value.to_owned())])) {
        return Ok(());
    }
    let refusal = error(format!("no webhook serves {key}={value}: its pods would get no sidecar"));
    let choices = injectors.choices();
    let refusal = if choices.is_empty() {
        refusal.hint("no control plane has injection webhooks here: is Istio installed?")
    } else {
        refusal.hint(format!("--rev may be one of: {}", shell::names(choices)))
    };
    Err(refusal.hint("--allow-missing-revision goes on all the same"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{CANARY, DEFAULT, TAG_DEFAULT, injectors};
    use meshcore::DnsLabel;

    fn refused(files: &[&str], data_plane: &DataPlane) -> Option<Vec<String>> {
        require(&injectors(files), Some(data_plane), Error::data)
            .err()
            .map(|error| error.message().hints().to_vec())
    }

    fn revision(text: &str) -> DataPlane {
        DataPlane::Revision(DnsLabel::parse(text).unwrap())
    }

    #[test]
    fn revisions_and_tags_are_served() {
        for text in ["canary", "prod"] {
            assert_eq!(refused(&[CANARY], &revision(text)), None);
        }
        let hints = refused(&[CANARY], &revision("default")).unwrap();
        assert_eq!(hints[0], "--rev may be one of: canary, prod");
        let hints = refused(&[CANARY, DEFAULT], &revision("asm-managed")).unwrap();
        assert_eq!(hints[0], "--rev may be one of: canary, default, prod");
        let hints = refused(&[], &revision("canary")).unwrap();
        assert!(hints[0].contains("is Istio installed?"));
    }

    #[test]
    fn a_default_plane_is_one_or_a_tag() {
        assert_eq!(refused(&[DEFAULT], &DataPlane::Default), None);
        assert_eq!(refused(&[CANARY, TAG_DEFAULT], &DataPlane::Default), None);
        assert_eq!(refused(&[CANARY, TAG_DEFAULT], &revision("default")), None);
        assert!(refused(&[CANARY], &DataPlane::Default).is_some());
    }

    #[test]
    fn who_wants_no_sidecars_needs_no_webhooks() {
        let planes = [DataPlane::NoSidecars, DataPlane::Ambient, DataPlane::Unlabelled];
        for data_plane in planes.iter().map(Some).chain([None]) {
            assert_eq!(require(&injectors(&[]), data_plane, Error::data), Ok(()));
        }
    }
}
