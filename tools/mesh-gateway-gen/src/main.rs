//! Write the east-west gateway of clusters, for istioctl, helm or kubectl.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_gateway_gen::run)
}
