//! Describe clusters as records that the other tools read.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_clusters::run)
}
