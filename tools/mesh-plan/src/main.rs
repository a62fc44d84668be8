//! Tell the steps that are missing until clusters are the mesh that is wanted.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_plan::run)
}
