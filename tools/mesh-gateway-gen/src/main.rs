//! Write the east-west gateway of a cluster as an IstioOperator.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_gateway_gen::run)
}
