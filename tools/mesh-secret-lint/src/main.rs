//! What istiod would say of a remote Secret, before it does.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_secret_lint::run)
}
