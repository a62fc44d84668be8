//! Write the files that a virtual machine needs to join a mesh, and check those of others.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_vm_env::run)
}
