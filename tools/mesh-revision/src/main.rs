//! Tell which control-plane revisions, tags and channels serve a cluster.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_revision::run)
}
