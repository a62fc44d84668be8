//! Write what a mesh looks like in each of its clusters, without its secrets.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_capture::run)
}
