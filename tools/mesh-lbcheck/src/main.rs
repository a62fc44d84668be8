//! Tell from replies whether load is balanced over the clusters.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_lbcheck::run)
}
