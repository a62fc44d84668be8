//! Expose services or istiod of a cluster on its east-west gateway.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_expose::run)
}
