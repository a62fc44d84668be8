//! Draw a mesh of clusters: networks, gateways, remote Secrets, findings.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_graph::run)
}
