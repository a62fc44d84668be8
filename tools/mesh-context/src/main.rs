//! Rename, merge and extract the contexts of kubeconfigs.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_context::run)
}
