//! Workload groups, and all else that is read of a cluster.
#![no_main]
#![allow(dead_code)] // a module of mesh-vm-env, of which not all is used here

#[path = "../../../../tools/mesh-vm-env/src/group.rs"]
mod group;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(source) = mesh_fuzz::source(bytes) else { return };
    for document in source.documents().unwrap_or_default() {
        let _ = document.decode::<group::Manifest>().map(group::Group::from);
    }
});
