//! Workload groups, as mesh-vm-env reads them.

use group::{Group, Manifest};

// mesh-vm-env itself would bring along all that reaches an API server.
#[allow(dead_code)] // not all of it is used here
#[path = "../../tools/mesh-vm-env/src/group.rs"]
mod group;

pub fn run(bytes: &[u8]) {
    let Some(source) = super::source(bytes) else { return };
    for document in source.documents().unwrap_or_default() {
        let _ = document.decode::<Manifest>().map(Group::from);
    }
}
