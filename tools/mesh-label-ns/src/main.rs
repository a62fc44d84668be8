//! Label namespaces for injection by one control plane, conflicts removed.

fn main() -> std::process::ExitCode {
    meshcore::main(mesh_label_ns::run)
}
