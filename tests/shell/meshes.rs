//! Broken meshes, and the commands that programs print of them.

use super::HARMLESS;
use super::inputs::{CASES, Printed, of_sample, printed_by};
use crate::tools::mesh_check::mesh::broken;
use crate::tools::mesh_check::mesh::{AT, Mesh};
use std::collections::BTreeSet;

/// Programs that say what to do about a mesh, and to it.
const MESH_READERS: &[(&str, &[&str], Printed)] = &[
    ("mesh-check", &["-o", "json"], Printed::Fix),
    ("mesh-secret-lint", &["-o", "json"], Printed::Fix),
    ("mesh-cacerts", &["verify", "-o", "json"], Printed::Fix),
    ("mesh-cacerts", &["rotate", "--root-dir", "next"], Printed::Whole),
    ("mesh-plan", &["-o", "sh", "--leave", "cluster2"], Printed::Whole),
    ("mesh-plan", &["-o", "sh", "--undo"], Printed::Whole),
];

/// What a program says of a mesh.
pub struct Said {
    pub code: &'static str,
    pub mesh: Mesh,
    pub program: &'static str,
    pub args: Vec<&'static str>,
    pub printed: Printed,
    pub script: String,
}

/// What each program says of each broken mesh, and what it makes of a healthy one.
pub fn said() -> Vec<Said> {
    // Most of them are the same to most programs.
    let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
    let healthy: broken::Case = ("healthy", |_| {});
    for (code, break_it) in broken_meshes().chain([healthy]) {
        let mut mesh = Mesh::healthy();
        break_it(&mut mesh);
        for &(program, args, printed) in MESH_READERS {
            let is_plan = printed == Printed::Whole;
            if is_plan != (code == "healthy") {
                continue;
            }
            let count = if program == "mesh-secret-lint" { 1 } else { mesh.captures.len() };
            let mesh = Mesh { captures: mesh.captures[..count].to_vec() };
            let args = [args, &["--at", AT]].concat();
            let script = printed_by(program, &args, &mesh.text(), printed).unwrap_or_default();
            if seen.insert((program, script.clone())) {
                all.push(Said { code, mesh, program, args, printed, script });
            }
        }
    }
    all
}

/// All commands that are printed of these meshes and samples, and where.
pub fn scripts() -> Vec<(String, String)> {
    let of_meshes = said().into_iter().map(|said| {
        let Said { code, program, args, script, .. } = said;
        (format!("{program} {args:?} of {code}"), script)
    });
    let of_samples = CASES.iter().map(of_sample).filter_map(|source| {
        let script = (source.print)(HARMLESS).ok()?;
        Some((source.place, script))
    });
    of_meshes.chain(of_samples).collect()
}

fn broken_meshes() -> impl Iterator<Item = broken::Case> {
    let families = [
        broken::CAPTURES,
        broken::IDENTITY,
        broken::CONTROL_PLANES,
        broken::SECRETS,
        broken::LINT,
        broken::ROOTS,
        broken::NETWORKS,
        broken::GATEWAYS,
        broken::FIREWALLS,
        broken::INJECTION,
        broken::SERVICES,
        broken::MACHINES,
    ];
    families.into_iter().flatten().copied()
}
