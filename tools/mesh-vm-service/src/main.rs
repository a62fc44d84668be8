//! Write the objects that register a service of virtual machines with the mesh.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_vm_service::run)
}
