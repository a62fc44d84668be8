//! Istio itself, in whole clusters: meshes of each kind, and what may happen to one, under steady
//! requests. Every step is what our tools print or do, and every verdict is counted from replies.
//!
//! Each line of the report says what happened, how many requests were made, how many of them
//! failed, how many a client that was on its way could not make, and mesh-lbcheck's verdict.

mod drill;
mod harness;
mod jobs;
mod load;
mod machine;
mod members;
mod revisions;
mod runbooks;
mod topologies;
mod trust;

use crate::{Needs, Nightly, Test};
use harness::Mesh;
use load::Load;
use serde_json::json;

pub const TESTS: &[Test] = &[
    ("whole_mesh_on_two_networks", Needs::Nightly(Nightly::Mesh), on_two_networks),
    ("whole_mesh_on_one_network", Needs::Nightly(Nightly::Mesh), on_one_network),
    (
        "whole_mesh_with_one_control_plane",
        Needs::Nightly(Nightly::Mesh),
        topologies::with_one_control_plane,
    ),
    ("whole_mesh_with_a_machine", Needs::Nightly(Nightly::Mesh), machine::joins),
    (
        "whole_mesh_third_cluster_joins_and_leaves",
        Needs::Nightly(Nightly::Mesh),
        members::third_joins_and_leaves,
    ),
    ("whole_mesh_has_jobs", Needs::Nightly(Nightly::MeshAndMusl), jobs::rotate_and_fan_out),
    ("whole_mesh_by_on_prem_mesh", Needs::Nightly(Nightly::Mesh), runbooks::on_prem_mesh),
    ("whole_mesh_by_off_google_mesh", Needs::Nightly(Nightly::Mesh), runbooks::off_google_mesh),
    ("whole_mesh_by_join_mesh", Needs::Nightly(Nightly::Mesh), runbooks::join_mesh),
];

const TWO: [&str; 2] = ["cluster1", "cluster2"];

const BOTH: [&str; 2] = ["v1", "v2"];

/// Two clusters with a control plane each, and all that may happen to them.
fn on_two_networks() {
    let mesh = Mesh::start(&["-n", "2"]);
    topologies::two_networks(&mesh);
    let ingress = mesh.ingress(TWO[0]);
    let load = Load { contexts: &TWO, ingress: Some((TWO[0], &ingress)) };
    trust::tokens_are_rotated(&mesh, &load);
    // What credentials are worth is seen when endpoints come and go.
    drill::version_goes_and_comes_back(&mesh);
    trust::intermediates_are_renewed(&mesh, &load);
    trust::root_is_replaced(&mesh, &load);
    members::gateways_are_replaced(&mesh, &load);
}

fn on_one_network() {
    let mesh = Mesh::start(&["-n", "2", "--one-network"]);
    mesh.want(&[("cluster1", "network1"), ("cluster2", "network1")], &json!({}));
    mesh.make(&TWO);
    mesh.sample(&TWO);
    mesh.answers("one network", &TWO, &BOTH).all_well();
    revisions::tag_is_moved(&mesh);
}
