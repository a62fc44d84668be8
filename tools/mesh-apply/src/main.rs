//! See the library for what the tool does.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_apply::run)
}
