//! Write the credentials of a cluster as the Secret that the other clusters read.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_remote_secret::run)
}
