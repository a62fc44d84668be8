//! Write the network tags of exactly the clusters' nodes.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_nettags::run)
}
