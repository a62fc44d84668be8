//! Write the exact, minimal set of address ranges of clusters.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_cidrs::run)
}
