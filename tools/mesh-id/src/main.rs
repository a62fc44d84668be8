//! Fill in who each cluster is in the mesh: its ID, the mesh's, its network.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_id::run)
}
