//! Make, verify and rotate the CA certificates of a mesh's clusters.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_cacerts::run)
}
