//! Make requests from a client pod of each cluster and record the replies.

fn main() -> std::process::ExitCode {
    mesh_probe::main()
}
