//! Write what each control plane must be installed with to be one mesh.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_install_gen::run)
}
