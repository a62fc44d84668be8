//! `meshdocs`: see the library for everything but the process itself.

fn main() -> std::process::ExitCode {
    meshcore::main(meshdocs::run)
}
