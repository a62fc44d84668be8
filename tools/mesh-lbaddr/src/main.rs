//! Print the external address of a gateway or Service, waiting for it.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_lbaddr::run)
}
