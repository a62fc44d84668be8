//! The tests in the folders of tools and libraries, linked once: a program for each would take
//! longer to link than to run.

#[path = "../tools/mesh-apply/tests/mod.rs"]
mod mesh_apply;
#[path = "../tools/mesh-authnets/tests/mod.rs"]
mod mesh_authnets;
#[path = "../tools/mesh-cacerts/tests/mod.rs"]
mod mesh_cacerts;
#[path = "../tools/mesh-capture/tests/mod.rs"]
mod mesh_capture;
#[path = "../tools/mesh-cert/tests/mod.rs"]
mod mesh_cert;
#[path = "../tools/mesh-check/tests/mod.rs"]
pub mod mesh_check;
#[path = "../tools/mesh-cidrs/tests/mod.rs"]
mod mesh_cidrs;
#[path = "../tools/mesh-clusters/tests/mod.rs"]
mod mesh_clusters;
#[path = "../tools/mesh-context/tests/mod.rs"]
mod mesh_context;
#[path = "../tools/mesh-expose/tests/mod.rs"]
mod mesh_expose;
#[path = "../tools/mesh-firewall/tests/mod.rs"]
mod mesh_firewall;
#[path = "../tools/mesh-gateway-gen/tests/mod.rs"]
mod mesh_gateway_gen;
#[path = "../tools/mesh-graph/tests/mod.rs"]
mod mesh_graph;
#[path = "../tools/mesh-id/tests/mod.rs"]
mod mesh_id;
#[path = "../tools/mesh-install-gen/tests/mod.rs"]
mod mesh_install_gen;
#[path = "../tools/mesh-label-ns/tests/mod.rs"]
mod mesh_label_ns;
#[path = "../tools/mesh-lbaddr/tests/mod.rs"]
mod mesh_lbaddr;
#[path = "../tools/mesh-lbcheck/tests/mod.rs"]
mod mesh_lbcheck;
#[path = "../tools/mesh-nettags/tests/mod.rs"]
mod mesh_nettags;
#[path = "../tools/mesh-plan/tests/mod.rs"]
mod mesh_plan;
#[path = "../tools/mesh-probe/tests/mod.rs"]
mod mesh_probe;
#[path = "../tools/mesh-remote-secret/tests/mod.rs"]
mod mesh_remote_secret;
#[path = "../tools/mesh-revision/tests/mod.rs"]
mod mesh_revision;
#[path = "../tools/mesh-sample/tests/mod.rs"]
mod mesh_sample;
#[path = "../tools/mesh-secret-lint/tests/mod.rs"]
mod mesh_secret_lint;
#[path = "../tools/mesh-vm-env/tests/mod.rs"]
mod mesh_vm_env;
#[path = "../tools/mesh-vm-service/tests/mod.rs"]
mod mesh_vm_service;
#[path = "../tools/meshpki/tests/mod.rs"]
mod meshpki;
#[path = "../tools/meshstate/tests/mod.rs"]
mod meshstate;
