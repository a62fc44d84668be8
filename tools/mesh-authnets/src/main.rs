//! Let the clusters of a mesh reach each other's API servers.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_authnets::run)
}
