//! Find what keeps the clusters of a mesh from working together.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_check::run)
}
