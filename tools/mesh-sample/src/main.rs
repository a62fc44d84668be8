//! Write helloworld, sleep and curl, the sample workloads of Istio's guides.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_sample::run)
}
