//! Write the firewall rules that let clusters' pods reach each other.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_firewall::run)
}
