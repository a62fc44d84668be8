//! A workload's certificate with a SPIFFE identity, signed by a mesh's CA.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_cert::run)
}
