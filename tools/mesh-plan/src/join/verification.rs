//! The check of the result.

use super::roots::namespace_flag;
use crate::command::{on, pipe};
use crate::step::{Stage, Step};
use crate::wanted::{Member, Wanted};

/// Reads the clusters anew and looks for what is still wrong; those that do not answer are left
/// out.
#[must_use]
pub fn check<'m>(wanted: &Wanted<'_>, members: impl IntoIterator<Item = &'m Member<'m>>) -> Step {
    let members: Vec<&Member<'_>> =
        members.into_iter().filter(|member| !member.is_silent()).collect();
    let capture = ["mesh-capture"].into_iter().chain(namespace_flag(wanted));
    Step {
        stage: Stage::Verification,
        cluster: None,
        what: "look for what is still wrong".to_owned(),
        why: "a step may have come to nothing".to_owned(),
        command: pipe([on(&members, capture), "mesh-check".to_owned()]),
        undo: None,
        waits_for: None,
    }
}
